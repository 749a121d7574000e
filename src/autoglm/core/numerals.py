"""Numbers written as text: thousands separators, decimal commas, percent signs, currencies, brackets."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autoglm.core.columns import each_distinct

Decimal = Literal[".", ","]

BLANKS = frozenset(
    {"", "?", "-", "--", ".", "na", "n/a", "n.a.", "nan", "none", "null", "nil", "missing", "unknown", "#n/a"}
)
"""What people write, in lower case, where there is no number."""

_CURRENCY = re.compile(r"^([-+]?)\s*(?:[$€£¥₹]|usd|eur|gbp)\s*|\s*(?:[$€£¥₹]|usd|eur|gbp)$", re.IGNORECASE)
_POINT = re.compile(r"[-+]?(?:\d{1,3}(?:[, '’\u00a0\u202f]\d{3})+|\d+)?(?:\.\d*)?(?:e[-+]?\d+)?", re.IGNORECASE)
_COMMA = re.compile(r"[-+]?(?:\d{1,3}(?:[. '’\u00a0\u202f]\d{3})+|\d+)?(?:,\d*)?(?:e[-+]?\d+)?", re.IGNORECASE)
_COMMA_SIGN = re.compile(r"^\D*\d+(?:\.\d{3})*,(?:\d{1,2}|\d{4,})\D*$|^\D*\d{1,3}(?:\.\d{3})+,\d*\D*$|^\D*0,\d+\D*$")
_POINT_SIGN = re.compile(r"^\D*\d*(?:,\d{3})*\.(?:\d{1,2}|\d{4,})\D*$|^\D*\d{1,3}(?:,\d{3})+\.\d*\D*$|^\D*0\.\d+\D*$")


def decimal_mark(texts: NDArray[Any]) -> Decimal:
    """Find which mark separates the decimals: a comma only where nothing speaks for the point."""
    commas = sum(1 for t in texts if _COMMA_SIGN.match(t))
    return "," if commas and not any(_POINT_SIGN.match(t) for t in texts) else "."


def number(text: str, mark: Decimal = ".") -> float:
    """Read one text as a number, NaN where it is none.

    Examples
    --------
    >>> number("$1,200"), number("12%"), number("(3)"), number("1.234,5", ",")
    (1200.0, 0.12, -3.0, 1234.5)
    """
    if mark == "." and "_" not in text:  # Python reads "3_11" as 311, but people write codes so
        try:
            value = float(text)
        except ValueError:
            return _cleaned(text, mark)
        return value if math.isfinite(value) else math.nan
    return _cleaned(text, mark)


def numbers(texts: NDArray[Any], mark: Decimal = ".") -> NDArray[np.float64]:
    """Read texts (None where missing) as numbers; float64, NaN where a text is none."""
    return each_distinct(texts, lambda t: math.nan if t is None else number(t, mark)).astype(np.float64)


def share_of_numbers(texts: NDArray[Any]) -> float:
    """Share of the texts that are numbers, those that say "no value" left out."""
    told = [t for t in texts if t.lower() not in BLANKS]
    mark = decimal_mark(texts)
    return sum(1 for t in told if not math.isnan(number(t, mark))) / len(told) if told else 0.0


def _cleaned(text: str, mark: Decimal) -> float:
    text = text.strip().replace("\u2212", "-")
    if text.startswith("(") and text.endswith(")"):
        return -_cleaned(text[1:-1], mark)
    scale = 1.0
    if text.endswith("%"):
        text, scale = text[:-1].rstrip(), 0.01
    text = _CURRENCY.sub(r"\1", text)
    if not (_POINT if mark == "." else _COMMA).fullmatch(text):
        return math.nan
    text = re.sub(r"[ '’\u00a0\u202f]", "", text).replace("," if mark == "." else ".", "")
    try:
        value = float(text.replace(",", ".")) * scale
    except ValueError:  # a sign or an exponent without digits
        return math.nan
    return value if math.isfinite(value) else math.nan
