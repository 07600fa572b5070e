"""PyTorch's side, in eager mode: the step as it is taught, in the ways to set it up
that may be fastest, and the plain loop around it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from parity.bench.sides.setting import Setting, Side
from parity.steps.pytorch import twin, twin_loss
from refnet.checks import Array

# the optimizer's options
FORMS: dict[str, dict[str, Any]] = {
    "default": {},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}
OPTIMIZERS: dict[str, Any] = {
    "SGD": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "Adam": torch.optim.Adam,
}
Step: TypeAlias = Callable[[Tensor, Tensor], float]


def use_threads(count: int) -> int:
    """Ask for so many threads within an operation, and say how many there are."""
    torch.set_num_threads(count)
    return torch.get_num_threads()


def torch_step(setting: Setting, form: str = "default") -> Side:
    """zero_grad, forward, loss, backward, optimizer step, and the loss as a number; the
    batch is ready.
    """
    model, take = _model_and_step(setting, form)
    x, y = map(torch.from_numpy, setting.data())
    return Side(lambda: take(x, y), lambda: _layers(model), form)


def torch_loop(setting: Setting, batches: int, epochs: int, form: str = "default") -> Side:
    """The plain loop that does what `fit` does: shuffle, gather, step, mean loss of
    each epoch. The value is the last epoch's.
    """
    model, take = _model_and_step(setting, form)
    x, y = map(torch.from_numpy, setting.data(batches))
    generator = torch.Generator().manual_seed(setting.seed)
    return Side(
        lambda: loop(take, x, y, epochs, setting.rows, generator)[-1], lambda: _layers(model), form
    )


def loop(
    take: Step, x: Tensor, y: Tensor, epochs: int, rows: int, generator: torch.Generator
) -> list[float]:
    """The mean loss of each epoch."""
    history = []
    for _ in range(epochs):
        total = 0.0
        for picked in torch.split(torch.randperm(len(x), generator=generator), rows):
            total += take(x.index_select(0, picked), y.index_select(0, picked)) * len(picked)
        history.append(total / len(x))
    return history


def train(
    setting: Setting, x: Array, labels: Array, epochs: int, form: str = "default"
) -> tuple[list[float], nn.Module]:
    """A whole training from the setting's weights: the losses and the model."""
    model, take = _model_and_step(setting, form)
    generator = torch.Generator().manual_seed(setting.seed)
    return loop(
        take, torch.from_numpy(x), torch.from_numpy(labels), epochs, setting.rows, generator
    ), model


def _model_and_step(setting: Setting, form: str) -> tuple[nn.Sequential, Step]:
    model = nn.Sequential(
        *(module for module in twin(setting.network()) if not isinstance(module, nn.Identity))
    )
    rule = setting.optimizer().hyperparameters
    kept = ("lr", "momentum", "betas", "eps")
    settings = {key: value for key, value in rule.items() if key in kept}
    optimizer = OPTIMIZERS[setting.rule](model.parameters(), **settings, **FORMS[form])
    loss = twin_loss(setting.loss())

    def take(x: Tensor, y: Tensor) -> float:
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        return value.item()

    return model, take


def _layers(model: nn.Sequential) -> list[tuple[Array, Array]]:
    return [
        (m.weight.detach().numpy().copy(), m.bias.detach().numpy().copy())
        for m in model
        if isinstance(m, nn.Linear)
    ]
