"""Answer files when there is time: put jobs into a queue, work on them, list them."""

from __future__ import annotations

import time
from pathlib import Path

import click

from autoglm.commands import _queue, _text

REST = 1.0  # seconds between two looks at an empty queue


@click.group("jobs")
def command() -> None:
    """Answer files when there is time: put jobs into a queue, work on them, list them.

    An accepted job is on the disk. A worker that dies costs at most the part it had in hand: another goes on, and the
    answer's file is the same. A job that fails is tried again, each time later; after five tries it is a dead letter.

    \b
    Examples:
      autoglm jobs put churn-model new.csv -o answers.parquet
      autoglm jobs work
      autoglm dead list
    """


@command.command("put")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help="File to write.")
@click.option("--explain", is_flag=True, help="Explain the answers instead: a line a row and column.")
@_queue.option
def put(folder: Path, rows: Path, out: Path, explain: bool, queue: str) -> None:
    """Accept the rows of the table ROWS for the predictor in DIR; print the job's id.

    The same predictor, rows and FILE again are the same job.
    """
    from autoglm.serving import jobs

    click.echo(jobs.put(_queue.opened(queue), folder, rows, out, explain))


@command.command("work")
@click.option("--once", is_flag=True, help="End when nothing is due.")
@click.option(
    "--visibility", type=float, default=300.0, show_default=True, help="Seconds until a worker counts as dead."
)
@_queue.option
def work(once: bool, visibility: float, queue: str) -> None:
    """Do jobs until interrupted; several workers may share a queue."""
    from autoglm.serving import jobs

    letters = _queue.opened(queue, visibility=visibility)
    while True:
        if jobs.work(letters, lambda letter, error: _text.note(f"job {letter.id}: {error or 'done'}")):
            continue
        if once:
            return
        time.sleep(REST)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@_queue.option
def list_(as_json: bool, queue: str) -> None:
    """List the jobs that wait or are being done."""
    found = [
        {"id": j.id, "state": "leased" if j.lease else "waiting", "tries": j.tries, "error": j.error, **j.body}
        for j in _queue.opened(queue).waiting()
    ]
    if as_json:
        _text.write_json(found)
    else:
        head = ("id", "state", "tries", "rows", "out", "error")
        click.echo(_text.table(head, [[job[name] for name in head] for job in found], indent=""))
