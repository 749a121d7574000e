"""One contract for every queue of letters: a file, a real Redis, NATS and RabbitMQ."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autoglm.kit import letters as kit
from autoglm.kit import rabbitmq_letters
from autoglm.kit.letters import Letter, LetterError, Letters, UnknownLetterError

from .servers import BROKERS, LIBRARIES

Open = Callable[..., Letters]
HELD = 0.6  # seconds of a short lease


@pytest.fixture(scope="module", params=["sqlite", *sorted(BROKERS)])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Where there is a fresh queue."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        yield lambda: str(folder / f"{uuid.uuid4().hex}.sqlite")
        return
    pytest.importorskip(LIBRARIES[request.param], reason="needs the extra brokers")
    pytest.importorskip("stamina", reason="needs the extra serve")
    server, url = BROKERS[request.param](folder)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rabbitmq_letters, "SETTLE", 0.0)  # nobody kills this broker
        yield lambda: f"{url}?queue=q{uuid.uuid4().hex}"
    server.stop()


@pytest.fixture
def start(place: Callable[[], str]) -> Iterator[Open]:
    """Open the test's queue, as often as asked."""
    where, opened = place(), []

    def start(**settings: Any) -> Letters:
        opened.append(kit.opened(where, **{"base": 0.0} | settings))
        return opened[-1]

    yield start
    for letters in opened:
        letters.close()


def leased(letters: Letters, seconds: float = 5.0) -> Letter:
    """Return the next job as soon as it is due."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = letters.lease()
        if found is not None:
            return found
        time.sleep(0.02)
    raise AssertionError("no job is due")


def test_a_job_is_given_out_once_in_order(start: Open) -> None:
    letters, other = start(), start()
    ids = [letters.put({"n": n, "text": "größer / \\ \" 'x'"}) for n in range(3)]
    assert [letter.id for letter in other.waiting()] == ids and letters.counts() == (3, 0)
    held = [leased(letters), leased(other), leased(letters)]
    assert [letter.id for letter in held] == ids and other.lease() is None
    assert held[1].body == {"n": 1, "text": "größer / \\ \" 'x'"}
    assert all(letter.tries == 1 and letter.lease and letter.origin == letter.id for letter in held)
    assert all(letter.lease for letter in letters.waiting())
    assert [letters.ack(letter) for letter in held] == [True] * 3
    assert letters.counts() == (0, 0) and letters.waiting() == [] and other.lease() is None


def test_a_key_is_one_job_also_when_done_or_dead(start: Open) -> None:
    letters = start(most=1)
    first, second = letters.put({"a": 1}, "one"), letters.put({"a": 2}, "two")
    assert letters.put({}, "one") == first != second
    assert letters.ack(leased(letters)) and letters.fail(leased(letters), "boom")
    assert (letters.put({}, "one"), letters.put({}, "two")) == (first, second)
    assert letters.counts() == (0, 1) and letters.lease() is None


def test_failures_are_tried_again_then_die_and_can_be_replayed(start: Open) -> None:
    letters = start(most=2)
    first = letters.put({"a": 1}, "k")
    assert letters.fail(leased(letters), "boom")
    (waits,) = letters.waiting()
    assert (waits.error, waits.tries, waits.lease) == ("boom", 1, "")
    held = leased(letters)
    assert (held.tries, held.error) == (2, "boom") and letters.fail(held, "boom again")
    assert letters.waiting() == [] and letters.lease() is None
    (dead,) = letters.dead()
    assert (dead.id, dead.error, dead.tries, dead.lease) == (first, "boom again", 2, "")
    assert letters.show(first) == dead
    fresh = letters.retry(first)
    held = leased(letters)
    assert (held.id, held.origin, held.tries, held.error, held.body) == (fresh, first, 1, "", {"a": 1})
    assert fresh != first and letters.dead() == [] and letters.put({}, "k") == fresh
    assert letters.ack(held) and letters.put({}, "k") == fresh


def test_a_dead_letter_can_be_dropped(start: Open) -> None:
    letters = start(most=1)
    first = letters.put({}, "k")
    letters.fail(leased(letters), "boom")
    letters.drop(first)
    assert letters.dead() == [] and letters.put({}, "k") != first
    for verb in (letters.show, letters.retry, letters.drop):
        with pytest.raises(UnknownLetterError, match="no dead letter has the id"):
            verb(first)


@pytest.mark.clock
def test_a_failed_job_waits(start: Open) -> None:
    letters = start(base=0.5, chance=lambda: 1.0)
    letters.put({})
    began = time.monotonic()
    letters.fail(leased(letters), "boom")
    assert leased(letters).tries == 2 and 0.9 < time.monotonic() - began < 2.5


def test_a_lease_that_runs_out_is_given_on_and_counts(start: Open) -> None:
    letters = start(most=2, visibility=HELD)
    first = letters.put({})
    lost = leased(letters)
    assert letters.lease() is None
    held = leased(letters)
    assert (held.id, held.tries) == (first, 2) and held.lease != lost.lease
    assert not letters.renew(lost) and not letters.fail(lost, "late") and not letters.ack(lost)
    assert letters.waiting()[0].lease
    time.sleep(HELD + 0.2)
    assert letters.lease() is None and letters.counts() == (0, 1)
    assert "never answered" in letters.dead()[0].error


def test_a_lease_can_be_renewed(start: Open) -> None:
    letters, other = start(visibility=HELD), start(visibility=HELD)
    letters.put({})
    held = leased(letters)
    for _ in range(4):
        time.sleep(HELD / 2)
        assert letters.renew(held) and other.lease() is None
    taken = leased(other)
    assert not letters.renew(held) and not letters.ack(held) and other.ack(taken)


def test_a_key_that_is_done_is_forgotten_after_a_while(start: Open) -> None:
    letters = start(keep=1.0)
    first = letters.put({}, "k")
    assert letters.ack(leased(letters)) and letters.put({}, "k") == first
    time.sleep(1.3)
    letters.put({}, "other")
    letters.ack(leased(letters))
    until = time.monotonic() + 5
    while (again := letters.put({}, "k")) == first and time.monotonic() < until:
        time.sleep(0.1)
    assert again != first and leased(letters).id == again


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://me:hush@127.0.0.1:1/0", r"queue 'redis://me:\*\*\*@127\.0\.0\.1:1/0': .*; nothing .* is lost: start"),
        ("nats://hush@127.0.0.1:1", r"queue 'nats://\*\*\*@127\.0\.0\.1:1': .*; nothing .* is lost: start the broker"),
        ("amqp://me:hush@127.0.0.1:1", r"queue 'amqp://me:\*\*\*@127\.0\.0\.1:1': .*; nothing .* is lost: start"),
    ],
)
def test_a_broker_that_is_down_is_said_in_a_line(url: str, words: str) -> None:
    pytest.importorskip(LIBRARIES[kit.SCHEMES[url.partition(":")[0]]], reason="needs the extra brokers")
    with pytest.raises(LetterError, match=words) as caught:
        kit.opened(url)
    assert "hush" not in str(caught.value) and "\n" not in str(caught.value)
