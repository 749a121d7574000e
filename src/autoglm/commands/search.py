"""Find the rows of a table whose picture, sound or text is nearest to a query."""

from __future__ import annotations

from pathlib import Path

import click

from autoglm.commands import _text


@click.command("search")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--in", "modality", required=True, metavar="COLUMN", help="What is searched, or table.")
@click.option("--query", multiple=True, required=True, metavar="COLUMN=VALUE", help="What is sought. Repeat for more.")
@click.option("-n", "--count", type=click.IntRange(1), default=10, show_default=True, help="Rows to find.")
@click.option("--files", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Where paths start.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of rows.")
def command(folder: Path, modality: str, query: tuple[str, ...], count: int, files: Path | None, as_json: bool) -> None:
    """Search the space that `autoglm embed` has saved in DIR; rows are numbered from 1.

    \b
    Example:
      autoglm search space --in flag --query names="red and white stripes" -n 5
    """
    from autoglm.space import Space

    split = [item.partition("=") for item in query]
    if wrong := [item for item, (_, sign, _) in zip(query, split, strict=True) if not sign]:
        raise click.BadParameter(f"{wrong[0]!r}: expected COLUMN=VALUE", param_hint="--query")
    found = Space.load(folder, files).search({name: value for name, _, value in split}, modality, count)
    found["row"] += 1
    if as_json:
        _text.write_json(found.to_dict("records"))
    else:
        click.echo(_text.table(("row", "likeness"), found.to_numpy().tolist(), indent=""))
