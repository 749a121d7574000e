"""kill -9 at random moments: nothing that was finished is lost, and the same call continues."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autoglm

SCRIPT = """
import json, sys, time
import numpy as np, pandas as pd
import autoglm
draw = np.random.default_rng(8)
frame = pd.DataFrame({"a": draw.normal(size=150), "b": draw.normal(size=150), "c": draw.choice(list("xyz"), 150)})
frame["y"] = np.where(frame["a"] + (frame["c"] == "x") + draw.normal(size=150) > 0.5, "yes", "no")
begun = time.monotonic()
predictor = autoglm.AutoML(**json.loads(sys.argv[1])).fit(frame, "y")
taken = time.monotonic() - begun
print(json.dumps([taken, predictor.predict_proba(frame)["yes"].map(float.hex).tolist()]))
"""
KILLS = 20


def started(**options: Any) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(autoglm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )


def answers(**options: Any) -> tuple[float, list[str]]:
    """Seconds that the fit took, and the answers to the bit."""
    out, err = (process := started(**options)).communicate(timeout=100)
    assert process.returncode == 0, err.decode()[-2000:]
    taken, found = json.loads(out)
    return taken, found


def fits(folder: Path) -> dict[str, str]:
    """Finished fits and hashes of all their files."""
    found = {}
    for record in sorted(folder.glob("run/fits/*/[!.]*/fit.json")):
        whole = hashlib.sha256()
        for path in sorted(record.parent.iterdir()):
            whole.update(path.name.encode() + path.read_bytes())
        found[str(record.parent.relative_to(folder))] = whole.hexdigest()
    return found


def killed_again_and_again(folder: Path, kills: int, longest: float, **options: Any) -> None:
    draw, before = np.random.default_rng(11), dict[str, str]()
    for _ in range(kills):
        process = started(folder=str(folder), **options)
        time.sleep(float(draw.uniform(0.2, longest)))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        after = fits(folder)
        assert before.items() <= after.items(), "a finished fit is lost or changed"
        if (folder / "manifest.json").exists():  # it had been finished: never half of it
            autoglm.load(folder)
        before = after


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_work_that_is_killed_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    options = {"work": 60, "threads": 2, "learners": ["linear", "forest"], "search": "random"}
    killed_again_and_again(tmp_path / "killed", KILLS, 5.0, **options)
    _, last = answers(folder=str(tmp_path / "killed"), **options)
    _, whole = answers(folder=str(tmp_path / "whole"), **options | {"threads": 1})
    assert last == whole
    one, other = (json.loads((tmp_path / n / "manifest.json").read_text()) for n in ("killed", "whole"))
    for key in ("members", "temperature", "offsets", "score"):
        assert one[key] == other[key], key
    assert fits(tmp_path / "killed").keys() >= fits(tmp_path / "whole").keys()


@pytest.mark.clock
@pytest.mark.slow
@pytest.mark.timeout(200)
def test_seconds_that_are_killed_go_on(tmp_path: Path) -> None:
    options = {"seconds": 12, "learners": ["linear", "forest"]}
    killed_again_and_again(tmp_path / "killed", 6, 4.0, **options)
    taken, found = answers(folder=str(tmp_path / "killed"), **options)
    assert len(found) == 150
    assert taken < 12 + 2
