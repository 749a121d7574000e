"""Ledgers: everybody who reads the same events knows the same, whenever they began to read."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autoglm.kit import ledger as kit
from autoglm.kit.ledger import Event, Ledger


def event(kind: str, nonce: object, **told: Any) -> Event:
    return {"kind": kind, "nonce": str(nonce), "time": 100.0, "forget": 0.0, "wait": 5.0, "lease": "", **told}


def read(*events: Event) -> Ledger:
    found = Ledger()
    for n, one in enumerate(events):
        found.apply(one, float(n))
    return found


PUT = event("put", "p", id="a", key="k", body={"x": 1})
LEASE = event("lease", "l", id="a", version=0, lease="mine")
DONE = event("ack", "d", id="a", lease="mine")


def test_what_is_sent_twice_happens_once() -> None:
    ledger = read(
        PUT, LEASE, LEASE, PUT, event("ack", "d", id="a", lease="mine"), event("ack", "d", id="a", lease="mine")
    )
    assert ledger.outcomes == {"p": "a", "l": True, "d": True} and not ledger.queue


def test_outcomes_of_long_ago_are_forgotten() -> None:
    ledger = read(*(event("look", n) for n in range(kit.RECENT + 5)))
    assert list(ledger.outcomes) == [str(n) for n in range(5, kit.RECENT + 5)]


def test_who_saw_an_earlier_version_gets_nothing() -> None:
    ledger = read(PUT, LEASE, event("lease", "late", id="a", version=0, lease="other"))
    assert ledger.outcomes["late"] is False and ledger.queue["a"].letter.lease == "mine"
    ledger = read(
        PUT, LEASE, event("renew", "r", id="a", lease="mine"), event("bury", "b", id="a", version=1, error="")
    )
    assert ledger.outcomes["r"] is True and ledger.outcomes["b"] is False and not ledger.buried


def test_a_letter_that_nobody_holds_cannot_be_acknowledged() -> None:
    assert read(PUT, event("ack", "d", id="a", lease="")).outcomes["d"] is False


def test_a_key_is_known_until_it_is_forgotten() -> None:
    done = (PUT, LEASE, DONE)
    again = event("put", "q", id="b", key="k", body={})
    assert read(*done, again).outcomes["q"] == "a"
    assert read(*done, again | {"forget": 101.0}).outcomes["q"] == "b"
    other = (event("put", "o", id="c", key="other", body={}), event("lease", "m", id="c", version=0, lease="his"))
    ledger = read(*done, *other, event("ack", "e", id="c", lease="his", forget=101.0, time=200.0), again)
    assert ledger.outcomes["q"] == "b", "an acknowledgement forgets what was done long before"


def test_a_page_tells_how_long_a_lease_still_lasts() -> None:
    page = json.loads(json.dumps(read(PUT, LEASE).pack()))
    assert Ledger.unpack(page, 50.0, 103.0).queue["a"].due == 52.0
    assert Ledger.unpack(page, 50.0, 90.0).queue["a"].due == 55.0, "a clock put back holds no letter for longer"


VERBS = st.builds(
    event,
    st.sampled_from(["put", "lease", "renew", "fail", "ack", "bury", "retry", "drop", "look"]),
    st.integers(0, 40),
    aim=st.integers(0, 100),
    key=st.sampled_from("kl"),
    body=st.just({}),
    version=st.integers(0, 3),
    lease=st.sampled_from(["", "mine", "his"]),
    error=st.just("boom"),
    dead=st.booleans(),
    forget=st.sampled_from([0.0, 101.0]),
)


@given(st.lists(VERBS, max_size=40), st.integers(0, 40))
def test_a_page_says_what_the_events_before_it_said(events: list[Event], cut: int) -> None:
    for n, one in enumerate(events):  # ids are random numbers of 128 bits: none comes again for another letter
        one["fresh"] = f"fresh{n}"
        if one["kind"] == "put":
            one["id"] = f"put{n}"
    ids = [one["fresh"] for one in events] + [one["id"] for one in events if one["kind"] == "put"]
    for one in events:
        if one["kind"] != "put":
            one["id"] = ids[one["aim"] % len(ids)]
    whole, first = read(*events), read(*events[:cut])
    second = Ledger.unpack(json.loads(json.dumps(first.pack())), 0.0, 100.0)
    for one in events[cut:]:
        second.apply(one, 0.0)
    assert second.pack() == whole.pack()
    keys = [entry.letter.key for entry in whole.queue.values()] + [letter.key for letter in whole.buried.values()]
    assert len(keys) == len(set(keys)), "a key is one letter"
