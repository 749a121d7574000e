import sys
import time
from pathlib import Path

import pytest

from autoglm_arena import machine, watch


@pytest.fixture(autouse=True)
def _orphans() -> None:
    machine.adopt_orphans()


def run(folder: Path, code: str, seconds: float = 10.0, memory_mb: int = 2000) -> watch.Watched:
    return watch.run(
        [sys.executable, "-c", code], folder, seconds=seconds, memory_mb=memory_mb, threads=1, extra={"SAID": "hello"}
    )


def test_what_it_used_is_counted(tmp_path: Path) -> None:
    code = "import os,time\nprint(os.environ['SAID'], os.environ['OMP_NUM_THREADS'], len(os.sched_getaffinity(0)))\n"
    seen = run(tmp_path, code + "t=time.process_time()\nx=bytearray(100_000_000)\nwhile time.process_time()-t<.4: pass")
    assert seen.exit == "ok"
    assert seen.last_words == "hello 1 1"
    assert 0.3 < seen.cpu_seconds < 5
    assert seen.peak_mb > 90


def test_a_hang_is_ended_with_its_children(tmp_path: Path) -> None:
    child = "subprocess.Popen(['sleep', '60'], start_new_session=True)"
    code = f"import subprocess,time\nfor _ in range(3): {child}\ntime.sleep(60)"
    started = time.monotonic()
    seen = run(tmp_path, code, seconds=1.5)
    assert seen.exit == "killed after 1.5 s"
    assert time.monotonic() - started < 8
    assert not machine.descendants()


def test_what_is_left_behind_is_ended(tmp_path: Path) -> None:
    seen = run(tmp_path, "import subprocess;subprocess.Popen(['sleep','60'],start_new_session=True);print('done')")
    assert (seen.exit, seen.last_words) == ("ok", "done")
    assert not machine.descendants()


def test_memory_has_an_end(tmp_path: Path) -> None:
    code = "import time\nkept=[]\nfor _ in range(100): kept.append(bytearray(20_000_000)); time.sleep(.05)"
    seen = run(tmp_path, code, memory_mb=200)
    assert seen.exit == "killed at 200 MB"
    assert seen.peak_mb < 600


def test_a_flood_of_words_is_read_and_forgotten(tmp_path: Path) -> None:
    seen = run(tmp_path, "import sys\nfor _ in range(2000): sys.stdout.write('x'*50_000)\nprint('the end')")
    assert seen.exit == "ok"
    assert seen.last_words.endswith("the end")
    assert len(seen.last_words) <= watch.LAST_WORDS


@pytest.mark.parametrize(
    ("code", "exit_"),
    [
        ("raise SystemExit(3)", "exit 3"),
        ("import os;os.kill(os.getpid(),11)", "signal 11 (SIGSEGV)"),
        ("1/0", "exit 1"),
    ],
)
def test_every_end_is_told(tmp_path: Path, code: str, exit_: str) -> None:
    assert run(tmp_path, code).exit == exit_
