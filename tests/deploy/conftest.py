"""The files of deploy/, read."""

from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML")

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def documents(*folders: str) -> list[tuple[str, Any]]:
    """Return every YAML document below folders of deploy/, with its path."""
    paths = [p for f in folders for p in sorted((DEPLOY / f).rglob("*.y*ml"))]
    return [(str(p.relative_to(DEPLOY)), d) for p in paths for d in yaml.safe_load_all(p.read_text("utf-8"))]


def named(kind: str) -> Any:
    """Return the one document of a kind."""
    (found,) = [d for _, d in documents("kubernetes", "istio") if d["kind"] == kind]
    return found
