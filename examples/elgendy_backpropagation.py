"""Elgendy, Deep Learning for Vision Systems, section 2.7: the chain rule along one path
and over all paths.

    python examples/elgendy_backpropagation.py [--plot DIR]
"""

from functools import cache
from itertools import permutations, product

import numpy as np

import refnet
from printed import Printed, run, side_by_side
from refnet.forms import graph

TITLE = "Elgendy, Deep Learning for Vision Systems, §2.7: backpropagation"
WHERE = "fig. 2.36"
# w_13, w_32, w_22 and w_21 of layers 1 to 4: the factors of the formula
EDGES = ((1, 3), (3, 2), (2, 2), (2, 1))
X, Y = np.array([[0.6, -0.9]]), np.array([[1.0]])


@cache
def figure_2_36():
    """Four layers, wide enough for the formula's indices: 2 inputs, 3, 4 and 2 sigmoid
    neurons, one linear output.
    """
    return refnet.mlp(
        [2, 3, 4, 2, 1], hidden="sigmoid", output="identity", init=refnet.Normal(0.0, 1.5), seed=236
    )


@cache
def gradients():
    """What backprop.py gives for the squared error of one sample."""
    return figure_2_36().loss_and_gradients(X, Y, "mse")[1]


def slopes():
    """f'(z) of every neuron, layer by layer."""
    net = figure_2_36()
    trace = net.forward(X)
    return [
        layer.activation.derivative(step.z, step.a)[0]
        for layer, step in zip(net.layers, trace, strict=True)
    ]


def along(nodes):
    """The contribution of one path to dE/dw_13 of layer 1. Nodes count from 0.

    It is the product of dE/dyhat, of weight and slope edge by edge down to node 3, and
    of the input.
    """
    net, down = figure_2_36(), slopes()
    below, middle, above, top = nodes
    effect = refnet.MSE().gradient(net.predict(X), Y).item() * down[3][top]
    for l, (upper, lower) in ((3, (top, above)), (2, (above, middle)), (1, (middle, below))):
        effect *= net.layers[l].W[upper, lower] * down[l - 1][lower]
    return effect * X[0, 0]


@cache
def paths():
    """The contribution to dE/dw_13 of each path from node 3 of layer 1 to the output.

    The formula's path is one of them.
    """
    sizes = figure_2_36().sizes
    return {nodes: along(nodes) for nodes in product([2], *(range(size) for size in sizes[2:]))}


def formula_path():
    """The nodes on the formula's path: each edge ends where the next one starts."""
    return tuple(end - 1 for _, end in EDGES)


def order_of_indices():
    """In which order of its indices the formula's weights form a path."""
    orders = {"from, to": EDGES, "to, from": [(b, a) for a, b in EDGES]}
    return next(
        (
            name
            for name, edges in orders.items()
            if all(edges[l][1] == edges[l + 1][0] for l in range(3))
        ),
        "neither",
    )


def named(value, candidates):
    """The name of the candidate that equals the value to nine decimals."""
    return next(
        (name for name, candidate in candidates.items() if f"{candidate:.9f}" == f"{value:.9f}"),
        "neither",
    )


def last_factor(h=1e-5):
    """Which factor leads from layer 4 to layer 3 on the formula's path: dz_1^(4) /
    dz_2^(3), measured as a central difference.
    """
    z = []
    for step in (h, -h):
        net = figure_2_36().copy()
        net.layers[2].b[1] += step
        z.append(net.forward(X)[3].z.item())
    factor = figure_2_36().layers[3].W[0, 1] * slopes()[2][1]
    return named(
        (z[0] - z[1]) / (2 * h), {"dw_21^(4) / dw_22^(3)": 0.0, "w_21^(4) f'(z_2^(3))": factor}
    )


def local_gradients(net, x, y):
    """The local gradients where each layer has one neuron: dz/da = w and da/dz = f'(z)
    of each layer, and dE/da.
    """
    trace, local = net.forward(x), []
    for layer, step in zip(net.layers, trace, strict=True):
        local += [layer.W.item(), layer.activation.derivative(step.z, step.a).item()]
    return [*local, refnet.MSE().gradient(trace.output, np.array(y)).item()]


def by_difference(h=1e-5):
    """dE/dw_13 of layer 1 as a central difference, without any backpropagation."""
    errors = []
    for step in (h, -h):
        net = figure_2_36().copy()
        net.layers[0].W[2, 0] += step
        errors.append(refnet.MSE().value(net.predict(X), Y))
    return (errors[0] - errors[1]) / (2 * h)


def quiet_network():
    """A 2-2-1 tanh network whose hidden values for (1, -1) are all tanh(0) = 0."""
    return refnet.Network(
        [
            refnet.Dense([[1.0, 1.0], [2.0, 2.0]], [0.0, 0.0], "tanh"),
            refnet.Dense([[1.0, 3.0]], [0.0], "identity"),
        ]
    )


def hidden_vectors():
    """Different outputs of layer 3 that lead to the same output of the network, found
    by swapping neurons.
    """
    output, vectors = figure_2_36().predict(X).item(), set()
    for order in map(list, permutations(range(2))):
        net = figure_2_36().copy()
        third, last = net.layers[2:]
        third.W[:], third.b[:], last.W[:] = third.W[order], third.b[order], last.W[:, order]
        if net.predict(X).item() == output:
            vectors.add(tuple(net.forward(X)[2].a[0]))
    return vectors


def squared_three(x):
    """f(g(x)) where f squares and g(x) = 3 x."""
    return (3 * x) ** 2


def central(g, x):
    """The central difference of g at an integer; with step 1 it is exact for a
    quadratic function.
    """
    return (g(x + 1) - g(x - 1)) // 2


def story():
    yield from chain_rule()
    yield from one_weight_after_another()
    yield from all_paths()
    yield from what_is_propagated()
    yield from cycle()


def chain_rule():
    """The chain rule, and how the sidebar writes it."""
    whole, inside = central(squared_three, 2), central(lambda x: 3 * x, 2)
    outside = central(lambda g: g**2, 3 * 2)
    yield (
        f"f(g) = g^2 and g(x) = 3 x. At x = 2 the chain rule f'(g(x)) g'(x) gives {outside} * "
        f"{inside}."
    )
    right = named(
        whole, {"f'(g(x)) g'(x)": outside * inside, "d/dx f(g(x)) d/dx g(x)": whole * inside}
    )
    yield Printed("§2.7.1", "d/dx f(g(x)), the rule", "f'(g(x)) g'(x)", right)
    yield Printed(
        "§2.7.1",
        "d/dx f(g(x)), written out",
        "d/dx f(g(x)) d/dx g(x)",
        right,
        erratum="elgendy-outside-function",
    )
    yield (
        f"The derivative of (3 x)^2 at 2, measured as a difference, is {whole}. The rule as "
        f"written out gives {whole} * {inside} = {whole * inside}."
    )


def one_weight_after_another():
    """dE/dx where each layer has one neuron: upstream times local."""
    net = refnet.mlp([1, 1, 1, 1], hidden="sigmoid", output="identity", seed=27)
    chain = graph.chain(net, [[1.0]], "mse")
    chain.forward([[0.5]])
    dx = chain.backward().item()
    yield (
        "Layers of one neuron form a chain. Each gate multiplies the upstream gradient by its "
        "local one:"
    )
    flow = [dx, *(float(np.ravel(upstream)[0]) for upstream in chain.upstream)]
    local = local_gradients(net, [[0.5]], [[1.0]])
    for gate, upstream, slope, downstream in reversed(
        list(zip(chain.gates, flow[1:], local, flow, strict=False))
    ):
        yield (
            f"  {gate!s:<20} upstream {upstream:>9.6f}  local {slope:>9.6f}  downstream "
            f"{downstream:>9.6f}"
        )
    yield Printed(
        "§2.7.1",
        "dE/dx, all local gradients multiplied",
        f"{np.prod(local):.6f}",
        dx,
        column="expected",
    )
    x = net.loss_and_gradients([[0.5]], [[1.0]], "mse")[1].wrt_input(net).item()
    yield Printed("§2.7.1", "dE/dx, by BP1 and BP2", f"{x:.6f}", dx, column="expected")
    yield "There is one path here, and its product is the whole gradient."


def all_paths():
    """The formula of fig. 2.36."""
    net, dW = figure_2_36(), gradients()[0].dW[2, 0].item()
    effects = paths()
    one, whole = effects[formula_path()], sum(effects.values())
    yield (
        f"Four layers as in fig. 2.36, {'-'.join(map(str, net.sizes))}. What each path "
        f"contributes to dE/dw_13 of layer 1, the weight from input 1 to node 3:"
    )
    for nodes, effect in effects.items():
        mark = "  the formula's path" if nodes == formula_path() else ""
        yield (
            f"  x1 > {' > '.join(str(node + 1) for node in nodes[:-1])} > output  "
            f"{effect:>10.6f}{mark}"
        )
    yield (
        f"  sum of all paths         {whole:>10.6f}  BP4: {dW:.6f}, central difference: "
        f"{by_difference():.6f}"
    )
    sums = {"the formula's path": one, "the sum of all paths": whole}
    yield Printed(
        WHERE, "dE/dw_13 is", "the formula's path", named(dW, sums), erratum="elgendy-one-path"
    )
    yield Printed(
        WHERE, "paths from w_13 to the output", "1", len(effects), erratum="elgendy-one-path"
    )
    yield Printed(
        WHERE,
        "factor of a path, layer 4 to 3",
        "dw_21^(4) / dw_22^(3)",
        last_factor(),
        erratum="elgendy-weights-by-weights",
    )
    yield Printed(
        WHERE,
        "w_13 by the rule of §2.4: indices",
        "to, from",
        order_of_indices(),
        erratum="elgendy-weight-index",
    )
    yield Printed(WHERE, "dE/dw_13, all paths", f"{whole:.6f}", dW, column="expected")
    yield (
        "Weights do not depend on one another: dw_21^(4) / dw_22^(3) is 0, and so is any product "
        "with it. The factors of a path are weights times slopes, w f'(z). BP2 sums over all "
        "paths at once."
    )


def what_is_propagated():
    """Delta is propagated back, not the change of the weights."""
    net, lr = quiet_network(), 0.1
    first, second = net.loss_and_gradients([[1.0, -1.0]], [[1.0]], "half_squared_error")[1]
    above, below = -lr * second.dW, -lr * first.dW
    yield "A 2-2-1 tanh network whose hidden values are all 0, with learning rate 0.1:"
    yield (
        f"  layer 2: delta {second.delta[0]}, change of the weights {side_by_side(above + 0.0, 1)}"
    )
    yield f"  layer 1: delta {first.delta[0]}, change of the weights {side_by_side(below, 1)}"
    changes = f"up to {abs(below).max():g}" if below.any() and not above.any() else "none"
    yield Printed(
        "§2.7.1",
        "changes in layer 1 where layer 2 has none",
        "none",
        changes,
        erratum="elgendy-changes-propagated",
    )
    yield (
        "What is propagated is delta = dE/dz (BP2). Each layer computes its own change from its "
        "delta and its inputs (BP4)."
    )


def cycle():
    """The cycle of feedforward, error and step, and what the takeaways say of it."""
    ways = len(hidden_vectors())
    yield Printed(
        "§2.7.2",
        "outputs of layer 3 that give one prediction",
        "1",
        ways,
        erratum="elgendy-desired-output-of-each-layer",
    )
    yield (
        "Swap two hidden neurons together with their weights: the hidden output changes, the "
        "prediction stays. Only the output layer has a target."
    )
    net = figure_2_36().copy()
    errors = refnet.fit(net, X, Y, loss="mse", optimizer=refnet.SGD(lr=0.05), epochs=4).loss
    yield (
        f"Four times feedforward, error and step on the network of fig. 2.36, learning rate "
        f"0.05: E = {', '.join(f'{error:.4f}' for error in errors)}."
    )


def drawings():
    yield "elgendy_paths", draw


def draw():
    """The formula's path among all paths, and what each contributes."""
    from refnet.plot.style import sheet

    figure, (left, right) = sheet(1, 2, width=5.8, height=4.2)
    draw_network(left)
    draw_effects(right)
    return figure


def draw_network(axes):
    """Fig. 2.36: all paths of w_13, and the one of the formula."""
    from matplotlib.lines import Line2D

    from elgendy_feedforward import height
    from refnet.plot.style import BLUE, RED

    sizes = figure_2_36().sizes
    for l in range(4):
        for j, k in product(range(sizes[l]), range(sizes[l + 1])):
            reaches = l > 1 or (l, j) == (1, 2) or (l, j, k) == (0, 0, 2)
            chosen = (j + 1, k + 1) == EDGES[l]
            style = (
                {"color": RED, "lw": 3.5, "ls": "-"}
                if chosen
                else {"color": BLUE if reaches else "lightgray", "lw": 1.2, "ls": "--"}
            )
            axes.plot(
                (l, l + 1),
                (height(sizes[l], j), height(sizes[l + 1], k)),
                zorder=2 if reaches else 1,
                **style,
            )
    for l, size in enumerate(sizes):
        axes.scatter(
            [l] * size,
            [height(size, j) for j in range(size)],
            s=420,
            c="white",
            edgecolors="black",
            zorder=3,
        )
        for j in range(size):
            axes.text(l, height(size, j), f"{j + 1}", ha="center", va="center", zorder=4)
        axes.text(l, -2.15, f"layer {l}" if l else "input", ha="center")
    axes.axis("off")
    axes.set(title="Paths from $w_{13}^{(1)}$ to the error (fig. 2.36)", ylim=(-2.4, 2.4))
    kinds = [
        Line2D([], [], color=RED, lw=3.5),
        Line2D([], [], color=BLUE, ls="--"),
        Line2D([], [], color="lightgray", ls="--"),
    ]
    names = ["the formula's path", "the other seven", "not on a path"]
    axes.legend(kinds, names, loc="upper right", fontsize="small", frameon=False)


def draw_effects(axes):
    """What each path contributes, and the whole gradient."""
    from refnet.plot.style import BLACK, BLUE, RED

    names = ["-".join(str(node + 1) for node in nodes[:-1]) for nodes in paths()]
    effects = list(paths().values())
    chosen = [nodes == formula_path() for nodes in paths()]
    axes.barh(
        names,
        effects,
        color=[RED if it else BLUE for it in chosen],
        hatch=["" if it else "//" for it in chosen],
        edgecolor="white",
    )
    axes.barh("all: dW", gradients()[0].dW[2, 0], color=BLACK)
    axes.axvline(0.0, color="black", lw=0.8)
    axes.invert_yaxis()
    axes.set(
        title="What each path adds to dE/d$w_{13}^{(1)}$",
        xlabel="contribution",
        ylabel="nodes of layers 1-2-3 on the path",
    )


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
