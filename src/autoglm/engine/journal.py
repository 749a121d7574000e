"""The journal: a folder in which every finished fit is kept at once, so that a kill loses only fits in hand.

``run/run.json`` says what is being fitted, ``run/data`` holds the features that workers map into memory,
``run/fits/NAME/REPEAT.FOLD/`` one finished fit each (model files, out-of-fold margins, ``fit.json``), put in
place by one rename.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm.core.errors import FolderError
from autoglm.core.features import Features
from autoglm.core.files import plain, read_json, write_array, write_json
from autoglm.core.task import Task
from autoglm.engine.splits import Splits


@dataclass(frozen=True)
class Candidate:
    """A learner with settings, known by a name that is the same in every run.

    Parameters
    ----------
    learner
        Name of the plug-in.
    settings
        What differs from its defaults.
    rows
        Training rows at most (0: all); the safety net's first fits on long tables are made on a sample.
    """

    learner: str
    settings: dict[str, Any]
    rows: int = 0

    @property
    def name(self) -> str:
        """A short name: the learner and a hash of the settings."""
        text = json.dumps([self.learner, plain(self.settings), self.rows], sort_keys=True)
        return f"{self.learner}-{hashlib.blake2b(text.encode(), digest_size=3).hexdigest()}"


@dataclass(frozen=True)
class Fit:
    """A finished fit of one candidate on one fold."""

    candidate: str
    repeat: int
    fold: int
    seconds: float
    microseconds: float  # to predict one row among many, one thread
    elapsed: float  # seconds since the call when it was finished
    folder: Path

    @property
    def margins(self) -> NDArray[np.float32]:
        """Out-of-fold margins of the judging rows, shape (n_judging, scores)."""
        found: NDArray[np.float32] = np.load(self.folder / "oof.npy", allow_pickle=False)
        return found

    @property
    def corrected(self) -> bool:
        """Whether the judging rows had a say in the model."""
        return (self.folder / "judged.npy").exists()

    @property
    def honest(self) -> NDArray[np.float32]:
        """The margins by rounds that no judging row had a say in; see `prep.stopping`."""
        if not self.corrected:
            return self.margins
        found: NDArray[np.float32] = np.load(self.folder / "judged.npy", allow_pickle=False)
        return found


class Journal:
    """The run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.fits = folder / "fits"

    def open(self, identity: dict[str, Any], fresh: bool) -> float:
        """Start or continue a run; return the seconds that earlier calls have spent.

        Raises
        ------
        FolderError
            The folder holds a run on other data, target or seed, or cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = None if fresh else self._found()
            if found and found["identity"] != plain(identity):
                differs = [k for k, v in plain(identity).items() if found["identity"].get(k) != v]
                raise FolderError(
                    f"folder {str(self.folder.parent)!r} holds a run that differs in {', '.join(differs)}: "
                    "choose another folder, or start afresh with fresh=True (--fresh)"
                )
            if found:
                return float(found["spent"])
            if self.fits.exists():
                shutil.rmtree(self.fits)
            self.spend(identity, 0.0)  # before anything else: by it the folder is known as ours
        except OSError as error:
            if isinstance(error, FolderError):
                raise
            raise FolderError(f"cannot write to folder {str(self.folder)!r}: {error.strerror or error}") from error
        return 0.0

    def _found(self) -> dict[str, Any] | None:
        path = self.folder / "run.json"
        if not path.exists():
            return None
        try:
            found = dict(read_json(path))
            return {"identity": dict(found["identity"]), "spent": float(found["spent"])}
        except (ValueError, KeyError, TypeError) as error:
            cure = "choose another folder, or start afresh with fresh=True (--fresh)"
            raise FolderError(f"{str(path)!r} is damaged ({error}): {cure}") from error

    def spend(self, identity: dict[str, Any], seconds: float) -> None:
        """Note how many seconds the run has had."""
        write_json(self.folder / "run.json", {"identity": identity, "spent": seconds})

    def put(self, features: Features, target: NDArray[Any], splits: Splits, task: Task) -> None:
        """Write what workers need."""
        features.save(self.data)
        write_array(self.data / "target.npy", target)
        write_array(self.data / "parts.npy", splits.parts)
        if splits.groups is not None:
            write_array(self.data / "groups.npy", splits.groups)
        about = asdict(task) | {"count": splits.count, "ordered": splits.ordered, "grouped": splits.groups is not None}
        write_json(self.data / "task.json", about | {"classes": list(range(len(task.classes)))})

    def place(self, candidate: Candidate, repeat: int, fold: int) -> Path:
        """Return where a fit is kept."""
        return self.fits / candidate.name / f"{repeat}.{fold}"

    def finished(self) -> list[Fit]:
        """Return every finished fit, in order of names; remains of killed fits are removed."""
        found = []
        for folder in sorted(self.fits.glob("*/*")):
            try:
                found.append(read_fit(folder))
            except (OSError, ValueError, KeyError):  # killed before it was put in place, or damaged since
                shutil.rmtree(folder, ignore_errors=True)
        return found

    def candidates(self) -> dict[str, Candidate]:
        """Return the candidates that have at least one finished fit."""
        records = (read_json(path) for path in sorted(self.fits.glob("*/*/fit.json")))
        return {c.name: c for c in (Candidate(**r["candidate"]) for r in records)}


def read_fit(folder: Path) -> Fit:
    """Read the record of a finished fit."""
    about = read_json(folder / "fit.json")
    repeat, _, fold = folder.name.partition(".")
    return Fit(
        candidate=folder.parent.name,
        repeat=int(repeat),
        fold=int(fold),
        seconds=about["seconds"],
        microseconds=about["microseconds"],
        elapsed=about["elapsed"],
        folder=folder,
    )


def commit(aside: Path, place: Path) -> None:
    """Put a finished fit in place; a fit that is already there stays."""
    try:
        os.rename(aside, place)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
