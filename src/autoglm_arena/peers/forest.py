# /// script
# requires-python = ">=3.11"
# dependencies = ["lightgbm==4.7.0", "pandas==3.1.0", "pyarrow==26.0.1", "scikit-learn==1.9.0"]
# ///
"""A random forest of 500 trees on imputed numbers and ordinal-coded categories."""

import pandas as pd
from job import Job, Predict, frame, play
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

READS = ("table",)


def fit(job: Job, train: pd.DataFrame) -> Predict:
    numbers, rest = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
    features = make_column_transformer(
        (SimpleImputer(strategy="median"), numbers),
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
            rest,
        ),
    )
    learner = RandomForestRegressor if job.task == "regression" else RandomForestClassifier
    model = make_pipeline(features, learner(n_estimators=500, n_jobs=job.threads, random_state=job.seed))
    model.fit(train.drop(columns=job.target), train[job.target])
    return lambda test: frame(model, test)


play(fit)
