"""Data sets, one file each: official files read as they are published, and miniatures that need no download.

A data-set module holds

* ``CARDS: dict[str, Card]``: task (``""`` where there is one only) → card; ``"sst2"`` of the module ``glue`` is the
  data set ``"glue/sst2"``;
* ``read(folder, task) -> Dataset``: read the official layout in `folder`;
* where a miniature can be made, ``write_mini(folder)``: write real data of another source in the same layout, and
  ``MINI: Mini``: say what it really is. It is the data set ``"glue-mini/sst2"``, read by the same ``read``.

Modules import what an extra brings inside these functions, so that every card can be read without it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from autoglm.core import shelf
from autoglm.core.errors import DataError, MissingExtraError, OptionError, nearest
from autoglm.core.files import cache

if TYPE_CHECKING:
    import pandas as pd

    from autoglm.core.dataset import Card, Dataset

ROOT = "AUTOGLM_DATA"


def names() -> list[str]:
    """Names of all data sets and tasks, miniatures included; third parties' only where they can be imported."""
    found = []
    for base in shelf.plugins("datasets"):
        try:
            module = shelf.plugin("datasets", base)
        except MissingExtraError:
            continue
        for suffix in ("", "-mini") if hasattr(module, "write_mini") else ("",):
            found += [f"{base}{suffix}/{task}".rstrip("/") for task in module.CARDS]
    return sorted(found)


def card(name: str) -> Card:
    """Return the card of a data set.

    Raises
    ------
    OptionError
        No such data set; the nearest name is offered.
    MissingExtraError
        It comes from a package whose dependency is not installed.
    """
    base, mini, task = _parts(name)
    module = _module(name)
    found: Card = module.CARDS[task]
    if not mini:
        return found
    about = module.MINI
    return replace(
        found,
        name=name,
        title=f"{about.title} ({task})" if task else about.title,
        folder=f"{base}-mini",
        source=about.source,
        licence=about.licence,
        citation=about.source,
        size=about.size,
        archives=(),
        miniature_of=found.name,
        note=about.note,
    )


def load(name: str, folder: Path | str | None = None) -> Dataset:
    """Read a data set; a miniature is written first, if that was not done before.

    Parameters
    ----------
    name
        One of `names`.
    folder
        What stands in for ``$AUTOGLM_DATA`` (of a miniature: for the cache).

    Raises
    ------
    OptionError
        No such data set.
    DataError
        Its files are not there, or are not whole.
    MissingExtraError
        An optional dependency is not installed.

    Examples
    --------
    >>> from autoglm import datasets
    >>> datasets.load("mnist-mini").frame.shape
    (1797, 3)
    """
    place = locate(name, folder)
    found: Dataset = _module(name).read(place, _parts(name)[2])
    return replace(found, card=card(name))


def locate(name: str, folder: Path | str | None = None) -> Path:
    """Return the folder that holds the official layout; a miniature is written there, if it is not yet.

    Parameters and errors are those of `load`.
    """
    about = card(name)
    if about.miniature_of:
        return _written(name, Path(folder) if folder is not None else (cache() / "datasets"))
    root = folder if folder is not None else os.environ.get(ROOT)
    place = Path(root) / about.folder if root else None
    if place is None or not place.is_dir():
        raise DataError(f"{_absent(name, place, about)}; {_cure(name)}")
    return place


def fetch(name: str, folder: Path | str | None = None, say: Callable[[str], None] | None = None) -> Path:
    """Download a data set from its publisher, check it, unpack it; go on where an earlier call was cut off.

    Parameters
    ----------
    name
        One of `names`; a miniature is only written.
    folder
        What will be ``$AUTOGLM_DATA``; that variable where not given.
    say
        Is told what is done, a line each.

    Returns
    -------
    Path
        The folder with the official layout.

    Raises
    ------
    DataError
        There is no file to be had without asking the publisher, the server did not give it, or a checksum differs.
    """
    about = card(name)
    if about.miniature_of:
        return locate(name, folder)
    root = folder if folder is not None else os.environ.get(ROOT)
    if not root:
        raise DataError(f"{name!r}: nowhere to put it; name a folder or set ${ROOT}")
    if not about.archives:
        raise DataError(f"{name!r} has no file that a program may fetch: see {about.source}. {about.note}")
    from autoglm.datasets import _archives

    place = Path(root) / about.folder
    _archives.fetch(about.archives, place, say or (lambda _: None))
    return place


def features(dataset: Dataset) -> pd.DataFrame:
    """Turn any data set into numbers by the classical features of its modality, fitted to nothing but training rows.

    Images: `autoglm.prep.pixels` (several bands: `autoglm.prep.bands`); sounds: `autoglm.prep.sound`; texts:
    `autoglm.prep.words`; a table stays as it is.

    Returns
    -------
    DataFrame
        One row a row of the data set, in its order: float32 features, the target and `PART`. A column of groups is no
        feature.
    """
    from autoglm.datasets import _numbers

    return _numbers.features(dataset)


def _parts(name: str) -> tuple[str, bool, str]:
    """Split ``"glue-mini/sst2"`` into ``("glue", True, "sst2")``."""
    head, _, task = name.partition("/")
    return head.removesuffix("-mini"), head.endswith("-mini"), task


def _module(name: str) -> ModuleType:
    base, mini, task = _parts(name)
    if base not in shelf.plugins("datasets"):
        raise OptionError(f"no data set named {name!r}{nearest(name, names())} (known: {', '.join(names())})")
    module = shelf.plugin("datasets", base)
    if task not in module.CARDS:
        known = [f"{base}/{task}".rstrip("/") for task in module.CARDS]
        raise OptionError(f"no data set named {name!r}{nearest(name, known)} (known: {', '.join(known)})")
    if mini and not hasattr(module, "write_mini"):
        raise OptionError(f"{name!r}: {base!r} has no miniature; its own module says why")
    return module


def _absent(name: str, place: Path | None, about: Card) -> str:
    if place is None:
        return f"{name!r}: ${ROOT} is not set, so its folder {about.folder!r} cannot be looked for"
    return f"{name!r}: looked for the folder {str(place)!r}, it is not there"


def _cure(name: str) -> str:
    about = card(name)
    fetched = f"`autoglm data fetch {name}`" if about.archives else f"{about.source} (it has to be asked for)"
    base, _, task = _parts(name)
    mini = f"{base}-mini/{task}".rstrip("/")
    return f"get it: {fetched}" + (f"; or use the miniature {mini!r}" if mini in names() else "")


def _written(name: str, root: Path) -> Path:
    """Write a miniature aside and rename the folder: a reader sees all of it or nothing."""
    base, module = _parts(name)[0], _module(name)
    # A newer version may write other files, so the folder is named after what wrote it.
    place = root / f"{base}-mini" / hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()[:8]
    if place.is_dir():
        return place
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    aside.mkdir(parents=True)
    try:
        module.write_mini(aside)
        os.replace(aside, place)
    except OSError:
        if not place.is_dir():  # else another process was faster, and its files are the same
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return place
