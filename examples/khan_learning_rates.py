"""Khan, Nothing but NumPy: Understanding & Creating Neural Networks with Computational
Graphs from Scratch, learning rates and loss curves.

The text draws descent at four learning rates on a curve that it does not state. This
script takes the parabola L = b^2 / 16: its slope at the start b = 1 is the text's first
gradient, 0.125. Then it takes the OR gate itself, whose curve is no parabola.

    python examples/khan_learning_rates.py [--plot DIR]
"""

from functools import cache
from itertools import pairwise

import numpy as np

import refnet
from khan_or_gate import LOSS, X, Y, neuron, trained, worked
from printed import Printed, run, side_by_side

TITLE = "Khan, Nothing but NumPy: learning rates, and the shape of the loss curve"
# L = CURVATURE b^2 / 2: descent approaches the minimum for learning rates below
# 2 / CURVATURE = 16
CURVATURE = 0.125
RATES = (0.5, 5.0, 5e-10, 50.0)
NEAR = 0.01  # "at the minimum": |b| below this


def descend(lr, steps, schedule=None, b=1.0):
    """b before each step down the parabola, and after the last one."""
    path = [b]
    for k in range(steps):
        alpha = lr if schedule is None else schedule(lr, k)
        path.append(path[-1] - alpha * CURVATURE * path[-1])
    return np.array(path)


def loss_at(b):
    """L on the parabola."""
    return CURVATURE * b**2 / 2


def steps_to_minimum(lr):
    """How many steps until |b| < NEAR: b shrinks by the factor 1 - lr CURVATURE in
    each.
    """
    return int(np.ceil(np.log(NEAR) / np.log1p(-lr * CURVATURE)))


def story():
    yield from on_the_parabola()
    yield from on_the_or_gate()
    yield from loss_curve()
    yield from cost_curve()
    yield from all_parameters()


def on_the_parabola():
    """The four learning rates on the stated parabola, and annealing."""
    slow, fast, tiny = (steps_to_minimum(lr) for lr in (0.5, 5.0, 5e-10))
    first = worked(1)[1].db.item()
    yield (
        "The parabola L = b^2 / 16, from b = 1. Its slope there shall be the text's first "
        "gradient, dL/db for (0, 0) at b = 0:"
    )
    yield Printed(
        "Learning Rate",
        "slope at the start",
        f"{first:g}",
        -np.diff(descend(1.0, 1)),
        column="expected",
    )
    walked = [int(np.argmax(np.abs(descend(lr, 200)) < NEAR)) for lr in (0.5, 5.0)]
    yield f"Steps until |b| < {NEAR}: {walked[0]} at 0.5, {walked[1]} at 5, {tiny:.1e} at 5e-10."
    fewer = "fewer" if walked == [slow, fast] and fast < slow else "not fewer"
    yield Printed("Learning Rate", "many steps at 0.5, fewer at 5", "fewer", fewer)
    steps = np.abs(np.diff(descend(5.0, 5)))
    smaller = "smaller" if (np.diff(steps) < 0).all() else "not smaller"
    yield Printed("Learning Rate", "steps, nearer and nearer to the minimum", "smaller", smaller)
    step = -np.diff(descend(5e-10, 1))
    yield Printed("Learning Rate", "step at alpha 5e-10, over the gradient", "5e-10", step / first)
    wild = descend(50.0, 20)
    over = (wild[1:] * wild[:-1] < 0).all()
    yield Printed(
        "Learning Rate",
        "alpha 50",
        "overshoots each time",
        "overshoots each time" if over else "does not overshoot each time",
    )
    grows = (np.diff(loss_at(wild)) > 0).all()
    yield Printed(
        "Learning Rate",
        "loss after each cycle at alpha 50",
        "increase",
        "increase" if grows else "decrease",
    )
    annealed = descend(50.0, 60, refnet.ExponentialLR(0.9))
    out, end = np.abs(annealed).max(), abs(annealed[-1])
    yield (
        f"Annealing: alpha starts at 50 and falls by a tenth in each step. |b| first grows to "
        f"{out:.0f}, and is {end:.0e} after 60 steps."
    )


def on_the_or_gate():
    """The large learning rate on the text's own example."""
    net, cost = trained(50.0)
    rises = int((np.diff(cost) > 0).sum())
    often = "once" if rises == 1 else f"{rises} times"
    better = (
        f"falls to {cost[-1]:.1e}, rises {often}"
        if rises < len(cost) - 1
        else "loss increases each cycle"
    )
    yield Printed(
        "Learning Rate",
        "alpha 50 on the OR gate",
        "loss increases each cycle",
        better,
        "khan-alpha-50",
    )
    plain = trained()[1][-1]
    right = net.accuracy(X, Y[:, 0])
    yield (
        f"The accuracy is {right:.0%}; with alpha = 1 the cost is {plain:.1e}. The cost cannot "
        f"diverge: outputs between 0 and 1 keep it below 1/2."
    )
    stuck, cost = trained(500.0, 200)
    yield (
        f"A learning rate can be too large in another way. With alpha = 500 one step "
        f"takes all outputs to {side_by_side(stuck.predict(X))}, where the sigmoid is flat: the "
        f"largest entry of the gradient is {largest_gradient(stuck):.0e}. One row of the four is "
        f"wrong by 1, and stays wrong:"
    )
    what = f"alpha 500, cost after {len(cost) - 1} epochs: (1/2) / 4"
    yield Printed("Learning Rate", what, f"{0.5 / len(X):.3f}", cost[-1], column="expected")


def largest_gradient(net):
    """The largest entry of the gradient on the OR gate."""
    return np.abs(net.loss_and_gradients(X, Y, LOSS)[1].vector).max()


@cache
def by_bias():
    """The first example for many biases: b, its output, its loss and dL/db."""
    b = np.linspace(-10, 10, 2001)
    out = refnet.Sigmoid().value(b)
    return b, out, out**2 / 2, out * out * (1 - out)


def shape(curve):
    """The shape of a curve in words: how often its slope changes sign (turns), and how
    often its curvature does (bends).
    """
    turns, bends = (int((np.diff(np.sign(np.diff(curve, order))) != 0).sum()) for order in (1, 2))
    if turns > 1 or bends > 2:
        return f"{turns} turns, {bends} bends"
    if turns == 1:
        return ("U", "U with a flat end", "valley with flat ends")[bends]
    way = "falls" if curve[-1] < curve[0] else "rises"
    return f"{'S that ' * (bends == 1)}{way}, no minimum"


def costs(parameters):
    """The cost of the OR gate for each row (w1, w2, b)."""
    z = parameters @ np.append(X.T, np.ones((1, len(X))), axis=0)
    return np.mean((refnet.Sigmoid().value(z) - Y[:, 0]) ** 2, axis=1) / 2


def grown():
    """The cost of 0 to 3 times the trained weights and bias."""
    return costs(np.linspace(0, 3, 301)[:, None] * trained()[0].parameters)


def distances(lr=1.0):
    """Mean squared distance of the labels from z, then from the output; each before and
    after training.
    """
    layers = [net.forward(X)[-1] for net in (neuron(), trained(lr)[0])]
    return [np.mean((layer.z - Y) ** 2) for layer in layers], [
        np.mean((layer.a - Y) ** 2) for layer in layers
    ]


def loss_curve():
    """The loss of one example as a function of the bias."""
    yield (
        "The loss for (0, 0), label 0, as a function of b is sigma(b)^2 / 2. This is no "
        "parabola: the sigmoid comes before the square."
    )
    _, out, loss, slope = by_bias()
    yield Printed("Loss Function", "shape of the loss curve", "U", shape(loss), "khan-u-shape")
    steepest = slope.argmax()
    worst = (
        "the most incorrect"
        if steepest == len(out) - 1
        else f"{out[steepest]:.2f}; at {out[-1]:.5f} it is {slope[-1]:.0e}"
    )
    yield Printed(
        "Loss Function",
        "output with the steepest slope",
        "the most incorrect",
        worst,
        "khan-steepest",
    )
    yield (
        f"The largest slope is {slope.max():.3f}. dL/d output is largest where the output is "
        f"worst, but dL/db is that times sigma', which is almost 0 there."
    )


def cost_curve():
    """The cost of the four rows as a function of the bias."""
    b = by_bias()[0]
    valley = costs(np.stack([np.full_like(b, 0.1), np.full_like(b, 0.6), b], axis=1))
    yield "The cost of all four rows as a function of b alone, with the weights 0.1 and 0.6:"
    yield Printed(
        "Cost Function", "its shape", "valley with flat ends", shape(valley), column="expected"
    )
    # a row with the wrong output costs (1/2) 1^2: half the share of wrong rows
    far = f"{Y.mean() / 2:.3f} {(1 - Y).mean() / 2:.3f}"
    yield Printed(
        "Cost Function",
        f"at b = {b[0]:g} (all outputs 0) and {b[-1]:g} (all 1)",
        far,
        valley[[0, -1]],
        column="expected",
    )
    yield f"Its minimum is {valley.min():.4f}, at b = {b[valley.argmin()]:.2f}."


def all_parameters():
    """The cost of the four rows as a function of w and b, and what it minimises."""
    yield (
        "As a function of all three parameters the cost has no minimum: it keeps falling while "
        "the trained parameters are scaled up."
    )
    yield Printed(
        "Cost Function",
        "its shape, trained w and b times 0 to 3",
        "U",
        shape(grown()),
        "khan-u-shape",
    )
    line, output = distances()
    fate = f"grows, {line[0]:.2f} to {line[1]:.1f}" if line[1] > line[0] else "minimized"
    yield Printed(
        "Cost Function", "distance of z from the labels", "minimized", fate, "khan-distance-to-line"
    )
    yield (
        f"(Mean squared distances, alpha 1, 5000 epochs.) What falls is the distance of sigma(z) "
        f"from the labels: {output[0]:.3f} to {output[1]:.4f}."
    )


def drawings():
    yield "khan_learning_rates", draw_parabolas
    yield "khan_or_gate_rates", draw_or_gate
    yield "khan_loss_curve", draw_loss_curve


def draw_parabolas():
    from refnet.plot.style import sheet

    figure, axes = sheet(2, 2)
    for panel, lr, steps in zip(axes.flat, RATES, (25, 5, 25, 3), strict=True):
        draw_descent(panel, descend(lr, steps), lr)
    figure.suptitle("Gradient descent on L = b$^2$/16 from b = 1 at four learning rates")
    return figure


def draw_descent(axes, path, lr):
    """The parabola, and an arrow for each step."""
    from refnet.plot.style import BLUE, GREEN, RED

    reach = 1.15 * np.abs(path).max()
    line = np.linspace(-reach, reach, 200)
    axes.plot(line, loss_at(line), color=BLUE)
    for start, end in pairwise(path):
        if abs(end - start) < reach / 1000:
            continue  # too short for an arrow
        axes.annotate(
            "",
            (end, loss_at(end)),
            (start, loss_at(start)),
            arrowprops={"arrowstyle": "->", "color": GREEN, "lw": 1.4},
        )
    axes.plot(path, loss_at(path), "o", color=GREEN, markersize=4)
    axes.plot(
        path[0],
        loss_at(path[0]),
        "s",
        color=RED,
        markersize=8,
        label=f"start, L = {loss_at(path[0])}",
    )
    axes.plot(
        path[-1],
        loss_at(path[-1]),
        "D",
        color="black",
        markersize=6,
        label=f"after {len(path) - 1} steps, L = {loss_at(path[-1]):.3g}",
    )
    axes.set(
        title=rf"$\alpha$ = {lr:g}: b times {1 - lr * CURVATURE:.12g} in each step",
        xlabel="b",
        ylabel="L",
    )
    axes.legend(loc="upper center")
    if reach > 100:
        draw_first_steps(axes.inset_axes([0.43, 0.37, 0.3, 0.36]), path[:3])


def draw_first_steps(axes, path):
    """The first steps, enlarged: the whole path is too wide to show them."""
    from refnet.plot.style import BLUE, GREEN, RED

    line = np.linspace(-12, 31, 100)
    axes.plot(line, loss_at(line), color=BLUE)
    for start, end in pairwise(path):
        axes.annotate(
            "",
            (end, loss_at(end)),
            (start, loss_at(start)),
            arrowprops={"arrowstyle": "->", "color": GREEN, "lw": 1.4},
        )
    axes.plot(path, loss_at(path), "o", color=GREEN, markersize=4)
    axes.plot(path[0], loss_at(path[0]), "s", color=RED, markersize=5)
    axes.set_title("the first two steps", fontsize=8)
    axes.tick_params(labelsize=7)


def draw_or_gate():
    from refnet.plot.style import LINES, sheet

    figure, axes = sheet(width=6.4, height=4.4)
    for lr, style in zip((0.5, 1.0, 5.0, 50.0, 500.0), LINES, strict=False):
        cost = trained(lr, 1000)[1]
        axes.plot(np.arange(1, len(cost)), cost[1:], linestyle=style, label=f"{lr:g}")
    axes.set(
        title=r"OR gate: $\alpha$ = 50 does not diverge, 500 gets stuck",
        xlabel="epoch",
        ylabel="cost",
        xscale="log",
        yscale="log",
    )
    axes.legend(title=r"$\alpha$")
    return figure


def draw_loss_curve():
    from refnet.plot.style import BLUE, RED, sheet

    figure, (left, right) = sheet(1, 2)
    b, out, loss, slope = by_bias()
    left.plot(b, loss, color=BLUE, label=r"$\sigma(b)^2/2$")
    left.plot(0, 0.125, "o", color="black", label="b = 0, L = 0.125")
    left.set(title="the loss for (0, 0) over b: an S, not a U", xlabel="b", ylabel="L")
    right.plot(out, slope, color=BLUE, label="dL/db, of the neuron")
    right.plot(out, out, "--", color=RED, label="dL/d output")
    right.plot(
        out[slope.argmax()],
        slope.max(),
        "o",
        color="black",
        label=f"steepest, at output {out[slope.argmax()]:.2f}",
    )
    right.set(
        title="label 0: the slope over the output",
        xlabel="output (0 is right, 1 is most incorrect)",
        ylabel="slope",
    )
    for axes in (left, right):
        axes.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
