"""Agreement: what a shadow's store says of the other predictor and of the explanations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.bundle import version_of
from autoglm.core.errors import DataError
from autoglm.predictor import Predictor
from autoglm.serving.parcel import frame
from autoglm.serving.shadowing import top
from autoglm.serving.store import Store

GAP = 1e-4  # from which an explanation does not add up
LATE = 5.0  # seconds
ROWS = 1_000
FIGURES = (
    "rows",
    "version",
    "other",
    "equal",
    "difference",
    "gap",
    "finite",
    "seconds",
    "waited",
    "error",
)


def report(store: Store, folder: Path | None = None, rows: int = ROWS, late: float = LATE) -> dict[str, Any]:
    """Sum up a store.

    Parameters
    ----------
    folder
        The predictor that answered, with which explanations are computed again; None: where the store says.
    rows
        Most rows that are explained again, the newest.
    late
        Seconds from which a request counts as abnormal.

    Raises
    ------
    DataError
        The store holds no answers.
    """
    table = pd.DataFrame(store.answers(FIGURES), columns=list(FIGURES))
    dead, lost = store.depth(), store.lost()
    if table.empty and not dead and not lost:
        raise DataError(f"store {store.place!r} holds no answers: serve with a shadow first")
    good = table[table["error"] == ""]
    seen = len(table) + dead + lost
    return {
        "requests": seen,
        "rows": int(table["rows"].sum()),
        "versions": sorted(set(table["version"])),
        "others": sorted(set(table["other"]) - {""}),
        "coverage": {"share": len(good) / seen, "answered": len(good), "dead": dead, "lost": lost},
        "agreement": _agreement(good[good["other"] != ""]),
        "explanations": _explanations(store, folder, rows),
        "abnormal": _abnormal(table, late),
        "seconds": _spread(good["seconds"]),
        "waited": _spread(good["waited"]),
    }


def _agreement(table: pd.DataFrame) -> dict[str, Any] | None:
    """Return the share of rows with equal labels, and the mean difference of values or probabilities."""
    rows = int(table["rows"].sum())
    if not rows:
        return None
    labelled = table["equal"].notna().all()
    return {
        "rows": rows,
        "equal": float(table["equal"].sum()) / rows if labelled else None,
        "difference": float(table["difference"].sum()) / rows,
    }


def _abnormal(table: pd.DataFrame, late: float) -> dict[str, Any]:
    """Count what went wrong with answered requests, by cause; a request may have several."""
    failed = table["error"] != ""
    causes = {
        "error": failed,
        "non_finite": ~failed & (table["finite"] == 0),
        "not_additive": ~failed & (pd.to_numeric(table["gap"]) > GAP),
        "late": ~failed & (table["seconds"] > late),
    }
    whole = np.logical_or.reduce([np.asarray(cause, dtype=bool) for cause in causes.values()])
    share = float(whole.mean()) if len(table) else 0.0
    return {"share": share, **{name: int(cause.sum()) for name, cause in causes.items()}}


def _spread(seconds: pd.Series[float]) -> dict[str, float] | None:
    if seconds.empty:
        return None
    p50, p95, p99 = np.quantile(seconds, [0.5, 0.95, 0.99])
    return {"mean": float(seconds.mean()), "p50": float(p50), "p95": float(p95), "p99": float(p99)}


def _explanations(store: Store, folder: Path | None, rows: int) -> dict[str, Any] | None:
    """Explain the newest stored rows again and compare."""
    found = store.answers(("version", "frame", "phi", "margins", "rows", "gap"), rows, explained=True)
    place = folder or Path(store.about().get("folder", ""))
    version = version_of(place)
    mine = [kept for kept in found if kept["version"] in ("", version)]
    if not mine:
        return None
    mine = _first(mine, rows)
    predictor = Predictor.load(place)
    frames = pd.concat([frame(kept["frame"]) for kept in mine], ignore_index=True)
    offline = predictor.explain(frames).values
    online = np.concatenate([_array(kept["phi"]) for kept in mine]).reshape(offline.shape)
    orders = top(online), top(offline)
    return {
        "rows": len(frames),
        "version": version,
        "pearson": _pearson(online.ravel(), offline.ravel()),
        "largest_difference": float(np.abs(online - offline).max(initial=0.0)),
        "top_equal": float((orders[0] == orders[1]).all(axis=1).mean()),
        "largest_gap": max(float(kept["gap"]) for kept in mine),
    }


def _first(found: list[dict[str, Any]], rows: int) -> list[dict[str, Any]]:
    """Return the newest requests that hold at most so many rows together, at least one."""
    sums = np.cumsum([kept["rows"] for kept in found])
    return found[: max(1, int((sums <= rows).sum()))]


def _array(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, dtype="<f8")


def _pearson(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    if len(one) < 2 or not one.std() or not other.std():
        return None
    return float(np.corrcoef(one, other)[0, 1])
