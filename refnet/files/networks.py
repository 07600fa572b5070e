"""What a file says of a network: all but the numbers of its arrays."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from refnet.activations import ACTIVATIONS, Activation
from refnet.building import network_over
from refnet.checks import Array, instance
from refnet.files.fields import listed, real, record, refuse, text, truth, whole
from refnet.files.layout import DTYPES, Tensor
from refnet.formats.pytorch import keys
from refnet.frames import Columns
from refnet.layer import Kind
from refnet.network import Network

NAMES = ("dtype", "sizes", "layers", "columns")


class Architecture(NamedTuple):
    """A network without its numbers."""

    dtype: np.dtype[Any]
    kinds: Sequence[Kind]
    columns: Columns | None

    def tensors(self) -> Iterator[Tensor]:
        """Every W and b, in the order of the flat vector."""
        return (Tensor(name, self.dtype, shape) for name, shape in keys(self.kinds))

    @property
    def size(self) -> int:
        """The number of parameters; of any size, as Python counts."""
        return sum(prod(tensor.shape) for tensor in self.tensors())

    def network(self, parameters: Array) -> Network:
        """The network over this very vector, finite or not."""
        return network_over(parameters, self.kinds, self.columns)


def architecture_of(net: Network) -> Architecture:
    """The architecture of a network, refused where it is of a class of one's own."""
    if type(instance("save", "net", net, Network)) is not Network:
        raise ValueError(
            f"save: net has class {type(net).__name__}, expected Network itself, as a file keeps "
            f"no class of one's own: save Network(net.layers)"
        )
    return Architecture(net.dtype, [layer.kind for layer in net.layers], net.columns)


def written_network(architecture: Architecture) -> dict[str, Any]:
    """An architecture as plain data."""
    dtype, kinds, columns = architecture
    return {
        "dtype": dtype.name,
        "sizes": [kinds[0].shape[1], *(kind.shape[0] for kind in kinds)],
        "layers": [_written_layer(number, kind) for number, kind in enumerate(kinds, start=1)],
        "columns": None if columns is None else [_written_column(name) for name in columns],
    }


def _written_layer(number: int, kind: Kind) -> dict[str, Any]:
    f = kind.activation
    if type(f) is not ACTIVATIONS.get(getattr(f, "name", "")):
        raise ValueError(
            f"save: layer {number} has activation {type(f).__name__}, expected one of refnet's "
            f"own, as a file keeps no class of one's own: {', '.join(ACTIVATIONS)}"
        )
    return {
        "activation": f.name,
        "parameters": f.parameters,
        "bias": kind.has_bias,
        "dropout": kind.dropout,
    }


def _written_column(name: Any) -> Any:
    """The name of a column as JSON has it, where a tuple is a list."""
    return [_plain(part) for part in name] if type(name) is tuple else _plain(name)


def _plain(name: Any) -> Any:
    name = name.item() if isinstance(name, np.generic) else name
    is_plain = name is None or type(name) in (str, int, bool)
    if not is_plain and not (type(name) is float and isfinite(name)):
        raise ValueError(
            f"save: net.columns has the name {name!r}, expected text, finite numbers, None, or "
            f"tuples of them: give the columns other names, or set net.columns to None"
        )
    return name


def read_network(given: dict[str, Any]) -> Architecture:
    """The architecture that a file has, from what stands under NAMES."""
    dtype = text("dtype", given["dtype"])
    if dtype not in DTYPES:
        refuse("dtype", dtype, " or ".join(DTYPES))
    sizes = [whole("sizes", size, low=1) for size in listed("sizes", given["sizes"])]
    if len(sizes) < 2:
        refuse("sizes", sizes, "at least 2 (inputs and outputs)")
    layers = listed("layers", given["layers"], len(sizes) - 1)
    kinds = [
        _read_layer(f"layer {number}", (fan_out, fan_in), layer)
        for number, (layer, (fan_in, fan_out)) in enumerate(
            zip(layers, pairwise(sizes), strict=True), start=1
        )
    ]
    return Architecture(np.dtype(dtype), kinds, _read_columns(given["columns"], sizes[0]))


def _read_layer(what: str, shape: tuple[int, int], given: object) -> Kind:
    layer = record(what, given, ("activation", "parameters", "bias", "dropout"))
    dropout = real(f"{what}: dropout", layer["dropout"])
    if not 0.0 <= dropout < 1.0:
        refuse(f"{what}: dropout", dropout, "a probability >= 0 and < 1")
    activation = _read_activation(what, layer["activation"], layer["parameters"])
    return Kind(shape, truth(f"{what}: bias", layer["bias"]), activation, dropout)


def _read_activation(what: str, name: object, given: object) -> Activation:
    """By its name in refnet's own table."""
    kind = ACTIVATIONS.get(text(f"{what}: activation", name))
    if kind is None:
        refuse(f"{what}: activation", name, f"one of {', '.join(ACTIVATIONS)}")
    names = [*kind().parameters]
    parameters = record(f"{what}: parameters", given, names)
    return kind(**{name: real(f"{what}: {name}", parameters[name]) for name in names})


def _read_columns(given: object, width: int) -> Columns | None:
    if given is None:
        return None
    return tuple(_read_column(name) for name in listed("columns", given, width))


def _read_column(given: object) -> Any:
    if isinstance(given, list):
        return tuple(_read_plain(part) for part in given)
    return _read_plain(given)


def _read_plain(given: object) -> Any:
    if isinstance(given, list | dict):
        refuse("columns", given, "text, numbers, null, or lists of them")
    return given
