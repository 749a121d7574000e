# /// script
# requires-python = ">=3.11"
# dependencies = ["mljar-supervised==1.3.2", "pyarrow==24.0.0"]
# ///
"""mljar-supervised in its mode `Compete`."""

import pandas as pd
from job import Job, Predict, play
from supervised.automl import AutoML

READS = ("table", "text")
TASKS = {"binary": "binary_classification", "multiclass": "multiclass_classification", "regression": "regression"}
METRICS = {"roc_auc": "auc", "log_loss": "logloss", "rmse": "rmse"}


def fit(job: Job, train: pd.DataFrame) -> Predict:
    model = AutoML(
        results_path=f"{job.folder}/model",
        mode="Compete",
        ml_task=TASKS[job.task],
        eval_metric=METRICS[job.metric],
        total_time_limit=int(job.seconds),
        n_jobs=job.threads,
        random_state=job.seed,
        verbose=0,
    )
    model.fit(train.drop(columns=job.target), train[job.target])
    if job.task == "regression":
        return lambda test: pd.DataFrame({"value": model.predict(test)})
    classes = sorted(train[job.target].unique())
    return lambda test: pd.DataFrame(model.predict_proba(test), columns=classes)


play(fit)
