"""PyTorch's state_dict: the same arrays, by names. It needs no PyTorch."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from refnet.activations import Activation
from refnet.building import activations_of
from refnet.checks import Array, instance
from refnet.layer import Dense, Kind
from refnet.network import Network

_KEY = re.compile(r"(?P<module>.+)\.(?P<array>weight|bias)")


def keys(kinds: Sequence[Kind]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The name and the shape of every W and b, in the order of the flat vector: those
    of an nn.Sequential, in which each layer is an nn.Linear and its activation, behind
    an nn.Dropout where it drops inputs.
    """
    place = 0
    for kind in kinds:
        linear = place + (kind.dropout > 0.0)
        yield f"{linear}.weight", kind.shape
        if kind.has_bias:
            yield f"{linear}.bias", kind.shape[:1]
        place = linear + 2


def to_state_dict(net: Network) -> dict[str, Array]:
    """Copies of every W and b under PyTorch's names: 0.weight, 0.bias, 2.weight, ...

    Shapes: weight is W (fan_out, fan_in), bias is b (fan_out,).
    Torch: parity.twin(net).state_dict(), as arrays; torch.from_numpy makes tensors of
        them.
    Errors: TypeError if net is no Network.
    Source: PyTorch 2.13, torch.nn.Module.state_dict.
    """
    layers = instance("to_state_dict", "net", net, Network).layers
    arrays = (array for layer in layers for array in (layer.W, layer.b) if array is not None)
    names = (name for name, _ in keys([layer.kind for layer in layers]))
    return {name: array.copy() for name, array in zip(names, arrays, strict=True)}


def from_state_dict(
    state: Mapping[str, Any],
    hidden: str | Activation | Sequence[str | Activation],
    output: str | Activation,
) -> Network:
    """A network of the arrays of a state_dict, whose layers stand in it from the first
    to the last. A state_dict has no activations: `hidden` and `output` give them, as
    they do to mlp.

    The names before .weight and .bias may be any, such as encoder.0 or fc1. Arrays may
    be NumPy's or tensors, on any device.

    Shapes: weight is W (fan_out, fan_in), bias is b (fan_out,).
    Torch: parity.network_of(model) reads the activations off a model, too.
    Errors: ValueError or TypeError where the state has another array than weights and
        biases of linear layers, or layers do not fit on one another.
    Source: PyTorch 2.13, torch.nn.Module.state_dict.
    """
    modules: dict[str, dict[str, Array]] = {}
    for key, value in instance("from_state_dict", "state", state, Mapping).items():
        name = _KEY.fullmatch(str(key))
        if name is None:
            raise ValueError(
                f"from_state_dict: state has {key!r}, expected the weight and the bias of linear "
                f"layers alone"
            )
        modules.setdefault(name["module"], {})[name["array"]] = _array(value)
    bare = [module for module, arrays in modules.items() if "weight" not in arrays]
    if bare:
        raise ValueError(f"from_state_dict: state has {bare[0]}.bias, expected {bare[0]}.weight")
    if not modules:
        raise ValueError("from_state_dict: state has 0 arrays, expected at least one weight")
    f = activations_of("from_state_dict", hidden, output, len(modules) - 1)
    pairs = zip(modules.values(), f, strict=True)
    return Network([Dense(arrays["weight"], arrays.get("bias"), each) for arrays, each in pairs])


def _array(value: Any) -> Any:
    """The array of a tensor, which need not be on the CPU; what is none, as it is."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        return np.asarray(value)
    return value
