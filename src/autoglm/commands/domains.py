"""Test how well answers learned in one domain hold in another: a matrix, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoglm.commands import _text

if TYPE_CHECKING:
    from autoglm.transfer import Transfer
    from autoglm.transfer.method import Method


def _numbers(ctx: click.Context, parameter: click.Parameter, given: str) -> tuple[int, ...]:
    """Read numbers between commas; none is allowed."""
    parts = [part.strip() for part in given.split(",") if part.strip()]
    wrong = [part for part in parts if not part.isdigit() or not int(part)]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r}: expected positive whole numbers like 16,64", ctx, parameter)
    return tuple(dict.fromkeys(map(int, parts)))


@click.command("domains")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", metavar="COLUMN", required=True, help="Column to predict: classes.")
@click.option("--domain", metavar="COLUMN", required=True, help="Column with the name of each row's domain.")
@click.option("--groups", metavar="COLUMN", help="Rows of one value (document, author) are never split.")
@click.option("--text", multiple=True, metavar="COLUMN", help="Read this column as free text. Repeat for more.")
@click.option(
    "--method",
    type=click.Choice(["engine", "linear"]),
    default="engine",
    show_default=True,
    help="What learns: the engine, or in seconds a sum of two logistic regressions.",
)
@click.option("--seconds", type=float, default=60, show_default=True, help="Of each fit of the engine.")
@click.option(
    "--shots",
    default="16,64",
    show_default=True,
    callback=_numbers,
    metavar="N,N",
    help="Labelled rows of the domain left out to add; '' for none.",
)
@click.option("--draws", type=click.IntRange(1), default=1, show_default=True, help="How often shots are drawn anew.")
@click.option("--train-rows", type=click.IntRange(1), metavar="N", help="Rows of a domain to learn at most.")
@click.option("--test-rows", type=click.IntRange(1), metavar="N", help="Rows of a domain to test at most.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for the files.  [default: domains-DATA]",
)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Processor threads.")
@click.option("--seed", type=int, default=42, show_default=True, help="All randomness comes from it.")
@click.option("--metric", default="f1_macro", show_default=True, help="What the engine takes for good.")
@click.option("--learner", multiple=True, metavar="NAME", help="Let the engine use only this. Repeat for more.")
@click.option("--work", type=click.IntRange(1), metavar="N", help="Fold fits of the engine instead of seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--quiet", is_flag=True, help="Do not say what is being fitted.")
def command(data: Path, **given: Any) -> None:
    """Learn each domain of the table DATA and answer all others; print and write how well it went.

    A quarter of each domain is only tested on. With N domains the engine is fitted N times on one of them, N times on
    all but one, and N times more for each number of --shots. DIR gets cells.csv, domains.json and report.html.

    \b
    Examples:
      autoglm domains reviews.csv --target sentiment --domain source --groups document
      autoglm domains reviews.csv --target sentiment --domain source --method linear --draws 5
      autoglm domains wards.parquet --target ill --domain hospital --seconds 300 --shots '' --out wards
    """
    from autoglm.core.reading import NOTES, read
    from autoglm.transfer import cross, page

    frame = read(data)
    for message in frame.attrs.get(NOTES, ()):
        _text.note(f"{data}: {message}")
    result = cross(
        frame,
        given["target"],
        given["domain"],
        _method(given, [str(name) for name in frame.columns]),
        groups=given["groups"],
        shots=given["shots"],
        train_rows=given["train_rows"],
        test_rows=given["test_rows"],
        draws=given["draws"],
        seed=given["seed"],
        say=(lambda message: None) if given["quiet"] else (lambda message: click.echo(message, err=True)),
    )
    paths = page.write(result, given["out"] or Path(f"domains-{data.name.partition('.')[0] or 'table'}"))
    files = {name: str(path) for name, path in paths.items()}
    if given["as_json"]:
        _text.write_json(page.summary(result) | {"files": files})
    else:
        click.echo(_told(result, files))


def _method(given: Mapping[str, Any], names: list[str]) -> Method:
    """Set up what learns."""
    from autoglm.core.errors import OptionError, nearest

    for name in given["text"]:
        if name not in names:
            raise OptionError(f"text: no column named {name!r}{nearest(name, names)}")
    kinds = dict.fromkeys(given["text"], "text")
    if given["method"] == "linear":
        from autoglm.transfer.linear import Linear

        return Linear(kinds, given["threads"])
    from autoglm.automl import AutoML
    from autoglm.transfer.engine import Engine

    names = ["seconds", "threads", "metric", "work"]
    recipe = AutoML(kinds=kinds, learners=list(given["learner"]) or None, **{name: given[name] for name in names})
    return Engine(recipe)


def _told(result: Transfer, files: Mapping[str, str]) -> str:
    """Write the result for people."""
    from autoglm.transfer.page import MEASURES

    parts = []
    for name, words in MEASURES.items():
        wide = result.matrix(name)
        rows = [[row, *(f"{value:.3f}" for value in wide.loc[row])] for row in wide.index]
        parts.append(f"{words}: trained on (rows), tested on (columns)\n" + _text.table(["", *result.domains], rows))
    means = [
        [row["kind"], *(f"{row[n]:.3f} ({row[f'{n}_low']:.3f} to {row[f'{n}_high']:.3f})" for n in MEASURES)]
        for row in result.means.to_dict("records")
    ]
    parts.append("means, with 95 % intervals\n" + _text.table(["", *MEASURES.values()], means))
    return "\n\n".join([*parts, _text.pairs(files, indent="")])
