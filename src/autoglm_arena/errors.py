"""What the referee says no to; the command line prints it in one line and exits with 1."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArenaError(Exception):
    """Something cannot be played as asked: what happened, what was expected, what cures it."""


def known(what: str, name: str, choices: Iterable[str]) -> str:
    """Return `name`, or raise `ArenaError` that offers the nearest of `choices`."""
    choices = list(choices)
    if name in choices:
        return name
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ArenaError(f"no {what} named {name!r}{hint} (known: {', '.join(choices)})")
