"""Which optimizer takes the step, and the step as it takes it: on a copy."""

from copy import deepcopy

from refnet.checks import named, number
from refnet.explanation.lines import ComputedStep
from refnet.losses import checked
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, SGD, Optimizer


def rule_of(net: Network, given: str | Optimizer | None, lr: float | None) -> Optimizer | None:
    """The optimizer that takes the step: gradient descent where only an lr is given,
    and none where neither is.
    """
    lr = None if lr is None else number("explain", "lr", lr, low=0.0)
    if given is None:
        return None if lr is None else SGD(lr)
    optimizer = named("optimizer", Optimizer, OPTIMIZERS, given)
    optimizer.check_network(net)
    if lr is not None and optimizer is given:
        raise ValueError(
            f"explain: lr has {lr}, expected None with {optimizer!r}, which has its own"
        )
    if lr is not None:
        optimizer.lr = lr
    return optimizer


def stepped(step: ComputedStep, rule: Optimizer) -> ComputedStep:
    """The step with its update, which a copy of the rule takes on a copy of the
    network.
    """
    net, after = step.net, step.net.copy()
    before, stepping = (_copied(rule, net, its) for its in (net, after))
    stepping.step(after, step.stepped or step.gradients)
    output = after.forward(step.x, step.trace.masks).output
    penalty = 0.0 if step.penalty is None else step.penalty.cost(after.layers)
    return step._replace(
        lr=before.lr,
        optimizer=before,
        optimizer_after=stepping,
        after=after,
        cost_after=checked(step.loss, step.sample_weight).value(output, step.y) + penalty,
    )


def _copied(rule: Optimizer, net: Network, its: Network) -> Optimizer:
    """A copy of the rule whose network is `its`, with a state to start from; the rule
    may already belong to `net`.
    """
    # what deepcopy finds here it does not copy
    copied = deepcopy(rule, {id(net): its, id(net.parameters): its.parameters})
    copied.bind(its)
    return copied
