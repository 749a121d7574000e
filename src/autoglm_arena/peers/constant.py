# /// script
# requires-python = ">=3.11"
# dependencies = ["lightgbm==4.7.0", "pandas==3.1.0", "pyarrow==26.0.1", "scikit-learn==1.9.0"]
# ///
"""The mean of the target, or the shares of its classes: what has learnt nothing."""

import pandas as pd
from job import Job, Predict, play

READS = ("table",)


def fit(job: Job, train: pd.DataFrame) -> Predict:
    target = train[job.target]
    if job.task == "regression":
        return lambda test: pd.DataFrame({"value": float(target.mean())}, index=test.index)
    shares = target.value_counts(normalize=True).sort_index()
    return lambda test: pd.DataFrame(dict(shares), index=test.index)


play(fit)
