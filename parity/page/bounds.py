"""How far from refnet's a number of the page may be, at most: what rounding allows to
any right program in one step.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from parity.checking.vectors.bounds import OF_LAYERS, allowed, expected
from parity.mistakes.search.replay import Run, Shown
from parity.steps.record import Objective, snapshot, spec_of
from refnet.activations import ACTIVATIONS
from refnet.explanation.page import Scene
from refnet.layer import Dense
from refnet.losses import Loss
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer


def scene_bounds(scene: Scene) -> dict[str, Any]:
    """The allowed error of each number that refnet computed of a scene, which has to be
    the first step of its optimizer.
    """
    given = scene["optimizer"]
    optimizer = OPTIMIZERS[given["name"]](lr=scene["lr"], **given["settings"])
    net = Network([_dense(**layer) for layer in scene["layers"]])
    return step_bounds(net, scene["x"], scene["y"], scene["loss"], optimizer)


def _dense(W: list[Any], b: list[float] | None, activation: str, slope: float) -> Dense:
    parameters = {"slope": slope} if activation == "leaky_relu" else {}
    biases = None if b is None else np.array(b)
    return Dense(np.array(W), biases, ACTIVATIONS[activation](**parameters))


def step_bounds(
    net: Network, x: ArrayLike, y: ArrayLike, loss: str | Loss, optimizer: Optimizer
) -> dict[str, Any]:
    """The allowed error of each number of the next step of an optimizer: of "C", and of
    z, a, delta, dW, db, W and b as lists with an array for each layer; W and b are
    those after the step, and b and db of a layer without biases are None. Nothing is
    changed.

    Errors: ValueError or TypeError for what refnet cannot train on.
    """
    objective = Objective(net.trainable_with(loss))
    rows = np.asarray(net.check_inputs(x), net.dtype)
    targets = net.check_targets(objective.loss, y, len(rows))
    start, steps = snapshot(net, optimizer), optimizer.state["steps"]
    spec = replace(spec_of(net, objective, optimizer), step=steps + 1)
    run = Run(start.W, start.b, start.state, (Shown(spec, rows, targets, {}),))
    (arrays,) = expected(run)
    return {
        "C": allowed(arrays["loss"][0]),
        **{
            name: [
                None if name in ("b", "db") and layer.b is None else allowed(array)
                for layer, array in zip(net.layers, arrays[name], strict=True)
            ]
            for name in OF_LAYERS
        },
    }
