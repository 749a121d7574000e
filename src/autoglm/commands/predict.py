"""Answer the rows of a table with a saved predictor."""

from __future__ import annotations

import warnings
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autoglm.commands import _rows, _text

if TYPE_CHECKING:
    import pandas as pd

    from autoglm.predictor import Predictor


@click.command("predict")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File to write: .csv, .tsv, .parquet, .feather, .arrow, .jsonl, .json, also packed (.gz).",
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where paths of images and sounds start.  [default: the folder of ROWS]",
)
@click.option("--proba", is_flag=True, help="Add the probability of each class.")
@click.option("--keep", is_flag=True, help="Keep all columns of ROWS instead of the row number.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of rows, or with -o what was written.")
def command(
    folder: Path, rows: Path, out: Path | None, files: Path | None, proba: bool, keep: bool, as_json: bool
) -> None:
    """Answer the rows of the table ROWS (- for standard input) with the predictor in DIR.

    Answers are CSV on standard output unless -o says where: the row number (from 1) and the answer in a
    column named after the target. Columns may stand in any order; unseen categories count as missing.

    \b
    Examples:
      autoglm predict churn-model new.csv
      autoglm predict churn-model new.parquet --proba --keep -o answers.parquet
      head -n 5 new.csv | autoglm predict churn-model -
    """
    from autoglm.core import reading
    from autoglm.core.errors import DataWarning
    from autoglm.predictor import Predictor

    predictor = Predictor.load(folder, files=files)
    with _rows.as_file(rows) as path:
        frame = reading.read(path)
    if path != rows:
        del frame.attrs["folder"]  # standard input lies in no folder: paths start from the working directory
    for message in frame.attrs.get(reading.NOTES, ()):
        _text.note(f"{rows}: {message}")
    with warnings.catch_warnings(record=True) as odd:
        warnings.simplefilter("always", DataWarning)
        answers = _answers(predictor, frame, proba, keep)
    for message in dict.fromkeys(str(w.message) for w in odd if issubclass(w.category, DataWarning)):
        _text.note(f"{rows}: {message}")
    if out is not None:
        reading.write(answers, out)
        written = {"rows": len(answers), "columns": list(answers.columns), "file": str(out)}
        if as_json:
            _text.write_json(written)
        else:
            _text.note(f"{len(answers)} rows written to {out}")
    elif as_json:
        _bytes(answers.to_json(orient="records", date_format="iso", force_ascii=False, indent=1) + "\n")
    else:
        _bytes(answers.to_csv(index=False))


def _answers(predictor: Predictor, frame: pd.DataFrame, proba: bool, keep: bool) -> pd.DataFrame:
    """Put the answers beside the row number or the columns given; a name that is taken gets a suffix."""
    import pandas as pd

    target = predictor.task.target
    found = {target: predictor.predict(frame)}
    if proba:
        shares = predictor.predict_proba(frame)
        found |= {f"{target}={name}": shares[name] for name in shares.columns}
    answers = pd.DataFrame(found, index=frame.index)
    beside = frame if keep else pd.DataFrame({"row": range(1, len(frame) + 1)}, index=frame.index)
    names: list[str] = []
    for name in answers.columns:
        names.append(_free(name, {*beside.columns, *names}))
    return pd.concat([beside, answers.set_axis(names, axis=1)], axis=1)


def _free(name: str, taken: set[str]) -> str:
    """Return the first that is not taken of name, name_predicted, name_predicted2, name_predicted3, ..."""
    choices = chain([name, f"{name}_predicted"], (f"{name}_predicted{i}" for i in count(2)))
    return next(choice for choice in choices if choice not in taken)


def _bytes(text: str) -> None:
    """Write UTF-8 to standard output whatever the terminal's encoding: it is a file's content."""
    click.echo(text.encode("utf-8", "replace"), nl=False)
