"""Update rules on published inputs, as layers that have the published gradient: CS231n
and ONNX.
"""

from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import torch

import parity
import refnet
from parity.tests.figures import Figure, as_numpy_prints, network, record


@dataclass(frozen=True)
class Rule:
    """An update rule and what it starts from; theta and g are flat, the parameters of
    one linear layer.
    """

    theta: np.ndarray
    g: np.ndarray
    optimizer: refnet.Optimizer
    fan_in: int
    state: dict[str, np.ndarray] = field(default_factory=dict)

    def network(self) -> refnet.Network:
        """The layer that holds theta."""
        W, b = self.split(self.theta)
        return network([W], [b], "identity")

    def split(self, vector):
        """W and b of a flat vector."""
        fan_out = vector.size // (self.fan_in + 1)
        return vector[:-fan_out].reshape(fan_out, self.fan_in), vector[-fan_out:]

    def data(self):
        """x and y for which HalfSquaredError has the gradient g: one row for each
        column of W, and a row of zeros for what b lacks.
        """
        dW, db = self.split(self.g)
        x = np.vstack([np.eye(self.fan_in), np.zeros((1, self.fan_in))])
        delta = np.vstack([dW.T, db - dW.sum(axis=1)])
        return x, self.network().predict(x) - len(x) * delta

    def started(self, steps=1):
        """A fresh optimizer that has taken so many steps and come to the state."""
        fresh = type(self.optimizer)(**self.optimizer.hyperparameters)
        fresh.state = {"steps": steps, **self.state}
        return fresh


W0, DW0 = np.linspace(-0.4, 0.6, 20), np.linspace(-0.6, 0.4, 20)
STATE0 = np.linspace(0.6, 0.9, 20)  # the velocity, or the cache
ONNX_X, ONNX_G = np.array([1.2, 2.8]), np.array([-0.94, -2.5])
ONNX_V, ONNX_H = np.array([1.7, 3.6]), np.array([0.1, 0.1])
MOMENTUM_LR = 1e-3  # of CS231n's check

RULES = {
    "cs231n-sgd": Rule(W0, DW0, refnet.SGD(lr=1e-2), 4),
    # CS231n's velocity is v := mu v - lr g, w := w + v; torch's buffer is -v / lr
    "cs231n-sgd-momentum": Rule(
        W0,
        DW0,
        refnet.SGD(lr=MOMENTUM_LR, momentum=0.9),
        4,
        {"momentum_buffer": -STATE0 / MOMENTUM_LR},
    ),
    "cs231n-rmsprop": Rule(
        W0, DW0, refnet.RMSprop(lr=1e-2, alpha=0.99, eps=1e-8), 4, {"square_avg": STATE0}
    ),
    # T = 0 takes the factor beta of the gradient for 1, which is dampening 0, but keeps
    # V, which torch's first step would not
    "onnx-momentum": Rule(
        ONNX_X,
        ONNX_G,
        refnet.SGD(lr=0.1, momentum=0.95, weight_decay=0.001),
        1,
        {"momentum_buffer": ONNX_V},
    ),
    "onnx-nesterov": Rule(
        ONNX_X,
        ONNX_G,
        refnet.SGD(lr=0.1, momentum=0.95, weight_decay=0.01, nesterov=True),
        1,
        {"momentum_buffer": ONNX_V},
    ),
}
ONNX_ADAM = Rule(
    ONNX_X,
    ONNX_G,
    refnet.Adam(lr=0.1, betas=(0.95, 0.1), eps=1e-7, weight_decay=0.001),
    1,
    {"exp_avg": ONNX_V, "exp_avg_sq": ONNX_H},
)


def rule_record(side, rule, steps=1):
    """The record of one step of the rule, on data that has its gradient."""
    return record(
        side, rule.network(), *rule.data(), refnet.HalfSquaredError(), rule.started(steps)
    )


@cache
def rule_run(side, example):
    """The step of a rule by its example's id."""
    return rule_record(side, RULES[example])


def rule_alone(side, rule):
    """Theta after one step of the rule on the gradient itself, with no network around
    it.
    """
    net, optimizer, (dW, db) = rule.network(), rule.started(), rule.split(rule.g)
    if side == "refnet":
        optimizer.step(
            net, refnet.Gradients([refnet.LayerGradient(np.zeros((1, db.size)), dW, db)])
        )
        return net.parameters
    model = parity.twin(net)
    torch_optimizer = parity.twin_optimizer(optimizer, model)
    for parameter, gradient in zip(model.parameters(), (dW, db), strict=True):
        parameter.grad = torch.tensor(gradient)
    torch_optimizer.step()
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()


def theta(r):
    """The parameters after a step, flat."""
    return np.concatenate([r.after.W[0].ravel(), r.after.b[0]])


def kept(name, factor=1.0):
    """A reader of a vector of the optimizer's state after a step."""
    return lambda r: factor * r.after.state[name]


def numbers(block):
    """The figures of a printed array, row by row."""
    return tuple(block.split())


NEXT_W = {
    "cs231n-sgd": numbers("""
        -0.394 -0.34189474 -0.28978947 -0.23768421 -0.18557895
        -0.13347368 -0.08136842 -0.02926316 0.02284211 0.07494737
        0.12705263 0.17915789 0.23126316 0.28336842 0.33547368
        0.38757895 0.43968421 0.49178947 0.54389474 0.596"""),
    "cs231n-sgd-momentum": numbers("""
        0.1406 0.20738947 0.27417895 0.34096842 0.40775789
        0.47454737 0.54133684 0.60812632 0.67491579 0.74170526
        0.80849474 0.87528421 0.94207368 1.00886316 1.07565263
        1.14244211 1.20923158 1.27602105 1.34281053 1.4096"""),
    "cs231n-rmsprop": numbers("""
        -0.39223849 -0.34037513 -0.28849239 -0.23659121 -0.18467247
        -0.132737 -0.08078555 -0.02881884 0.02316247 0.07515774
        0.12716641 0.17918792 0.23122175 0.28326742 0.33532447
        0.38739248 0.43947102 0.49155973 0.54365823 0.59576619"""),
    "onnx-momentum": ("1.13238", "2.70772"),
    "onnx-nesterov": ("1.227535", "2.95714"),
}
NEXT_VELOCITY = numbers("""
    0.5406 0.55475789 0.56891579 0.58307368 0.59723158
    0.61138947 0.62554737 0.63970526 0.65386316 0.66802105
    0.68217895 0.69633684 0.71049474 0.72465263 0.73881053
    0.75296842 0.76712632 0.78128421 0.79544211 0.8096""")
NEXT_CACHE = numbers("""
    0.5976 0.6126277 0.6277108 0.64284931 0.65804321
    0.67329252 0.68859723 0.70395734 0.71937285 0.73484377
    0.75037008 0.7659518 0.78158892 0.79728144 0.81302936
    0.82883269 0.84469141 0.86060554 0.87657507 0.8926""")
NEXT_V = {"onnx-momentum": ("0.6762", "0.9228"), "onnx-nesterov": ("0.687", "0.948")}

RULE_FIGURES = [
    Figure(example, name, printed, partial(rule_run, example=example), read, as_numpy_prints)
    for example, name, printed, read in [
        *((example, "theta after the step", printed, theta) for example, printed in NEXT_W.items()),
        (
            "cs231n-sgd-momentum",
            "velocity after the step",
            NEXT_VELOCITY,
            kept("momentum_buffer", -MOMENTUM_LR),
        ),
        ("cs231n-rmsprop", "cache after the step", NEXT_CACHE, kept("square_avg")),
        *(
            (example, "V after the step", printed, kept("momentum_buffer"))
            for example, printed in NEXT_V.items()
        ),
    ]
]
