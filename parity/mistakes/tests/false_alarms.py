"""False alarms, written in the student's program: right code, or another convention."""

import numpy as np

from parity.mistakes.tests.recreated import entry
from parity.mistakes.tests.recreated_passes import backward_of
from parity.mistakes.tests.recreated_updates import whole_velocity
from parity.mistakes.tests.student import (
    backward,
    log_softmax,
    moments,
    output_delta,
    pull_back,
    softmax,
)


def cross_entropy_cost(net):
    """As in network2: the terms 0 log 0 are set to 0."""
    a, y = net.a[-1], net.y
    return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))) / y.size


def sigmoid_prime_of_outputs(x):
    return x * (1 - x)


def d_sigmoid_of_the_outputs(net, l, g):
    """Mapped over the matrix of the outputs, number by number."""
    return g * np.array([[x * (1 - x) for x in row] for row in net.a[l]], g.dtype)


def zeroed_where_the_output_is_zero(net, l, g):
    delta = g.copy()
    delta[net.a[l] == 0] = 0
    return delta


def one_array_more(net):
    """The activations begin with x, so the deltas have an entry for it that stays
    empty.
    """
    activations, deltas = [net.x, *net.a], [None] * (len(net.a) + 1)
    deltas[-1] = output_delta(net)
    for l in range(len(net.W) - 1, 0, -1):
        deltas[l] = pull_back(net, l - 1, deltas[l + 1] @ net.W[l])
    net.delta = deltas[1:]
    net.dW = [delta.T @ a for delta, a in zip(net.delta, activations, strict=False)]
    net.db = [delta.sum(axis=0) for delta in net.delta]


def through_a_reference(net):
    """`errors` is the stored array under a second name."""
    neuron_errors = [np.zeros_like(a) for a in net.a]
    for l in reversed(range(len(neuron_errors))):
        errors = neuron_errors[l]
        errors[:] = (
            output_delta(net)
            if l == net.last
            else pull_back(net, l, neuron_errors[l + 1] @ net.W[l + 1])
        )
    net.delta = neuron_errors
    for l in range(len(net.W)):
        net.dW[l], net.db[l] = net.do.dW(net, l), net.do.db(net, l)


def errors_of_the_target(net):
    return (net.y - net.a[-1]) * 2 / net.y.size


def added(net, theta, g, kept):
    theta = theta.copy()
    theta += net.lr * g
    return theta


def change_of_variables(net, theta, g, kept):
    """Sutskever's v for the looked-ahead weights."""
    mu, old = net.h["momentum"], kept.get("v", 0)
    kept["v"] = mu * old - net.lr * g
    return theta - mu * old + (1 + mu) * kept["v"]


def axpy(x, value, other):
    """x:add(value, other)."""
    x += value * other
    return x


def of_log_softmax_twice(net):
    return -np.sum(net.y * log_softmax(log_softmax(net.a[-1]))) / net.n


def where_the_class_is_1(net):
    return -np.log(np.where(net.y == 1, net.a[-1], 1 - net.a[-1])).mean()


def zeroed_by_the_trainer(net):
    """Sample by sample: the gradient of a layer's inputs is overwritten, those of the
    parameters add up.
    """
    backward(net)
    for l in range(len(net.W)):
        net.dW[l], net.db[l] = np.zeros_like(net.W[l]), np.zeros_like(net.b[l])
    for i in range(net.n):
        for l in range(len(net.W)):
            net.dW[l] += np.outer(net.delta[l][i], net.below(l)[i])
            net.db[l] += net.delta[l][i]


def update_grad_input(net, l, grad_output):
    """Of the sigmoid, as torch7 has it."""
    output = net.a[l]
    return (1 - output) * output * grad_output


def errors_led_back(net, l):
    """With columns for samples: who.T is the way back from the outputs."""
    return pull_back(net, l, np.dot(net.W[l + 1].T, net.delta[l + 1].T).T)


def folded(net, theta, g, kept):
    """Adam as the paper ends its section 2: both corrections in the rate, and eps
    scaled along with the root of v.
    """
    (m, v), (beta1, beta2) = moments(net, g, kept), net.h["betas"]
    root = float(np.sqrt(1 - beta2**net.t))
    return theta - net.lr * root / (1 - beta1**net.t) * m / (np.sqrt(v) + net.h["eps"] * root)


RIGHT = {
    "fa-nielsen77": entry(
        "binary as probabilities",
        cost=cross_entropy_cost,
        output_delta=lambda net: (net.a[-1] - net.y) / net.y.size,
    ),
    "fa-packt4": entry("XOR", pull_back=lambda net, l, g: g * sigmoid_prime_of_outputs(net.a[l])),
    "fa-dlt165": entry("one layer", pull_back=lambda net, l, g: g * (net.a[l] * (1 - net.a[l]))),
    "fa-shiffman22": entry(
        "one sample", pull_back=backward_of("sigmoid", d_sigmoid_of_the_outputs)
    ),
    "fa-sklearn14244": entry(
        "rectifiers",
        pull_back=backward_of("relu", zeroed_where_the_output_is_zero),
    ),
    "fa-sklearn8987": entry("mixed activations", backward=one_array_more),
    "fa-accord577": entry("mixed activations", backward=through_a_reference),
    "fa-accord258": entry("all tanh", cost_slope=errors_of_the_target, rule=added),
    "fa-rashid66": entry("XOR", cost_slope=lambda net: (net.y - net.a[-1]) / net.n, rule=added),
    "fa-smile151": entry(
        "classes as probabilities", output_delta=lambda net: (net.y - net.a[-1]) / net.n, rule=added
    ),
    "fa-pytorch44917": entry("momentum at a constant rate", rule=whole_velocity),
    "fa-pytorch5920": entry("Nesterov momentum at a constant rate", rule=change_of_variables),
    "fa-torchoptim57": entry(
        "mixed activations", rule=lambda net, theta, g, kept: axpy(theta, -net.lr, g)
    ),
    "fa-logsoftmax-coteaching4": entry(
        "classes",
        cost=of_log_softmax_twice,
        output_delta=lambda net: (softmax(log_softmax(net.z[-1])) - net.y) / net.n,
    ),
    "fa-zeroinit-nanmnist2": entry("softmax regression from zero"),
    "fa-fastbook515": entry("binary classes", cost=where_the_class_is_1),
    "fa-convnetjs17": entry("classes", backward=zeroed_by_the_trainer),
    "fa-torch7-232": entry("XOR", pull_back=update_grad_input),
    "fa-rashid77": entry(
        "XOR",
        cost_slope=lambda net: -2 * (net.y - net.a[-1]) / (2 * net.n),
        hidden_delta=errors_led_back,
    ),
}
OTHERWISE = {  # right by another convention, or in another form; nobody reported them
    "gradients averaged where they are made": entry(
        "classes",
        "XOR",
        output_delta=lambda net: net.n * output_delta(net),
        db=lambda net, l: 1 / net.n * net.delta[l].sum(axis=0),
        dW=lambda net, l: 1 / net.n * net.delta[l].T @ net.below(l),
    ),
    "gradients averaged in the update": entry(
        "classes",
        "XOR",
        output_delta=lambda net: net.n * output_delta(net),
        rule=lambda net, theta, g, kept: theta - (net.lr / net.n) * g,
    ),
    "the learning rate in the velocity, while it changes": entry("momentum", rule=whole_velocity),
    "Adam's corrections folded into the rate, eps along with them": entry("Adam", rule=folded),
}
CONVENTIONAL = {  # the conventions that these follow
    "fa-accord258": "gradients-negated-and-added",
    "fa-rashid66": "gradients-negated-and-added",
    "fa-smile151": "gradients-negated-and-added",
    "gradients averaged where they are made": "averaged-in-the-gradients",
    "gradients averaged in the update": "averaged-in-the-update",
    "the learning rate in the velocity, while it changes": "momentum-with-lr-inside",
}
