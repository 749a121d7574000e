"""Plots of the report as SVG text: colours and letters come from the style sheet of the page around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

WIDTH = 900  # of every picture, in its own units; the page scales it
LINE = 22  # height of a line of text with the room around it
LETTER = 7.2  # upper estimate of a letter's width at 13 units
LONGEST = 26  # letters of a name; longer ones are cut, the whole name shows on hover
COLOURS = 8  # --k0 to --k7


def bars(values: Mapping[str, float], label: str, *, mine: str = "") -> str:
    """Draw horizontal bars with their values, in the order given.

    Parameters
    ----------
    values
        Name → value, not negative.
    label
        What the values are.
    mine
        The name that is drawn in the accent colour.
    """
    left, right = _margin(values), 70.0
    most = max(values.values(), default=0.0) or 1.0
    parts = []
    for i, (name, value) in enumerate(values.items()):
        y = 8 + LINE * i
        length = (WIDTH - left - right) * value / most
        parts.append(_text(left - 10, y + 13, name, _style("name end", name == mine)))
        parts.append(
            f'<rect class="{_style("bar", name == mine)}" x="{left:.1f}" y="{y}" width="{max(length, 1):.1f}" '
            f'height="15" rx="3">{_title(f"{name}: {value:.3g}")}</rect>'
        )
        parts.append(_text(left + length + 8, y + 13, f"{value:.3g}", "value"))
    height = 8 + LINE * len(values)
    parts.append(_text(left, height + 16, label, "axis"))
    return _picture(height + 24, parts, label)


def critical_difference(
    ranks: Mapping[str, float], groups: Iterable[Sequence[str]], critical: float, *, mine: str = ""
) -> str:
    """Draw Demšar's diagram: mean ranks on a line, the best at the left, bars over who does not differ significantly.

    Parameters
    ----------
    ranks
        Contestant → mean rank.
    groups
        Sets of contestants that do not differ significantly.
    critical
        The critical difference, drawn to scale; cut where the picture ends.
    mine
        The contestant that is drawn in the accent colour.
    """
    names = sorted(ranks, key=lambda name: ranks[name])
    side, groups = _margin(ranks) + 24, list(groups)
    count, axis = max(len(names), 2), 58.0
    unit = (WIDTH - 2 * side) / (count - 1)

    def x(rank: float) -> float:
        return side + (rank - 1) * unit

    end = min(x(1 + critical), WIDTH - 6.0)
    parts = [_path(f"M{x(1):.1f} 20H{end:.1f}M{x(1):.1f} 15v10M{end:.1f} 15v10", "ink")]
    parts.append(_text(x(1), 11, f"critical difference {critical:.2f}", "tick"))
    parts.append(_path(f"M{x(1):.1f} {axis}H{x(count):.1f}", "ink"))
    for rank in range(1, count + 1):
        parts.append(_path(f"M{x(rank):.1f} {axis - 5}v5", "ink"))
        parts.append(_text(x(rank), axis - 10, str(rank), "tick mid"))
    for i, group in enumerate(groups):
        places = [x(ranks[name]) for name in group]
        parts.append(_path(f"M{min(places) - 4:.1f} {axis + 12 + 9 * i:.1f}H{max(places) + 4:.1f}", "group"))
    below = axis + 24 + 9 * len(groups)
    half = (len(names) + 1) // 2  # the better half is named at the left, the others at the right, the worst on top
    for i, name in enumerate(names):
        at_left = i < half
        y = below + LINE * (i if at_left else len(names) - 1 - i)
        stop = side - 8 if at_left else WIDTH - side + 8
        parts.append(_path(f"M{x(ranks[name]):.1f} {axis}V{y:.1f}H{stop:.1f}", _style("lead", name == mine)))
        style = _style("name end" if at_left else "name", name == mine)
        parts.append(_text(stop - 6 if at_left else stop + 6, y + 4, name, style, f"{name}: {ranks[name]:.2f}"))
    return _picture(below + LINE * half, parts, "Mean ranks and critical difference")


def scatter(points: Mapping[str, tuple[float, float]], front: Sequence[str], *, mine: str = "") -> str:
    """Draw normalised error against the seconds of a fit, on a logarithmic axis, with the Pareto front as a line.

    Names stand in a column at the right, one below the other, each with a line to its dot.

    Parameters
    ----------
    points
        Contestant → (seconds, normalised error).
    front
        Whom nobody beats in both.
    mine
        The contestant that is drawn in the accent colour.
    """
    points = {name: (max(seconds, 0.01), error) for name, (seconds, error) in points.items()}
    if not points:
        return ""
    left, right, top = 62.0, WIDTH - _margin(points) - 60, 12.0
    height = max(300.0, 60.0 + LINE * len(points))
    floor = height - 46
    logs = [math.log10(seconds) for seconds, _ in points.values()]
    low, high = math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)
    most = max(error for _, error in points.values()) * 1.08 or 1.0

    def x(seconds: float) -> float:
        return left + (math.log10(seconds) - low) / (high - low) * (right - left)

    def y(error: float) -> float:
        return floor - error / most * (floor - top)

    parts = []
    for power in range(low, high + 1):
        parts.append(_path(f"M{x(10.0**power):.1f} {top}V{floor}", "grid"))
        parts.append(_text(x(10.0**power), floor + 17, f"{10.0**power:g}", "tick mid"))
    for value in ticks(most):
        parts.append(_path(f"M{left} {y(value):.1f}H{right}", "grid"))
        parts.append(_text(left - 8, y(value) + 4, f"{value:g}", "tick end"))
    parts.append(_text((left + right) / 2, height - 8, "seconds of a fit, median (logarithmic)", "axis mid"))
    turn = f'transform="rotate(-90 13 {(top + floor) / 2:.0f})"'
    parts.append(_text(13, (top + floor) / 2, "normalised error", "axis mid", more=turn))
    steps = [f"{x(points[name][0]):.1f} {y(points[name][1]):.1f}" for name in front]
    line = "".join(f"H{step.split()[0]}V{step.split()[1]}" for step in steps[1:])
    parts.append(_path(f"M{steps[0]}{line}", "front") if steps else "")
    order = sorted(points, key=lambda name: -points[name][1])
    places = spread([y(points[name][1]) for name in order], LINE, top + 6, floor)
    for name, place in zip(order, places, strict=True):
        across, down = x(points[name][0]), y(points[name][1])
        parts.append(_path(f"M{across:.1f} {down:.1f}L{right + 14:.1f} {place:.1f}", "lead thin"))
        parts.append(_text(right + 18, place + 4, name, _style("name", name == mine)))
        title = f"{name}: {points[name][0]:.3g} s, normalised error {points[name][1]:.3g}"
        style = _style("dot front-dot" if name in front else "dot", name == mine)
        parts.append(f'<circle class="{style}" cx="{across:.1f}" cy="{down:.1f}" r="5">{_title(title)}</circle>')
    return _picture(height, parts, "Normalised error against the seconds of a fit")


def dots(rows: Mapping[str, Mapping[str, float]], *, mine: str = "") -> str:
    """Draw a line per data set with a mark per contestant at its normalised error; the legend is below.

    Parameters
    ----------
    rows
        Data set → contestant → normalised error, from 0 (the best) to 1 (a constant).
    mine
        The contestant that is drawn larger and last, above the others.
    """
    names = sorted({name for row in rows.values() for name in row}, key=lambda name: (name == mine, name))
    left, right, top = _margin(rows), WIDTH - 20.0, 10.0
    floor = top + LINE * len(rows)

    def x(value: float) -> float:
        return left + value * (right - left)

    parts = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_path(f"M{x(value):.1f} {top}V{floor}", "grid"))
        parts.append(_text(x(value), floor + 17, f"{value:g}", "tick mid"))
    parts.append(_text((left + right) / 2, floor + 36, "normalised error: 0 is the best, 1 a constant", "axis mid"))
    for i, (data, row) in enumerate(rows.items()):
        y = top + LINE * (i + 0.5)
        parts.append(_path(f"M{left} {y}H{right}", "grid"))
        parts.append(_text(left - 10, y + 4, data, "name end"))
        for name in (name for name in names if name in row):
            title = f"{data}, {name}: {row[name]:.3g}"
            parts.append(_mark(names.index(name), x(row[name]), y, name == mine, title))
    legend, height = _legend(names, mine, floor + 58)
    return _picture(height, [*parts, *legend], "Normalised error on every data set")


def ticks(most: float) -> list[float]:
    """Return round values from 0 up to `most`, at most six."""
    power = 10.0 ** math.floor(math.log10(most / 5))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power * 5 >= most * 0.999)
    return [round(i * step, 12) for i in range(math.floor(most / step + 1e-9) + 1)]


def spread(places: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Move ascending places at least `apart` from each other, and between `low` and `high` if they fit there."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + apart) if found else max(place, low))
    limit = max(high, low + apart * (len(found) - 1))
    for i in reversed(range(len(found))):
        found[i] = min(found[i], limit)
        limit = found[i] - apart
    return found


def _legend(names: Sequence[str], mine: str, top: float) -> tuple[list[str], float]:
    """Write the marks with their names in lines; return the parts and where they end."""
    parts, x, y = [], 20.0, top
    for i, name in enumerate(names):
        width = 30 + LETTER * min(len(name), LONGEST)
        if x + width > WIDTH:
            x, y = 20.0, y + LINE
        parts += [_mark(i, x, y, name == mine, name), _text(x + 10, y + 4, name, _style("name", name == mine))]
        x += width
    return parts, y + 14


def _mark(index: int, x: float, y: float, mine: bool, title: str) -> str:
    """Draw the mark of a contestant: a round of eight colours each as circles, squares and diamonds."""
    style, size = f"mark k{index % COLOURS}", 6.5 if mine else 4.5
    style = _style(style, mine)
    if index < COLOURS:
        return f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{size}">{_title(title)}</circle>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if index >= 2 * COLOURS else ""
    place = f'x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" height="{2 * size}"'
    return f'<rect class="{style}" {place}{turn}>{_title(title)}</rect>'


def _margin(names: Iterable[str]) -> float:
    """Room for the longest name, in units of the picture."""
    return 24 + LETTER * min(max((len(name) for name in names), default=0), LONGEST)


def _style(style: str, mine: bool) -> str:
    return style + " mine" * mine


def _path(line: str, style: str) -> str:
    return f'<path class="{style}" d="{line}"/>'


def _text(x: float, y: float, words: str, style: str, title: str = "", more: str = "") -> str:
    """Write words, cut where they are too long; then the whole words show on hover."""
    cut = words if len(words) <= LONGEST or "name" not in style else words[: LONGEST - 1] + "…"
    title = title or words * (cut != words)
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" {more}>{_title(title)}{escape(cut)}</text>'


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""


def _picture(height: float, parts: Iterable[str], label: str) -> str:
    """Put the parts together; `label` is what a screen reader says."""
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">'
    return f"{head}{''.join(parts)}</svg>"
