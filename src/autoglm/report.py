"""The report of a fit: one HTML file that needs nothing else, made from summary and out-of-fold answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.files import plain
from autoglm.plots import classes as class_plots
from autoglm.plots import scores as score_plots
from autoglm.plots import values as value_plots
from autoglm.plots.svg import number, short

if TYPE_CHECKING:
    from jinja2 import Template

Array = NDArray[Any]
MOST_COLUMNS = 200  # rows of the table of columns
MOST_MODELS = 60
LABELS = {
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "f1_macro": "macro F1",
    "mcc": "Matthews correlation",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
}
KINDS = {"binary": "binary classification", "multiclass": "classification", "regression": "regression"}
SEVERITIES = ("serious", "warning", "info")


def render(summary: Mapping[str, Any], truth: Array, predicted: Array) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    summary
        What is known about the fit, as in ``summary.json`` of a saved predictor; a part that is missing or
        None is left out of the page.
    truth
        Class codes (int) or values (float), shape (n_rows,).
    predicted
        Out-of-fold class probabilities, shape (n_rows, n_classes), or values, shape (n_rows,).
    """
    summary = plain(summary)
    task = summary.get("task") or {}
    metric = label((summary.get("metric") or {}).get("name") or "score")
    context = {
        "s": summary,
        "task": task,
        "kind": KINDS.get(task.get("kind", ""), ""),
        "metric": metric,
        "score_plot": _score_plot(summary, metric),
        "timeline": _timeline(summary, metric),
        "plots": plots(task, truth, predicted, summary.get("thresholds")),
        "importance": _importance(summary),
        "columns": _columns(summary),
        "models": _models(summary),
        "classes": per_class(task, truth, predicted, summary.get("thresholds")),
        "findings": _findings(summary),
        "budget": summary.get("budget") or {},
        "phases": _phases(summary),
        "most_models": MOST_MODELS,
    }
    return _template().render(context)


def label(metric: str) -> str:
    """Write a metric's name as people say it."""
    return LABELS.get(metric, metric)


@cache
def _template() -> Template:
    import jinja2  # here: most users of the package never draw a report

    loader = jinja2.PackageLoader("autoglm", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "short": short, "label": label, "seconds": seconds, "day": day}
    return environment.get_template("report.html.jinja")


def seconds(value: object) -> str:
    """Write a time span: ``0.35 s``, ``12 s``, ``3 min 20 s``; a dash for anything else."""
    if not isinstance(value, int | float):
        return "–"
    if value >= 100:
        return f"{int(value // 60)} min {int(value % 60)} s"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def day(moment: str) -> str:
    """Write an ISO 8601 moment as people do; anything else as it is."""
    try:
        return f"{datetime.fromisoformat(moment):%-d %B %Y, %H:%M %Z}".strip()
    except ValueError:
        return moment


def plots(
    task: Mapping[str, Any], truth: Array, predicted: Array, offsets: Mapping[str, float] | None
) -> list[dict[str, Any]]:
    """Return the plots of the answers: title, remark, SVG text and legend of each."""
    truth, predicted = _judged(truth, predicted)
    if not len(truth):
        return []
    if task.get("kind") == "regression" or predicted.ndim == 1:
        return _regression(truth.astype("float64"), predicted)
    names = [str(c) for c in task.get("classes") or range(predicted.shape[1])]
    return _classification(truth.astype("int64"), predicted, names, offsets or {})


def _judged(truth: Array, predicted: Array) -> tuple[Array, Array]:
    """Return the rows that have an out-of-fold answer."""
    truth, predicted = np.asarray(truth), np.asarray(predicted, dtype="float64")
    usable = np.isfinite(predicted) if predicted.ndim == 1 else np.isfinite(predicted).all(axis=1)
    return truth[usable], predicted[usable]


def _regression(truth: Array, predicted: Array) -> list[dict[str, Any]]:
    usual = float(np.median(np.abs(truth - predicted)))
    off = f"Half of the rows are off by less than {number(usual)}."
    drawn = (
        (
            "Predicted against true",
            "The largest errors stand out; hover to see the row.",
            value_plots.predicted_true,
        ),
        ("Residuals", "Line: median; band: the middle 80 %. Level at zero is right.", value_plots.residuals),
        ("Size of the errors", off, value_plots.histogram),
        ("Error by true value", "Are small or large values harder?", value_plots.by_size),
    )
    return [_plot(title, remark, draw(truth, predicted)) for title, remark, draw in drawn]


def _classification(
    truth: Array, probability: Array, names: list[str], offsets: Mapping[str, float]
) -> list[dict[str, Any]]:
    shift = np.array([float(offsets.get(n) or 0.0) for n in names])
    answer = _decide(probability, shift)
    binary = len(names) == 2
    counts = np.bincount(truth, minlength=len(names))
    chosen = [1] if binary else np.argsort(-counts, kind="stable")[: class_plots.MOST_CURVES].tolist()
    legend = [] if binary else [(f"k{i}", names[c]) for i, c in enumerate(chosen)]
    which = "" if binary or len(chosen) == len(names) else f" of the {len(chosen)} largest classes"
    roc = class_plots.roc(truth, probability, chosen, names)
    recall = class_plots.precision_recall(truth, probability, chosen, names)
    return [
        _confusion(truth, answer, names),
        _plot("ROC curve" + which, "Up and to the left is better.", roc, legend),
        _plot("Precision and recall" + which, "Up and to the right is better.", recall, legend),
        _calibration(truth, probability, names),
        *(_by_threshold(truth, probability, names, shift) if binary else []),
    ]


def per_class(
    task: Mapping[str, Any], truth: Array, predicted: Array, offsets: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Return name, rows, precision, recall and F1 of each class, the largest first; none for regression."""
    truth, predicted = _judged(truth, predicted)
    if task.get("kind") == "regression" or predicted.ndim == 1 or not len(truth):
        return []
    names = [str(c) for c in task.get("classes") or range(predicted.shape[1])]
    shift = np.array([float((offsets or {}).get(n) or 0.0) for n in names])
    answer, size = _decide(predicted, shift), len(names)
    truth = truth.astype("int64")
    rows, said = np.bincount(truth, minlength=size), np.bincount(answer, minlength=size)
    right = np.bincount(truth[truth == answer], minlength=size)
    keys = ("name", "rows", "precision", "recall", "f1")
    parts = (right / np.maximum(said, 1), right / np.maximum(rows, 1), 2 * right / np.maximum(rows + said, 1))
    columns = (names, rows.tolist(), *(p.tolist() for p in parts))
    found = [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    return sorted(found, key=lambda c: -c["rows"])


def _decide(probability: Array, shift: Array) -> Array:
    """Class codes: the largest log-probability plus offset, as the predictor decides."""
    return np.asarray((np.log(np.clip(probability, 1e-12, 1.0)) + shift).argmax(axis=1))


def _plot(title: str, remark: str, svg: str, legend: Sequence[tuple[str, str]] = (), **more: Any) -> dict[str, Any]:
    from markupsafe import Markup  # jinja2's own

    return {"title": title, "remark": remark, "svg": Markup(svg), "legend": legend, **more}


def _confusion(truth: Array, answer: Array, names: list[str]) -> dict[str, Any]:
    size = len(names)
    matrix = np.bincount(truth * size + answer, minlength=size * size).reshape(size, size)
    if size <= class_plots.MOST_CELLS:
        remark = "Shade: share of the true class. Hover for counts."
        return _plot("Confusion matrix", remark, class_plots.confusion(matrix, names))
    wrong = matrix - np.diag(np.diag(matrix))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:12].tolist()
    pairs = [(names[i // size], names[i % size], int(wrong.flat[i]), int(matrix[i // size].sum())) for i in worst]
    remark = f"{size} classes are too many for a matrix: the most frequent mistakes."
    return _plot("Confusions", remark, "", pairs=[p for p in pairs if p[2]])


def _calibration(truth: Array, probability: Array, names: list[str]) -> dict[str, Any]:
    if len(names) == 2:
        said, right, words = probability[:, 1], truth == 1, f"said probability of {short(names[1], 24)}"
    else:
        said, right = probability.max(axis=1), probability.argmax(axis=1) == truth
        words = "said probability of the likeliest class"
    error = calibration_error(said, right)
    remark = f"On the diagonal is honest; the mean gap is {100 * error:.1f} percentage points."
    return _plot("Calibration", remark, class_plots.calibration(said, right, words))


def calibration_error(said: Array, right: Array, bins: int = 10) -> float:
    """Mean gap between said probability and observed share, over bins of equal size."""
    order = np.argsort(said, kind="stable")
    gaps = [(abs(float(said[b].mean() - right[b].mean())), len(b)) for b in np.array_split(order, bins) if len(b)]
    return sum(g * n for g, n in gaps) / max(len(said), 1)


def _by_threshold(truth: Array, probability: Array, names: list[str], shift: Array) -> list[dict[str, Any]]:
    threshold, positive = float(1 / (1 + np.exp(shift[1] - shift[0]))), probability[:, 1]
    remark = f"From {threshold:.3f} on, the answer is {short(names[1], 30)}."
    separation = class_plots.separation(truth, positive, names, threshold)
    cuts = class_plots.cuts(truth, positive, threshold)
    measures = [("k1", "precision"), ("k2", "recall"), ("k0", "F1")]
    return [
        _plot("Probabilities by true class", remark, separation, [("h0", names[0]), ("h1", names[1])]),
        _plot("Where to draw the line", f"For {short(names[1], 30)}, at every threshold.", cuts, measures),
    ]


def _score_plot(summary: Mapping[str, Any], metric: str) -> Any:
    score = summary.get("score") or {}
    if score.get("value") is None:
        return None
    sign = -1 if (summary.get("metric") or {}).get("greater", True) else 1
    rivals = [b for b in summary.get("baselines") or [] if b.get("value") is not None]
    rivals.sort(key=lambda b: sign * b["value"])
    return _plot("", "", score_plots.against(score, rivals[:8], metric))["svg"]


def _timeline(summary: Mapping[str, Any], metric: str) -> Any:
    points = [p for p in summary.get("timeline") or [] if p.get("score") is not None]
    greater = bool((summary.get("metric") or {}).get("greater", True))
    return _plot("", "", score_plots.timeline(points, metric, greater))["svg"] if len(points) > 1 else None


def _importance(summary: Mapping[str, Any]) -> Any:
    known = [c for c in summary.get("columns") or [] if c.get("importance") is not None]
    return _plot("", "", score_plots.importance(known))["svg"] if known else None


def _columns(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    columns = summary.get("columns") or []
    return sorted(columns, key=lambda c: -(c.get("importance") or 0.0))[:MOST_COLUMNS]


def _models(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = (summary.get("leaderboard") or [])[:MOST_MODELS]
    most = max([r.get("weight") or 0.0 for r in rows], default=0.0) or 1.0
    return [{**r, "bar": 100 * (r.get("weight") or 0.0) / most, "about": _settings(r.get("settings"))} for r in rows]


def _settings(settings: Mapping[str, Any] | None) -> str:
    pairs = (f"{k} = {number(v) if isinstance(v, float) else v}" for k, v in (settings or {}).items())
    return short("\n".join(pairs), 600)


def _findings(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rank = {s: i for i, s in enumerate(SEVERITIES)}
    return sorted(summary.get("findings") or [], key=lambda f: rank.get(f.get("severity", "info"), 3))[:100]


def _phases(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    phases = (summary.get("budget") or {}).get("phases") or []
    total = sum(p.get("seconds") or 0.0 for p in phases) or 1.0
    return [{**p, "share": 100 * (p.get("seconds") or 0.0) / total} for p in phases]
