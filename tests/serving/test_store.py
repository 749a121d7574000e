"""Stores: what was kept is there, dead letters wait, what cannot work says so."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sql

from autoglm.core.columns import Column
from autoglm.serving.observer import Seen
from autoglm.serving.parcel import Parcel
from autoglm.serving.store import MOST_TRIES, Kept, Store, StoreError, shown, url

PLACES = ["sqlite", "postgresql"]


@pytest.fixture(params=PLACES)
def store(request: pytest.FixtureRequest, fresh: Callable[[str], str]) -> Iterator[Store]:
    """One contract for a file and a real PostgreSQL."""
    found = Store(fresh(request.param), most=3)
    yield found
    found.close()


def parcel(*keys: str) -> Parcel:
    rows = [Column("x", np.array([1.0, np.nan]), "number")]
    return Parcel.of([(key, Seen("r", rows, np.ones((2, 1)), "", 1.0, "v")) for key in keys])


def kept(key: str, time: float = 1.0, **more: object) -> Kept:
    return Kept(key, "r", "", time, 2, "v", **more)


def test_what_was_kept_is_read_newest_first(store: Store) -> None:
    store.keep([kept("a", 1.0), kept("b", 2.0, phi=b"x" * 8, equal=2)])
    assert [row["key"] for row in store.answers(["key"])] == ["b", "a"]
    assert [row["equal"] for row in store.answers(["equal"], explained=True)] == [2]
    store.keep([kept("a", 1.0, error="again")])
    assert [row["error"] for row in store.answers(["error"])] == ["", "again"], "an answer replaces an earlier one"


def test_an_answer_takes_its_dead_letter_away(store: Store) -> None:
    store.bury(parcel("a", "b"), "full")
    assert store.depth() == 2
    found = store.next()
    assert found is not None and found.requests[0].key == "a" and found.columns[0].missing.tolist() == [False, True]
    store.keep([kept("a")])
    assert store.depth() == 1


def test_a_letter_that_ends_the_process_is_not_tried_for_ever(store: Store) -> None:
    store.bury(parcel("a"), "died")
    assert [store.next() is not None for _ in range(MOST_TRIES + 1)] == [True] * MOST_TRIES + [False]
    assert store.depth() == 1


def test_the_oldest_are_forgotten(store: Store) -> None:
    store.keep([kept(str(i), float(i)) for i in range(10)])
    store.prune()
    assert [row["key"] for row in store.answers(["key"])] == ["9", "8", "7"]


def test_facts_and_losses(store: Store) -> None:
    store.tell({"folder": "/a"})
    store.tell({"folder": "/b", "other": ""})
    store.lose(3)
    store.lose(4)
    assert store.about() == {"folder": "/b", "other": ""} and store.lost() == 7


def test_two_processes_share_a_place(store: Store) -> None:
    other = Store(store.place)
    store.bury(parcel("a"), "full")
    assert other.next() is not None
    other.close()


@pytest.mark.parametrize("kind", PLACES)
def test_many_may_begin_and_write_the_same_at_once(kind: str, fresh: Callable[[str], str]) -> None:
    place = fresh(kind)

    def write(n: int) -> None:
        found = Store(place)
        found.bury(parcel("a", "b"), f"full {n}")
        found.tell({"folder": f"/{n}"})
        found.keep([kept("c", error=str(n)), kept("d")])
        found.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    store = Store(place)
    assert store.depth() == 2 and {row["key"] for row in store.answers(["key"])} == {"c", "d"}
    store.close()


def test_what_is_kept_comes_back_as_it_was(store: Store) -> None:
    numbers = {"equal": 0, "difference": 1e-300, "gap": float("inf")}
    told = kept("ä", float(2**40), phi=bytes(range(256)), key_features="\\", **numbers)
    store.keep([told])
    assert store.answers(list(asdict(told))) == [asdict(told)]


def test_a_text_with_nul_is_kept(store: Store) -> None:
    store.keep([kept("a", error="b\0c")])
    store.bury(parcel("a"), "b\0c")
    assert store.answers(["error"]) == [{"error": "b\N{REPLACEMENT CHARACTER}c"}] and store.depth() == 1


@pytest.mark.parametrize("place", ["/proc/none/shadow.sqlite", "mysql+nothing://x/y", "sqlite:////proc/none/x", "://"])
def test_a_store_that_cannot_be_reached_says_so(place: str) -> None:
    with pytest.raises((StoreError, ImportError), match=r"store|pip install"):
        Store(place)


def test_addresses(tmp_path: Path) -> None:
    assert url("a b.sqlite").database == "a b.sqlite"
    assert url("postgresql://u:p@h/b").drivername == "postgresql+psycopg"
    assert "secret" not in shown("postgresql://u:secret@h/b") and "u" in shown("postgresql://u:secret@h/b")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "shadow.sqlite"))
    with store._engine.connect() as base:
        pages = base.exec_driver_sql("PRAGMA page_count").scalar()
        base.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        base.commit()
        with pytest.raises(StoreError, match="full"), store._told():
            for i in range(100):
                base.execute(sql.text("INSERT INTO shadow_lost VALUES (1, 1)"))
                base.exec_driver_sql("INSERT INTO shadow_about VALUES (?, ?)", (str(i), "x" * 5000))
            base.commit()
    store.close()


def test_a_server_that_was_away_is_found_again(fresh: Callable[[str], str], tmp_path: Path) -> None:
    store = Store(fresh("postgresql"))
    with sql.create_engine(url(store.place)).connect() as base, store._engine.connect() as own:
        number = own.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        own.commit()
        base.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
        with pytest.raises(StoreError, match=r"store 'postgresql://autoglm@.*terminat"), store._told():
            own.exec_driver_sql("SELECT 1")
    store.lose(1)
    assert store.lost() == 1
    store.close()
