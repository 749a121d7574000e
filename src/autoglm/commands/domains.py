"""Test how well what is learned in one domain answers in another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autoglm.commands import _text

if TYPE_CHECKING:
    import pandas as pd

    from autoglm.transfer import Matrix


@click.command("domains")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--target", required=True, metavar="COLUMN", help="Column to predict: classes.")
@click.option("--domain", required=True, metavar="COLUMN", help="Column that names the domain of a row.")
@click.option("--groups", metavar="COLUMN", help="Rows of one value (document, person) stay together.")
@click.option("--seconds", type=float, default=30, show_default=True, help="Wall-clock seconds of each predictor.")
@click.option("--shots", default="16,64", show_default=True, help="Labelled rows of a new domain that are added.")
@click.option("--most", type=click.IntRange(20), metavar="N", help="Rows to learn from of each domain at most.")
@click.option("--threads", type=int, default=2, show_default=True, help="Processor threads.")
@click.option("--seed", type=int, default=42, show_default=True, help="All randomness comes from it.")
@click.option("--learner", multiple=True, metavar="NAME", help="Use only this learner. Repeat for more.")
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Table of all results to write.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; progress goes to standard error.")
def command(
    table: Path,
    target: str,
    domain: str,
    groups: str | None,
    seconds: float,
    shots: str,
    most: int | None,
    threads: int,
    seed: int,
    learner: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Learn from each domain of TABLE and answer all of them.

    With n domains and two numbers of shots that makes 4 n predictors. Prints macro F1, accuracy and calibration error
    of each pair, of predictors of all other domains, and of those with a few labelled rows of the new domain.

    \b
    Example:
      autoglm domains reviews.csv --target sentiment --domain shop --seconds 60 -o domains.csv
    """
    from autoglm.automl import AutoML
    from autoglm.core import reading
    from autoglm.transfer import Transfer

    try:
        counts = tuple(int(count) for count in shots.split(",") if count.strip())
    except ValueError:
        raise click.BadParameter(
            f"{shots!r}: expected whole numbers, for instance 16,64", param_hint="--shots"
        ) from None
    recipe = AutoML(seconds=seconds, threads=threads, seed=seed, metric="f1_macro", learners=list(learner) or None)
    frame = reading.read(table)
    matrix = Transfer(recipe, counts, most).play(frame, target, domain, groups, _text.note)
    if out is not None:
        reading.write(matrix.rows, out)
    if as_json:
        means = {"across": matrix.across, "within": matrix.within, "left_out": matrix.left_out}
        _text.write_json(means | {"rows": matrix.rows.to_dict("records")})
    else:
        click.echo(_told(matrix))


def _told(matrix: Matrix) -> str:
    """Write the matrices and their means for people."""
    names = {"f1_macro": "macro F1", "accuracy": "accuracy", "ece": "calibration error"}
    tables = [
        f"{title}, learned from (down) and answered (across)\n{_table(matrix.table(m))}" for m, title in names.items()
    ]
    means = {"other domains": matrix.across, "own domain": matrix.within, "all other domains learned": matrix.left_out}
    return "\n\n".join([*tables, f"mean macro F1\n{_text.pairs({k: round(v, 4) for k, v in means.items()})}"])


def _table(found: pd.DataFrame) -> str:
    rows = [[name, *(f"{value:.3f}" for value in row)] for name, row in zip(found.index, found.to_numpy(), strict=True)]
    return _text.table(("", *map(str, found.columns)), rows)
