"""The pieces of a plot: axes with round ticks, lines, dots and bands, all as escaped SVG text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Axes:
    """A plotting area: where data coordinates lie in the picture.

    Parameters
    ----------
    x, y
        Lowest and highest data value.
    width, height
        Of the whole picture, in pixels.
    left, right, top, bottom
        Margins, in pixels.
    """

    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)
    width: int = 460
    height: int = 330
    left: int = 60
    right: int = 14
    top: int = 12
    bottom: int = 44

    def px(self, value: float) -> float:
        """Horizontal position of a value, in pixels, kept inside the area."""
        return self.left + _part(value, self.x) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        """Vertical position of a value, in pixels, kept inside the area."""
        return self.height - self.bottom - _part(value, self.y) * (self.height - self.top - self.bottom)

    def frame(self, x_label: str, y_label: str = "", percent: bool = False) -> str:
        """Draw grid lines, tick labels and axis labels."""
        floor, parts = self.height - self.bottom, []
        for value in ticks(*self.y) if y_label else []:
            y = self.py(value)
            parts.append(f'<path class="grid" d="M{self.left} {y:.1f}H{self.width - self.right}"/>')
            parts.append(text(self.left - 8, y + 4, _tick(value, self.y, percent), "tick end"))
        for value in ticks(*self.x) if x_label else []:
            x = self.px(value)
            parts.append(f'<path class="grid" d="M{x:.1f} {self.top}V{floor}"/>')
            parts.append(text(x, floor + 17, _tick(value, self.x, percent), "tick mid"))
        middle = (self.left + self.width - self.right) / 2
        parts.append(text(middle, self.height - 6, x_label, "axis mid"))
        if y_label:
            turn = f'transform="rotate(-90 13 {(self.top + floor) / 2:.0f})"'
            parts.append(text(13, (self.top + floor) / 2, y_label, "axis mid", turn))
        return "".join(parts)

    def line(self, x: ArrayLike, y: ArrayLike, style: str, title: str = "") -> str:
        """Draw a line through points."""
        pairs = zip(np.asarray(x).tolist(), np.asarray(y).tolist(), strict=True)
        points = " ".join(f"{self.px(a):.1f} {self.py(b):.1f}" for a, b in pairs)
        return f'<path class="line {style}" d="M{points}">{hover(title)}</path>' if points else ""

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike, style: str) -> str:
        """Fill the area between two lines."""
        across, down, up = (np.asarray(v).tolist() for v in (x, low, high))
        there = [f"{self.px(a):.1f} {self.py(b):.1f}" for a, b in zip(across, up, strict=True)]
        back = [f"{self.px(a):.1f} {self.py(b):.1f}" for a, b in zip(across[::-1], down[::-1], strict=True)]
        return f'<path class="band {style}" d="M{" ".join(there + back)}Z"/>' if there else ""

    def dot(self, x: float, y: float, style: str, title: str = "", radius: float = 3.5) -> str:
        """Draw one dot with a hover title."""
        return (
            f'<circle class="{style}" cx="{self.px(x):.1f}" cy="{self.py(y):.1f}" r="{radius}">{hover(title)}</circle>'
        )

    def cloud(self, x: ArrayLike, y: ArrayLike, style: str) -> str:
        """Draw many dots in one path, which keeps the file small."""
        pairs = zip(np.asarray(x).tolist(), np.asarray(y).tolist(), strict=True)
        points = "".join(f"M{self.px(a):.1f} {self.py(b):.1f}h0" for a, b in pairs)
        return f'<path class="cloud {style}" d="{points}"/>'

    def picture(self, parts: Iterable[str], label: str) -> str:
        """Put the parts together; `label` is what a screen reader says."""
        return picture(self.width, self.height, parts, label)


def picture(width: float, height: float, parts: Iterable[str], label: str) -> str:
    """Wrap parts of a drawing into an `<svg>` that fills the width it is given."""
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
    return f"{head}{''.join(parts)}</svg>"


def text(x: float, y: float, words: str, style: str, more: str = "") -> str:
    """Write words at a position."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" {more}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, style: str, title: str = "", more: str = "") -> str:
    """Draw a rectangle."""
    size = f'width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" {size} {more}>{hover(title)}</rect>'


def span(values: Sequence[float], margin: float = 0.05) -> tuple[float, float]:
    """Lowest and highest of the values with some room around them; never empty."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = (high - low) * margin or abs(high) * 0.05 or 1.0
    return low - room, high + room


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values between two ends, at most about `most`."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: object) -> str:
    """Write a number as people read it: about four digits, thousands apart; a dash for anything else."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-4:
        return f"{value:.2e}".replace("-", "−")
    steps = ((1000, 0), (100, 1), (10, 2), (1, 3), (0, 4))
    digits = 0 if value == int(value) else next(d for least, d in steps if size >= least)
    return f"{value:,.{digits}f}".replace("-", "−")


def short(words: object, most: int) -> str:
    """Cut words that are too long for their place."""
    written = str(words)
    return written if len(written) <= most else written[: most - 1] + "…"


def _part(value: float, ends: tuple[float, float]) -> float:
    width = ends[1] - ends[0]
    return min(max((value - ends[0]) / width, 0.0), 1.0) if width > 0 and math.isfinite(value) else 0.5


def _tick(value: float, ends: tuple[float, float], percent: bool) -> str:
    if percent:
        return f"{100 * value:.0f} %"
    size = max(abs(ends[0]), abs(ends[1]))
    if size >= 1e6:
        return f"{value:.3g}".replace("e+0", "e").replace("e+", "e").replace("-", "−")
    if size >= 10_000:
        return f"{value / 1000:,.4g}k".replace("-", "−") if value else "0"
    return f"{value:,.4g}".replace("-", "−") if abs(value) > 1e-12 else "0"


def hover(words: str) -> str:
    """Return what is said when the pointer rests on a part."""
    return f"<title>{escape(words)}</title>" if words else ""
