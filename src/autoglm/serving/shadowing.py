"""What the shadow's own process does: answer and explain requests behind the service's back, write results, backfill.

It reads parcels from standard input and says of each on standard output, as a line of JSON, how it went. It ends when
its input does, so it never outlives the service.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from autoglm.bundle import version_of
from autoglm.core.errors import DataWarning, FolderError
from autoglm.core.metrics import softmax
from autoglm.predictor import Predictor, decide
from autoglm.serving.child import SIZE
from autoglm.serving.parcel import Parcel, arrow
from autoglm.serving.store import Kept, Store

IDLE = 0.5  # seconds without a parcel after which a dead letter is taken
TOP = 5  # columns that count as a row's key features
LONGEST_ERROR = 500

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Orders:
    """What a shadow does.

    Parameters
    ----------
    folder
        Of the predictor that answers.
    store
        Where results go.
    other
        Folder of the predictor that answers behind it; "" for none.
    explain
        Whether answers are explained.
    most
        Answers that are kept.
    """

    folder: str
    store: str
    other: str = ""
    explain: bool = False
    most: int = 100_000


class Shadowing:
    """Answers and explains parcels.

    Parameters
    ----------
    clock
        Seconds since the epoch.
    """

    def __init__(self, orders: Orders, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.orders, self.store, self._clock = orders, store, clock
        self._held: dict[str, dict[str, Predictor]] = {}

    def take(self, parcel: Parcel) -> list[Kept]:
        """Answer and explain a parcel and write what came of it; where it fails, each request alone."""
        try:
            results = self._results(parcel)
        except Exception:
            results = [kept for one in parcel.each() for kept in self._alone(one)]
        self.store.keep(results)
        return results

    def backfill(self) -> int:
        """Take a dead letter, if there is one; return how many requests that answered."""
        parcel = self.store.next()
        return len(self.take(parcel)) if parcel is not None else 0

    def _alone(self, parcel: Parcel) -> list[Kept]:
        try:
            return self._results(parcel)
        except Exception as error:
            words = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
            request = parcel.requests[0]
            told = (request.key, request.request, request.traceparent, request.time, request.rows, parcel.version)
            waited = self._clock() - request.time
            return [
                Kept(*told, frame=arrow(parcel.columns), margins=_bytes(parcel.margins), error=words, waited=waited)
            ]

    def _results(self, parcel: Parcel) -> list[Kept]:
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            other = self._other(parcel) if self.orders.other else {}
            why = self._why(parcel) if self.orders.explain else {}
        share = (time.perf_counter() - began) / max(1, len(parcel.margins))
        found, start = [], 0
        for one in parcel.each():
            request, rows = one.requests[0], slice(start, start + one.requests[0].rows)
            start += request.rows
            found.append(
                Kept(
                    request.key,
                    request.request,
                    request.traceparent,
                    request.time,
                    request.rows,
                    parcel.version,
                    frame=arrow(one.columns),
                    margins=_bytes(one.margins),
                    seconds=share * request.rows,
                    waited=self._clock() - request.time,
                    finite=int(all(np.isfinite(part[rows]).all() for part in (*_numbers(other), *_numbers(why)))),
                    **_compared(other, rows),
                    **_explained(why, rows),
                )
            )
        return found

    def _other(self, parcel: Parcel) -> dict[str, Any]:
        """Answer with the other predictor and compare."""
        main, (version, other) = self._predictor(self.orders.folder)[1], self._predictor(self.orders.other)
        margins = other.blend(other.features(parcel.named(other.columns)))
        found: dict[str, Any] = {"version": version, "margins": margins}
        if main.task.kind == "regression":
            return found | {"difference": np.abs(margins - parcel.margins)[:, 0]}
        shares = softmax(parcel.margins, main.task), softmax(margins, other.task)
        labels = decide(shares[0], main.offsets), decide(shares[1], other.offsets)
        return found | {
            "difference": 0.5 * np.abs(shares[0] - shares[1]).sum(axis=1),
            "equal": (labels[0] == labels[1]).astype(float),
        }

    def _why(self, parcel: Parcel) -> dict[str, Any]:
        """Explain with the predictor that answered; the gap is to what it answered."""
        main = self._predictor(self.orders.folder, parcel.version)[1]
        found = main.explained(main.features(parcel.named(main.columns)))
        gap = np.abs(found.base + found.values.sum(axis=1) - parcel.margins).max(axis=1, initial=0.0)
        return {"phi": found.values, "gap": gap, "names": found.columns}

    def _predictor(self, folder: str, version: str = "") -> tuple[str, Predictor]:
        """Return a version of the predictor in a folder, by default the newest; the last two are kept.

        Raises
        ------
        FolderError
            The version is gone.
        """
        held = self._held.setdefault(folder, {})
        if version in held:
            return version, held[version]
        newest = version_of(Path(folder)) or next(reversed(held), "")
        if version not in ("", newest):
            raise FolderError(f"{folder!r} holds version {newest} now, the request was answered by {version}")
        if newest not in held:
            held[newest] = Predictor.load(folder)
            for old in list(held)[:-2]:
                del held[old]
        return newest, held[newest]


def _numbers(found: dict[str, Any]) -> list[Floats]:
    return [found[name] for name in ("margins", "phi") if name in found]


def _compared(other: dict[str, Any], rows: slice) -> dict[str, Any]:
    if not other:
        return {}
    return {
        "other": other["version"],
        "other_margins": _bytes(other["margins"][rows]),
        "difference": float(other["difference"][rows].sum()),
        "equal": int(other["equal"][rows].sum()) if "equal" in other else None,
    }


def _explained(why: dict[str, Any], rows: slice) -> dict[str, Any]:
    if not why:
        return {}
    phi, names = why["phi"][rows], why["names"]
    return {
        "phi": _bytes(phi),
        "gap": float(why["gap"][rows].max(initial=0.0)),
        "key_features": json.dumps([[names[i] for i in order] for order in top(phi)], ensure_ascii=False),
    }


def top(phi: Floats) -> NDArray[np.intp]:
    """Return the positions of the columns that say most of each row, most first, shape (n_rows, at most 5)."""
    weight = np.abs(phi).sum(axis=2)
    return np.argsort(-weight, axis=1, kind="stable")[:, :TOP]


def _bytes(array: Floats) -> bytes:
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


def lower() -> None:
    """Run only where nobody else wants to."""
    with contextlib.suppress(OSError):
        os.nice(19)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    """Serve standard input until it ends."""
    lower()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the service, which ends this process with its input
    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    given = sys.stdin.buffer
    orders = Orders(**json.loads(_block(given) or b"{}"))
    shadowing = Shadowing(orders, Store(orders.store, orders.most))
    waiting: queue.Queue[bytes | None] = queue.Queue(1)
    threading.Thread(target=_listen, args=(given, waiting), daemon=True).start()
    said.write(json.dumps({"ready": True}) + "\n")
    while True:
        try:
            block = waiting.get(timeout=IDLE)
        except queue.Empty:
            _say(said, _tried(shadowing.backfill), "backfilled")
            continue
        if block is None:
            return
        _say(said, _tried(partial(_taken, shadowing, block)), "taken")


def _taken(shadowing: Shadowing, block: bytes) -> list[Kept]:
    return shadowing.take(Parcel.unpack(block))


def _tried(action: Callable[[], Any]) -> Any:
    """Return what an action returns, or the error: a store that is down now may be up again later."""
    try:
        return action()
    except Exception as error:
        return error


def _say(said: Any, found: Any, name: str) -> None:
    if isinstance(found, Exception):
        told: dict[str, Any] = {"failed": name, "error": f"{type(found).__name__}: {found}"[:LONGEST_ERROR]}
    elif isinstance(found, int):
        told = {name: found}
    else:
        told = {name: len(found), "errors": sum(bool(kept.error) for kept in found)}
        told |= {"gaps": [k.gap for k in found if k.gap is not None], "seconds": [k.seconds for k in found]}
        told |= {"rows": sum(k.rows for k in found), "equal": sum(k.equal or 0 for k in found)}
    if told != {"backfilled": 0}:
        said.write(json.dumps(told) + "\n")


def _listen(given: BinaryIO, waiting: queue.Queue[bytes | None]) -> None:
    while (block := _block(given)) is not None:
        waiting.put(block)
    waiting.put(None)


def _block(given: BinaryIO) -> bytes | None:
    """Read a block; None at the end, also where it ends within one."""
    head = given.read(SIZE.size)
    if len(head) < SIZE.size:
        return None
    (size,) = SIZE.unpack(head)
    block = given.read(size)
    return block if len(block) == size else None


if __name__ == "__main__":
    main()
