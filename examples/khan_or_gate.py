"""Khan, Nothing but NumPy: Understanding & Creating Neural Networks with Computational
Graphs from Scratch, the OR gate.

One sigmoid neuron: first one example by hand, gate by gate; then all four rows at once;
then 5,000 epochs. The sections are the text's headings.

    python examples/khan_or_gate.py [--plot DIR]
"""

from functools import cache

import numpy as np

import refnet
from printed import Printed, run, side_by_side
from refnet.forms import accumulated, graph, perceptron

TITLE = "Khan, Nothing but NumPy: one sigmoid neuron learns the OR gate"
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0], [1], [1], [1]])
W, LOSS = [[0.1, 0.6]], "half_squared_error"
FLAT, END = 3000, 5000  # the epochs at which the text calls the cost curve flat, and stops
UNDERSTANDING = "Understanding a Neural Network"
WAY = "Two ways to perform batch gradient descent, {}"


class CountingSigmoid(refnet.Sigmoid):
    """A sigmoid that counts how many values it computes."""

    count = 0

    def value(self, z):
        CountingSigmoid.count += z.size
        return super().value(z)


def neuron(b=0.0, activation="sigmoid"):
    """The text's network with its first weights, as a refnet.Network."""
    return refnet.Network([refnet.Dense(W, [b], activation)])


@cache
def worked(rows, b=0.0, weights=(0.1, 0.6)):
    """The text's graph after a forward and a backward pass on its first rows.

    Returns the chain of gates, and the linear gate alone.
    """
    linear = graph.Linear([list(weights)], [b])
    chain = graph.Chain([linear, graph.Activate("sigmoid"), graph.Cost(LOSS, Y[:rows].T)])
    chain.forward(X[:rows].T)
    chain.backward()
    return chain, linear


def stepped(linear, lr=1.0):
    """b and weights after one step of gradient descent."""
    return (linear.b - lr * linear.db).item(), tuple((linear.W - lr * linear.dW)[0].tolist())


@cache
def trained(lr=1.0, epochs=END):
    """The trained network, and the cost before each epoch and after the last one."""
    net = neuron()
    history = refnet.fit(net, X, Y, loss=LOSS, optimizer=refnet.SGD(lr=lr), epochs=epochs)
    return net, np.array([*history.loss, net.loss_and_gradients(X, Y, LOSS)[0]])


def each_loss(i):
    """The loss of one example."""
    return neuron().loss_and_gradients(X[i : i + 1], Y[i : i + 1], LOSS)[0]


def evaluations(rows):
    """How many sigmoids it takes to accumulate the gradient over so many rows."""
    before = CountingSigmoid.count
    accumulated.gradient(
        neuron(activation=CountingSigmoid()), np.resize(X, (rows, 2)), np.resize(Y, (rows, 1)), LOSS
    )
    return CountingSigmoid.count - before


def story():
    yield from sigmoid_alone()
    yield from one_example()
    yield from one_step()
    yield from all_four()
    yield from as_columns()
    yield from row_by_row()
    yield from many_epochs()
    yield from both_sides()


def sigmoid_alone():
    """What the text says of the sigmoid, and of the OR gate."""
    sigmoid = refnet.Sigmoid()
    at = sigmoid.value(np.array([2.0, -2.0]))
    yield Printed(
        UNDERSTANDING,
        "sigma(z) for z > 2",
        "about 1",
        about(at[0], 1, "just above 2"),
        "khan-sigma-of-2",
    )
    yield Printed(
        UNDERSTANDING,
        "sigma(z) for z < -2",
        "about 0",
        about(at[1], 0, "just below -2"),
        "khan-sigma-of-2",
    )
    yield f"The sigmoid comes within 0.01 of 0 or 1 where |z| > {np.log(0.99 / 0.01):.3f}."
    yield Printed(UNDERSTANDING, "range of the sigmoid", "(0, 1)", sigmoid_range(sigmoid))
    separable = perceptron.learn(X, Y[:, 0]).separable
    yield Printed(
        UNDERSTANDING,
        "the OR gate",
        "linearly separable",
        "linearly separable" if separable else "no line separates it",
    )


def one_example():
    """(0, 0) by hand: forward and backward."""
    chain, linear = worked(1)
    z, y, loss = chain.values
    slope = refnet.Sigmoid().derivative(z, y)
    yield Printed(UNDERSTANDING, "output for (0, 0)", "0.5", y)
    yield Printed("Loss Function", "loss for (0, 0)", "0.125", loss)
    yield (
        f"Forward: z = {z.item():g}. Backward: the sigmoid receives the upstream gradient dL/dy = "
        f"{chain.upstream[1].item():g}, multiplies it by its local gradient {slope.item():g}, and "
        f"passes the product dL/dz = {chain.upstream[0].item():g} on to the linear gate."
    )
    yield Printed(
        "Loss Function",
        "dL/dw1, dL/dw2",
        "ZERO",
        "ZERO" if not linear.dW.any() else side_by_side(linear.dW),
    )
    yield (
        f"dL/dw = dL/dz x, and x = {X[0].tolist()}: this example cannot change the weights. "
        f"The local gradient of b is 1:"
    )


def one_step():
    """(0, 0) by hand: a step of the bias, and the loss after it."""
    chain, linear = worked(1)
    yield Printed("Bias", "a line without b passes through", "(0, 0)", (0, chain.values[0].item()))
    yield Printed("Bias", "dL/db", "0.125", linear.db)
    b, weights = stepped(linear)
    after = worked(1, b, weights)[0].values
    yield Printed("Bias", "b after one step, alpha = 1", "-0.125", b)
    others = ", ".join(
        f"{stepped(linear, alpha)[0]:g} at {alpha:g}" for alpha in (0.5, 0.9, 2.0, 3.0)
    )
    yield (
        f"The text also names other learning rates. They would lead to b = {others}. "
        f"From b = {b:g}, forward again:"
    )
    yield Printed("Bias", "output", "0.469", after[1])
    yield Printed("Bias", "loss", "0.109", after[2], "khan-loss-cut-off")


def all_four():
    """Batch gradient descent on all four rows."""
    yield (
        f"All four rows, from b = 0 again. (From b = -0.125, where the example above ended, the "
        f"cost would be {worked(4, -0.125)[0].values[2]:.3f}.) Way 2 takes all rows through the "
        f"gates at once, a column per row; way 1 adds up the gradients row by row."
    )
    chain, linear = worked(4)
    yield f"  Z        {side_by_side(chain.values[0])}"
    yield f"  outputs  {side_by_side(chain.values[1])}"
    yield f"  dCost/dW {side_by_side(linear.dW)}, dCost/db {side_by_side(linear.db)}"
    yield Printed(
        "Cost Function",
        "average of the four losses",
        "0.089",
        np.mean([each_loss(i) for i in range(4)]),
    )
    up = linear.dW[0] < 0, np.array(stepped(linear)[1]) > linear.W[0]
    yield Printed(
        "Loss Function",
        "weights with a negative derivative",
        "increase",
        "increase" if np.array_equal(*up) else "decrease",
    )


def as_columns():
    """Way 2: the graph, with a column for each row."""
    section, (chain, linear) = WAY.format(2), worked(4)
    second, again = worked(4, *stepped(linear))
    yield Printed(section, "cost", "0.089", chain.values[2])
    yield Printed(
        section,
        "cost after the first step",
        "0.084",
        second.values[2],
    )
    yield Printed(
        section,
        "dCost/dW after it",
        "[-0.044, -0.035]",
        again.dW,
    )
    yield Printed(section, "dCost/db after it", "[-0.031]", again.db)


def row_by_row():
    """Way 1: the gradients of the rows, added up (the text's capital deltas)."""
    section, net = WAY.format(1), neuron()
    yield Printed(
        section,
        "cost, accumulated",
        "0.089",
        accumulated.step(net, X, Y, LOSS, 1.0),
    )
    summed = accumulated.gradient(net, X, Y, LOSS)
    yield Printed(
        section,
        "cost after the first step, accumulated",
        "0.084",
        summed.loss,
    )
    yield Printed(
        section,
        "dCost/dW after it, accumulated",
        "[-0.044, -0.035]",
        summed.dW[0],
    )
    yield Printed(
        section,
        "dCost/db after it, accumulated",
        "[-0.031]",
        summed.db[0],
    )
    counts = [evaluations(rows) for rows in (10, 20, 40)]
    power = np.log2(counts[2] / counts[1])
    yield Printed(
        section,
        "time of the accumulators",
        "O(n^2)",
        f"O(n^{power:g})",
        "khan-quadratic",
    )
    yield (
        f"10, 20 and 40 rows take {', '.join(map(str, counts))} sigmoids: the work grows in "
        f"proportion to the rows, not to their square."
    )
    _, again = worked(4, *stepped(worked(4)[1]))
    both = np.append(summed.dW[0], summed.db[0])
    what = "dCost/dW, dCost/db; expected: those of way 2"
    yield Printed(
        section,
        what,
        side_by_side(np.append(again.dW, again.db), 12),
        both,
        column="expected",
    )


def many_epochs():
    """The cost curve."""
    net, cost = trained()
    yield Printed("Cost curve", f"cost after {END} epochs", "0.0005", cost[END])
    yield Printed(
        "Cost curve",
        "the cost falls",
        "steadily",
        "steadily" if (np.diff(cost) < 0).all() else "not steadily",
    )
    yield Printed("Decision Boundary", "outputs, as classes", "0 1 1 1", net.classify(X))
    more = 1 - cost[END] / cost[FLAT]
    slight = f"the cost falls {more:.0%} more by {END}" if more > 0.1 else "slight improvement"
    yield Printed(
        "Cost curve",
        f"flat, converged after {FLAT}",
        "slight improvement",
        slight,
        "khan-converged",
    )
    away = far_from(trained(epochs=FLAT)[0].parameters, net.parameters)
    yield Printed("Cost curve", f"weights after {FLAT}", "have converged", away, "khan-converged")
    power = np.log(cost[END] / cost[FLAT]) / np.log(END / FLAT)
    yield (
        f"From there on the cost falls as epochs^{power:.2f}. No weights are the best: larger "
        f"ones are always a little better."
    )


def both_sides():
    """The outputs on both sides of the decision boundary."""
    net, _ = trained()
    below, above = sides(net)
    yield Printed(
        "Decision Boundary",
        "outputs below the boundary",
        "0",
        span(below, 0),
        "khan-outputs-0-and-1",
    )
    yield Printed(
        "Decision Boundary",
        "outputs above the boundary",
        "1",
        span(above, 1),
        "khan-outputs-0-and-1",
    )
    yield (
        f"For the four rows the outputs are {side_by_side(net.predict(X), 4)}. The classes are 0 "
        f"and 1; the outputs lie between."
    )


def far_from(old, new):
    """How far the weights moved, in words."""
    still = np.array_equal(old.round(2), new.round(2))
    return "have converged" if still else f"w1 {old[0]:.2f}, then {new[0]:.2f}"


def plane(net, points=201):
    """The outputs over the square that the pictures show."""
    line = np.linspace(-0.5, 1.5, points)
    return line, net.predict(np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)).reshape(
        points, points
    )


def sides(net):
    """The outputs in the square below the decision boundary, and above it."""
    outputs = plane(net)[1]
    return outputs[outputs < 0.5], outputs[outputs > 0.5]


def span(outputs, claimed):
    """The claimed value where all outputs round to it, else their range."""
    return (
        str(claimed)
        if (outputs.round(1) == claimed).all()
        else f"{outputs.min():.3f} to {outputs.max():.3f}"
    )


def sigmoid_range(sigmoid):
    """The limits of the sigmoid, in round brackets where it does not reach them."""
    (low, high), inside = (
        sigmoid.value(np.array([-800.0, 800.0])),
        sigmoid.value(np.linspace(-30, 30, 61)),
    )
    left, right = "(" if inside.min() > low else "[", ")" if inside.max() < high else "]"
    return f"{left}{low:g}, {high:g}{right}"


def about(value, claimed, where):
    """The claim in words where the value rounds to it, else the value and where."""
    return f"about {claimed}" if round(value, 1) == claimed else f"{value:.2f} {where}"


def drawings():
    yield "khan_graph_by_hand", draw_by_hand
    yield "khan_graph_batch", draw_batch
    yield "khan_training", draw_training


def draw_by_hand():
    from refnet.plot.style import sheet

    figure, panels = sheet(2, 1, width=11.5, height=4.2)
    first = worked(1)
    passes = (first, worked(1, *stepped(first[1])))
    titles = (
        "x = (0, 0), label 0: the weights get no gradient, the bias does",
        "after one step, b := b - dL/db: output and loss fall",
    )
    for axes, (chain, linear), title in zip(panels, passes, titles, strict=True):
        (w1, w2), (dw1, dw2), b, db = linear.W[0], linear.dW[0], linear.b.item(), linear.db.item()
        leaves = [("x1", "0", "", ""), ("w1", f"{w1:g}", f"{dw1:g}", "x1 = 0"), ("x2", "0", "", "")]
        leaves += [("w2", f"{w2:g}", f"{dw2:g}", "x2 = 0"), ("b", f"{b:g}", f"{db:.3f}", "1")]
        draw_graph(axes, chain, leaves, title, "L")
    return figure


def draw_batch():
    from refnet.plot.style import sheet

    figure, axes = sheet(width=11.5, height=4.2)
    chain, linear = worked(4)
    leaves = [("X", "0 0 1 1\n0 1 0 1", "", "")]
    leaves += [
        ("W", side_by_side(linear.W, 1), side_by_side(linear.dW), "X"),
        ("b", "0", side_by_side(linear.db), "1"),
    ]
    draw_graph(
        axes,
        chain,
        leaves,
        "all four rows at once, a column each: W and b get the sum over the columns",
        "Cost",
    )
    return figure


def draw_graph(axes, chain, leaves, title, cost):
    """The graph: values above the arrows that lead right, gradients below those that
    lead left, local gradients in the gates.
    """
    from refnet.plot.style import BLUE, RED

    axes.set(title=title, xlim=(0, 15.4), ylim=(-0.2, 5.4))
    axes.axis("off")
    (z, out, loss), (dz, dout, _), y = chain.values, chain.upstream, 2.6
    gate(axes, 2.9, 5.2, y, 5.5, "", "")
    axes.text(4.05, 4.75, "linear\nz = Wx + b", ha="center", va="center", weight="bold", fontsize=9)
    for place, (name, value, gradient, local) in zip(
        np.linspace(4.7, 0.4, len(leaves)), leaves, strict=True
    ):
        axes.text(
            0.5,
            place,
            name,
            ha="center",
            va="center_baseline",
            bbox={"boxstyle": "circle", "fc": "white", "ec": BLUE},
        )
        wire(axes, 0.9, 2.9, place, value, gradient)
        if gradient:
            axes.text(3.1, place, f"dz/d{name} = {local}", va="center", fontsize=9, color=RED)
    wire(axes, 5.2, 7.8, y, f"z = {side_by_side(z)}", side_by_side(dz))
    gate(axes, 7.8, 9.7, y, 2.2, "sigmoid", columns(out * (1 - out)))
    wire(axes, 9.7, 12.3, y, f"$\\hat{{y}}$ = {side_by_side(out)}", side_by_side(dout))
    gate(axes, 12.3, 13.9, y, 2.2, "squared\nerror / 2", columns(dout))
    wire(axes, 13.9, 15.3, y, f"{cost} = {loss:.3f}", "1")
    axes.text(
        13.1,
        4.3,
        f"label{'s' if out.size > 1 else ''} {' '.join(map(str, Y[: out.size, 0]))}",
        ha="center",
    )
    axes.annotate("", (13.1, 3.7), (13.1, 4.25), arrowprops={"arrowstyle": "-|>", "color": BLUE})
    axes.text(7.8, 0.55, "blue, solid: the values, forward", color=BLUE)
    axes.text(7.8, 0.1, "red, dashed: the gradients, backward: upstream times local", color=RED)


def columns(values):
    """A local gradient as text, two values in a line."""
    words = side_by_side(values).split()
    return "local:\n" + "\n".join(" ".join(words[i : i + 2]) for i in range(0, len(words), 2))


def gate(axes, left, right, y, height, name, local):
    """A box: its name, and its local gradient below."""
    from matplotlib.patches import FancyBboxPatch

    from refnet.plot.style import RED

    style = {
        "boxstyle": "round,pad=0,rounding_size=0.2",
        "fc": "#F3F3F3",
        "ec": "black",
        "zorder": 0,
    }
    axes.add_patch(FancyBboxPatch((left, y - height / 2), right - left, height, **style))
    axes.text(
        (left + right) / 2, y + 0.55, name, ha="center", va="center", weight="bold", fontsize=9
    )
    axes.text((left + right) / 2, y - 0.45, local, ha="center", va="center", fontsize=9, color=RED)


def wire(axes, left, right, y, value, gradient):
    """Two arrows: the value forward, and below it the gradient backward, if any."""
    from refnet.plot.style import BLUE, RED

    axes.annotate(
        "",
        (right, y + 0.07),
        (left, y + 0.07),
        arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 1.6},
    )
    axes.text((left + right) / 2, y + 0.16, value, ha="center", va="bottom", color=BLUE, fontsize=9)
    if gradient:
        back = {"arrowstyle": "-|>", "color": RED, "lw": 1.4, "ls": "--"}
        axes.annotate("", (left, y - 0.07), (right, y - 0.07), arrowprops=back)
        axes.text(
            (left + right) / 2, y - 0.18, gradient, ha="center", va="top", color=RED, fontsize=9
        )


def draw_training():
    from refnet.plot.style import sheet

    net, cost = trained()
    figure, ((plain, logs), (first, last)) = sheet(2, 2, width=5.0, height=4.0)
    for axes, scale in ((plain, "linear"), (logs, "log")):
        refnet.plot.learning_curves(cost[1:], axes, label="cost")
        for epoch, marker in ((FLAT, "s"), (END, "o")):
            axes.plot(
                epoch, cost[epoch], marker, color="black", label=f"epoch {epoch}: {cost[epoch]:.5f}"
            )
        axes.set(
            title=f"cost, {scale} axes", xlabel="epoch", ylabel="cost", xscale=scale, yscale=scale
        )
        axes.legend(loc="upper right" if scale == "linear" else "lower left")
    draw_boundary(first, neuron(), "decision boundary before training")
    draw_boundary(last, net, f"after {END} epochs, with the lines\nwhere the output is .1 and .9")
    last.get_legend().remove()
    first.legend(title="label", loc="center")
    return figure


def draw_boundary(axes, net, title):
    """The square, shaded by class; the boundary is where the output is 1/2."""
    refnet.plot.decision_boundary(net, X, Y[:, 0], axes, levels=(0.1, 0.9), margin=0.5, size=90)
    axes.set(title=title, aspect="equal")


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
