"""How `fit` goes on with an earlier training, and which optimizer it takes."""

from refnet.checks import counted, instance, named
from refnet.history import History, Reached
from refnet.optimizers import OPTIMIZERS, Optimizer


def reached_by(resume: object, seed: int, shuffle: bool) -> Reached:
    """How far the training to resume came, where this one may go on from there."""
    reached = instance("fit", "resume", resume, History).reached
    if reached is None:
        raise ValueError("fit: resume has no training behind it, expected a History that fit gave")
    for name, got, want in (("seed", seed, reached.seed), ("shuffle", shuffle, reached.shuffle)):
        if got != want:
            raise ValueError(f"fit: {name} has {got}, expected {want} as in the training to resume")
    return reached


def optimizer_of(given: str | Optimizer, lr: float | None, reached: Reached | None) -> Optimizer:
    """The optimizer object: a new one for a name, with `lr` where that is given, or the
    one of the training that is resumed.
    """
    optimizer = named("optimizer", Optimizer, OPTIMIZERS, given)
    if lr is not None and optimizer is given:
        raise ValueError(f"fit: lr has {lr}, expected None with {optimizer!r}, which has its own")
    if lr is not None:
        optimizer.lr = lr
    return optimizer if reached is None else _going_on(optimizer, given, lr, reached)


def _going_on(optimizer: Optimizer, given: object, lr: float | None, reached: Reached) -> Optimizer:
    """The optimizer that goes on, refused where it is known to be another one."""
    kept = reached.optimizer
    if optimizer is not given:
        if type(optimizer) is not type(kept) or lr not in (None, kept.lr):
            raise ValueError(
                f"fit: optimizer has {optimizer!r}, expected {kept!r} of the training to resume"
            )
        optimizer = kept
    if optimizer.state["steps"] != reached.steps:
        raise ValueError(
            f"fit: optimizer has taken {counted(optimizer.state['steps'], 'step')}, expected "
            f"{reached.steps} as at the end of the training to resume"
        )
    return optimizer
