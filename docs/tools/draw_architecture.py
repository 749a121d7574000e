"""Draw the rooms of the house and the arrows between them from the imports of the code itself, as one SVG.

The rows are the layers of the import-linter contract in `pyproject.toml`, so picture and check cannot differ.
An arrow that follows from others (a → b → c tells a → c) is left out of the picture, not of the table.
"""

import ast
import re
import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

Rooms = dict[str, set[str]]
"""Each room and the rooms it imports."""

WIDTH, BOX_HEIGHT, ROW_GAP, BOX_GAP = 900, 46, 44, 18


@dataclass(frozen=True)
class Box:
    """A drawn room: left edge, top edge and width in pixels."""

    x: float
    y: float
    width: float


def write(root: Path, out: Path) -> None:
    """Write `architecture.svg` and `rooms.md` into the folder `out`."""
    rooms = imports()
    rows = layers(root / "pyproject.toml", rooms)
    (out / "architecture.svg").write_text(picture(rows, rooms), encoding="utf-8")
    (out / "rooms.md").write_text(table(rows, rooms, root / "src" / "autoglm"), encoding="utf-8")


def imports() -> Rooms:
    """Read which room imports which, from the source."""
    graph = grimp.build_graph("autoglm", exclude_type_checking_imports=True, cache_dir=None)
    rooms: Rooms = {name.split(".")[1]: set() for name in graph.find_children("autoglm")}
    for module in graph.modules - {"autoglm"}:
        room = module.split(".")[1]
        for target in graph.find_modules_directly_imported_by(module):
            if "." in target and target.split(".")[1] != room:
                rooms[room].add(target.split(".")[1])
    return rooms


def layers(pyproject: Path, rooms: Rooms) -> list[list[str]]:
    """Return the rooms that exist, row by row, top to bottom."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    contract = next(c for c in contracts if c["type"] == "layers")
    rows = [[name for name in re.findall(r"\w+", line) if name in rooms] for line in contract["layers"]]
    return [row for row in rows if row]


def picture(rows: list[list[str]], rooms: Rooms) -> str:
    """Return the SVG: boxes in rows, an arrow for each import that does not follow from others."""
    boxes = {name: box for level, row in enumerate(rows) for name, box in _row(row, level)}
    height = len(rows) * (BOX_HEIGHT + ROW_GAP) - ROW_GAP + 8
    arrows = [(a, b) for a, bs in essential(rooms).items() for b in sorted(bs) if a in boxes and b in boxes]
    title = "The rooms of the package and which room imports which, drawn from the code"
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" class="architecture">',
            "<style>",
            ".architecture { max-width: 100%; font: 14px var(--font-stack, sans-serif); }",
            ".architecture rect { fill: var(--color-background-secondary, #f8f9fb);",
            "  stroke: var(--color-brand-primary, #2757dd); }",
            ".architecture text { fill: var(--color-foreground-primary, #111); text-anchor: middle; }",
            ".architecture .arrow { fill: none; stroke: var(--color-foreground-muted, #888); }",
            ".architecture marker path { fill: var(--color-foreground-muted, #888); }",
            "</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"',
            ' orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            *_curves(arrows, boxes),
            *(_box(name, box) for name, box in boxes.items()),
            "</svg>",
        ]
    )


def essential(rooms: Rooms) -> Rooms:
    """Leave out each arrow that a longer way through other rooms already tells."""
    return {
        room: {t for t in targets if not any(t in _reach(rooms, other) for other in targets - {t})}
        for room, targets in rooms.items()
    }


def table(rows: list[list[str]], rooms: Rooms, source: Path) -> str:
    """Return a Markdown table: room, what it holds, the rooms it imports."""
    lines = ["| room | what it holds | imports |", "|---|---|---|"]
    for room in (name for row in rows for name in row):
        used = ", ".join(f"`{name}`" for row in rows for name in row if name in rooms[room])
        lines.append(f"| `{room}` | {_sentence(source, room)} | {used or 'nothing of ours'} |")
    return "\n".join(lines) + "\n"


def _row(row: list[str], level: int) -> list[tuple[str, Box]]:
    width = min(170.0, (WIDTH - BOX_GAP * (len(row) + 1)) / len(row))
    left = (WIDTH - len(row) * width - (len(row) - 1) * BOX_GAP) / 2
    top = 4 + level * (BOX_HEIGHT + ROW_GAP)
    return [(name, Box(left + i * (width + BOX_GAP), top, width)) for i, name in enumerate(row)]


def _curves(arrows: list[tuple[str, str]], boxes: dict[str, Box]) -> list[str]:
    """Spread the ends of arrows along the edges of their boxes, and lead long arrows between the boxes."""
    taken: dict[float, list[float]] = {}
    curves = []
    for a, b in sorted(arrows, key=lambda arrow: boxes[arrow[1]].y - boxes[arrow[0]].y):
        leaving = sorted((t for s, t in arrows if s == a), key=lambda name: boxes[name].x)
        coming = sorted((s for s, t in arrows if t == b), key=lambda name: boxes[name].x)
        x, y = _port(boxes[a], leaving.index(b), len(leaving)), boxes[a].y + BOX_HEIGHT
        end = _port(boxes[b], coming.index(a), len(coming))
        path = f"M{x:.0f} {y:.0f}"
        for row in sorted({box.y for box in boxes.values() if boxes[a].y < box.y < boxes[b].y}):
            x_on_row = _gap(x, end, [box for box in boxes.values() if box.y == row], taken.setdefault(row, []))
            path += _bend(x, y, x_on_row, row) + f" V{row + BOX_HEIGHT:.0f}"
            x, y = x_on_row, row + BOX_HEIGHT
        path += _bend(x, y, end, boxes[b].y - 2)
        curves.append(f'<path class="arrow" marker-end="url(#tip)" d="{path}"/>')
    return curves


def _bend(x1: float, y1: float, x2: float, y2: float) -> str:
    middle = (y1 + y2) / 2
    return f" C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"


def _gap(start: float, end: float, row: list[Box], taken: list[float]) -> float:
    """Return the x of the shortest way from `start` to `end` that meets no box of the row and no arrow."""
    free = [
        x
        for x in range(4, WIDTH - 3, 2)
        if all(not box.x - 8 < x < box.x + box.width + 8 for box in row) and all(abs(x - other) >= 8 for other in taken)
    ]
    best = min(free, key=lambda x: abs(x - start) + abs(end - x))
    taken.append(best)
    return best


def _port(box: Box, position: int, count: int) -> float:
    return box.x + box.width * (position + 1) / (count + 1)


def _box(name: str, box: Box) -> str:
    middle = box.x + box.width / 2
    return (
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{middle:.0f}" y="{box.y + 28:.0f}">{escape(name)}</text>'
    )


def _reach(rooms: Rooms, start: str) -> set[str]:
    seen: set[str] = set()
    ahead = list(rooms.get(start, ()))
    while ahead:
        room = ahead.pop()
        if room not in seen:
            seen.add(room)
            ahead.extend(rooms.get(room, ()))
    return seen


def _sentence(source: Path, room: str) -> str:
    file = source / room / "__init__.py" if (source / room).is_dir() else source / f"{room}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else ""
    return (text or "").partition("\n")[0].replace("|", "\\|")
