"""The command line ``arena``: install, doctor, list, run, report, replay, soak."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Container, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

import click

from autoglm_arena import blocks, book, contestants, data, due, machine, plan, replaying, run, soak, venvs
from autoglm_arena.book import Row
from autoglm_arena.contestants import Contestant
from autoglm_arena.errors import ArenaError
from autoglm_arena.plan import Match, Plan

INTERRUPTED = 130  # what shells expect after Ctrl-C
BOOK = click.option("--book", "path", type=click.Path(path_type=Path), help="Default: book.jsonl beside the plan.")


@click.group(help=__doc__)
def arena() -> None:
    """Run one of the commands."""


@arena.command("list")
def list_() -> None:
    """Print the contestants and the data sets."""
    for name in contestants.shipped():
        found = contestants.get(name)
        click.echo(f"{name:18} {found.about}" + f" ({found.unreachable})" * bool(found.unreachable))
    for name, members in data.lists().items():
        click.echo(f"\n{name}: {', '.join(members)}")


@arena.command()
@click.argument("names", nargs=-1)
def install(names: tuple[str, ...]) -> None:
    """Install contestants anew, each into an environment of its own; all of them without NAMES."""
    failed = 0
    for name in names or contestants.shipped():
        found = contestants.get(name)
        if found.unreachable:
            click.echo(f"{name:18} unreachable: {found.unreachable}")
            continue
        try:
            venvs.install(found.script)
            click.echo(f"{name:18} installed: {_installed(found)}")
        except ArenaError as problem:
            failed += 1
            click.echo(f"{name:18} {problem}", err=True)
    if failed:
        raise ArenaError(f"{failed} not installed")


@arena.command()
def doctor() -> None:
    """Say what works, what does not and why."""
    for key, value in machine.card().items():
        click.echo(f"{key:18} {value}")
    click.echo(f"{'free disk':18} {shutil.disk_usage(Path.home()).free / 2**30:.1f} GiB")
    click.echo(f"{'busy cores':18} {machine.load():.2f}\n")
    for name in contestants.shipped():
        found = contestants.get(name)
        if found.unreachable:
            state = f"unreachable: {found.unreachable}"
        elif (venvs.place(found.script) / "lock.json").exists():
            state = f"installed: {_installed(found)}"
        else:
            state = f"not installed (arena install {name})"
        click.echo(f"{name:18} {state}")


def _installed(found: Contestant) -> str:
    """What an installed contestant is made of; says so when its interpreter does not run any more."""
    venv = venvs.get(found.script)
    try:
        now = venvs.installed(venv.python)
    except (ArenaError, OSError) as problem:
        return f"broken ({problem}); cure: arena install {found.name}"
    wanted = [need.split("[")[0].split("=")[0].split(">")[0].lower() for need in venvs.dependencies(found.script)]
    versions = ", ".join(f"{name} {now.get(name, 'missing')}" for name in wanted)
    changed = "" if now == venv.versions else "; CHANGED since it was installed"
    return f"{versions}; {len(now)} packages, {venv.mb:,.0f} MB{changed}"


@arena.command("run")
@click.argument("file", metavar="PLAN", type=click.Path(path_type=Path))
@BOOK
@click.option("--list", "only_list", is_flag=True, help="Print the matches and whether they are settled; play nothing.")
@click.option("--ours-again", is_flag=True, help="Also play ours where its commit is not the present one.")
@click.option("--failed-again", is_flag=True, help="Also play what failed or was not installed, as after a cure.")
@click.option("--minutes", type=click.FloatRange(min=0), default=math.inf, help="Begin no match after so many.")
def run_(file: Path, path: Path | None, only_list: bool, ours_again: bool, failed_again: bool, minutes: float) -> None:
    """Play what the book lacks, cell by cell. Stop it at any time: the same call goes on.

    A cell that was begun in another environment (processor, cores, memory, system, kernel, Python) is played anew as a
    whole; one that is finished is left alone. $ARENA_LOCK names a lock file that is held while a match is played.
    """
    found, scripts = _plan(file)
    path = path or file.with_name("book.jsonl")
    again = [due.OURS_AGAIN] * ours_again + [due.FAILED_AGAIN] * failed_again
    if only_list:
        _list(found.matches(), path, again)
        return
    summary = run.run(found.matches(), scripts, path, _tell, again=again, minutes=minutes)
    click.echo(f"stopped after {minutes:g} minutes, the same call goes on; " * summary.late + _summary(summary))
    click.echo(f"report: arena report {file}")


def _list(matches: Sequence[Match], path: Path, again: Container[str]) -> None:
    """Print every match in the order of play, whether it is settled, and why it is played or left alone."""
    rows = due.valid(book.read(path), again, run.our_commit())
    for state in chain(*due.states(matches, rows, blocks.of_machine(machine.card()))):
        done = "played " if state.settled else "missing"
        click.echo(f"{state.match.id} {done} {_named(asdict(state.match))}" + f" ({state.why})" * bool(state.why))


def _summary(done: run.Summary) -> str:
    return (
        f"{done.played} matches played, {done.settled} of {done.matches} settled, "
        f"{done.whole} of {done.cells} cells finished"
    )


@arena.command()
@click.argument("file", metavar="PLAN", type=click.Path(path_type=Path))
@BOOK
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of report.html and report.md; default: beside the plan."
)
@click.option("--ours", default=contestants.OURS, show_default=True, help="The contestant whose defeats come first.")
def report(file: Path, path: Path | None, out: Path | None, ours: str) -> None:
    """Write the report of what was played so far."""
    from autoglm_arena import report as reports

    found, _ = _plan(file)
    rows = book.read(path or file.with_name("book.jsonl"))
    written = reports.report(blocks.choose(rows, found.matches()), ours=ours, title=found.title)
    out = out or file.parent
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("report.html", written.html), ("report.md", written.markdown)):
        (out / name).write_text(text, encoding="utf-8")
        click.echo(out / name)


@arena.command()
@click.argument("row")
@click.option("--book", "path", type=click.Path(path_type=Path), default=Path("book.jsonl"), show_default=True)
@click.option("--script", help="Of a contestant that does not come with the arena.")
def replay(row: str, path: Path, script: str | None) -> None:
    """Play one row of the book again and compare; ROW is its id."""
    rows = [found for found in book.read(path) if found["id"] == row]
    if not rows:
        raise ArenaError(f"no row {row!r} in {path}; ids are in its field id and in the report")
    machine.adopt_orphans()
    click.echo(replaying.replay(rows, contestants.get(script or rows[-1]["contestant"])))


@arena.command("soak")
@click.argument("contestant")
@click.argument("name", metavar="DATA")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
@click.option("--seconds", type=float, default=60.0, show_default=True, help="Budget of the fit.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the readings as JSON.")
def soak_(contestant: str, name: str, hours: float, seconds: float, out: Path | None) -> None:
    """Keep a fitted contestant answering for hours; count faults and drift."""
    found = contestants.get(contestant)
    every = [member for members in data.lists().values() for member in members]
    from autoglm_arena.errors import known

    game = Match(known("data set", name, every), "raw", "as is", found.name, 1, seconds, 2, 16_000)
    result = soak.soak(game, found, hours, lambda reading: click.echo(json.dumps(reading)))
    click.echo(
        f"{result.calls:,} calls in {hours:g} h, {result.faults} faults; latency drift {result.latency_drift:+.1%}, "
        f"memory drift {result.memory_drift:+.1%}" + f"; last fault: {result.last_fault}" * bool(result.last_fault)
    )
    if out:
        out.write_text(json.dumps(asdict(result)), encoding="utf-8")
    if result.faults:
        raise ArenaError(f"{result.faults} faults")


def _plan(file: Path) -> tuple[Plan, dict[str, Contestant]]:
    """Read a plan and its contestants; scripts elsewhere are named by their path, relative to the plan."""
    found = plan.read(file, data.lists(), contestants.shipped())
    scripts: dict[str, Contestant] = {}
    plays = []
    for play in found.plays:
        players = [contestants.get(name, file.parent) for name in play.contestants]
        for player in players:
            if scripts.setdefault(player.name, player).script != player.script:
                raise ArenaError(f"two contestants are called {player.name!r}: {player.script} and another")
        plays.append(replace(play, contestants=tuple(player.name for player in players)))
    return replace(found, plays=tuple(plays)), scripts


def _tell(row: Row, done: int, count: int) -> None:
    """Print one line about a match."""
    says = (
        f"{row['metric']} {row['score']:.4f}"
        if row["state"] == "ok"
        else f"{row['state']}: {row['exit']} {row['last_words'][-120:]!r}"
    )
    took = f", fit {row['fit_seconds']:.1f} s" if row.get("fit_seconds") else ""
    click.echo(f"[{done}/{count}] {row['id']} {_named(row)}: {says}{took}{', disturbed' * bool(row.get('disturbed'))}")


def _named(row: Row) -> str:
    extra = f" ({row['scenario']})" * (row["scenario"] != "as is") + f" [{row['track']}]" * (row["track"] != "raw")
    return f"{row['data']}{extra} seed {row['seed']} {row['contestant']}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        code = arena.main(given, prog_name="arena", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return _stopped("interrupted: what was played is in the book, the same call goes on", INTERRUPTED)
    except click.ClickException as error:
        return _stopped(error.format_message(), error.exit_code)
    except ArenaError as error:
        return _stopped(str(error), 1)
    except OSError as error:
        return _stopped(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return code if isinstance(code, int) else 0


def _stopped(message: str, code: int) -> int:
    click.echo(f"arena: {message}", err=True)
    return code
