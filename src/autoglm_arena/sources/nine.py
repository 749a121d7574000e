# /// script
# requires-python = ">=3.11"
# dependencies = ["open-autoglm[images,audio,satellite]"]
# ///
"""The nine standard data sets and the text domains: real files where ``$AUTOGLM_DATA`` holds them, else miniatures."""

from __future__ import annotations

import subprocess
import sys

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
    "domains": ["domains/tweets-film", "domains/tweets-products", "domains/tweets-editorials"],
}


def main() -> None:
    """``write NAME FOLDER [--features]`` stores one data set, by this project's own readers."""
    name, folder, *features = sys.argv[2:]
    stem, _, task = name.partition("/")
    mini = f"{stem}-mini" + f"/{task}" * bool(task)
    words = []
    for candidate in (name, mini):
        command = [sys.executable, "-m", "autoglm", "data", "write", candidate, folder, *features]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        words.append(done.stderr.strip())
    sys.exit("; ".join(words))


if __name__ == "__main__":
    main()
