import gc

import numpy as np
import psutil

from autoglm.core.memory import give_back


def test_what_was_freed_is_the_machine_s_again() -> None:
    process = psutil.Process()
    parts = [np.ones(1000) for _ in range(20_000)]  # 160 MB, each too small for a mapping of its own
    kept, held = parts[-1], process.memory_info().rss
    del parts
    gc.collect()
    give_back()
    assert held - process.memory_info().rss > 100e6
    assert kept.sum() == 1000
