"""JAX's side, where it is installed: the whole step compiled as one function, on one thread."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from parity.bench_setting import Setting, Side

FORMS = {"copied": (), "donated": (0, 1)}  # whether the step may write over the parameters and the state that it is given
ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1", "NPROC": "1"}
Rule = Callable[[Any, Any, Any], tuple[Any, Any]]  # parameters, gradients, state -> parameters, state


@cache
def jax() -> Any:
    """The module, or None where it is not installed: on one thread, with float64, and without a thread of its own for each call."""
    try:
        with _environment(**ONE_THREAD):  # which XLA reads when the first device is asked for
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
    """Value and gradient, update, and the loss as a number; the batch is ready, on JAX's side."""
    module = jax()
    jnp = module.numpy
    parameters = [(jnp.asarray(layer.W), jnp.asarray(layer.b)) for layer in setting.network().layers]
    x, labels = setting.data()
    x, y = jnp.asarray(x), jnp.asarray(labels.astype(np.int32))
    state, update = _rule(module, setting, parameters)
    cost = _cost(module, setting.hidden)

    def whole(parameters: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        value, gradients = module.value_and_grad(cost)(parameters, x, y)
        return (value, *update(parameters, gradients, state))

    compiled = module.jit(whole, donate_argnums=FORMS[form])

    def step() -> float:
        nonlocal parameters, state
        value, parameters, state = compiled(parameters, state, x, y)
        return float(value)

    return Side(step, lambda: [(np.asarray(W).copy(), np.asarray(b).copy()) for W, b in parameters], form)


def _cost(module: Any, hidden: str) -> Callable[..., Any]:
    """Softmax cross-entropy of the network."""
    f = {"relu": module.nn.relu, "tanh": module.numpy.tanh, "sigmoid": module.nn.sigmoid}[hidden]

    def cost(parameters: Any, x: Any, y: Any) -> Any:
        a = x
        for W, b in parameters[:-1]:
            a = f(a @ W.T + b)
        W, b = parameters[-1]
        log_a = module.nn.log_softmax(a @ W.T + b)
        return -module.numpy.take_along_axis(log_a, y[:, None], axis=1).mean()

    return cost


def _rule(module: Any, setting: Setting, parameters: Any) -> tuple[Any, Rule]:
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

    fresh = each(jnp.zeros_like, parameters)  # not `zeros`: an array that is donated can be given away once
    moments = zeros, fresh, jnp.zeros((), parameters[0][0].dtype)
    return {"SGD": ((), sgd), "momentum": (zeros, momentum), "Adam": (moments, adam)}[setting.rule]


@contextmanager
def _environment(**given: str) -> Iterator[None]:
    """These variables while the block runs; XLA_FLAGS are added to those that are set."""
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
