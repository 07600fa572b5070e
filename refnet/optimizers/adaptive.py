"""The adaptive rules: each parameter has a step of its own size."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from refnet.checks import (
    Array,
)
from refnet.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """v := v + d^2; theta := theta - lr / (1 + (t - 1) lr_decay) d / (sqrt(v) + eps).

    Without lr_decay theta := theta - lr d / (sqrt(v) + eps).

    Shapes: flat vectors; state "sum", which starts at initial_accumulator_value.
    Torch: torch.optim.Adagrad.
    Dialect: eps outside the root (Keras: inside, and v starts at 0.1).
    Errors: ValueError for a hyper-parameter < 0.
    Source: Duchi, Hazan and Singer, Adaptive subgradient methods for online learning
        and stochastic optimization (2011).
    """

    name: ClassVar[str] = "adagrad"
    equation: ClassVar[str] = (
        "v := v + d^2; theta := theta - lr / (1 + (t - 1) lr_decay) d / (sqrt(v) + eps)"
    )
    formulas: ClassVar[Mapping[str, str]] = {
        "v": "v := v + d^2",
        "step": "theta := theta - lr d / (sqrt(v) + eps)",
        "lr_decay": "theta := theta - lr / (1 + (t - 1) lr_decay) d / (sqrt(v) + eps)",
    }
    letters: ClassVar[Mapping[str, str]] = {"v": "sum"}
    source: ClassVar[str] = (
        "Duchi, Hazan and Singer, Adaptive subgradient methods for online learning and stochastic "
        "optimization (2011)"
    )
    _settings: ClassVar[tuple[str, ...]] = ("lr_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases)
        self.lr_decay = self._number("lr_decay", lr_decay)
        self.initial_accumulator_value = self._number(
            "initial_accumulator_value", initial_accumulator_value
        )
        self.eps = self._number("eps", eps)

    @property
    def _kept(self) -> dict[str, float | None]:
        return {"sum": self.initial_accumulator_value}

    def _stated(self, decays: bool) -> Iterable[str]:
        return ["v", "lr_decay" if self.lr_decay else "step"]

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        v, spare = state["sum"], self._spare.like(d)
        v += np.multiply(d, d, out=spare)  # v := v + d^2
        root = np.sqrt(v, out=spare)
        root += self.eps
        d *= self.lr / (1.0 + (self._steps - 1) * self.lr_decay)
        d /= root  # u = lr / (1 + (t - 1) lr_decay) d / (sqrt(v) + eps)
        return d


class RMSprop(Optimizer):
    """v := alpha v + (1 - alpha) d^2; q = d / (sqrt(v) + eps); theta := theta - lr q.

    With `centered`, mean := alpha mean + (1 - alpha) d; var = max(v - mean^2, 0); q = d
    / (sqrt(var) + eps). With momentum, buf := momentum buf + q; theta := theta - lr
    buf.

    Shapes: flat vectors; state "square_avg", "grad_avg" if centered, "momentum_buffer"
        with momentum.
    Torch: torch.optim.RMSprop, which lets v - mean^2 fall below zero by rounding and
        returns NaN there.
    Dialect: eps outside the root and v starts at 0 (TensorFlow 1: inside, at 1; Keras:
        inside). buf does not contain lr.
    Errors: ValueError for a hyper-parameter < 0.
    Source: Tieleman and Hinton, Lecture 6.5 - RMSProp (2012); centered: Graves,
        Generating sequences with recurrent neural networks (2013), equations 38 to 45.
    """

    name: ClassVar[str] = "rmsprop"
    equation: ClassVar[str] = (
        "v := alpha v + (1 - alpha) d^2; q = d / (sqrt(v) + eps); theta := theta - lr q"
    )
    formulas: ClassVar[Mapping[str, str]] = {
        "v": "v := alpha v + (1 - alpha) d^2",
        "mean": "mean := alpha mean + (1 - alpha) d",
        "var": "var = max(v - mean^2, 0)",
        "q": "q = d / (sqrt(v) + eps)",
        "centered": "q = d / (sqrt(var) + eps)",
        "step": "theta := theta - lr q",
        "buf": "buf := momentum buf + q",
        "momentum": "theta := theta - lr buf",
    }
    letters: ClassVar[Mapping[str, str]] = {
        "v": "square_avg",
        "mean": "grad_avg",
        "buf": "momentum_buffer",
    }
    source: ClassVar[str] = (
        "Tieleman and Hinton, Lecture 6.5 - RMSProp (2012); centered: Graves, Generating sequences "
        "with recurrent neural networks (2013), equations 38 to 45"
    )
    _settings: ClassVar[tuple[str, ...]] = ("alpha", "eps", "momentum", "centered")

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases)
        self.alpha = self._number("alpha", alpha)
        self.eps = self._number("eps", eps)
        self.momentum = self._number("momentum", momentum)
        self.centered = self._flag("centered", centered)

    @property
    def _kept(self) -> dict[str, float | None]:
        names = (
            ["square_avg"]
            + ["grad_avg"] * self.centered
            + ["momentum_buffer"] * (self.momentum > 0.0)
        )
        return dict.fromkeys(names, 0.0)

    def _stated(self, decays: bool) -> Iterable[str]:
        q = ["mean", "var", "centered"] if self.centered else ["q"]
        return ["v", *q, *(["buf", "momentum"] if self.momentum else ["step"])]

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        v, spare = state["square_avg"], self._spare.like(d)
        _average_into(v, (self.alpha, 1.0 - self.alpha), np.multiply(d, d, out=spare), spare)
        root = np.sqrt(self._variance(v, d, state), out=spare)
        root += self.eps
        q = np.divide(d, root, out=d)
        if self.momentum:
            buf = state["momentum_buffer"]
            buf *= self.momentum
            buf += q  # buf := momentum buf + q
            return np.multiply(buf, self.lr, out=d)
        return np.multiply(q, self.lr, out=d)

    def _variance(self, v: Array, d: Array, state: dict[str, Array]) -> Array:
        if not self.centered:
            return v
        mean, spare = state["grad_avg"], self._spare.like(d)
        _average_into(mean, (self.alpha, 1.0 - self.alpha), d, spare)
        np.subtract(v, np.multiply(mean, mean, out=spare), out=spare)
        return np.maximum(spare, 0.0, out=spare)  # var = max(v - mean^2, 0)


class Adam(Optimizer):
    """m := beta1 m + (1 - beta1) d; v := beta2 v + (1 - beta2) d^2;
    theta := theta - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).

    That is m_hat = m / (1 - beta1^t); v_hat = v / (1 - beta2^t); theta := theta - lr
    m_hat / (sqrt(v_hat) + eps). With `amsgrad`, vmax := max(vmax, v); v_hat = vmax / (1
    - beta2^t).

    Shapes: flat vectors; state "exp_avg" (m), "exp_avg_sq" (v), "max_exp_avg_sq" (vmax)
        with amsgrad.
    Torch: torch.optim.Adam.
    Dialect: eps is added after bias correction and outside the root (Keras, TensorFlow
        and scikit-learn: "epsilon hat", before it). amsgrad takes the maximum before
        bias correction. Weight decay goes through the gradient; AdamW decouples it.
    Errors: ValueError for lr, eps or weight_decay < 0, or betas outside [0, 1).
    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm
        1; amsgrad: Reddi, Kale and Kumar, On the convergence of Adam and beyond (2018).
    """

    name: ClassVar[str] = "adam"
    equation: ClassVar[str] = (
        "m := beta1 m + (1 - beta1) d; v := beta2 v + (1 - beta2) d^2; "
        "theta := theta - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)"
    )
    formulas: ClassVar[Mapping[str, str]] = {
        "m": "m := beta1 m + (1 - beta1) d",
        "v": "v := beta2 v + (1 - beta2) d^2",
        "vmax": "vmax := max(vmax, v)",
        "m_hat": "m_hat = m / (1 - beta1^t)",
        "v_hat": "v_hat = v / (1 - beta2^t)",
        "amsgrad": "v_hat = vmax / (1 - beta2^t)",
        "step": "theta := theta - lr m_hat / (sqrt(v_hat) + eps)",
    }
    letters: ClassVar[Mapping[str, str]] = {
        "m": "exp_avg",
        "v": "exp_avg_sq",
        "vmax": "max_exp_avg_sq",
    }
    source: ClassVar[str] = (
        "Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1; amsgrad: "
        "Reddi, Kale and Kumar, On the convergence of Adam and beyond (2018)"
    )
    _settings: ClassVar[tuple[str, ...]] = ("betas", "eps", "amsgrad")

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(lr, weight_decay, decay_biases)
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ValueError(
                f"{type(self).__name__}: betas has {betas!r}, expected a pair of numbers"
            )
        self.betas = (
            self._number("betas[0]", betas[0], below=1.0),
            self._number("betas[1]", betas[1], below=1.0),
        )
        self.eps = self._number("eps", eps)
        self.amsgrad = self._flag("amsgrad", amsgrad)

    @property
    def _kept(self) -> dict[str, float | None]:
        return dict.fromkeys(["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * self.amsgrad, 0.0)

    def _stated(self, decays: bool) -> Iterable[str]:
        v_hat = ["vmax", "m_hat", "amsgrad"] if self.amsgrad else ["m_hat", "v_hat"]
        return ["m", "v", *v_hat, "decayed" if decays and self._decoupled else "step"]

    def _complete(self) -> None:
        super()._complete()
        # NumPy converts a Python number anew in every call: 3 % of a step at 64-30-10
        # with 32 rows
        typed = self._typed
        of_m, of_v = ((typed(beta), typed(1.0 - beta)) for beta in self.betas)
        self._constants = of_m, of_v, typed(self.eps)

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        m, v, spare = state["exp_avg"], state["exp_avg_sq"], self._spare.like(d)
        beta1, beta2 = self.betas
        of_m, of_v, eps = self._constants
        _average_into(m, of_m, d, spare)
        _average_into(v, of_v, np.multiply(d, d, out=spare), spare)
        if self.amsgrad:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        root = np.sqrt(v, out=spare)
        root /= (1.0 - beta2**self._steps) ** 0.5
        root += eps
        np.multiply(m, self.lr / (1.0 - beta1**self._steps), out=d)
        d /= root  # u = lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
        return d


def _average_into(m: Array, weights: tuple[Any, Any], d: Array, spare: Array) -> None:
    """m := beta m + (1 - beta) d, for beta and 1 - beta; d may be `spare`."""
    beta, rest = weights
    m *= beta
    m += np.multiply(d, rest, out=spare)


class AdamW(Adam):
    """theta := (1 - lr weight_decay) theta, then Adam's step with d = g.

    In one, theta := (1 - lr weight_decay) theta - lr m_hat / (sqrt(v_hat) + eps).

    Shapes: flat vectors; state as Adam's.
    Torch: torch.optim.AdamW.
    Dialect: the decay comes before the step and is scaled by lr (the paper scales it by
        the schedule's multiplier alone). Its default is 0.01 (Keras: 0.004). It reaches
        biases too, unless decay_biases is False.
    Errors: ValueError for lr, eps or weight_decay < 0, or betas outside [0, 1).
    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019),
        algorithm 2.
    """

    name: ClassVar[str] = "adamw"
    equation: ClassVar[str] = "theta := (1 - lr weight_decay) theta, then Adam's step with d = g"
    formulas: ClassVar[Mapping[str, str]] = {
        **Adam.formulas,
        "decayed": "theta := (1 - lr weight_decay) theta - lr m_hat / (sqrt(v_hat) + eps)",
    }
    source: ClassVar[str] = (
        "Loshchilov and Hutter, Decoupled weight decay regularization (2019), algorithm 2"
    )
    _decoupled: ClassVar[bool] = True

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, amsgrad, decay_biases)
