"""Plots of explanations: how a row's answer comes about (waterfall), what columns do over many rows (beeswarm), what a
column adds against what it holds (dependence), and which columns act together (pairs).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.plots.svg import Axes, box, hover, number, picture, short, span, text, ticks

LINE = 26  # height of a line, in pixels
LEFT, RIGHT = 210, 70
SHOWN = 10
MOST_LEVELS = 12  # of a column of words


def waterfall(columns: tuple[str, ...], cells: list[str], values: NDArray[np.float64], base: float, unit: str) -> str:
    """Draw bars from the base to the answer, the largest value first; the small rest is one bar.

    Parameters
    ----------
    cells
        What the row has in each column.
    values
        What each column adds, shape (n_columns,).
    """
    order = np.argsort(-np.abs(values), kind="stable")
    first, rest = order[:SHOWN], order[SHOWN:]
    lines = [(f"{short(columns[i], 18)} = {short(cells[i], 14)}", float(values[i])) for i in first]
    if len(rest):
        lines.append((f"{len(rest)} other columns", float(values[rest].sum())))
    ends = base + np.cumsum([0.0, *(value for _, value in lines)])
    axes = Axes(span([*ends.tolist(), base]), (0, 1), width=720, left=LEFT, right=RIGHT)
    parts = [text(LEFT - 10, LINE * 0.7, "nothing known", "tick end"), _mark(axes, base, 0, len(lines) + 1)]
    parts.append(text(axes.px(base) + 5, LINE * 0.7, number(base), "tick"))
    for i, (name, value) in enumerate(lines, start=1):
        start, end = axes.px(float(ends[i - 1])), axes.px(float(ends[i]))
        style = "up" if value >= 0 else "down"
        title = f"{name}: {_signed(value)} {unit}"
        parts.append(text(LEFT - 10, LINE * (i + 0.7), name, "name end"))
        parts.append(box(min(start, end), LINE * i + 4, max(abs(end - start), 1), LINE - 8, style, title))
        parts.append(text(max(start, end) + 5, LINE * (i + 0.7), _signed(value), "tick"))
    answer = float(ends[-1])
    parts += [text(LEFT - 10, LINE * (len(lines) + 1.7), "answer", "name end")]
    parts += [_mark(axes, answer, len(lines), len(lines) + 2)]
    parts += [text(axes.px(answer) + 5, LINE * (len(lines) + 1.7), f"{number(answer)} {unit}", "name")]
    return picture(720, LINE * (len(lines) + 2), parts, f"How the answer {number(answer)} comes about")


def beeswarm(columns: tuple[str, ...], values: NDArray[np.float64], ranks: NDArray[np.float64], unit: str) -> str:
    """Draw one dot a row and column where it adds or takes, coloured by how high the row's value is.

    Parameters
    ----------
    values
        What each column adds, shape (n_rows, n_columns).
    ranks
        How high each row's value is in its column, 0 to 1, NaN for values without an order; shape as `values`.
    """
    order = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:SHOWN]
    axes = Axes(span([*values[:, order].ravel().tolist(), 0.0]), (0, 1), width=720, left=LEFT, right=20)
    height = LINE * len(order) + 46
    parts = [_mark(axes, 0.0, 0, len(order))]
    for line, column in enumerate(order.tolist()):
        parts.append(text(LEFT - 10, LINE * (line + 0.65), short(columns[column], 30), "name end"))
        where = _spread(values[:, column], axes)
        for row, away in enumerate(where):
            y = LINE * (line + 0.5) + away
            x, rank = axes.px(float(values[row, column])), float(ranks[row, column])
            style = "none" if np.isnan(rank) else f"r{min(int(rank * 5), 4)}"
            title = f"{columns[column]}, row {row + 1}: {_signed(float(values[row, column]))}"
            parts.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="2.6">{hover(title)}</circle>')
    axes = Axes(axes.x, (0, 1), width=720, height=height, left=LEFT, right=20, top=height - 46, bottom=40)
    parts.append(axes.frame(f"what the column adds, {unit}"))
    return picture(720, height, parts, "What each column adds in each row")


def dependence(
    column: str, cells: pd.Series, values: NDArray[np.float64], ranks: NDArray[np.float64], unit: str
) -> str:
    """Draw one dot a row: what it holds in a column across, what the column adds upwards.

    Parameters
    ----------
    cells
        What the rows hold; numbers and moments have a scale, of words the `MOST_LEVELS` commonest are shown.
    values
        What the column adds, shape (n_rows,).
    ranks
        How high each row's value is in another column, 0 to 1, which colours it; NaN for none; shape (n_rows,).
    """
    across, levels = _across(cells)
    kept = np.flatnonzero(np.isfinite(across))
    ends = (-0.5, len(levels) - 0.5) if levels else span(across[kept].tolist())
    axes = Axes(ends, span([*values[kept].tolist(), 0.0]), width=720, height=300)
    moments = pd.api.types.is_datetime64_any_dtype(cells)
    marks = [(year, f"{year:.6g}") for year in ticks(*ends)] if moments else list(enumerate(levels))
    parts = [
        axes.frame("" if marks else short(column, 60), f"what it adds, {unit}"),
        axes.line(axes.x, (0, 0), "chance"),
    ]
    for place, words in marks:
        parts.append(text(axes.px(place), axes.height - axes.bottom + 17, short(words, 70 // len(marks)), "tick mid"))
    for row in kept.tolist():
        style = "none" if np.isnan(ranks[row]) else f"r{min(int(ranks[row] * 5), 4)}"
        title = f"row {row + 1}: {column} = {short(str(cells.iloc[row]), 40)}: {_signed(float(values[row]))}"
        away = 0.0 if not levels else 0.5 * ((row * 0.618) % 1 - 0.5)  # words lie one beside the other
        parts.append(axes.dot(float(across[row]) + away, float(values[row]), style, title, 2.6))
    return axes.picture(parts, f"What {column} adds against what it holds")


def _across(cells: pd.Series) -> tuple[NDArray[np.float64], list[str]]:
    """Return where cells lie, NaN for nowhere, and the levels where they are words."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        days = (cells - pd.Timestamp(0, tz=cells.dt.tz)) / pd.Timedelta(days=365.2425)
        return np.asarray(days.to_numpy(np.float64, na_value=np.nan) + 1970), []
    numbers = np.asarray(pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan))
    if np.isfinite(numbers).sum() >= cells.notna().sum() and not pd.api.types.is_bool_dtype(cells):
        return numbers, []
    words = cells.map(str, na_action="ignore")
    levels = [str(level) for level in words.value_counts().index[:MOST_LEVELS]]
    places = words.map({level: float(i) for i, level in enumerate(levels)})
    return np.asarray(places.to_numpy(np.float64, na_value=np.nan)), levels


def pairs(found: pd.DataFrame, unit: str) -> str:
    """Draw a bar for each pair of columns that act together, strongest first; `found` has ``a, b, strength``."""
    shown = found[found["strength"] > 0].head(SHOWN)
    axes = Axes((0.0, float(shown["strength"].max()) if len(shown) else 1.0), (0, 1), width=720, left=330, right=RIGHT)
    parts = []
    for line, (a, b, strength) in enumerate(shown.itertuples(index=False)):
        parts.append(text(axes.left - 10, LINE * (line + 0.7), f"{short(a, 22)} × {short(b, 22)}", "name end"))
        width = axes.px(strength) - axes.left
        parts.append(box(axes.left, LINE * line + 4, width, LINE - 8, "up", f"{a} and {b}: {number(strength)} {unit}"))
        parts.append(text(axes.left + width + 5, LINE * (line + 0.7), number(float(strength)), "tick"))
    return picture(720, LINE * max(1, len(shown)) + 4, parts, "Which columns act together")


def _spread(values: NDArray[np.float64], axes: Axes) -> list[float]:
    """Return how far each dot is moved off the line, so that dots of like values can be told apart."""
    seen: dict[int, int] = {}
    found = []
    for value in values.tolist():
        place = round(axes.px(value) / 5)
        count = seen[place] = seen.get(place, 0) + 1
        found.append(float(np.clip((count // 2) * 2.4 * (-1) ** count, -LINE / 2 + 3, LINE / 2 - 3)))
    return found


def _mark(axes: Axes, value: float, first: int, last: int) -> str:
    return f'<path class="line chance" d="M{axes.px(value):.1f} {LINE * first + 2}V{LINE * last}"/>'


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + number(value)
