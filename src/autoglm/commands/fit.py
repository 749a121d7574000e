"""Learn to predict a column of a table: train, compare, save, report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoglm.commands import _text

if TYPE_CHECKING:
    import pandas as pd

    from autoglm.engine.run import Event
    from autoglm.predictor import Predictor

TOP = 8  # lines of the leaderboard
SHOWN = ("serious", "warning")  # findings that are printed; the report has them all


def _kinds(ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Read every COL=KIND."""
    split = [item.rpartition("=") for item in given]
    wrong = [item for item, (name, _, kind) in zip(given, split, strict=True) if not name or not kind]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r}: expected COLUMN=KIND, for instance zip=category", ctx, parameter)
    return {name: kind for name, _, kind in split}


@click.command("fit")
@click.argument("train", type=click.Path(path_type=Path))
@click.option("--target", metavar="COLUMN", help="Column to predict.  [default of a folder: class]")
@click.option("--seconds", type=float, default=60, show_default=True, help="Wall-clock seconds to the saved folder.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to save in.  [default: autoglm-TRAIN]",
)
@click.option("--threads", type=int, default=2, show_default=True, help="Processor threads.")
@click.option("--seed", type=int, default=42, show_default=True, help="All randomness comes from it.")
@click.option(
    "--metric", default="auto", show_default=True, help="What is good: roc_auc, log_loss, rmse, f1_macro, ..."
)
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]), help="Found out unless given.")
@click.option("--groups", metavar="COLUMN", help="Rows of one value (patient, customer) are never split.")
@click.option("--no-groups", is_flag=True, help="Look for no groups in the names of images and sounds.")
@click.option("--time", metavar="COLUMN", help="Judge on later rows than were learned from.")
@click.option(
    "--kind", multiple=True, callback=_kinds, metavar="COLUMN=KIND", help="What a column is. Repeat for more."
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where paths of images and sounds start.  [default: the folder of TRAIN]",
)
@click.option("--work", type=int, metavar="N", help="Fold fits instead of seconds: bit-identical results.")
@click.option("--memory", type=click.FloatRange(0, min_open=True), metavar="GB", help="Memory to hold at most.")
@click.option("--learner", multiple=True, metavar="NAME", help="Use only this learner. Repeat for more.")
@click.option(
    "--search",
    type=click.Choice(["tpe", "ppo", "pool", "random", "none"]),
    default="tpe",
    show_default=True,
    help="What proposes further candidates.",
)
@click.option("--fresh", is_flag=True, help="Forget what the folder holds.")
@click.option(
    "--test",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rows with the target to score at the end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; progress goes to standard error.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(train: Path, **given: Any) -> None:
    """Learn to predict a column of the table TRAIN from its other columns.

    TRAIN is CSV, TSV, Parquet, Arrow, Feather or JSON, packed or not; delimiter, encoding and types are found
    out. Or it is a folder in which each folder holds the images or sounds of one class. The folder that is saved is
    usable when the command ends, by Ctrl-C too. The same call again continues a run that was killed; with more
    --seconds it goes on where the last one ended.

    \b
    Examples:
      autoglm fit train.csv --target churn
      autoglm fit train.parquet --target price --metric mae --seconds 600 --out prices
      autoglm fit listings.csv --target price --files photos
      autoglm fit photos --seconds 300
      autoglm fit visits.csv --target ill --groups patient --kind ward=category --test later.csv
    """
    started = time.monotonic()
    from autoglm.core.reading import read

    if given["groups"] and given["no_groups"]:
        raise click.UsageError("--groups and --no-groups cannot both be given")
    if given["target"] is None and not train.is_dir():
        raise click.MissingParameter(param_hint="'--target'", param_type="option")
    given["target"] = given["target"] or "class"
    frame = read(train)
    test = _test(given["test"], frame, given["target"], given["task"])
    predictor, interrupted = _fit(train, frame, given, started)
    result = _result(predictor, test, time.monotonic() - started) | {"interrupted": interrupted}
    if test is not None:
        result["findings"] = [*_overlap(frame, test, predictor), *result["findings"]]
    if given["as_json"]:
        _text.write_json(result)
    else:
        click.echo(_told(result))
    if interrupted:
        _text.note("interrupted, what there was is saved; the same call continues")


def _test(path: Path | None, train: pd.DataFrame, target: str, kind: str | None) -> pd.DataFrame | None:
    """Read and check the rows to score at the end now: a slip should not cost the fit."""
    from autoglm.core import frames
    from autoglm.core.columns import column
    from autoglm.core.errors import DataError, nearest
    from autoglm.core.reading import read
    from autoglm.core.task import infer, numeric

    if path is None:
        return None
    rows = read(path)
    if target not in rows.columns:
        raise DataError(f"{path}: target {target!r} is not among the columns{nearest(target, map(str, rows.columns))}")
    train = frames.to_pandas(train)
    if target not in train.columns:
        return rows  # the fit says so
    given = numeric(train[target], kind)
    if (here := ~column(given).missing).any():
        task = infer(given[here], target, kind)
        try:
            task.truth(frames.to_pandas(rows)[target])
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    return rows


def _fit(train: Path, frame: pd.DataFrame, given: Mapping[str, Any], started: float) -> tuple[Predictor, bool]:
    """Fit, showing progress; return the predictor and whether Ctrl-C ended it early."""
    from autoglm.automl import AutoML
    from autoglm.progress import shown

    heard: list[Event] = []
    style = "silent" if given["quiet"] else "plain" if given["as_json"] else "auto"
    with shown(style=style, seconds=None if given["work"] else given["seconds"]) as show:

        def progress(event: Event) -> None:
            if event.kind == "note":
                heard.append(event)
            show(event)

        recipe = AutoML(
            seconds=given["seconds"],
            threads=given["threads"],
            seed=given["seed"],
            metric=given["metric"],
            folder=given["out"] or Path(f"autoglm-{train.name.partition('.')[0] or 'table'}"),
            task=given["task"],
            kinds=given["kind"],
            files=given["files"],
            work=given["work"],
            memory=int(given["memory"] * 1e9) if given["memory"] else None,
            learners=list(given["learner"]) or None,
            search=given["search"],
            fresh=given["fresh"],
            progress=progress,
        )
        groups = False if given["no_groups"] else given["groups"]
        predictor = recipe.fit(frame, given["target"], groups=groups, time=given["time"], started=started)
    return predictor, _interrupted(heard)


def _overlap(train: pd.DataFrame, test: pd.DataFrame, predictor: Predictor) -> list[dict[str, Any]]:
    """Say which rows to test were trained on."""
    from autoglm import checks
    from autoglm.core.columns import column

    kinds = {about["name"]: about["kind"] for about in predictor.about["columns"]}
    ours, theirs = ([column(rows[name]) for name in kinds if name in rows.columns] for rows in (train, test))
    return [asdict(finding) for finding in checks.overlap(ours, theirs, kinds)]


def _interrupted(heard: list[Event]) -> bool:
    """Whether Ctrl-C came: the engine keeps what it has and says so."""
    return any(event.message.startswith("interrupted") for event in heard)


def _result(predictor: Predictor, test: pd.DataFrame | None, seconds: float) -> dict[str, Any]:
    """Everything that is printed."""
    summary = predictor.summary
    return {
        "predictor": str(predictor.folder),
        "report": str(predictor.report()),
        "task": summary["task"],
        "data": summary["data"],
        "metric": summary["metric"],
        "score": summary["score"],
        "baselines": summary["baselines"],
        "leaderboard": predictor.leaderboard().to_dict("records"),
        "modalities": summary["modalities"],
        "findings": summary["findings"],
        "budget": summary["budget"],
        "test": predictor.evaluate(test) if test is not None else None,
        "seconds": seconds,
    }


def _told(result: Mapping[str, Any]) -> str:
    """Write the result for people."""
    task, data, budget, metric = (result[k] for k in ("task", "data", "budget", "metric"))
    board = result["leaderboard"]
    members = sum(row["weight"] > 0 for row in board)
    head = f"{task['target']}: {task['kind']}, {data['rows']:,} rows, {data['columns']:,} columns; "
    head += f"{budget['fits']} fits, {members} members, {result['seconds']:.1f} s"
    better = "greater" if metric["greater"] else "smaller"
    scores = {"this predictor": _text.score(result["score"])}
    scores |= {f"  {b['name']}": _text.score(b) for b in result["baselines"]}
    shown = ("name", "score", "weight", "folds", "fit_seconds", "predict_microseconds")
    rows = [[row[k] for k in shown] for row in board[:TOP]]
    parts = [
        head,
        f"{metric['name']} ({better} is better), out of fold\n{_text.pairs(scores)}",
        f"leaderboard, best {len(rows)} of {len(board)}\n"
        + _text.table(("candidate", "score", "weight", "folds", "fit s", "µs a row"), rows),
    ]
    if result["modalities"]:
        keys = ("name", "kind", "weight", "missing", "noise", "swapped")
        rows = [[row.get(k) for k in keys] for row in result["modalities"]]
        heads = ("modality", "kind", "weight", "error + if missing", "if noise", "if another row's")
        parts.append(f"modalities\n{_text.table(heads, rows)}")
    if result["test"]:
        parts.append(f"on the test rows\n{_text.pairs(result['test'])}")
    found = [f for f in result["findings"] if f["severity"] in SHOWN]
    if found:
        parts.append(
            "findings\n" + "\n".join(f"  {f['severity']}: {f['message']}; {f['cure']}".rstrip("; ") for f in found)
        )
    places = {"predictor": result["predictor"], "report": result["report"]}
    return "\n\n".join([*parts, _text.pairs(places, indent="")])
