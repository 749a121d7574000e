"""Predictor: rows in, answers out; backed by its saved folder from the first moment."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import bundle, encoders
from autoglm.checks import profile
from autoglm.core import frames
from autoglm.core.columns import Column, column
from autoglm.core.errors import DataError, DataWarning, FolderError, OptionError, SchemaError, listing, nearest
from autoglm.core.features import Features
from autoglm.core.files import read_json
from autoglm.core.metrics import METRICS, softmax
from autoglm.core.seed import Seed
from autoglm.core.shelf import plugin
from autoglm.core.task import Task
from autoglm.ensembles import substitutes
from autoglm.ensembles.committee import Committee
from autoglm.explainer import Explainer
from autoglm.explainers import counterfactual, modalities, sampled
from autoglm.explainers.explanation import UNITS, Explanation, score_names
from autoglm.explainers.interactions import Interactions
from autoglm.prep.gate import Gate, closed

BATCH = 100_000  # rows encoded and answered at once: bounds memory
MANY = 2_000  # rows from which more than one thread pays


@dataclass(frozen=True)
class Member:
    """One learner with settings: its fold models answer together, with one weight in the blend."""

    name: str
    learner: str
    weight: float
    models: tuple[Any, ...]


@dataclass(frozen=True)
class Predictor:
    """What a fit returns and `load` reads.

    Parameters
    ----------
    folder
        Where it is kept.
    about
        The manifest.
    files
        Folder that paths of images and sounds start from and must not leave; None: the folder of the file that a
        frame was read from, or the working directory.
    """

    folder: Path
    about: dict[str, Any] = field(repr=False)
    files: str | Path | None = None
    _home: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        home: tempfile.TemporaryDirectory[str] | None = None,
        files: str | Path | None = None,
    ) -> Predictor:
        """Read a saved predictor; see `autoglm.load`."""
        folder = Path(folder)
        return cls(folder, bundle.unseal(folder), files, home)

    @cached_property
    def task(self) -> Task:
        """What is predicted."""
        stored = self.about["task"]
        return Task(stored["kind"], stored["target"], tuple(stored["classes"]))

    @property
    def columns(self) -> list[str]:
        """Columns that `predict` needs, in any order."""
        return [c["name"] for c in self.about["columns"] if c["used"]]

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The models of the ensemble, read at the first prediction."""
        try:
            return tuple(map(self._member, self.about["members"]))
        except FileNotFoundError as error:
            raise FolderError(
                f"{str(error.filename)!r} is gone: another fit in folder {str(self.folder)!r} has replaced this "
                "predictor; load the folder again"
            ) from error

    def _member(self, entry: dict[str, Any]) -> Member:
        load = plugin("learners", entry["learner"]).Model.load
        models = tuple(load(self.folder / fit) for fit in entry["fits"])
        return Member(entry["name"], entry["learner"], entry["weight"], models)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Everything that the report shows."""
        return dict(read_json(self.folder / "summary.json"))

    def predict(self, frame: Any) -> Any:
        """Answer rows with classes or values.

        Parameters
        ----------
        frame
            pandas, polars or pyarrow table (or array, for predictors fitted on one), shape (n_rows, ...). Columns
            may stand in any order; further ones are ignored; unseen categories count as missing.

        Returns
        -------
        column of the same kind of frame, length n_rows

        Raises
        ------
        SchemaError
            A column of the training frame is missing.
        """
        rows = frames.to_pandas(frame, empty=True)
        margins = self._margins(rows)
        if self.task.kind == "regression":
            answers: NDArray[Any] = margins[:, 0]
        else:
            answers = self.task.decode(decide(softmax(margins, self.task), self.offsets))
        return frames.like(frame, pd.Series(answers, index=rows.index, name=self.task.target))

    def predict_proba(self, frame: Any) -> Any:
        """Answer rows with one probability a class (columns in order of `task.classes`).

        Raises
        ------
        DataError
            The task is a regression.
        SchemaError
            A column of the training frame is missing.
        """
        if self.task.kind == "regression":
            raise DataError(f"target {self.task.target!r} is a quantity, it has no class probabilities: use predict")
        rows = frames.to_pandas(frame, empty=True)
        share = softmax(self._margins(rows), self.task)
        return frames.like(frame, pd.DataFrame(share, index=rows.index, columns=list(self.task.classes)))

    def evaluate(self, frame: Any) -> dict[str, float]:
        """Score the answers on rows that have the target, by every metric that goes with the task.

        Raises
        ------
        DataError
            No row has a target, or one is no class seen in training, or no number.
        SchemaError
            The target, or a column of the training frame, is missing.
        """
        rows = frames.to_pandas(frame)
        if self.task.target not in rows:
            raise SchemaError(
                f"target {self.task.target!r} is not among the columns{nearest(self.task.target, rows.columns)}"
            )
        here, truth = self.task.truth(rows[self.task.target])
        return scores(truth, self._margins(rows[here]), self.task, self.offsets)

    def leaderboard(self) -> pd.DataFrame:
        """Return every candidate with its out-of-fold score, weight, folds and costs, best first."""
        return pd.DataFrame(self.summary["leaderboard"]).drop(columns=["settings"], errors="ignore")

    def explain_global(self) -> pd.DataFrame:
        """Return by column how much the score falls when it is shuffled (mean and 95 % interval), largest first."""
        found = pd.DataFrame(self.summary["columns"])
        found = found[found["importance"].notna()] if "importance" in found else found.iloc[:0]
        shown = ["name", "importance", "low", "high", "kind", "description"]
        return found.reindex(columns=shown).sort_values("importance", ascending=False, ignore_index=True)

    @property
    def modalities(self) -> pd.DataFrame:
        """Return by modality its weight, and how much the score falls without it, or with noise in its place."""
        return pd.DataFrame(self.summary.get("modalities") or [], columns=list(substitutes.COLUMNS))

    def explain_modalities(self, frame: Any) -> pd.DataFrame:
        """Say how much each modality of each row adds to its answer: exact Shapley values (Shapley 1953).

        Every set of modalities is asked for an answer; a row's values sum to its answer less the answer that knows
        nothing of the row. The unit is that of the target, or the logarithm of the answered class's probability.

        Parameters
        ----------
        frame
            As for `predict`.

        Returns
        -------
        DataFrame
            Shape (n_rows, n_modalities); "table" stands for all plain columns together (a text column of that name is
            ``"table_"``).

        Raises
        ------
        DataError
            There is one modality alone, or more than `autoglm.explainers.modalities.MOST`.
        SchemaError
            A column of the training frame is missing.
        """
        rows = frames.to_pandas(frame, empty=True)

        def answer(some: Features) -> NDArray[np.float64]:
            margins = self.blend(some, 1)
            return margins if self.task.kind == "regression" else np.log(softmax(margins, self.task))

        return pd.DataFrame(modalities.shapley(self.encode(rows), answer), index=rows.index)

    def prepare(self) -> None:
        """Load and compile what answers and explains few rows fastest, which takes seconds: a service does it first.

        Nothing is read from the folder by answers and explanations that come later.
        """
        try:
            some = self._background
        except FolderError:  # of a version that kept no rows to try it on
            return
        one = some.take(np.arange(min(1, len(some))))
        self._committee.prepare(some)
        self.explained(one)
        if self._substitute:
            self._substitutes.prepare(some)
            self._substitutes_explainer.explain(one, Seed(42), 1, 1)

    def explain(self, frame: Any, draws: int = 1, seed: int = 42, probability: bool = False) -> Explanation:
        """Say what each column of the input adds to the answer of each row (Shapley 1953).

        Values are in the unit of the margins: log-odds, log-probabilities, or the target's. Boosted trees and linear
        models are explained exactly; the rest of the blend by permutation, with standard errors. Trees compare with
        the training rows that passed their splits, linear models with the mean of the training rows, and what is left
        with 32 training rows that the folder keeps.

        Parameters
        ----------
        frame
            As for `predict`.
        draws
            Orders drawn for each of the 32 rows; standard errors fall with its root.
        seed
            Draws the orders.
        probability
            Explain probabilities instead, all of the blend by permutation.

        Raises
        ------
        DataError
            Probabilities of a regression.
        FolderError
            The folder was written by a version that could not explain.
        OptionError
            `draws` is less than 1.
        SchemaError
            A column of the training frame is missing.
        """
        if draws < 1:
            raise OptionError(f"draws={draws}: expected 1 or more orders for each row that is compared with")
        if probability and self.task.kind == "regression":
            raise DataError(f"target {self.task.target!r} is a quantity, it has no class probabilities")
        return self.explained(self.encode(frames.to_pandas(frame, empty=True)), draws, seed, probability)

    def interactions(self, frame: Any) -> Interactions:
        """Say which columns of the input act together on the answer of each row (Shapley interaction values).

        Exact for the models that can tell, boosted trees above all, in the unit of `explain`; the others are left out,
        and ``exact`` says what share of the blend is told. Summed over one column the values are those of `explain` for
        that share. A row costs 20 to 80 times as much as one of `explain`.

        Parameters
        ----------
        frame
            As for `predict`.

        Raises
        ------
        FolderError
            The folder was written by a version that could not explain.
        SchemaError
            A column of the training frame is missing.
        """
        features = self.encode(frames.to_pandas(frame, empty=True))
        values = self._explainer.interactions(features) / float(self.about["temperature"])
        if (lacking := substitutes.lacking(features, self._substitute)).any():
            some = features.take(np.flatnonzero(lacking))
            values[lacking] = self._substitutes_explainer.interactions(some)
        names, unit = score_names(self.task), UNITS[self.task.kind]
        return Interactions(tuple(self.columns), values, names, unit, self._explainer.paired)

    def flips(
        self, frame: Any, to: Any = None, fixed: Sequence[str] = (), most: int = 3
    ) -> list[dict[str, tuple[Any, Any]] | None]:
        """Say for each row the smallest change that would flip its answer.

        As few columns as possible are changed, each to a value that training rows had, and numbers by as little as
        possible. Numbers and columns of few levels can change; dates, texts and media stay.

        Parameters
        ----------
        frame
            As for `predict`.
        to
            The class that the answer shall become; None: any other.
        fixed
            Columns that must not change.
        most
            Columns that may change together.

        Returns
        -------
        list
            One a row: old and new value by column; None where no such change flips the answer, or it is `to` already.

        Raises
        ------
        DataError
            The task is a regression.
        FolderError
            The folder was written by a version that kept no profile of training.
        OptionError
            `to` is no class, `fixed` no column, or `most` less than 1.
        SchemaError
            A column of the training frame is missing.
        """
        if self.task.kind == "regression":
            raise DataError(f"target {self.task.target!r} is a quantity: only classes flip")
        if to is not None and to not in self.task.classes:
            raise OptionError(f"to={to!r}: expected one of the classes {listing(self.task.classes)}")
        if unknown := [name for name in fixed if name not in self.columns]:
            raise OptionError(f"fixed={unknown[0]!r} is not a column{nearest(unknown[0], self.columns)}")
        if most < 1:
            raise OptionError(f"most={most}: expected 1 or more columns to change")
        rows = frames.to_pandas(frame, empty=True)
        self.encode(rows)
        choices = [c for c in self._choices if c.column not in fixed]
        found = []
        for i in range(len(rows)):
            row = rows.iloc[[i]][self.columns].astype(object)
            row.attrs = dict(rows.attrs)
            change = counterfactual.smallest(row, choices, self._wanted(row, to), most)
            found.append(change and {name: (row[name].iloc[0], new) for name, new in change.items()})
        return found

    def _wanted(self, row: pd.DataFrame, to: Any) -> counterfactual.Judge:
        """Return how far rows are over the border to a class, or to any other than the row's."""
        classes = list(self.task.classes)
        now = int(self._leaning(row)[0].argmax())
        wanted = np.array([c != now if to is None else classes[c] == to for c in range(len(classes))])

        def judge(rows: pd.DataFrame) -> NDArray[np.float64]:
            leaning = self._leaning(rows)
            if wanted[now]:
                return np.full(len(rows), -1.0)
            return np.asarray(leaning[:, wanted].max(axis=1) - leaning[:, ~wanted].max(axis=1))

        return judge

    def _leaning(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return what decides labels, shape (n_rows, n_classes): log-probabilities and offsets."""
        return leanings(softmax(self._margins(rows), self.task), self.offsets)

    @cached_property
    def _choices(self) -> list[counterfactual.Choice]:
        shapes = profile.Profile.load(self.folder, self.task).columns
        numbers = [(s.name, s.edges) for s in shapes if s.measure == "number" and s.form != ","]
        found = [counterfactual.Choice(name, counterfactual.between(edges), True) for name, edges in numbers]
        return found + [counterfactual.Choice(s.name, s.levels, False) for s in shapes if s.measure == "level"]

    def explained(
        self, features: Features, draws: int = 1, seed: int = 42, probability: bool = False, threads: int | None = None
    ) -> Explanation:
        """Explain rows that are encoded already; see `explain`. Threads are as many as pay where they are not told."""
        threads = threads or (self.about["threads"] if len(features) >= MANY else 1)
        if probability:
            return self._explain_probability(features, draws, Seed(seed), threads)
        margins = self.blend(features, threads) if len(features) else np.zeros((0, self.task.scores))
        values, errors, base = self._explainer.explain(features, Seed(seed), draws, threads)
        temperature = float(self.about["temperature"])
        values, errors, base = values / temperature, errors / temperature, base / temperature
        if (lacking := substitutes.lacking(features, self._substitute)).any():
            some = features.take(np.flatnonzero(lacking))
            found = self._substitutes_explainer.explain(some, Seed(seed), draws, threads)
            values[lacking], errors[lacking], base[lacking] = found
        names, unit = score_names(self.task), UNITS[self.task.kind]
        return Explanation(tuple(self.columns), values, base, margins, errors, names, unit, self._explainer.share)

    def _explain_probability(self, features: Features, draws: int, seed: Seed, threads: int) -> Explanation:
        def answer(rows: Features) -> NDArray[np.float64]:
            return softmax(self.blend(rows, threads), self.task)

        shares = answer(features) if len(features) else np.zeros((0, len(self.task.classes)))
        values, errors = sampled.shapley(features, self._background, answer, self._explainer.players, seed, draws)
        base = np.tile(answer(self._background).mean(axis=0), (len(features), 1))
        names = tuple(map(str, self.task.classes))
        return Explanation(tuple(self.columns), values, base, shares, errors, names, "probability", 0.0)

    @cached_property
    def _background(self) -> Features:
        folder = self.folder / bundle.BACKGROUND
        if not (folder / "features.json").exists():
            raise FolderError(f"{str(self.folder)!r} keeps no rows to compare with: fit again with this version")
        return Features.load(folder)

    @cached_property
    def _explainer(self) -> Explainer:
        members = [(m.weight, m.models) for m in self.members]
        return Explainer.of(members, self.columns, self._background, self.task.scores)

    @cached_property
    def _substitutes_explainer(self) -> Explainer:
        members = [(share, [model]) for share, model in self._substitutes.seats]
        return Explainer.of(members, self.columns, self._background, self.task.scores)

    def report(self, path: str | Path | None = None) -> Path:
        """Return the path of the HTML report; copy it to `path` if given."""
        return Path(shutil.copyfile(self.folder / "report.html", path)) if path else self.folder / "report.html"

    def save(self, folder: str | Path) -> Path:
        """Copy the predictor to a folder of its own and return its path.

        Raises
        ------
        FolderError
            The folder holds something else or cannot be written.
        """
        names = [n for n in self.about["files"] if (self.folder / n).exists()]
        bundle.copy(self.folder, Path(folder), names)
        return Path(folder)

    @cached_property
    def offsets(self) -> NDArray[np.float64]:
        """Log-probability offsets of the classes that decide labels."""
        return np.array(self.about["offsets"] or np.zeros(max(1, len(self.task.classes))))

    def encode(self, rows: pd.DataFrame) -> Features:
        """Turn rows into features, as the models take them.

        Raises
        ------
        SchemaError
            A column is missing.

        Warns
        -----
        DataWarning
            Many values of a column cannot be read as in training.
        """
        absent = [name for name in self.columns if name not in rows.columns]
        if absent:
            raise SchemaError(
                f"{len(absent)} of {len(self.columns)} columns are missing: {listing(absent)}"
                f"{nearest(absent[0], map(str, rows.columns))}; expected all columns of training but the target"
            )
        if not self.columns:
            return Features(np.empty((len(rows), 0), dtype=np.float32), ())
        files = self.files or rows.attrs.get("folder")
        return self.features([column(rows[name], files) for name in self.columns])

    def features(self, columns: Sequence[Column]) -> Features:
        """Turn columns, one for each of `self.columns`, into features."""
        encodings, gates = self._encodings
        features = self._layout.features(columns)
        for message in encoders.unread(columns, encodings, features):
            warnings.warn(message, DataWarning, stacklevel=5)
        return closed(gates, features)

    @cached_property
    def _encodings(self) -> tuple[tuple[encoders.Encoding, ...], tuple[Gate, ...]]:
        encodings, gates = encoders.read(self.folder)
        stored = zip(self.about["columns"], encodings, strict=True)
        return tuple(encoding for about, encoding in stored if about["used"]), gates

    @cached_property
    def _layout(self) -> encoders.Layout:
        return encoders.Layout(self._encodings[0])

    def _margins(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return the calibrated margins of the blend, shape (n_rows, scores)."""
        if not len(rows):
            self.encode(rows)
            return np.zeros((0, self.task.scores))
        threads = self.about["threads"] if len(rows) >= MANY else 1
        parts = [
            self.blend(self.encode(rows.iloc[start : start + BATCH]), threads) for start in range(0, len(rows), BATCH)
        ]
        return np.concatenate(parts)

    def blend(self, features: Features, threads: int = 1) -> NDArray[np.float64]:
        """Return the calibrated margins of encoded rows, shape (n_rows, scores)."""
        margins = self._committee.predict(features, threads) / float(self.about["temperature"])
        if self._substitute and (lacking := substitutes.lacking(features, self._substitute)).any():
            margins[lacking] = self._substitutes.predict(features.take(np.flatnonzero(lacking)), threads)
        return margins

    @cached_property
    def _committee(self) -> Committee:
        width = sum(len(e.outputs) for e in self._encodings[0])
        return Committee.of([(m.weight, m.models) for m in self.members], width)

    @cached_property
    def _substitute(self) -> dict[str, Any]:
        """Who answers rows that lack a modality which training rows had: learner, fits, modalities."""
        return dict(self.about.get("substitute") or {})

    @cached_property
    def _substitutes(self) -> Committee:
        models = self._member({"name": "substitute", "weight": 1.0, **self._substitute}).models
        return Committee(tuple((1.0 / len(models), model) for model in models))


def decide(probability: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return class codes: the largest log-probability plus offset."""
    return np.asarray(leanings(probability, offsets).argmax(axis=1))


def leanings(probability: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what decides labels, shape (n_rows, n_classes): log-probabilities plus offsets."""
    return np.asarray(np.log(np.minimum(np.maximum(probability, 1e-12), 1.0)) + offsets)


def scores(
    truth: NDArray[Any],
    margins: NDArray[np.float64],
    task: Task,
    offsets: NDArray[np.float64],
    names: Sequence[str] = (),
) -> dict[str, float]:
    """Return every metric that goes with the task (or those named)."""
    if task.kind == "regression":
        return {m.name: float(m.function(truth, margins[:, 0])) for m in METRICS.values() if m.needs == "value"}
    probability = softmax(margins, task)
    label = decide(probability, offsets)
    found = {}
    for metric in METRICS.values():
        if (
            metric.needs == "value"
            or (metric.name == "f1" and task.kind != "binary")
            or (names and metric.name not in names)
        ):
            continue
        found[metric.name] = float(metric.function(truth, label if metric.needs == "label" else probability))
    return found
