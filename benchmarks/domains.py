"""Four domains of sentiment (tweets, films, products, editorials): learn in one, answer in another.

``python benchmarks/domains.py [--seconds 20]`` prints the matrix of macro F1 (wanted: .74 across, .82 within). As in
the measured anchors: ratings beyond half a point, their sign, 1,200 rows of each domain to learn from, whole documents.
Needs vaderSentiment's source distribution in ``$AUTOGLM_DATA/vaderSentiment``.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import pandas as pd

ACROSS, WITHIN = 0.74, 0.82


def ratings(folder: Path) -> pd.DataFrame:
    """Return text, domain, document and sentiment of the sentences that people rated clearly."""
    from autoglm.core.tabbed import parse_tabbed
    from autoglm.datasets import domains

    parts = []
    contents = domains._contents(folder)
    for domain, file in domains.DOMAINS.items():
        rows = parse_tabbed(contents[file], file, domains.COLUMNS)
        valence = pd.to_numeric(rows["valence"])
        document = domain + rows["id"].str.partition("_")[0]
        sentiment = (valence > 0).map({True: "positive", False: "negative"})
        whole = pd.DataFrame({"text": rows["text"], "domain": domain, "document": document, "sentiment": sentiment})
        parts.append(whole[valence.abs() > 0.5])
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    from autoglm import AutoML
    from autoglm.commands.domains import _told
    from autoglm.transfer import Transfer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--shots", default="16,64")
    given = parser.parse_args()
    frame = ratings(Path(os.environ["AUTOGLM_DATA"]) / "vaderSentiment")
    began = time.monotonic()
    shots = tuple(int(n) for n in given.shots.split(",") if n)
    recipe = AutoML(seconds=given.seconds, metric="f1_macro")
    matrix = Transfer(recipe, shots, 1200).play(frame, "sentiment", "domain", "document")
    print(f"\n{_told(matrix)}\n\n{time.monotonic() - began:.0f} s")
    for name, found, floor in (("across", matrix.across, ACROSS), ("within", matrix.within, WITHIN)):
        print(f"{'reached' if found >= floor else 'MISSED'}: {name} {found:.3f}, wanted {floor}")


if __name__ == "__main__":
    main()
