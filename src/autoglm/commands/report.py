"""Say where a predictor's HTML report is, or copy it."""

from __future__ import annotations

from pathlib import Path

import click

from autoglm.commands import _text


@click.command("report")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Copy the report there.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that the report shows as JSON.")
def command(folder: Path, out: Path | None, as_json: bool) -> None:
    """Print the path of the HTML report of the predictor in DIR; it is one file that opens in any browser.

    \b
    Examples:
      autoglm report churn-model
      autoglm report churn-model -o churn.html
      autoglm report churn-model --json
    """
    from autoglm.core.errors import FolderError
    from autoglm.predictor import Predictor

    predictor = Predictor.load(folder)
    if not predictor.report().is_file() and not (as_json and out is None):
        raise FolderError(f"{str(predictor.report())!r} is missing: fit again, or print its content with --json")
    path = predictor.report(out / "report.html" if out and out.is_dir() else out) if out else predictor.report()
    if as_json:
        _text.write_json(predictor.summary | {"report": str(path)})
    else:
        click.echo(path)
