"""How a fit shows its progress: live on a terminal, a few plain lines in a log, or not at all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from autoglm.core.errors import OptionError, nearest

if TYPE_CHECKING:
    from rich.console import Console, Group

    from autoglm.engine.run import Event, Progress

STYLES = ("auto", "rich", "plain", "silent")
EVERY = 5.0  # seconds between two lines about fits in a log
PER_SECOND = 4  # redraws of the live display: smooth for the eye, no load worth measuring
LEADERS = 5  # lines of the live leaderboard


@contextmanager
def shown(
    stream: TextIO | None = None, style: str | Progress | None = "auto", seconds: float | None = None
) -> Iterator[Progress]:
    """Give a callable that shows each `Event` it gets, until the block ends.

    Parameters
    ----------
    stream
        Where to write; standard error unless given, so that answers on standard output stay clean.
    style
        ``"rich"``: a live display; ``"plain"``: lines; ``"silent"`` or None: nothing; ``"auto"``: live on a
        terminal, else lines. A callable is handed through as it is.
    seconds
        Length of the bar; None: the bar only moves.

    Raises
    ------
    OptionError
        The style is unknown.
    """
    stream = stream or sys.stderr
    if style is None or style == "silent":
        yield _silent
    elif callable(style):
        yield style
    elif style == "plain" or (style == "auto" and not _terminal(stream)):
        yield Lines(stream)
    elif style in ("rich", "auto"):
        with _live(stream, seconds) as progress:
            yield progress
    else:
        raise OptionError(f"progress={style!r}: expected one of {', '.join(STYLES)}{nearest(style, STYLES)}")


class Lines:
    """Plain lines: every phase, failure and note, and a fit about every five seconds."""

    def __init__(self, stream: TextIO, every: float = EVERY) -> None:
        self._stream, self._every = stream, every
        self._last = float("-inf")
        self._phases: set[str] = set()
        self._open = True

    def __call__(self, event: Event) -> None:
        """Write the event, or leave it out."""
        if event.kind == "fit" and not self._due(event):
            return
        self._last = event.elapsed
        if not self._open:
            return
        try:
            self._stream.write(line(event) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # whoever read the log has gone; the fit goes on without it
            self._open = False

    def _due(self, event: Event) -> bool:
        """Whether this fit is the first of its phase, or the last line is old."""
        phase = event.message.partition(":")[0]
        known = phase in self._phases
        self._phases.add(phase)
        return not known or event.elapsed - self._last >= self._every


def line(event: Event) -> str:
    """Write an event in one line."""
    text = f"failed: {event.message}" if event.kind == "failed" else event.message
    if event.kind == "fit":
        text = f"{_fits(event.fits)}, best {_score(event.score)} | {text}"
    return f"[{event.elapsed:6.1f} s] " + " ".join(text.split())


class Screen:
    """What the live display holds: a bar of seconds, where the run is, and who leads."""

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._started = clock()
        self._event: Event | None = None  # the last one that counts fits
        self._phase = "starting"
        self._failed = ""

    def __call__(self, event: Event) -> None:
        """Take the event in; it shows at the next redraw."""
        # Elapsed seconds count those of earlier calls too; between events the display's own clock goes on.
        self._started = self._clock() - event.elapsed
        if event.fits:
            self._event = event
        if event.kind == "failed":
            self._failed = event.message
        else:
            self._phase = event.message

    @property
    def last(self) -> str:
        """What stays on the terminal when the live display has gone."""
        if self._event is None:
            return ""
        elapsed = self._clock() - self._started
        return f"{_fits(self._event.fits)} in {elapsed:.1f} s, best single model {_score(self._event.score)}"

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        elapsed = max(0.0, self._clock() - self._started)
        bar = ProgressBar(self._seconds, min(elapsed, self._seconds or elapsed), width=40, pulse=self._seconds is None)
        head = Table.grid(padding=(0, 2))
        head.add_row(bar, f"{elapsed:.0f} s" + (f" of {self._seconds:g} s" if self._seconds else ""), self._counts())
        parts: list[Table | Text] = [head, Text(self._phase, style="dim", no_wrap=True, overflow="ellipsis")]
        if self._failed:
            parts.append(Text(f"failed: {self._failed}", style="yellow", no_wrap=True, overflow="ellipsis"))
        leaders = self._event.leaders[:LEADERS] if self._event else ()
        if leaders:
            board = Table("candidate", "score", "folds", box=None, padding=(0, 2), header_style="dim")
            for name, score, folds in leaders:
                board.add_row(name, _score(score), str(folds))
            parts.append(board)
        return Group(*parts)

    def _counts(self) -> str:
        event = self._event
        return f"{_fits(event.fits)}, best {_score(event.score)}" if event else ""


@contextmanager
def _live(stream: TextIO, seconds: float | None) -> Iterator[Progress]:
    """Redraw a `Screen` until the block ends, then leave one line."""
    from rich.console import Console
    from rich.live import Live

    console: Console = Console(file=stream, highlight=False)
    screen = Screen(seconds)
    with Live(screen, console=console, refresh_per_second=PER_SECOND, transient=True, redirect_stdout=False):
        yield screen
    if screen.last:
        console.print(screen.last, style="dim")


def _silent(event: Event) -> None:
    """Show nothing."""


def _terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _fits(count: int) -> str:
    return f"{count} fit" + ("" if count == 1 else "s")


def _score(score: float | None) -> str:
    return "none yet" if score is None else f"{score:.5g}"
