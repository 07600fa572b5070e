"""Every published mistake: the functions that make it in the student's program, and the
probes that show it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from parity.mistakes.tests.recreated_passes import (
    UPDATED,
    activated_again,
    as_softmax,
    averaged_over,
    backward_of,
    broadcast_gradient,
    buffer,
    constant_below_zero,
    copies_updated,
    cost_of_softmax_twice,
    current_function_on_the_layer_below,
    delta_of_softmax_twice,
    equivalent_to_the_sigmoid,
    everywhere,
    fed_back,
    first_parameter_of_each_layer,
    forward_of,
    into_integers,
    jacobian_in_a_loop,
    leaky_after_relu,
    mean_of_costs,
    micro_batches,
    over_all,
    overflowing,
    python_sum,
    quotient_rule,
    softmax_of_dA,
    tanh_d,
    tanh_of_the_output,
    templates,
    upside_down,
    velocity_of_an_alias,
    weights_alone,
    without_zero_grad,
    without_zero_grad_by_sample,
)
from parity.mistakes.tests.recreated_updates import (
    beta_squared,
    complemented,
    complemented_in_averages,
    coupled,
    epsilon_outside,
    first_velocity,
    look_ahead,
    old_velocity,
    plus_velocity,
    rate_in_the_gradient,
    recursive_rate,
    t_from,
    uncorrected_adamw,
    undamped,
    weights_decay,
    whole_velocity,
)
from parity.mistakes.tests.student import (
    adam,
    cost,
    cost_slope,
    log_softmax,
    output_delta,
    sigmoid,
    softmax,
)


class Entry(NamedTuple):
    """The probes that show a mistake, and the functions that make it."""

    probes: tuple[str, ...]
    exchanged: dict[str, Callable]


def entry(*probes, **exchanged):
    return Entry(probes, exchanged)


SQUARES = "softmax and squares"
MISTAKES = {
    "hidden-delta-grokking50": entry(
        "square layers", hidden_delta=lambda net, l: net.delta[l + 1] @ net.W[l + 1]
    ),
    "hardcoded-derivative-ttezel": entry(
        "mixed activations", pull_back=lambda net, l, g: g * net.a[l] * (1 - net.a[l])
    ),
    "double-tanh-neural2d40": entry("all tanh", pull_back=tanh_of_the_output),
    "double-activation-skynet": entry("XOR", pull_back=backward_of("sigmoid", activated_again)),
    "wrong-layer-activation-unda": entry(
        "square layers", "rectifiers", hidden_delta=current_function_on_the_layer_below
    ),
    "tanh-z2-dennybritz3": entry(
        "tanh and softmax",
        hidden_delta=lambda net, l: (
            (1 - np.tanh(net.z[l + 1]) ** 2) * (net.delta[l + 1] @ net.W[l + 1])
        ),
    ),
    "outer-transposed-grokking22": entry(
        "square layers", dW=lambda net, l: sum(map(np.outer, net.below(l), net.delta[l]))
    ),
    "own-output-in-dW-filipe": entry(
        "square layers",
        dW=lambda net, l: everywhere(net.W[l], net.delta[l].ravel() @ net.a[l].ravel()),
    ),
    "dW-uses-layer0-ralampay22": entry(
        "square layers", dW=lambda net, l: (net.x.T @ net.delta[l]).T
    ),
    "updated-w-joelgrus31": entry("square layers", **UPDATED["lists"]),
    "updated-w-botacademy": entry("square layers", **UPDATED["in place"]),
    "updated-w-codingtrain72": entry("one sample", **UPDATED["errors"]),
    "shallow-copy-botacademy": entry("classes as probabilities", **UPDATED["shared"]),
    "bias-sum-all-botacademy": entry(
        "classes as probabilities", db=lambda net, l: everywhere(net.b[l], np.sum(net.delta[l]))
    ),
    "sign-tutorial-pytorch1871": entry(
        "classes", rule=lambda net, theta, g, kept: theta + net.lr * g
    ),
    "sign-nll-gradient-cs231n": entry(
        "binary", output_delta=lambda net: (net.y - sigmoid(net.z[-1])) / net.y.size
    ),
    "sign-delta3-dennybritz11": entry(
        "classes as probabilities", output_delta=lambda net: (net.y - net.a[-1]) / net.n
    ),
    "bias-never-mattm5": entry("square layers", update=weights_alone),
    "bias-rbm-openann76": entry("square layers", db=lambda net, l: np.zeros_like(net.b[l])),
    "bias-lr-matconvnet197": entry("rectifiers", update=first_parameter_of_each_layer),
    "bias-scalar-sum-rasbt5": entry(
        "softmax regression", db=lambda net, l: everywhere(net.b[l], -np.sum(-net.delta[l]))
    ),
    "bias-from-dW-rowsum-dlnlp64": entry(
        "rectifiers", db=lambda net, l: np.sum(net.delta[l].T @ net.below(l), axis=1)
    ),
    "bias-no-batch-sum-mlpack3679": entry("one output", db=lambda net, l: net.delta[l]),
    "bias-rebind-jimfleming1": entry("mixed activations", db=lambda net, l: 1 * net.delta[l]),
    "bias-broadcast-nd4j2424": entry(
        "classes", db=lambda net, l: np.ones_like(net.b[l]) * net.delta[l]
    ),
    "batch-div-twice-graphsage12": entry(
        "binary",
        cost=lambda net: cost(net) / net.n,
        output_delta=lambda net: output_delta(net) / net.n,
    ),
    "batch-div-twice-coiltraine37": entry(
        "absolute error",
        cost=lambda net: cost(net) / net.n,
        cost_slope=lambda net: cost_slope(net) / net.n,
    ),
    "bias-div-twice-dl4j366": entry("classes", db=lambda net, l: net.delta[l].mean(axis=0)),
    "slices-vs-size-dl4j1452": entry(
        "one sample", output_delta=lambda net: output_delta(net) * net.n / net.x.shape[1]
    ),
    "mae-n-simd57e94ab": entry(
        "absolute error",
        cost_slope=lambda net: np.where(net.a[-1] > net.y, 1.0, -1.0).astype(net.y.dtype),
    ),
    "regressor-outputs-sklearn8349": entry(
        "mixed activations", cost_slope=lambda net: cost_slope(net) * net.y.shape[1]
    ),
    "no-average-hunkim173": entry(
        "XOR with cross-entropy", output_delta=lambda net: net.a[-1] - net.y
    ),
    "ddp-sizes-pytorch67253": entry(
        "mixed activations", output_delta=averaged_over(lambda n: [slice(r, n, 2) for r in (0, 1)])
    ),
    "accumulated-means-mlx1413": entry(
        "classes", cost=mean_of_costs(micro_batches), output_delta=averaged_over(micro_batches)
    ),
    "accumulated-means-transformers24725": entry(
        "more samples than inputs, more inputs than classes",
        cost=mean_of_costs(micro_batches),
        output_delta=averaged_over(micro_batches),
    ),
    "sum-loss-jax3113": entry(
        "classes",
        cost=lambda net: -np.sum(net.y * log_softmax(net.a[-1])),
        output_delta=lambda net: softmax(net.a[-1]) - net.y,
    ),
    "one-over-m-twice-dlai63071": entry(
        "binary as probabilities",
        hidden_delta=lambda net, l: (
            1 / net.n * (net.delta[l + 1] @ net.W[l + 1]) * (1 - net.a[l] ** 2)
        ),
    ),
    "divide-by-classes": entry(
        "one sample of four classes",
        cost=lambda net: -np.sum(net.y * np.log(net.a[-1])) / net.y.shape[1],
    ),
    "half-dlib1169": entry(
        "mixed activations", cost_slope=lambda net: -(net.y - net.a[-1]) / net.y.size
    ),
    "jacobian-diag-libnd4j440": entry(
        SQUARES, pull_back=backward_of("softmax", lambda net, l, g: g * net.a[l] * (1 - net.a[l]))
    ),
    "jacobian-diag-seblague5": entry(
        SQUARES,
        pull_back=backward_of("softmax", quotient_rule),
    ),
    "softmax-1-minus-neuroph37": entry(
        SQUARES, pull_back=backward_of("softmax", lambda net, l, g: g * (1.0 * (1 - net.a[l])))
    ),
    "softmax-sigmoid-deriv-jorgenkg6": entry(
        SQUARES, pull_back=backward_of("softmax", equivalent_to_the_sigmoid)
    ),
    "jacobian-overwritten-so40575841": entry(
        SQUARES, pull_back=backward_of("softmax", jacobian_in_a_loop)
    ),
    "softmax-of-gradient-so58461808": entry(
        SQUARES, pull_back=backward_of("softmax", softmax_of_dA)
    ),
    "softmax-all-elements-nd4j44": entry("classes", SQUARES, **as_softmax(over_all)),
    "softmax-all-utensor171": entry(
        "classes as probabilities", **as_softmax(lambda z: np.exp(z) / np.sum(np.exp(z)))
    ),
    "softmax-builtin-sum-so76473561": entry("classes as probabilities", **as_softmax(python_sum)),
    "softmax-overflow-simd-c18e9a9": entry(
        "huge logits as probabilities", "huge logits", **as_softmax(overflowing)
    ),
    "fused-derivative-aprilann5": entry(
        SQUARES, pull_back=backward_of("softmax", lambda net, l, g: g)
    ),
    "log0-tinydnn410": entry(
        "sure of it",
        "binary as probabilities",
        cost=lambda net: np.mean(-net.y * np.log(net.a[-1]) - (1 - net.y) * np.log(1 - net.a[-1])),
        output_delta=lambda net: (
            (net.a[-1] - net.y)
            / (net.a[-1] * (1 - net.a[-1]))
            * net.a[-1]
            * (1 - net.a[-1])
            / net.y.size
        ),
    ),
    "clip-kills-gradient-dqn46": entry(
        "one output",
        "mixed activations",
        cost=lambda net: np.mean(np.clip(net.a[-1] - net.y, -1, 1) ** 2),
        cost_slope=lambda net: (
            2 * (net.a[-1] - net.y) * (np.abs(net.a[-1] - net.y) <= 1) / net.y.size
        ),
    ),
    "softmax-twice-2": entry(
        "classes", cost=cost_of_softmax_twice, output_delta=delta_of_softmax_twice
    ),
    "softmax-twice-3": entry(
        "classes",
        "more samples than inputs, more inputs than classes",
        a=forward_of("identity", lambda net, l: softmax(net.z[l])),
        cost=cost_of_softmax_twice,
        output_delta=delta_of_softmax_twice,
    ),
    "grad-not-zeroed-simd-099a3c0": entry("mixed activations", backward=buffer),
    "dw-plus-lr-codeproject": entry("XOR", backward=fed_back),
    "zero-grad-tennis7": entry("mixed activations", backward=without_zero_grad),
    "zero-grad-torchforge71": entry("classes", backward=without_zero_grad_by_sample),
    "template-alias": entry("all tanh", backward=templates),
    "optimizer-on-copy-nntrainer242": entry("mixed activations", update=copies_updated),
    "deepcopy-drmad6": entry("momentum", update=velocity_of_an_alias),
    "relu-ge-grokking13": entry(
        "rectifiers", pull_back=backward_of("relu", lambda net, l, g: g * (net.a[l] >= 0))
    ),
    "relu-mask-inverted-simd76ae42b": entry(
        "rectifiers", pull_back=backward_of("relu", lambda net, l, g: np.where(net.a[l] <= 0, g, 0))
    ),
    "relu-mask-on-gradient-dlbook127": entry(
        "rectifiers", pull_back=backward_of("relu", lambda net, l, g: np.maximum(g, 0))
    ),
    "leaky-constant-zig5": entry(
        "rectifiers", pull_back=backward_of("leaky_relu", constant_below_zero)
    ),
    "leaky-alpha-dl4j8178": entry(
        "rectifiers",
        pull_back=backward_of("leaky_relu", lambda net, l, g: np.where(net.z[l] < 0, 0.01 * g, g)),
    ),
    "leaky-forward-tflearn784": entry(
        "rectifiers",
        a=forward_of("leaky_relu", leaky_after_relu),
    ),
    "tanh-d-andersbll4": entry("all tanh", pull_back=backward_of("tanh", tanh_d)),
    "tanh-half-hips317": entry(
        "all tanh",
        a=forward_of("tanh", lambda net, l: (1 - np.exp(-net.z[l])) / (1 + np.exp(-net.z[l]))),
    ),
    "int-weights-tdlearn": entry("whole numbers", step=into_integers),
    "l2-sign-andersbll4": entry(
        "weight decay", decayed=lambda net, name, theta, g: g - net.h["weight_decay"] * theta
    ),
    "l2-ones-column-jwarmenhoven3": entry(
        "weight decay",
        decayed=lambda net, name, theta, g: (
            g + net.h["weight_decay"] * (theta if name == "W" else np.ones_like(theta))
        ),
    ),
    "l2-bias-forgotten-burton9": entry("weight decay", decayed=weights_decay),
    "l2-factor2-jingting3": entry(
        "weight decay", decayed=lambda net, name, theta, g: g + net.h["weight_decay"] / 2 * theta
    ),
    "l2-ignored-adam-paddle5836": entry(
        "Adam with weight decay", decayed=lambda net, name, theta, g: g
    ),
    "momentum-stale-mdenil4": entry("momentum", rule=old_velocity),
    "momentum-init-matrixslow17": entry("momentum", rule=first_velocity),
    "momentum-on-weights-ralampay": entry(
        "momentum", rule=lambda net, theta, g, kept: net.h["momentum"] * theta - net.lr * g
    ),
    "nesterov-twice-simd17": entry("Nesterov momentum", begin=look_ahead, rule=whole_velocity),
    "nesterov-sign-paddle12231": entry("Nesterov momentum", rule=plus_velocity),
    "adam-missing-micrograd2e": entry("AdamW", rule=uncorrected_adamw),
    "adam-t1-cs231n179": entry("Adam", rule=t_from(2)),
    "adam-recursive-eta-pennylane1929": entry("Adam", rule=recursive_rate),
    "adam-beta-inverted-blocks1159": entry("Adam", rule=complemented),
    "adam-beta-inconsistent-skip82": entry("Adam", rule=complemented_in_averages),
    "adam-t0-burn630": entry("Adam", rule=t_from(0)),
    "adam-eps-scaled-pytorch22628": entry("Adam", rule=epsilon_outside),
    "adam-lr-cancels-unda": entry("Adam", rule=rate_in_the_gradient),
    "adam-doc-npfl114": entry("Adam", rule=beta_squared),
    "rmsprop-avg-devinterview1": entry("RMSprop", rule=undamped),
    "adamw-basicmodel2": entry("AdamW", decayed=coupled, rule=adam),
    "lr-undefined-shiffman12": entry("XOR", rule=lambda net, theta, g, kept: theta - g * np.nan),
    "broadcast-tchrs510": entry(
        "one output",
        cost=lambda net: np.mean((net.a[-1] - net.y.ravel()) ** 2),
        cost_slope=broadcast_gradient,
    ),
    "gradcheck-partial-bighuang10": entry(
        "binary as probabilities",
        dW=lambda net, l: (2 if l == 1 else 1) * net.delta[l].T @ net.below(l),
        db=lambda net, l: (4 if l == 0 else 1) * net.delta[l].sum(axis=0),
    ),
    "tanh-upside-down-fastbook273": entry("all tanh", a=forward_of("tanh", upside_down)),
}
