"""ONNX: a network as a graph of operators, which other programs run.

Operator set 11 is the lowest in which Gemm does without C, for layers without biases,
and what is used of it means the same in all later ones. It is that of ONNX 1.6 (2019),
which onnxruntime reads since 1.0.
"""

from collections.abc import Callable
from importlib import import_module
from os import PathLike
from types import ModuleType
from typing import Any

import numpy as np

from refnet.activations import ACTIVATIONS, Activation
from refnet.checks import Array, instance
from refnet.layer import Dense
from refnet.network import Network

OPSET, IR_VERSION = 11, 6


def to_onnx(net: Network, path: str | PathLike[str] | None = None) -> Any:
    """The network as an onnx.ModelProto, in its own dtype; written to `path`, too,
    where one is given.

    The input is x, with any number n of rows. Layer 1 computes z1 and a1, and so on: a
    Gemm of W1, as it is, and b1, and the activation. The last a is the output; the
    others are in `graph.value_info`, and `graph.output.extend(graph.value_info)` makes
    outputs of them. Dropout is left out, as the graph predicts.

    The sigmoid is written as 1 / (1 + exp(-z)): the operator Sigmoid of onnxruntime
    loses digits where z < 0, and all of them below z = -18, in float64 below -37.
    LeakyReLU is PRelu, as the attribute of LeakyRelu would be a float32; in float64, in
    which onnxruntime has no PRelu, it is the comparison that this stands for.

    Shapes: x (n, fan_in) to (n, fan_out).
    Torch: torch.onnx.export(parity.twin(net), x).
    Errors: ModuleNotFoundError where onnx is not installed; TypeError if net is no
        Network or path no path, and for an activation of your own.
    Source: ONNX, Operator Schemas (operator set 11); ONNX IR specification.
    """
    layers = instance("to_onnx", "net", net, Network).layers
    for layer in layers:
        _check_known(layer.activation)
    if path is not None and not isinstance(path, str | PathLike):
        raise TypeError(f"to_onnx: path has type {type(path).__name__}, expected a path")
    onnx = _onnx()
    graph = _Graph(onnx, net.dtype)
    for l, layer in enumerate(layers, start=1):
        _add_layer(graph, l, layer)
    model = onnx.helper.make_model(
        graph.proto(net),
        producer_name="refnet",
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
    if path is not None:
        onnx.save_model(model, path)
    return model


class _Graph:
    """The nodes and the constants of a graph, as they are added to it."""

    def __init__(self, onnx: ModuleType, dtype: np.dtype[Any]) -> None:
        self._onnx, self.dtype = onnx, dtype
        self.element = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self._nodes: list[Any] = []
        self._constants: dict[str, Array] = {}

    def add(self, operator: str, inputs: str, output: str, **attributes: Any) -> None:
        """A node; the names of its inputs stand with spaces between them."""
        make_node = self._onnx.helper.make_node
        self._nodes.append(make_node(operator, inputs.split(), [output], output, **attributes))

    def constant(self, name: str, value: Any) -> str:
        """The name of a constant in the dtype of the graph."""
        self._constants[name] = np.asarray(value, self.dtype)
        return name

    def proto(self, net: Network) -> Any:
        """The GraphProto."""
        depth = len(net.layers)
        values = [f"{name}{l}" for l in range(1, depth + 1) for name in "za"]
        widths = [width for width in net.sizes[1:] for _ in "za"]
        x, *infos, output = map(self._info, ("x", *values), (net.sizes[0], *widths))
        from_array = self._onnx.numpy_helper.from_array
        constants = [from_array(array, name) for name, array in self._constants.items()]
        return self._onnx.helper.make_graph(
            self._nodes, "refnet", [x], [output], constants, repr(net), infos
        )

    def _info(self, name: str, width: int) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self.element, ["n", width])


def _add_layer(graph: _Graph, l: int, layer: Dense) -> None:
    """z = a_prev W^T + b and a = f(z)."""
    inputs = ["x" if l == 1 else f"a{l - 1}", graph.constant(f"W{l}", layer.W)]
    if layer.b is not None:
        inputs.append(graph.constant(f"b{l}", layer.b))
    graph.add("Gemm", " ".join(inputs), f"z{l}", transB=1)
    FORMS[layer.activation.name](graph, layer.activation, f"z{l}", f"a{l}")


def _operator(name: str, **attributes: Any) -> Callable[[_Graph, Activation, str, str], None]:
    """The form of an activation for which ONNX has an operator."""

    def add(graph: _Graph, f: Activation, z: str, a: str) -> None:
        graph.add(name, z, a, **attributes)

    return add


def _add_sigmoid(graph: _Graph, f: Activation, z: str, a: str) -> None:
    one = graph.constant("one", 1.0)
    graph.add("Neg", z, f"{a}_minus_z")
    graph.add("Exp", f"{a}_minus_z", f"{a}_exp")
    graph.add("Add", f"{one} {a}_exp", f"{a}_sum")
    graph.add("Div", f"{one} {a}_sum", a)


def _add_heaviside(graph: _Graph, f: Activation, z: str, a: str) -> None:
    graph.add("Greater", f"{z} {graph.constant('zero', 0.0)}", f"{a}_positive")
    graph.add("Cast", f"{a}_positive", a, to=graph.element)


def _add_leaky_relu(graph: _Graph, f: Activation, z: str, a: str) -> None:
    slope = graph.constant(f"{a}_slope", f.parameters["slope"])
    if graph.dtype == np.float32:
        graph.add("PRelu", f"{z} {slope}", a)
        return
    graph.add("Greater", f"{z} {graph.constant('zero', 0.0)}", f"{a}_positive")
    graph.add("Mul", f"{slope} {z}", f"{a}_leak")
    graph.add("Where", f"{a}_positive {z} {a}_leak", a)


# axis: operator set 13 and those before it mean the same by it where z has two axes
FORMS: dict[str, Callable[[_Graph, Activation, str, str], None]] = {
    "identity": _operator("Identity"),
    "heaviside": _add_heaviside,
    "sigmoid": _add_sigmoid,
    "tanh": _operator("Tanh"),
    "relu": _operator("Relu"),
    "leaky_relu": _add_leaky_relu,
    "softmax": _operator("Softmax", axis=-1),
}


def _check_known(activation: Activation) -> None:
    name = getattr(activation, "name", "")  # one of your own may have none
    if name not in FORMS or type(activation) is not ACTIVATIONS[name]:
        raise TypeError(
            f"to_onnx: activation has {activation!r}, expected one of {', '.join(FORMS)}"
        )


def _onnx() -> ModuleType:
    try:
        return import_module("onnx")
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        command = 'python -m pip install "refnet[onnx]"'
        raise ModuleNotFoundError(f"to_onnx needs onnx: {command}", name="onnx") from None
