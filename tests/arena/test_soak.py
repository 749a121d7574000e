"""Hours of answering: whoever talks, hangs or dies is told in one line, and the referee goes on."""

from typing import Any

import pytest

from autoglm_arena import machine, match, soak
from autoglm_arena.errors import ArenaError
from autoglm_arena.plan import Match

GAME = Match("small", "raw", "as is", "own", 1, 1.0, 1, 2_000)
HALVES = "import pandas as pd\n    return lambda rows: pd.DataFrame({'no': [.5] * len(rows), 'yes': [.5] * len(rows)})"
TALK = "import sys\n    for _ in range(200): print('x' * 10_000, file=sys.stderr, flush=True)\n    "


def test_a_talkative_contestant_is_heard_to_its_end(write_data: Any, script: Any):
    write_data()
    result = soak.soak(GAME, script("own", TALK + HALVES), 0.0003, lambda _: None)
    assert result.calls > 0 and result.faults == 0


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        ("import time; time.sleep(60)", "own was silent for 3 s after 0 readings: .*the end"),
        ("raise ValueError('no idea')", "own died after 0 readings with 1: (.|\n)*no idea"),
    ],
    ids=["hangs", "raises"],
)
def test_an_end_before_its_time_says_why(
    write_data: Any, script: Any, monkeypatch: pytest.MonkeyPatch, fit: str, says: str
):
    write_data()
    monkeypatch.setattr(match, "GRACE", 1.0 if "sleep" in fit else 20.0)
    with pytest.raises(ArenaError, match=says):
        soak.soak(GAME, script("own", fit, before="print('the end', flush=True)"), 0.0003, lambda _: None)
    assert not machine.descendants()
