"""A step with dropout explained in numbers."""

import numpy as np
import pytest

import refnet
from refnet.explanation import computed
from refnet.explanation.paths import Weight, followed

MASKS = (np.array([[0.0, 1.25]]), np.array([[2.0, 0.0]]))
WITHOUT_ROUNDING = [[1.0, 2.0]], [[1.0]]


def network():
    """Two inputs, two hidden units, one output: numbers that are exact in binary."""
    return refnet.Network(
        [
            refnet.Dense([[0.5, -1.0], [0.25, 0.5]], [0.25, 0.5], "identity", 0.2),
            refnet.Dense([[2.0, 4.0]], [1.0], "identity", 0.5),
        ]
    )


def lines(**more):
    """The explanation, line by line."""
    x, y = WITHOUT_ROUNDING
    return str(
        refnet.explain(network(), x, y, "half_squared_error", 0.5, masks=MASKS, **more)
    ).splitlines()


def test_the_masked_input_in_numbers():
    """a_prev = a * m for each layer; z and BP4 read it; BP2 has the mask above."""
    text = lines()
    for line in (
        "  a_prev^1_1 = a^0_1 * m^1_1 = 1*0 = 0",
        "  a_prev^1_2 = a^0_2 * m^1_2 = 2*1.25 = 2.5",
        "  z^1_1 = 0*0.5 + 2.5*(-1) + 0.25 = -2.25",
        "  a_prev^2_1 = a^1_1 * m^2_1 = -2.25*2 = -4.5",
        "  z^2_1 = -4.5*2 + 0*4 + 1 = -8",
        "  dC/da^1_1 = (-9*2)*2 = -36",
        "  dC/da^1_2 = (-9*4)*0 = 0",
        "  dW^1_1,2 = -36*2.5 = -90",
        "  dW^2_1,1 = -9*(-4.5) = 40.5",
    ):
        assert line in text


def test_the_section_of_dropout_stands_before_z():
    """Label and layer, once for each layer that drops; none in evaluation."""
    x, y = WITHOUT_ROUNDING
    step = refnet.explain(network(), x, y, "half_squared_error", 0.5, masks=MASKS)
    order = [(section.label, section.layer) for section in step.sections if section.label]
    assert order[:6] == [
        ("dropout", 1),
        ("z", 1),
        ("a", 1),
        ("dropout", 2),
        ("z", 2),
        ("a", 2),
    ]
    plain = refnet.explain(network(), x, y, "half_squared_error", 0.5)
    assert "dropout" not in {section.label for section in plain.sections}


def test_the_cost_after_the_step_has_the_same_masks():
    """C before and after are both of the network with these units dropped."""
    net = network()
    (x, y), loss = WITHOUT_ROUNDING, refnet.HalfSquaredError()
    step = computed(net, x, y, loss, 0.5, masks=MASKS)
    before, after = (each.forward(x, MASKS).output for each in (net, step.after))
    assert step.cost == loss.value(before, np.array(y))
    assert step.cost_after == loss.value(after, np.array(y))


@pytest.mark.parametrize("layer", [1, 2])
def test_the_paths_of_a_weight_go_through_the_mask(layer):
    """Their sum is the entry of dW that BP4 gives, exactly with these numbers; a path
    through a dropped unit has a factor 0.
    """
    net = network()
    x, y = WITHOUT_ROUNDING
    step = computed(net, x, y, refnet.HalfSquaredError(), 0.5, masks=MASKS)
    for row, column in np.ndindex(net.layers[layer - 1].W.shape):
        paths = followed(step, Weight(layer, row, column))
        assert paths.sum == step.gradients[layer - 1].dW[row, column]


def test_the_chain_rule_shows_the_scaled_weight():
    """dz^2_1/da^1_1 is W * m: 2 * 2."""
    text = lines(weight=(1, 0, 1))
    assert "         = -9 * 1 * 4 * 1 * 2.5" in text


def test_other_masks_are_refused():
    """By forward's sentence."""
    x, y = WITHOUT_ROUNDING
    with pytest.raises(ValueError, match=r"mask has 1 at row 0, column 0, expected 0 or 1 / \(1"):
        refnet.explain(network(), x, y, "mse", 0.5, masks=(np.ones((1, 2)), MASKS[1]))
