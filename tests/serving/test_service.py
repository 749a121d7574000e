"""What stands behind both protocols."""

import ctypes
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autoglm import Predictor
from autoglm.kit.settings import ServeSettings
from autoglm.serving.service import Service

Rows = list[dict[str, Any]]

RELOADS = 12


def test_a_model_that_was_replaced_leaves_nothing_behind(folder: Path) -> None:
    service = Service(folder, ServeSettings(drift=False))
    with ThreadPoolExecutor(1) as watching:  # one thread reloads again and again, another is the last to use a model

        def replace() -> None:
            old = service.model
            watching.submit(service.reload).result()
            del old
            gc.collect()

        for _ in range(3):
            replace()
        before = allocated()
        for _ in range(RELOADS):
            replace()
        grown = (allocated() - before) / RELOADS
    service.close()
    trees = sum(path.stat().st_size for path in folder.rglob("*.ubj"))
    assert grown < trees / 10, f"{grown:,.0f} bytes a reload"


def test_an_explanation_holds_up_no_prediction(folder: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(folder, ServeSettings(drift=False))
    model, entered, gate = service.model, threading.Event(), threading.Event()
    columns, explained = model.schema.columns(rows[:2]), Predictor.explained

    def slowly(self: Predictor, *given: Any, **told: Any) -> Any:
        entered.set()
        assert gate.wait(10)
        return explained(self, *given, **told)

    monkeypatch.setattr(Predictor, "explained", slowly)
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(service.explain, columns, service.call(), model)
        assert entered.wait(10)
        answer = service.predict(columns, service.call(2.0), model)
        assert not waiting.done()
        gate.set()
        assert np.array_equal(waiting.result().margins, answer.margins)
    service.close()


def test_explanations_that_wait_are_made_together(
    folder: Path, rows: Rows, predictor: Predictor, frame: pd.DataFrame
) -> None:
    service = Service(folder, ServeSettings(drift=False))
    model = service.model
    found = service._explanations.answer([(model, model.schema.columns([row])) for row in rows[:3]])
    expected = predictor.explain(frame.drop(columns="species").head(3))
    np.testing.assert_allclose(np.concatenate([one.values for one in found]), expected.values, atol=1e-9)
    assert [len(one) for one in found] == [1, 1, 1]
    service.close()


def allocated() -> float:
    """Bytes that the C library has given out."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("needs glibc 2.33 or newer")
    libc.mallinfo2.restype = _Mallinfo
    told = libc.mallinfo2()
    return float(told.uordblks + told.hblkhd)


class _Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks")
    ] + [("keepcost", ctypes.c_size_t)]
