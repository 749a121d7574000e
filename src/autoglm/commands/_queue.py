"""The queue that the commands for jobs share: where it is, opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from autoglm.kit.letters import Letters


def option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --queue to a command."""
    return click.option(
        "--queue",
        envvar="AUTOGLM_QUEUE",
        default="autoglm-jobs.sqlite",
        show_default=True,
        metavar="FILE|URL",
        help="A SQLite file, redis://HOST, nats://HOST or amqp://HOST; also AUTOGLM_QUEUE.",
    )(command)


def opened(place: str, **settings: Any) -> Letters:
    """Open the queue until the command ends, see `autoglm.kit.letters.opened`."""
    from autoglm.kit.letters import opened

    _hush()
    letters = opened(place, **settings)
    click.get_current_context().call_on_close(letters.close)
    return letters


def _hush() -> None:
    """Keep stamina from printing each try: the commands say once that a broker is away."""
    with contextlib.suppress(ImportError):
        from stamina.instrumentation import set_on_retry_hooks

        set_on_retry_hooks([])
