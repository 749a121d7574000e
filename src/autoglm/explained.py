"""Explained rows as people read them: lines for a terminal, one HTML page with pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.explainers.explanation import Explanation
from autoglm.explainers.interactions import Interactions
from autoglm.plots import attributions
from autoglm.plots.svg import number, short

MOST_ROWS = 20  # that get a picture of their own
MOST_DOTS = 400  # rows in a beeswarm
MOST_SWARMS = 6  # classes that get one
MOST_COLOURS = 5  # levels of a column of words that get a colour
MOST_DEPENDENCES = 6  # columns that get a picture of what they add against what they hold


def lines(found: Explanation, rows: pd.DataFrame, answers: list[object], top: int, first: int = 1) -> list[str]:
    """Return what decided each row: the answer, then the columns that add most.

    Parameters
    ----------
    answers
        The predictor's answer to each row.
    top
        Columns to name.
    first
        Number of the first row.
    """
    said = []
    for i, answer in enumerate(answers):
        score = _score(found, i, answer)
        margin, base = found.margins[i, score], found.base[i, score]
        said.append(
            f"row {first + i}: {answer} ({number(float(margin))} {found.unit}, {number(float(base))} before any column)"
        )
        for column in np.argsort(-np.abs(found.values[i, :, score]), kind="stable")[:top]:
            value, error = float(found.values[i, column, score]), float(found.errors[i, column, score])
            written = ("+" if value >= 0 else "") + number(value)
            off = f" ± {number(error)}" if error else ""
            cell = short(rows.iloc[i][found.columns[column]], 40)
            said.append(f"  {written:>10}{off}  {found.columns[column]} = {cell}")
    return said


def together(found: Interactions, top: int) -> list[str]:
    """Return the columns that act together, the strongest pairs first."""
    pairs = found.pairs
    said = [f"columns that act together ({number(100 * found.exact)} % of the blend told), mean {found.unit}:"]
    shown = pairs[pairs["strength"] > 0].head(top)
    return [*said, *(f"  {number(s):>10}  {a} x {b}" for a, b, s in shown.itertuples(index=False))]


def dependences(found: Explanation, rows: pd.DataFrame, top: int) -> list[dict[str, object]]:
    """Return what the columns that add most hold in each row, and what they add to each score, as JSON has it."""
    return [
        {
            "column": column,
            "cells": [str(v) if isinstance(v, pd.Timestamp | bytes) else v for v in rows[column]],
            "values": found.values[:, found.columns.index(column)].tolist(),
        }
        for column in found.importance.index[:top]
    ]


def page(
    found: Explanation, rows: pd.DataFrame, answers: list[object], target: str, pairs: Interactions | None = None
) -> str:
    """Return one HTML page that needs nothing else; `pairs` are the interactions of the first rows."""
    import jinja2

    loader = jinja2.PackageLoader("autoglm", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    some = rows.iloc[:MOST_DOTS]
    ranks = np.column_stack([_ranks(some[name]) for name in found.columns]) if len(found.columns) else np.zeros((0, 0))
    swarms = [
        ("" if len(found.names) == 1 else name, _svg(attributions.beeswarm(found.columns, each, ranks, found.unit)))
        for name, each in zip(found.names, found.values[:MOST_DOTS].transpose(2, 0, 1), strict=True)
    ]
    falls = []
    for i, answer in enumerate(answers[:MOST_ROWS]):
        score = _score(found, i, answer)
        cells = [str(rows.iloc[i][name]) for name in found.columns]
        drawn = attributions.waterfall(
            found.columns, cells, found.values[i, :, score], float(found.base[i, score]), found.unit
        )
        of = f"{found.unit} of {found.names[score]}" if found.unit != "target" else ""
        falls.append((f"row {i + 1}: {answer}", of, _svg(drawn)))
    columns = found.importance.index[: MOST_DEPENDENCES if len(found) > 1 else 0]
    return environment.get_template("explain.html.jinja").render(
        dependences=[_dependence(found, some, column, ranks, pairs) for column in columns],
        pairs=_svg(attributions.pairs(pairs.pairs, found.unit)) if pairs is not None else None,
        paired=pairs,
        target=target,
        unit=found.unit,
        exact=found.exact,
        error=number(float(found.errors.max(initial=0.0))),
        gap=number(float(found.gap.max(initial=0.0))),
        rows=len(found),
        shown=MOST_ROWS,
        swarms=swarms[:MOST_SWARMS],
        waterfalls=falls,
    )


def _dependence(
    found: Explanation, rows: pd.DataFrame, column: str, ranks: NDArray[np.float64], pairs: Interactions | None
) -> tuple[str, str, object]:
    """Return what a picture of a column is of, what colours it, and the picture."""
    score, at = found.leading(column), found.columns.index(column)
    title = column if len(found.names) == 1 else f"{column}, {found.names[score]}"
    partner = pairs.partner(column) if pairs is not None else None
    colour, words = ranks[:, found.columns.index(partner or column)], partner or ""
    if partner is not None and np.isnan(colour).all():
        levels = sorted(rows[partner].dropna().map(str).unique())[:MOST_COLOURS]
        places = {level: i / len(levels) for i, level in enumerate(levels)}
        colour = np.asarray(rows[partner].map(str).map(places).to_numpy(np.float64))
        words = f"{partner}, from blue to red: {', '.join(short(level, 20) for level in levels)}"
    drawn = attributions.dependence(column, rows[column], found.values[: len(rows), at, score], colour, found.unit)
    return title, words, _svg(drawn)


def _svg(drawn: str) -> object:
    from markupsafe import Markup

    return Markup(drawn)


def _score(found: Explanation, row: int, answer: object) -> int:
    """Return which score a row is explained by: that of its answer, or the only one there is."""
    return found.names.index(str(answer)) if len(found.names) > 1 else 0


def _ranks(values: pd.Series) -> NDArray[np.float64]:
    """Return how high values are in their column, 0 to 1; NaN for missing ones and words."""
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.astype("int64")
    found = pd.to_numeric(values, errors="coerce")
    return np.asarray(found.rank(pct=True), dtype=np.float64) - 1e-9
