"""What a contestant is told and what it hands back: the few lines that every script in `rivals/` shares."""

from __future__ import annotations

import json
import re
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

Predict = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Job:
    """One match as a contestant sees it; the test table comes without its target.

    `metric` is ``roc_auc`` (binary), ``log_loss`` (multiclass) or ``rmse`` (regression).
    """

    train: str
    test: str
    out: str
    target: str
    task: str
    metric: str
    seconds: float
    threads: int
    seed: int


def play(fit: Callable[[Job, pd.DataFrame], Predict]) -> None:
    """Fit on the job named on the command line, predict, and write the predictions and the two durations.

    `fit` gets the job and the training table and returns a function from a table to a frame: a column of
    probabilities per class, named by the class, or the one column ``value``.
    """
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    train, test = pd.read_parquet(job.train), pd.read_parquet(job.test)
    started = time.perf_counter()
    predict = fit(job, train)
    fitted = time.perf_counter()
    answers = predict(test)
    done = time.perf_counter()
    answers.rename(columns=str).reset_index(drop=True).to_parquet(job.out)
    report = {"fit_seconds": fitted - started, "predict_seconds": done - fitted, "versions": versions()}
    Path(job.out).with_suffix(".json").write_text(json.dumps(report))


def frame(model: object, features: pd.DataFrame) -> pd.DataFrame:
    """The answers of a fitted scikit-learn estimator in the form that `play` writes."""
    if hasattr(model, "predict_proba"):
        return pd.DataFrame(model.predict_proba(features), columns=model.classes_)
    return pd.DataFrame({"value": model.predict(features)})  # type: ignore[attr-defined]


def dependencies(script: Path) -> list[str]:
    """The requirements in the PEP 723 header of a script."""
    header = re.search(r"^# /// script\n(.*?)^# ///$", script.read_text(), re.MULTILINE | re.DOTALL)
    if header is None:
        raise ValueError(f"{script.name} has no '# /// script' header that lists its dependencies")
    return list(tomllib.loads(re.sub(r"^# ?", "", header[1], flags=re.MULTILINE))["dependencies"])


def versions() -> dict[str, str]:
    """Installed versions of what the running script requires."""
    found = {}
    for requirement in dependencies(Path(sys.argv[0])):
        name = re.split(r"[\[<>=!~ ]", requirement)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "from source"
    return found
