from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoglm.core.errors import DataError, OptionError
from autoglm.core.task import Task, infer, numeric

LONG = 60


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["no", "yes"] * LONG, "binary", ("no", "yes")),
        ([True, False] * LONG, "binary", (False, True)),
        ([0, 1] * LONG, "binary", (0, 1)),
        ([-1.5, 2.5] * LONG, "binary", (-1.5, 2.5)),
        (["a", "b", "c"] * LONG, "multiclass", ("a", "b", "c")),
        ([1, 2, 3] * LONG, "multiclass", (1, 2, 3)),
        (list(np.linspace(0, 1, LONG)), "regression", ()),
        (list(range(LONG)), "regression", ()),
        ([1, 2, 3, 4], "regression", ()),
    ],
)
def test_the_task_is_found_out(values: list[Any], kind: str, classes: tuple[Any, ...]) -> None:
    task = infer(pd.Series(values), "y")
    assert (task.kind, task.classes) == (kind, classes)


@pytest.mark.parametrize("dtype", ["Int64", "category", "string", "int64[pyarrow]", "object"])
def test_classes_survive_every_data_type(dtype: str) -> None:
    values = pd.Series([1, 2, 3] * LONG).astype(str if dtype == "string" else "int64").astype(dtype)
    task = infer(values, "y")
    codes = task.encode(values)
    assert [str(v) for v in task.decode(codes)] == [str(v) for v in values]


def test_the_user_overrides() -> None:
    assert infer(pd.Series([1, 2, 3] * LONG), "y", "regression").kind == "regression"
    assert infer(pd.Series(np.arange(60) % 30), "y", "multiclass").kind == "multiclass"


def test_one_class_is_refused_with_its_value() -> None:
    with pytest.raises(DataError, match="single value 'same'"):
        infer(pd.Series(["same"] * 5), "y")


def test_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(OptionError, match="did you mean 'regression'"):
        infer(pd.Series([1, 2]), "y", "regresion")


def test_text_is_no_quantity() -> None:
    with pytest.raises(DataError, match="needs numbers"):
        infer(pd.Series(["a", "b"]), "y", "regression")


def test_three_classes_are_not_binary() -> None:
    with pytest.raises(DataError, match="3 classes"):
        infer(pd.Series(["a", "b", "c"]), "y", "binary")


def test_an_unknown_class_is_named() -> None:
    task = infer(pd.Series(["a", "b"] * 2), "y")
    with pytest.raises(DataError, match="'z'"):
        task.encode(pd.Series(["z"]))


PRICES = [f"{i},{i % 9}0" for i in range(30)]


@pytest.mark.parametrize(
    ("texts", "kind", "read"),
    [
        ([*PRICES, "-", "?"], None, True),
        ([f"${i}.50" for i in range(30)], None, True),
        ([*map(str, range(30)), "?"], None, True),
        (list(map(str, range(30))), None, False),  # whole numbers as text: codes
        (list(map(str, range(30))), "regression", True),
        ([f"{i % 7}.5" for i in range(30)], None, False),  # few
        (PRICES, "multiclass", False),
        ([f"{i} m" for i in range(30)], None, False),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_target_of_numbers_written_as_text(texts: list[str], kind: str | None, read: bool) -> None:
    values = pd.Series(texts, name="y")
    found = numeric(values, kind)
    assert pd.api.types.is_float_dtype(found) is read
    if read:
        assert found.isna().sum() == sum(t in "-?" for t in texts)
        assert infer(found.dropna(), "y", kind).kind == "regression"


def test_numbers_whose_squares_overflow_are_refused() -> None:
    with pytest.raises(DataError, match="use another unit"):
        infer(pd.Series(np.linspace(1, 2, 50) * 1e200), "y")


@pytest.mark.parametrize(
    "values", [["a", "b", "c"], list(range(30)), [True, False], [0.5, 1.5, 2.5], [1.0, 0.0]], ids=str
)
@pytest.mark.parametrize("ordered", [False, True])
def test_a_category_is_a_class_whatever_its_levels_are(values: list[Any], ordered: bool) -> None:
    given = pd.Series(values * LONG).astype(pd.CategoricalDtype(sorted(values), ordered))
    task = infer(numeric(given), "y")
    assert task.kind == ("binary" if len(values) == 2 else "multiclass") and list(task.classes) == sorted(values)
    assert {type(c) for c in task.classes} == {type(values[0])}
    assert task.decode(task.encode(given)).tolist() == given.tolist()


def test_a_category_of_numbers_written_as_text_is_a_class_unless_the_user_says_otherwise() -> None:
    given = pd.Series([f"{i / 7:.3f}" for i in range(LONG)] * 2).astype("category")
    assert infer(numeric(given), "y").kind == "multiclass"
    assert infer(numeric(given, "regression"), "y", "regression").kind == "regression"


@pytest.mark.parametrize(
    "numbers", [[1.0, 0.0], [np.float64(1), np.float64(0)], [1, 0.5], [Decimal(1), Decimal(0)]], ids=str
)
def test_floats_among_objects_are_floats(numbers: list[Any]) -> None:
    task = infer(pd.Series(numbers * LONG, dtype=object), "y")
    assert task.classes == tuple(sorted(map(float, numbers))) and {type(c) for c in task.classes} == {float}
    assert task.encode(pd.Series(numbers, dtype="float64")).tolist() == [1, 0]


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_spaces_around_classes_do_not_count(dtype: str) -> None:
    task = infer(pd.Series(["yes", "yes ", " no"] * LONG, dtype=dtype), "y")
    assert (task.kind, task.classes) == ("binary", ("no", "yes"))
    assert task.encode(pd.Series(["no  ", "yes"], dtype=dtype)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["1.5", "n.m.", "2"], "'n.m.'"),
        (["-", "?"], "'-'"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "'2020-01-01"),
        (["1.5", "?", "soon", "later"], "'soon'"),
    ],
    ids=str,
)
def test_what_is_no_quantity_is_named(values: Any, says: str) -> None:
    with pytest.raises(DataError, match=f"target 'y' holds {says}.*, expected numbers as in training"):
        Task("regression", "y").truth(pd.Series(values))


def test_the_truth_leaves_out_rows_without_it() -> None:
    here, truth = Task("regression", "y").truth(pd.Series(["1,200", "-", "3"] * 20))
    assert here[:3].tolist() == [True, False, True] and truth[:2].tolist() == [1200, 3]
