"""JAX in a form of our own, whether or not it is installed."""

import os
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch

from parity.bench.sides import jax as jax_side


class Grad:
    """Enough of JAX to run its side on: arrays are PyTorch's, so are the
    derivatives.
    """

    def __init__(self):
        self.seen = {}
        self.__version__ = "of the test"
        self.config = SimpleNamespace(update=self.seen.__setitem__)
        self.nn = SimpleNamespace(
            relu=torch.relu,
            sigmoid=torch.sigmoid,
            log_softmax=partial(torch.log_softmax, dim=-1),
            one_hot=lambda y, classes, dtype: torch.nn.functional.one_hot(y, classes).to(dtype),
        )
        self.tree = SimpleNamespace(map=self.each)
        self.lax = SimpleNamespace(scan=self.scan)
        self.numpy = SimpleNamespace(
            asarray=lambda a: torch.tensor(a if a.dtype.kind == "f" else a.astype(np.int64)),
            zeros=lambda shape, dtype: torch.zeros(shape, dtype=dtype),
            **{name: getattr(torch, name) for name in ("tanh", "sqrt", "zeros_like")},
        )

    def scan(self, step, carry, given):
        values = []
        for each in zip(*given, strict=True):
            carry, value = step(carry, each)
            values.append(value)
        return carry, torch.stack(values)

    def devices(self):
        self.seen |= {name: os.environ.get(name) for name in jax_side.pool_of(1)}

    def jit(self, function, donate_argnums=()):
        self.seen["donated"] = donate_argnums
        return function

    def each(self, function, *trees):
        if isinstance(trees[0], torch.Tensor):
            return function(*trees)
        return [
            tuple(function(*leaves) for leaves in zip(*layers, strict=True))
            for layers in zip(*trees, strict=True)
        ]

    def value_and_grad(self, cost):
        def both(parameters, *given):
            leaves = self.each(lambda p: p.clone().requires_grad_(), parameters)
            value = cost(leaves, *given)
            value.backward()
            return value.detach(), self.each(lambda p: p.grad, leaves)

        return both
