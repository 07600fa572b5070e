"""JAX's side, where it is installed: the whole step compiled as one function, on one
thread or as many as the process is asked for first.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from parity.bench.sides.setting import Setting, Side
from refnet.checks import Array
from refnet.layer import views

# whether the step may write over what it is given, and with all parameters as one
# vector
FORMS = ("copied", "donated", "one vector")
# parameters, gradients, state -> parameters, state
Rule = Callable[[Any, Any, Any], tuple[Any, Any]]


def pool_of(threads: int) -> dict[str, str]:
    """The environment in which XLA makes a pool of so many threads."""
    several = str(threads > 1).lower()
    flags = f"--xla_cpu_multi_thread_eigen={several} intra_op_parallelism_threads={threads}"
    return {"XLA_FLAGS": flags, "NPROC": str(threads)}


@cache
def jax(threads: int = 1) -> Any:
    """The module, or None where it is not installed: on so many threads, with float64,
    and without a thread of its own for each call.

    The first call decides for the process: XLA makes its pool once.
    """
    try:
        with _environment(**pool_of(threads)):  # read when the first device is asked for
            module = import_module("jax")
            module.config.update("jax_platforms", "cpu")
            module.config.update("jax_cpu_enable_async_dispatch", False)
            module.config.update("jax_enable_x64", True)
            module.devices()
    except ModuleNotFoundError as error:
        if error.name != "jax":
            raise
        return None
    return module


def jax_step(setting: Setting, form: str = "donated") -> Side:
    """Value and gradient, update, and the loss as a number; the batch is ready, on
    JAX's side.
    """
    parameters, state, whole, layers = _program(setting, form)
    x, y = _given(*setting.data())
    compiled = jax().jit(whole, donate_argnums=() if form == "copied" else (0, 1))

    def step() -> float:
        nonlocal parameters, state
        value, parameters, state = compiled(parameters, state, x, y)
        return float(value)

    return Side(
        step,
        lambda: [(np.asarray(W).copy(), np.asarray(b).copy()) for W, b in layers(parameters)],
        form,
    )


def jax_trainer(
    setting: Setting, x: Array, labels: Array
) -> Callable[[int], tuple[list[float], list[tuple[Array, Array]]]]:
    """The function (epochs) that trains from the setting's weights, each epoch compiled
    as a whole: the losses, W and b.
    """
    module = jax()
    first, start, whole, layers = _program(setting, "one vector")
    x, y = _given(x, labels)
    rows, each = setting.rows, len(x) // setting.rows
    tail = len(x) - rows * each

    def epoch(parameters: Any, state: Any, order: Any) -> tuple[Any, Any, Any]:
        def step(carry: Any, picked: Any) -> tuple[Any, Any]:
            value, *carry = whole(*carry, x[picked[0]], y[picked[0]])
            return tuple(carry), value

        (parameters, state), values = module.lax.scan(
            step, (parameters, state), (order[: rows * each].reshape(each, rows),)
        )
        total = rows * values.sum()
        if tail:
            value, parameters, state = whole(
                parameters, state, x[order[rows * each :]], y[order[rows * each :]]
            )
            total = total + tail * value
        return total / len(x), parameters, state

    compiled = module.jit(epoch)

    def train(epochs: int) -> tuple[list[float], list[tuple[Array, Array]]]:
        rng, parameters, state, losses = np.random.default_rng(setting.seed), first, start, []
        for _ in range(epochs):
            value, parameters, state = compiled(
                parameters, state, module.numpy.asarray(rng.permutation(len(x)))
            )
            losses.append(float(value))
        return losses, [(np.asarray(W), np.asarray(b)) for W, b in layers(parameters)]

    return train


def _given(x: Array, labels: Array) -> tuple[Any, Any]:
    jnp = jax().numpy
    return jnp.asarray(x), jnp.asarray(labels.astype(np.int32))


class Program(NamedTuple):
    """A training in JAX: what it starts from, and what it does."""

    parameters: Any
    state: Any
    step: Callable[..., Any]  # parameters, state, x, y -> loss, parameters, state
    layers: Callable[[Any], Any]  # parameters -> W and b of each layer


def _program(setting: Setting, form: str) -> Program:
    module, net = jax(), setting.network()
    jnp, kinds = module.numpy, [layer.kind for layer in net.layers]
    if form == "one vector":
        parameters, layers = jnp.asarray(net.parameters), lambda vector: list(views(vector, kinds))
    else:
        parameters, layers = (
            [(jnp.asarray(layer.W), jnp.asarray(layer.b)) for layer in net.layers],
            list,
        )
    state, update = _rule(module, setting, parameters, jnp.asarray(net.parameters).dtype)
    cost = _cost(module, setting.hidden, layers)

    def whole(parameters: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        value, gradients = module.value_and_grad(cost)(parameters, x, y)
        return (value, *update(parameters, gradients, state))

    return Program(parameters, state, whole, layers)


def _cost(module: Any, hidden: str, layers: Callable[[Any], Any]) -> Callable[..., Any]:
    """Softmax cross-entropy of the network."""
    f = {"relu": module.nn.relu, "tanh": module.numpy.tanh, "sigmoid": module.nn.sigmoid}[hidden]

    def cost(parameters: Any, x: Any, y: Any) -> Any:
        a = x
        *below, (W, b) = layers(parameters)
        for V, c in below:
            a = f(a @ V.T + c)
        log_a = module.nn.log_softmax(a @ W.T + b)
        return -(module.nn.one_hot(y, len(b), dtype=log_a.dtype) * log_a).sum(axis=1).mean()

    return cost


def _rule(module: Any, setting: Setting, parameters: Any, dtype: Any) -> tuple[Any, Rule]:
    """The state that a rule starts from, and the rule."""
    each, jnp, h = module.tree.map, module.numpy, setting.optimizer().hyperparameters
    zeros = each(jnp.zeros_like, parameters)
    lr = h["lr"]

    def sgd(p: Any, g: Any, state: Any) -> tuple[Any, Any]:
        return each(lambda p, g: p - lr * g, p, g), state

    def momentum(p: Any, g: Any, v: Any) -> tuple[Any, Any]:
        v = each(lambda v, g: h["momentum"] * v + g, v, g)
        return each(lambda p, v: p - lr * v, p, v), v

    def adam(p: Any, g: Any, state: Any) -> tuple[Any, Any]:
        m, v, t = state
        t = t + 1
        beta1, beta2 = h["betas"]
        m = each(lambda m, g: beta1 * m + (1.0 - beta1) * g, m, g)
        v = each(lambda v, g: beta2 * v + (1.0 - beta2) * g * g, v, g)
        size, root = lr / (1.0 - beta1**t), jnp.sqrt(1.0 - beta2**t)
        moved = each(lambda p, m, v: p - size * m / (jnp.sqrt(v) / root + h["eps"]), p, m, v)
        return moved, (m, v, t)

    # not `zeros`: an array that is donated can be given away once
    fresh = each(jnp.zeros_like, parameters)
    moments = zeros, fresh, jnp.zeros((), dtype)
    return {"SGD": ((), sgd), "momentum": (zeros, momentum), "Adam": (moments, adam)}[setting.rule]


@contextmanager
def _environment(**given: str) -> Iterator[None]:
    """These variables while the block runs; XLA_FLAGS are added to those that are
    set.
    """
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    if before.get("XLA_FLAGS"):
        os.environ["XLA_FLAGS"] = f"{before['XLA_FLAGS']} {given['XLA_FLAGS']}"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
