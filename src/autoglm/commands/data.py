"""List the data sets, show their cards, download them, write them as tables."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoglm.commands import _text

if TYPE_CHECKING:
    import pandas as pd

ROWS, CARD = "rows.parquet", "card.json"


@click.group("data")
def command() -> None:
    """List the data sets, show their cards, download them, write them as tables.

    Sets are looked for below $AUTOGLM_DATA. Those that end in -mini are small real stand-ins that need no
    download; they are kept in $AUTOGLM_CACHE (~/.cache/autoglm).

    \b
    Examples:
      autoglm data list
      autoglm data card mnist
      autoglm data fetch mnist --folder data
      autoglm data write mnist-mini digits --features
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the cards as a JSON list.")
def list_(as_json: bool) -> None:
    """List all data sets: name, what they hold, task, title.

    \b
    Example:
      autoglm data list
    """
    from autoglm import datasets

    cards = [datasets.card(name) for name in datasets.names()]
    if as_json:
        _text.write_json([asdict(card) for card in cards])
    else:
        rows = [[card.name, card.modality, card.kind, card.title] for card in cards]
        click.echo(_text.table(("name", "holds", "task", "title"), rows, indent=""))


@command.command("card")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def card(name: str, as_json: bool) -> None:
    """Say what a stranger needs to know of the data set NAME.

    \b
    Example:
      autoglm data card sentinel2-mini/rgb
    """
    from autoglm import datasets

    found = asdict(datasets.card(name))
    if as_json:
        _text.write_json(found)
        return
    archives = found.pop("archives")
    facts = {key.replace("_", " "): ", ".join(v) if isinstance(v, tuple) else v for key, v in found.items() if v}
    click.echo(_text.pairs(facts, indent=""))
    for archive in archives:
        stated = f"{archive['checksum']} (stated by {archive['stated_by']})" if archive["checksum"] else "no checksum"
        click.echo(f"\narchive  {archive['url']}\n         {stated}")


@command.command("fetch")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="What is or will be $AUTOGLM_DATA; that variable where not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where it is as JSON.")
def fetch(name: str, folder: Path | None, as_json: bool) -> None:
    """Download the data set NAME from its publisher, check it and unpack it.

    Called again after a break, it goes on where it was. Mind the licence on the card.

    \b
    Example:
      autoglm data fetch cifar10 --folder data
    """
    from autoglm import datasets

    place = datasets.fetch(name, folder, _text.note)
    if as_json:
        _text.write_json({"name": name, "folder": str(place)})
    else:
        click.echo(place)


@command.command("write")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--features", is_flag=True, help="Write numbers that sum up each text, image or sound, instead of it.")
@click.option("--rows", type=click.IntRange(min=1), metavar="N", help="At most N rows of each part, evenly spaced.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def write(name: str, folder: Path, features: bool, rows: int | None, as_json: bool) -> None:
    """Write the data set NAME as a table that `autoglm fit` reads, with its card.

    FOLDER gets rows.parquet (features, target, and __part__: train, validation, test or a fold) and
    card.json (the card, the number of rows, the hash of the rows, whether it is a miniature, and the
    folder that paths of images and sounds start from).

    \b
    Examples:
      autoglm data write mnist-mini digits --features
      autoglm data write sentinel2/rgb patches --rows 1000
    """
    from dataclasses import replace

    from autoglm import datasets

    found = datasets.load(name)
    if rows is not None:
        found = replace(found, frame=_thinned(found.frame, rows))
    about = _write(datasets.features(found) if features else found.frame, folder)
    about = asdict(found.card) | about | {"features": features, "miniature": bool(found.card.miniature_of)}
    about["folder"] = str(found.folder.resolve())
    from autoglm.core.files import write_json

    write_json(folder / CARD, about)
    if as_json:
        _text.write_json(about)
    else:
        _text.note(f"{about['rows']} rows written to {folder / ROWS}, their card to {folder / CARD}")


def _thinned(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Keep evenly spaced rows of each part: files are often sorted by class, so the first ones will not do."""
    import numpy as np

    from autoglm.core.dataset import PART

    kept = np.zeros(len(frame), dtype=bool)
    for part in frame[PART].unique():
        places = np.flatnonzero(frame[PART] == part)
        kept[places[np.linspace(0, len(places) - 1, min(rows, len(places))).astype(int)]] = True
    return frame[kept].reset_index(drop=True)


def _write(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    from autoglm.core.files import sha256, write_bytes

    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)  # never an old card beside new rows
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(folder / ROWS, buffer.getvalue())
    return {"rows": len(frame), "columns": list(frame.columns), "sha256": sha256(folder / ROWS)}
