"""Checking gradients by differences of the cost: how exact the differences are, and
which mistakes a rule of thumb misses.

    python examples/check_gradients.py [--plot DIR]

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
from printed import Printed, run
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


def story():
    """A check, planted mistakes, and the errors of the differences."""
    yield str(checks()[0][0])
    yield from verdicts()
    yield from steps()


def verdicts():
    """What the rule of thumb says of each subject, and what gradient_check says."""
    yield (
        "\nThe rule of thumb takes h = 1e-7. For refnet.gradient_check the table has the largest "
        "error of an entry, divided by the estimated error of the difference: central, complex."
    )
    yield f"{'':<28}{'rule of thumb':>16}{'':<10}{'central':>12}{'complex':>12}"
    for (name, _, net, loss), pair in zip(subjects(), checks(), strict=True):
        thumb = measure(net, loss)
        central, complex_step = (max(array.share for array in check.arrays) for check in pair)
        yield (
            f"{name:<28}{thumb:>16.1e}  {'passed' if thumb < THUMB else 'FAILED':<8}"
            f"{central:>12.1e}{complex_step:>12.1e}"
        )
    for (name, right, *_), pair in zip(subjects(), checks(), strict=True):
        for check in pair:
            yield Printed(
                "planted", f"{name}, {check.method}", right, "passed" if check.passed else "failed"
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
    yield "\nThe error |n - g| / |g| depends on the step h:"
    for method in METHODS:
        error, best = errors()[method], errors()[method].argmin()
        yield (
            f"  {method:<8} smallest {error[best]:.0e} at h = {STEPS[best]:.0e}; {error[0]:.0e} at "
            f"h = {STEPS[0]:.0e}"
        )
    for method, power in zip(METHODS, ("1", "2", "2"), strict=True):
        yield Printed("theory", f"{method}: power of h in the error, large h", power, order(method))


def valley():
    """The error of the three methods as a function of the step."""
    from refnet.plot.style import LINES, MARKERS, sheet

    figure, ax = sheet(width=6.8, height=4.3)
    for method, line, marker in zip(METHODS, LINES, MARKERS, strict=False):
        ax.loglog(
            STEPS, errors()[method], linestyle=line, marker=marker, markersize=3.5, label=method
        )
    ax.axhline(THUMB, color="0.5", linewidth=0.8)
    ax.text(STEPS[-1], THUMB * 1.3, "rule of thumb", ha="right", fontsize=8, color="0.35")
    ax.set(
        xlabel="step h",
        ylabel="error of the differences, |n - g| / |g|",
        title="Rounding on the left, truncation on the right",
    )
    ax.legend()
    return figure


def drawings():
    """The picture of this script."""
    yield "check_gradients_step", valley


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings, column="expected"))
