"""The fast form over the case table: every array of every step has the bits of the
teaching form, and so have parameters and state.
"""

import numpy as np
import pytest

from parity.steps.cases import CASES
from refnet.fast.workspace import Workspace


def bits(arrays):
    """Shape, dtype and bytes of each: more than np.array_equal asks; None where a layer
    without biases has no gradient of them.
    """
    return [array is not None and (array.shape, array.dtype, array.tobytes()) for array in arrays]


def passed(trace, gradients):
    """z, a, delta, dW, db of each layer, and the flat gradient."""
    return bits(
        [
            *(array for step in trace for array in step),
            *(array for layer in gradients for array in layer),
            gradients.vector,
        ]
    )


def moved(net, optimizer):
    """What a step changes."""
    return bits([net.parameters, *(np.asarray(value) for value in optimizer.state.values())]), list(
        optimizer.state
    )


@pytest.mark.parametrize("group", sorted({case.group for case in CASES}))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_fast_form_has_the_bits_of_the_teaching_form(group, dtype):
    """Each step of each case, in one workspace, with the weights moving on by the
    case's optimizer.
    """
    for case in (case for case in CASES if (case.group, case.dtype) == (group, dtype)):
        net, fast, loss, one, two = (
            case.network(),
            case.network(),
            case.make_loss(),
            case.make_optimizer(),
            case.make_optimizer(),
        )
        workspace = Workspace(fast, loss, case.batch, case.penalty)
        clipping = case.objective.clipping
        for (x, y, one.lr), given in zip(case.steps(), case.given(), strict=True):
            two.lr, s, masks = one.lr, given.sample_weight, given.masks
            value, gradients = net.loss_and_gradients(x, y, loss, s, case.penalty, masks)
            targets = fast.check_targets(loss, y, len(x))
            cost, live = workspace.loss_and_gradients(x, targets, s, masks)
            assert np.float64(cost).tobytes() == np.float64(value).tobytes(), case.id
            trace = net.forward(x, masks)
            assert passed(workspace.trace(x), live) == passed(trace, gradients), case.id
            one.step(net, gradients if clipping is None else clipping.clipped(gradients))
            if clipping is not None:
                clipping.clip_into(live.vector)
            two.step_into(fast, live.vector)
            assert moved(fast, two) == moved(net, one), case.id
        assert two.state["steps"] == len(case.rates)
