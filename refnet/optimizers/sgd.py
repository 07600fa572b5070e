"""Stochastic gradient descent, with momentum and Nesterov's form of it."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from refnet.blockwise import CACHED, blocks
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
        if not self.momentum:
            np.multiply(d, self.lr, out=d)
            return
        is_first = "momentum_buffer" not in self._state
        if is_first:
            self._state["momentum_buffer"] = d.copy()  # d is about to be overwritten
        for d_block, v in blocks(d, self._state["momentum_buffer"], size=CACHED):
            if not is_first:
                self._accumulate(v, d_block)
            step = self._ahead(v, d_block) if self.nesterov else v
            np.multiply(step, self.lr, out=d_block)

    def _ahead(self, v: Array, d: Array) -> Array:
        """d := d + momentum v."""
        return np.add(d, np.multiply(v, self.momentum, out=self._spare.like(d)), out=d)

    def _accumulate(self, v: Array, d: Array) -> None:
        """v := momentum v + (1 - dampening) d."""
        v *= self.momentum
        v += np.multiply(d, 1.0 - self.dampening, out=self._spare.like(d)) if self.dampening else d

    def _move(self, net: Any, d: Array, is_moderate: bool) -> None:
        if not (is_moderate and self._shortens()):
            super()._move(net, d, is_moderate)
            return
        # a finite sum of squares of d means one of u, as in Optimizer._move
        self._count()
        for theta, d_block in blocks(net.parameters, d, size=CACHED):
            u = np.multiply(d_block, self.lr, out=d_block)
            np.subtract(theta, u, out=theta)

    def _shortens(self) -> bool:
        """Whether u is lr d with lr <= 1, so that |u| <= |d|: not with momentum, and
        not by a derived class or a method that somebody has replaced.
        """
        is_plain = type(self) is SGD and not self.momentum
        method = getattr(self._update_into, "__func__", None)
        return is_plain and method is SGD._written and self.lr <= 1.0

    # this class's own, whatever replaces it afterwards
    _written: ClassVar[Any] = _update_into
