# /// script
# requires-python = ">=3.11"
# dependencies = ["flaml[automl]==2.7.0", "pandas==3.1.1", "pyarrow==26.0.1"]
# ///
"""FLAML with its default settings and `ensemble=True`: it stacks the best model of each kind."""

import pandas as pd
from flaml import AutoML
from job import Job, Predict, play

READS = ("table",)


def fit(job: Job, train: pd.DataFrame) -> Predict:
    model = AutoML()
    model.fit(
        train.drop(columns=job.target),
        train[job.target],
        task="regression" if job.task == "regression" else "classification",
        metric=job.metric,
        time_budget=job.seconds,
        n_jobs=job.threads,
        seed=job.seed,
        verbose=0,
        ensemble=True,
    )
    if job.task != "regression":
        return lambda test: pd.DataFrame(model.predict_proba(test), columns=model.classes_)
    return lambda test: pd.DataFrame({"value": model.predict(test)})


play(fit)
