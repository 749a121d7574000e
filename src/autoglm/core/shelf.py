"""A folder is a registry: one file, one plug-in; third parties join through entry points of the same name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from autoglm.core.errors import MissingExtraError, OptionError, nearest


@cache
def plugins(shelf: str) -> dict[str, str]:
    """Map each plug-in's name on a shelf (``"learners"``) to its module path, without importing it."""
    package = importlib.import_module(f"autoglm.{shelf}")
    ours = {m.name: f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)}
    theirs = {e.name: e.value for e in entry_points(group=f"autoglm.{shelf}")}
    return {name: path for name, path in sorted((theirs | ours).items()) if not name.startswith("_")}


def plugin(shelf: str, name: str) -> ModuleType:
    """Import a plug-in by name.

    Raises
    ------
    OptionError
        No such plug-in; the nearest name is offered.
    MissingExtraError
        Its optional dependency is not installed.
    """
    path = plugin_known(shelf, name)
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{shelf[:-1]} {name!r} needs {error.name!r}: pip install {error.name}") from error


def plugin_known(shelf: str, name: str) -> str:
    """Return the module path of a plug-in, or raise `OptionError` with the nearest name."""
    known = plugins(shelf)
    if name not in known:
        raise OptionError(f"no {shelf[:-1]} named {name!r}{nearest(name, known)} (known: {', '.join(known)})")
    return known[name]


def available(shelf: str) -> list[str]:
    """Names of the plug-ins whose dependencies are installed, judged without importing them."""
    return [name for name, path in plugins(shelf).items() if not missing(path)]


def catalogue(shelf: str) -> dict[str, str]:
    """Map each plug-in to the first line of its docstring."""
    return {name: (ast.get_docstring(_tree(path)) or "").partition("\n")[0] for name, path in plugins(shelf).items()}


def missing(path: str) -> list[str]:
    """Top-level packages that the module at `path` imports and that are not installed."""
    roots = set()
    for node in _statements(_tree(path).body):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            roots.add(node.module.partition(".")[0])
    return sorted(root for root in roots if importlib.util.find_spec(root) is None)


def literal(shelf: str, name: str, variable: str) -> object:
    """Return the literal that a plug-in assigns to a variable, None where it does not; read without importing it."""
    for node in _tree(plugins(shelf)[name]).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [variable]:
            return ast.literal_eval(node.value)
    return None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, also those that are tried so that a missing package can be named."""
    for node in body:
        yield from node.body if isinstance(node, ast.Try) else [node]


def _tree(path: str) -> ast.Module:
    spec = importlib.util.find_spec(path)
    if spec is None or spec.origin is None:
        raise OptionError(f"plug-in module {path!r} cannot be found")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
