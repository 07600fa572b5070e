"""Optimizers: how a gradient becomes a step.

Each rule is written as the textbook assignment, on flat vectors or blocks of them.

theta is `net.parameters`, g is `gradients.vector`, t counts the steps from 1 on, and
d = g + weight_decay theta. A step changes theta in place, theta := theta - u.
`step_into` runs where the gradient stands: it comes as g, becomes d and is left as u,
so that no other vector is needed. Where the gradient or the update is not finite it
raises FloatingPointError, with every parameter as it was.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from refnet.checks import (
    Array,
    as_dtype,
    finite,
    number,
    real_array,
    refuse_nonfinite,
    squares_are_finite,
)
from refnet.memory import blocks

SECOND_MOMENTS = ("sum", "square_avg", "exp_avg_sq", "max_exp_avg_sq")


class _Network(Protocol):
    @property
    def parameters(self) -> Array: ...
    def entry(self, index: int) -> tuple[int, str, tuple[int, ...]]: ...


class _Gradients(Protocol):
    @property
    def vector(self) -> Array: ...


class Optimizer(ABC):
    """theta := theta - u, with u made of the gradient and the optimizer's state.

    An optimizer belongs to the first network it steps and refuses any other one.

    Shapes: theta, g and every vector of the state are (number of parameters,).
    Torch: the optimizers of torch.optim.
    Source: Goodfellow, Bengio and Courville, Deep Learning, chapter 8.
    """

    name: ClassVar[str]

    def __init__(self, lr: float, weight_decay: float) -> None:
        self.lr = lr
        self.weight_decay = self._number("weight_decay", weight_decay)
        self._steps = 0
        self._state: dict[str, Array] = {}
        self._theta: Array | None = None

    def __setattr__(self, name: str, value: object) -> None:
        if (name == "weight_decay" or name in self._settings) and name in vars(self):
            raise AttributeError(
                f"{self}: {name} is fixed, expected a new optimizer for another one; only lr "
                f"changes between steps"
            )
        super().__setattr__(name, value)

    @property
    def lr(self) -> float:
        """The learning rate; may be changed between steps."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = self._number("lr", value)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every setting by torch's name, as plain data."""
        return {name: getattr(self, name) for name in ("lr", *self._settings, "weight_decay")}

    @property
    def state(self) -> dict[str, Any]:
        """The number of `steps` and the vectors kept between them, by torch's names:
        the live ones, not copies.
        """
        return _State(steps=self._steps, **self._state)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        if not isinstance(state, Mapping):
            raise TypeError(
                f"{self}: state has type {type(state).__name__}, expected a dict of steps and "
                f"vectors"
            )
        given = dict(state)
        steps = given.pop("steps", None)
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0:
            raise ValueError(f"{self}: state has steps {steps!r}, expected an integer >= 0")
        if set(given) != set(self._kept) and (given or steps > 0):
            raise ValueError(
                f"{self}: state has {', '.join(['steps', *given])}, expected "
                f"{', '.join(['steps', *self._kept])}"
            )
        vectors = {name: self._vector(name, vector) for name, vector in given.items()}
        self._steps, self._state = int(steps), vectors
        self._complete()

    def step(self, net: _Network, gradients: _Gradients) -> None:
        """Take one step, in place.

        Errors: ValueError for another network; FloatingPointError, with theta as it
            was, where the gradient or the new theta would not be finite (in the second
            case the state has moved on).
        """
        with np.errstate(all="ignore"):  # what overflows is found and named
            self.step_into(net, np.array(gradients.vector))

    def step_into(self, net: _Network, g: Array) -> None:
        """Take one step, in place, where the gradient stands: it comes as g and is left
        as u.

        Errors: as step. NumPy warns besides of what overflows, unless np.errstate tells
            it not to.
        """
        self.bind(net)
        theta = net.parameters
        if g.shape != theta.shape or g.dtype != theta.dtype:
            raise ValueError(
                f"{self}: gradient has {g.shape} {g.dtype}, expected {theta.shape} {theta.dtype} "
                f"as the parameters"
            )
        if self.weight_decay and not self._decoupled:
            for d, theta_block in blocks(g, theta):
                np.add(d, self.weight_decay * theta_block, out=d)
        if not squares_are_finite(g):
            refuse_nonfinite("gradient", g, net.entry)
        self.__dict__["_steps"] += 1  # past __setattr__, which looks at every name
        self._update_into(g)
        shrink = 1.0 - self.lr * self.weight_decay if self._decoupled else 1.0
        # with |u| below the root of the largest number, theta - u cannot overflow: half
        # a last place of that number is far larger
        if not (squares_are_finite(g) and abs(shrink) <= 1.0):
            refuse_nonfinite("new value", shrink * theta - g, net.entry)
        if shrink != 1.0:
            theta *= shrink
        theta -= g

    def bind(self, net: _Network) -> None:
        """Make `net` the network of this optimizer and start its state.
        Errors: ValueError where it has another one.
        """
        theta = net.parameters
        if self._theta is theta:
            return
        if self._theta is not None:
            raise ValueError(
                f"{self}: got another network, expected the one of its first step; make an "
                f"optimizer for each network"
            )
        for name, vector in self._state.items():
            if vector.shape != theta.shape:
                raise ValueError(
                    f"{self}: state {name} has shape {vector.shape}, expected {theta.shape}"
                )
        self._state = {
            name: self._as(theta.dtype, name, vector) for name, vector in self._state.items()
        }
        self._theta = theta
        self._complete()

    def _complete(self) -> None:
        """Start the vectors of the state that nobody has set."""
        for name, start in self._kept.items():
            if self._theta is not None and name not in self._state and start is not None:
                self._state[name] = np.full_like(self._theta, start)

    # the names of the hyper-parameters beside lr and weight_decay
    _settings: ClassVar[tuple[str, ...]]
    # weight decay acts on theta itself, not through the gradient
    _decoupled: ClassVar[bool] = False

    @property
    @abstractmethod
    def _kept(self) -> dict[str, float | None]:
        """The vectors of the state and what they start from; None: the rule makes it at
        its first step, in an _update_into of its own.
        """

    def _update_into(self, d: Array) -> None:
        """Write u over d."""
        for d_block, *kept in blocks(d, *self._state.values()):
            d_block[...] = self._update(d_block, dict(zip(self._state, kept, strict=True)))

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        """u, advancing the state, of one block of each vector; a rule that looks at
        whole vectors has its own _update_into. t: _steps.
        """
        raise NotImplementedError(
            f"{self}: has neither _update nor _update_into, expected one of them"
        )

    def _number(self, name: str, value: object, below: float = np.inf) -> float:
        return number(type(self).__name__, name, value, low=0.0, below=below)

    def _vector(self, name: str, given: Any) -> Array:
        array = real_array(f"{self}: state {name}", given)
        if array.ndim != 1 or (self._theta is not None and array.shape != self._theta.shape):
            want = "(parameters,)" if self._theta is None else self._theta.shape
            raise ValueError(f"{self}: state {name} has shape {array.shape}, expected {want}")
        return self._as(
            np.dtype(np.float64) if self._theta is None else self._theta.dtype, name, array
        )

    def _as(self, dtype: np.dtype[Any], name: str, vector: Array) -> Array:
        where = f"{self}: state {name}"
        if name in SECOND_MOMENTS and (vector < 0).any():
            raise ValueError(f"{where} has {vector.min()}, expected a mean or sum of squares, >= 0")
        return finite(where, as_dtype(where, vector, dtype).copy())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self.hyperparameters.items())})"

    def __str__(self) -> str:
        return type(self).__name__


class SGD(Optimizer):
    """v := d at the first step, then v := momentum v + (1 - dampening) d;
    theta := theta - lr v.

    Without momentum v is d. With `nesterov` the step is lr (d + momentum v).

    Shapes: flat vectors; state "momentum_buffer".
    Torch: torch.optim.SGD.
    Source: Polyak, Some methods of speeding up the convergence of iteration methods
        (1964); Sutskever, Martens, Dahl and Hinton, On the importance of initialization
        and momentum in deep learning (2013).
    Dialect: v holds gradients, not steps (Sutskever, Keras and scikit-learn keep
        v := momentum v - lr d; the two part where lr changes). The first v is not
        dampened. Weight decay reaches biases too.
    Errors: ValueError for lr, momentum or weight_decay < 0, or nesterov without
        momentum or with dampening.
    """

    name: ClassVar[str] = "sgd"
    _settings: ClassVar[tuple[str, ...]] = ("momentum", "dampening", "nesterov")

    def __init__(
        self,
        lr: float = 0.1,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        self.momentum = self._number("momentum", momentum)
        self.dampening = number("SGD", "dampening", dampening)
        self.nesterov = bool(nesterov)
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            given = f"momentum {self.momentum} and dampening {self.dampening}"
            raise ValueError(f"SGD: nesterov has {given}, expected momentum > 0 and dampening 0")

    @property
    def _kept(self) -> dict[str, float | None]:
        return {"momentum_buffer": None} if self.momentum else {}

    def _update_into(self, d: Array) -> None:
        v = self._velocity(d) if self.momentum else d
        if not self.nesterov:
            np.multiply(v, self.lr, out=d)
            return
        for d_block, v_block in blocks(d, v):
            np.multiply(d_block + self.momentum * v_block, self.lr, out=d_block)

    def _velocity(self, d: Array) -> Array:
        if "momentum_buffer" not in self._state:
            self._state["momentum_buffer"] = d.copy()
            return self._state["momentum_buffer"]
        v = self._state["momentum_buffer"]
        v *= self.momentum
        if not self.dampening:
            return np.add(v, d, out=v)
        for d_block, v_block in blocks(d, v):
            np.add(v_block, (1.0 - self.dampening) * d_block, out=v_block)
        return v


class Adagrad(Optimizer):
    """v := v + d^2; theta := theta - lr / (1 + (t - 1) lr_decay) d / (sqrt(v) + eps).

    Shapes: flat vectors; state "sum", which starts at initial_accumulator_value.
    Torch: torch.optim.Adagrad.
    Source: Duchi, Hazan and Singer, Adaptive subgradient methods for online learning
        and stochastic optimization (2011).
    Dialect: eps outside the root (Keras: inside, and v starts at 0.1).
    Errors: ValueError for a hyper-parameter < 0.
    """

    name: ClassVar[str] = "adagrad"
    _settings: ClassVar[tuple[str, ...]] = ("lr_decay", "initial_accumulator_value", "eps")

    def __init__(
        self,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(lr, weight_decay)
        self.lr_decay = self._number("lr_decay", lr_decay)
        self.initial_accumulator_value = self._number(
            "initial_accumulator_value", initial_accumulator_value
        )
        self.eps = self._number("eps", eps)

    @property
    def _kept(self) -> dict[str, float | None]:
        return {"sum": self.initial_accumulator_value}

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        v = state["sum"]
        v += d * d
        lr = self.lr / (1.0 + (self._steps - 1) * self.lr_decay)
        return lr * d / (np.sqrt(v) + self.eps)


class RMSprop(Optimizer):
    """v := alpha v + (1 - alpha) d^2; q = d / (sqrt(v) + eps); theta := theta - lr q.

    With `centered`, mean := alpha mean + (1 - alpha) d, and sqrt(v - mean^2) for
    sqrt(v). With momentum, buf := momentum buf + q and theta := theta - lr buf.

    Shapes: flat vectors; state "square_avg", "grad_avg" if centered, "momentum_buffer"
        with momentum.
    Torch: torch.optim.RMSprop, which lets v - mean^2 fall below zero by rounding and
        returns NaN there.
    Source: Tieleman and Hinton, Lecture 6.5 - RMSProp (2012); centered: Graves,
        Generating sequences with recurrent neural networks (2013), equations 38 to 45.
    Dialect: eps outside the root and v starts at 0 (TensorFlow 1: inside, at 1; Keras:
        inside). buf does not contain lr.
    Errors: ValueError for a hyper-parameter < 0.
    """

    name: ClassVar[str] = "rmsprop"
    _settings: ClassVar[tuple[str, ...]] = ("alpha", "eps", "momentum", "centered")

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay)
        self.alpha = self._number("alpha", alpha)
        self.eps = self._number("eps", eps)
        self.momentum = self._number("momentum", momentum)
        self.centered = bool(centered)

    @property
    def _kept(self) -> dict[str, float | None]:
        names = (
            ["square_avg"]
            + ["grad_avg"] * self.centered
            + ["momentum_buffer"] * (self.momentum > 0.0)
        )
        return dict.fromkeys(names, 0.0)

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        v = state["square_avg"]
        v *= self.alpha
        v += (1.0 - self.alpha) * (d * d)
        q = d / (np.sqrt(self._variance(v, d, state)) + self.eps)
        if not self.momentum:
            return self.lr * q
        buf = state["momentum_buffer"]
        buf *= self.momentum
        buf += q
        return self.lr * buf

    def _variance(self, v: Array, d: Array, state: dict[str, Array]) -> Array:
        if not self.centered:
            return v
        mean = state["grad_avg"]
        mean *= self.alpha
        mean += (1.0 - self.alpha) * d
        return np.maximum(v - mean * mean, 0.0)


class Adam(Optimizer):
    """m := beta1 m + (1 - beta1) d; v := beta2 v + (1 - beta2) d^2;
    theta := theta - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).

    With `amsgrad`, vmax := max(vmax, v), and vmax for v in the step.

    Shapes: flat vectors; state "exp_avg" (m), "exp_avg_sq" (v), "max_exp_avg_sq" (vmax)
        with amsgrad.
    Torch: torch.optim.Adam.
    Source: Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm
        1; amsgrad: Reddi, Kale and Kumar, On the convergence of Adam and beyond (2018).
    Dialect: eps is added after bias correction and outside the root (Keras, TensorFlow
        and scikit-learn: "epsilon hat", before it). amsgrad takes the maximum before
        bias correction. Weight decay goes through the gradient; AdamW decouples it.
    Errors: ValueError for lr, eps or weight_decay < 0, or betas outside [0, 1).
    """

    name: ClassVar[str] = "adam"
    _settings: ClassVar[tuple[str, ...]] = ("betas", "eps", "amsgrad")

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(lr, weight_decay)
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ValueError(
                f"{type(self).__name__}: betas has {betas!r}, expected a pair of numbers"
            )
        self.betas = (
            self._number("betas[0]", betas[0], below=1.0),
            self._number("betas[1]", betas[1], below=1.0),
        )
        self.eps = self._number("eps", eps)
        self.amsgrad = bool(amsgrad)

    @property
    def _kept(self) -> dict[str, float | None]:
        return dict.fromkeys(["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * self.amsgrad, 0.0)

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        m, v = state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = self.betas
        m *= beta1
        m += (1.0 - beta1) * d
        v *= beta2
        v += (1.0 - beta2) * (d * d)
        if self.amsgrad:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        correction1, correction2 = 1.0 - beta1**self._steps, 1.0 - beta2**self._steps
        return (self.lr / correction1) * m / (np.sqrt(v) / correction2**0.5 + self.eps)


class AdamW(Adam):
    """theta := (1 - lr weight_decay) theta, then Adam's step with d = g.

    Shapes: flat vectors; state as Adam's.
    Torch: torch.optim.AdamW.
    Source: Loshchilov and Hutter, Decoupled weight decay regularization (2019),
        algorithm 2.
    Dialect: the decay comes before the step and is scaled by lr (the paper scales it by
        the schedule's multiplier alone). Its default is 0.01 (Keras: 0.004). It reaches
        biases too.
    Errors: ValueError for lr, eps or weight_decay < 0, or betas outside [0, 1).
    """

    name: ClassVar[str] = "adamw"
    _decoupled: ClassVar[bool] = True

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, amsgrad)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW)
}


class _State(dict[str, Any]):
    """A state to look at: it is set as a whole, so an entry that is set alone is
    refused instead of lost.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError(
            f"state: entry {key!r} is set alone, expected the whole: optimizer.state = {{...}}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
