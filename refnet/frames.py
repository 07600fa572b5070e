"""Frames: arrays with named columns, as pandas and Polars have them. They are known by
what they have, as neither is imported.
"""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from refnet.checks import Array, counted

Columns = tuple[Any, ...]

_NONE = object()  # a column that is not there; None may be the name of one


def columns_of(x: Any) -> Columns | None:
    """The names of a frame's columns, in order; None of an array."""
    return tuple(x.columns) if hasattr(x, "columns") and hasattr(x, "to_numpy") else None


def array_of(where: str, x: Any, expected: Columns | None) -> Array | Any:
    """The array of a frame, refused where its columns are not the expected ones in
    their order; what is no frame has no names to compare, and comes back as it is.
    """
    columns = columns_of(x)
    if columns is None:
        return x
    if expected is not None and columns != expected:
        raise ValueError(f"{where} {_first_difference(columns, expected)}")
    return x.to_numpy()


def _first_difference(columns: Columns, expected: Columns) -> str:
    """What stands in the first place where they differ, what should, and what to do."""
    pairs = enumerate(zip_longest(columns, expected, fillvalue=_NONE))
    i, got, want = next((i, got, want) for i, (got, want) in pairs if got != want)
    has = f"{got!r} as column {i}" if got is not _NONE else counted(i, "column")
    wants = counted(i, "column") if want is _NONE else repr(want)
    wants = f"{wants} as column {i}" if got is _NONE else wants
    missing = [name for name in expected if name not in columns]
    remedy = f"; it has no column {missing[0]!r}" if missing else ": x[list(net.columns)]"
    return f"has {has}, expected {wants} as in fit{remedy}"


def named_columns(where: str, names: Any, width: int) -> Columns | None:
    """`names` as the names of `width` columns, or None."""
    if names is None:
        return None
    listed = tuple(names) if isinstance(names, Iterable) and not isinstance(names, str) else None
    if listed is None or len(listed) != width:
        shown = repr(names) if listed is None else counted(len(listed), "name")
        raise ValueError(
            f"{where} has {shown}, expected a name for each of {width} inputs, or None"
        )
    return listed
