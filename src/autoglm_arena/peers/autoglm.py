# /// script
# requires-python = ">=3.11"
# dependencies = ["open-autoglm[audio,images]"]
# ///
"""Open-AutoGLM with its default settings, from this repository."""

import pandas as pd
from job import Job, Predict, play

import autoglm

READS = ("table", "text", "image", "audio")


def fit(job: Job, train: pd.DataFrame) -> Predict:
    recipe = autoglm.AutoML(
        seconds=job.seconds,
        threads=job.threads,
        memory=job.memory_mb * 2**20,
        seed=job.seed,
        metric=job.metric,
        task=job.task,
        files=job.media,
    )
    predictor = recipe.fit(train, target=job.target)
    predictor.save(f"{job.folder}/model")
    if job.task != "regression":
        return lambda test: pd.DataFrame(predictor.predict_proba(test))
    return lambda test: pd.DataFrame({"value": predictor.predict(test)})


play(fit)
