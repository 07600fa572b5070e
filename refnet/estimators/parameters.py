"""What the parameters of an estimator may be, and what they stand for in refnet."""

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import numpy as np

from refnet.activations import ACTIVATIONS, Activation
from refnet.checks import counted, flag, integer, named, number
from refnet.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

SOLVERS = ("adam", "sgd", "adamw", "rmsprop", "adagrad")
LEARNING_RATES = ("constant", "invscaling", "adaptive")


def checked(estimator: Any) -> None:
    """Refuse a parameter that is not what it may be; nothing has changed then."""
    where = type(estimator).__name__
    for name, check in _CHECKS.items():
        if hasattr(estimator, name):
            check(where, name, getattr(estimator, name))


def widths(where: str, given: Any) -> list[int]:
    """The units of each hidden layer."""
    listed = list(given) if isinstance(given, Iterable) else [given]
    return [integer(where, "hidden_layer_sizes", units, low=1) for units in listed]


def hidden_activations(where: str, given: Any, layers: int) -> list[Activation]:
    """The activation of each hidden layer, of which there are `layers`."""
    listed = _listed(given, layers)
    if len(listed) != layers:
        raise ValueError(
            f"{where}: activation has {counted(len(listed), 'entry', 'entries')}, expected "
            f"{layers}, one per hidden layer"
        )
    return [_activation(where, each) for each in listed]


def drops(where: str, given: Any, layers: int) -> list[float]:
    """The probability with which an output of each hidden layer is dropped."""
    listed = _listed(given, layers)
    if len(listed) != layers:
        raise ValueError(
            f"{where}: dropout has {counted(len(listed), 'entry', 'entries')}, expected "
            f"{layers}, one per hidden layer"
        )
    return [number(where, "dropout", each, low=0.0, below=1.0) for each in listed]


def optimizer(estimator: Any) -> Optimizer:
    """The update rule that `solver` names."""
    lr, betas = estimator.learning_rate_init, (estimator.beta_1, estimator.beta_2)
    if estimator.solver == "sgd":
        # without momentum both of its forms are the same step
        nesterov = bool(estimator.nesterovs_momentum) and estimator.momentum > 0
        return SGD(lr, momentum=estimator.momentum, nesterov=nesterov)
    if estimator.solver == "adamw":
        return AdamW(lr, betas, estimator.epsilon, estimator.alpha, decay_biases=False)
    if estimator.solver == "adam":
        return Adam(lr, betas, estimator.epsilon)
    return (RMSprop if estimator.solver == "rmsprop" else Adagrad)(lr, eps=estimator.epsilon)


def copied(rule: Optimizer) -> Optimizer:
    """A rule of the same settings and state that no network has yet."""
    new: Optimizer = type(rule)(**rule.hyperparameters, decay_biases=rule.decay_biases)
    new.state = rule.state
    return new


def _listed(given: Any, layers: int) -> list[Any]:
    """What each of the layers has: one thing for all, or a list of them."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    return list(given) if isinstance(given, list | tuple) else [given] * layers


def _activation(where: str, given: Any) -> Activation:
    """The activation of that name, which may be scikit-learn's."""
    name = _REFNETS.get(given, given) if isinstance(given, str) else given
    f = named(f"{where}: activation", Activation, ACTIVATIONS, name)
    if not f.trainable:
        raise ValueError(
            f"{where}: activation has {type(f).__name__}, expected a trainable one: its "
            f"derivative is zero everywhere"
        )
    return f


_REFNETS: dict[str, str] = {"logistic": "sigmoid"}
_Check = Callable[[str, str, Any], object]


def _at_least(low: int) -> _Check:
    return lambda where, name, value: integer(where, name, value, low=low)


def _in_range(low: float, below: float = inf) -> _Check:
    return lambda where, name, value: number(where, name, value, low=low, below=below)


def _positive(where: str, name: str, value: Any) -> None:
    if number(where, name, value, low=0.0) == 0.0:
        raise ValueError(f"{where}: {name} has {value}, expected a number > 0")


def _momentum(where: str, name: str, value: Any) -> None:
    if number(where, name, value, low=0.0) > 1.0:
        raise ValueError(f"{where}: {name} has {value}, expected a number from 0 to 1")


def _one_of(*names: str) -> _Check:
    def check(where: str, name: str, value: Any) -> None:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"{where}: {name} has {value!r}, expected one of {', '.join(names)}")

    return check


def _solver(where: str, name: str, value: Any) -> None:
    if isinstance(value, str) and value == "lbfgs":
        raise ValueError(
            f"{where}: solver has 'lbfgs', expected one of {', '.join(SOLVERS)}: refnet has no "
            f"rule of second order or with a line search"
        )
    _one_of(*SOLVERS)(where, name, value)


def _batch_size(where: str, name: str, value: Any) -> None:
    if not (isinstance(value, str) and value == "auto"):
        integer(where, name, value, low=1)


def _patience(where: str, name: str, value: Any) -> None:
    if not (isinstance(value, float) and value == inf):
        integer(where, name, value, low=1)


def _optional(check: _Check) -> _Check:
    return lambda where, name, value: None if value is None else check(where, name, value)


_CHECKS: dict[str, _Check] = {
    "hidden_layer_sizes": lambda where, _, value: widths(where, value),
    "activation": lambda where, _, value: [_activation(where, each) for each in _listed(value, 1)],
    "solver": _solver,
    "alpha": _in_range(0.0),
    "batch_size": _batch_size,
    "learning_rate": _one_of(*LEARNING_RATES),
    "learning_rate_init": _positive,
    "power_t": _in_range(0.0),
    "max_iter": _at_least(1),
    "loss": _one_of("squared_error", "absolute_error"),
    "shuffle": flag,
    "tol": _in_range(0.0),
    "verbose": lambda where, name, value: (
        value if isinstance(value, bool | np.bool) else integer(where, name, value, low=0)
    ),
    "warm_start": flag,
    "momentum": _momentum,
    "nesterovs_momentum": flag,
    "early_stopping": flag,
    "validation_fraction": _in_range(0.0, below=1.0),
    "beta_1": _in_range(0.0, below=1.0),
    "beta_2": _in_range(0.0, below=1.0),
    "epsilon": _positive,
    "n_iter_no_change": _patience,
    "dropout": lambda where, name, value: [
        number(where, name, each, low=0.0, below=1.0) for each in _listed(value, 1)
    ],
    "clip_norm": _optional(_positive),
}
