# /// script
# requires-python = ">=3.11"
# dependencies = ["lightgbm==4.7.0", "pandas==3.1.0", "pyarrow==26.0.1", "scikit-learn==1.9.0"]
# ///
"""LightGBM as it comes: default settings, text columns as pandas categories."""

import pandas as pd
from job import Job, Predict, frame, play
from lightgbm import LGBMClassifier, LGBMRegressor

READS = ("table",)


def fit(job: Job, train: pd.DataFrame) -> Predict:
    features = train.drop(columns=job.target)
    text = features.select_dtypes(exclude=["number", "bool"]).columns
    known = {column: pd.CategoricalDtype(sorted(features[column].dropna().unique())) for column in text}
    learner = LGBMRegressor if job.task == "regression" else LGBMClassifier
    model = learner(n_jobs=job.threads, random_state=job.seed, verbose=-1)
    model.fit(features.astype(known), train[job.target])
    return lambda test: frame(model, test.astype(known))


play(fit)
