"""Say what a saved folder holds, and check its files against their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from autoglm.commands import _text

COLUMNS = 30  # lines about columns at most; --json has them all


@click.command("info")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the manifest and the state of the run as JSON.")
def command(folder: Path, as_json: bool) -> None:
    """Say what the folder DIR holds: task, score, members, columns, files, versions.

    Every file is checked against the hash in the manifest; one that was changed, or is missing, is an
    error. A run that was not finished is described too, with how to continue it.

    \b
    Examples:
      autoglm info churn-model
      autoglm info churn-model --json
    """
    from autoglm import bundle

    run = _run(folder)
    if run and not (folder / bundle.MANIFEST).exists():
        about: dict[str, Any] = {}
    else:
        about = bundle.unseal(folder)
    if as_json:
        state = {"folder": str(folder), "finished": bool(about), "verified": bool(about), "run": run}
        _text.write_json(state | {"manifest": about or None, "bytes": _bytes(about)})
    elif about:
        click.echo(_told(folder, about, run))
    else:
        click.echo(_unfinished(folder, run))


def _run(folder: Path) -> dict[str, Any]:
    """Return what is known of the run in a folder, empty if there is none; its files are only looked at."""
    from autoglm.core.errors import FolderError
    from autoglm.core.files import read_json

    path = folder / "run" / "run.json"
    if not path.is_file():
        return {}
    try:
        about = read_json(path)
        done = [fit.parent.parent.name for fit in (folder / "run" / "fits").glob("*/*/fit.json")]
        return {"fits": len(done), "candidates": len(set(done)), "spent": about["spent"], **about["identity"]}
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(f"{str(path)!r} is damaged ({error}): fit again with --fresh") from error


def _bytes(about: Mapping[str, Any]) -> int:
    return sum(file["bytes"] for file in about.get("files", {}).values())


def _told(folder: Path, about: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    task, budget, environment = about["task"], about["budget"], about["environment"]
    classes = f" ({len(task['classes'])} classes)" if task["kind"] == "multiclass" else ""
    seconds = "no limit of seconds" if budget["seconds"] is None else f"{budget['seconds']:g} s"
    amount = f"{budget['work']} fold fits" if budget["work"] else seconds
    spent = f"{budget['fits']} fits in {budget['elapsed']:.1f} s"
    files = f"{_text.size(_bytes(about))} in {len(about['files'])} files"
    facts = {
        "folder": f"{folder}, {files}, all hashes as in the manifest",
        "written": f"{about['created']} by open-autoglm {about['version']} (format {about['format']})",
        "predicts": f"{task['target']}: {task['kind']}{classes}",
        "score": f"{about['metric']} {_text.score(about['score'])}, out of fold",
        "budget": f"{amount} on {budget['threads']} threads; {spent}",
        "seed": about["seed"],
    }
    if run:
        facts["run"] = f"{run['fits']} fits kept; the same fit with more seconds goes on from them"
    members = [
        [m["name"], m["learner"], m["weight"], len(m["fits"]), _text.size(_held(m, about))] for m in about["members"]
    ]
    versions = {"python": environment["python"], **environment["versions"]}
    return "\n\n".join(
        [
            _text.pairs(facts, indent=""),
            "members\n" + _text.table(("name", "learner", "weight", "models", "size"), members),
            "columns\n" + _columns(about["columns"]),
            f"made with\n  {environment['platform']}, {environment['cpu']}\n  "
            + ", ".join(f"{name} {version}" for name, version in versions.items()),
        ]
    )


def _columns(columns: list[dict[str, Any]]) -> str:
    rows = [[c["name"], c["kind"], c["storage"], "yes" if c["used"] else "no"] for c in columns[:COLUMNS]]
    rest = len(columns) - len(rows)
    return _text.table(("name", "kind", "read as", "used"), rows) + (f"\n  and {rest} more" if rest else "")


def _held(member: Mapping[str, Any], about: Mapping[str, Any]) -> int:
    """Bytes of a member's files."""
    places = tuple(f"{place}/" for place in member["fits"])
    return sum(file["bytes"] for name, file in about["files"].items() if name.startswith(places))


def _unfinished(folder: Path, run: Mapping[str, Any]) -> str:
    settings = f"--target {run['target']!r} --seed {run['seed']} --metric {run['metric']}"
    facts = {
        "folder": f"{folder}, a run that was not finished",
        "predicts": f"{run['target']}: {run['task']}, {run['rows']:,} rows",
        "so far": f"{run['fits']} fits of {run['candidates']} candidates in {run['spent']:.1f} s",
        "continue": f"autoglm fit TRAIN {settings} --out {folder}",
    }
    return _text.pairs(facts, indent="")
