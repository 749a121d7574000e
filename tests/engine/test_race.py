"""The state of a run: what is known does not depend on the order in which it became known."""

from pathlib import Path

import numpy as np
import pytest

from autoglm.core.metrics import METRICS
from autoglm.core.seed import Seed
from autoglm.core.task import Task
from autoglm.engine import splits
from autoglm.engine.journal import Candidate, Fit
from autoglm.engine.race import Race
from autoglm.ensembles.greedy import Blend

TASK = Task("binary", "y", (0, 1))


def race(rows: int = 80) -> Race:
    target = np.random.default_rng(0).integers(0, 2, rows)
    return Race(TASK, METRICS["log_loss"], target, splits.make(target, TASK, Seed(1)), Seed(1))


def fits(state: Race, folder: Path, name: str, noise: float, parts: list[tuple[int, int]]) -> list[Fit]:
    """Fits whose margins know the target, but for noise."""
    draw, found = np.random.default_rng(len(name)), []
    for repeat, fold in parts:
        rows = state.splits.rows(repeat, fold)[1]
        place = folder / name / f"{repeat}.{fold}"
        place.mkdir(parents=True)
        margins = (2.0 * state.target[rows] - 1 + noise * draw.normal(size=len(rows)))[:, None]
        np.save(place / "oof.npy", margins.astype(np.float32))
        found.append(Fit(name, repeat, fold, 1.0, 1.0, 1.0, place))
    return found


def test_nothing_finished_makes_an_empty_blend() -> None:
    state = race()
    state.add(Candidate("linear", {}))
    assert state.blend().weights == {} and state.begun == []


def test_asking_for_a_candidate_does_not_count_as_a_fit() -> None:
    state = race()
    assert state.done("gone") == 0 and not state.fits["gone"]
    assert state.begun == []


def test_the_order_of_fits_changes_nothing(tmp_path: Path) -> None:
    state, other = race(), race()
    for each in (state, other):
        each.candidates |= {n: Candidate(n, {}) for n in ("a", "bb", "ccc")}
    parts = [(r, k) for r in range(4) for k in range(8)]
    every = [f for n, s in (("a", 1.0), ("bb", 2.0), ("ccc", 3.0)) for f in fits(state, tmp_path, n, s, parts)]
    for fit in every:
        state.finish(fit)
    for i in np.random.default_rng(3).permutation(len(every)):
        other.finish(every[i])
    assert np.array_equal(state.margins("a"), other.margins("a"))
    assert state.blend() == other.blend()
    assert state.error("bb", 3) == other.error("bb", 3)


def test_members_that_judged_as_many_but_other_rows_are_judged_by_their_own_target(tmp_path: Path) -> None:
    for first, second in (("a", "bb"), ("bb", "a")):
        state = race()
        state.candidates |= {n: Candidate(n, {}) for n in ("a", "bb")}
        state.finish(fits(state, tmp_path / first, first, 0.01, [(0, 0)])[0])
        state.finish(fits(state, tmp_path / first, second, 0.01, [(0, 1)])[0])
        assert state.blend().error == pytest.approx(0.313, abs=0.01)


def test_a_blend_covers_what_any_member_covers(tmp_path: Path) -> None:
    state = race()
    for fit in fits(state, tmp_path, "a", 1.0, [(0, 0), (0, 1)]) + fits(state, tmp_path, "bb", 1.0, [(0, 0)]):
        state.finish(fit)
    margins, here = state.blended({"a": 0.5, "bb": 0.5})
    assert here.sum() == 20 and margins.shape == (80, 1)
    only = state.splits.rows(0, 1)[1]
    assert np.allclose(margins[only], state.margins("a")[only])


def test_where_fits_are_slow_all_are_compared_on_the_first_fold(tmp_path: Path) -> None:
    state = race(6000)
    state.candidates |= {n: Candidate(n, {}) for n in ("a", "bb", "ccc")}
    finished = {"a": [(0, k) for k in range(4)], "bb": [(0, 0)], "ccc": [(0, 0)]}
    for name, parts in finished.items():
        for fit in fits(state, tmp_path, name, 2.0, parts):
            state.finish(fit)
    blend = state.blend()  # three equally good judges with independent noise
    assert set(blend.weights) == {"a", "bb", "ccc"}
    assert max(blend.weights.values()) < 0.5


def test_one_fold_of_a_poor_candidate_does_not_narrow_the_choice(tmp_path: Path) -> None:
    state = race(6000)
    state.candidates |= {n: Candidate(n, {}) for n in ("a", "bb", "ccc")}
    finished = {"a": (1.0, range(4)), "bb": (1.0, range(4)), "ccc": (60.0, range(1))}
    for name, (noise, folds) in finished.items():
        for fit in fits(state, tmp_path, name, noise, [(0, k) for k in folds]):
            state.finish(fit)
    blend = state.blend()
    assert set(blend.weights) == {"a", "bb"}
    assert blend.error == pytest.approx(
        state.judge(state.covered("a"))(state.blended(blend.weights, np.flatnonzero(state.covered("a")))[0])
    )


def steady(rows: int, folder: Path) -> Race:
    """A race of six finished candidates, each a little noisier than the one before."""
    state = race(rows)
    for i, name in enumerate(("a", "bb", "ccc", "dddd", "eeeee", "ffffff")):
        state.candidates[name] = Candidate(name, {})
        for fit in fits(state, folder, name, 1.0 + 0.01 * i, [(0, k) for k in range(state.splits.count)]):
            state.finish(fit)
    return state


def test_the_fewer_the_rows_the_more_weights_are_pulled_towards_the_best_few(tmp_path: Path) -> None:
    for rows, least, most in ((100, 0.16, 0.18), (4500, 0.0, 0.03)):
        state = steady(rows, tmp_path / str(rows))
        best = sorted(state.begun, key=state.error)[:5]
        steadied = state.steadied(Blend({best[0]: 1.0}, 0.0)).weights
        assert sum(steadied.values()) == pytest.approx(1.0)
        others = [steadied.get(name, 0.0) for name in best[1:]]
        assert min(others) >= least and max(others) <= most
        assert set(steadied) <= set(best)


def test_a_poor_candidate_gets_no_equal_share(tmp_path: Path) -> None:
    state = race(100)
    for name, noise in (("a", 0.3), ("bb", 30.0)):
        state.candidates[name] = Candidate(name, {})
        for fit in fits(state, tmp_path, name, noise, [(0, k) for k in range(state.splits.count)]):
            state.finish(fit)
    assert state.steadied(Blend({"a": 1.0}, 0.0)).weights == {"a": 1.0}
    assert state.steadied(Blend({}, 0.0)).weights == {}


def test_a_blend_below_the_safety_net_is_not_taken(tmp_path: Path) -> None:
    state = steady(100, tmp_path)
    state.net = ("a",)
    error = state.error("a")
    worse, better = Blend({"bb": 1.0}, 1.01 * error), Blend({"ccc": 1.0}, 0.99 * error)
    assert state.safe([worse, better]) is better
    assert state.safe([better, worse]) is better
    assert state.safe([worse, worse]) is worse
    state.net = ("a", "gone")
    assert not state.fits["gone"]  # looked at, and never fitted
    assert state.safe([worse, better]) is better


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_what_is_told_is_not_what_the_judging_rows_chose(tmp_path: Path, metric: str) -> None:
    target = np.random.default_rng(0).integers(0, 2, 80)
    state = Race(TASK, METRICS[metric], target, splits.make(target, TASK, Seed(1)), Seed(1))
    for fit in fits(state, tmp_path, "a", 0.1, [(0, 0), (0, 1)]):
        assert not fit.corrected
        np.save(fit.folder / "judged.npy", np.zeros_like(fit.margins))
        assert fit.corrected and not fit.honest.any()
        state.finish(fit)
    told, here = state.honest({"a": 1.0})
    assert here.sum() == state.covered("a").sum() and not told.any()
    chosen = state.margins("a")[here]
    assert chosen.any() == (
        metric == "roc_auc"
    )  # the order of rows that are left out one by one looks worse than it is
