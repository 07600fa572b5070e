"""The sides of a step that has more than a network, a loss and a rule: weights, a
penalty, clipping, dropout, or no biases.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from parity.proof.certificate import certify
from parity.steps.cases import Case
from parity.steps.pytorch import twin, twin_loss
from parity.steps.pytorch.counterparts import TORCH_CLIPPINGS, TORCH_PENALTIES
from parity.steps.pytorch.records import restart
from parity.steps.record import FitRecorder, StepRecord
from refnet.clipping import Clipping
from refnet.fast.workspace import Workspace
from refnet.optimizers import SGD
from refnet.training import fit

Step = Callable[[], float]


def refnet_step(case: Case, lr: float) -> Step:
    """The step that `fit` takes; its masks are drawn anew each time."""
    net, loss, optimizer = case.network(), case.make_loss(), SGD(lr)
    given, clipping = next(case.given()), Clipping.of(**case.clipping)
    y = net.check_targets(loss, given.y, len(given.x))
    workspace = Workspace(net, loss, len(given.x), case.penalty)
    rng = np.random.default_rng(case.seed)
    optimizer.bind(net)

    def step() -> float:
        masks = workspace.draw_masks(len(given.x), rng)
        value, gradients = workspace.loss_and_gradients(given.x, y, given.sample_weight, masks)
        if clipping is not None:
            clipping.clip_into(gradients.vector)
        optimizer.step_into(net, gradients.vector)
        return value

    return step


def torch_step(case: Case, lr: float) -> Step:
    """The same as it is taught in PyTorch; nn.Dropout draws its masks."""
    model = nn.Sequential(*(m for m in twin(case.network()) if not isinstance(m, nn.Identity)))
    optimizer, cost = torch.optim.SGD(model.parameters(), lr=lr), _torch_cost(case)
    x = torch.from_numpy(next(case.given()).x)
    penalised = [p for p in model.parameters() if p.ndim == 2]

    def step() -> float:
        optimizer.zero_grad()
        value = cost(model(x))
        if case.penalty is not None:
            strengths = {k: v for k, v in case.penalty.settings.items() if k != "biases"}
            for W in penalised:
                value = value + TORCH_PENALTIES[case.penalty.name](W, **strengths)
        torch.autograd.backward(value)
        if case.clip is not None:
            TORCH_CLIPPINGS[case.clip[0]](model.parameters(), case.clip[1])
        optimizer.step()
        return value.item()

    return step


def _torch_cost(case: Case) -> Callable[[torch.Tensor], torch.Tensor]:
    """The loss of an output, weighted where the rows have weights."""
    given = next(case.given())
    module: Any = twin_loss(case.make_loss(), case.dtype)
    y = torch.from_numpy(np.asarray(given.y))
    if given.sample_weight is None:
        return lambda a: module(a, y)
    s = torch.from_numpy(given.sample_weight)
    module.reduction = "none"
    return lambda a: (module(a, y) * s).sum() / s.sum()


def problem(case: Case) -> str:
    """What is wrong with the step that `fit` takes, or with PyTorch's from the same
    masks.
    """
    net, loss, optimizer, records = case.network(), case.make_loss(), SGD(), list[StepRecord]()
    given = next(case.given())
    asked: dict[str, Any] = {"penalty": case.penalty, **case.clipping}
    recorder = FitRecorder(net, loss, optimizer, records.append, **asked)
    what: dict[str, Any] = {
        "loss": loss,
        "optimizer": optimizer,
        "epochs": 1,
        "on_step": recorder,
        **asked,
    }
    fit(net, given.x, given.y, sample_weight=given.sample_weight, **what)
    for side, record in (("refnet", records[0]), ("PyTorch", restart(records[0]))):
        certificate = certify(record)
        if not certificate.passed:
            return f"{side}, {case.id}: {certificate.verdict}"
    return ""
