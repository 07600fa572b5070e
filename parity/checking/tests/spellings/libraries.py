"""The same step by PyTorch, in its many forms, and by JAX."""

from functools import partial

import numpy as np
import torch

from parity.bench.sides.jax import jax
from parity.bench.tests.jax_stand_in import Grad
from parity.checking.tests.spellings.spelling import Spellings

LIBRARIES = Spellings()
MODULES = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
RULES = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def numpy(tensors):
    """Copies as arrays."""
    return [tensor.detach().numpy().copy() for tensor in tensors]


# modules and optimizers


def trained(case, *, late=False, **form):
    """nn.Sequential and torch.optim, whose optimizer has this form; the gradients are
    read before the step, or `late`, after it.
    """
    layers = [
        torch.nn.utils.skip_init(torch.nn.Linear, *sizes, dtype=getattr(torch, case.dtype))
        for sizes in zip(case.sizes[:-1], case.sizes[1:], strict=True)
    ]
    for layer, W, b in zip(layers, case.W, case.b, strict=True):
        layer.load_state_dict({"weight": torch.tensor(W), "bias": torch.tensor(b)})
    functions = [MODULES[name]() for name in case.activations[:-1]]
    hidden = [part for both in zip(layers[:-1], functions, strict=True) for part in both]
    model = torch.nn.Sequential(*hidden, layers[-1])
    optimizer = RULES[case.optimizer](model.parameters(), **case.settings, **form)
    for x, y, lr in case.steps:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y))
        loss.backward()
        W, b = [layer.weight for layer in layers], [layer.bias for layer in layers]
        early = [numpy(p.grad for p in parameters) for parameters in (W, b)]
        optimizer.step()
        after = [numpy(p.grad for p in parameters) for parameters in (W, b)]
        dW, db = after if late else early
        yield {"loss": loss.item(), "dW": dW, "db": db, "W": numpy(W), "b": numpy(b)}


FORMS = {
    "torch.optim, one tensor after the other": ({"foreach": False}, ["sgd", "adam"]),
    "torch.optim, foreach": ({"foreach": True}, [*RULES]),
    # under Nesterov, foreach adds momentum v to p.grad itself
    "torch.optim, foreach, gradients read late": ({"foreach": True, "late": True}, ["sgd"]),
    "torch.optim, fused": ({"fused": True}, ["sgd", "adagrad", "adam", "adamw"]),
}
LATE = ("gradients-shown-with-velocity",)
for name, (form, optimizers) in FORMS.items():
    LIBRARIES.add(
        name=name,
        activations=("relu", "tanh"),
        outputs="identity",
        losses="softmax_cross_entropy",
        targets="labels",
        optimizers=optimizers,
        settings=None,
        follows=LATE if "late" in form else (),
    )(partial(trained, **form))


# its gradients alone


def cost(parameters, x, y):
    """The mean squared error of tanh layers."""
    a = x
    for W, b in parameters:
        a = torch.tanh(torch.nn.functional.linear(a, W, b))
    return torch.nn.functional.mse_loss(a, y)


def gradients_of(derive, W, b, x, y):
    """dW and db of `cost`, by derive(parameters, x, y)."""
    parameters = [tuple(map(torch.tensor, both)) for both in zip(W, b, strict=True)]
    pairs = derive(parameters, torch.tensor(x), torch.tensor(y))
    return [dW.numpy() for dW, _ in pairs], [db.numpy() for _, db in pairs]


def by_autograd(parameters, x, y):
    """torch.autograd.grad of leaves."""
    leaves = [p.requires_grad_() for both in parameters for p in both]
    flat = torch.autograd.grad(cost(parameters, x, y), leaves)
    return list(zip(flat[::2], flat[1::2], strict=True))


def by_samples(parameters, x, y):
    """The gradient of each sample by vmap, and then their mean."""
    alone = torch.func.vmap(torch.func.grad(cost), in_dims=(None, 0, 0))
    return [tuple(g.mean(0) for g in both) for both in alone(parameters, x, y)]


class Product(torch.autograd.Function):
    """x W^T + b, with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, W, b):
        """z."""
        ctx.save_for_backward(x, W)
        return x @ W.T + b

    @staticmethod
    def backward(ctx, delta):
        """dC/dx, dC/dW, dC/db."""
        x, W = ctx.saved_tensors
        return delta @ W, delta.T @ x, delta.sum(0)


def by_own_function(parameters, x, y):
    """An autograd.Function for each layer."""
    leaves = [tuple(p.requires_grad_() for p in both) for both in parameters]
    a = x
    for W, b in leaves:
        a = Product.apply(a, W, b).tanh()
    (a - y).square().mean().backward()
    return [(W.grad, b.grad) for W, b in leaves]


for name, derive in {
    "torch.func.grad": torch.func.grad(cost),
    "torch.func.jacrev": torch.func.jacrev(cost),
    "torch.autograd.grad": by_autograd,
    "torch.func.vmap of each sample": by_samples,
    "torch.autograd.Function": by_own_function,
}.items():
    LIBRARIES.gradient(name=name, activations="tanh")(partial(gradients_of, derive))


# JAX


def by_value_and_grad(module, W, b, x, y):
    """jax.value_and_grad of tanh layers."""
    asarray, tanh = module.numpy.asarray, module.numpy.tanh

    def of_jax(parameters, x, y):
        a = x
        for weights, biases in parameters:
            a = tanh(a @ weights.T + biases)
        return ((a - y) ** 2).mean()

    parameters = [tuple(map(asarray, both)) for both in zip(W, b, strict=True)]
    value, pairs = module.value_and_grad(of_jax)(parameters, asarray(x), asarray(y))
    return float(value), [np.asarray(g) for g, _ in pairs], [np.asarray(g) for _, g in pairs]


def jax_itself(*given):
    """JAX, asked for when the first step is taken: its import takes a second."""
    return by_value_and_grad(jax(), *given)


LIBRARIES.gradient(name="JAX", activations="tanh")(jax_itself)
# where JAX is not installed, its names at least
LIBRARIES.gradient(name="JAX, in a form of our own", activations="tanh")(
    partial(by_value_and_grad, Grad())
)
