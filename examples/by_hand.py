"""Mazur, A Step by Step Backpropagation Example (2015): every number of his 2-2-2
network, formula by formula.

    python examples/by_hand.py [SECTION ...] [--plot DIR]

The inputs are .05 and .10, the targets .01 and .99. All units are sigmoids, the error
is half the squared error, and the learning rate is .5. The weights w1 to w8 learn, the
biases stay. w1 and w2 lead to h1, w3 and w4 to h2, w5 and w6 to o1, w7 and w8 to o2.
"""

from functools import cache

import numpy as np

import refnet
from lesson import Expected, Printed, Same, run
from refnet.backprop import backward, forward

TITLE = "Mazur, A Step by Step Backpropagation Example: every number of his 2-2-2 network"
I1, I2, TARGET_O1, TARGET_O2 = 0.05, 0.10, 0.01, 0.99
W1, W2, W3, W4, B1 = 0.15, 0.20, 0.25, 0.30, 0.35
W5, W6, W7, W8, B2 = 0.40, 0.45, 0.50, 0.55, 0.60
ETA, ROUNDS = 0.5, 10_000
X, Y = np.array([[I1, I2]]), np.array([[TARGET_O1, TARGET_O2]])
LOSS = refnet.HalfSquaredError()
UPDATED, TWICE, SLIPPED = "mazur-updated-weights", "mazur-rounded-twice", "mazur-slipped-digit"


def sigmoid(net):
    """The activation of all units."""
    return 1 / (1 + np.exp(-net))


net_h1, net_h2 = W1 * I1 + W2 * I2 + B1, W3 * I1 + W4 * I2 + B1
out_h1, out_h2 = sigmoid(net_h1), sigmoid(net_h2)
net_o1, net_o2 = W5 * out_h1 + W6 * out_h2 + B2, W7 * out_h1 + W8 * out_h2 + B2
out_o1, out_o2 = sigmoid(net_o1), sigmoid(net_o2)
E_o1, E_o2 = (TARGET_O1 - out_o1) ** 2 / 2, (TARGET_O2 - out_o2) ** 2 / 2
E_total = E_o1 + E_o2
delta_o1 = (out_o1 - TARGET_O1) * out_o1 * (1 - out_o1)  # BP1
delta_o2 = (out_o2 - TARGET_O2) * out_o2 * (1 - out_o2)
delta_h1 = (delta_o1 * W5 + delta_o2 * W7) * out_h1 * (1 - out_h1)  # BP2
delta_h2 = (delta_o1 * W6 + delta_o2 * W8) * out_h2 * (1 - out_h2)


def network():
    """The network before training, of refnet."""
    hidden = refnet.Dense([[W1, W2], [W3, W4]], [B1, B1], "sigmoid")
    output = refnet.Dense([[W5, W6], [W7, W8]], [B2, B2], "sigmoid")
    return refnet.Network([hidden, output])


@cache
def gradients():
    """All gradients of the first step, by refnet."""
    return network().loss_and_gradients(X, Y, LOSS)[1]


@cache
def learned(rounds, *, late=False):
    """The network after so many rounds, and the error before each. Only weights learn.

    With `late` it makes a mistake: the hidden deltas pass through the weights of the
    output layer that have already been updated.
    """
    net, errors = network(), []
    hidden, output = net.layers
    for _ in range(rounds):
        trace = forward(net.layers, X)
        errors.append(LOSS.value(trace[-1].a, Y))
        first, second = backward(net.layers, trace, LOSS, Y)
        output.W[...] -= ETA * second.dW
        if late:
            first, _ = backward(net.layers, trace, LOSS, Y)
        hidden.W[...] -= ETA * first.dW
    return net, errors


def outcome(rounds, *, late=False):
    """The outputs after so many rounds, and the error."""
    outputs = learned(rounds, late=late)[0].predict(X)
    return outputs[0], LOSS.value(outputs, Y)


def forward_pass():
    """The inputs through the hidden layer to both outputs."""
    yield Printed("net_h1 = w1 i1 + w2 i2 + b1", "0.3775", net_h1)
    yield Printed("out_h1 = 1 / (1 + exp(-net_h1))", "0.593269992", out_h1)
    yield Printed("out_h2", "0.596884378", out_h2)
    yield Printed("net_o1 = w5 out_h1 + w6 out_h2 + b2", "1.105905967", net_o1)
    yield Printed("out_o1", "0.75136507", out_o1)
    yield Printed("out_o2", "0.772928465", out_o2)
    yield Same("out_o1, out_o2, refnet", network().predict(X)[0], [out_o1, out_o2])


def total_error():
    """Half the squared error of each output, and their sum."""
    yield Printed("E_o1 = (target_o1 - out_o1)^2 / 2", "0.274811083", E_o1)
    yield Printed("E_o2", "0.023560026", E_o2)
    yield Printed("E_total = E_o1 + E_o2", "0.298371109", E_total)
    yield Same("E_total, refnet", LOSS.value(network().predict(X), Y), E_total)


def output_layer():
    """The chain rule for w5, and the new w5 to w8."""
    yield (
        "A weight of the output layer acts on the error along one path: w5 -> o1 -> E_o1. Its "
        "derivative is one product."
    )
    dE_dout = out_o1 - TARGET_O1
    dout_dnet = out_o1 * (1 - out_o1)
    dnet_dw5 = out_h1
    dE_dw5 = dE_dout * dout_dnet * dnet_dw5
    yield Printed("dE_total/dout_o1 = out_o1 - target_o1", "0.74136507", dE_dout)
    yield Printed("dout_o1/dnet_o1 = out_o1 (1 - out_o1)", "0.186815602", dout_dnet)
    yield Printed("dnet_o1/dw5 = out_h1", "0.593269992", dnet_dw5)
    yield Printed("dE_total/dw5, product of the three", "0.082167041", dE_dw5)
    yield Printed("delta_o1, product of the first two", "0.138498562", delta_o1)
    dW = np.array([[delta_o1 * out_h1, delta_o1 * out_h2], [delta_o2 * out_h1, delta_o2 * out_h2]])
    yield Same("dE_total/dw5 to w8, refnet", gradients()[1].dW, dW)
    yield "The new weights are the old ones minus 0.5 times that:"
    yield Printed("new w5", "0.35891648", W5 - ETA * dE_dw5)
    yield Printed("new w6", "0.408666186", W6 - ETA * dW[0, 1])
    yield Printed("new w7", "0.511301270", W7 - ETA * dW[1, 0])
    yield Printed("new w8", "0.561370121", W8 - ETA * dW[1, 1])


def hidden_layer():
    """The chain rule for w1, summed over both outputs, and the new w1 to w4."""
    yield (
        "w1 acts along two paths, through o1 and through o2, and its derivative is the sum of "
        "both. It uses the old w5 and w7: all gradients are taken at the same weights."
    )
    dE_o1_dout_h1 = delta_o1 * W5
    dE_o2_dout_h1 = delta_o2 * W7
    dE_dout_h1 = dE_o1_dout_h1 + dE_o2_dout_h1
    dout_dnet = out_h1 * (1 - out_h1)
    dE_dw1 = dE_dout_h1 * dout_dnet * I1
    yield Printed("dE_o1/dnet_o1 = delta_o1", "0.138498562", delta_o1)
    yield Printed("dnet_o1/dout_h1 = w5", "0.40", W5)
    yield Printed("dE_o1/dout_h1 = delta_o1 w5", "0.055399425", dE_o1_dout_h1)
    yield Printed("dE_o2/dout_h1 = delta_o2 w7", "-0.019049119", dE_o2_dout_h1, erratum=TWICE)
    twice = rounded_twice(delta_o2, W7)
    yield Printed("the same, delta_o2 rounded first", "-0.019049119", twice)
    yield Printed("dE_total/dout_h1, sum of both paths", "0.036350306", dE_dout_h1)
    yield Printed("dout_h1/dnet_h1 = out_h1 (1 - out_h1)", "0.241300709", dout_dnet)
    yield Printed("dnet_h1/dw1 = i1", "0.05", I1)
    yield Printed("dE_total/dw1, product of these three", "0.000438568", dE_dw1)
    dW = np.array([[delta_h1 * I1, delta_h1 * I2], [delta_h2 * I1, delta_h2 * I2]])
    yield Same("dE_total/dw1 to w4, refnet", gradients()[0].dW, dW)
    yield "The new weights:"
    yield Printed("new w1", "0.149780716", W1 - ETA * dE_dw1)
    yield Printed("new w2", "0.19956143", W2 - ETA * dW[0, 1])
    yield Printed("new w3", "0.24975114", W3 - ETA * dW[1, 0])
    yield Printed("new w4", "0.29950229", W4 - ETA * dW[1, 1])


def rounded_twice(delta, w):
    """delta w as by hand: delta is rounded to nine decimals, then the product, half up.

    With -.038098237 / 2 the product lies exactly between two such decimals.
    """
    billionths = abs(round(delta * 1e9)) * w
    return np.copysign(np.floor(billionths + 0.5) / 1e9, delta)


def after_the_update():
    """The error after training: with the right update, and with the mistaken one."""
    (_, error), ((o1, o2), last) = outcome(1), outcome(ROUNDS)
    yield Printed("error after 1 round", "0.291027924", error, erratum=UPDATED)
    yield Printed(
        "error after 10,000 rounds, as first printed", "0.000035085", last, erratum=UPDATED
    )
    yield Printed("the same, as the text reads today", "0.0000351085", last, erratum=SLIPPED)
    yield Printed("out_o1 after 10,000 rounds", "0.015912196", o1, erratum=UPDATED)
    yield Printed("out_o2 after 10,000 rounds", "0.984065734", o2, erratum=UPDATED)
    yield (
        "His figures come out if the hidden deltas pass through the w5 to w8 that have just been "
        "updated. That is a mistake, which his text itself warns against:"
    )
    (_, error), ((o1, o2), last) = outcome(1, late=True), outcome(ROUNDS, late=True)
    yield Printed("error after 1 round, mistaken", "0.291027924", error)
    yield Printed("error after 10,000 rounds, mistaken", "0.000035085", last)
    yield Printed("the same, as the text reads today", "0.0000351085", last, erratum=SLIPPED)
    yield Printed("out_o1 after 10,000 rounds, mistaken", "0.015912196", o1)
    yield Printed("out_o2 after 10,000 rounds, mistaken", "0.984065734", o2)
    net = network()
    refnet.fit(net, X, Y, loss=LOSS, optimizer=refnet.SGD(lr=ETA), epochs=1)
    yield (
        f"He keeps the biases fixed. If they learn too, the error after one round is "
        f"{LOSS.value(net.predict(X), Y):.9f}."
    )


def another_program():
    """The same step by backprop-trace: nine significant digits, and -dE/dw instead of
    dE/dw.
    """
    yield (
        "Expected are the figures of mcp-tool-shop-org/backprop-trace, "
        "fixtures/mazur.golden.jsonl. It prints -dE/dw, the direction of the step."
    )
    yield Expected("net_o1", "1.10590597", net_o1)
    yield Expected("net_o2", "1.22492140", net_o2)
    yield Expected("E_o2", "0.0235600256", E_o2)
    yield Expected("-delta_o1", "-0.138498562", -delta_o1)
    yield Expected("-delta_o2", "0.0380982365", -delta_o2)
    yield Expected("-delta_h1", "-0.00877135469", -delta_h1)
    yield Expected("-delta_h2", "-0.00995425471", -delta_h2)
    yield Expected("-dE/dw5", "-0.0821670406", -delta_o1 * out_h1)
    yield Expected("-dE/dw6", "-0.0826676278", -delta_o1 * out_h2)
    yield Expected("-dE/dw7", "0.0226025405", -delta_o2 * out_h1)
    yield Expected("-dE/dw8", "0.0227402422", -delta_o2 * out_h2)
    yield Expected("-dE/dw1", "-0.000438567734", -delta_h1 * I1)
    yield Expected("-dE/dw2", "-0.000877135469", -delta_h1 * I2)
    yield Expected("-dE/dw3", "-0.000497712735", -delta_h2 * I1)
    yield Expected("-dE/dw4", "-0.000995425471", -delta_h2 * I2)
    hidden, output = (step.a[0] for step in learned(1)[0].forward(X))
    yield Expected("out_h1 after 1 round", "0.593256764", hidden[0])
    yield Expected("out_h2 after 1 round", "0.596869409", hidden[1])
    yield Expected("out_o1 after 1 round", "0.742088111", output[0])
    yield Expected("out_o2 after 1 round", "0.775284968", output[1])
    yield Expected("error after 1 round", "0.291027774", outcome(1)[1])


SECTIONS = {
    "The Forward Pass": forward_pass,
    "Calculating the Total Error": total_error,
    "The Backwards Pass: Output Layer": output_layer,
    "The Backwards Pass: Hidden Layer": hidden_layer,
    "After the update": after_the_update,
    "The same step by another program": another_program,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
