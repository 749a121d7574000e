"""Rows to look at in the report: what a row holds, what was answered, and what each modality added to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoglm.core.columns import Column
from autoglm.core.errors import DataError
from autoglm.core.media import Place
from autoglm.core.task import Task
from autoglm.plots import media

LONGEST = 240  # characters of a cell
MOST_CELLS = 12  # plain columns shown of a row
DRAWN = {"image": media.picture, "audio": media.recording}


def examples(
    found: Sequence[dict[str, Any]], columns: Sequence[Column], kinds: Sequence[str], task: Task
) -> list[dict[str, Any]]:
    """Return what the report shows of some rows.

    Parameters
    ----------
    found
        ``row``, ``truth``, ``answer`` and ``values`` (modality → Shapley value) of each, as `engine.robustness` says.
    columns, kinds
        The training rows and what each column is.
    task
        What is predicted.
    """
    return [
        {
            "truth": _said(one["truth"], task),
            "answer": _said(one["answer"], task),
            "values": sorted(one["values"].items(), key=lambda item: -abs(item[1])),
            "cells": [_cell(c, k, one["row"]) for c, k in _shown(columns, kinds)],
        }
        for one in found
    ]


def _shown(columns: Sequence[Column], kinds: Sequence[str]) -> list[tuple[Column, str]]:
    """Pictures, sounds and texts first, then some of the others."""
    pairs = [(c, k) for c, k in zip(columns, kinds, strict=True) if k not in ("constant", "identifier", "embedding")]
    first = [pair for pair in pairs if pair[1] in ("image", "audio", "text")]
    return [*first, *[pair for pair in pairs if pair not in first][:MOST_CELLS]]


def _cell(column: Column, kind: str, row: int) -> dict[str, Any]:
    if column.missing[row]:
        return {"name": column.name, "kind": kind, "text": "missing"}
    if kind in DRAWN:
        try:
            uri = DRAWN[kind](Place(column.folder).locate(column.values[row]))
        except DataError:
            uri = None
        return {"name": column.name, "kind": kind, "uri": uri, "text": "" if uri else "cannot be shown"}
    text = str(column.take(np.array([row])).astext().values[0])
    return {"name": column.name, "kind": kind, "text": text[:LONGEST] + ("…" if len(text) > LONGEST else "")}


def _said(value: float, task: Task) -> Any:
    return float(value) if task.kind == "regression" else task.classes[int(value)]
