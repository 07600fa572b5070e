"""Elgendy, Deep Learning for Vision Systems, section 2.3: seven activation functions,
their slopes, and what the text says of them.

    python examples/elgendy_activations.py [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from printed import Printed, run

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.3: activation functions"
TABLE = (  # table 2.1: name, activation, equation as printed, equation as a function
    ("identity", refnet.Identity(), "x", lambda x: x),
    ("step", refnet.Heaviside(), "0 if x <= 0, 1 if x > 0", lambda x: np.where(x <= 0, 0.0, 1.0)),
    ("sigmoid", refnet.Sigmoid(), "1 / (1 + e^-x)", lambda x: 1 / (1 + np.exp(-x))),
    (
        "softmax of (x, 0)",
        refnet.Softmax(),
        "e^xj / sum of e^xi",
        lambda x: np.exp(x) / (np.exp(x) + np.exp(0)),
    ),
    (
        "tanh",
        refnet.Tanh(),
        "(e^x - e^-x) / (e^x + e^-x)",
        lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    ),
    ("ReLU", refnet.ReLU(), "max(0, x)", lambda x: np.maximum(0, x)),
    ("leaky ReLU", refnet.LeakyReLU(0.01), "max(0.01 x, x)", lambda x: np.maximum(0.01 * x, x)),
)
FINITE = ("sigmoid", "tanh")  # whose slope becomes small on both sides, figure 2.17
AGES = (25.0, 43.0)  # where the text's straight line for diabetes crosses 0 and 1


def value(activation, z):
    """f(z) for a vector z; for softmax, the first of its two outputs for (z, 0)."""
    z = np.atleast_1d(np.asarray(z, dtype=float))
    return (
        activation.value(np.column_stack([z, np.zeros_like(z)]))[:, 0]
        if activation.name == "softmax"
        else activation.value(z)
    )


def slope(activation, z):
    """f'(z) for a vector z. The step has none at 0, and 0 elsewhere."""
    z = np.atleast_1d(np.asarray(z, dtype=float))
    if not activation.trainable:
        return np.where(z == 0, np.nan, 0.0)
    if activation.name == "softmax":
        pair = np.column_stack([z, np.zeros_like(z)])
        return activation.pullback(np.tile([1.0, 0.0], (len(z), 1)), pair, activation.value(pair))[
            :, 0
        ]
    return activation.derivative(z, activation.value(z))


def alike(a, b):
    """Whether two results agree to nine decimals."""
    return np.array_equal(np.round(a, 9), np.round(b, 9))


def integer_layers():
    """Two layers without activation, and the one layer that is equal to them.

    The weights are integers, so that no product is rounded.
    """
    first, second = (
        refnet.Dense([[2, -1], [3, 5], [-4, 1]], [1, -2, 3]),
        refnet.Dense([[1, -3, 2], [4, 0, -1]], [5, -6]),
    )
    one = refnet.Dense(second.W @ first.W, second.W @ first.b + second.b)
    return refnet.Network([first, second]), refnet.Network([one])


@cache
def linear_learning():
    """Two layers without activation learn y = 4 x1 - x2 + 3: the cost and the norm of
    the gradient before each step.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    y = x @ [[4.0], [-1.0]] + 3.0
    net = refnet.mlp([2, 3, 1], hidden="identity", output="identity", seed=0)
    steps = []
    refnet.fit(
        net,
        x,
        y,
        loss="mse",
        optimizer=refnet.SGD(lr=0.02),
        epochs=101,  # the last one shows the cost after 100 steps
        on_step=lambda step: steps.append((step.loss, np.linalg.norm(step.gradients.vector))),
    )
    return np.transpose(steps)


def probability(z, epsilon):
    """exp(z) / (exp(z) + epsilon)."""
    return np.exp(z) / (np.exp(z) + epsilon)


def story():
    """What the text says of activation functions, section by section."""
    yield from cheat_sheet()
    yield from linear()
    yield from sigmoid()
    yield from softmax_and_tanh()
    yield from saturation()
    yield from rectifiers()


def cheat_sheet():
    """Table 2.1, and whether activations keep their output finite."""
    z = np.linspace(-6, 6, 1201)
    for name, activation, equation, formula in TABLE:
        same = alike(value(activation, z), formula(z))
        yield Printed("table 2.1", name, equation, equation if same else "another function")
    far = np.array([-1e6, 1e6])
    finite = sum(bool((np.abs(value(activation, far)) <= 1).all()) for _, activation, _, _ in TABLE)
    do = "what they are needed for" if finite == len(TABLE) else f"{finite} of {len(TABLE)} do"
    yield Printed(
        "§2.3",
        "restricting the output to a finite value",
        "what they are needed for",
        do,
        "elgendy-finite-value",
    )
    step = next(formula for name, *_, formula in TABLE if name == "step")
    yield Printed("table 2.1", "step at 0 (§2.1 and fig. 2.5 have 1)", "0", int(step(0.0)))


def linear():
    """Section 2.3.1: layers without an activation function."""
    line = refnet.Network([refnet.Dense([[4]], [0])])
    trace = line.forward([[-2.0], [0.5], [3.0]])
    # with y = a - 1.5 the gradient of the MSE is dC/da = 2 * 1.5 / 3 = 1
    f_prime = line.backward(trace, "mse", trace.output - 1.5).wrt_input(line).ravel()
    yield Printed("fig. 2.13", "derivative of 4 x at -2, 0.5, 3", "4, 4, 4", f_prime)
    two, one = integer_layers()
    x = np.random.default_rng(0).integers(-9, 10, (100, 2))
    same = np.array_equal(two.predict(x), one.predict(x))
    yield Printed(
        "§2.3.1", "composition of linear functions", "linear", "linear" if same else "not linear"
    )
    cost, norm = linear_learning()
    falls = f"{cost[0]:.1f} to {cost[-1]:.0e}" if cost[-1] < cost[0] else "no learning"
    shrinks = (
        f"{norm[0]:.1f} to {norm[-1]:.0e}" if f"{norm[-1]:.1f}" != f"{norm[0]:.1f}" else "the same"
    )
    yield Printed(
        "§2.3.1",
        f"cost of a linear 2-3-1 network, {len(cost) - 1} steps",
        "no learning",
        falls,
        "elgendy-no-learning",
    )
    yield Printed(
        "§2.3.1", "norm of its gradient", "the same", shrinks, "elgendy-gradient-the-same"
    )
    yield (
        "Two linear layers are one: W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2), here to the "
        "last bit. Still such a network learns a linear target, 4 x1 - x2 + 3. What is constant "
        "is dz/dx = w. A step needs dC/dw = (dC/dz) x, which contains the error and the input."
    )


def sigmoid():
    """Section 2.3.3: from a straight line to the sigmoid."""
    at = value(refnet.Sigmoid(), [0.0, 1.0])
    yield (
        f"The text's straight line is 0 at the age of {AGES[0]:g} and 1 at {AGES[1]:g}. The "
        f"sigmoid of that line is {at[0]:.2f} and {at[1]:.2f} at these ages, not 0 and 1: beta0 "
        f"and beta1 have to be fitted anew for the sigmoid."
    )
    z = np.linspace(-6, 6, 1201)
    squeezed = probability(z, 1.0)
    bounds = (
        "0 < probability < 1" if (squeezed > 0).all() and (squeezed < 1).all() else "beyond 0 or 1"
    )
    yield Printed("§2.3.3", "exp(z) / (exp(z) + 1)", "0 < probability < 1", bounds)
    for epsilon, erratum in ((1.0, ""), (0.01, "elgendy-epsilon")):
        shifts = {"sigmoid(z)": 0.0, f"sigmoid(z + {-np.log(epsilon):.3f})": -np.log(epsilon)}
        equal = [
            name
            for name, shift in shifts.items()
            if alike(probability(z, epsilon), value(refnet.Sigmoid(), z + shift))
        ]
        yield Printed(
            "§2.3.3",
            f"exp(z) / (exp(z) + {epsilon:g})",
            "sigmoid(z)",
            equal[0] if equal else "no sigmoid",
            erratum,
        )
    at_zero = probability(0.0, 0.01)
    yield (
        f"With epsilon = 0.01 the probability at z = 0 is {at_zero:.4f} instead of 0.5. Epsilon "
        f"shifts the sigmoid by log epsilon."
    )
    first = next(z for z in range(100) if value(refnet.Sigmoid(), z)[0] == 1.0)
    yield (
        f"In exact arithmetic the sigmoid never reaches 0 or 1. In double precision it rounds to "
        f"1 from z = {first} on."
    )


def softmax_and_tanh():
    """Sections 2.3.4 and 2.3.5: both can be written with the sigmoid."""
    z = np.random.default_rng(0).normal(0.0, 3.0, (1000, 2))
    softmax = refnet.Softmax().value(z)
    same = alike(softmax[:, 0], value(refnet.Sigmoid(), z[:, 0] - z[:, 1]))
    total = refnet.Softmax().value(np.array([[1.0, 2.0, 3.0]])).sum()
    yield Printed("§2.3.4", "sum of the outputs for (1, 2, 3)", "1", total)
    yield Printed(
        "§2.3.4", "softmax of two classes", "like a sigmoid", "like a sigmoid" if same else "unlike"
    )
    t = np.linspace(-40, 40, 8001)
    tanh, sigma = value(refnet.Tanh(), t), value(refnet.Sigmoid(), t)
    forms = {
        "shifted": sigma + (tanh - sigma).mean(),
        "scaled both ways, shifted": 2 * value(refnet.Sigmoid(), 2 * t) - 1,
    }
    equal = [name for name, form in forms.items() if alike(tanh, form)]
    yield Printed("§2.3.5", "range of the sigmoid", "0 and 1", [sigma.min(), sigma.max()])
    yield Printed("§2.3.5", "range of tanh", "-1 to 1", [tanh.min(), tanh.max()])
    yield Printed(
        "§2.3.5",
        "tanh from the sigmoid",
        "shifted",
        equal[0] if equal else "another",
        "elgendy-tanh-shifted",
    )
    yield Printed("§2.3.5", "mean of the sigmoid, z from -40 to 40", "0.5", sigma.mean())
    yield Printed("§2.3.5", "mean of tanh", "0", tanh.mean())
    off = np.ptp(tanh - sigma) / 2  # the best shift goes to the middle of the range
    yield "With two classes softmax(z1, z2) = (s, 1 - s), where s = sigmoid(z1 - z2)."
    yield (
        f"tanh(z) = 2 sigmoid(2 z) - 1. Shifting the sigmoid up or down is not enough: with any "
        f"shift it is somewhere {off:.2f} or more away from tanh."
    )


def saturation():
    """Figure 2.17: slopes far from zero."""
    high = [value(activation, 20.0)[0] for name, activation, _, _ in TABLE if name in FINITE]
    low = [value(activation, -20.0)[0] for name, activation, _, _ in TABLE if name in FINITE]
    yield Printed("§2.3.7", "where sigmoid and tanh saturate", "~ 1, ~ 1", high)
    yield (
        f"The text names only the upper ends. At the lower end, for very negative z, the sigmoid "
        f"saturates at {low[0]:.0f} and tanh at {low[1]:.0f}."
    )
    at = np.array([0, 1, 2, 5, 10, 20])
    yield f"{'Slope at z':<16}" + "".join(f"{z:>10}" for z in at)
    for name, activation, _, _ in TABLE:
        if name in (*FINITE, "ReLU"):
            yield f"{name:<16}" + "".join(f"{s:>10.2g}" for s in slope(activation, at))


def rectifiers():
    """Sections 2.3.6 and 2.3.7."""
    relu = refnet.ReLU()
    z = np.array([-3.0, -0.5, 0.5, 3.0])
    yield Printed("§2.3.6", "ReLU below zero: outputs", "0, 0", value(relu, z[:2]))
    yield Printed("§2.3.7", "ReLU below zero: slopes", "0, 0", slope(relu, z[:2]))
    slopes = [0.1, 0.01, 0.002]
    tried = [slope(refnet.LeakyReLU(s), -1.0)[0] for s in slopes]
    yield Printed("§2.3.7", "leaky ReLU below zero: the slope", "0.01", tried[1])
    yield Printed("§2.3.7", "slopes below zero to try", "0.1, 0.01, 0.002", tried)
    forms = [
        f"{s:g}: {np.array_equal(value(refnet.LeakyReLU(s), z), np.maximum(s * z, z))}"
        for s in (*slopes, 2)
    ]
    yield (
        f"max(slope x, x) is the leaky ReLU where the slope is at most 1. Slope, and whether the "
        f"two are equal: {', '.join(forms)}."
    )
    try:
        max(0, z)
    except ValueError as error:
        why = str(error).partition(".")[0]
        yield (
            f"Python's max(0, x) is a ReLU for one number. For the array of a layer it raises:\n"
            f"  {why}."
        )


def drawings():
    """Table 2.1 and figures 2.12 to 2.19; what a linear network learns; the sigmoid as
    a probability and as tanh.
    """
    yield "elgendy_activations", draw_activations
    yield "elgendy_linear", draw_linear
    yield "elgendy_sigmoid", draw_sigmoid


def draw_activations():
    """All seven with their derivatives, and the slopes far out."""
    from refnet.plot.style import BLACK, BLUE, LINES, RED, sheet

    z = np.linspace(-6, 6, 601)
    figure, panels = sheet(2, 4, width=3.5, height=3.2)
    for axes, (name, activation, equation, _) in zip(panels.flat, TABLE, strict=False):
        # f or f' jumps at 0: two lines, so that none is drawn through the jump
        for part in (np.ones(z.shape, bool),) if activation.analytic else (z < 0, z > 0):
            axes.plot(z[part], value(activation, z[part]), color=BLUE)
            axes.plot(z[part], slope(activation, z[part]), color=RED, linestyle="--")
        low, high = {
            "identity": (-2, 3),
            "ReLU": (-1, 3),
            "leaky ReLU": (-1, 3),
            "tanh": (-1.15, 1.25),
        }.get(name, (-0.25, 1.25))
        axes.axhline(0, color=BLACK, linewidth=0.5)
        axes.set(title=f"{name}\n{equation}", xlabel="x", ylabel="f, f'", ylim=(low, high))
        axes.legend(
            axes.lines[:2],
            ("f(x)", "f'(x)"),
            loc="lower right" if name == "identity" else "upper left",
        )
    last = panels.flat[-1]
    far = np.linspace(-12, 12, 241)
    for (name, activation, _, _), style in zip(
        (row for row in TABLE if row[0] in (*FINITE, "ReLU")), LINES, strict=False
    ):
        slopes = slope(activation, far)
        last.semilogy(far[slopes > 0], slopes[slopes > 0], linestyle=style, label=name)
    last.set(
        title="slope far from zero\n(ReLU below zero: 0)", xlabel="x", ylabel="f', logarithmic"
    )
    last.legend(loc="lower center")
    return figure


def draw_linear():
    """A network without activation functions learns: cost and gradient of each step."""
    from refnet.plot.style import BLUE, RED, sheet

    cost, norm = linear_learning()
    figure, axes = sheet(width=6.4)
    axes.semilogy(cost, color=BLUE, label="cost C")
    axes.semilogy(norm, color=RED, linestyle="--", label="norm of the gradient")
    axes.set(
        title="without activations, on $y = 4 x_1 - x_2 + 3$, a network learns",
        xlabel="step",
        ylabel="cost, norm (logarithmic)",
    )
    axes.legend()
    return figure


def draw_sigmoid():
    """The sidebar's probabilities against age, and tanh beside the sigmoid."""
    from refnet.plot.style import BLACK, LINES, sheet

    figure, (left, right) = sheet(1, 2)
    ages, (young, old) = np.linspace(0, 80, 321), AGES
    p = (ages - young) / (old - young)
    z = 8 * p - 4  # the sigmoid is 0.02 and 0.98 where the line is 0 and 1
    left.plot(ages, p, linestyle=LINES[0], label="straight line")
    for epsilon, style in ((1.0, LINES[1]), (0.01, LINES[2])):
        left.plot(
            ages, probability(z, epsilon), linestyle=style, label=f"exp(z) / (exp(z) + {epsilon:g})"
        )
    left.axhspan(0, 1, color="0.93", zorder=0)
    left.set(
        title="a line is no probability; epsilon shifts",
        xlabel="age in years",
        ylabel="p",
        ylim=(-0.6, 2.2),
    )
    left.legend(loc="upper left")
    t = np.linspace(-6, 6, 401)
    tanh, sigma = value(refnet.Tanh(), t), value(refnet.Sigmoid(), t)
    right.plot(t, tanh, label="tanh(z)")
    right.plot(t, sigma, linestyle="--", label="sigmoid(z)")
    right.plot(t, sigma - 0.5, linestyle="-.", label="sigmoid(z) - 0.5: shifted")
    right.plot(
        t[::20],
        2 * value(refnet.Sigmoid(), 2 * t[::20]) - 1,
        "o",
        color=BLACK,
        markersize=4,
        label="2 sigmoid(2z) - 1",
    )
    right.set(
        title="tanh is the sigmoid scaled and shifted",
        xlabel="z",
        ylabel="f(z)",
        ylim=(-1.15, 1.15),
    )
    right.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
