# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.13.0", "autogluon.tabular[lightgbm,catboost,xgboost,fastai]==1.6.3", "pyarrow==24.0.0"]
# ///
"""AutoGluon with its preset `medium_quality`; it takes no seed."""

import pandas as pd
from autogluon.tabular import TabularPredictor
from job import Job, Predict, play

READS = ("table", "text")
METRICS = {"rmse": "root_mean_squared_error"}


def fit(job: Job, train: pd.DataFrame) -> Predict:
    predictor = TabularPredictor(
        job.target,
        problem_type=job.task,
        eval_metric=METRICS.get(job.metric, job.metric),
        path=f"{job.folder}/model",
        verbosity=1,
    )
    predictor.fit(
        train,
        time_limit=job.seconds,
        presets="medium_quality",
        num_cpus=job.threads,
        num_gpus=0,
        memory_limit=job.memory_mb / 1024,
    )
    if job.task != "regression":
        return predictor.predict_proba
    return lambda test: predictor.predict(test).to_frame("value")


play(fit)
