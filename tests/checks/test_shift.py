"""Shifts: chance gives no alarm beyond its level, changes do, however rare what changed was."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from autoglm.checks.profile import Profile, Shape
from autoglm.checks.shift import Shift, compared, shifts
from autoglm.core.columns import column

from .test_profile import TASK, profiled, table


def looked(profile: Profile, frame: pd.DataFrame, seed: int = 3, level: float = 0.01) -> dict[str, Shift]:
    share = np.random.default_rng(seed).random(len(frame))
    columns = [column(frame[name]) for name in frame]
    codes = profile.codes(columns, np.column_stack([1 - share, share]))
    return {shift.name: shift for shift in shifts(profile, codes, level)}


@pytest.mark.parametrize("rows", [100, 1000])
def test_chance_alone_alarms_no_oftener_than_its_level(rows: int) -> None:
    profile = profiled(table(5000))
    draws = [looked(profile, table(rows, 100 + seed), seed, level=0.05).values() for seed in range(20)]
    alarms = sum(any(shift.verdict != "none" for shift in found) for found in draws)
    chance = sum(any(shift.p < 0.05 for shift in found) for found in draws)
    assert stats.binom.sf(chance - 1, 20, 0.05) > 0.005, f"{chance} of 20 draws"
    assert alarms <= chance


def test_p_values_of_chance_are_even() -> None:
    draw, then = np.random.default_rng(5), np.array([900, 500, 300, 60, 4, 1, 35])
    shape = Shape("x", "level", tuple(then.tolist()), levels=("a", "b", "c", "d", "e"))
    p = [compared("x", shape, draw.multinomial(150, then / then.sum())).p for _ in range(600)]
    assert np.mean(np.array(p) < 0.05) < 0.08 and np.mean(np.array(p) < 0.5) > 0.25


def test_the_index_of_chance_is_about_nothing() -> None:
    draw, then = np.random.default_rng(6), np.full(20, 500)
    shape = Shape("x", "number", (*then.tolist(), 0), tuple(np.arange(19.0)))
    found = [compared("x", shape, np.append(draw.multinomial(200, np.full(20, 0.05)), 0)).psi for _ in range(200)]
    assert np.mean(found) < 0.02 < 19 / 200, "the expectation of (bins - 1) / n is taken away"


def test_a_shifted_column_alarms_and_the_others_do_not() -> None:
    profile, frame = profiled(table(5000)), table(400, 9)
    found = looked(profile, frame.assign(age=frame["age"] + 15))
    assert found["age"].verdict == "large" and found["age"].ks > 0.3
    assert {name for name, shift in found.items() if shift.verdict != "none"} == {"age"}
    assert next(iter(found)) == "age", "the largest comes first"


@pytest.mark.parametrize(
    ("name", "change", "bin"),
    [
        ("size", lambda f: f["size"].where(f.index % 3 > 0), "(missing)"),
        ("plan", lambda f: f["plan"].where(f.index % 3 > 0, "premium"), "(other)"),
        ("photo", lambda f: f["photo"].where(f.index % 2 > 0, None), "missing"),
        ("price", lambda f: f["price"].where(f.index % 3 > 0, "unknown"), "(missing)"),
    ],
)
def test_what_training_never_had_is_found(name: str, change, bin: str) -> None:
    frame = table(100, 11)
    found = looked(profiled(table(5000)), frame.assign(**{name: change(frame)}))[name]
    assert found.verdict == "large" and found.bins[0] == bin and found.bins[2] > found.bins[1]


def test_few_rows_alarm_only_at_what_cannot_be_chance() -> None:
    profile, frame = profiled(table(5000)), table(6, 12)
    assert all(shift.verdict == "none" for shift in looked(profile, frame).values())


def test_no_rows_are_no_shift() -> None:
    found = looked(profiled(table(50)), table(0))
    assert {shift.p for shift in found.values()} == {1.0} and TASK.target in "answer:left"
