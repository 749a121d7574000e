"""The soak's own arithmetic: the slope of memory, its verdict, and that it notices what is lost, doubled or wrong."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

pytest.importorskip("grpc", reason="needs the extra serve")
pytest.importorskip("stamina", reason="needs the extra serve")

import soak


def test_the_slope_of_memory_has_an_interval() -> None:
    draw = np.random.default_rng(1)
    flat = [(float(t), 3e8 + 1e6 * draw.normal()) for t in range(600)]
    slope, low, high = soak.growth(flat)
    assert low < 0 < high and high - low < 30
    slope, low, high = soak.growth([(t, memory + 1e4 * t) for t, memory in flat])
    assert low < 36 < high and slope > 20 and low > 0
    assert np.isnan(soak.growth(flat[:10])[0])


@pytest.mark.parametrize("fault", ["lost", "doubled", "wrong"])
def test_the_verdict_names_a_fault(fault: str) -> None:
    served = soak.Served(answers=5, memory=[(float(t), 1e8) for t in range(100)])
    good = soak.Report(served, [soak.Worked("file", accepted=3, kills=2)], {"nats": "nats-server is not installed"})
    text = soak.table(good, 0.5)
    assert good.good and "0.500 hours" in text and "Nothing lost, nothing wrong." in text
    assert "| nats | left out: nats-server is not installed |" in text
    bad = soak.Report(served, [soak.Worked("file", accepted=3, **{fault: 1})], {})
    assert not bad.good and "SOMETHING WAS LOST OR WRONG" in soak.table(bad, 0.5)
    assert not soak.Report(soak.Served(answers=5, wrong=1), [], {}).good
    assert not soak.Report(soak.Served(answers=5, missing=1), [], {}).good
    assert not soak.Report(served, [soak.Worked("file")], {}).good, "nothing was accepted: nothing was shown"


@contextmanager
def plain(folder: Path) -> Iterator[soak.Queue]:
    """A file whose disk is never full: any user may run this."""
    folder.mkdir()
    yield soak.Queue(str(folder / "jobs.sqlite"), folder, lambda: None, lambda: None)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_run(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(soak.QUEUES, "file", plain)
    report = soak.soak(tmp_path, 20.0, 3, ["file", "redis"], Random(1))
    worked = [w for w in report.worked if w.accepted]
    assert report.good and worked, soak.table(report, 0.0)
    assert all(w.kills >= 1 for w in worked) and report.served.answers > 50 and report.served.reloads >= 1


def test_what_is_lost_doubled_or_wrong_is_counted(tmp_path: Path, monkeypatch: Any) -> None:
    """A worker that says all is done: the first job twice, with no answers; the second with wrong ones."""
    calm = soak.Calm(tmp_path, tmp_path, b"right")

    class Lying(soak.Workers):
        def keep(self) -> None:
            pass

        def kill(self, draw: Random) -> bool:
            return False

    def produce(queue: Any, calm: Any, outs: Path, accepted: dict[str, Path], found: Any, ended: Any) -> None:
        accepted.update({f"j{n}": outs / f"{n}.csv" for n in range(3)})
        (outs / "1.csv").write_bytes(b"wrong")
        (outs / "2.csv").write_bytes(b"right")
        (queue.folder / "worker-1.log").write_text("note: job j0: done\n")
        (queue.folder / "worker-2.log").write_text("note: job j0: done\nnote: job j1: done\n")

    monkeypatch.setattr(soak, "Workers", Lying)
    monkeypatch.setattr(soak, "_produce", produce)
    with plain(tmp_path / "q") as queue:
        found = soak.chaos("file", queue, calm, 0.2, 1, Random(1))
    assert (found.accepted, found.lost, found.doubled, found.wrong) == (3, 1, 1, 1)
