"""Say what each column adds to the answers of a table's rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from autoglm.commands import _rows, _text

SHOWN = 10
PAIRED = 50  # rows whose interactions are computed: each costs as much as 20 to 80 explanations


@click.command("explain")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Table to write, a line a row and column: .csv, .tsv, .parquet, .feather, .arrow, .jsonl, .json.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Page to draw: a beeswarm, dependences, waterfalls.",
)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Columns to name a row.")
@click.option(
    "--draws",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Orders drawn where values are not exact: four times as many halve the error.",
)
@click.option("--interactions", is_flag=True, help=f"Say which columns act together, too, on the first {PAIRED} rows.")
@click.option("--flips", is_flag=True, help="Name the smallest change that would flip each answer, too.")
@click.option("--fixed", multiple=True, metavar="COLUMN", help="With --flips: it cannot change. Repeat for more.")
@click.option("--probability", is_flag=True, help="Explain probabilities, all by drawing, instead of log-odds.")
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where paths of images and sounds start.  [default: the folder of ROWS]",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    folder: Path,
    rows: Path,
    out: Path | None,
    html: Path | None,
    top: int,
    draws: int,
    interactions: bool,
    flips: bool,
    fixed: tuple[str, ...],
    probability: bool,
    files: Path | None,
    as_json: bool,
) -> None:
    """Explain the answers of the predictor in DIR to the rows of the table ROWS (- for standard input).

    Shapley values on the columns of the input: with what is known of no row they add up to the answer, in log-odds,
    log-probabilities or the unit of the target. Values that had to be sampled carry a standard error (±).

    \b
    Examples:
      autoglm explain churn-model new.csv
      autoglm explain churn-model new.csv --html why.html
      autoglm explain churn-model new.csv --interactions --html why.html
      autoglm explain churn-model new.csv --flips --fixed age
      head -n 2 new.csv | autoglm explain churn-model - --json
    """
    from autoglm import explained
    from autoglm.core import reading
    from autoglm.core.files import write_bytes
    from autoglm.predictor import Predictor

    predictor = Predictor.load(folder, files=files)
    with _rows.as_file(rows) as path:
        frame = reading.read(path)
    if path != rows:
        del frame.attrs["folder"]
    found = predictor.explain(frame, draws=draws, probability=probability)
    answers = predictor.predict(frame).tolist()
    changes = predictor.flips(frame if as_json else frame.head(SHOWN), fixed=fixed) if flips else []
    pairs = predictor.interactions(frame.head(PAIRED)) if interactions else None
    if out is not None:
        table = found.frame()
        table["row"] += 1
        reading.write(table, out)
        _text.note(f"{len(table)} lines written to {out}")
    if html is not None:
        write_bytes(html, explained.page(found, frame, answers, predictor.task.target, pairs).encode())
        _text.note(f"page written to {html}")
    if as_json:
        told: dict[str, Any] = {"dependence": explained.dependences(found, frame, top)}
        if flips:
            told["flips"] = [c and {k: v[1] for k, v in c.items()} for c in changes]
        if pairs is not None:
            told["interactions"] = pairs.json(top)
        _text.write_json({"target": predictor.task.target, "answers": answers, **found.json(), **told})
    elif out is None and html is None:
        click.echo("\n".join(explained.lines(found.take(slice(0, SHOWN)), frame, answers[:SHOWN], top)))
        if pairs is not None:
            click.echo("\n".join(explained.together(pairs, top)))
        for number, change in enumerate(changes, 1):
            click.echo(f"row {number} would flip with {_said(change)}" if change else f"row {number}: nothing flips it")
        if len(frame) > SHOWN:
            _text.note(f"{len(frame) - SHOWN} further rows: -o FILE or --json for all of them")


def _said(change: dict[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} = {new} (is {old})" for name, (old, new) in change.items())
