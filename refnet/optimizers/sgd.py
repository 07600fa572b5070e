"""Stochastic gradient descent, with momentum and Nesterov's form of it."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np

from refnet.blockwise import blocks
from refnet.checks import (
    Array,
    number,
)
from refnet.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """v := d at the first step, then v := momentum v + (1 - dampening) d;
    theta := theta - lr v.

    Without momentum v is d. With `nesterov` the step is lr (d + momentum v).

    Written out, without dampening v := momentum v + d; without momentum theta := theta
    - lr d; with `nesterov` theta := theta - lr (d + momentum v).

    Shapes: flat vectors; state "momentum_buffer".
    Torch: torch.optim.SGD.
    Dialect: v holds gradients, not steps (Sutskever, Keras and scikit-learn keep
        v := momentum v - lr d; the two part where lr changes). The first v is not
        dampened. Weight decay reaches biases too, unless decay_biases is
        False.
    Errors: ValueError for lr, momentum or weight_decay < 0, or nesterov without
        momentum or with dampening.
    Source: Polyak, Some methods of speeding up the convergence of iteration methods
        (1964); Sutskever, Martens, Dahl and Hinton, On the importance of initialization
        and momentum in deep learning (2013).
    """

    name: ClassVar[str] = "sgd"
    equation: ClassVar[str] = (
        "v := d at the first step, then v := momentum v + (1 - dampening) d; "
        "theta := theta - lr v. Without momentum v is d. "
        "With nesterov the step is lr (d + momentum v)"
    )
    formulas: ClassVar[Mapping[str, str]] = {
        "first": "v := d",
        "undamped": "v := momentum v + d",
        "dampened": "v := momentum v + (1 - dampening) d",
        "plain": "theta := theta - lr d",
        "momentum": "theta := theta - lr v",
        "nesterov": "theta := theta - lr (d + momentum v)",
    }
    letters: ClassVar[Mapping[str, str]] = {"v": "momentum_buffer"}
    source: ClassVar[str] = (
        "Polyak, Some methods of speeding up the convergence of iteration methods (1964); "
        "Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in "
        "deep learning (2013)"
    )
    _settings: ClassVar[tuple[str, ...]] = ("momentum", "dampening", "nesterov")

    def __init__(
        self,
        lr: float = 0.1,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases)
        self.momentum = self._number("momentum", momentum)
        self.dampening = number("SGD", "dampening", dampening)
        self.nesterov = self._flag("nesterov", nesterov)
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            given = f"momentum {self.momentum} and dampening {self.dampening}"
            raise ValueError(f"SGD: nesterov has {given}, expected momentum > 0 and dampening 0")

    @property
    def _kept(self) -> dict[str, float | None]:
        return {"momentum_buffer": None} if self.momentum else {}

    def _stated(self, decays: bool) -> Iterable[str]:
        if not self.momentum:
            return ["plain"]
        is_first = "momentum_buffer" not in self._state
        v = "first" if is_first else "dampened" if self.dampening else "undamped"
        return [v, "nesterov" if self.nesterov else "momentum"]

    def _update_into(self, d: Array) -> None:
        v = self._velocity(d) if self.momentum else d  # d itself: no copy is needed
        if not self.nesterov:
            np.multiply(v, self.lr, out=d)
            return
        for d_block, v_block in blocks(d, v):
            np.multiply(d_block + self.momentum * v_block, self.lr, out=d_block)

    def _velocity(self, d: Array) -> Array:
        if "momentum_buffer" not in self._state:
            self._state["momentum_buffer"] = d.copy()  # d is about to be overwritten
            return self._state["momentum_buffer"]
        v = self._state["momentum_buffer"]
        v *= self.momentum
        if not self.dampening:
            return np.add(v, d, out=v)
        for d_block, v_block in blocks(d, v):
            np.add(v_block, (1.0 - self.dampening) * d_block, out=v_block)
        return v
