"""The layout of safetensors: 8 bytes with the length of the header, the header in JSON,
padded with spaces to a multiple of 8 bytes, and the numbers in little-endian order.

The header maps each name to a dtype, a shape, and where its numbers start and end
behind the header; __metadata__ maps names to text. In a file of refnet that starts with
"sha256", always at the same place: the sum of all bytes of the file but those 64
characters. "refnet" is what the names and numbers of the arrays do not say, in JSON:

    version       1; a reader refuses a later one
    dtype         float32 or float64, of all arrays
    sizes         units per layer, the input first
    layers        of each: activation, parameters, bias, dropout
    columns       the names of the inputs, or null
    optimizer     null, or name, hyperparameters, decay_biases, steps, state (names)
    history       null, or epochs (a list for each field), stopped, and reached: null,
                  or seed, shuffle, generator, steps

Source: Hugging Face, safetensors, README.md, Format.
"""

import json
from collections.abc import Iterable
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

VERSION = 1
LIMIT = 100_000_000  # bytes of a header; other readers of safetensors refuse more
CHUNK = 2**20  # bytes read, written and summed at a time
START = b'{"__metadata__":{"sha256":"'
SUM = 64  # characters
SUM_AT = 8 + len(START)
DTYPES = {"float32": "F32", "float64": "F64"}


class Tensor(NamedTuple):
    """What the header says of an array, but for its place."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """The bytes of its numbers; of any size, as Python counts."""
        return prod(self.shape) * self.dtype.itemsize


def entries(tensors: Iterable[Tensor]) -> dict[str, dict[str, Any]]:
    """The header's entry of each array, one behind the other."""
    table, start = dict[str, dict[str, Any]](), 0
    for tensor in tensors:
        end = start + tensor.nbytes
        dtype, shape = DTYPES[tensor.dtype.name], [*tensor.shape]
        table[tensor.name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
        start = end
    return table


def head(description: dict[str, Any], tensors: Iterable[Tensor]) -> bytes:
    """All that stands before the numbers, with zeros for the sum."""
    metadata = {"sha256": "0" * SUM, "refnet": _json(description)}
    header = _json({"__metadata__": metadata, **entries(tensors)}).encode("ascii")
    header += b" " * (-len(header) % 8)
    if len(header) > LIMIT:
        raise ValueError(
            f"save: header has {len(header)} bytes, expected at most {LIMIT}: a history of so "
            f"many epochs does not fit"
        )
    return len(header).to_bytes(8, "little") + header


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def parsed(what: str, text: str) -> Any:
    """What stands in a text of JSON, refused where a name stands twice or a number is
    not finite: readers differ there.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError:
        raise ValueError(f"{what} is nested deeply, expected a few levels") from None
    except ValueError as error:
        raise ValueError(f"{what} is no JSON: {error}, expected that of refnet.save") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text[:20])
