"""AutoML → Predictor: the line itself, from a table and a number of seconds to a saved predictor."""

from __future__ import annotations

import hashlib
import json
import operator
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import __version__, bundle, encoders
from autoglm.core import frames, moments, shelf
from autoglm.core.budget import Budget, default_memory
from autoglm.core.columns import Column, cell_text, column
from autoglm.core.errors import DataError, FitError, OptionError, listing, nearest
from autoglm.core.features import Features
from autoglm.core.metrics import Metric, identity_of, metric_for, tried
from autoglm.core.reading import NOTES
from autoglm.core.seed import Seed
from autoglm.core.task import Task, infer, numeric
from autoglm.engine import claim, measures, splits
from autoglm.engine.journal import Journal
from autoglm.engine.pool import Pool
from autoglm.engine.race import BLEND_ROWS, Race
from autoglm.engine.run import Event, Progress, Run
from autoglm.engine.schedule import waves
from autoglm.finish import findings, finish
from autoglm.predictor import Predictor
from autoglm.prep import sources
from autoglm.prep.gate import Gate, gates
from autoglm.prep.sources import Sources
from autoglm.progress import shown

LONG_CELLS = 6_000_000  # rows x features from which one worker with all threads replaces one a thread
LOOKING = 0.4  # share of the seconds that may go into looking at images and sounds
SEARCHES = ("tpe", "ppo", "pool", "random", "none")


@dataclass(frozen=True)
class Table:
    """A frame made ready: columns, what they are, features and target, all of the rows that have a target.

    `asked` holds the settings that are not the defaults, for those who want to fit again; an array is an Ellipsis.
    """

    task: Task
    metric: Metric
    columns: list[Column]
    kinds: list[str]
    encodings: tuple[encoders.Encoding, ...]
    features: Features
    target: NDArray[Any]
    groups: NDArray[Any] | None
    time: NDArray[Any] | None
    dropped: int
    notes: tuple[str, ...]
    sources: Sources | None = None
    gates: tuple[Gate, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AutoML:
    """The recipe: how long, with how much of the machine, and what counts as good.

    Parameters
    ----------
    seconds
        Wall-clock seconds from the call of `fit` to the saved folder.
    threads
        Processor threads.
    seed
        All randomness comes from it.
    metric
        ``"auto"`` (roc_auc, log_loss or rmse by task), a name (see `autoglm.core.metrics.METRICS`), a function
        (truth, answers) -> score, greater is better, or a `Metric`.
    folder
        Where to keep the run and the predictor. With a folder a killed fit continues when the same call is
        made again, and a longer one extends it; without, a temporary folder is used.
    task
        ``"binary"``, ``"multiclass"``, ``"regression"`` or None: found out from the target.
    kinds
        Column name → kind (number, boolean, category, date, text, image, audio, identifier, constant), where you know
        better.
    files
        Folder that paths of images and sounds start from and must not leave; None: the folder of the file that the
        frame was read from, or the working directory.
    work
        Fold fits instead of seconds: the same seed gives bit-identical predictors on one machine, whatever its
        load and the number of threads.
    memory
        Bytes that workers may hold together; None: three quarters of what is free.
    learners
        Names of the learners to use; None: all that are installed.
    search
        ``"tpe"``, ``"ppo"``, ``"pool"``, ``"random"`` or ``"none"``: what proposes candidates after the portfolio.
    fresh
        Whether to forget what `folder` holds.
    progress
        ``"auto"`` (live on a terminal, plain lines elsewhere), ``"rich"``, ``"plain"``, a function that is called
        with an `Event` at each step, or None: silent.
    """

    seconds: float = 60.0
    threads: int = 2
    seed: int = 42
    metric: str | Metric | Callable[[NDArray[Any], NDArray[Any]], float] = "auto"
    folder: str | Path | None = None
    task: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    files: str | Path | None = None
    work: int | None = None
    memory: int | None = None
    learners: Sequence[str] | None = None
    search: str = "tpe"
    fresh: bool = False
    progress: Progress | str | None = None

    def fit(
        self, frame: Any, target: str | int, groups: Any = None, time: Any = None, *, started: float | None = None
    ) -> Predictor:
        """Learn to predict a column from the others.

        Parameters
        ----------
        frame
            pandas, polars or pyarrow table, shape (n_rows, n_columns); rows without a target are left out.
        target
            Name of the column to predict; names of columns may be numbers here and below, as in the frame.
        groups
            Name of a column (or array, shape (n_rows,)) whose equal values must not be split between training
            and judging rows: patients, customers, sites. A named column is not used as a feature. None: where the
            names of images or sounds plainly tell who or what they come from (see `autoglm.prep.sources`), that; False:
            every row stands alone.
        time
            Name of a column (or array) of moments: models are judged on later rows than they learned from.
        started
            `time.monotonic()` from which the seconds count, when reading the frame shall count as well.

        Returns
        -------
        Predictor

        Raises
        ------
        DataError
            The data cannot be learned from; the message says why and what cures it.
        OptionError
            A setting is not allowed.
        FolderError
            The folder holds another run, or files of something else that would be lost, another fit writes there,
            or it cannot be written.
        FitError
            Not even the simplest model could be fitted.
        """
        budget = Budget(self.seconds, self.work, self.threads, self.memory or default_memory(), started or monotonic())
        allowed, seed = self._allowed(), self._seed
        home = None if self.folder else tempfile.TemporaryDirectory(prefix="autoglm-")
        folder = Path(self.folder) if self.folder else Path(home.name if home else "")
        with (
            claim.claimed(folder),
            shown(style=self.progress, seconds=self.seconds if budget.timed else None) as tell,
            Pool(budget.threads, 1, budget.memory) as pool,
            ThreadPoolExecutor(1) as checking,
            claim.writing(folder),
        ):
            tell(Event("phase", budget.elapsed(), "reading the table"))
            table = self._read(frame, target, groups, time, budget)
            run, table = self._prepare(table, folder, pool, budget, allowed, tell)
            if run.exhausted and bundle.holds(folder, run.identity):
                return Predictor.load(folder, home, self.files)
            found = checking.submit(findings, table)  # beside the first fits
            gated = checking.submit(gates, table.features, seed)
            interrupted = False
            try:
                run.spend(waves(run.race, table.features, allowed, self.search))
            except KeyboardInterrupt:
                interrupted = True
                tell(Event("note", budget.elapsed(), "interrupted: keeping what there is"))
            if not run.race.begun:
                if interrupted:
                    raise KeyboardInterrupt
                if reasons := "; ".join(f"{n}: {r}" for n, r in run.race.failed.items()):
                    raise FitError(f"no model could be fitted ({reasons})")
                run.rescue()
            tell(Event("phase", run.budget.elapsed(), "ensemble, calibration, report"))
            finish(run, replace(table, gates=gated.result()), folder, run.identity, found.result())
        return Predictor.load(folder, home, self.files)

    @property
    def _seed(self) -> Seed:
        """The seed; NumPy's integers, which JSON does not know, become Python's."""
        try:
            return Seed(int(operator.index(self.seed)))
        except TypeError:
            raise OptionError(f"seed={self.seed!r}: expected a whole number, for instance seed=42") from None

    def _allowed(self) -> list[str]:
        if self.search not in SEARCHES:
            raise OptionError(
                f"search={self.search!r}: expected one of {', '.join(SEARCHES)}{nearest(self.search, SEARCHES)}"
            )
        if isinstance(self.learners, str):
            raise OptionError(f"learners={self.learners!r}: expected a list of names, for instance {[self.learners]}")
        installed = shelf.available("learners")
        for name in self.learners or ():
            shelf.plugin_known("learners", name)
        return ["constant", *(n for n in self.learners or installed if n != "constant" and n in installed)]

    def _read(self, frame: Any, target: str | int, groups: Any, time: Any, budget: Budget) -> Table:
        """Check the frame, find out the task and what each column is, and encode it."""
        rows, target = frames.to_pandas(frame), str(target)
        groups, time, told = _named(groups), _named(time), {str(name): kind for name, kind in self.kinds.items()}
        if target not in rows.columns:
            raise DataError(f"target {target!r} is not among the columns{_instead(target, rows)}")
        written = rows[target]
        given = numeric(written, self.task)
        here = column(given).missing
        if here.all():
            raise DataError(f"target {target!r} is missing in all {len(rows)} rows: nothing can be learned")
        keep = ~here
        kept, goal = (rows[keep], given[keep]) if here.any() else (rows, given)
        task = infer(goal, target, self.task)
        groups, alone = (None, True) if groups is False else (groups, False)
        left_out = {target, *(name for name in (groups,) if isinstance(name, str))}
        names = [name for name in rows.columns if name not in left_out]
        if not names:
            raise DataError(
                f"the frame holds no column but {', '.join(map(repr, left_out))}: there is nothing to predict from"
            )
        for name in told:
            if name not in rows.columns:
                raise OptionError(f"kinds: no column named {name!r}{_instead(name, rows)}")
        columns = [column(kept[name], self.files or rows.attrs.get("folder")) for name in names]
        kinds = [encoders.choose(c, told) for c in columns]
        until = budget.started + LOOKING * budget.seconds if budget.timed else float("inf")
        seen = encoders.within(columns, kinds, until, budget.threads, self._seed)
        fitted = encoders.encode(seen, kinds, self._seed)
        features, goals = encoders.assemble(seen, fitted), task.encode(goal)
        grouped = _vector(groups, rows, "groups", keep)
        found = None
        if grouped is None and time is None and not alone:
            found = sources.find(columns, kinds, features, goals, task, self._seed)
        return Table(
            task=task,
            metric=tried(metric_for(task, self.metric), goals, task),
            columns=seen,
            kinds=kinds,
            encodings=fitted,
            features=features,
            target=goals,
            groups=found.codes if found else grouped,
            time=_vector(time, rows, "time", keep),
            dropped=int(here.sum()),
            notes=(*rows.attrs.get(NOTES, ()), *_repaired(written, given, task)),
            sources=found,
            asked=self._asked(False if alone else groups, time, told),
        )

    def _asked(self, groups: Any, time: Any, kinds: dict[str, str]) -> dict[str, Any]:
        """Return the settings that are not the defaults, but for those of the budget; see `Table`."""
        by_column = {"groups": groups, "time": time}
        given = {
            "task": self.task,
            "kinds": kinds or None,
            "files": str(self.files) if self.files else None,
            "learners": list(self.learners) if self.learners else None,
            "search": None if self.search == AutoML.search else self.search,
            **{k: v if v is None or v is False or isinstance(v, str) else ... for k, v in by_column.items()},
        }
        return {name: value for name, value in given.items() if value is not None}

    def _prepare(
        self, table: Table, folder: Path, pool: Pool, budget: Budget, allowed: list[str], tell: Progress
    ) -> tuple[Run, Table]:
        """Set up folds and journal; take in what an earlier call has finished, and how it encoded the columns."""
        seed = self._seed
        parts = splits.make(table.target, table.task, seed, table.groups, table.time)
        identity = self._identity(table, parts)
        journal = Journal(folder / "run")
        spent = journal.open(identity, self.fresh)
        table = _as_before(table, journal.folder / "encodings", spent > 0)
        budget = replace(budget, started=budget.started - spent)
        journal.put(table.features, table.target, parts, table.task)
        race = Race(table.task, table.metric, table.target, parts, seed)
        finished = sorted(journal.finished(), key=lambda f: f.elapsed)
        if budget.timed:  # work units are replayed one by one instead: what they decide depends on their order
            for candidate in journal.candidates().values():
                race.add(candidate)
            for fit in finished:
                race.finish(fit)
        if budget.timed and table.features.dense.size > LONG_CELLS and budget.threads > 1:
            pool.shrink(1, budget.threads)
        loss = "absolute" if table.metric.name == "mae" else "squared"
        reserve = _reserve(budget.seconds, table)
        run = Run(race, journal, pool, budget, identity, loss, self.search, reserve, tell, {})
        tell(Event("phase", budget.elapsed(), f"{table.task.kind}: {parts.scheme}", None, len(finished)))
        return run, replace(table, features=Features.load(journal.data))  # shared with the workers, no copy

    def _identity(self, table: Table, parts: splits.Splits) -> dict[str, Any]:
        """What must be the same for a run to continue."""

        def digest(*arrays: Any) -> str:
            whole = hashlib.blake2b(digest_size=16)
            for array in arrays:
                whole.update(np.ascontiguousarray(array).data)
            return whole.hexdigest()

        sparse = table.features.sparse
        slow = {c.name: c.values for c, k in zip(table.columns, table.kinds, strict=True) if encoders.slow(k)}
        dense = table.features.dense
        if slow:  # how many there was time for may differ: what they are must not
            dense = dense[:, [o.source not in slow for o in table.features.outputs]]
        terms = () if sparse is None else (sparse.data, sparse.indices, sparse.indptr)
        named = json.dumps([[c.name, k] for c, k in zip(table.columns, table.kinds, strict=True)])
        return {
            "data": digest(dense, table.target, *terms),
            "rows": len(table.target),
            "columns": digest(named.encode()),
            "classes": list(table.task.classes),
            "folds": digest(parts.parts),
            "target": table.task.target,
            "task": table.task.kind,
            "metric": identity_of(table.metric),
            "learners": sorted(self.learners) if self.learners is not None else None,
            "search": self.search,
            "clock": self.work is None,
            "seed": self._seed.value,
            "version": __version__,
        }


def _as_before(table: Table, place: Path, again: bool) -> Table:
    """Encode as the first call did: models that are kept expect its features, though now there may be time for more."""
    if not again or not place.exists():
        encoders.write(table.encodings, place)
        return table
    earlier, _ = encoders.read(place)
    if [e.outputs for e in earlier] == [e.outputs for e in table.encodings]:
        return table
    return replace(table, encodings=earlier, features=encoders.assemble(table.columns, earlier))


def _reserve(seconds: float, table: Table) -> float:
    """Seconds kept back for the last steps, which take longer for many rows, columns or classes.

    Measured: 0.8 s for small tables, 1.6 s from as many rows as members are chosen on, 4 s for 10,000 columns, 3.6 s
    for 9,000 rows x 300 classes, 6 s for 15,000 rows x 26 classes, 5 s for 100,000 rows x 100 classes after 30 s of
    fits; for 1,000,000 x 20 3.6 s after 30 s and 6 s after 60 s.
    """
    rows, columns = table.features.dense.shape
    share = float(np.clip(0.05 * seconds, 0.8 + 0.8 * min(1.0, rows / BLEND_ROWS), 6.0))
    answers = rows * (table.task.scores - 1) / 1e6
    classes = min(3.5, 6.0 * answers) + min(0.2 * answers, 0.1 * seconds)
    longer = 0.06 * rows * columns / 1e6 + 0.00025 * columns + (1.6 + min(2.0, seconds / 30)) * rows / 1e6
    return float(share + classes + longer + measures.longer(seconds, table.features))


def load(folder: str | Path, files: str | Path | None = None) -> Predictor:
    """Read a saved predictor.

    Parameters
    ----------
    folder
        What `Predictor.save` or ``autoglm fit --out`` wrote.
    files
        Folder that paths of images and sounds start from and must not leave; None: the folder of the file that a
        frame was read from, or the working directory.

    Raises
    ------
    FolderError
        No predictor there, a file that is missing or was changed, or a newer format.
    """
    return Predictor.load(folder, files=files)


def _instead(target: str, rows: pd.DataFrame) -> str:
    """Offer the nearest name, or where there is none say what the columns are."""
    return nearest(target, rows.columns) or f"; the table has {listing(rows.columns)}"


def _repaired(target: pd.Series[Any], read: pd.Series[Any], task: Task) -> list[str]:
    """Say that a target of text was read as numbers, or its classes without spaces, and what that changed."""
    if read is target:
        texts = {v for v in target if isinstance(v, str)} if task.kind != "regression" else set()
        if not (cut := sorted(v for v in texts if cell_text(v) not in (v, None))):
            return []
        return [f"target {task.target!r} has classes with spaces around them, which are left out ({listing(cut, 3)})"]
    odd = target[read.isna() & target.notna()]
    without = f"; {len(odd)} values that are no number ({listing(odd.unique(), 3)}) read as missing" if len(odd) else ""
    return [f"target {str(target.name)!r} is text that was read as numbers{without}"]


def _named(given: Any) -> Any:
    """Return the name of a column as text, as the frame has them; an array, None and False stay what they are."""
    return given if given is None or given is False or not pd.api.types.is_scalar(given) else str(given)


def _vector(given: Any, rows: pd.DataFrame, option: str, keep: NDArray[np.bool_]) -> NDArray[Any] | None:
    """Return groups or moments of the kept rows as sortable values, from a column's name or an array."""
    if given is None:
        return None
    if isinstance(given, str):
        if given not in rows.columns:
            raise DataError(f"{option}={given!r} is not among the columns{nearest(given, rows.columns)}")
        given = rows[given]
    if len(given) != len(rows):
        raise DataError(f"{option} has {len(given)} values for {len(rows)} rows: expected one a row")
    found = column(pd.Series(given).reset_index(drop=True)).take(keep)
    if found.missing.any():
        raise DataError(f"{option} is missing in {int(found.missing.sum())} rows: fill them, or leave those rows out")
    if option == "time" and found.storage == "text":
        form, _ = moments.find_format(found.sample)
        found = column(pd.Series(moments.read(found.values, form), name=option))
        if found.missing.any():
            raise DataError(f"time holds {int(found.missing.sum())} values that are no date: expected dates or numbers")
    return np.unique(found.values.astype(str) if found.storage == "text" else found.values, return_inverse=True)[1]
