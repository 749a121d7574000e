"""How well sentiment learned in one domain is told in three others: tweets, films, products, editorials.

``AUTOGLM_DATA=... python benchmarks/domains.py`` prints the matrix of macro F1 and the means for each seed and over
seeds (wanted: .74 across, .82 in domain), by the sum of logistic regressions; ``--method engine --seconds 60`` lets the
engine itself learn. Sentences rated beyond half a point, 1,200 to learn and 600 to test a domain, split by document.
"""

from __future__ import annotations

import argparse

import pandas as pd

from autoglm import AutoML, datasets
from autoglm.core.dataset import PART
from autoglm.transfer import cross
from autoglm.transfer.engine import Engine
from autoglm.transfer.linear import Linear

WANTED = {"across": 0.74, "in domain": 0.82}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--method", choices=["linear", "engine"], default="linear")
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--metric", default="f1_macro")
    asked.add_argument("--shots", type=int, nargs="*", default=[16, 64])
    asked.add_argument("--draws", type=int, default=3)
    asked.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    given = asked.parse_args()
    frame = datasets.load("domains/clear").frame.drop(columns=PART)
    kinds = {"text": "text"}
    recipe = AutoML(seconds=given.seconds, threads=given.threads, metric=given.metric, kinds=kinds)
    method = Linear(kinds, given.threads) if given.method == "linear" else Engine(recipe)
    limits = {"groups": "document", "train_rows": 1200, "test_rows": 600}
    pd.set_option("display.width", 140)
    found = []
    for seed in given.seeds:
        result = cross(frame, "sentiment", "domain", method, shots=given.shots, draws=given.draws, seed=seed, **limits)
        print(
            f"\nseed {seed}\n{result.matrix('f1_macro').round(3)}\n{result.means.round(3).to_string(index=False)}",
            flush=True,
        )
        found.append(result.means.assign(seed=seed))
    means = pd.concat(found).groupby("kind", sort=False)[["f1_macro", "accuracy", "ece"]].agg(["mean", "min", "max"])
    print(f"\nover {len(found)} seeds\n{means.round(4).to_string()}")
    for kind, wanted in WANTED.items():
        value = means.loc[kind, ("f1_macro", "mean")]
        print(f"{kind}: macro F1 {value:.4f}, wanted {wanted}{'' if value >= wanted else ', missed'}")


if __name__ == "__main__":
    main()
