"""The shadow: nothing waits for it, nothing is lost without being counted, and it agrees with itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from autoglm import AutoML, Predictor
from autoglm.bundle import version_of
from autoglm.core.columns import column
from autoglm.core.errors import FolderError, OptionError
from autoglm.serving import agreement
from autoglm.serving.observer import Seen
from autoglm.serving.shadow import Shadow
from autoglm.serving.store import Store

from .conftest import Start, as_json

Made = Callable[..., Shadow]


@pytest.fixture(scope="module")
def other(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("other") / "model"
    return AutoML(work=3, threads=1, learners=["linear"], search="none", seed=9).fit(frame, "species").save(place)


@pytest.fixture
def place(request: pytest.FixtureRequest, fresh: Callable[[str], str]) -> str:
    return fresh(getattr(request, "param", "sqlite"))


@pytest.fixture
def made(folder: Path, place: str) -> Iterator[Made]:
    shadows: list[Shadow] = []

    def make(**more: Any) -> Shadow:
        shadows.append(Shadow(folder, place, **more))
        return shadows[-1]

    yield make
    for shadow in shadows:
        shadow.close(0)


@pytest.fixture
def told(predictor: Predictor, folder: Path, frame: pd.DataFrame) -> list[Seen]:
    """Requests of one to three rows, as a service saw them."""
    rows, found = frame.drop(columns="species"), []
    for i in range(40):
        some = rows.iloc[i : i + 1 + i % 3].reset_index(drop=True)
        margins = predictor.blend(predictor.encode(some))
        found.append(
            Seen(f"r{i}", [column(some[n]) for n in predictor.columns], margins, "", time.time(), version_of(folder))
        )
    return found


def until(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
def test_all_is_answered_explained_and_agrees(made: Made, place: str, other: Path, told: list[Seen]) -> None:
    registry = CollectorRegistry()
    shadow = made(other=other, explain=True, registry=registry)
    for seen in told:
        shadow.saw(seen)
    assert shadow.drain(60)
    assert (shadow.taken, shadow.dropped, shadow.errors) == (40, 0, 0)
    found = agreement.report(Store(place))
    assert found["coverage"] == {"share": 1.0, "answered": 40, "dead": 0, "lost": 0}
    assert found["rows"] == sum(len(seen) for seen in told) == found["agreement"]["rows"]
    assert 0.8 < found["agreement"]["equal"] < 1.0001 and 0 < found["agreement"]["difference"] < 0.5
    why = found["explanations"]
    assert why["pearson"] > 0.999999 and why["top_equal"] == 1.0 and why["largest_gap"] < 1e-4
    assert found["abnormal"]["share"] == 0 and found["others"] == [version_of(other)]
    assert until(lambda: registry.get_sample_value("autoglm_shadow_taken_total") == 40)
    assert registry.get_sample_value("autoglm_shadow_gap_count") == 40
    assert registry.get_sample_value("autoglm_dlq_depth", {"queue": "shadow"}) == 0


def test_the_other_answers_as_it_would_itself(made: Made, place: str, other: Path, told: list[Seen]) -> None:
    shadow = made(other=other)
    shadow.saw(told[5])
    assert shadow.drain(60)
    (kept,) = Store(place).answers(["request", "other_margins", "equal", "difference", "phi", "seconds"])
    second = Predictor.load(other)
    expected = second.blend(second.encode(told[5].rows))
    np.testing.assert_allclose(np.frombuffer(kept["other_margins"]).reshape(expected.shape), expected, rtol=1e-12)
    shares = 1 / (1 + np.exp(-told[5].margins)), 1 / (1 + np.exp(-expected))
    assert kept["difference"] == pytest.approx(np.abs(shares[0] - shares[1]).sum())
    assert kept["request"] == "r5" and kept["phi"] is None and kept["seconds"] > 0


def test_what_finds_no_room_is_a_dead_letter_and_answered_later(made: Made, place: str, told: list[Seen]) -> None:
    shadow = made(explain=True, requests=4)
    shadow._due = time.monotonic() + 1  # the process is late
    shadow._child.kill() if shadow._child else None
    for seen in told[:10]:
        shadow.saw(seen)
    assert shadow.dropped >= 6 - 4
    store = Store(place)
    assert until(lambda: shadow.taken + shadow.dropped - shadow.lost >= 8)
    assert until(lambda: store.depth() == 0 and len(store.answers(["key"])) + store.lost() == 10), "backfilled"
    found = agreement.report(store)
    assert found["coverage"]["lost"] == shadow.lost
    assert found["coverage"]["share"] == pytest.approx((10 - shadow.lost) / 10)


def test_a_process_that_is_killed_comes_back(made: Made, place: str, told: list[Seen]) -> None:
    shadow = made(explain=True)
    shadow.saw(told[0])
    assert shadow.drain(60)
    assert shadow._child is not None
    first = shadow._child.pid
    for seen in told[1:30]:
        shadow.saw(seen)
    os.kill(first, signal.SIGKILL)
    assert until(lambda: shadow._child is not None and shadow._child.pid != first)
    for seen in told[30:]:
        shadow.saw(seen)
    store = Store(place)
    assert until(lambda: len(store.answers(["key"])) == 40 and store.depth() == 0), "none of them is lost"
    assert shadow.restarts == 1 and shadow.lost == 0
    assert os.getpriority(os.PRIO_PROCESS, shadow._child.pid) == 19


def test_rows_that_fail_are_errors_of_their_own(made: Made, place: str, told: list[Seen]) -> None:
    shadow = made(explain=True)
    poor = [c for c in told[3].columns if c.name != "petal_width"]
    for seen in (told[0], Seen("poor", poor, told[3].margins, "", time.time(), told[3].version), told[1]):
        shadow.saw(seen)
    assert shadow.drain(60)
    found = {row["request"]: row["error"] for row in Store(place).answers(["request", "error"])}
    assert found["r0"] == found["r1"] == "" and "petal_width" in found["poor"]
    report = agreement.report(Store(place))
    assert report["coverage"]["share"] == pytest.approx(2 / 3) and report["abnormal"]["error"] == 1


def test_wrong_answers_are_not_additive(made: Made, place: str, told: list[Seen]) -> None:
    shadow = made(explain=True)
    wrong = Seen("wrong", told[0].columns, told[0].margins + 0.01, "", time.time(), told[0].version)
    for seen in (wrong, told[1]):
        shadow.saw(seen)
    assert shadow.drain(60)
    assert agreement.report(Store(place))["abnormal"] == {
        "share": 0.5,
        "error": 0,
        "non_finite": 0,
        "not_additive": 1,
        "late": 0,
    }


def test_answers_of_a_version_that_is_gone_are_not_explained(made: Made, place: str, told: list[Seen]) -> None:
    shadow = made(explain=True)
    shadow.saw(Seen("old", told[0].columns, told[0].margins, "", time.time(), "0" * 12))
    assert shadow.drain(60)
    assert "was answered by 000000000000" in Store(place).answers(["error"])[0]["error"]


def test_what_waits_at_the_end_is_kept(folder: Path, place: str, told: list[Seen]) -> None:
    shadow = Shadow(folder, place, explain=True)
    for seen in told:
        shadow.saw(seen)
    shadow.close(0)
    store = Store(place)
    assert len(store.answers(["key"])) + store.depth() == 40 and shadow.lost == 0


def test_a_shadow_ends_with_its_service(folder: Path, place: str) -> None:
    code = (
        "import sys, time; from pathlib import Path; from autoglm.serving.shadow import Shadow\n"
        "shadow = Shadow(Path(sys.argv[1]), sys.argv[2], explain=True)\n"
        "while shadow._child is None: time.sleep(.01)\n"
        "print(shadow._child.pid, flush=True); time.sleep(60)"
    )
    service = subprocess.Popen([sys.executable, "-c", code, str(folder), place], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    pid = int(service.stdout.readline())
    service.kill()
    service.wait()
    service.stdout.close()

    def gone() -> bool:
        try:
            return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return True

    assert until(gone)


def test_to_take_note_costs_next_to_nothing(made: Made, told: list[Seen]) -> None:
    shadow = made(explain=True, requests=100_000)
    began = time.thread_time()
    for _ in range(50):
        for seen in told:
            shadow.saw(seen)
    each = (time.thread_time() - began) / 2000
    assert each < 100e-6, f"{each * 1e6:.0f} us"
    shadow._waiting.clear()


def test_many_threads_take_note(made: Made, place: str, told: list[Seen]) -> None:
    shadow = made(explain=True)
    threads = [threading.Thread(target=lambda: [shadow.saw(seen) for seen in told[:20]]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shadow.drain(60) and len(Store(place).answers(["key"])) == 80, "one id twice is two requests"


def test_what_could_never_work_is_refused(folder: Path, place: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="nothing to do"):
        Shadow(folder, place)
    with pytest.raises(FolderError, match="no folder"):
        Shadow(folder, place, other=tmp_path / "none")
    quick = AutoML(work=3, threads=1, learners=["linear"], search="none")
    with pytest.raises(OptionError, match="same task"):
        Shadow(folder, place, other=quick.fit(frame, "sepal_length").save(tmp_path / "length"))
    wider = frame.assign(extra=frame["petal_length"] ** 2)
    with pytest.raises(OptionError, match="'extra'"):
        Shadow(folder, place, other=quick.fit(wider, "species").save(tmp_path / "wider"))


def test_behind_a_service(start: Start, folder: Path, place: str, frame: pd.DataFrame) -> None:
    import httpx

    shadow = Shadow(folder, place, explain=True)
    running = start(observers=[shadow], http=0)
    rows = [as_json(row) for _, row in frame.drop(columns="species").head(30).iterrows()]
    with httpx.Client(base_url=f"http://127.0.0.1:{running.http}") as client:
        for row in rows:
            assert client.post("/predict", json={"rows": [row]}).status_code == 200
    assert shadow.drain(60)
    found = agreement.report(Store(place))
    assert found["coverage"]["share"] == 1.0 and found["explanations"]["pearson"] > 0.999999
