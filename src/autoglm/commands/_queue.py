"""The queue that the commands for jobs share: where it is, opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from autoglm.kit.letters import Letters

SCHEME = "sqlite:///"


def option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --queue to a command."""
    return click.option(
        "--queue",
        envvar="AUTOGLM_QUEUE",
        default="autoglm-jobs.sqlite",
        show_default=True,
        metavar="FILE",
        help="The queue's SQLite file; also AUTOGLM_QUEUE.",
    )(command)


def opened(place: str, **settings: Any) -> Letters:
    """Open the queue.

    Raises
    ------
    OptionError
        It is no file.
    """
    from autoglm.core.errors import OptionError
    from autoglm.kit.letters import Letters

    if "://" in place and not place.startswith(SCHEME):
        raise OptionError(f"--queue {place!r}: expected a file, or {SCHEME}FILE")
    return Letters(Path(place.removeprefix(SCHEME)), **settings)
