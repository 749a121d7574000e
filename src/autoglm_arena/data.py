"""Data sets as the referee knows them: a folder with ``rows.parquet`` and ``card.json``, written by a source script.

A source is a script in ``sources/`` with its dependencies in its own header: ``names`` prints its lists of data sets,
``write NAME FOLDER [--features]`` stores one. Every contestant gets the same rows of the same folder.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from autoglm_arena import venvs
from autoglm_arena.errors import ArenaError
from autoglm_arena.home import home

SOURCES = Path(__file__).parent / "sources"
PART = "__part__"  # column that says to which part of a given split a row belongs
SHARE = 0.25  # of the rows that are tested on where no split is given
RARE = 20  # the imbalanced scenario keeps one row of a thinned class for so many of the largest one
FEWEST = 8  # rows of a class in the imbalanced scenario, below which a split teaches and tests nothing
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


@dataclass(frozen=True, eq=False)
class Data:
    """A data set on the disk.

    Parameters
    ----------
    card
        name, title, modality, task, target, source and split: ``"official"``, ``"folds"`` or ``"random"``. Where it
        has ``folder``, paths in the rows start from there; where it has ``by``, that column is hidden from contestants
        and the measures are told for each of its values too.
    folder
        Where the rows are.
    hash
        SHA-256 of the rows.
    """

    card: dict[str, Any]
    folder: Path
    hash: str

    def rows(self) -> pd.DataFrame:
        """Read the rows."""
        return pd.read_parquet(self.folder / "rows.parquet")


def lists() -> dict[str, list[str]]:
    """Map the name of each list to its data sets, over all sources; nothing is installed or run for it."""
    return {name: list(group) for script in _scripts() for name, group in _literal(script, "LISTS").items()}


def get(name: str, *, features: bool = False) -> Data:
    """Return a data set, written on first use.

    Raises
    ------
    ArenaError
        It could not be written; the source's last words are in the message.
    """
    script = next(s for s in _scripts() if any(name in group for group in _literal(s, "LISTS").values()))
    maker = venvs.package() if features and venvs.ours(script) else ""
    origin = hashlib.sha256(script.read_bytes() + (os.environ.get("AUTOGLM_DATA", "") + maker).encode()).hexdigest()[:8]
    folder = home("data", f"{name.replace('/', '--')}{'@features' * features}-{origin}")
    if not (folder / "card.json").exists():
        _write(script, name, folder, features)
    digest = hashlib.file_digest(open(folder / "rows.parquet", "rb"), "sha256").hexdigest()  # noqa: SIM115
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return Data(card, folder, digest)


def _write(script: Path, name: str, folder: Path, features: bool) -> None:
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    command = [str(word) for word in (venvs.python(script), "-P", script, "write", name, aside)]
    done = subprocess.run(command + ["--features"] * features, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(aside)
        raise ArenaError(f"data set {name!r} could not be written: {(done.stderr or done.stdout).strip()[-400:]}")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


def _scripts() -> list[Path]:
    return sorted(SOURCES.glob("*.py"))


def _literal(script: Path, name: str) -> Any:
    """Return the literal that a script assigns to a name, without running the script."""
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise ArenaError(f"{script.name} does not say {name} = ...")


def split(rows: pd.DataFrame, card: dict[str, Any], seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to learn from and the rows to test on, without the column `PART`.

    Given parts stay as given, validation rows are learned from; seed k tests on the k-th given fold. Without a given
    split a quarter is tested on, stratified for classes, fixed by the seed.
    """
    if PART in rows:
        parts = rows[PART].astype(str)
        rows = rows.drop(columns=PART)
        if card["split"] == "folds":
            folds = sorted(parts.unique(), key=lambda fold: int(fold.split()[-1]))
            held = parts == folds[(seed - 1) % len(folds)]
        else:
            held = parts == "test"
        train, test = rows[~held], rows[held]
    else:
        classes = None if card["task"] == "regression" else rows[card["target"]]
        train, test = train_test_split(rows, test_size=SHARE, random_state=seed, stratify=classes)
    return train.reset_index(drop=True), test.reset_index(drop=True)


def imbalanced(rows: pd.DataFrame, card: dict[str, Any], seed: int) -> pd.DataFrame:
    """Thin the rarer half of the classes to one row for every `RARE` of the largest class, in each part alike.

    Raises
    ------
    ArenaError
        It is a regression, or a class would keep fewer than `FEWEST` rows.
    """
    if card["task"] == "regression":
        raise ArenaError("a regression has no classes to thin")
    sizes = rows[card["target"]].value_counts()
    rare = list(sizes.index[(len(sizes) + 1) // 2 :])
    keep = int(sizes.iloc[0]) // RARE
    if keep < FEWEST:
        raise ArenaError(f"1 in {RARE} would leave {keep} rows of a class, fewer than {FEWEST}")
    chosen = np.ones(len(rows), dtype=bool)
    generator = np.random.default_rng(seed)
    for label in rare:
        of_class = np.flatnonzero(rows[card["target"]] == label)
        if len(of_class) > keep:
            chosen[generator.choice(of_class, len(of_class) - keep, replace=False)] = False
    return rows[chosen].reset_index(drop=True)
