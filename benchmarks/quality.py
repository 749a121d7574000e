"""How good are our models? Matches against rivals on real tables, kept in an append-only book.

python benchmarks/quality.py prepare
python benchmarks/quality.py run --tables tables-test --contestants lightgbm,linear --seeds 1,2,3
python benchmarks/quality.py table --tables tables-test

`run` may be stopped at any time: the same command goes on where it was. All contestants meet a table and a seed in one
run on one machine; what is compared was played within minutes. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import machine
import playing
import standings
import tables
from playing import Match

PLAYS = 3  # a disturbed match is played again; after this many the calmest counts


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="install the packages that ship the tables, and store the tables as Parquet")
    for name, text in (
        ("run", "play the matches that the book lacks"),
        ("table", "print the book as Markdown"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--tables", default="tables-test", help="tables-test, tables-dev, or names")
        command.add_argument("--contestants", help=f"some of {','.join(playing.contestants())}; default: all")
        command.add_argument("--seeds", default="1,2,3")
        command.add_argument("--seconds", type=float, default=60.0, help="the budget of a match")
        command.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.command == "prepare":
        prepare()
    elif arguments.command == "run":
        run(plan(arguments))
    else:
        print(standings.markdown(best_lines(plan(arguments, any_commit=True))))


def prepare() -> None:
    """Store every table as Parquet, with the packages in an environment of their own."""
    script = playing.HERE / "tables.py"
    subprocess.run([playing.python(script), script, tables.cache() / "tables"], check=True)


def plan(arguments: argparse.Namespace, *, any_commit: bool = False) -> list[Match]:
    """The matches asked for: all tables with the first seed, then with the next."""
    players = arguments.contestants.split(",") if arguments.contestants else playing.contestants()
    if unknown := set(players) - set(playing.contestants()):
        raise SystemExit(f"unknown contestant {unknown.pop()!r}; there are {', '.join(playing.contestants())}")
    commit = "" if any_commit else our_commit()
    return [
        Match(table, player, int(seed), arguments.seconds, arguments.threads, commit * (player == playing.OURS))
        for seed in arguments.seeds.split(",")
        for table in tables.names(arguments.tables)
        for player in players
    ]


def our_commit() -> str:
    """The commit of this repository, marked when the working tree differs from it."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=playing.HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "uncommitted"


def run(matches: list[Match]) -> None:
    """Play what is missing, a block at a time: all the contestants on a table with a seed, one after another.

    A block that was finished on a machine stays; a block that was begun on another is played here as a whole.
    """
    machine.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the match that is being played ends too
    turn = playing.Turn()
    book().parent.mkdir(parents=True, exist_ok=True)
    for block in blocks(matches):
        if any(all(settled(match, boot) for match in block) for boot in boots() if boot):
            continue
        for _ in range(PLAYS):
            for match in block:
                if not settled(match, machine.card()["boot"]):
                    write(playing.play(match, turn))
                    turn.end()


def blocks(matches: list[Match]) -> list[list[Match]]:
    """The matches of each table and seed, in the order asked for."""
    found: dict[tuple[str, int], list[Match]] = {}
    for match in matches:
        found.setdefault((match.table, match.seed), []).append(match)
    return list(found.values())


def settled(match: Match, boot: str) -> bool:
    """Whether the book has an undisturbed line for the match since that boot, or enough disturbed ones."""
    played = [line for line in read() if key(line) == match and boot_of(line) == boot]
    return len(played) >= PLAYS or any(not line["disturbed"] for line in played)


def boots() -> list[str]:
    """The starts of machines on which lines of the book were played, the latest first."""
    return list(dict.fromkeys(boot_of(line) for line in reversed(read())))


def boot_of(line: dict[str, object]) -> str:
    """The start of a machine on which a line was played; empty for lines older than this field."""
    card = line.get("machine")
    return str(card["boot"]) if isinstance(card, dict) else ""


def book() -> Path:
    """The append-only file of matches, one JSON line each."""
    return tables.cache() / "book.jsonl"


def read() -> list[dict[str, object]]:
    """Every whole line of the book; a last line cut by a kill is skipped."""
    lines = book().read_text().splitlines(keepends=True) if book().exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def write(line: dict[str, object]) -> None:
    """Append a line to the book and say in short what happened."""
    with book().open("a") as file:
        file.write(json.dumps(line) + "\n")
    state = "FAILED " + str(line["exit"]) if line["failed"] else f"{line['error']:.4f}"
    print(
        f"{line['time']} seed {line['seed']} {line['table']:14} {line['contestant']:17} error {state} "
        f"fit {line['fit_seconds']:.1f} s, wall {line['wall']} s{', disturbed' * bool(line['disturbed'])}",
        flush=True,
    )


def key(line: dict[str, object], *, any_commit: bool = False) -> Match:
    """The match that a line tells of."""
    fields = {name: line[name] for name in asdict(Match("", "", 0, 0, 0))}
    return Match(**(fields | {"commit": ""} if any_commit else fields))  # type: ignore[arg-type]


def best_lines(wanted: list[Match]) -> list[dict[str, object]]:
    """One line per match: of the latest machine that played the whole block, the calmest.

    Of our own matches only those of the commit played last count. A block that no machine has finished is left out.
    """
    lines = [line for line in read() if key(line, any_commit=True) in wanted]
    latest = next((line["commit"] for line in reversed(lines) if line["contestant"] == playing.OURS), "")
    lines = [line for line in lines if line["contestant"] != playing.OURS or line["commit"] == latest]
    chosen: list[dict[str, object]] = []
    for block in blocks(wanted):
        for boot in boots():
            found = {
                key(line, any_commit=True): line
                for line in sorted(lines, key=lambda line: (line["disturbed"], line["foreign_cpu"]), reverse=True)
                if boot_of(line) == boot and key(line, any_commit=True) in block
            }
            if len(found) == len(block):
                chosen += [found[match] for match in block]
                break
    return chosen


if __name__ == "__main__":
    main()
