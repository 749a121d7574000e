"""Write the catalogue of every shelf, name and first line of the docstring, as Markdown tables."""

import ast
from pathlib import Path

SHELVES = {
    "encoders": "kinds of columns",
    "learners": "algorithms",
    "samplers": "searches",
    "datasets": "data sets",
    "ensembles": "ways to join models",
    "explainers": "explanations",
}


def write(root: Path, out: Path) -> None:
    """Write `plugins.md` into the folder `out`."""
    tables = [_table(root / "src" / "autoglm" / shelf, what) for shelf, what in SHELVES.items()]
    (out / "plugins.md").write_text("\n".join(tables), encoding="utf-8")


def _table(folder: Path, what: str) -> str:
    files = [file for file in sorted(folder.glob("*.py")) if not file.stem.startswith("_")]
    rows = [f"| `{file.stem}` | {_first_line(file)} |" for file in files]
    return "\n".join([f"### `{folder.name}/`: {what}", "", "| name | what it is |", "|---|---|", *rows, ""])


def _first_line(file: Path) -> str:
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].replace("|", "\\|").replace("*", "\\*")
