"""Plots of explanations: how a row's answer comes about (waterfall), and what columns do over many rows (beeswarm)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autoglm.plots.svg import Axes, box, hover, number, picture, short, span, text

LINE = 26  # height of a line, in pixels
LEFT, RIGHT = 210, 70
SHOWN = 10


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
