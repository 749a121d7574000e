"""Where environments, data and predictions live: ``$AUTOGLM_ARENA``, by default ``~/.cache/autoglm-arena``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def home(*parts: str) -> Path:
    """Return a path below the arena's folder."""
    return Path(os.environ.get("AUTOGLM_ARENA", "~/.cache/autoglm-arena")).expanduser().joinpath(*parts)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: a reader sees the old file or the new one, never a part."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(aside, path)
