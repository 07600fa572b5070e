"""Is it the right step that is timed: three steps of a side are judged, from what it
shows, as `parity check` judges a program.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from parity.bench.sides.setting import Side
from parity.mistakes.diagnosis.diagnosis import diagnose_runs, vague
from parity.mistakes.search.replay import Run, Shown
from parity.steps.record import Spec, snapshot
from refnet.checks import Array
from refnet.losses import Loss
from refnet.network import Network
from refnet.optimizers import Optimizer

STEPS = 3  # a rule with momentum shows its state in the second and the third
JUDGED_LR = 0.1  # the timed one, 1e-6, moves weights too little to be judged


class Judgement(NamedTuple):
    """What is wrong, in words, "" where nothing is; the arrays shown, and those of
    which rounding leaves too little to judge.
    """

    problem: str
    arrays: int
    vague: int


def judge(
    side: Side, net: Network, batch: tuple[Array, Array], loss: Loss, optimizer: Optimizer
) -> Judgement:
    """Take three steps with the side, which starts from the network's weights, on the
    same batch; it shows loss, W and b.
    """
    optimizer.bind(net)
    start = snapshot(net, optimizer)
    activations = tuple(
        (layer.activation.name, layer.activation.parameters) for layer in net.layers
    )
    x, y = batch
    shown = []
    for t in range(1, STEPS + 1):
        spec = Spec(
            net.sizes,
            activations,
            loss.name,
            optimizer.name,
            optimizer.hyperparameters,
            t,
            str(net.dtype),
        )
        value = side.step()
        shown.append(
            Shown(spec, x, net.check_targets(loss, y, len(x)), _arrays(value, side.layers()))
        )
    return judgement([Run(start.W, start.b, dict(start.state), tuple(shown))])


def judgement(runs: Sequence[Run]) -> Judgement:
    """What is wrong with a program that shows these runs."""
    findings, unjudged = diagnose_runs(runs), vague(runs)
    arrays = sum(len(step.arrays) for run in runs for step in run.steps)
    problem = findings[0].sentence if findings else ""
    # in float32, what the same code does in float64 is judged besides
    if unjudged == arrays and runs[0].spec.dtype == "float64":
        problem = (
            problem
            or f"not judged: rounding leaves half of the digits or less of all {arrays} arrays"
        )
    return Judgement(problem, arrays, unjudged)


def _arrays(value: float, layers: Iterable[tuple[Array, Array]]) -> dict[tuple[str, int], Array]:
    arrays = {}
    for l, (W, b) in enumerate(layers, start=1):
        arrays["W", l], arrays["b", l] = W.astype(np.float64), b.astype(np.float64)
    return {("loss", len(arrays) // 2): np.asarray(value, np.float64), **arrays}
