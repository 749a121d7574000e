"""How good answers are on images, sounds, texts, and texts beside tables; and what each modality adds.

``python benchmarks/multimodal.py [SET ...] [--seconds 300] [--threads 2] [--apart] [--rivals autogluon-medium]`` fits
each set once and prints the score on its test part beside the floor that is wanted. ``--apart`` also fits each modality
alone and boosting on all features together, ``--rivals`` lets scripts of ``rivals/`` fit the sets of texts and tables
in environments of their own, each with the same seconds. Real data: ``$AUTOGLM_DATA`` for those that a publisher must
be asked for, packages for the rest.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, matthews_corrcoef, root_mean_squared_error

Scorer = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Trial:
    """A set, how many of its training rows are used (0: all), the metric, how it is scored, and the floor."""

    data: str
    rows: int
    metric: str
    score: Scorer
    floor: float | None
    greater: bool = True


TRIALS = {
    "mnist": Trial("mnist", 0, "accuracy", accuracy_score, 0.97),
    "cifar10": Trial("cifar10", 2000, "accuracy", accuracy_score, 0.75),
    "sst2": Trial("glue/sst2", 0, "accuracy", accuracy_score, 0.83),
    "cola": Trial("cola", 0, "mcc", matthews_corrcoef, 0.25),
    "digits": Trial("librispeech/word", 0, "accuracy", accuracy_score, 0.97),
    "sounds": Trial("urbansound8k-mini", 0, "accuracy", accuracy_score, 0.62),
    "foods": Trial("table:fine_foods", 0, "accuracy", accuracy_score, None),
    "tate": Trial("table:tate", 0, "rmse", root_mean_squared_error, None, greater=False),
}
TEXTS = ("sst2", "cola", "foods", "tate")  # what rivals that know tables and texts can fit


def parts(trial: Trial) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return training rows, test rows and the target."""
    kind, _, name = trial.data.rpartition(":")
    if kind:
        import tables

        frame, target, _ = tables.load(name)
        test = np.random.default_rng(0).random(len(frame)) < 0.25
        return frame[~test].reset_index(drop=True), frame[test].reset_index(drop=True), target
    from autoglm import datasets
    from autoglm.core.dataset import PART

    found = datasets.load(name)
    target = found.card.target
    keep = [c for c in found.frame.columns if c != PART]
    train = found.frame[(found.frame[PART] == "train") | found.frame[PART].isin([f"fold {i}" for i in range(3, 11)])]
    judged = next(part for part in ("test", "validation", "fold 1") if (found.frame[PART] == part).any())
    test = found.frame[found.frame[PART].isin([judged, "fold 2"])]
    if trial.rows:
        train = train.groupby(target, group_keys=False).sample(n=trial.rows // train[target].nunique(), random_state=0)
    rows = (train[keep].reset_index(drop=True), test[keep].reset_index(drop=True))
    for frame in rows:
        frame.attrs["folder"] = str(found.folder)
    return *rows, target


def rival(player: str, trial: Trial, train: pd.DataFrame, test: pd.DataFrame, target: str, given: Any) -> float | None:
    """Let a script of `rivals` fit and answer in its own environment; return its score, None where it failed."""
    import playing
    from job import Job

    task = "regression" if trial.metric == "rmse" else "binary" if train[target].nunique() == 2 else "multiclass"
    match = playing.Match(trial.data, player, 1, given.seconds, given.threads)
    with tempfile.TemporaryDirectory(prefix="match-") as place:
        paths = [f"{place}/{part}.parquet" for part in ("train", "test", "out")]
        job = Job(*paths, target, task, trial.metric, given.seconds, given.threads, match.seed)
        train.to_parquet(job.train)
        test.drop(columns=target).to_parquet(job.test)
        Path(place, "job.json").write_text(json.dumps(asdict(job)))
        watched = playing.watch(playing.python(playing.RIVALS / f"{player}.py"), match, Path(place))
        if watched["exit"] != "ok":
            print(f"    failed  {watched['wall']} s  {player}: {watched['last_words']}")
            return None
        answers = pd.read_parquet(job.out)
    if task == "regression":
        return trial.score(test[target].to_numpy(), answers["value"].to_numpy())
    return trial.score(test[target].astype(str).to_numpy(), answers.idxmax(axis=1).to_numpy(dtype=str))


def play(name: str, given: Any) -> None:
    """Fit and print one set."""
    from autoglm import AutoML

    trial = TRIALS[name]
    train, test, target = parts(trial)

    def fitted(columns: list[str], learners: list[str] | None = None) -> tuple[float, Any]:
        began = time.monotonic()
        recipe = AutoML(seconds=given.seconds, threads=given.threads, learners=learners, metric=trial.metric)
        predictor = recipe.fit(train[[*columns, target]], target)
        score = trial.score(test[target].to_numpy(), np.asarray(predictor.predict(test)))
        print(
            f"    {score:.4f}  {time.monotonic() - began:.0f} s  {', '.join(columns) if learners is None else learners}"
        )
        return score, predictor

    wanted = "" if trial.floor is None else f", floor {trial.floor}"
    print(f"{name}: {len(train)} training rows, {len(test)} test rows, {trial.score.__name__}{wanted}", flush=True)
    score, predictor = fitted([c for c in train.columns if c != target])
    if len(predictor.modalities):
        print(predictor.modalities.round(4).to_string(index=False))
    board = predictor.leaderboard()
    print(board[board.weight > 0][["name", "score", "weight", "folds", "fit_seconds"]].round(4).to_string(index=False))
    print(f"    {predictor.summary['validation']['scheme']}; " + "; ".join(notes(predictor)), flush=True)
    for player in given.rivals if name in TEXTS else ():
        began = time.monotonic()
        if (theirs := rival(player, trial, train, test, target, given)) is not None:
            print(f"    {theirs:.4f}  {time.monotonic() - began:.0f} s  {player}", flush=True)
    if given.apart:
        groups = predictor.encode(test.head(2)).modalities
        plain = [c for c in train.columns if c != target and c not in groups]
        singles = [[g] if g in train.columns else plain for g in groups]
        others = [fitted(columns)[0] for columns in singles] if len(groups) > 1 else []
        others.append(fitted([c for c in train.columns if c != target], ["lightgbm"])[0])
        best = max(others) if trial.greater else min(others)
        print(f"    best of the others {best:.4f}: {'better' if (score > best) == trial.greater else 'worse'}")
    if trial.floor is not None:
        print(f"    {'reached' if score >= trial.floor else 'MISSED'}: {score:.4f} against {trial.floor}", flush=True)


def notes(predictor: Any) -> list[str]:
    """Return what was said of the columns on reading."""
    return [f["message"] for f in predictor.summary["findings"] if f["check"] in ("repaired column", "sources")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(TRIALS)}; all by default")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--rivals", nargs="*", default=[], metavar="SCRIPT", help="scripts of rivals/")
    given = parser.parse_args()
    for name in given.sets or TRIALS:
        if name not in TRIALS:
            parser.error(f"no set named {name!r}; expected {', '.join(TRIALS)}")
        play(name, given)


if __name__ == "__main__":
    main()
