"""Splits keep groups together; what cannot be tested is said before anything is fitted."""

import numpy as np
import pandas as pd
import pytest

from autoglm.core.errors import DataError, OptionError
from autoglm.core.seed import Seed
from autoglm.transfer.rows import split


def table(**columns):
    n = np.arange(90)
    base = {
        "x": n % 7,
        "place": np.array(list("abc"))[n % 3],
        "ill": np.where((n // 3) % 2, "yes", "no"),
        "who": n // 6,
    }
    return pd.DataFrame(base | columns)


def parted(frame, target="ill", domain="place", groups=None, train=None, test=None):
    return split(frame, target, domain, groups, train, test, Seed(3))


def test_rows_are_learned_or_tested_never_both():
    found = parted(table())
    for name in found.domains:
        train, test = found.train[name], found.test[name]
        assert not set(train) & set(test) and len(train) + len(test) == 30 and len(test) == 8
        assert set(table()["place"].iloc[np.concatenate([train, test])]) == {name}
    assert list(found.features.columns) == ["x"] or "who" in found.features.columns


def test_groups_are_not_split_and_are_no_feature():
    found = parted(table(), groups="who")
    assert list(found.features.columns) == ["x"]
    for name in found.domains:
        assert not set(found.groups[found.train[name]]) & set(found.groups[found.test[name]])


def test_at_most_so_many_rows():
    found = parted(table(), train=10, test=5)
    assert {len(r) for r in found.train.values()} == {10} and {len(r) for r in found.test.values()} == {5}


def test_rows_without_a_target_are_left_out():
    ill = table()["ill"].where(np.arange(90) >= 9, None)
    assert len(parted(table(ill=ill)).target) == 81


def test_numbers_name_domains_too():
    assert parted(table(place=np.arange(90) % 2)).domains == ("0", "1")


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({}, {"target": "il"}, "target 'il' is not among the columns; did you mean 'ill'"),
        ({}, {"domain": "plce"}, "domain 'plce' is not among the columns; did you mean 'place'"),
        ({}, {"groups": "woh"}, "groups 'woh' is not among the columns"),
        ({"place": "a"}, {}, "single value 'a' in all 90 rows: expected at least two domains"),
        ({"place": ["a"] * 80 + [None] * 10}, {}, r"missing in 10 of 90 rows with a target \(the first is row 81\)"),
        ({"place": ["a"] * 75 + ["b"] * 15}, {}, "domain 'b' has 15 rows with a target, expected at least 20"),
        ({"ill": ["yes", "no", "no"] * 30}, {}, "domain 'a' has the single class 'yes' in all 30 rows"),
        ({"ill": np.linspace(0, 1, 90)}, {}, "target 'ill' is a quantity .* cut it into classes"),
        ({"ill": None}, {}, "target 'ill' is missing in all 90 rows"),
        ({"who": 1}, {"groups": "who"}, "groups='who' leaves too few to split"),
    ],
)
def test_tables_that_cannot_be_tested(columns, options, words):
    with pytest.raises(DataError, match=words):
        parted(table(**columns), **options)


def test_one_column_for_two_things():
    with pytest.raises(OptionError, match="expected a different column for each"):
        parted(table(), domain="ill")


def test_no_column_is_left():
    with pytest.raises(DataError, match="expected features"):
        parted(table()[["place", "ill"]])
