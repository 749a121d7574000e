import io

import pytest
from rich.console import Console

from autoglm.core.errors import OptionError
from autoglm.engine.run import Event
from autoglm.progress import Lines, Screen, line, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fit(elapsed: float, message: str = "portfolio: linear-1 fold 1/8 0.1 s", fits: int = 3) -> Event:
    return Event("fit", elapsed, message, 0.87654321, fits)


def test_a_line_says_when_what_and_how_good() -> None:
    assert line(fit(7.25)) == "[   7.2 s] 3 fits, best 0.87654 | portfolio: linear-1 fold 1/8 0.1 s"
    assert line(fit(1, fits=1)).startswith("[   1.0 s] 1 fit, ")
    assert line(Event("failed", 1, "mlp fold 0:\nout of memory")) == "[   1.0 s] failed: mlp fold 0: out of memory"
    assert line(Event("phase", 0, "reading the table")) == "[   0.0 s] reading the table"


def test_a_log_holds_phases_failures_and_few_fits() -> None:
    stream = io.StringIO()
    tell = Lines(stream, every=5)
    tell(Event("phase", 0.0, "reading the table"))
    for step in range(200):
        tell(fit(0.1 * step))
    tell(fit(20.0, "folds: linear-1 fold 2/8 0.1 s"))
    tell(Event("failed", 20.1, "mlp-1 fold 0: out of memory"))
    tell(Event("failed", 20.2, "mlp-1 fold 1: out of memory"))
    lines = stream.getvalue().splitlines()
    assert sum("portfolio" in text for text in lines) == 4
    assert sum("folds:" in text for text in lines) == 1
    assert sum("failed" in text for text in lines) == 2


def test_a_closed_log_does_not_end_the_fit() -> None:
    stream = io.StringIO()
    with shown(stream, "plain") as tell:
        tell(fit(1))
        stream.close()
        tell(fit(9))
        tell(fit(19))


def test_auto_is_live_on_a_terminal_and_plain_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with shown(io.StringIO()) as tell:
        assert isinstance(tell, Lines)
    monkeypatch.setenv("TERM", "xterm")
    with shown(Terminal()) as tell:
        assert isinstance(tell, Screen)
    monkeypatch.setenv("TERM", "dumb")
    with shown(Terminal()) as tell:
        assert isinstance(tell, Lines)


@pytest.mark.parametrize("style", ["silent", None])
def test_silence(style: str | None) -> None:
    stream = io.StringIO()
    with shown(stream, style) as tell:
        tell(fit(1))
    assert stream.getvalue() == ""


def test_a_function_of_the_user_is_handed_through() -> None:
    heard: list[Event] = []
    with shown(style=heard.append) as tell:
        tell(fit(1))
    assert len(heard) == 1


def test_an_unknown_style() -> None:
    with pytest.raises(OptionError, match="did you mean 'plain'"), shown(style="plane"):
        pass


def test_the_screen_shows_time_phase_counts_and_the_last_failure() -> None:
    now = [100.0]
    screen = Screen(60, clock=lambda: now[0])
    screen(fit(12))
    screen(Event("failed", 13, "mlp-1 fold 0: out of memory", 0.8, 3))
    now[0] += 2  # the display's clock goes on between events
    text = drawn(screen)
    for words in ("15 s of 60 s", "3 fits, best 0.8", "portfolio: linear-1", "failed: mlp-1"):
        assert words in text


def test_the_screen_before_the_first_event_and_without_seconds() -> None:
    assert "starting" in drawn(Screen(None))
    assert Screen(5).last == ""


def test_the_screen_keeps_counts_through_a_phase_and_shows_leaders() -> None:
    screen = Screen(60)
    event = fit(12)
    object.__setattr__(event, "leaders", (("linear-1", 0.91, 8), ("mlp-2", 0.9, 3)))
    screen(event)
    screen(Event("phase", 13, "ensemble, calibration, report"))
    text = drawn(screen)
    for words in ("3 fits", "ensemble", "candidate", "linear-1", "0.91", "mlp-2"):
        assert words in text


def test_the_live_display_leaves_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with shown(stream, "rich", seconds=60) as tell:
        tell(fit(12))
    assert "3 fits in 12.0 s, best single model 0.87654" in stream.getvalue().splitlines()[-1]


def drawn(screen: Screen) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(screen)
    return capture.get()
