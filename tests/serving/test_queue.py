"""The queue: shared calls under load, blame where it belongs, deadlines."""

import threading
import time
from collections.abc import Sequence

import pytest

from autoglm.serving.queue import Queue
from autoglm.serving.refusal import Reason, Refusal


def soon() -> float:
    return time.monotonic() + 5


def test_who_waits_is_answered_together() -> None:
    sizes, gate = [], threading.Event()

    def answer(jobs: Sequence[int]) -> list[int]:
        sizes.append(len(jobs))
        gate.wait(5)
        return [2 * job for job in jobs]

    queue, found = Queue(answer, most=6), {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: queue.ask(i, 2, soon())})) for i in range(6)]
    threads[0].start()
    while not sizes:
        time.sleep(0.001)
    for thread in threads[1:]:
        thread.start()
    while len(queue._waiting) < 5:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join()
    assert found == {i: 2 * i for i in range(6)}
    assert sizes[0] == 1 and sorted(sizes[1:]) == [2, 3]  # at most six rows, two a job


def test_only_who_is_at_fault_is_told() -> None:
    gate = threading.Event()

    def answer(jobs: Sequence[int]) -> list[int]:
        gate.wait(5)
        if 3 in jobs:
            raise ValueError("three")
        return list(jobs)

    queue, found = Queue(answer, most=100), {}

    def ask(i: int) -> None:
        try:
            found[i] = queue.ask(i, 1, soon())
        except ValueError as error:
            found[i] = str(error)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    assert found == {0: 0, 1: 1, 2: 2, 3: "three", 4: 4}


def test_a_deadline_passes_while_others_are_answered() -> None:
    gate, entered = threading.Event(), threading.Event()

    def answer(jobs: Sequence[int]) -> list[int]:
        entered.set()
        gate.wait(5)
        return list(jobs)

    queue = Queue(answer, most=10)
    first = threading.Thread(target=lambda: queue.ask(1, 1, soon()))
    first.start()
    assert entered.wait(5)
    with pytest.raises(Refusal, match="deadline"):
        queue.ask(2, 1, time.monotonic() + 0.02)
    gate.set()
    first.join()
    assert queue.ask(3, 1, soon()) == 3  # the one that went away is not answered
    assert not queue._waiting


def test_who_has_left_costs_nothing() -> None:
    gate, entered, answered, left = threading.Event(), threading.Event(), [], threading.Event()

    def answer(jobs: Sequence[int]) -> list[int]:
        entered.set()
        gate.wait(5)
        answered.extend(jobs)
        return list(jobs)

    queue, said = Queue(answer, most=10), []

    def leaver() -> None:
        try:
            queue.ask(2, 1, soon(), left.is_set)
        except Refusal as refusal:
            said.append(refusal.reason)

    threads = [threading.Thread(target=lambda: queue.ask(1, 1, soon())), threading.Thread(target=leaver)]
    threads[0].start()
    assert entered.wait(5)
    threads[1].start()
    while not queue._waiting:
        time.sleep(0.001)
    left.set()
    gate.set()
    for thread in threads:
        thread.join()
    assert (answered, said) == ([1], [Reason.GONE])
