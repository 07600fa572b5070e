"""Checking gradients by differences of the cost: how exact the differences are, and
which mistakes a rule of thumb misses.

    python examples/check_gradients.py [SECTION ...] [--plot DIR]

A difference quotient has two errors: truncation, which grows with the step h, and
rounding, which grows with 1/h. refnet.gradient_check estimates both, and judges each
entry of the gradient by them. The rule of thumb compares |g - n| / (|g| + |n|) with
1e-7, whatever the network. Source: Squire and Trapp, Using complex variables to
estimate derivatives of real functions (1998), for the complex step.
"""

from functools import cache, partial
from types import SimpleNamespace

import numpy as np

import refnet
from lesson import Claim, Expected, run
from refnet.backprop import forward

TITLE = "Checking gradients by differences of the cost: how exact are the differences?"
SIZES, ROWS, THUMB = (4, 5, 3), 20, 1e-7
STEPS = 10.0 ** np.arange(-15, 0.25, 0.25)
METHODS = ("forward", "central", "complex")


class TanhWithoutSquare(refnet.Tanh):
    """A mistake: f' = 1 - a instead of 1 - a^2."""

    def derivative(self, z, a):
        """Far off."""
        return 1.0 - a


class ForgotHalf(refnet.HalfSquaredError):
    """A mistake: the value is half the squared error, the gradient is that of all of
    it.
    """

    def gradient(self, a, y):
        """Twice as large as it should be."""
        return 2.0 * super().gradient(a, y)


class WithEpsilon(refnet.HalfSquaredError):
    """A small mistake: 1e-6 is added to n, as if n could be 0."""

    def gradient(self, a, y):
        """Too small by about 1e-6 / n of itself."""
        return (a - y) / (len(a) + 1e-6)


@cache
def data():
    """Random x (20, 4), and random targets (20, 3) in [0, 1)."""
    # random targets cannot be learned exactly, so the trained network has a cost left
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, SIZES[0])), rng.uniform(size=(ROWS, SIZES[2]))


def network(hidden="tanh"):
    """4-5-3 before training."""
    return refnet.mlp(SIZES, hidden=hidden, output="sigmoid", seed=0)


@cache
def trained():
    """The same network after 2,000 epochs with a falling learning rate. Its gradient is
    small.
    """
    net, schedule = network(), refnet.CosineLR(2000)
    refnet.fit(
        net,
        *data(),
        loss="half_squared_error",
        optimizer=refnet.Adam(lr=0.05),
        epochs=2000,
        schedule=schedule,
    )
    return net


@cache
def subjects():
    """What is checked: name, expected verdict, network, loss."""
    loss = refnet.HalfSquaredError()
    return (
        ("a right network", "passed", network(), loss),
        ("a right network, trained", "passed", trained(), loss),
        ("tanh: f' = 1 - a", "failed", network(TanhWithoutSquare()), loss),
        ("loss: (a - y) / n twice", "failed", network(), ForgotHalf()),
        ("loss: (a - y) / (n + 1e-6)", "failed", network(), WithEpsilon()),
    )


def cost(net, loss, theta):
    """C as a function of the flat parameters, which may be complex."""
    # refnet.Dense takes no complex arrays; forward needs only these three attributes
    x, y = data()
    layers, at = [], 0
    for layer in net.layers:
        W = theta[at : at + layer.W.size].reshape(layer.W.shape)
        at += layer.W.size + layer.b.size
        layers.append(
            SimpleNamespace(W=W, b=theta[at - layer.b.size : at], activation=layer.activation)
        )
    return loss.value(forward(layers, x)[-1].a, y)


def quotients(net, loss, h, method):
    """dC/dtheta by difference quotients: forward, central, or Im C(theta + ih) / h."""
    theta, of = net.parameters, partial(cost, net, loss)
    steps = h * np.eye(theta.size)
    if method == "complex":
        return np.array([np.imag(of(theta + 1j * step)) for step in steps]) / h
    if method == "forward":
        home = of(theta)
        return np.array([of(theta + step) - home for step in steps]) / h
    return np.array([of(theta + step) - of(theta - step) for step in steps]) / (2 * h)


def measure(net, loss, h=1e-7):
    """The rule of thumb's |g - n| / (|g| + |n|), by central differences."""
    _, gradients = net.loss_and_gradients(*data(), loss)
    g, n = gradients.vector, quotients(net, loss, h, "central")
    return np.linalg.norm(g - n) / (np.linalg.norm(g) + np.linalg.norm(n))


@cache
def errors():
    """|n - g| / |g| of each method at each step h."""
    net, loss = network(), refnet.HalfSquaredError()
    _, gradients = net.loss_and_gradients(*data(), loss)
    g = gradients.vector
    off = {
        method: [np.linalg.norm(quotients(net, loss, h, method) - g) for h in STEPS]
        for method in METHODS
    }
    return {method: np.array(norms) / np.linalg.norm(g) for method, norms in off.items()}


def order(method):
    """The power of h with which the error grows, for h from .001 to .1."""
    # bounds between the steps, so that rounding of 10.0**k excludes none
    inside = (STEPS > 0.9e-3) & (STEPS < 0.11)
    return np.polyfit(np.log(STEPS[inside]), np.log(errors()[method][inside]), 1)[0]


@cache
def checks():
    """refnet.gradient_check of each subject, central and complex."""
    return [
        [refnet.gradient_check(net, *data(), loss, method) for method in METHODS[1:]]
        for *_, net, loss in subjects()
    ]


def one_check():
    """A right network, checked by central differences, and the worst entry of each
    array.
    """
    yield "A 4-5-3 network before training. The worst entry of each array:"
    yield f"  {'array':<8}{'entry':<8}{'analytic':>15}{'numeric':>15}{'error':>10}{'judged':>9}"
    check = checks()[0][0]
    for array in check.arrays:
        numbers = f"{array.analytic:>15.8f}{array.numeric:>15.8f}{array.error:>10.1e}"
        judged = f"{array.judged}/{array.entries}"
        yield f"  {array.name:<8}{list(array.index)!s:<8}{numbers}{judged:>9}"
    yield Expected("entries judged, 4*5 + 5 + 5*3 + 3", "43", check.judged)


def verdicts():
    """What the rule of thumb says of each subject, and what gradient_check says."""
    yield (
        "The largest difference of an entry, divided by the estimated error of that difference: "
        "by central differences, and by the complex step. A right gradient has at most 1."
    )
    for (name, right, *_), pair in zip(subjects(), checks(), strict=True):
        shares = [max(array.share for array in check.arrays) for check in pair]
        yield Claim(
            f"{name}: {right}",
            " and ".join(f"{share:.1e}" for share in shares),
            all(check.passed is (right == "passed") for check in pair),
        )
    yield "The rule of thumb takes h = 1e-7, and passes what is below 1e-7:"
    thumb = {name: measure(net, loss) for name, _, net, loss in subjects()}
    for name, value in thumb.items():
        yield f"  {name:<30}{value:>10.1e}"
    yield Claim(
        "it refuses a right network, after training",
        f"{thumb['a right network, trained']:.1e}",
        thumb["a right network, trained"] > THUMB,
    )
    yield Claim(
        "it passes a wrong gradient",
        f"{thumb['loss: (a - y) / (n + 1e-6)']:.1e}",
        thumb["loss: (a - y) / (n + 1e-6)"] < THUMB,
    )
    _, gradients = trained().loss_and_gradients(*data(), "half_squared_error")
    norm = np.linalg.norm(gradients.vector)
    yield (
        f"The rule of thumb ignores rounding. The gradient of the trained network is small, |g| = "
        f"{norm:.0e}; the rounding error of C, divided by 2 h, is not small beside it. The rule "
        f"also ignores how exact a difference can be: it passes mistakes smaller than 1e-7."
    )


def steps():
    """The error of each method as a function of its step."""
    yield "The error |n - g| / |g| depends on the step h:"
    yield f"  {'method':<10}{'smallest':>10}{'at h':>9}{'error at h = 1e-15':>22}"
    for method in METHODS:
        error, best = errors()[method], errors()[method].argmin()
        yield f"  {method:<10}{error[best]:>10.0e}{STEPS[best]:>9.0e}{error[0]:>22.0e}"
    yield "Where h is large, truncation counts alone. It grows with a power of h, by theory:"
    for method, power in zip(METHODS, ("1", "2", "2"), strict=True):
        yield Expected(f"{method}: power of h in the error", power, order(method))


SECTIONS = {
    "A check": one_check,
    "Planted mistakes, and a rule of thumb": verdicts,
    "The error of the differences": steps,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
