"""PyTorch's state_dict: the same arrays, by names. It needs no PyTorch."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from refnet.activations import Activation
from refnet.building import activations_of
from refnet.checks import Array, float_dtype, instance
from refnet.layer import Dense, Kind
from refnet.network import Network

_KEY = re.compile(r"(?P<module>(?:.+\.)?)(?P<array>weight|bias)")
_DIGITS = re.compile(r"\d+")


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
    they do to mlp. It has no dropout, and neither has the network.

    The names before .weight and .bias may be any, such as encoder.0 or module.fc1.
    Those that differ in a number alone are taken in the order of these, also where they
    stand by the alphabet, 10 before 2, as in a safetensors file. Others, such as stem
    and head, are taken as they stand: out of such a file, put them in order before.
    Where more than one network stands in a state_dict, give the part of one: {key:
    state[key] for key in state if key.startswith("actor.")}. Arrays may be NumPy's or
    tensors, on any device.

    Shapes: weight is W (fan_out, fan_in), bias is b (fan_out,).
    Torch: parity.network_of(model) reads the activations off a model, too.
    Errors: ValueError or TypeError where the state has another array than weights and
        biases of linear layers in float32 or float64, or layers do not fit on one
        another.
    Source: PyTorch 2.13, torch.nn.Module.state_dict.
    """
    modules: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in instance("from_state_dict", "state", state, Mapping).items():
        name = _KEY.fullmatch(str(key))
        if name is None:
            # a checkpoint has the state_dict under a name, beside that of the optimizer
            remedy = f": state[{key!r}]" if isinstance(value, Mapping) else ""
            raise ValueError(
                f"from_state_dict: state has {key!r}, expected the weight and the bias of linear "
                f"layers alone{remedy}"
            )
        modules[name["module"]][name["array"]] = _array(key, value)
    if not modules:
        raise ValueError("from_state_dict: state has 0 arrays, expected at least one weight")
    f = activations_of("from_state_dict", hidden, output, len(modules) - 1)
    return Network(
        [_dense(name, modules[name], f) for name, f in zip(_by_number(modules), f, strict=True)]
    )


def _array(key: str, value: Any) -> Any:
    """The array of a tensor, which need not be on the CPU; a list as it is."""
    if hasattr(value, "detach"):
        try:
            value = np.asarray(value.detach().cpu())
        except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
            # bfloat16, the device meta, a sparse layout, a lazy layer without numbers
            kind = f"{value.dtype} on {value.device}"
            raise TypeError(
                f"from_state_dict: {key} has {kind}, expected a tensor that NumPy can hold, such "
                f"as those of model.float().cpu(): {error}"
            ) from None
    if hasattr(value, "dtype"):  # integers are those of a quantized layer, without its scale
        float_dtype(f"from_state_dict: dtype of {key}", value.dtype)
    return value


def _by_number(modules: Iterable[str]) -> Iterator[str]:
    """The names in their order, and those that differ in numbers alone by these."""
    ordered = sorted(modules, key=lambda name: [int(digits) for digits in _DIGITS.findall(name)])
    alike: dict[str, list[str]] = defaultdict(list)
    for name in reversed(ordered):
        alike[_DIGITS.sub("0", name)].append(name)
    return (alike[_DIGITS.sub("0", name)].pop() for name in modules)


def _dense(module: str, arrays: Mapping[str, Any], f: Activation) -> Dense:
    """The layer of a weight and a bias, if there is one; `module` is the name before
    them, with its dot.
    """
    if "weight" not in arrays:
        raise ValueError(
            f"from_state_dict: state has {module}bias, expected {module}weight beside it"
        )
    shape = np.shape(arrays["weight"])
    if len(shape) != 2:
        raise ValueError(
            f"from_state_dict: {module}weight has shape {shape}, expected (fan_out, fan_in): a "
            f"normalization or a convolution is no linear layer"
        )
    return Dense(arrays["weight"], arrays.get("bias"), f)
