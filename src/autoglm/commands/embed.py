"""Learn one space for the columns of a table, in which a text finds a picture."""

from __future__ import annotations

from pathlib import Path

import click

from autoglm.commands import _text


@click.command("embed")
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder to save in.  [default: space-TABLE]"
)
@click.option("--size", type=click.IntRange(2, 1024), default=64, show_default=True, help="Numbers of a vector.")
@click.option("--seconds", type=float, default=60, show_default=True, help="Wall-clock seconds.")
@click.option("--threads", type=int, default=2, show_default=True, help="Processor threads.")
@click.option("--seed", type=int, default=42, show_default=True, help="All randomness comes from it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(table: Path, out: Path | None, size: int, seconds: float, threads: int, seed: int, as_json: bool) -> None:
    """Learn where the texts, images, sounds and embeddings of TABLE lie in one space, and save it.

    Prints how often a row that was held out finds its own partner among the others, beside chance.

    \b
    Example:
      autoglm embed flags.csv --out space
      autoglm search space --in flag --query names="red and white stripes"
    """
    from autoglm.core import reading
    from autoglm.space import SharedSpace

    space = SharedSpace(size, seconds, threads, seed).fit(reading.read(table))
    folder = space.save(out or Path(f"space-{table.name.partition('.')[0]}"))
    if as_json:
        _text.write_json({"space": str(folder), "held": space.held, "recall": space.recall.to_dict("records")})
        return
    rows = space.recall.to_numpy().tolist()
    click.echo(f"{space.held} rows were held out; of them so many find their partner among the nearest")
    click.echo(_text.table(("from", "to", "nearest", "share", "by chance"), rows))
    click.echo(f"space  {folder}")
