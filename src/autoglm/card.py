"""The model card of a predictor: what it is for, how good it is and where its limits lie, in Markdown.

The headings follow Mitchell et al., "Model Cards for Model Reporting" (2019).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autoglm.core.files import plain
from autoglm.plots.svg import number, short
from autoglm.report import KINDS, SEVERITIES, label

MOST_COLUMNS = 20
MOST_ROWS = 40  # of a table: a card is read, not searched
LICENCES = {
    "catboost": "Apache-2.0",
    "lightgbm": "MIT",
    "numpy": "BSD-3-Clause",
    "optuna": "MIT",
    "pandas": "BSD-3-Clause",
    "pyarrow": "Apache-2.0",
    "scikit-learn": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "torch": "BSD-3-Clause",
    "xgboost": "Apache-2.0",
    "xgboost-cpu": "Apache-2.0",
}


def card(summary: Mapping[str, Any]) -> str:
    """Return the model card as Markdown.

    Parameters
    ----------
    summary
        What is known about the fit, as in ``summary.json`` of a saved predictor. Results of each class are
        shown where it has a key ``classes``: a list of ``name``, ``rows``, ``precision``, ``recall``, ``f1``.
        A part that is missing or None is left out of the card.
    """
    summary = plain(summary)
    task = summary.get("task") or {}
    parts = [
        f"# Model card: {_text(summary.get('name') or task.get('target') or 'a predictor')}",
        *_use(summary, task),
        *_data(summary, task),
        *_performance(summary),
        *_classes(summary),
        *_modalities(summary),
        *_checks(summary),
        *_limits(summary, task),
        *_made(summary),
        *_parts(summary),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def _use(summary: Mapping[str, Any], task: Mapping[str, Any]) -> list[str]:
    if not task.get("target"):
        return []
    kind = KINDS.get(task.get("kind", ""), "prediction")
    answer = f"Predicts {_text(task['target'])} of a row of a table ({kind})."
    classes = [_text(c) for c in (task.get("classes") or [])[:20]]
    more = len(task.get("classes") or []) - len(classes)
    listed = f" Answers: {', '.join(classes)}{f' and {more} more' if more > 0 else ''}." if classes else ""
    use = "For rows that come about in the same way as those it was trained on, with the same columns."
    out = (
        "Not for rows of another origin or time without testing it there first, "
        "and not as the only ground of a decision about a person."
    )
    return ["## Intended use", answer + listed, f"{use} {out}"]


def _data(summary: Mapping[str, Any], task: Mapping[str, Any]) -> list[str]:
    data, columns = summary.get("data") or {}, summary.get("columns") or []
    if not data and not columns:
        return []
    facts = [
        f"{data['rows']:,} rows" if data.get("rows") else "",
        f"{data['columns']:,} columns" if data.get("columns") else "",
    ]
    about = ", ".join(f for f in facts if f)
    if data.get("fingerprint"):
        about += f"; fingerprint `{_code(data['fingerprint'])}`"
    rows = [
        (c.get("name"), c.get("kind"), _share(c.get("missing")), c.get("description"))
        for c in sorted(columns, key=lambda c: -(c.get("importance") or 0.0))[:MOST_COLUMNS]
    ]
    rest = f"… and {len(columns) - MOST_COLUMNS:,} less important columns." if len(columns) > MOST_COLUMNS else ""
    table = _table(("column", "kind", "missing", "what is done with it"), rows)
    return ["## Data", f"{about}." if about else "", table, rest]


def _performance(summary: Mapping[str, Any]) -> list[str]:
    score, validation = summary.get("score") or {}, summary.get("validation") or {}
    if score.get("value") is None:
        return []
    name = label((summary.get("metric") or {}).get("name") or "score")
    first = f"**{name}: {number(score['value'])}{_interval(score)}**, out of fold"
    first += f" ({_text(validation['scheme'])})." if validation.get("scheme") else "."
    rows = [("this predictor", f"{number(score['value'])}{_interval(score)}")]
    for baseline in summary.get("baselines") or []:
        rows.append((baseline.get("name"), f"{number(baseline.get('value'))}{_interval(baseline)}"))
    metrics = [(label(k), number(v)) for k, v in (summary.get("metrics") or {}).items()]
    return ["## Performance", first, _table(("model", name), rows), _table(("metric", "value"), metrics)]


def _classes(summary: Mapping[str, Any]) -> list[str]:
    classes = summary.get("classes") or []
    rows = [
        (c.get("name"), f"{c.get('rows') or 0:,}", *(number(c.get(k)) for k in ("precision", "recall", "f1")))
        for c in classes[:MOST_ROWS]
    ]
    rest = f"… and {len(classes) - MOST_ROWS} more classes." if len(classes) > MOST_ROWS else ""
    return ["### Each class", _table(("class", "rows", "precision", "recall", "F1"), rows), rest] if rows else []


def _modalities(summary: Mapping[str, Any]) -> list[str]:
    """What happens when a modality is missing or wrong: errors are measured, on rows that models had not seen."""
    modalities = summary.get("modalities") or []
    if not modalities:
        return []
    name = label(summary.get("ranking") or "error")
    note = (
        f"By how much the error ({name}) grows when a modality is missing, when there is noise in its place, and when "
        "there is another row's. Noise is taken for missing; another row's picture or text cannot be told from the "
        "right one."
    )
    rows = [
        (
            m.get("name"),
            m.get("kind"),
            _share(m.get("weight")),
            f"{number(m.get('missing'))}{_interval(m)}",
            number(m.get("noise")),
            number(m.get("swapped")),
        )
        for m in modalities
    ]
    return ["## Modalities", note, _table(("modality", "kind", "weight", "missing", "noise", "swapped"), rows)]


def _checks(summary: Mapping[str, Any]) -> list[str]:
    findings = summary.get("findings")
    if findings is None:
        return []
    if not findings:
        return ["## Checks", "The checks before fitting found nothing."]
    rank = {s: i for i, s in enumerate(SEVERITIES)}
    ordered = sorted(findings, key=lambda f: rank.get(f.get("severity"), 3))[:MOST_ROWS]
    lines = [f"- **{_text(f.get('severity'))}**: {_text(f.get('message'))}. {_cure(f)}".rstrip() for f in ordered]
    return ["## Checks", "\n".join(lines)]


def _cure(finding: Mapping[str, Any]) -> str:
    return f"Cure: {_text(finding['cure'])}." if finding.get("cure") else ""


def _limits(summary: Mapping[str, Any], task: Mapping[str, Any]) -> list[str]:
    lines = [
        "- The score holds for rows like those of training, not for rows of another origin or a later time.",
        "- Importance tells what the predictor uses, not what causes the target.",
        "- No test of fairness between groups of people was made.",
    ]
    if task.get("kind") == "regression":
        lines.append("- Answers beyond the range of the targets seen in training are not to be relied on.")
    else:
        lines.append("- A class that was not in the training data is never answered.")
    rows = (summary.get("data") or {}).get("rows")
    if rows and rows < 1000:
        lines.append(f"- {rows:,} rows are few: look at the interval, not only at the score.")
    return ["## Limits", "\n".join(lines)]


def _made(summary: Mapping[str, Any]) -> list[str]:
    budget, reproduce = summary.get("budget") or {}, summary.get("reproduce") or {}
    members = [m for m in summary.get("leaderboard") or [] if m.get("weight")]
    rows = [(m.get("name"), m.get("learner"), _share(m["weight"]), m.get("folds")) for m in members[:MOST_ROWS]]
    facts = [
        f"created {summary['created']}" if summary.get("created") else "",
        f"seed {summary['seed']}" if summary.get("seed") is not None else "",
        f"{budget['elapsed']:.0f} seconds" if budget.get("elapsed") else "",
        f"{budget['threads']} threads" if budget.get("threads") else "",
        f"{budget['fits']} fits" if budget.get("fits") else "",
    ]
    made = ", ".join(f for f in facts if f)
    how = "An ensemble of models, weighted by their out-of-fold predictions." if len(rows) > 1 else ""
    blocks = [
        f"```{k}\n{_code(reproduce[v])}\n```" for k, v in (("python", "python"), ("sh", "command")) if reproduce.get(v)
    ]
    return [
        "## How it was made",
        f"{made[:1].upper()}{made[1:]}." if made else "",
        how,
        _table(("member", "learner", "weight", "fits"), rows),
        *blocks,
    ]


def _parts(summary: Mapping[str, Any]) -> list[str]:
    environment = summary.get("environment") or {}
    versions = environment.get("versions") or {}
    rows = [(k, v, LICENCES.get(k, "see the package")) for k, v in versions.items()]
    machine = [
        f"Python {environment['python']}" if environment.get("python") else "",
        environment.get("platform"),
        environment.get("cpu"),
    ]
    about = ", ".join(_text(m) for m in machine if m)
    if not rows and not about:
        return []
    table = _table(("library", "version", "licence"), rows)
    return ["## Parts and their licences", f"{about}." if about else "", table]


def _interval(score: Mapping[str, Any]) -> str:
    if score.get("low") is None or score.get("high") is None:
        return ""
    return f" (95 % interval {number(score['low'])} to {number(score['high'])})"


def _share(part: float | None) -> str:
    return "–" if not part else f"{100 * part:.1f} %" if part < 0.1 else f"{100 * part:.0f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(_text(v) for v in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines]) if lines else ""


def _text(value: object) -> str:
    """Write a value so that Markdown and HTML in it stay text."""
    written = " ".join(short("–" if value is None else value, 500).split())
    for sign in "\\`*_[]|#":
        written = written.replace(sign, "\\" + sign)
    return written.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(value: object) -> str:
    return str(value).replace("```", "'''")
