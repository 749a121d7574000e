"""Jobs: files that are answered or explained when there is time; what was accepted is done, whatever dies on the way.

A job is answered part by part; a finished part is a file, so a worker that takes over goes on behind it. The answer's
file appears whole, and is the same whether anything died or not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from autoglm.bundle import MANIFEST
from autoglm.core import reading
from autoglm.core.errors import DataError, FolderError
from autoglm.core.files import sha256, write_bytes
from autoglm.kit.letters import Letter, LetterError, Letters
from autoglm.kit.traces import Traces
from autoglm.predictor import Predictor
from autoglm.serving.job_meters import JobMeters

PART = 5_000  # rows answered between two looks at the lease
LONGEST_ERROR = 500


class LostLeaseError(RuntimeError):
    """Another worker has the job: this one was thought dead."""


def put(letters: Letters, folder: Path, rows: Path, out: Path, explain: bool = False, *, traceparent: str = "") -> str:
    """Accept a job and return its id; the same predictor, rows and place again are the same job.

    The job's span will stand below `traceparent`.

    Raises
    ------
    DataError
        The file of rows is not there, or `out` has an ending that cannot be written.
    FolderError
        The folder holds no predictor.
    LetterError
        The queue cannot be written.
    """
    Predictor.load(folder)
    if not rows.is_file():
        raise DataError(f"no file {str(rows)!r} of rows")
    reading.ending(out)
    body = {"folder": str(folder.resolve()), "rows": str(rows.resolve()), "out": str(out.resolve()), "explain": explain}
    told = body | {"predictor": sha256(folder / MANIFEST), "content": sha256(rows)}
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return letters.put(body | {"traceparent": traceparent}, key)


def work(
    letters: Letters,
    told: Callable[[Letter, str], None],
    traces: Traces | None = None,
    meters: JobMeters | None = None,
) -> bool:
    """Do the next job that is due; False when there is none.

    Parameters
    ----------
    told
        Gets each finished or failed job, with "" or the error, within the job's span.
    traces, meters
        None: none are made.

    Raises
    ------
    LetterError
        The queue cannot be reached. A job that was in hand comes again, unless it was said to be done.
    """
    letter = letters.lease()
    if letter is None:
        return False
    started = perf_counter()
    with (traces or Traces(None, "jobs")).span("job", letter.body.get("traceparent", ""), id=letter.id):
        outcome = _done(letters, letter, told)
    if meters is not None:
        meters.ended(outcome, perf_counter() - started)
    return True


def _done(letters: Letters, letter: Letter, told: Callable[[Letter, str], None]) -> str:
    """Do a job that is held, and say how it ended."""
    try:
        run(letter.body, lambda: _renewed(letters, letter))
    except LostLeaseError:
        return "lost"
    except Exception as error:
        words = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        letters.fail(letter, words)
        told(letter, words)
        return "failed"
    if not letters.ack(letter):
        return "lost"
    told(letter, "")
    return "done"


def _renewed(letters: Letters, letter: Letter) -> bool:
    """Hold a job for longer; where the queue cannot be asked, go on: nobody else can ask it either."""
    try:
        return letters.renew(letter)
    except LetterError:
        return True


def run(body: dict[str, Any], renew: Callable[[], bool]) -> None:
    """Answer a job's file, going on behind the parts that are there.

    Raises
    ------
    AutoGLMError
        The predictor or the rows cannot be read, or the answers not be written.
    LostLeaseError
        `renew` says that another worker has the job.
    """
    out, predictor = Path(body["out"]), Predictor.load(Path(body["folder"]))
    frame = reading.read(body["rows"])
    parts = out.with_name(f".{out.name}.{_mark(body)}")
    _make(parts)
    found = []
    for start in range(0, max(1, len(frame)), PART):
        file = parts / f"{start:012}.parquet"
        if not file.exists():
            if not renew():
                raise LostLeaseError(f"job of {out} was given to another worker")
            answered = _answered(predictor, frame.iloc[start : start + PART], start, body["explain"])
            reading.write(answered, file)
        found.append(pd.read_parquet(file))
    reading.write(pd.concat(found, ignore_index=True), out)
    shutil.rmtree(parts, ignore_errors=True)


def _answered(predictor: Predictor, rows: pd.DataFrame, start: int, explain: bool) -> pd.DataFrame:
    """Return a part's answers: a line a row, or a line a row and column of explanations; rows count from 1."""
    if explain:
        lines = predictor.explain(rows).frame()
        return lines.assign(row=lines["row"] + start + 1)
    target = predictor.task.target
    found = pd.DataFrame({"row": range(start + 1, start + len(rows) + 1), target: predictor.predict(rows).to_numpy()})
    if predictor.task.kind == "regression":
        return found
    shares = predictor.predict_proba(rows)
    return found.assign(**{f"{target}={name}": shares[name].to_numpy() for name in shares.columns})


def _mark(body: dict[str, Any]) -> str:
    """Tell the parts of one predictor and one file of rows from those of others."""
    told = [sha256(Path(body["folder"]) / MANIFEST), sha256(Path(body["rows"])), str(body["explain"])]
    return hashlib.sha256("".join(told).encode()).hexdigest()[:16]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        write_bytes(folder / ".writable", b"")
    except OSError as error:
        raise FolderError(f"cannot write beside {str(folder.parent)!r}: {error.strerror or error}") from error
