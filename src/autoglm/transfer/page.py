"""The result of a cross-domain test as files: every cell as CSV, everything as JSON, a page for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoglm.core.errors import FolderError
from autoglm.core.files import write_bytes, write_json
from autoglm.transfer import Transfer

MEASURES = {"f1_macro": "macro F1", "accuracy": "accuracy", "ece": "expected calibration error"}
MEANING = {
    "in domain": "learned and tested in the same domain: the ceiling",
    "across": "learned in one domain, tested in another",
    "left out": "learned in all domains but the one that is tested",
}


def write(result: Transfer, folder: Path) -> dict[str, Path]:
    """Write ``cells.csv``, ``domains.json`` and ``report.html`` into a folder and return their paths.

    Raises
    ------
    FolderError
        The folder cannot be written.
    """
    paths = {"cells": folder / "cells.csv", "json": folder / "domains.json", "report": folder / "report.html"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(paths["cells"], result.cells.to_csv(index=False).encode())
        write_json(paths["json"], summary(result))
        write_bytes(paths["report"], render(result).encode())
    except OSError as error:
        raise FolderError(f"cannot write to folder {str(folder)!r}: {error.strerror or error}") from error
    return paths


def summary(result: Transfer) -> dict[str, Any]:
    """Return everything as plain values."""
    return {
        "target": result.task.target,
        "classes": list(result.task.classes),
        "domains": list(result.domains),
        "settings": result.settings,
        "means": result.means.to_dict("records"),
        "cells": result.cells.to_dict("records"),
    }


def render(result: Transfer) -> str:
    """Return one HTML page that needs nothing else."""
    import jinja2

    loader = jinja2.PackageLoader("autoglm", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("domains.html.jinja").render(
        target=result.task.target,
        classes=result.task.classes,
        domains=result.domains,
        settings=result.settings,
        measures=MEASURES,
        means=[row | {"meaning": meaning(row["kind"])} for row in result.means.to_dict("records")],
        matrices={name: _shaded(result, name) for name in MEASURES},
    )


def meaning(kind: str) -> str:
    """Say what a kind of cell is."""
    return MEANING.get(kind) or f"all domains but the tested one, and {kind} (labelled rows) of it"


def _shaded(result: Transfer, measure: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of a matrix; each cell has its value, interval, and from 0 to 1 how good it is among all."""
    wide = result.matrix(measure)
    value, low, high = (result.matrix(f"{measure}{end}").to_numpy(dtype=float) for end in ("", "_low", "_high"))
    good = (value - value.min()) / ((value.max() - value.min()) or 1.0)
    if measure == "ece":
        good = 1 - good
    return [
        (
            str(name),
            [
                {"value": value[i, k], "low": low[i, k], "high": high[i, k], "shade": good[i, k], "own": name == domain}
                for k, domain in enumerate(wide.columns)
            ],
        )
        for i, name in enumerate(wide.index)
    ]
