"""Plots of scores: the predictor against its baselines, progress over time, importance of the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from autoglm.plots.svg import Axes, number, short, span, text

Row = Mapping[str, Any]


def against(score: Row, baselines: Sequence[Row], metric: str) -> str:
    """Dots with 95 % intervals: the predictor on top, the baselines below."""
    rows = [{"name": "This predictor", **score}, *baselines]
    rows = [r for r in rows if r.get("value") is not None]
    ends = span([r[k] for r in rows for k in ("value", "low", "high") if r.get(k) is not None], 0.08)
    axes = Axes(ends, (0, 1), 560, 46 + 32 * len(rows), left=132, right=70, top=4, bottom=42)
    parts = [axes.frame(metric)]
    for i, row in enumerate(rows):
        y, style = axes.top + 16 + 32 * i, "mine" if i == 0 else "rival"
        low, high = (row["value"] if row.get(k) is None else row[k] for k in ("low", "high"))
        title = f"{row['name']}: {number(row['value'])} (95 % interval {number(low)} to {number(high)})"
        parts += [
            text(axes.left - 14, y + 4, short(row["name"], 18), f"name end {style}"),
            f'<g class="{style}"><title>{escape(title)}</title>',
            f'<path class="whisker" d="M{axes.px(low):.1f} {y}H{axes.px(high):.1f}"/>',
            f'<circle cx="{axes.px(row["value"]):.1f}" cy="{y}" r="{6 if i == 0 else 5}"/></g>',
            text(axes.width - 4, y + 4, number(row["value"]), f"value end {style}"),
        ]
    return axes.picture(parts, f"{metric} of the predictor and of the baselines")


def timeline(points: Sequence[Row], metric: str, greater: bool) -> str:
    """Best score so far as a step line against seconds, one dot a finished fit."""
    points = [p for p in points if p.get("score") is not None and p.get("seconds") is not None]
    seconds, scores = (np.array([p[k] for p in points], dtype=float) for k in ("seconds", "score"))
    best = (np.maximum if greater else np.minimum).accumulate(scores)
    # The first, quick fits may be far off: the picture is about the rest.
    usual = np.quantile(scores, 0.15 if greater else 0.85)
    axes = Axes((0, seconds.max() * 1.02), span([*best[len(best) // 8 :], usual], 0.1), 940, 300, left=62)
    steps = np.repeat(np.arange(len(best)), 2)
    x = np.append(seconds[steps][1:], axes.x[1])
    shown = range(0, len(points), max(1, len(points) // 400))
    parts = [axes.frame("seconds since the call", metric), axes.line(x, best[steps], "c-accent")]
    for i in shown:
        better = best[i] == scores[i] and (i == 0 or best[i] != best[i - 1])
        title = f"{points[i].get('name', '')} after {seconds[i]:.1f} s: {number(scores[i])}"
        style = "dot better" if better else "dot other"
        parts.append(axes.dot(seconds[i], scores[i], style, title, 4.5 if better else 3))
    return axes.picture(parts, f"Best {metric} against time")


def importance(columns: Sequence[Row], most: int = 20) -> str:
    """Bars with error whiskers, the most important column first."""
    rows = sorted((c for c in columns if c.get("importance") is not None), key=lambda c: -c["importance"])[:most]
    highs = [v for r in rows for v in (r["importance"], r.get("high")) if v is not None]
    lows = [v for r in rows for v in (r["importance"], r.get("low")) if v is not None]
    ends = (min(0.0, *lows), max(0.0, *highs) * 1.02 or 1.0)
    axes = Axes(ends, (0, 1), 940, 44 + 25 * len(rows), left=196, right=84, top=2, bottom=38)
    parts = [axes.frame("how much worse the score becomes when the column is shuffled")]
    for i, row in enumerate(rows):
        y, value = axes.top + 12 + 25 * i, row["importance"]
        left, right = sorted((axes.px(0), axes.px(value)))
        title = f"{row['name']}: {number(value)}"
        parts.append(text(axes.left - 12, y + 4, short(row["name"], 26), "name end"))
        parts.append(f'<g class="bar"><title>{escape(title)}</title>')
        parts.append(f'<rect x="{left:.1f}" y="{y - 8}" width="{max(right - left, 1):.1f}" height="16" rx="3"/>')
        if row.get("low") is not None and row.get("high") is not None:
            a, b = axes.px(row["low"]), axes.px(row["high"])
            parts.append(f'<path class="error" d="M{a:.1f} {y}H{b:.1f}M{a:.1f} {y - 4}v8M{b:.1f} {y - 4}v8"/>')
        parts.append("</g>" + text(axes.width - 4, y + 4, number(value), "value end"))
    return axes.picture(parts, "Importance of the columns")
