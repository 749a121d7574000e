# /// script
# requires-python = ">=3.11"
# dependencies = ["open-autoglm"]
# ///
"""Open-AutoGLM with its default settings, from this repository."""

import pandas as pd
from job import Job, Predict, play

import autoglm


def fit(job: Job, train: pd.DataFrame) -> Predict:
    recipe = autoglm.AutoML(seconds=job.seconds, threads=job.threads, seed=job.seed, metric=job.metric)
    predictor = recipe.fit(train, target=job.target)
    if job.task != "regression":
        return lambda test: pd.DataFrame(predictor.predict_proba(test))
    return lambda test: pd.DataFrame({"value": predictor.predict(test)})


play(fit)
