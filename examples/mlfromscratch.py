"""mlfromscratch, Neural Networks: Feedforward and Backpropagation Explained: matrix
form, and the gradient as chains.

Its network is input-hidden-hidden-output; here it is 4-5-4-3, all sigmoids, on the iris
data of scikit-learn. Layers count from 0, as in the text: the input is layer 0, and
w^(1) leads to layer 1. The sections are the text's headings. What the text says of
optimizers is in mlfromscratch_descent.py.

    python examples/mlfromscratch.py [--plot DIR]
"""

from functools import cache, reduce
from itertools import pairwise, takewhile

import numpy as np

import refnet
from printed import Printed, run, side_by_side, wanted
from refnet.forms import accumulated

with wanted("parity"):
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import MinMaxScaler

TITLE = "mlfromscratch, Feedforward and Backpropagation Explained: gradients as chains"
LOSS = "half_squared_error"
LR, BATCH = 3.0, 16
COUNTED = ("zero", "one", "two", "three", "four", "five")
ORDINAL = ("first", "second", "third", "fourth")


@cache
def iris():
    """Measurements and species, split into a training and a test part, not scaled."""
    x, labels = load_iris(return_X_y=True)
    return train_test_split(x, labels, random_state=0)


@cache
def training_rows():
    """The training part scaled to [0, 1], and its species one-hot."""
    x, _, labels, _ = iris()
    return MinMaxScaler().fit_transform(x), refnet.one_hot(labels, 3)


def network(*sizes, seed=0, init=None):
    """A network of sigmoids whose biases start at 0."""
    net = refnet.mlp(
        sizes, hidden="sigmoid", output="sigmoid", init=init or refnet.Normal(std=1.0), seed=seed
    )
    for layer in net.layers:
        layer.b[...] = 0
    return net


def gradients(net, x, y):
    """C and its gradients."""
    return net.loss_and_gradients(x, y, LOSS)


def story():
    yield (
        'Where the text prints no figure, the column beside ours is headed "expected". It holds '
        "refnet's figure, unless a sentence says whose."
    )
    yield from overview()
    yield from neurons()
    yield from notation()
    yield from calculus()
    yield from equations()
    yield from deeper()


def overview():
    """What is subtracted from a weight: the cost, as this section has it, or the
    gradient.
    """
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    before = gradients(net, x, y)[0]
    for _ in range(100):
        cost = gradients(net, x, y)[0]
        for layer in net.layers:
            layer.W[...] -= 0.1 * cost
    what = "Overview", "100 times: subtract 0.1 C from every weight", "optimizes"
    yield Printed(*what, risen(before, gradients(net, x, y)[0]), "mlfromscratch-cost-of-a-weight")


def neurons():
    """Data between 0 and 1, and one neuron."""
    x, x_test, _, _ = iris()
    low, high = x.min(axis=0), x.max(axis=0)
    by_formula, scaled = (x - low) / (high - low), training_rows()[0]
    yield "MinMax scaling by hand, column by column. Expected is what MinMaxScaler gives:"
    yield Printed(
        "Neurons and Activation Functions",
        "(x - min) / (max - min)",
        side_by_side(scaled, 12),
        by_formula,
        column="expected",
    )
    yield Printed(
        "Neurons and Activation Functions",
        "range of the scaled data",
        "between 0 and 1",
        between(scaled),
    )
    least = ((x_test - low) / (high - low)).min()
    yield (
        f"The test part is scaled with min and max of the training part, so it may leave that "
        f"range: its smallest value is {least:.3f}."
    )
    a = network(4, 5, 4, 3).forward(scaled)
    yield Printed(
        "Neurons and Activation Functions",
        "activations of sigmoids",
        "between 0 and 1",
        between(np.concatenate([layer.a.ravel() for layer in a])),
    )
    weights = np.array([2.2, -1.2, 0.4])
    one = refnet.Network([refnet.Dense([weights], [0.0], "sigmoid")]).predict(scaled[:1, :3]).item()
    yield (
        f"A neuron with the text's weights 2.2, -1.2, 0.4 and the inputs "
        f"{side_by_side(scaled[0, :3])} has the activation {one:.3f}."
    )


def between(values):
    """The range of the values, in words."""
    low, high = values.min(), values.max()
    return "between 0 and 1" if low >= 0 and high <= 1 else f"{low:.3f} to {high:.3f}"


def notation():
    """What a_2^(1) and w_2,3^(2) are, and the forward pass in matrix form."""
    net, x = network(4, 5, 4, 3), training_rows()[0][0]
    a = activations(net, x)
    nudged = net.copy()
    nudged.layers[0].b[2] += 1.0
    layer, neuron = first_change(a, activations(nudged, x))
    yield Printed(
        "Notation: Linear Algebra",
        "a_2^(1)",
        "number three, second layer",
        f"number {COUNTED[neuron + 1]}, {ORDINAL[layer]} layer",
    )
    (layer, to), (below, source) = reached_by(net, x, a)
    yield Printed(
        "Notation: Linear Algebra",
        "w_2,3^(2), to",
        "third neuron, third layer",
        f"{ORDINAL[to]} neuron, {ORDINAL[layer]} layer",
    )
    yield Printed(
        "Notation: Linear Algebra",
        "w_2,3^(2), from",
        "neuron four, second layer",
        f"neuron {COUNTED[source + 1]}, {ORDINAL[below]} layer",
    )
    column = reduce(
        lambda a, layer: refnet.Sigmoid().value(layer.W @ a + layer.b[:, None]),
        net.layers,
        x[:, None],
    )
    by_refnet, what = (
        side_by_side(net.predict([x]), 12),
        "a^(l) = sigma(W a^(l-1) + b), three times",
    )
    yield Printed("Notation: Linear Algebra", what, by_refnet, column, column="expected")


def activations(net, x):
    """a^(0), which is x, a^(1), ..."""
    return [x, *(layer.a[0] for layer in net.forward([x]))]


def first_change(before, after):
    """Layer and neuron, counted from 0, of the first activation that changed."""
    layer = next(
        l
        for l, (old, new) in enumerate(zip(before, after, strict=True))
        if not np.array_equal(old, new)
    )
    return layer, int(np.abs(after[layer] - before[layer]).argmax())


def reached_by(net, x, a):
    """The neurons that w_2,3^(2) joins, each as layer and neuron.

    The upper one changes first when the weight grows by 1. Its z then grows by the
    activation of the lower one.
    """
    nudged = net.copy()
    nudged.layers[1].W[2, 3] += 1.0
    layer, to = first_change(a, activations(nudged, x))
    growth = (nudged.forward([x])[layer - 1].z - net.forward([x])[layer - 1].z)[0, to]
    every = [(l, k) for l, values in enumerate(a) for k in range(len(values))]
    return (layer, to), min(every, key=lambda at: abs(a[at[0]][at[1]] - growth))


def calculus():
    """The chain rule, beside a measured slope."""
    sigmoid, w, h = refnet.Sigmoid(), 2.2, 1e-5
    left, middle, right = sigmoid.value(w * np.array([0.5 - h, 0.5, 0.5 + h]))
    yield (
        f"sigma(2.2 x) is {middle:.4f} at x = 0.5. Expected is its slope as measured between two "
        f"points near by; computed is what the chain rule gives:"
    )
    by_chain = w * middle * (1 - middle)
    yield Printed(
        "Calculus Knowledge",
        "2.2 sigma'(2.2 x) at x = 0.5",
        f"{(right - left) / (2 * h):.6f}",
        by_chain,
        column="expected",
    )


def equations():
    """The three gradient equations of the output layer, the gradient vector, and its
    average over a mini-batch.
    """
    yield from output_layer()
    yield from gradient_vector()
    yield from mini_batch()
    yield from directions()


def output_layer():
    """The three equations for one sample. Expected are the gradients of a network that
    is the top layer alone, with a^(L-1) as its input.
    """
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    top = refnet.Network(net.layers[-1:])
    by_refnet = gradients(top, net.forward(x[:1])[-2].a, y[:1])[1]
    expected = by_refnet[0].dW, by_refnet[0].db, by_refnet.wrt_input(top)
    yield (
        "The three equations multiply the factors of the output layer. The third, dC/da of the "
        "layer below, is where the next layer starts:"
    )
    for last, right, got in zip(
        ("dz/dw", "dz/db", "dz/da, below"), expected, three_equations(net, x[0], y[0]), strict=True
    ):
        yield Printed(
            "Three equations for calculating the gradient",
            f"dC/da da/dz {last}",
            side_by_side(right, 12),
            got,
            column="expected",
        )


def gradient_vector():
    """It has an entry for each weight and bias; the largest belongs to the one with the
    most impact.
    """
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    vector = gradients(net, x, y)[1].vector
    count = sum(layer.W.size + layer.b.size for layer in net.layers)
    size = "weights and biases" if vector.size == count else f"{vector.size}"
    yield Printed(
        "Three equations for calculating the gradient",
        "dimensions of the gradient vector",
        "weights and biases",
        size,
    )
    impact = np.abs(nudges(net, x, y))
    most = "largest ratio" if impact.argmax() == np.abs(vector).argmax() else "another"
    yield Printed(
        "Three equations for calculating the gradient",
        f"the weight or bias with most impact, of {count}",
        "largest ratio",
        most,
    )


def mini_batch():
    """The average gradient of its samples is the gradient of their average cost."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    x, y = x[:BATCH], y[:BATCH]
    each = [gradients(net, x[i : i + 1], y[i : i + 1])[1].vector for i in range(BATCH)]
    summed = accumulated.gradient(net, x, y, LOSS)
    looped = [
        array.ravel() for dW, db in zip(summed.dW, summed.db, strict=True) for array in (dW, db)
    ]
    of_the_mean = side_by_side(gradients(net, x, y)[1].vector, 12)
    yield f"A mini-batch of {BATCH} samples. Expected is the gradient of their average cost:"
    yield Printed(
        "Three equations for calculating the gradient",
        "average of the samples' gradients",
        of_the_mean,
        np.mean(each, axis=0),
        column="expected",
    )
    yield Printed(
        "Three equations for calculating the gradient",
        "summed in a loop over them, then divided",
        of_the_mean,
        np.concatenate(looped),
        column="expected",
    )


def directions():
    """Steps along the gradient, against it, and too early."""
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    cost, grads = gradients(net, x, y)
    small, some, large = (
        relative(updated_on_the_way(net, x, y, lr), grads[0].dW) for lr in (0.1, 1.0, LR)
    )
    yield (
        f"If each layer's weights are updated before the delta passes through them, dC/dw^(1) is "
        f"{small:.1%} off at eta = 0.1, and {some:.0%} off at 1."
    )
    off = f"{large:.0%} off at eta = {LR:g}" if large > 1e-6 else "the gradient"
    yield Printed(
        "Three equations for calculating the gradient",
        "weights updated layer by layer going back",
        "the gradient",
        off,
        "mlfromscratch-update-going-back",
    )
    up, down = (moved(net, sign * grads.vector, x, y) for sign in (0.1, -0.1))
    yield Printed(
        "Three equations for calculating the gradient",
        "stepping in the direction of the gradient",
        "optimizes",
        risen(cost, up),
        "mlfromscratch-direction",
    )
    yield Printed(
        "Three equations for calculating the gradient",
        "later: with a minus in front",
        "optimizes",
        risen(cost, down),
    )


def three_equations(net, x, y):
    """dC/dw = dz/dw da/dz dC/da, dC/db and dC/da^(L-1) of the output layer, for one
    sample.
    """
    below, top = net.forward([x])[-1].a_prev[0], net.predict([x])[0]
    dC_da, da_dz = top - y, top * (1 - top)
    return np.outer(dC_da * da_dz, below), dC_da * da_dz, net.layers[-1].W.T @ (da_dz * dC_da)


def moved(net, step, x, y):
    """C after a step."""
    other = net.copy()
    other.parameters[:] += step
    return gradients(other, x, y)[0]


def nudges(net, x, y):
    """How far C changes when each weight and bias in turn is nudged."""
    cost = gradients(net, x, y)[0]
    return np.array([moved(net, 1e-4 * row, x, y) - cost for row in np.eye(net.parameters.size)])


def risen(before, after):
    """What the cost did, in words."""
    return "optimizes" if after < before else f"cost rises, {before:.3f} to {after:.3f}"


def chain(layer, last, of):
    """The names of the factors whose product is dC/dw or dC/db of a layer, or dC/da of
    the layer below it.
    """
    factors = [f"dC/da{last}"]
    for l in range(last, layer, -1):
        factors += [f"da{l}/dz{l}", f"dz{l}/da{l - 1}"]
    return [*factors, f"da{layer}/dz{layer}", f"dz{layer}/d{of}{layer - (of == 'a')}"]


@cache
def scalar():
    """A 1-1-1-1 network on one number, the values of all its partial derivatives, and
    its gradients.
    """
    net = network(1, 1, 1, 1, seed=3)
    trace = net.forward([[0.8]])
    values = {"dC/da3": trace.output.item() - 1.0}
    for l, (layer, step) in enumerate(zip(net.layers, trace, strict=True), start=1):
        values |= {
            f"da{l}/dz{l}": (step.a * (1 - step.a)).item(),
            f"dz{l}/dw{l}": step.a_prev.item(),
            f"dz{l}/db{l}": 1.0,
        }
        values[f"dz{l}/da{l - 1}"] = layer.W.item()
    return net, values, gradients(net, [[0.8]], [[1.0]])[1]


def deeper():
    """The chains of partial derivatives, and which of them are shared."""
    old = {*chain(2, 2, "w"), *chain(2, 2, "a")}
    new, pairs = (
        [each for each in chain(1, 2, "w") if each not in old],
        zip(chain(1, 2, "w"), chain(1, 2, "b"), strict=True),
    )
    shared = list(takewhile(lambda pair: pair[0] == pair[1], pairs))
    yield Printed(
        "Example: Going Deeper", f"new for dC/dw^(1): {', '.join(new)}", "two", COUNTED[len(new)]
    )
    yield Printed(
        "Example: Going Deeper", "factors that dC/dw^(1) and dC/db^(1) share", "4", len(shared)
    )
    net, values, grads = scalar()
    yield Printed(
        "Example: Going Deeper",
        "layers of input-hidden-hidden-output",
        "four",
        COUNTED[len(net.sizes)],
    )
    product = np.prod([values[factor] for factor in chain(1, 3, "w")])
    yield (
        f"The text's last formula, on a 1-1-1-1 network. Expected is dC/dw^(1) from the deltas:\n"
        f"  dC/dw1 = {' * '.join(chain(1, 3, 'w'))}"
    )
    yield Printed(
        "Putting Neural Networks Into Steps",
        "the product",
        f"{grads[0].dW.item():.12f}",
        product,
        column="expected",
    )
    yield from wide()


def wide():
    """The same with several neurons in a layer: Jacobian matrices, or a sum over
    paths.
    """
    (x, y), net = training_rows(), network(4, 5, 4, 3)
    dW = gradients(net, x[:1], y[:1])[1][0].dW
    chained = jacobians(net, x[0], y[0])
    yield Printed(
        "Putting Neural Networks Into Steps",
        "the factors as Jacobian matrices, 4-5-4-3",
        side_by_side(dW, 12),
        chained,
        column="expected",
    )
    terms = paths(net, x[0], y[0], 2, 3)
    yield f"For one weight, w_2,3^(1), the derivative is a sum over {terms.size} paths:"
    yield Printed(
        "Example: Going Deeper",
        f"sum over the {terms.size} paths",
        f"{dW[2, 3]:.12f}",
        terms.sum(),
        column="expected",
    )
    size = np.abs(terms)
    yield (
        f"The largest path contributes {terms.flat[size.argmax()]:.6f}, the smallest "
        f"{terms.flat[size.argmin()]:.6f}."
    )
    small = network(4, 5, 3)
    other = small.copy()
    other.layers[0].W[...] *= 2
    first, second = (gradients(each, x, y)[1][1].dW for each in (small, other))
    change = np.abs(second - first).max() / np.abs(first).max()
    only = f"and on w^(1): doubled, {change:.0%} off" if change else "only"
    yield Printed(
        "Example: Going Deeper",
        "dC/dw^(2) depends on C and layer 2",
        "only",
        only,
        "mlfromscratch-depends-only",
    )


def jacobians(net, x, y):
    """dC/da3 da3/dz3 dz3/da2 da2/dz2 dz2/da1 da1/dz1 dz1/dw1, multiplied in this order.

    Each factor is a matrix; the last one enters as an outer product with x.
    """
    trace = net.forward([x])
    row = trace.output - y
    for layer, step in zip(net.layers[:0:-1], trace[:0:-1], strict=True):
        row = row @ np.diag((step.a * (1 - step.a))[0]) @ layer.W
    return np.outer(row @ np.diag((trace[0].a * (1 - trace[0].a))[0]), x)


def paths(net, x, y, j, k):
    """The contribution of each path from C to w_jk^(1): row i, column h is the path
    through neuron i of layer 3 and neuron h of layer 2.
    """
    trace = net.forward([x])
    first, second, third = ((step.a * (1 - step.a))[0] for step in trace)  # da/dz of the layers
    (_, W2, W3), dC_da = (layer.W for layer in net.layers), trace.output[0] - y
    to_layer_2 = (dC_da * third)[:, None] * W3
    return to_layer_2 * (second * W2[:, j]) * (first[j] * x[k])


def relative(wrong, right):
    """The norm of the difference, relative to the norm of the right one."""
    return np.linalg.norm(wrong - right) / np.linalg.norm(right)


def updated_on_the_way(net, x, y, lr):
    """dW of the first layer with a mistake: each layer takes its step before the delta
    passes through it.
    """
    trace = net.forward(x)
    delta = net.backward(trace, LOSS, y)[-1].delta
    for layer, above, step, step_above in zip(
        net.layers[-2::-1], net.layers[:0:-1], trace[-2::-1], trace[:0:-1], strict=True
    ):
        W = above.W - lr * delta.T @ step_above.a_prev
        delta = layer.activation.pullback(delta @ W, step.z, step.a)
    return delta.T @ x


def drawings():
    yield "mlfromscratch_chain", draw_chain


def draw_chain():
    from refnet.plot.style import BLUE, RED, sheet

    net, values, grads = scalar()
    names = ["a0", "z1", "a1", "z2", "a2", "z3", "a3", "C"]
    numbers = [
        0.8,
        *(value.item() for layer in net.forward([[0.8]]) for value in (layer.z, layer.a)),
        values["dC/da3"] ** 2 / 2,
    ]
    at = {name: 0.6 + 1.9 * i for i, name in enumerate(names)}
    figure, axes = sheet(width=12, height=4.2)
    factor = {"ha": "center", "va": "bottom", "color": RED, "fontsize": 9}
    for name, number in zip(names, numbers, strict=True):
        node(axes, at[name], 2.4, f"{name}\n{number:.3f}")
    for left, right in pairwise(names):
        arrow(axes, (at[left] + 0.45, 2.5), (at[right] - 0.45, 2.5), BLUE, "-")
        if left != "a0":
            arrow(axes, (at[right] - 0.45, 2.3), (at[left] + 0.45, 2.3), RED, "--")
            name = f"d{right}/d{left}"
            axes.text((at[left] + at[right]) / 2, 2.62, f"{name}\n{values[name]:.3f}", **factor)
    for l, layer in enumerate(net.layers, start=1):
        z = at[f"z{l}"]
        node(axes, z, 0.4, f"w{l}\n{layer.W.item():.3f}")
        arrow(axes, (z - 0.1, 0.9), (z - 0.1, 1.9), BLUE, "-")
        arrow(axes, (z + 0.1, 1.9), (z + 0.1, 0.9), RED, "--")
        axes.text(z + 0.85, 1.15, f"dz{l}/dw{l}\n{values[f'dz{l}/dw{l}']:.3f}", **factor)
        axes.text(
            z + 0.55,
            0.4,
            f"dC/dw{l} =\n{grads[l - 1].dW.item():.5f}",
            va="center",
            weight="bold",
            fontsize=9,
        )
    for left, right, text in (
        ("z3", "C", "computed for w3, used again"),
        ("z2", "z3", "for w2, used again"),
        ("z1", "z2", "new for w1"),
    ):
        axes.annotate(
            "",
            (at[left] + 0.1, 3.75),
            (at[right] - 0.1, 3.75),
            arrowprops={"arrowstyle": "|-|,widthA=0.3,widthB=0.3"},
        )
        axes.text((at[left] + at[right]) / 2, 3.87, text, ha="center", va="bottom")
    axes.set(
        title="1-1-1-1: each gradient is the product of the red factors on its way back from C",
        xlim=(-0.1, 14.5),
        ylim=(-0.2, 4.4),
    )
    axes.text(at["a0"], 1.15, "blue: forward\nred, dashed: back", fontsize=9, ha="center")
    axes.axis("off")
    return figure


def node(axes, x, y, text):
    """A circle with a name and a value."""
    axes.plot(x, y, "o", markersize=40, color="#F3F3F3", markeredgecolor="black", zorder=2)
    axes.text(x, y, text, ha="center", va="center", fontsize=9, zorder=3)


def arrow(axes, start, end, colour, line):
    """An arrow from start to end."""
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "ls": line,
            "lw": 1.5,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
