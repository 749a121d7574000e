from typing import Any

import pytest

from autoglm.core.budget import Budget, default_memory
from autoglm.core.errors import OptionError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seconds": 0}, "seconds=0"),
        ({"seconds": "60"}, "seconds='60'"),
        ({"work": 1.5}, r"work=1\.5"),
        ({"threads": 1.5}, r"threads=1\.5"),
        ({"work": 0}, "work=0"),
        ({"threads": 0}, "threads=0"),
        ({"memory": 10}, "memory=10"),
    ],
)
def test_a_wrong_limit_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Budget(**wrong)


def test_work_units_make_time_endless() -> None:
    budget = Budget(work=3)
    assert budget.left() == float("inf")
    assert not budget.timed


def test_time_runs() -> None:
    budget = Budget(seconds=10, started=0.0)
    assert budget.left() < 10


def test_memory_is_a_sensible_share() -> None:
    assert default_memory() >= 256 * 2**20
