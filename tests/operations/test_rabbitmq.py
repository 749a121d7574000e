"""What only a queue in RabbitMQ has: pages, a log that is cut, connections and streams that go away."""

import contextlib
import itertools
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pika", reason="needs the extra brokers")
pytest.importorskip("stamina", reason="needs the extra serve")

from pika.exceptions import AMQPError
from prometheus_client import CollectorRegistry

from autoglm.core.errors import OptionError
from autoglm.kit import rabbitmq_letters as kit
from autoglm.kit.letters import LetterError
from autoglm.kit.rabbitmq_letters import RabbitMQLetters

from .servers import rabbitmq

Open = Callable[..., RabbitMQLetters]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server, url = rabbitmq(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    yield url
    server.stop()


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody kills this broker, so nobody has to wait until it has written down where its streams are."""
    monkeypatch.setattr(kit, "SETTLE", 0.0)


@pytest.fixture
def start(broker: str) -> Iterator[Open]:
    """Open the test's queue, as often as asked."""
    where, opened = f"{broker}?queue=q{uuid.uuid4().hex}", []

    def start(**settings: Any) -> RabbitMQLetters:
        opened.append(RabbitMQLetters(where, **{"base": 0.0} | settings))
        return opened[-1]

    yield start
    for letters in opened:
        letters.close()


def work(letters: RabbitMQLetters, jobs: int, size: int = 10) -> None:
    for n in range(jobs):
        letters.put({"n": n, "text": "x" * size})
    for _ in range(jobs):
        held = letters.lease()
        assert held is not None and letters.ack(held)


def told(letters: RabbitMQLetters) -> tuple[object, ...]:
    return letters.waiting(), letters.dead(), letters.put({}, "done"), letters.counts()


def full(letters: RabbitMQLetters) -> None:
    """Have a letter of each kind: done, dead, leased, queued."""
    for key in ("done", "dead", "leased", "queued"):
        letters.put({"größer": key}, key)
    done, dead, _ = letters.lease(), letters.lease(), letters.lease()
    assert done is not None and letters.ack(done)
    assert dead is not None and letters.fail(dead, "boom")


def cut(letters: RabbitMQLetters) -> None:
    """End the connection behind its back."""
    with contextlib.suppress(AMQPError):  # of what has arrived and was not read
        letters._connection.close()


def test_who_comes_later_reads_a_page_and_little_else(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "PAGE", 20)
    letters = start(most=1)
    full(letters)
    work(letters, 50)
    late = start()
    assert letters._read > 150 and late._read < 25
    assert told(late) == told(letters) and late.counts() == (2, 1)


def test_of_many_pages_one_of_the_last_is_read(start: Open) -> None:
    letters = start(most=1)
    full(letters)
    letters.counts()
    for _ in range(200):
        letters._write_page()
    late = start()
    assert late._read < 5 and told(late) == told(letters)


def test_a_page_of_another_log_is_left_aside(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = start(most=1)
    full(letters)
    page = letters._ledger.pack() | {"queue": [], "offset": 2}
    for offset, nonce in ((2, "none"), (10**6, "none")):
        letters._send(letters._pages, page | {"offset": offset, "nonce": nonce})
        letters.counts()
        monkeypatch.setattr(kit, "ANSWER", 0.5)
        assert told(start()) == told(letters)


def test_a_log_that_is_cut_loses_no_letter(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"x-max-length-bytes": 400_000, "x-stream-max-segment-size-bytes": 100_000}
    monkeypatch.setattr(kit, "LOG", small)
    monkeypatch.setattr(kit, "PAGE", 100)
    letters = start(most=1)
    full(letters)
    work(letters, 400, size=2_000)
    monkeypatch.setattr(kit, "ANSWER", 1.0)
    late = start()
    assert told(late) == told(letters) and late.counts() == (2, 1)
    letters._page = lambda seconds: None  # type: ignore[method-assign]
    with pytest.raises(OptionError, match=r"the beginning of the stream 'autoglm-q.* was deleted"):
        letters._connect()


def test_a_connection_that_goes_away_is_made_again_unnoticed(start: Open) -> None:
    registry = CollectorRegistry()
    letters = start(registry=registry)
    first = letters.put({}, "k")
    cut(letters)
    assert letters.put({}, "k") == first and letters.counts() == (1, 0)
    assert not registry.get_sample_value("autoglm_remote_failures_total", {"name": "amqp"})


def test_an_event_whose_answer_was_lost_happens_once(start: Open) -> None:
    letters = start()
    event = kit._event("put", id="a", key="k", body={}, forget=0.0)
    letters._send(letters._log, event)
    cut(letters)
    assert letters._ask(lambda: letters._outcome(event)) == "a" and letters.counts() == (1, 0)


def test_a_stream_that_is_deleted_is_noticed(start: Open) -> None:
    letters, other = start(), start()
    letters.put({})
    other._channel.queue_delete(other._log)
    assert letters.counts() == (0, 0) and letters.lease() is None


def test_an_address_that_cannot_be_one(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="heartbeat"):
        RabbitMQLetters("amqp://127.0.0.1:1?heartbeat=soon")


def test_who_begins_a_log_waits_until_it_is_safe(start: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(kit, "SETTLE", 30.0)
    monkeypatch.setattr(kit.time, "sleep", slept.append)
    start()
    began = time.time()
    assert slept == [pytest.approx(30.0, abs=5.0)]
    monkeypatch.setattr(kit.time, "time", lambda: began + 30.0)
    start()
    assert slept[1:] == [0.0]


@pytest.mark.slow
def test_kills_between_pages_lose_and_double_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who put the same keys, two workers that fail, forget and finish, a broker that dies at any moment."""
    monkeypatch.undo()  # this broker is killed
    monkeypatch.setattr(kit, "PAGE", 50)
    server, url = rabbitmq(tmp_path)
    server.start()
    ended, accepted, acknowledged = threading.Event(), defaultdict(set), Counter[str]()

    def produce() -> None:
        letters = RabbitMQLetters(url)
        for n in itertools.count():
            if ended.wait(0.004):
                return
            with contextlib.suppress(LetterError):
                accepted[n].add(letters.put({"n": n}, f"key {n}"))

    def consume(seed: int) -> None:
        letters, draw = RabbitMQLetters(url, visibility=1.5, base=0.01, most=10**6), random.Random(seed)
        while not ended.is_set():
            with contextlib.suppress(LetterError):
                held, chance = letters.lease(), draw.random()
                if held is None or chance < 0.03:
                    continue
                if chance < 0.1:
                    letters.fail(held, "boom")
                elif letters.ack(held):
                    acknowledged[held.id] += 1

    parts: list[tuple[Callable[..., None], tuple[int, ...]]] = [(produce, ())] * 2 + [(consume, (n,)) for n in range(2)]
    threads = [threading.Thread(target=part, args=told, daemon=True) for part, told in parts]
    try:
        for thread in threads:
            thread.start()
        for seconds in (3.0, 1.1, 2.3, 0.4):
            time.sleep(seconds)
            server.kill()
            server.start()
        time.sleep(4.0)
        ended.set()
        for thread in threads:
            thread.join(30)
        last = RabbitMQLetters(url, visibility=1.5, most=10**6)
        assert last._read < last._last[0] / 2, "no page was read"
        until = time.monotonic() + 20
        while last.counts().waiting and time.monotonic() < until:
            held = last.lease()
            if held is not None and last.ack(held):
                acknowledged[held.id] += 1
    finally:
        server.kill()
    assert len(accepted) > 100 and all(len(ids) == 1 for ids in accepted.values()), "a key is one job"
    assert set(acknowledged) >= set().union(*accepted.values()), "an accepted job was lost"
    assert set(acknowledged.values()) == {1}, "a job was acknowledged twice"
