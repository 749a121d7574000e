"""Brokers that die and come back: no accepted job is lost, none is done twice, workers wait."""

import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autoglm import Predictor
from autoglm.kit import letters as kit
from autoglm.kit.letters import LetterError

from .conftest import PARENT, Broker, Command, said, until

KILLS = 3


def test_a_broker_that_is_killed_loses_no_accepted_job(broker: Broker) -> None:
    accepted: list[str] = []
    acknowledged: list[str] = []
    errors: list[str] = []
    ended = threading.Event()

    def produce() -> None:
        letters = kit.opened(broker.url)
        while not ended.is_set():
            try:
                accepted.append(letters.put({"n": len(accepted)}))
            except LetterError as error:
                errors.append(str(error))
            time.sleep(0.002)

    def consume() -> None:
        letters = kit.opened(broker.url, visibility=1.0)
        while not ended.is_set():
            try:
                letter = letters.lease()
                if letter is not None and letters.ack(letter):
                    acknowledged.append(letter.id)
            except LetterError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=part, daemon=True) for part in (produce, consume, consume)]
    for thread in threads:
        thread.start()
    for _ in range(KILLS):
        before = len(accepted)
        assert until(lambda before=before: len(accepted) > before + 20), errors
        broker.server.kill()
        time.sleep(0.3)
        broker.server.start()
    before = len(accepted)
    assert until(lambda: len(accepted) > before + 20), errors
    ended.set()
    for thread in threads:
        thread.join(40)
    letters = kit.opened(broker.url, visibility=1.0, most=10**6)
    end = time.monotonic() + 40
    while letters.counts().waiting and time.monotonic() < end:
        letter = letters.lease()
        if letter is not None and letters.ack(letter):
            acknowledged.append(letter.id)
    assert set(accepted) <= set(acknowledged), "an accepted job was lost"
    assert len(acknowledged) == len(set(acknowledged)), "a job was acknowledged twice"
    assert letters.counts() == (0, 0), letters.waiting()
    assert len(accepted) > 60


def test_jobs_go_through_a_broker(broker: Broker, command: Command, folder: Path, table: Path, tmp_path: Path) -> None:
    out, queue = tmp_path / "out.parquet", ("--queue", broker.url)
    job, _ = said(command("jobs", "put", folder, table, "-o", out, TRACEPARENT=PARENT, AUTOGLM_QUEUE=broker.url))
    listed, _ = said(command("jobs", "list", *queue))
    assert job in listed and "waiting" in listed
    _, told = said(command("jobs", "work", "--once", "--json", *queue))
    assert f'"job":"{job}"' in told and f'"trace_id":"{PARENT.split("-")[1]}"' in told
    answers = Predictor.load(folder).predict(pd.read_csv(table))
    assert pd.read_parquet(out)["y"].tolist() == answers.tolist()
    table.write_text("z\n1\n")
    said(command("jobs", "put", folder, table, "-o", out, *queue))
    letters = kit.opened(broker.url, most=1)
    letter = letters.lease()
    assert letter is not None and letters.fail(letter, "out of paper")
    dead, _ = said(command("dead", "list", *queue))
    assert "out of paper" in dead and letter.id in dead
    said(command("dead", "drop", letter.id, *queue))
    assert letters.counts() == (0, 0)


@pytest.mark.slow
def test_a_worker_waits_for_its_broker(
    broker: Broker, command: Command, folder: Path, table: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    process = command("jobs", "work", "--queue", broker.url)
    lines: list[str] = []
    assert process.stderr is not None
    threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")), daemon=True).start()  # type: ignore[union-attr]
    out = tmp_path / "first.csv"
    said(command("jobs", "put", folder, table, "-o", out, "--queue", broker.url))
    assert until(out.exists)
    broker.server.kill()
    down = command("jobs", "list", "--queue", broker.url)
    out, told = said(down, code=1)
    assert (
        out == ""
        and told.count("\n") == 0
        and broker.url.split("//")[1].split("/")[0] in told
        and "start the broker" in told
    )
    assert until(lambda: any("waiting for the queue" in line for line in lines), 60), lines
    assert process.poll() is None
    broker.server.start()
    out = tmp_path / "second.csv"
    said(command("jobs", "put", folder, table, "-o", out, "--queue", broker.url))
    assert until(out.exists) and any("the queue is back" in line for line in lines)
    assert sum("waiting for the queue" in line for line in lines) == 1
    process.terminate()
    assert process.wait(20) == 0


def test_a_redis_that_keeps_nothing_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis", reason="needs the extra brokers")
    from .servers import redis

    server, url = redis(tmp_path)
    place = server.command.index("--appendonly")
    server.command[place + 1] = "no"
    server.command += ["--maxmemory-policy", "allkeys-lru"]
    server.start()
    try:
        kit.opened(url).close()
    finally:
        server.stop()
    assert "appendonly yes" in caplog.text and "noeviction" in caplog.text
