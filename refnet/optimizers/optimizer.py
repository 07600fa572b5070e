"""What every update rule shares: state, hyper-parameters, and the step in place.

theta is `net.parameters`, g is `gradients.vector`, t counts the steps from 1 on, and
d = g + weight_decay theta. A step changes theta in place, theta := theta - u.
`step_into` needs no vector of its own: it overwrites g with d, and d with u. Where the
gradient or the new theta is not finite it raises FloatingPointError and leaves every
parameter as it was.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from refnet.blockwise import CACHED, Spare, blocks
from refnet.checks import (
    Array,
    as_dtype,
    finite,
    fitting,
    flag,
    instance,
    number,
    real_array,
    refuse_nonfinite,
    squares_are_finite,
)

DECAYED = "d = g + weight_decay theta"
SECOND_MOMENTS = ("sum", "square_avg", "exp_avg_sq", "max_exp_avg_sq")


@runtime_checkable
class _Network(Protocol):
    @property
    def parameters(self) -> Array: ...
    def entry(self, index: int) -> tuple[int, str, tuple[int, ...]]: ...


class _Gradients(Protocol):
    @property
    def vector(self) -> Array: ...


class Optimizer(ABC):
    """theta := theta - u, where u depends on the gradient and the optimizer's state.

    An optimizer belongs to the first network it steps and refuses any other. With
    `decay_biases` False, the weight decay leaves biases out.

    Shapes: theta, g and every vector of the state are (number of parameters,).
    Torch: the optimizers of torch.optim; two parameter groups, that of the biases with
        weight_decay 0, where biases do not decay.
    Errors: ValueError for a hyper-parameter out of range or another network; TypeError
        where decay_biases is no flag; FloatingPointError where a step would leave a
        parameter that is not finite.
    Source: Goodfellow, Bengio and Courville, Deep Learning, chapter 8.
    """

    name: ClassVar[str]
    equation: ClassVar[str] = ""  # the update, as the class's docstring states it
    # for refnet.explain: formulas by name, the vectors of the state by their letters in
    # them, and the source; explain reads the formulas of the class itself: a subclass
    # may compute another update
    formulas: ClassVar[Mapping[str, str]] = {}
    letters: ClassVar[Mapping[str, str]] = {}
    source: ClassVar[str] = ""

    def __init__(self, lr: float, weight_decay: float, decay_biases: bool = True) -> None:
        self.lr = lr
        self.weight_decay = self._number("weight_decay", weight_decay)
        self.decay_biases = self._flag("decay_biases", decay_biases)
        self._steps = 0
        self._state: dict[str, Array] = {}
        self._theta: Array | None = None
        self._spare = Spare()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._own = not cls.__module__.startswith("refnet.")

    def __setattr__(self, name: str, value: object) -> None:
        fixed = name in ("weight_decay", "decay_biases") or name in self._settings
        if fixed and name in vars(self):
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
        """Take one step, in place; `gradients` are not changed.

        Errors: TypeError if net is no Network; ValueError for another network, or where
            a rule of one's own gives an update of another shape or dtype, with nothing
            changed; FloatingPointError, with theta as it was, where the gradient or the
            new theta would not be finite (in the second case the state has already
            changed).
        """
        with np.errstate(all="ignore"):  # an overflow is refused by name
            self.step_into(net, np.array(gradients.vector))

    def step_into(self, net: _Network, g: Array) -> None:
        """Take one step, in place; the gradient g is overwritten with u.

        Errors: as step. NumPy also warns of an overflow, unless np.errstate tells it
            not to.
        """
        self.bind(net)
        theta = net.parameters
        if g.shape != theta.shape or g.dtype != theta.dtype:
            raise ValueError(
                f"{self}: gradient has {g.shape} {g.dtype}, expected {theta.shape} {theta.dtype} "
                f"as the parameters"
            )
        if self.weight_decay and not self._decoupled:
            for part in self._decaying:
                for d, theta_block in blocks(g[part], theta[part], size=CACHED):
                    decay = np.multiply(theta_block, self.weight_decay, out=self._spare.like(d))
                    np.add(d, decay, out=d)
        is_moderate = squares_are_finite(g)
        if not is_moderate:
            refuse_nonfinite("gradient", g, net.entry)
        self._move(net, g, is_moderate)

    def _move(self, net: _Network, d: Array, is_moderate: bool) -> None:
        """theta := theta - u, with d overwritten with u; refused where a new value is
        not finite. The squares of a moderate d have a finite sum.
        """
        self._advance(d)
        theta, shrink = net.parameters, 1.0
        if self._decoupled:
            shrink -= self.lr * self.weight_decay
        # a finite sum of squares means |u| below the root of the largest float, far
        # less than half an ulp of the largest float: theta - u cannot overflow
        if not (squares_are_finite(d) and abs(shrink) <= 1.0):
            refuse_nonfinite("new value", self._shrunk(theta.copy(), shrink) - d, net.entry)
        if shrink != 1.0:
            self._shrunk(theta, shrink)
        theta -= d

    def _shrunk(self, theta: Array, shrink: float) -> Array:
        """theta, of which all that decays has been multiplied in place."""
        for part in self._decaying:
            decaying = theta[part]
            decaying *= shrink
        return theta

    def _advance(self, d: Array) -> None:
        """Count the step, and overwrite d with u; a rule of one's own that is refused
        leaves the count and the state as they were.
        """
        state, steps = dict(self._state), self._steps
        before = [vector.copy() for vector in state.values()] if self._own else []
        self._count()
        try:
            self._update_into(d)
        except Exception:
            self._state, self._steps = state, steps
            for vector, old in zip(state.values(), before, strict=False):
                vector[...] = old
            raise

    def _count(self) -> None:
        """t := t + 1."""
        # not through __setattr__ above: 1 % of a step at 64-30-10 with 32 rows
        object.__setattr__(self, "_steps", self._steps + 1)

    def bind(self, net: _Network) -> None:
        """Make `net` the network of this optimizer and start its state.

        Errors: TypeError if net is no Network; ValueError where it has another one
            already.
        """
        theta = getattr(net, "parameters", None)
        if theta is not None and self._theta is theta:  # each network has one vector
            return
        self.check_network(net)
        theta = net.parameters
        self._state = {
            name: self._as(theta.dtype, name, vector) for name, vector in self._state.items()
        }
        if not self.decay_biases:
            self._decaying = tuple(self._weights(net))
        self._theta = theta
        self._complete()

    def check_network(self, net: _Network) -> None:
        """Refuse a network that is not this optimizer's, and change nothing.

        Errors: as bind.
        """
        instance(f"{self}", "net", net, _Network)
        if self._theta is not None and self._theta is not net.parameters:
            raise ValueError(
                f"{self}: got another network, expected the one of its first step; make an "
                f"optimizer for each network"
            )
        for name, vector in self._state.items():
            if vector.shape != net.parameters.shape:
                raise ValueError(
                    f"{self}: state {name} has shape {vector.shape}, expected "
                    f"{net.parameters.shape}"
                )

    def next_formulas(self, *, decays: bool) -> list[str]:
        """The formulas of the next step, in the order of computation, for a parameter
        that the weight decay reaches, or does not.
        """
        formulas = vars(type(self)).get("formulas", {})
        decayed = [DECAYED] if formulas and decays and not self._decoupled else []
        return decayed + [formulas[name] for name in self._stated(decays) if name in formulas]

    def _stated(self, decays: bool) -> Iterable[str]:
        """The names of the formulas that hold with these settings."""
        return self.formulas

    def _weights(self, net: object) -> Iterator[slice]:
        """Where every W stands in the flat vectors."""
        start, layers = 0, getattr(net, "layers", None)
        if layers is None:
            raise TypeError(
                f"{self}: net has type {type(net).__name__} without layers, expected Network: "
                f"decay_biases is False"
            )
        for layer in layers:
            yield slice(start, start + layer.W.size)
            start += layer.W.size + (0 if layer.b is None else layer.b.size)

    def _complete(self) -> None:
        """Start the vectors of the state that were not set."""
        for name, start in self._kept.items():
            if self._theta is not None and name not in self._state and start is not None:
                self._state[name] = np.full_like(self._theta, start)

    # the names of the hyper-parameters beside lr and weight_decay
    _settings: ClassVar[tuple[str, ...]]
    # weight decay acts on theta itself, not through the gradient
    _decoupled: ClassVar[bool] = False
    decay_biases: bool = True
    # the parts of the flat vectors that the weight decay acts on
    _decaying: tuple[slice, ...] = (slice(None),)
    # a rule of one's own, whose update may be refused; those here need no copy of their
    # state, which would cost 3 % of Adam's step at 64-30-10 with 32 rows
    _own: ClassVar[bool]

    @property
    @abstractmethod
    def _kept(self) -> dict[str, float | None]:
        """The vectors of the state and the number each starts from; None where the rule
        makes it at its first step, in its own _update_into.
        """

    def _update_into(self, d: Array) -> None:
        """Overwrite d with u."""
        # block by block, so that what _update computes on its way stays in the cache
        for d_block, *kept in blocks(d, *self._state.values(), size=CACHED):
            u = self._update(d_block, dict(zip(self._state, kept, strict=True)))
            if u is not d_block:
                d_block[...] = fitting(self, "update", u, d_block)

    def _update(self, d: Array, state: dict[str, Array]) -> Array:
        """u for one block of d, and the same block of each state vector updated in
        place; t is _steps. A rule that needs whole vectors writes _update_into instead.

        d may be overwritten with u, as the rules here do. What a rule makes anew on its
        way takes memory for blocks of CACHED bytes.
        """
        raise NotImplementedError(
            f"{self}: has neither _update nor _update_into, expected one of them"
        )

    def _typed(self, number: float) -> Array:
        """The number in theta's dtype, which may round it to 0 or inf."""
        with np.errstate(all="ignore"):
            return np.array(number, np.float64 if self._theta is None else self._theta.dtype)

    def _number(self, name: str, value: object, below: float = np.inf) -> float:
        return number(type(self).__name__, name, value, low=0.0, below=below)

    def _flag(self, name: str, value: object) -> bool:
        return flag(type(self).__name__, name, value)

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
        given = self.hyperparameters | ({} if self.decay_biases else {"decay_biases": False})
        settings = ", ".join(f"{name}={value}" for name, value in given.items())
        return f"{type(self).__name__}({settings})"

    def __str__(self) -> str:
        return type(self).__name__


class _State(dict[str, Any]):
    """A new dict each time the state is read: `state[key] = value` would be lost in
    silence, so it is refused.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError(
            f"state: entry {key!r} is set alone, expected the whole: optimizer.state = {{...}}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # a copy, also a pickled one, is the owner's to change
