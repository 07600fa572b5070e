"""A computational graph: each gate receives its upstream gradient U, multiplies its
local one, and passes the product downstream.

    gate        forward                     backward: U times local
    Linear      Z = W X + b                 dX = W^T U, and for itself dW = U X^T and
                                            db = sum of U over columns
    Activate    A = f(Z)                    dZ = U * f'(Z)
    Cost        1/m sum of c/2 (Y - A)^2    dA = U (-c (Y - A) / m), U = 1 at the end

Columns are examples: X is (features, m). Any chain of gates that ends in a Cost can be
built; a gate of your own is a subclass of Gate.

>>> from refnet.forms import graph
>>> linear = graph.Linear([[0.1, 0.6]], [0.0])
>>> cost_gate = graph.Cost("half_squared_error", [[0, 1, 1, 1]])
>>> chain = graph.Chain([linear, graph.Activate("sigmoid"), cost_gate])
>>> for _ in range(2):  # a row of the OR gate's table is a column of X
...     cost, dX = chain.forward([[0, 0, 1, 1], [0, 1, 0, 1]]), chain.backward()
...     print(f"{cost:.3f}", linear.dW.round(3), linear.db.round(3))
...     linear.W -= 1.0 * linear.dW
...     linear.b -= 1.0 * linear.db
0.089 [[-0.048 -0.039]] [-0.037]
0.084 [[-0.044 -0.035]] [-0.031]

Source: Khan, Nothing but NumPy: Understanding & Creating Neural Networks with
    Computational Graphs from Scratch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from refnet.activations import ACTIVATIONS, Activation
from refnet.checks import Array, as_dtype, finite, instance, named, real_array
from refnet.flags import quiet_where_finite
from refnet.forms.contract import Worked, curvature, elementwise, examples
from refnet.layer import Dense
from refnet.losses import Loss
from refnet.network import Network


class Gate(ABC):
    """downstream gradient = upstream gradient times local gradient.

    A gate of your own defines `output` and `downstream`. Copies of what forward got and
    gave are kept for backward.

    Shapes: columns are examples; an upstream gradient has the shape of what forward
        gave, a downstream one that of what it got.
    Torch: torch.autograd.Function.
    Errors: ValueError or TypeError where a value does not fit, or backward comes before
        forward.
    Source: Khan, Nothing but NumPy, loss function, on backpropagation.
    """

    kept: tuple[Array, Any] | None = None

    @quiet_where_finite
    def forward(self, value: ArrayLike) -> Any:
        """The output of the gate."""
        self.kept = None  # if this raises, backward must not use an older value
        got = np.array(self.admit(value))
        self.kept = got, self.output(got)
        return np.array(self.kept[1])[()]  # copies in and out, so nobody changes what is kept

    @quiet_where_finite
    def backward(self, upstream: ArrayLike) -> Array:
        """dCost/dvalue, of dCost/doutput."""
        if self.kept is None:
            raise ValueError(f"{self}: backward has no forward before it, expected forward first")
        value, output = self.kept
        where = f"{self}: upstream gradient"
        U = as_dtype(where, real_array(where, upstream), output.dtype)
        if U.shape != output.shape:
            raise ValueError(f"{where} has shape {U.shape}, expected {output.shape}")
        finite(where, np.atleast_1d(U))
        return self.downstream(U, value, output)

    def admit(self, value: ArrayLike) -> Array:
        """The value as this gate reads it; ValueError or TypeError where it does not
        fit.
        """
        return _columns(f"{self}: value", value)

    @abstractmethod
    def output(self, value: Array) -> Any:
        """What forward gives."""

    @abstractmethod
    def downstream(self, upstream: Array, value: Array, output: Array) -> Array:
        """What backward gives."""

    def __repr__(self) -> str:
        return type(self).__name__


class Linear(Gate):
    """Z = W X + b; dX = W^T U, dW = U X^T, db = sum of U over columns.

    W and b are kept, not copied, where they are arrays of floats. `dW` and `db` are
    there after backward. Where b is None, Z = W X, and db is None.

    Shapes: W and dW (fan_out, fan_in), b and db (fan_out,), X (fan_in, m), Z and U
        (fan_out, m).
    Torch: torch.nn.Linear, to which rows are examples.
    Errors: as Dense for W and b; ValueError or TypeError where X or U does not fit.
    Source: Khan, Nothing but NumPy, cost function, on vectorized computations.
    """

    dW: Array
    db: Array | None

    def __init__(self, W: Any, b: Any) -> None:
        dense = Dense(W, b)
        self.W, self.b = dense.W, dense.b

    def output(self, value: Array) -> Array:
        """Z = W X + b."""
        Z = np.dot(self.W, value)
        return Z if self.b is None else Z + self.b[:, np.newaxis]  # z

    def downstream(self, upstream: Array, value: Array, output: Array) -> Array:
        """dX = W^T U; dW and db beside it."""
        self.dW = np.dot(upstream, value.T)  # BP4
        self.db = None if self.b is None else upstream.sum(axis=1)  # BP3
        return np.dot(self.W.T, upstream)  # BP2, its sum

    def admit(self, value: ArrayLike) -> Array:
        """X, in the dtype of W."""
        X = as_dtype(f"{self}: value", super().admit(value), self.W.dtype)
        if len(X) != self.W.shape[1]:
            raise ValueError(f"{self}: value has shape {X.shape}, expected ({self.W.shape[1]}, m)")
        return X

    def __repr__(self) -> str:
        return f"Linear (W {self.W.shape[0]}x{self.W.shape[1]})"


class Activate(Gate):
    """A = f(Z); dZ = U * f'(Z).

    Shapes: Z, A and U (features, m).
    Torch: the elementwise activation modules of torch.nn.
    Errors: ValueError for an activation that is unknown, not elementwise or not
        trainable.
    Source: Khan, Nothing but NumPy, loss function, on the derivative of the sigmoid.
    """

    def __init__(self, activation: str | Activation) -> None:
        f = named("activation", Activation, ACTIVATIONS, activation)
        if not f.trainable:
            raise ValueError(
                f"Activate: activation has {type(f).__name__}, expected a trainable one: its "
                f"derivative is zero everywhere"
            )
        self.activation = elementwise("Activate", f)

    def output(self, value: Array) -> Array:
        """A = f(Z)."""
        return self.activation.value(value)  # a

    def downstream(self, upstream: Array, value: Array, output: Array) -> Array:
        """dZ = U * f'(Z)."""
        # BP1 and BP2, their product with f'
        return upstream * self.activation.derivative(value, output)

    def __repr__(self) -> str:
        return f"Activate ({type(self.activation).__name__})"


class Cost(Gate):
    """Cost = 1/m sum over examples of c/2 ||y - a||^2; dA = U (-c (Y - A) / m).

    Shapes: A and Y (k, m) to a scalar; so U is one.
    Torch: torch.nn.MSELoss, where the loss is MSE.
    Errors: ValueError for another loss than HalfSquaredError and MSE, or where A has
        another shape than Y.
    Source: Khan, Nothing but NumPy, cost function, where c is 1.
    """

    def __init__(self, loss: str | Loss, y: ArrayLike) -> None:
        self.Y = _columns("Cost: y", y).copy()
        self.c = curvature(loss, len(self.Y))

    def output(self, value: Array) -> Any:
        """1/m sum of c/2 (Y - A)^2."""
        return (self.c / 2 * (self.Y.astype(value.dtype) - value) ** 2).sum() / value.shape[1]  # C

    def downstream(self, upstream: Array, value: Array, output: Array) -> Array:
        """dA = U (-c (Y - A) / m)."""
        # BP1, dC/da
        return upstream * (-self.c * (self.Y.astype(value.dtype) - value) / value.shape[1])

    def admit(self, value: ArrayLike) -> Array:
        """A, in the shape of Y."""
        A = super().admit(value)
        if A.shape != self.Y.shape:
            raise ValueError(f"Cost: value has shape {A.shape}, expected {self.Y.shape} as y")
        return A


class Chain:
    """Cost = the last gate of ... of the first gate of X; dCost/dX = upstream times
    local, from the last gate to the first.

    Shapes: X (features, m) to a float; dCost/dX as X.
    Torch: torch.nn.Sequential and a loss, then backward().
    Errors: ValueError or TypeError where the gates do not end in their one Cost, one of
        them comes twice, or dtypes differ.
    Source: Khan, Nothing but NumPy, cost function.
    """

    def __init__(self, gates: Iterable[Gate]) -> None:
        self.gates = tuple(gates)
        for i, gate in enumerate(self.gates, start=1):
            if not isinstance(gate, Gate):
                raise TypeError(f"Chain: gate {i} has type {type(gate).__name__}, expected a Gate")
            if isinstance(gate, Cost) != (i == len(self.gates)):
                raise ValueError(
                    f"Chain: gate {i} of {len(self.gates)} has {gate}, expected a Cost as the "
                    f"last gate and nowhere else"
                )
            if any(gate is other for other in self.gates[: i - 1]):
                raise ValueError(
                    f"Chain: gate {i} has {gate} for a second time, expected a new gate: each "
                    f"keeps what its forward got"
                )
        if not self.gates:
            raise ValueError("Chain: has 0 gates, expected at least a Cost")
        dtypes = sorted({str(gate.W.dtype) for gate in self.gates if isinstance(gate, Linear)})
        if len(dtypes) > 1:
            raise TypeError(
                f"Chain: W has dtypes {' and '.join(dtypes)}, expected one for all gates"
            )
        self.values: tuple[Any, ...] = ()
        self.upstream: tuple[Any, ...] = ()

    @quiet_where_finite
    def forward(self, X: ArrayLike) -> float:
        """The cost. `values` is what each gate gave."""
        self.values = self.upstream = ()
        for gate in self.gates:
            gate.kept = None  # so that no gate is left with another X than those before it
        values: list[Any] = [X]
        for gate in self.gates:
            values.append(gate.forward(values[-1]))
        self.values = tuple(values[1:])
        return float(values[-1])

    def backward(self) -> Array:
        """dCost/dX of the last forward. `upstream` is what each gate received."""
        received: list[Any] = [np.ones_like(self.values[-1]) if self.values else 1.0]
        for gate in reversed(self.gates):
            received.append(gate.backward(received[-1]))
        self.upstream = tuple(received[-2::-1])
        return received[-1]


def chain(net: Network, y: ArrayLike, loss: str | Loss) -> Chain:
    """Linear, Activate, ..., Linear, Activate, Cost: the gates of a network, over its
    own W and b.

    Shapes: y (k, m): columns are examples, as in Chain.forward.
    Torch: torch.nn.Sequential and a loss.
    Errors: ValueError or TypeError where an argument or an activation does not fit.
    Source: Khan, Nothing but NumPy, cost function.
    """
    instance("graph.chain", "net", net, Network)
    cost = Cost(loss, y)
    if len(cost.Y) != net.sizes[-1]:
        raise ValueError(f"graph.chain: y has shape {cost.Y.shape}, expected ({net.sizes[-1]}, m)")
    return Chain(
        [
            *(
                gate
                for layer in net.layers
                for gate in (Linear(layer.W, layer.b), Activate(layer.activation))
            ),
            cost,
        ]
    )


@quiet_where_finite
def gradient(net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss) -> Worked:
    """C, z, a, dC/dz, dC/dW and dC/db, as the gates of the network compute them.

    Shapes: x (m, fan_in of the first layer), y (m, fan_out of the last): rows are
        examples here, as in the other forms.
    Torch: loss(model(x), y).backward(), then the .grad of every parameter.
    Errors: ValueError or TypeError where x, y, the loss or an activation does not fit;
        ValueError from the gate that receives an overflowed value, which the other
        forms pass on as inf or NaN.
    Source: Khan, Nothing but NumPy, cost function.
    """
    x, y, _ = examples(net, x, y, loss)
    gates = chain(net, y.T, loss)
    C = gates.forward(x.T)
    gates.backward()
    z, a, delta = (_rows(each[:-1:2]) for each in (gates.values, gates.values[1:], gates.upstream))
    linear = [gate for gate in gates.gates if isinstance(gate, Linear)]
    return Worked(
        C, z, a, delta, tuple(gate.dW for gate in linear), tuple(gate.db for gate in linear)
    )


def _columns(where: str, values: ArrayLike) -> Array:
    """`values` as a finite matrix of floats with a column for each example; ValueError
    or TypeError where that is impossible.
    """
    array = real_array(where, values)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{where} has shape {array.shape}, expected (features, m) with both at least 1"
        )
    dtype = array.dtype.newbyteorder("=")
    if dtype not in (np.float32, np.float64):
        dtype = np.dtype(np.float64)
    return finite(where, as_dtype(where, array, dtype))


def _rows(values: Iterable[Array]) -> tuple[Array, ...]:
    """Each matrix with a row for each example."""
    return tuple(np.ascontiguousarray(value.T) for value in values)
