"""What the commands share in writing for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def table(head: Sequence[str], rows: Iterable[Sequence[object]], indent: str = "  ") -> str:
    """Write rows under a head, columns aligned; those whose cells are all numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [head, *cells]) for i in range(len(head))]
    right = [bool(cells) and all(_numeric(line[i]) for line in cells) for i in range(len(head))]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in [list(head), *cells]
    ]
    return "\n".join(indent + line for line in lines)


def pairs(facts: Mapping[str, object], indent: str = "  ") -> str:
    """Write a name and a value a line."""
    width = max(map(len, facts), default=0)
    return "\n".join(f"{indent}{name.ljust(width)}  {_cell(value)}" for name, value in facts.items())


def score(found: Mapping[str, Any]) -> str:
    """Write a score with its 95 % interval."""
    return f"{number(found['value'])} (95 %: {number(found['low'])} to {number(found['high'])})"


def number(value: float | None) -> str:
    """Write a number in at most five digits."""
    return "-" if value is None else f"{value:.5g}"


def size(count: float) -> str:
    """Write a number of bytes."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def write_json(value: Any) -> None:
    """Write a value for a script, to standard output."""
    from autoglm.core.files import plain

    click.echo(json.dumps(plain(value), indent=1, ensure_ascii=False))


def note(message: str) -> None:
    """Tell a person something beside the answer."""
    click.echo(f"note: {message}", err=True)


def _cell(value: object) -> str:
    return number(value) if value is None or isinstance(value, float) else str(value)


def _numeric(cell: str) -> bool:
    return cell == "-" or cell.replace("e", "").replace("-", "").replace("+", "").replace(".", "").isdigit()
