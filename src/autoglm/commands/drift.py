"""Compare a table's rows with what a saved predictor was trained on."""

from __future__ import annotations

from pathlib import Path

import click

from autoglm.commands import _rows, _text

LARGE = 3  # exit code where a column has shifted by much


@click.command("drift")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Probability of finding anything where nothing has changed.",
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where paths of images and sounds start.  [default: the folder of ROWS]",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(folder: Path, rows: Path, level: float, files: Path | None, as_json: bool) -> None:
    """Compare the rows of the table ROWS (- for standard input) with the training rows of the predictor in DIR.

    The population stability index of every column and of the answers, less what chance gives so many rows: from 0.1
    a moderate shift, from 0.25 a large one, where chance is ruled out too. Exits with 3 when there is a large one.

    \b
    Examples:
      autoglm drift churn-model this-week.csv
      autoglm drift churn-model this-week.csv --json
    """
    from autoglm.checks.profile import Profile
    from autoglm.checks.shift import shifts
    from autoglm.core import reading
    from autoglm.core.columns import column
    from autoglm.predictor import Predictor

    predictor = Predictor.load(folder, files=files)
    profile = Profile.load(folder, predictor.task)
    with _rows.as_file(rows) as path:
        frame = reading.read(path)
    if path != rows:
        del frame.attrs["folder"]
    values = predictor.predict(frame) if predictor.task.kind == "regression" else predictor.predict_proba(frame)
    columns = [column(frame[shape.name]) for shape in profile.columns]
    found = shifts(profile, profile.codes(columns, values.to_numpy()), level)
    if as_json:
        _text.write_json({"rows": len(frame), "level": level, "shifts": [shift.json() for shift in found]})
    else:
        head = ("column", "shift", "psi", "ks", "p", "most", "then", "now")
        lines = [
            (s.name, s.verdict, s.psi, s.ks if s.ks == s.ks else None, s.p, s.bins[0], s.bins[1], s.bins[2])
            for s in found
        ]
        click.echo(_text.table(head, lines, indent=""))
    if any(shift.verdict == "large" for shift in found):
        click.get_current_context().exit(LARGE)
