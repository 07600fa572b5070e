"""Thomas, Neural Networks Tutorial - A Pathway to Deep Learning
(adventuresinmachinelearning), section 4: gradient descent in one and two dimensions,
and backpropagation index by index, with matrices, and summed over samples.

    python examples/thomas_descent.py [--plot DIR]
"""

from functools import cache
from itertools import pairwise
from string import ascii_lowercase

import numpy as np

import refnet
from printed import Printed, run, side_by_side
from refnet.forms import accumulated, loops
from thomas_forward import X, claim_or_both, three_three_one

TITLE = "Thomas, Neural Networks Tutorial, §4: gradient descent and backpropagation"
START, GAMMA, PRECISION = 6.0, 0.01, 1e-5
# where f'(x) = x^2 (4 x - 9) changes its sign, and f'' there
MINIMUM, CURVATURE = 9 / 4, 12 * (9 / 4) ** 2 - 18 * (9 / 4)
P1, RATE = np.array([3.0, 2.0]), 0.8
COST = "half_squared_error"
SAMPLES = np.array([X, [-1.0, 0.5, 1.0]]), np.array([[1.0], [0.0]])


def error(x):
    """f(x) = x^4 - 3 x^3 + 2."""
    return x**4 - 3 * x**3 + 2


def slope(x):
    """f'(x) = 4 x^3 - 9 x^2."""
    return 4 * x**3 - 9 * x**2


def steps(start, gamma, count):
    """x after 0, 1, ..., count steps x := x - gamma f'(x)."""
    xs = [start]
    for _ in range(count):
        xs.append(xs[-1] - gamma * slope(xs[-1]))
    return np.array(xs)


@cache
def descent(precision=PRECISION):
    """Every x of the text's descent, which ends with the first step that is not longer
    than the precision.
    """
    xs = steps(START, GAMMA, 200)
    return xs[: np.flatnonzero(np.abs(np.diff(xs)) <= precision)[0] + 2]


def bowl(p):
    """Our curve for section 4.4: 0.35 x_1^2 + 0.175 x_2^2. Each row of p is a point."""
    return np.square(p) @ np.array([0.35, 0.175])


def bowl_slope(p):
    """Both partial derivatives by central differences, which on a parabola are exact up
    to rounding.
    """
    return np.array([bowl(p + axis) - bowl(p - axis) for axis in np.eye(2)]) / 2


@cache
def bowl_path():
    """p1, p2, ... on the bowl."""
    points = [P1]
    for _ in range(6):
        points.append(points[-1] - RATE * bowl_slope(points[-1]))
    return np.array(points)


def three_outputs():
    """The network of the second diagram in section 4.6: the same hidden layer below
    three outputs, whose weights are ours.
    """
    W2 = np.array([[0.5, 0.5, 0.5], [0.1, 0.2, 0.3], [-0.4, 0.6, 0.2]])
    return refnet.Network(
        [three_three_one().layers[0], refnet.Dense(W2, np.full(3, 0.2), "sigmoid")]
    )


def story():
    yield from errors()
    yield from one_dimension()
    yield from precision()
    yield from cost()
    yield from two_dimensions()
    yield from chain()
    yield from hidden()
    yield from over_samples()


def errors():
    """Section 4: an error, a target, and a step that is too large."""
    net, x, y = refnet.Network([refnet.Dense([[2.0]], [0.0], "identity")]), 1.0, 2.0
    error_of = claim_or_both(
        "of the input", f"{abs(net.predict([[x]]).item() - y):g}", f"{abs(x - y):g}"
    )
    yield Printed(
        "§4",
        "x = 1, output 2, wanted 2: the error",
        "of the input",
        error_of,
        erratum="thomas-input-error",
    )
    yield Printed(
        "§4", "abs(2 - 5), the L1 norm of the error", "3", np.linalg.norm([2.0 - 5.0], ord=1)
    )
    b = refnet.one_hot([ascii_lowercase.index("b")], len(ascii_lowercase))[0]
    yield Printed("§4", "dimensions of the target for a letter", "26", b.size)
    yield Printed("§4", "the target for b, its first two and last", "(0, 1, 0)", b[[0, 1, -1]])
    last = steps(2.3, 0.1, 1000)[-2:] - MINIMUM
    bounces = last[0] * last[1] < 0 and min(abs(last)) > PRECISION
    yield Printed(
        "§4",
        "a step size that is too large: 0.1 from 2.3",
        "bounces",
        "bounces" if bounces else "converges",
    )


def one_dimension():
    """Section 4.1: x^4 - 3 x^3 + 2 from 6."""
    xs, derivative, at = descent(), np.poly1d([1, -3, 0, 0, 2]).deriv(), np.arange(-5.0, 6.0)
    same = np.array_equal(slope(at), derivative(at))  # whole numbers: both are exact
    yield Printed("§4.1", "f'(x)", "4x^3 - 9x^2", "4x^3 - 9x^2" if same else "another")
    yield Printed("§4.1", "where the minimum is", "2.25", max(derivative.roots.real))
    yield Printed("§4.1", "where the descent ends", "2.249965", xs[-1])
    yield Printed(
        "§4.1",
        "how far off that may be, and how far it is",
        "0.00001",
        MINIMUM - xs[-1],
        erratum="thomas-precision",
    )
    by_error = int(np.flatnonzero(np.abs(np.diff(error(xs))) <= PRECISION)[0]) + 1
    yield (
        f"The code stops at step {len(xs) - 1}, when x changes by less than the precision. Section "
        f"4 speaks of the change in the error: by that rule it would stop at step {by_error}, "
        f"where x is still {MINIMUM - xs[by_error]:.4f} off."
    )
    yield (
        f"Near 2.25, where f'' = {CURVATURE:g}, step sizes below 2 / f'' = {2 / CURVATURE:.4f} "
        f"converge."
    )
    yield (
        f"The descent starts at 6. The slope there is {slope(START):g}, so the first step leaps "
        f"over the minimum to {xs[1]:.4g}; the other {len(xs) - 2} steps come back from the left. "
        f"With a step size of 1/90 the first step would land on {steps(START, 1 / 90, 1)[1]:g}, "
        f"where the slope is 0, and the descent would end there, though the curve falls further."
    )


def precision():
    """Section 4.1: the precision is the length of the last step."""
    xs = descent()
    off, last, kept = MINIMUM - xs[-1], abs(xs[-1] - xs[-2]), 1 - GAMMA * CURVATURE
    ratio = kept / (1 - kept)
    yield (
        f"The precision bounds the length of the last step, not the error. Near the minimum every "
        f"step goes {1 - kept:.4f} of the distance and leaves 1 - gamma f'' = {kept:.4f} of it. So "
        f"after a last step of {last:.3g} the distance is {ratio:.3f} times as long:"
    )
    yield Printed(
        "§4.1", "distance left by this step", f"{last * ratio:.7f}", off, column="expected"
    )
    longer = descent(PRECISION / ratio)
    more = len(longer) - len(xs)
    yield (
        f"To end within 0.00001 of the minimum the precision has to be {PRECISION / ratio:.2g}: "
        f"that takes {more} more steps, and x is {MINIMUM - longer[-1]:.2g} off."
    )


def cost():
    """Sections 4.2 and 4.3: J, its names and its sums."""
    a, y = np.random.default_rng(0).random((2, 4, 10))
    J, mean_square = (
        refnet.HalfSquaredError().value(a[:, :1], y[:, :1]),
        refnet.MSE().value(a[:, :1], y[:, :1]),
    )
    ten = refnet.HalfSquaredError().value(a, y) / refnet.MSE().value(a, y)
    yield (
        f"J is the mean over the samples of 1/2 ||y - h||^2: refnet.HalfSquaredError. With one "
        f"output it is half the mean squared error. With ten outputs it is {ten:g} times "
        f"refnet.MSE, which is a mean over the outputs too."
    )
    e = np.array([3.0, 4.0])
    named = claim_or_both("the same", f"{np.linalg.norm(e):g}", f"{sum(e**2):g}")
    yield Printed(
        "§4.2", "L2 norm and sum of squares of (3, 4)", "the same", named, erratum="thomas-norm"
    )
    squared = claim_or_both("mean squared error", f"{J:.4f}", f"{mean_square:.4f}")
    yield Printed(
        "§4.2",
        "J of four samples, one output",
        "mean squared error",
        squared,
        erratum="thomas-half-mse",
    )
    costs = np.square(y - a).sum(axis=1) / 2
    last = len(costs) - 1
    average = claim_or_both("the mean", f"{costs.sum() / last:.4f}", f"{costs.mean():.4f}")
    yield Printed(
        "§4.2",
        f"sum of the costs from z = 0 to m = {last}, over m",
        "the mean",
        average,
        erratum="thomas-sum-from-0",
    )
    net, (x, y) = three_three_one(), SAMPLES
    one, mean = (net.loss_and_gradients(x[:n], y[:n], COST)[1][1].db[0] for n in (1, 2))
    whose = claim_or_both("one sample's", f"{one:.4f}", f"{mean:.4f}")
    yield Printed(
        "§4.3",
        "the derivative in a step, for b_1^(2)",
        "one sample's",
        whose,
        erratum="thomas-one-sample",
    )


def two_dimensions():
    """Section 4.4: a bowl whose slope at p1 is the text's."""
    path = bowl_path()
    yield (
        "The text gives a slope without its function. One that has this slope is 0.35 x_1^2 + "
        "0.175 x_2^2 at p1 = (3, 2)."
    )
    yield Printed("§4.4", "derivative at p1", "[2.1, 0.7]", bowl_slope(P1))
    yield Printed("§4.4", "partial derivative with respect to x_1", "[2.1]", bowl_slope(P1)[:1])
    points = ", ".join(f"p{k} = ({p[0]:.3g}, {p[1]:.3g})" for k, p in enumerate(path[:3], start=1))
    yield (
        f"With step size {RATE}: {points}. The error falls from {bowl(P1):.3g} to "
        f"{bowl(path[-1]):.2g} in {len(path) - 1} steps."
    )


def chain():
    """Section 4.5: one weight of the output layer, 3-3-1, x = (1.5, 2, 3), y = 1."""
    net, y = three_three_one(), 1.0
    h, z = accumulated.propagate(net.layers, X)
    factors = -(y - h[3][0]), h[3][0] * (1 - h[3][0]), h[2][1]
    dW = net.loss_and_gradients([X], [[y]], COST)[1][1].dW
    yield (
        f"The 3-3-1 network with target y = {y:g}. Expected is refnet's dW^2[0, 1]:\n"
        f"  dJ/dw_12^(2) = dJ/dh_1^(3) * dh_1^(3)/dz_1^(3) * dz_1^(3)/dw_12^(2)\n"
        f"               = {factors[0]:.5f} * {factors[1]:.5f} * {factors[2]:.5f}"
    )
    yield Printed(
        "§4.5", "product of the three", f"{dW[0, 1]:.12f}", np.prod(factors), column="expected"
    )
    name = f"z_1^({min(z, key=lambda l: abs(z[l][0] - weighted(net, 2, h)))})"
    yield Printed(
        "§4.5",
        "name of the sum of w_1j^(2) h_j^(2), + b_1^(2)",
        "z_1^(2)",
        name,
        erratum="thomas-z-3",
    )
    grown = net.copy()
    grown.layers[1].W[0, 1] += 1
    by_1, by_2 = (
        claim_or_both(
            "h_2^(2)", f"{weighted(grown, l, h) - weighted(net, l, h):.4f}", f"{h[2][1]:.4f}"
        )
        for l in (1, 2)
    )
    yield Printed(
        "§4.5", "d/dw_12^(2) of the sum of w_1j^(1) h_j^(2)", "h_2^(2)", by_1, erratum="thomas-w-2"
    )
    yield Printed("§4.5", "d/dw_12^(2) of the sum of w_1j^(2) h_j^(2)", "h_2^(2)", by_2)
    constant = np.poly1d(net.layers[1].b)
    yield Printed(
        "§4.5", "derivative of a constant", "1", constant.deriv()(1.0), erratum="thomas-constant"
    )


def weighted(net, l, h):
    """The sum over j of w_1j^(l) h_j^(2), + b_1^(l). The text has it with l = 1, and
    takes its derivative with respect to w_12^(2).
    """
    return net.layers[l - 1].W[0].dot(h[2]) + net.layers[l - 1].b[0]


def hidden():
    """Section 4.6: deltas go back through the weights, summed over the nodes above."""
    yield Printed(
        "§4.6",
        "3-3-3-1: one term of the sum for delta_1^(2)",
        "delta_1^(2)",
        one_term(),
        erratum="thomas-one-output-node",
    )
    for net, y in ((three_three_one(), [[1.0]]), (three_outputs(), [[1.0, 0.0, 0.0]])):
        worked, gradients = (
            loops.gradient(net, [X], y, COST),
            net.loss_and_gradients([X], y, COST)[1],
        )
        above, W = worked.delta[1][0], net.layers[1].W
        terms = " + ".join(f"{w:g} * {d:.4f}" for w, d in zip(W[:, 0], above, strict=True))
        yield (
            f"3-3-{len(above)}: delta_1^(2) = ({terms}) * f'(z_1^(2)). Expected is what refnet "
            f"computes:"
        )
        one = W[:, 0].dot(above) * worked.a[0][0, 0] * (1 - worked.a[0][0, 0])
        yield Printed(
            "§4.6", "delta_1^(2)", f"{gradients[0].delta[0, 0]:.12f}", one, column="expected"
        )
        every, by_refnet = (
            np.concatenate([dW.ravel() for dW in layers])
            for layers in (worked.dW, [layer.dW for layer in gradients])
        )
        what = "every dJ/dw = h_j^(l) delta_i^(l+1), in loops"
        yield Printed("§4.6", what, side_by_side(by_refnet, 12), every, column="expected")


def one_term():
    """delta_1^(2) of a 3-3-3-1 network: through node 1 of layer 3 alone, and through
    all its nodes.
    """
    deep = refnet.Network(
        [*three_outputs().layers, refnet.Dense([[0.5, 0.5, 0.5]], [0.2], "sigmoid")]
    )
    worked, w = loops.gradient(deep, [X], [[1.0]], COST), deep.layers[1].W[:, 0]
    a, above = worked.a[0][0, 0], worked.delta[1][0]
    return claim_or_both(
        "delta_1^(2)", f"{above[0] * w[0] * a * (1 - a):.2e}", f"{worked.delta[0][0, 0]:.2e}"
    )


def over_samples():
    """Sections 4.7 to 4.9: which product has the shape of W, sums over the samples, and
    one step with their mean.
    """
    (x, y), net = SAMPLES, three_three_one().copy()
    first, second = samples = list(accumulated.samples(net.layers, x, y, 1.0))
    h, delta = (
        {l: vector[:, np.newaxis] for l, vector in numbered.items()}
        for numbered in (first.h, first.delta)
    )
    yield Printed(
        "§4.7",
        "h^(1) delta^(2), without a transpose",
        "cannot be multiplied",
        product(h[1], delta[2]),
    )
    _, tri_W, tri_b = accumulated.accumulate(net.layers, samples)
    yield Printed(
        "§4.8",
        "shape of Delta b^(2), from Delta b^(1)",
        "(1,)",
        (tri_b[0] + second.delta[3]).shape,
        erratum="thomas-delta-b",
    )
    yield (
        f"delta^(l+1) (h^(l))^T has the shape of W^(l): {product(delta[2], h[1].T)} for l = 1, "
        f"{product(delta[3], h[2].T)} for l = 2."
    )
    stepped = net.copy()
    gradients = stepped.loss_and_gradients(x, y, COST)[1]
    refnet.SGD(lr=0.25).step(stepped, gradients)
    yield (
        f"Two samples: Delta w_12^(2) = {tri_W[1][0, 1]:.6f}. Expected are refnet's gradient, "
        f"which is the mean, and its weights after a step with alpha = 0.25:"
    )
    half, what = tri_W[1][0, 1] / len(samples), "half of it: dJ/dw_12^(2)"
    yield Printed("§4.8", what, f"{gradients[1].dW[0, 1]:.12f}", half, column="expected")
    accumulated.step(net, x, y, COST, 0.25)
    what = "weights after a step, summed over the samples"
    yield Printed(
        "§4.9", what, side_by_side(stepped.parameters, 12), net.parameters, column="expected"
    )


def product(left, right):
    """The shape of a matrix product, or that it does not exist."""
    if left.shape[1] != right.shape[0]:
        return "cannot be multiplied"
    return f"({' x '.join(map(str, (left @ right).shape))})"


def drawings():
    yield "thomas_descent", draw_descent
    yield "thomas_contours", draw_contours
    yield "thomas_deltas", draw_deltas


def draw_descent():
    """Section 4.1: the path on the curve, and the step and the distance of each
    iteration.
    """
    from refnet.plot.style import BLACK, BLUE, ORANGE, RED, sheet

    xs = descent()
    figure, (curve, fall) = sheet(1, 2)
    grid = np.linspace(-0.6, 3.1, 200)
    curve.plot(grid, error(grid), color=BLUE)
    curve.plot(
        xs[1:],
        error(xs[1:]),
        "o",
        color=RED,
        markersize=5,
        label=f"steps 1 to {len(xs) - 1}, the first from $x$ = 6",
    )
    curve.plot(
        MINIMUM,
        error(MINIMUM),
        "+",
        color=BLACK,
        markersize=14,
        markeredgewidth=2,
        label="minimum, $x$ = 2.25",
    )
    curve.annotate(
        f"from ({START:g}, {error(START):g})",
        (xs[1], error(xs[1])),
        (1.1, 3.2),
        arrowprops={"arrowstyle": "->"},
    )
    curve.set(
        title="descent on $x^4 - 3x^3 + 2$, step size 0.01",
        xlabel="$x$",
        ylabel="$f(x)$",
        ylim=(-7.5, 8),
    )
    curve.legend(loc="upper center")
    counted = np.arange(1, len(xs))
    fall.semilogy(counted, abs(xs[1:] - MINIMUM), color=BLUE, label="distance from 2.25")
    fall.semilogy(counted, abs(np.diff(xs)), "--", color=RED, label="length of the step")
    fall.axhline(PRECISION, color=ORANGE, linestyle=":", linewidth=2, label="precision 0.00001")
    fall.set(
        title="the step falls below the precision, the distance does not",
        xlabel="step",
        ylabel="in units of $x$",
    )
    fall.legend()
    return figure


def draw_contours():
    """Section 4.4: steps from p1, each across the contour it starts from."""
    from refnet.plot.style import BLACK, BLUE, RED, sheet

    path = bowl_path()
    figure, axes = sheet(width=6.2, height=4.4)
    one, two = np.meshgrid(np.linspace(-1.0, 3.6, 120), np.linspace(-1.0, 2.8, 120))
    heights = bowl(np.stack([one, two], axis=-1))
    levels = np.sort([*bowl(path[:4]), 0.04, 2.2])
    lines = axes.contour(one, two, heights, levels=levels, colors=BLUE)
    below = -np.minimum(0.6, np.sqrt(levels / 0.7))  # where no path is
    axes.clabel(
        lines,
        fmt="%.2f",
        fontsize=8,
        manual=list(zip(np.sqrt((levels - 0.175 * below**2) / 0.35), below, strict=True)),
    )
    for k, (here, there) in enumerate(pairwise(path), start=1):
        axes.annotate(
            "",
            there,
            here,
            arrowprops={
                "arrowstyle": "-|>",
                "color": RED,
                "linewidth": 1.8,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
        if k < 4:
            axes.text(here[0] + 0.06, here[1] + 0.1, f"$p_{k}$", color=BLACK, fontweight="bold")
    axes.plot(*path.T, "o", color=RED, markersize=4)
    axes.plot(0, 0, "+", color=BLACK, markersize=14, markeredgewidth=2)
    axes.set(title="$0.35 x_1^2 + 0.175 x_2^2$: slope [2.1, 0.7] at $p_1$, step size 0.8")
    axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return figure


def draw_deltas():
    """Section 4.6: three output deltas go back to one hidden node, each through its
    weight.
    """
    from refnet.plot.style import BLUE, RED, sheet

    net = three_outputs()
    worked, W = loops.gradient(net, [X], [[1.0, 0.0, 0.0]], COST), net.layers[1].W
    figure, axes = sheet(width=7.4, height=3.4)
    box = {"ha": "center", "va": "center", "zorder": 3, "fontsize": 11}
    frame = {"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": BLUE, "linewidth": 1.6}
    total, got = W[:, 0].dot(worked.delta[1][0]), worked.delta[0][0, 0]
    lines = (
        "hidden node 1",
        f"sum: {total:.5f}",
        rf"times $f'(z_1^{{(2)}})$ = {got / total:.5f}",
        rf"$\delta_1^{{(2)}}$ = {got:.5f}",
    )
    axes.text(0, 0, "\n".join(lines), bbox=frame, linespacing=1.6, **box)
    for i, y in enumerate((1.0, 0.0, -1.0)):
        delta, start, end = worked.delta[1][0, i], np.array([2.6, y]), np.array([0.63, 0.2 * y])
        axes.annotate(
            "",
            end,
            start,
            arrowprops={
                "arrowstyle": "-|>",
                "color": RED,
                "linewidth": 1.8,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
        turn = np.degrees(np.arctan2(*(start - end)[::-1]))
        label = (
            rf"$w_{{{i + 1}1}}^{{(2)}}\, \delta_{i + 1}^{{(3)}}$ = {W[i, 0]:g} ({delta:.4f}) = "
            rf"{W[i, 0] * delta:.5f}"
        )
        along = {
            "rotation": turn,
            "transform_rotates_text": True,
            "rotation_mode": "anchor",
            "ha": "center",
            "va": "bottom",
        }
        axes.text(*(start + end) / 2 + np.array([0, 0.04]), label, fontsize=9, **along)
        axes.text(
            3.05,
            y,
            f"output {i + 1}\n" + rf"$\delta_{i + 1}^{{(3)}}$ = {delta:.4f}",
            bbox=frame,
            **box,
        )
    axes.set(
        xlim=(-0.85, 3.5),
        ylim=(-1.4, 1.4),
        title="Each output sends its delta back through its weight; the hidden node adds them up",
    )
    axes.axis("off")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
