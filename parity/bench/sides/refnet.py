"""The sides that are NumPy: refnet's step, `fit`, and the products that no way to write
the step can do without, as refnet asks for them and in the fastest form.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from parity.bench.sides.setting import Setting, Side
from parity.bench.timing import fastest
from parity.steps.record import copied_biases
from refnet.checks import Array
from refnet.fast.workspace import Workspace
from refnet.network import Network
from refnet.training import fit


class Product(NamedTuple):
    """out := a b, and how it is asked for."""

    a: Array
    b: Array
    out: Array
    form: str = "as asked"

    @property
    def kind(self) -> tuple[tuple[int, ...], ...]:
        """What its time depends on: the shapes, and how the factors lie in memory."""
        return self.a.shape, self.b.shape, self.a.strides, self.b.strides

    def forms(self) -> Iterator["Product"]:
        """The ways to ask for it: as it is, or transposed, out^T := b^T a^T, into the
        same memory; the factors as they are, or copied so that both lie row by row.
        """
        turned = Product(self.b.T, self.a.T, self.out.reshape(self.out.shape[::-1]), "transposed")
        for each in (self, turned):
            yield each
            yield each._replace(
                a=np.ascontiguousarray(each.a),
                b=np.ascontiguousarray(each.b),
                form=f"{each.form}, row by row",
            )


def refnet_step(setting: Setting) -> Side:
    """The step that `fit` takes: the batch is ready, the update is checked to be
    finite.
    """
    net, loss, optimizer = setting.network(), setting.loss(), setting.optimizer()
    x, labels = setting.data()
    y = net.check_targets(loss, labels, len(x))
    workspace = Workspace(net, loss, len(x))
    optimizer.bind(net)

    def step() -> float:
        value, gradients = workspace.loss_and_gradients(x, y)
        optimizer.step_into(net, gradients.vector)
        return value

    return Side(step, lambda: layers_of(net))


def refnet_fit(setting: Setting, batches: int, epochs: int) -> Side:
    """`fit` on that many batches: checks of x and y, shuffling, gathering, history.

    The value is the last epoch's loss.
    """
    net, loss, optimizer = setting.network(), setting.loss(), setting.optimizer()
    x, y = setting.data(batches)

    def step() -> float:
        history = fit(
            net,
            x,
            y,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=setting.rows,
            seed=setting.seed,
        )
        return history.loss[-1]

    return Side(step, lambda: layers_of(net))


def products(setting: Setting) -> list[Product]:
    """Every matrix product of the step, in order: z without b, delta without f', dW; of
    the layer below x there is no delta.

    The factors are those of a real step, so that no product is spared by zeros that
    would not be there.
    """
    net, loss = setting.network(), setting.loss()
    x, y = setting.data()
    trace = net.forward(x)
    gradients = net.backward(trace, loss, y)
    needed = [
        Product(t.a_prev, layer.W.T, np.empty_like(t.z))
        for t, layer in zip(trace, net.layers, strict=True)
    ]
    outs = [product.out for product in needed]
    for i in reversed(range(len(net.layers))):
        # z is done with: its array takes delta, and no more memory is touched than a
        # step touches
        if i < len(net.layers) - 1:
            needed.append(Product(gradients[i + 1].delta, net.layers[i + 1].W, outs[i]))
        needed.append(
            Product(gradients[i].delta.T, trace[i].a_prev, np.empty_like(net.layers[i].W))
        )
    return needed


def floor(given: Sequence[Product], seconds: float) -> list[Product]:
    """The same products in the forms that take the least time here: each in the one
    that is fastest alone, or all in one, if that is faster in a row.

    All of them share the seconds in which each chooses.
    """
    forms = [list(each.forms()) for each in given]
    rows = [list(same) for same in zip(*forms, strict=True)]
    rows.append(_each_fastest(given, forms, seconds / len(given)))
    return rows[int(fastest(_calls(rows), seconds))]


def _each_fastest(
    given: Sequence[Product], forms: Sequence[Sequence[Product]], seconds: float
) -> list[Product]:
    """Of each product the form that is fastest alone; those of one kind have one."""
    chosen: dict[tuple[tuple[int, ...], ...], int] = {}
    for product, ways in zip(given, forms, strict=True):
        if product.kind not in chosen:
            chosen[product.kind] = int(fastest(_calls([[way] for way in ways]), seconds))
    return [ways[chosen[product.kind]] for product, ways in zip(given, forms, strict=True)]


def _calls(rows: Sequence[Sequence[Product]]) -> dict[str, Callable[[], None]]:
    return {str(i): partial(multiply, row) for i, row in enumerate(rows)}


def multiply(given: Sequence[Product]) -> None:
    """All of them."""
    for a, b, out, _ in given:
        a.dot(b, out=out)


def layers_of(net: Network) -> list[tuple[Array, Array]]:
    """Copies of W and b."""
    return [(layer.W.copy(), copied_biases(layer)) for layer in net.layers]
