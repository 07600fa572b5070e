"""Mazur, A Step by Step Backpropagation Example (2015): every number of his 2-2-2
network, computed by refnet.

    python examples/by_hand.py [--plot DIR]

The inputs are .05 and .10, the targets .01 and .99. All units are sigmoids, the error
is half the squared error, and the learning rate is .5. The weights w1 to w8 learn, the
biases stay. w1 and w2 lead to h1, w3 and w4 to h2, w5 and w6 to o1, w7 and w8 to o2, so
that W1 = [[w1, w2], [w3, w4]] and W2 = [[w5, w6], [w7, w8]].
"""

from dataclasses import replace
from functools import cache

import numpy as np

import refnet
from printed import Printed, run
from refnet.backprop import backward, forward

TITLE = "Mazur, A Step by Step Backpropagation Example: every number of his 2-2-2 network"
X, Y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
LOSS, SIGMOID, LR = refnet.HalfSquaredError(), refnet.Sigmoid(), 0.5
FORWARD, ERROR, OUTPUT, HIDDEN, AFTER = (
    "forward pass",
    "total error",
    "output layer",
    "hidden layer",
    "after the update",
)
SAME_STEP, FIXTURES, ROUNDS = "the same step", "backprop-trace", 10_000
UPDATED, TWICE, SLIPPED = "mazur-updated-weights", "mazur-rounded-twice", "mazur-slipped-digit"


def network():
    """The network before training."""
    hidden = refnet.Dense([[0.15, 0.20], [0.25, 0.30]], [0.35, 0.35], "sigmoid")
    output = refnet.Dense([[0.40, 0.45], [0.50, 0.55]], [0.60, 0.60], "sigmoid")
    return refnet.Network([hidden, output])


@cache
def learned(rounds, *, late=False):
    """The network after so many rounds, and the error before each. Only weights learn.

    With `late` it makes a mistake: the hidden deltas pass through the W2 that has
    already been updated.
    """
    net, errors = network(), []
    hidden, output = net.layers
    for _ in range(rounds):
        trace = forward(net.layers, X)
        errors.append(LOSS.value(trace[-1].a, Y))
        first, second = backward(net.layers, trace, LOSS, Y)
        output.W[...] -= LR * second.dW
        if late:
            first, _ = backward(net.layers, trace, LOSS, Y)
        hidden.W[...] -= LR * first.dW
    return net, errors


def outcome(rounds, *, late=False):
    """The outputs after so many rounds, and the error."""
    net, _ = learned(rounds, late=late)
    outputs = net.predict(X)
    return outputs[0], LOSS.value(outputs, Y)


def forward_rows(net):
    """The forward pass."""
    (_, z1, a1), (_, z2, a2) = net.forward(X)
    yield Printed(FORWARD, "net_h1 = w1 i1 + w2 i2 + b1", "0.3775", z1[0, 0])
    yield Printed(FORWARD, "out_h1 = sigmoid(net_h1)", "0.593269992", a1[0, 0])
    yield Printed(FORWARD, "out_h2", "0.596884378", a1[0, 1])
    yield Printed(FORWARD, "net_o1 = w5 out_h1 + w6 out_h2 + b2", "1.105905967", z2[0, 0])
    yield Printed(FORWARD, "out_o1", "0.75136507", a2[0, 0])
    yield Printed(FORWARD, "out_o2", "0.772928465", a2[0, 1])
    yield Printed(
        ERROR, "E_o1 = (target - out)^2 / 2", "0.274811083", LOSS.value(a2[:, :1], Y[:, :1])
    )
    yield Printed(ERROR, "E_o2", "0.023560026", LOSS.value(a2[:, 1:], Y[:, 1:]))
    yield Printed(ERROR, "E_total = E_o1 + E_o2", "0.298371109", LOSS.value(a2, Y))


def output_rows(net):
    """The chain rule for w5, and the new W2."""
    trace, (_, second) = net.forward(X), net.backward(net.forward(X), LOSS, Y)
    _, z, a = trace[1]
    to_out, to_net, to_w5 = (
        LOSS.gradient(a, Y)[0, 0],
        SIGMOID.derivative(z, a)[0, 0],
        trace[0].a[0, 0],
    )
    yield Printed(OUTPUT, "dE_total/dout_o1 = out_o1 - target_o1", "0.74136507", to_out)
    yield Printed(OUTPUT, "dout_o1/dnet_o1 = out_o1 (1 - out_o1)", "0.186815602", to_net)
    yield Printed(OUTPUT, "dnet_o1/dw5 = out_h1", "0.593269992", to_w5)
    yield Printed(
        OUTPUT, "dE_total/dw5, product of the three", "0.082167041", to_out * to_net * to_w5
    )
    yield Printed(OUTPUT, "dE_total/dw5, BP4", "0.082167041", second.dW[0, 0])
    yield Printed(OUTPUT, "delta_o1 = dE_total/dnet_o1, BP1", "0.138498562", second.delta[0, 0])
    for name, printed, new in zip(
        "5678",
        ("0.35891648", "0.408666186", "0.511301270", "0.561370121"),
        stepped(net, 1),
        strict=True,
    ):
        yield Printed(OUTPUT, f"new w{name}", printed, new)


def hidden_rows(net):
    """The chain rule for w1, summed over both outputs, and the new W1."""
    trace, (first, second) = net.forward(X), net.backward(net.forward(X), LOSS, Y)
    _, z, a = trace[0]
    by_o1, by_o2 = second.delta[0] * net.layers[1].W[:, 0]
    to_net, to_w1 = SIGMOID.derivative(z, a)[0, 0], X[0, 0]
    yield Printed(HIDDEN, "dE_o1/dnet_o1 = delta_o1", "0.138498562", second.delta[0, 0])
    yield Printed(HIDDEN, "dnet_o1/dout_h1 = w5", "0.40", net.layers[1].W[0, 0])
    yield Printed(HIDDEN, "dE_o1/dout_h1, the path through o1", "0.055399425", by_o1)
    yield Printed(
        HIDDEN, "dE_o2/dout_h1, the path through o2", "-0.019049119", by_o2, erratum=TWICE
    )
    yield Printed(
        HIDDEN,
        "the same, with delta_o2 rounded first",
        "-0.019049119",
        rounded_twice(second.delta[0, 1], net.layers[1].W[1, 0]),
    )
    yield Printed(HIDDEN, "dE_total/dout_h1, sum of both paths", "0.036350306", by_o1 + by_o2)
    yield Printed(HIDDEN, "dout_h1/dnet_h1 = out_h1 (1 - out_h1)", "0.241300709", to_net)
    yield Printed(HIDDEN, "dnet_h1/dw1 = i1", "0.05", to_w1)
    yield Printed(
        HIDDEN,
        "dE_total/dw1, that sum and both factors",
        "0.000438568",
        (by_o1 + by_o2) * to_net * to_w1,
    )
    yield Printed(HIDDEN, "dE_total/dw1, BP4", "0.000438568", first.dW[0, 0])
    for name, printed, new in zip(
        "1234",
        ("0.149780716", "0.19956143", "0.24975114", "0.29950229"),
        stepped(net, 0),
        strict=True,
    ):
        yield Printed(HIDDEN, f"new w{name}", printed, new)


def stepped(net, layer):
    """W of a layer after one step of gradient descent, row by row."""
    new = net.copy()
    refnet.SGD(lr=LR).step(new, net.backward(net.forward(X), LOSS, Y))
    return new.layers[layer].W.ravel()


def rounded_twice(delta, w):
    """delta w as by hand: delta is rounded to nine decimals, then the product, half up.

    With -.038098237 / 2 the product lies exactly between two such decimals.
    """
    billionths = abs(round(delta * 1e9)) * w
    return np.copysign(np.floor(billionths + 0.5) / 1e9, delta)


def after_rows():
    """The error after training: with the right update, and with the mistaken one."""
    (_, error), (outputs, last) = outcome(1), outcome(ROUNDS)
    yield Printed(AFTER, "error after 1 round", "0.291027924", error, erratum=UPDATED)
    yield Printed(
        AFTER, "error after 10,000 rounds, first version", "0.000035085", last, erratum=UPDATED
    )
    yield Printed(AFTER, "the same, as the text reads today", "0.0000351085", last, erratum=SLIPPED)
    yield Printed(
        AFTER, "outputs after 10,000 rounds", "0.015912196 0.984065734", outputs, erratum=UPDATED
    )
    yield (
        "His figures come out if the hidden deltas pass through the W2 that has just been "
        "updated. That is a mistake, which his text itself warns against:"
    )
    (_, error), (outputs, last) = outcome(1, late=True), outcome(ROUNDS, late=True)
    yield Printed(AFTER, "error after 1 round, mistaken", "0.291027924", error)
    yield Printed(AFTER, "error after 10,000 rounds, mistaken", "0.000035085", last)
    yield Printed(
        AFTER, "the same, as the text reads today, mistaken", "0.0000351085", last, erratum=SLIPPED
    )
    yield Printed(
        AFTER, "outputs after 10,000 rounds, mistaken", "0.015912196 0.984065734", outputs
    )


def fixture_rows(net):
    """The same step by backprop-trace: nine significant digits, and -dE/dw instead of
    dE/dw.
    """
    trace, (first, second) = net.forward(X), net.backward(net.forward(X), LOSS, Y)
    after = learned(1)[0].forward(X)
    yield Printed(SAME_STEP, "net_o1 and net_o2", "1.10590597 1.22492140", trace[1].z)
    yield Printed(SAME_STEP, "E_o2", "0.0235600256", LOSS.value(trace[1].a[:, 1:], Y[:, 1:]))
    yield Printed(SAME_STEP, "-delta of o1 and o2", "-0.138498562 0.0380982365", -second.delta)
    yield Printed(SAME_STEP, "-delta of h1 and h2", "-0.00877135469 -0.00995425471", -first.delta)
    yield Printed(SAME_STEP, "-dE/dw5 and w6", "-0.0821670406 -0.0826676278", -second.dW[0])
    yield Printed(SAME_STEP, "-dE/dw7 and w8", "0.0226025405 0.0227402422", -second.dW[1])
    yield Printed(SAME_STEP, "-dE/dw1 and w2", "-0.000438567734 -0.000877135469", -first.dW[0])
    yield Printed(SAME_STEP, "-dE/dw3 and w4", "-0.000497712735 -0.000995425471", -first.dW[1])
    yield Printed(SAME_STEP, "out_h after 1 round", "0.593256764 0.596869409", after[0].a)
    yield Printed(SAME_STEP, "out_o after 1 round", "0.742088111 0.775284968", after[1].a)
    yield Printed(SAME_STEP, "error after 1 round", "0.291027774", outcome(1)[1])


def error_with_biases():
    """The error after one step in which the biases learn too."""
    net = network()
    refnet.fit(net, X, Y, loss=LOSS, optimizer=refnet.SGD(lr=LR), epochs=1)
    return LOSS.value(net.predict(X), Y)


def story():
    """His numbers in his order, then the chain rule for w1 by refnet.explain."""
    net = network()
    yield from forward_rows(net)
    yield (
        "A weight of the output layer acts on the error along one path: w5 -> o1 -> E_o1. Its "
        "derivative is one product."
    )
    yield from output_rows(net)
    yield (
        "w1 acts along two paths, through o1 and through o2, and its derivative is the sum of "
        "both. It uses the old w5 and w7: all gradients are taken at the same weights."
    )
    yield from hidden_rows(net)
    yield from after_rows()
    yield (
        "Another program has computed the same step "
        "(mcp-tool-shop-org/backprop-trace, fixtures/mazur.golden.jsonl):"
    )
    yield from (replace(row, column=FIXTURES) for row in fixture_rows(net))
    yield (
        f"He keeps the biases fixed. If they learn too, the error after one round is "
        f"{error_with_biases():.9f}."
    )
    step = refnet.explain(net, X, Y, "half_squared_error", lr=LR, weight=(1, 0, 0), digits=9)
    yield (
        "\nThe chain rule for w1 by refnet.explain. This is its last section; the others hold "
        "all equations of the step.\n"
    )
    yield str(replace(step, sections=step.sections[-1:]))


def paths():
    """The network with its numbers, and the two paths from w1 to the error."""
    from matplotlib.lines import Line2D

    from refnet.plot.style import BLUE, RED, sheet

    net = network()
    trace, gradients = net.forward(X), net.backward(net.forward(X), LOSS, Y)
    figure, ax = sheet(width=8.6, height=4.3)
    ax.axis("off")
    small, box = (
        {"ha": "center", "va": "center", "fontsize": 8},
        {"fc": "white", "ec": "0.8", "pad": 1.5},
    )
    units = [X[0], trace[0].a[0], trace[1].a[0]]
    for layer, dense in enumerate(net.layers):
        for j, k in np.ndindex(dense.W.shape):
            on_path = (layer, j, k) in {(0, 0, 0), (1, 0, 0), (1, 1, 0)}
            ax.plot(
                [layer, layer + 1],
                [-k, -j],
                color=RED if on_path else "0.75",
                linewidth=3 if on_path else 1,
                zorder=1,
            )
            at = 0.5 if j == k else 0.36
            text = (
                f"w{4 * layer + 2 * j + k + 1} {dense.W[j, k]:.2f}\ndE/dw "
                f"{gradients[layer].dW[j, k]:+.6f}"
            )
            ax.text(layer + at, -k - (j - k) * at, text, **small, bbox=box)
    for layer, (letter, values) in enumerate(zip("iho", units, strict=True)):
        for k, value in enumerate(values):
            delta = f"\ndelta {gradients[layer - 1].delta[0, k]:+.4f}" if layer else ""
            ax.scatter(layer, -k, s=4600, color="white", edgecolors=BLUE, linewidths=1.5, zorder=2)
            ax.text(layer, -k, f"{letter}{k + 1}\n{value:.4f}{delta}", **small, zorder=3)
    for k, error in enumerate(0.5 * (units[2] - Y[0]) ** 2):
        ax.plot([2, 2.6], [-k, -0.5], color=RED, linewidth=3, zorder=1)
        ax.text(2.46, -0.5 + (0.5 - k) * 0.62, f"E_o{k + 1} {error:.4f}", **small, bbox=box)
    ax.scatter(2.7, -0.5, s=4600, color="white", edgecolors=BLUE, linewidths=1.5, zorder=2)
    ax.text(2.7, -0.5, f"E_total\n{LOSS.value(trace[1].a, Y):.4f}", **small, zorder=3)
    ax.set(xlim=(-0.3, 3.0), ylim=(-1.35, 0.35))
    ax.legend(
        [Line2D([], [], color=RED, linewidth=3)],
        ["the two paths from w1 to the error"],
        loc="lower left",
        fontsize=8,
        frameon=False,
    )
    ax.set_title("dE/dw1 is the sum over both paths")
    return figure


def error_curve():
    """The error in 10,000 rounds, and how far the mistaken update is off."""
    from refnet.plot.style import RED, sheet

    rounds = np.arange(ROUNDS)
    errors, mistaken = (np.array(learned(ROUNDS, late=late)[1]) for late in (False, True))
    figure, (left, right) = sheet(1, 2)
    left.loglog(rounds + 1, errors)
    left.set(
        xlabel="round", ylabel="E_total before the round", title="One example, learned by heart"
    )
    right.semilogx(rounds + 1, 100 * (mistaken / errors - 1), color=RED)
    right.axhline(0, color="0.6", linewidth=0.8)
    right.set(
        xlabel="round",
        ylabel="E_total, % above or below the right one",
        title="The same with hidden deltas through the updated W2",
    )
    return figure


def drawings():
    """The pictures of this script."""
    yield "by_hand_paths", paths
    yield "by_hand_error", error_curve


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings))
