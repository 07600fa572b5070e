"""Parts with the catalogue's mistakes: what a step of exchangeable equations makes of
the arrays that a part is given.
"""

import numpy as np

from parity.mistakes.mistake import exchanged
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Part
from parity.rounding.plain import Plain
from parity.steps.record import Spec

PLAIN_SGD = {
    "lr": 0.1,
    "momentum": 0.0,
    "dampening": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
}


def program(mistake, x, y, sizes, activations, loss, *, weights=None, known=None):
    """A step of a network with the mistake in all layers where it can stand, which
    passes x on by weights that are the identity.
    """
    spec = Spec(sizes, activations, loss, "sgd", PLAIN_SGD, 1, x.dtype.name)
    start = weights or {
        part: Plain(array)
        for l, out in enumerate(sizes[1:], start=1)
        for part, array in (
            (Part("W", l), np.eye(out, sizes[l - 1], dtype=x.dtype)),
            (Part("b", l), np.zeros(out, x.dtype)),
        )
    }
    slots = exchanged(spec, [(mistake, mistake.layers(spec))])
    arrays = known or {}
    return StepProgram(spec, Plain(x), y, start, {}, exchanged=slots, known=arrays.get)


class WrongActivation:
    """An activation with a mistake, in the form of a layer of its own."""

    def __init__(self, mistake, like, slope):
        self.mistake, self.f = mistake, (like, {"slope": slope} if like == "leaky_relu" else {})

    def forward(self, z):
        """a = f(z)."""
        k = z.shape[1]
        y = np.zeros((len(z), 2), z.dtype)
        identity = ("identity", {})
        self.s = program(self.mistake, z, y, (k, k, 2), (self.f, identity), "mse")
        return self.s.a(1).value

    def backward(self, g):
        """dC/dz."""
        return self.s.pullback(1, Plain(g)).value


class WrongLoss:
    """A loss with a mistake, behind an output that is its input."""

    def __init__(self, mistake, like):
        self.mistake, self.like = mistake, like

    def forward(self, a, y):
        """C."""
        k = a.shape[1]
        f = ("identity", {})
        self.s = program(self.mistake, a, y, (k, k), (f,), self.like)
        return self.s.cost().value

    def backward(self):
        """dC/da, which is delta behind the identity."""
        return self.s.delta(1).value


class WrongLinear:
    """A linear layer with a mistake, as two functions."""

    def __init__(self, mistake):
        self.mistake = mistake

    def layer(self, x, W, b, delta=None):
        """A step in which the layer is the second of two."""
        out, k = W.shape
        weights = {Part("W", 1): np.eye(k, dtype=x.dtype), Part("b", 1): np.zeros(k, x.dtype)}
        weights |= {Part("W", 2): W, Part("b", 2): b}
        known = {("a", 1): Plain(x)}
        known |= {} if delta is None else {("delta", 2): Plain(delta)}
        return program(
            self.mistake,
            x,
            np.zeros((len(x), out), x.dtype),
            (k, k, out),
            (("identity", {}),) * 2,
            "mse",
            weights={part: Plain(array) for part, array in weights.items()},
            known=known,
        )

    def forward(self, x, W, b):
        """z."""
        return self.layer(x, W, b).z(2).value

    def backward(self, x, W, delta):
        """dx, dW and db."""
        s = self.layer(x, W, np.zeros(len(W), x.dtype), delta)
        return s.cotangent(1).value, s.dW(2).value, s.db(2).value


class WrongRule:
    """An update rule with a mistake, which steps all arrays at once."""

    def __init__(self, mistake, like, settings):
        self.mistake, self.like, self.settings, self.previous = mistake, like, settings, None

    def step(self, thetas, gradients):
        """The arrays after the step."""
        sizes = (thetas[0].shape[1], *(len(theta) for theta in thetas[::2]))
        L = len(sizes) - 1
        t = 1 if self.previous is None else self.previous.t + 1
        dtype = thetas[0].dtype
        f = (("identity", {}),) * L
        spec = Spec(sizes, f, "mse", self.like, self.settings, t, dtype.name)
        parts = [Part(name, l) for l in range(1, L + 1) for name in ("W", "b")]
        known = {
            (f"d{part.name}", part.layer): Plain(g)
            for part, g in zip(parts, gradients, strict=True)
        }
        start = {part: Plain(theta) for part, theta in zip(parts, thetas, strict=True)}
        x = Plain(np.ones((5, sizes[0]), dtype))
        y = np.zeros((5, sizes[-1]), dtype)
        slots = exchanged(spec, [(self.mistake, self.mistake.layers(spec))])
        given = spec, x, y, start, {}, self.previous, slots
        self.previous = StepProgram(*given, known=known.get)
        return [self.previous.new(part).value for part in parts]
