"""Tables of any library in, the same kind of table out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from autoglm.core.errors import DataError, listing

LIBRARIES = ("pandas", "polars", "pyarrow", "scipy")


def to_pandas(frame: Any, *, empty: bool = False) -> pd.DataFrame:
    """Read a table of any common kind as a pandas frame with distinct column names of type str.

    Parameters
    ----------
    frame
        pandas, polars (also lazy), pyarrow (table or record batch), a NumPy array of shape
        (n_rows, n_columns), a dict of lists, a list of dicts, or anything that speaks the Arrow
        stream protocol.
    empty
        Whether a table without rows will do (there is nothing wrong in answering none).

    Raises
    ------
    DataError
        Not a table, no rows, no columns, or two columns of one name.
    """
    read = _read(frame)
    names = _names(read.columns)
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise DataError(
            f"column names occur more than once: {listing(twice)}; rename the columns so that each is unique"
        )
    if not len(names) or not (len(read) or empty):
        raise DataError(f"the table is empty ({len(read)} rows, {len(names)} columns); expected at least one of each")
    if list(read.columns) == names and not isinstance(read.columns, pd.MultiIndex):
        return read
    return read.set_axis(pd.Index(names, dtype=object), axis=1)


def like(original: Any, result: pd.Series[Any] | pd.DataFrame) -> Any:
    """Give answers back as the kind of table that the rows came as.

    Parameters
    ----------
    original
        What was given to `to_pandas`.
    result
        One answer a row (a series) or several (a frame).

    Returns
    -------
    Any
        pandas with the index of `original`; polars; pyarrow; for dicts and lists of dicts plain Python
        lists or the same again; for all else a NumPy array.
    """
    library = _library(original)
    if library == "pandas":
        return result.set_axis(original.index, axis=0)
    if library == "polars":
        import polars

        return polars.from_pandas(result.reset_index(drop=True))
    if library == "pyarrow":
        import pyarrow

        if isinstance(result, pd.Series):
            return pyarrow.Array.from_pandas(result)
        return pyarrow.Table.from_pandas(result, preserve_index=False)
    if isinstance(original, dict | list):
        if isinstance(result, pd.Series):
            return result.tolist()
        return result.to_dict("list" if isinstance(original, dict) else "records")
    return result.to_numpy()


def _library(frame: Any) -> str:
    """Name of the library that a table's class, or one that it is derived from, is of, found without importing it."""
    modules = (c.__module__.partition(".")[0] for c in type(frame).__mro__)
    return next((name for name in modules if name in LIBRARIES), "")


def _read(frame: Any) -> pd.DataFrame:
    if isinstance(frame, pd.DataFrame):
        return frame
    if isinstance(frame, pd.Series):
        return frame.to_frame(frame.name if frame.name is not None else "x0")
    if isinstance(frame, np.ndarray):
        return _from_array(frame)
    if isinstance(frame, dict | list | tuple):
        return _from_lists(frame)
    library = _library(frame)
    if library == "polars":
        return _from_polars(frame)
    if library == "scipy":
        raise DataError("a sparse matrix is not a table; give its dense form, for instance matrix.toarray()")
    if hasattr(frame, "__arrow_c_stream__") or library == "pyarrow":
        import pyarrow

        table = frame if isinstance(frame, pyarrow.Table) else pyarrow.table(frame)
        return _from_arrow(table)
    raise DataError(
        f"cannot read a table from {type(frame).__module__}.{type(frame).__qualname__}; "
        "expected pandas, polars, pyarrow, a 2-d NumPy array, a dict of lists or a list of dicts"
    )


def _from_polars(frame: Any) -> pd.DataFrame:
    import polars

    if isinstance(frame, polars.Series):
        frame = frame.to_frame()
    if isinstance(frame, polars.LazyFrame):
        frame = frame.collect()
    return _from_arrow(frame.to_arrow())


def _from_arrow(table: Any) -> pd.DataFrame:
    """Convert; duplicate names would be dropped silently on the way, so they are checked first."""
    twice = [name for name, n in Counter(table.column_names).items() if n > 1]
    if twice:
        raise DataError(
            f"column names occur more than once: {listing(twice)}; rename the columns so that each is unique"
        )
    read: pd.DataFrame = table.to_pandas(date_as_object=False, ignore_metadata=True)
    return read


def _from_array(array: np.ndarray[Any, Any]) -> pd.DataFrame:
    if array.dtype.names:
        return pd.DataFrame.from_records(array)
    if array.ndim != 2:
        raise DataError(
            f"an array of shape {array.shape} is not a table; expected two dimensions (n_rows, n_columns), "
            "for instance array.reshape(-1, 1) for a single column"
        )
    frame = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    return frame.infer_objects() if array.dtype == object else frame


def _from_lists(frame: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> pd.DataFrame:
    if isinstance(frame, dict):
        frame = {k: v if hasattr(v, "__len__") and not isinstance(v, str | bytes) else [v] for k, v in frame.items()}
    elif not all(isinstance(row, dict) for row in frame):
        array = _rectangle(frame)
        return _from_array(array)
    try:
        return pd.DataFrame(frame)
    except (ValueError, TypeError) as error:
        raise DataError(f"the columns do not make a table ({error}); expected lists of one length") from error


def _rectangle(rows: list[Any] | tuple[Any, ...]) -> np.ndarray[Any, Any]:
    sizes = {len(r) if isinstance(r, list | tuple | np.ndarray) else 0 for r in rows}
    if sizes == {0} or len(sizes) > 1:
        raise DataError("a list is read as a table when it holds dicts, or rows of one length; got neither")
    array = np.empty((len(rows), sizes.pop()), dtype=object)
    for i, row in enumerate(rows):
        array[i, :] = row
    return array


def _names(columns: pd.Index[Any]) -> list[str]:
    if isinstance(columns, pd.MultiIndex):
        return [".".join(str(part) for part in name if str(part)) for name in columns]
    return [str(name) for name in columns]
