"""Third-party learners that misbehave, installed the way a package of somebody else would be."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm.core import shelf

HEAD = '''"""A learner that misbehaves."""
import os, time
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from autoglm.learners import constant

@dataclass(frozen=True)
class Learner(constant.Learner):
    name: ClassVar[str] = "{name}"

    def fit(self, train, valid, task, limits):
{body}
        return super().fit(train, valid, task, limits)

Model = constant.Model
'''
NAN = "return constant.Model((float('nan'),) * task.scores)"
BODIES = {
    "rogue_exits": ["os._exit(7)"],
    "rogue_raises": ["raise ValueError('boom\\nand more')"],
    "rogue_nan": [NAN],
    "rogue_prints": ["print('{')", "os.write(1, b'noise')"],
    "rogue_hangs": ["while True:", "    time.sleep(1)"],
    "rogue_bursts": ["held = []", "while len(held) < 60:", "    held.append(np.ones(2**22))", "    time.sleep(0.02)"],
}


@pytest.fixture
def rogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """Names of learners that hang, exit, burst their memory, raise, answer NaN, or print."""
    place = tmp_path / "site"
    about = place / "rogues-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rogues\nVersion: 1.0\n")
    points = "".join(f"{name} = {name}\n" for name in BODIES)
    (about / "entry_points.txt").write_text(f"[autoglm.learners]\n{points}")
    for name, lines in BODIES.items():
        body = "\n".join(f"        {line}" for line in lines)
        (place / f"{name}.py").write_text(HEAD.format(name=name, body=body))
    path = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(place)
    importlib.invalidate_caches()
    shelf.plugins.cache_clear()
    yield tuple(BODIES)
    shelf.plugins.cache_clear()
