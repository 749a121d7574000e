"""What stands behind both protocols."""

import ctypes
import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autoglm.kit.settings import ServeSettings
from autoglm.serving.service import Service

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
