"""Learning in one domain and answering in another: how much is lost, and how much a few labelled rows bring back.

Each domain is split once into rows to learn from and rows to answer; equal groups (documents, people) stay together. A
predictor of each domain answers all of them (the diagonal is the ceiling: the domain itself); one of all others answers
the one that was left out, alone and with a few labelled rows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm import encoders
from autoglm.automl import AutoML
from autoglm.core.columns import column
from autoglm.core.errors import DataError, OptionError, nearest
from autoglm.core.metrics import METRICS
from autoglm.core.seed import Seed
from autoglm.predictor import Predictor

HELD = 0.25  # share of a domain's rows, or groups, that are answered
FEWEST = 20  # rows of a domain
BINS = 10  # of the calibration error
BOOTSTRAPS = 500
OTHERS = "others"
"""The training domain of the predictors that have learned from all but one."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Transfer:
    """The recipe of a cross-domain test.

    Parameters
    ----------
    recipe
        How each predictor is fitted; its seconds are those of one.
    shots
        How many labelled rows of the domain that was left out are added.
    most
        Rows to learn from of a domain at most; None: all. Domains of one size can be compared.
    """

    recipe: AutoML = field(default_factory=lambda: AutoML(seconds=30, metric="f1_macro"))
    shots: tuple[int, ...] = (16, 64)
    most: int | None = None

    def play(
        self, frame: pd.DataFrame, target: str, domain: str, groups: str | None = None, say: Say = print
    ) -> Matrix:
        """Fit a predictor a domain, one for each that is left out, and one for each number of shots.

        Parameters
        ----------
        frame
            All domains' rows.
        target, domain
            Columns to predict, and that name a row's domain (which no predictor sees).
        groups
            Column whose equal values must not be both learned from and answered.
        say
            Is told what is done, a line each.

        Raises
        ------
        OptionError
            A column does not exist.
        DataError
            Fewer than two domains, one with too few rows, or with a single class.
        """
        for name in (target, domain, groups):
            if name is not None and name not in frame.columns:
                raise OptionError(f"no column named {name!r}{nearest(name, frame.columns)}")
        parts = _parts(frame, target, domain, groups, Seed(self.recipe.seed), self.most)
        hidden = [domain, *([groups] if groups else [])]
        _look(frame.drop(columns=[target, *hidden]), self.recipe, say)
        rows: list[dict[str, Any]] = []

        def met(learned: str, train: pd.DataFrame, names: Sequence[str], shots: int = 0) -> None:
            predictor = self.recipe.fit(train.drop(columns=hidden), target)
            for name in names:
                found = judge(predictor, parts[name][1], Seed(self.recipe.seed))
                rows.append({"train": learned, "test": name, "shots": shots, "learned": len(train), **found})
                taught = f" with {shots} rows of it" if shots else ""
                say(f"{learned} -> {name}{taught}: macro F1 {found['f1_macro']:.3f}")

        for name in parts:
            met(name, parts[name][0], list(parts))
        for name in parts:
            others = pd.concat([train for other, (train, _) in parts.items() if other != name], ignore_index=True)
            met(OTHERS, others, [name])
            for shots in self.shots:
                met(OTHERS, pd.concat([others, _some(parts[name][0], target, shots)], ignore_index=True), [name], shots)
        return Matrix(pd.DataFrame(rows))


@dataclass(frozen=True, eq=False)
class Matrix:
    """What a cross-domain test found.

    Parameters
    ----------
    rows
        One row a predictor and domain: ``train``, ``test``, ``shots``, ``learned`` (rows), ``answered`` (rows),
        ``accuracy``, ``f1_macro`` with ``low`` and ``high`` (95 %), ``ece``.
    """

    rows: pd.DataFrame

    def table(self, measure: str = "f1_macro") -> pd.DataFrame:
        """Return training domains by test domains; then the predictors of all others, without and with shots."""
        rows = self.rows
        plain = rows[rows["train"] != OTHERS].pivot(index="train", columns="test", values=measure)
        plain = plain.reindex(index=plain.columns)
        others = rows[rows["train"] == OTHERS].pivot(index="shots", columns="test", values=measure)
        others.index = pd.Index([OTHERS if n == 0 else f"{OTHERS} + {n}" for n in others.index], name="train")
        return pd.concat([plain, others])

    @property
    def across(self) -> float:
        """The mean macro F1 over all pairs of different domains."""
        rows = self.rows[(self.rows["train"] != OTHERS) & (self.rows["train"] != self.rows["test"])]
        return float(rows["f1_macro"].mean())

    @property
    def within(self) -> float:
        """The mean macro F1 of predictors in their own domain: the ceiling."""
        return float(self.rows.loc[self.rows["train"] == self.rows["test"], "f1_macro"].mean())

    @property
    def left_out(self) -> float:
        """The mean macro F1 in domains that predictors of all others had not seen."""
        rows = self.rows[(self.rows["train"] == OTHERS) & (self.rows["shots"] == 0)]
        return float(rows["f1_macro"].mean())


def judge(predictor: Predictor, frame: pd.DataFrame, seed: Seed) -> dict[str, float]:
    """Return accuracy, macro F1 with a 95 % interval, and the expected calibration error, of answers to rows."""
    classes = list(predictor.task.classes)
    kept = frame[frame[predictor.task.target].isin(classes)]
    truth = predictor.task.encode(kept[predictor.task.target])
    share = predictor.predict_proba(kept).to_numpy()
    label = predictor.task.encode(pd.Series(np.asarray(predictor.predict(kept)), name=predictor.task.target))
    macro, generator = METRICS["f1_macro"].function, seed.child("bootstrap").generator()
    draws = [generator.integers(0, len(truth), len(truth)) for _ in range(BOOTSTRAPS)]
    low, high = np.quantile([macro(truth[rows], label[rows]) for rows in draws], [0.025, 0.975])
    return {
        "answered": len(truth),
        "accuracy": float(np.mean(truth == label)),
        "f1_macro": macro(truth, label),
        "low": float(low),
        "high": float(high),
        "ece": calibration_error(truth, share),
    }


def calibration_error(truth: NDArray[np.int64], share: NDArray[np.float64]) -> float:
    """Return by how much the probability of the likeliest class differs from how often it is right, over 10 bins.

    Guo et al. 2017 (doi:10.48550/arXiv.1706.04599).
    """
    said, right = share.max(axis=1), share.argmax(axis=1) == truth
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(np.mean(said[bins == b]) - np.mean(right[bins == b]))) * np.mean(bins == b) for b in np.unique(bins)
    ]
    return float(np.sum(gaps))


def _look(frame: pd.DataFrame, recipe: AutoML, say: Say) -> None:
    """Let networks look at all rows once; the predictors find what was seen, so their seconds go into learning."""
    files = recipe.files or frame.attrs.get("folder")
    columns = [column(frame[name], files) for name in frame.columns]
    kinds = [encoders.choose(c, {n: k for n, k in recipe.kinds.items() if n in frame}) for c in columns]
    if slow := [c.name for c, kind in zip(columns, kinds, strict=True) if encoders.slow(kind)]:
        say(f"looking at {', '.join(slow)}")
        encoders.within(columns, kinds, float("inf"), recipe.threads, Seed(recipe.seed))


def _parts(
    frame: pd.DataFrame, target: str, domain: str, groups: str | None, seed: Seed, most: int | None
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return rows to learn from and rows to answer, by domain; rows without target or domain are left out."""
    rows = frame[frame[target].notna() & frame[domain].notna()]
    names = sorted(rows[domain].astype(str).unique())
    if len(names) < 2:
        raise DataError(f"column {domain!r} names {len(names)} domain ({', '.join(names)}): expected at least two")
    return {name: _split(rows[rows[domain].astype(str) == name], name, target, groups, seed, most) for name in names}


def _split(
    rows: pd.DataFrame, name: str, target: str, groups: str | None, seed: Seed, most: int | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if len(rows) < FEWEST:
        raise DataError(f"domain {name!r} has {len(rows)} rows: expected at least {FEWEST}; leave it out or join it")
    if rows[target].nunique() < 2:
        only = rows[target].iloc[0]
        raise DataError(f"domain {name!r} holds the single class {only!r}: expected at least two; leave it out")
    keys = rows[groups].astype(str) if groups else pd.Series(np.arange(len(rows)).astype(str), index=rows.index)
    draw = seed.child("domain", name).generator()
    held = set(draw.permutation(np.unique(keys))[: max(1, int(HELD * keys.nunique()))])
    answered = keys.isin(held).to_numpy()
    train, test = rows[~answered], rows[answered]
    if not len(train) or train[target].nunique() < 2:
        raise DataError(f"domain {name!r}: its groups leave {len(train)} rows to learn from; give more groups")
    if most is not None and len(train) > most:
        train = train.iloc[np.sort(draw.permutation(len(train))[:most])]
    return train.reset_index(drop=True), test.reset_index(drop=True)


def _some(train: pd.DataFrame, target: str, count: int) -> pd.DataFrame:
    """Return the first rows, as many of each class as can be had."""
    turn = train.groupby(target).cumcount()
    return train.loc[turn.sort_values(kind="stable").index[:count]]
