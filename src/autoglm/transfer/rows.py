"""The table of a cross-domain test: checked, and split into rows to train on and rows to test in every domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoglm.core.columns import column
from autoglm.core.errors import DataError, OptionError, listing, nearest
from autoglm.core.seed import Seed
from autoglm.core.task import Task, infer

LEAST = 20
"""Rows that a domain must have: fewer cannot be both learned from and judged."""

TEST = 0.25
"""Share of a domain's rows (of its groups, where there are any) that is only tested on."""


@dataclass(frozen=True)
class Split:
    """A table that is ready for the test.

    Parameters
    ----------
    features
        All columns but target, domain and groups, shape (n_rows, n_columns).
    target
        Class codes, shape (n_rows,).
    task
        Kind and classes.
    domains
        Names, in order of appearance.
    train, test
        Positions of rows by domain.
    groups
        Codes, shape (n_rows,), or None.
    """

    features: pd.DataFrame
    target: NDArray[np.int64]
    task: Task
    domains: tuple[str, ...]
    train: dict[str, NDArray[np.intp]]
    test: dict[str, NDArray[np.intp]]
    groups: NDArray[Any] | None

    @property
    def used(self) -> NDArray[np.intp]:
        """Positions of all rows that are learned or tested."""
        return np.sort(np.concatenate([*self.train.values(), *self.test.values()]))


def split(
    frame: pd.DataFrame,
    target: str,
    domain: str,
    groups: str | None,
    train_rows: int | None,
    test_rows: int | None,
    seed: Seed,
) -> Split:
    """Check a table and split each of its domains; parameters and errors are those of `autoglm.transfer.cross`."""
    _named(frame, target, domain, groups)
    frame = _with_target(frame, target)
    names, task = _domains(frame, domain), _task(frame, target)
    codes = task.encode(frame[target])
    domains = tuple(dict.fromkeys(names.tolist()))
    _enough(names, domains, domain, codes, task)
    # What occurs in two domains is two groups: the split is made inside of each.
    held = None if groups is None else pd.factorize(frame[groups].astype(str) + "\0" + pd.Series(names, frame.index))[0]
    train, test = {}, {}
    for name in domains:
        rows = np.flatnonzero(names == name)
        first, last = _parted(rows, codes, held, seed.child("split", name))
        train[name] = seed.child("train", name).sample(first, train_rows or len(first))
        test[name] = seed.child("test", name).sample(last, test_rows or len(last))
        _learnable(name, codes[train[name]], len(test[name]), groups)
    left = [c for c in frame.columns if c not in (target, domain, groups)]
    if not left:
        raise DataError(
            f"there is no column but {listing([c for c in (target, domain, groups) if c])}: expected features"
        )
    return Split(frame[left], codes, task, domains, train, test, held)


def _named(frame: pd.DataFrame, target: str, domain: str, groups: str | None) -> None:
    given = {"target": target, "domain": domain} | ({"groups": groups} if groups is not None else {})
    for option, name in given.items():
        if name not in frame.columns:
            raise DataError(f"{option} {name!r} is not among the columns{nearest(name, map(str, frame.columns))}")
    if len(set(given.values())) < len(given):
        named = ", ".join(f"{option}={name!r}" for option, name in given.items())
        raise OptionError(f"{named}: expected a different column for each")


def _with_target(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    here = ~column(frame[target]).missing
    if not here.any():
        raise DataError(f"target {target!r} is missing in all {len(frame)} rows: nothing can be learned")
    attributes = dict(frame.attrs)
    kept = frame[here].reset_index(drop=True)
    kept.attrs.update(attributes)
    return kept


def _domains(frame: pd.DataFrame, domain: str) -> NDArray[Any]:
    found = column(frame[domain])
    if found.missing.any():
        first = int(np.flatnonzero(found.missing)[0]) + 1
        raise DataError(
            f"domain {domain!r} is missing in {int(found.missing.sum())} of {len(frame)} rows with a target (the "
            f"first is row {first}): expected the name of a domain in each; fill them in or leave these rows out"
        )
    return np.asarray(found.astext().values, dtype=object)


def _task(frame: pd.DataFrame, target: str) -> Task:
    task = infer(frame[target], target)
    if task.kind == "regression":
        raise DataError(
            f"target {target!r} is a quantity (for instance {frame[target].iloc[0]!r}), but the cross-domain test "
            "compares classes: cut it into classes first"
        )
    return task


def _enough(names: NDArray[Any], domains: tuple[str, ...], domain: str, codes: NDArray[np.int64], task: Task) -> None:
    if len(domains) < 2:
        raise DataError(
            f"domain {domain!r} has the single value {domains[0]!r} in all {len(names)} rows: expected at least two "
            "domains; is the table filtered, or is another column the domain?"
        )
    for name in domains:
        here = codes[names == name]
        if len(here) < LEAST:
            raise DataError(
                f"domain {name!r} has {len(here)} rows with a target, expected at least {LEAST}: leave it out, or name "
                f"a column with fewer values than the {len(domains)} of {domain!r}"
            )
        if len(np.unique(here)) < 2:
            raise DataError(
                f"domain {name!r} has the single class {task.classes[here[0]]!r} in all {len(here)} rows, expected at "
                "least two: leave it out, or join it with another domain"
            )


def _parted(
    rows: NDArray[np.intp], codes: NDArray[np.int64], groups: NDArray[Any] | None, seed: Seed
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows to train on and rows to test: whole groups where there are any, else a share of each class."""
    drawn = seed.generator().permutation(rows)
    if groups is None:
        within = pd.Series(codes[drawn])
        rank, size = within.groupby(within).cumcount(), within.groupby(within).transform("size")
        tested = (rank < np.ceil(TEST * size).clip(upper=size - 1)).to_numpy()
    else:
        order = pd.factorize(groups[drawn])[0]
        tested = order < np.ceil(TEST * (order.max() + 1))
    return np.sort(drawn[~tested]), np.sort(drawn[tested])


def _learnable(name: str, codes: NDArray[np.int64], tested: int, groups: str | None) -> None:
    if len(np.unique(codes)) < 2 or not tested:
        cure = f"groups={groups!r} leaves too few to split; " if groups else ""
        raise DataError(
            f"domain {name!r} has {len(codes)} rows of {len(np.unique(codes))} classes to train on and {tested} to "
            f"test: expected at least two classes and one row; {cure}give more rows, or leave the domain out"
        )
