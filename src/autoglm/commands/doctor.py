"""Check the machine, the versions and the parts, and say what cures what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from autoglm import __version__
from autoglm.commands import _text

PARTS = (
    "catboost",
    "click",
    "jinja2",
    "lightgbm",
    "numpy",
    "optuna",
    "pandas",
    "psutil",
    "pyarrow",
    "rich",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
    "xgboost-cpu",
)
EXTRAS = {
    "polars": "polars",
    "numba": "fast",
    "torch": "deep",
    "bokeh-sampledata": "demo",
    "grpcio": "serve",
    "livekit-wakeword": "hearing",
}  # package -> extra that brings it
SHELVES = ("learners", "encoders", "samplers")
PACKAGES = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}  # where pip's name is not the import's
LEAST_MEMORY, LEAST_DISK = 1e9, 1e9  # bytes free, below which a fit on a common table is at risk


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check the machine, the versions and the parts; exit with 1 when something has to be cured.

    \b
    Example:
      autoglm doctor
    """
    found = examine()
    if as_json:
        _text.write_json(found)
    else:
        click.echo(_told(found))
    ctx.exit(1 if found["problems"] else 0)


def examine() -> dict[str, Any]:
    """Look at everything that a fit depends on."""
    found: dict[str, Any] = {
        "version": __version__,
        "machine": _machine(),
        "parts": {name: _version(name) for name in PARTS},
        "extras": {name: _version(name) for name in EXTRAS},
        "openmp": {name: os.environ.get(name) for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS")}
        | {"library": _openmp()},
    }
    absent = [name for name, there in found["parts"].items() if there is None]
    if not absent:
        found |= {shelf: _shelf(shelf) for shelf in SHELVES}
    return found | {"problems": _problems(found, absent)}


def _machine() -> dict[str, Any]:
    machine: dict[str, Any] = {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "temporary_folder": tempfile.gettempdir(),
        "disk_free_bytes": shutil.disk_usage(tempfile.gettempdir()).free,
        "folder_disk_free_bytes": shutil.disk_usage(os.curdir).free,
    }
    if _version("psutil") and _version("numpy") and _version("pandas"):
        import psutil

        from autoglm.core.budget import default_memory, default_threads
        from autoglm.finish import environment

        machine |= {
            "cpu": environment()["cpu"],
            "threads": default_threads(),
            "default_memory_bytes": default_memory(),
        }
        machine |= {
            "memory_bytes": psutil.virtual_memory().total,
            "memory_free_bytes": psutil.virtual_memory().available,
        }
    return machine


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        # Other builds of XGBoost bring the same module.
        return _version("xgboost") if name == "xgboost-cpu" else None


def _openmp() -> bool:
    """Whether the library that LightGBM needs is there (a bare Debian lacks it)."""
    import ctypes

    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True


def _shelf(name: str) -> dict[str, str | None]:
    """Map each plug-in to None, or to the pip line that cures what it lacks."""
    from autoglm.core import shelf

    return {
        plugin: f"pip install {' '.join(PACKAGES.get(p, p) for p in lacks)}" if (lacks := shelf.missing(path)) else None
        for plugin, path in shelf.plugins(name).items()
    }


def _problems(found: dict[str, Any], absent: list[str]) -> list[str]:
    machine = found["machine"]
    problems = [f"{name} is not installed: pip install {name}" for name in absent]
    for shelf in SHELVES:
        cures = found.get(shelf, {}).items()
        problems += [f"{shelf[:-1]} {name!r} cannot be used: {cure}" for name, cure in cures if cure]
    if not found["openmp"]["library"]:
        problems.append("libgomp.so.1 is missing, LightGBM needs it: apt-get install libgomp1")
    if machine.get("memory_free_bytes", LEAST_MEMORY) < LEAST_MEMORY:
        problems.append(f"only {_text.size(machine['memory_free_bytes'])} of memory are free: end other programs")
    for key, place in (
        ("disk_free_bytes", machine["temporary_folder"]),
        ("folder_disk_free_bytes", "this folder"),
    ):
        if machine[key] < LEAST_DISK:
            problems.append(f"only {_text.size(machine[key])} are free on the disk of {place}: make room")
    if not os.access(machine["temporary_folder"], os.W_OK):
        problems.append(f"{machine['temporary_folder']} cannot be written to: set TMPDIR to a folder that can")
    return problems


def _told(found: dict[str, Any]) -> str:
    machine, openmp = found["machine"], found["openmp"]
    facts: dict[str, object] = {
        "open-autoglm": found["version"],
        "python": f"{machine['python']}, {machine['platform']}",
        "disk free": f"{_text.size(machine['folder_disk_free_bytes'])} here, "
        f"{_text.size(machine['disk_free_bytes'])} in {machine['temporary_folder']}",
    }
    if "cpu" in machine:
        facts["processor"] = f"{machine['cpu']}, {machine['threads']} threads for this process"
        facts["memory"] = f"{_text.size(machine['memory_free_bytes'])} free of {_text.size(machine['memory_bytes'])}"
    policy = openmp["OMP_WAIT_POLICY"] or "not set"
    facts["OpenMP"] = f"OMP_WAIT_POLICY {policy} here, PASSIVE in workers (waiting threads must not spin)"
    lines = [
        _text.pairs(facts, indent=""),
        "parts\n" + _text.pairs({n: v or "missing" for n, v in found["parts"].items()}),
    ]
    lines.append(
        "extras\n"
        + _text.pairs(
            {n: v or f"not installed: pip install 'open-autoglm[{EXTRAS[n]}]'" for n, v in found["extras"].items()}
        )
    )
    for shelf in SHELVES:
        if shelf in found:
            lines.append(f"{shelf}\n" + _text.pairs({n: cure or "ready" for n, cure in found[shelf].items()}))
    problems = found["problems"]
    lines.append("problems\n" + "\n".join(f"  {p}" for p in problems) if problems else "all is well")
    return "\n\n".join(lines)
