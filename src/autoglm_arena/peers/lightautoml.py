# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.13.0", "lightautoml==0.4.2", "pandas==2.3.3", "pyarrow==15.0.2"]
# ///
"""LightAutoML with its preset `TabularAutoML` and its default settings."""

import numpy as np
import pandas as pd
from job import Job, Predict, play
from lightautoml.automl.presets.tabular_presets import TabularAutoML
from lightautoml.tasks import Task

READS = ("table",)
TASKS = {"binary": "binary", "multiclass": "multiclass", "regression": "reg"}
METRICS = {"roc_auc": "auc", "log_loss": "crossentropy", "rmse": "mse"}


def fit(job: Job, train: pd.DataFrame) -> Predict:
    learner = TabularAutoML(
        task=Task(TASKS[job.task], metric=METRICS[job.metric]),
        timeout=job.seconds,
        cpu_limit=job.threads,
        memory_limit=job.memory_mb / 1024,
        reader_params={"n_jobs": job.threads, "random_state": job.seed},
    )
    learner.fit_predict(train, roles={"target": job.target})
    codes = learner.reader.class_mapping or {label: label for label in sorted(train[job.target].unique())}

    def predict(test: pd.DataFrame) -> pd.DataFrame:
        answers = learner.predict(test).data
        if job.task == "regression":
            return pd.DataFrame({"value": answers[:, 0]})
        if job.task == "binary":  # of the class that the reader coded as 1
            answers = np.hstack([1 - answers, answers])
        return pd.DataFrame(answers, columns=sorted(codes, key=codes.get))

    return predict


play(fit)
