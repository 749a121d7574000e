# /// script
# requires-python = ">=3.11"
# dependencies = ["open-autoglm[images,audio,satellite]"]
# ///
"""The nine standard data sets and four domains of sentiment: real where ``$AUTOGLM_DATA`` has them, else miniatures.

``domains/films`` learns from sentences about films and is tested on those of every domain.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LISTS = {
    "nine": [
        "mnist",
        "cifar10",
        "imagenet",
        "squad/sentence",
        "cola",
        "glue/sst2",
        "glue/mrpc",
        "librispeech/speaker",
        "librispeech/word",
        "urbansound8k",
        "sentinel2/rgb",
    ],
    "domains": ["domains/tweets", "domains/films", "domains/products", "domains/editorials"],
}
PART = "__part__"
GROUPS = ["question_id"]  # columns that say which rows belong together and predict nothing


def main() -> None:
    """``write NAME FOLDER [--features]`` stores one data set, by this project's own readers."""
    name, folder, *features = sys.argv[2:]
    list_ = next(key for key, members in LISTS.items() if name in members)
    stem, _, task = name.partition("/")
    if list_ == "domains":
        written(["domains"], folder, features)
        about: dict[str, Any] = {"by": "domain", "domain": task}
    else:
        written([name, f"{stem}-mini/{task}".rstrip("/")], folder, features)
        about = {"by": "", "domain": stem}
    tell(Path(folder), about | {"name": name, "list": list_})


def written(candidates: list[str], folder: str, features: list[str]) -> None:
    """Store the first of the candidates that can be read."""
    words = []
    for candidate in candidates:
        command = [sys.executable, "-m", "autoglm", "data", "write", candidate, folder, *features]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        words.append(done.stderr.strip())
    sys.exit("; ".join(words))


def tell(folder: Path, about: dict[str, Any]) -> None:
    """Say on the card what the referee asks for, and leave the rows of other domains out of the training part."""
    import pandas as pd

    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    rows = pd.read_parquet(folder / "rows.parquet").drop(columns=GROUPS, errors="ignore")
    if about["by"]:
        if about["by"] not in rows:  # among features a domain is a column of zeros and ones
            marks = [f"{about['by']}_{value}" for value in ("tweets", "films", "products", "editorials")]
            rows[about["by"]] = rows[marks].idxmax(axis=1).str.removeprefix(f"{about['by']}_")
            rows = rows.drop(columns=marks)
        rows = rows[(rows[PART] == "test") | (rows[about["by"]] == about["domain"])]
    rows.to_parquet(folder / "rows.parquet", index=False)
    card |= about | {"task": card["kind"], "stands_for": card["name"]}
    (folder / "card.json").write_text(json.dumps(card, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
