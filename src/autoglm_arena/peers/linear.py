# /// script
# requires-python = ">=3.11"
# dependencies = ["lightgbm==4.7.0", "pandas==3.1.0", "pyarrow==26.0.1", "scikit-learn==1.9.0"]
# ///
"""Logistic or ridge regression on imputed, scaled numbers and one-hot categories."""

import pandas as pd
from job import Job, Predict, frame, play
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

READS = ("table",)


def fit(job: Job, train: pd.DataFrame) -> Predict:
    numbers, rest = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
    features = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), rest),
    )
    learner = Ridge() if job.task == "regression" else LogisticRegression(max_iter=1000)
    model = make_pipeline(features, learner).fit(train.drop(columns=job.target), train[job.target])
    return lambda test: frame(model, test)


play(fit)
