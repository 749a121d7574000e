"""Say how a shadow agrees with the service it looks on: answers, explanations, coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from autoglm.commands import _text


@click.group("shadow")
def command() -> None:
    """Say how a shadow agrees with the service it looks on: answers, explanations, coverage.

    \b
    Example:
      autoglm shadow report shadow.sqlite
    """


@command.command("report")
@click.argument("store")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The predictor that answered.  [default: where the store says]",
)
@click.option(
    "--rows", type=click.IntRange(1), default=1000, show_default=True, help="Most rows to explain again, the newest."
)
@click.option("--late", type=float, default=5.0, show_default=True, help="Seconds from which a request is abnormal.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def report(store: str, folder: Path | None, rows: int, late: float, as_json: bool) -> None:
    """Sum up STORE: a file, sqlite:///FILE or postgresql://USER:PASSWORD@HOST/BASE.

    Explanations of the newest rows are computed again here and compared with those of the shadow. Requests that were
    dropped, and those that still wait as dead letters, count against coverage.
    """
    from autoglm.core.errors import DataError
    from autoglm.serving import agreement
    from autoglm.serving.store import Store

    if "://" not in store and not Path(store).is_file():
        raise DataError(f"no store {store!r}: expected a file that a shadow has written, or a base's address")
    found = agreement.report(Store(store), folder, rows, late)
    if as_json:
        _text.write_json(found)
    else:
        click.echo(_text.pairs(_lines(found), indent=""))


def _lines(found: dict[str, Any]) -> dict[str, object]:
    """Return what a person reads."""
    covered, odd = found["coverage"], found["abnormal"]
    lines: dict[str, object] = {
        "requests": f"{found['requests']:,} ({found['rows']:,} rows)",
        "coverage": f"{covered['share']:.2%} ({covered['dead']:,} wait as dead letters, {covered['lost']:,} lost)",
        "abnormal": f"{odd['share']:.2%} (errors {odd['error']}, non-finite {odd['non_finite']}, not additive "
        f"{odd['not_additive']}, late {odd['late']})",
    }
    if agreed := found["agreement"]:
        equal = "" if agreed["equal"] is None else f"{agreed['equal']:.2%} labels equal, "
        lines["agreement"] = f"{equal}mean difference {agreed['difference']:.3g} over {agreed['rows']:,} rows"
    if why := found["explanations"]:
        pearson = "-" if why["pearson"] is None else f"{why['pearson']:.9f}"
        lines["explanations"] = (
            f"Pearson {pearson}, key features in the same order {why['top_equal']:.2%}, largest gap "
            f"{why['largest_gap']:.2g}, over {why['rows']:,} rows"
        )
    for name, words in (("seconds", "time in the shadow"), ("waited", "time until then")):
        if spread := found[name]:
            lines[words] = f"mean {spread['mean']:.4f} s, P50 {spread['p50']:.4f} s, P95 {spread['p95']:.4f} s"
    return lines
