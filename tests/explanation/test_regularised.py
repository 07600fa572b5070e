"""Penalties and clipping in an explanation: P, P', the norm and the share of it."""

import numpy as np
import pytest

import refnet
from refnet.clipping import TINY, Clipping

NET = refnet.Network([refnet.Dense(np.array([[3.0, -4.0]]), np.array([2.0]))])
X, Y = [[1.0, 1.0]], [[0.0]]  # z = 1, dC/dz = 1 by HalfSquaredError, dW = (1, 1), db = 1


def explained(lr=0.5, net=NET, **given):
    """The lines about a step."""
    text = str(refnet.explain(net, X, Y, "half_squared_error", lr, digits=6, **given))
    return [line.strip() for line in text.splitlines()]


def test_the_penalty_in_numbers():
    """L2 of 1/2: P = 25/4, C = 1/2 + 25/4, and P' = (3/2, -2)."""
    lines = explained(penalty=refnet.L2(0.5))
    assert "P(W) = strength/2 sum W^2" in lines
    assert "P(W^1) = 6.25" in lines
    assert "C + sum of P = 0.5 + 6.25 = 6.75" in lines
    assert "P'(W^1) = [1.5  -2]" in lines
    assert "dW^1 + P'(W^1) = [2.5  -1]" in lines
    assert "W^1_1,1 := 3 - 0.5*2.5 = 1.75" in lines
    assert "b^1_1 := 2 - 0.5*1 = 1.5" in lines
    assert "C before = 6.75" in lines


def test_a_penalty_on_biases_is_said_of_them_too():
    """P(b) = 1/4 4, and P'(b) = 1."""
    lines = explained(penalty=refnet.L2(0.5, biases=True))
    assert "P(b^1) = 1" in lines
    assert "P'(b^1) = [1]" in lines
    assert "db^1 + P'(b^1) = [2]" in lines


def test_l1_has_signs():
    """Of 3 and -4."""
    lines = explained(penalty=refnet.L1(0.5))
    assert "P(W^1) = 3.5" in lines
    assert "P'(W^1) = [0.5  -0.5]" in lines


def test_the_norm_and_the_share_in_numbers():
    """g = (1, 1, 1): |g| is the root of 3."""
    lines = explained(clip_norm=0.5)
    assert "|g| = 1.73205" in lines
    (share,) = [line for line in lines if line.startswith("min(1, c/(|g| + 1e-6)) =")]
    assert share.endswith(f"= min(1, 0.5/(1.73205 + 1e-06)) = {0.5 / (3**0.5 + TINY):.6g}")
    assert "Clipping" not in explained()


def test_a_norm_below_the_limit_leaves_everything():
    """The share is 1, and the step is the plain one."""
    lines = explained(clip_norm=5.0)
    assert any(line.endswith("= 1") for line in lines if line.startswith("min(1"))
    steps = [line for line in explained() if line.startswith(("W^1_", "b^1_"))]
    assert len(steps) == 3
    assert [line for line in lines if line.startswith(("W^1_", "b^1_"))] == steps


def test_values_that_are_cut_are_counted():
    """With P' the gradient is (5/2, -1, 1): one entry is beyond 2."""
    lines = explained(penalty=refnet.L2(0.5), clip_value=2.0)
    assert "1 of 3 entries lie outside [-2, 2] and are cut to its ends." in lines
    assert "W^1_1,1 := 3 - 0.5*2 = 2" in lines


@pytest.mark.parametrize(
    "given",
    [
        {"penalty": refnet.ElasticNet(0.1, 0.2)},
        {"penalty": refnet.L2(0.1, biases=True), "clip_norm": 0.5},
        {"penalty": "l1", "clip_value": 0.2},
    ],
)
def test_the_step_is_that_of_fit(given):
    """The cost after it is that of the network that fit makes, with its penalty."""
    lines = explained(**given)
    net = NET.copy()
    fitted = {"loss": "half_squared_error", "optimizer": refnet.SGD(0.5), "epochs": 1}
    history = refnet.fit(net, X, Y, **fitted, **given)
    after = net.loss_and_gradients(X, Y, "half_squared_error", penalty=given["penalty"])[0]
    assert f"C before = {history.loss[0]:.6g}" in lines
    assert f"C after = {after:.6g}" in lines


def test_a_plain_step_is_explained_as_before():
    """Nothing is said of penalties."""
    lines = explained()
    assert not [line for line in lines if "P'" in line or "penalty" in line or "|g|" in line]
    assert any(line.startswith("-lr |dC/dtheta|^2") for line in lines)


def test_both_ways_to_clip_are_refused():
    """As fit refuses them."""
    with pytest.raises(ValueError, match=r"clip_norm and clip_value are both given"):
        explained(clip_norm=1.0, clip_value=1.0)
    assert Clipping.of(1.0, None).limit == 1.0


def test_it_is_typeset_too():
    """In Markdown and LaTeX."""
    explanation = refnet.explain(
        NET, X, Y, "half_squared_error", 0.5, penalty="elastic_net", clip_norm=0.5
    )
    for text in (explanation.markdown(), explanation.latex()):
        assert "elastic net" in text
        assert "Pascanu" in text
