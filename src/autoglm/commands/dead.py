"""Look after dead letters: jobs that failed too often. List, show, retry or drop them."""

from __future__ import annotations

from dataclasses import asdict

import click

from autoglm.commands import _queue, _text


@click.group("dead")
def command() -> None:
    """Look after dead letters: jobs that failed too often. List, show, retry or drop them.

    \b
    Examples:
      autoglm dead list
      autoglm dead retry 1b9d6bcd
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@_queue.option
def list_(as_json: bool, queue: str) -> None:
    """List dead letters, oldest first."""
    found = _queue.opened(queue).dead()
    if as_json:
        _text.write_json([asdict(letter) for letter in found])
    else:
        rows = [(letter.id, letter.tries, letter.body.get("out", ""), letter.error) for letter in found]
        click.echo(_text.table(("id", "tries", "out", "error"), rows, indent=""))


@command.command("show")
@click.argument("id")
@_queue.option
def show(id: str, queue: str) -> None:
    """Print everything about one, as JSON."""
    _text.write_json(asdict(_queue.opened(queue).show(id)))


@command.command("retry")
@click.argument("id")
@_queue.option
def retry(id: str, queue: str) -> None:
    """Put one into the queue again; print its new id."""
    click.echo(_queue.opened(queue).retry(id))


@command.command("drop")
@click.argument("id")
@_queue.option
def drop(id: str, queue: str) -> None:
    """Forget one."""
    _queue.opened(queue).drop(id)
    _text.note(f"dropped {id}")
