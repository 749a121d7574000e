# /// script
# requires-python = ">=3.11"
# dependencies = ["tpot==1.1.0", "pyarrow==24.0.0"]
# ///
"""TPOT with its linear search space and its own preprocessing."""

import pandas as pd
from job import Job, Predict, frame, play
from tpot import TPOTClassifier, TPOTRegressor

READS = ("table",)
SCORERS = {"binary": "roc_auc", "multiclass": "neg_log_loss", "regression": "neg_root_mean_squared_error"}


def fit(job: Job, train: pd.DataFrame) -> Predict:
    learner = TPOTRegressor if job.task == "regression" else TPOTClassifier
    model = learner(
        search_space="linear",
        scorers=[SCORERS[job.task]],
        scorers_weights=[1],
        preprocessing=True,
        max_time_mins=job.seconds / 60,
        n_jobs=job.threads,
        random_state=job.seed,
    )
    model.fit(train.drop(columns=job.target), train[job.target])
    return lambda test: frame(model, test)


if __name__ == "__main__":  # its workers read this file again
    play(fit)
