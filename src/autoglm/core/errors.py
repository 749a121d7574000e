"""The tree of exceptions: each says what happened with which value, what was expected and what cures it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AutoGLMError(Exception):
    """Everything this library raises on purpose; the command line prints it in one line and exits with 1."""


class DataError(AutoGLMError, ValueError):
    """The data cannot be learned from (or answered for) as they are."""


class OptionError(AutoGLMError, ValueError):
    """A setting has a value that is not allowed."""


class SchemaError(AutoGLMError, ValueError):
    """Rows at prediction time lack what the predictor was trained on."""


class FolderError(AutoGLMError, OSError):
    """A saved folder is missing, damaged, tampered with, not writable or from a newer version."""


class FitError(AutoGLMError, RuntimeError):
    """No model could be fitted at all."""


class MissingExtraError(AutoGLMError, ImportError):
    """An optional dependency is not installed; the message carries the pip line that cures it."""


class DataWarning(UserWarning):
    """Rows are answered, but something about them is odd."""


def nearest(name: object, choices: Iterable[object]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest of `choices`, or an empty string."""
    known = {choice.casefold(): choice for choice in map(str, choices)}
    found = difflib.get_close_matches(str(name).casefold(), known, n=1, cutoff=0.5)
    return f"; did you mean {known[found[0]]!r}?" if found else ""


def listing(names: Iterable[object], most: int = 8) -> str:
    """Write at most `most` names, then how many more there are."""
    written = [repr(name) for name in names]
    rest = len(written) - most
    return ", ".join(written[:most]) + (f" and {rest} more" if rest > 0 else "")
