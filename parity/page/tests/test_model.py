"""What can be changed on the page, and what follows from it, without a browser."""

import numpy as np
import pytest

import refnet
from parity.page.tests.beside import page_answered
from refnet.explanation.page.words import vocabulary

X = [[0.5, -1.0], [0.25, 2.0], [-1.5, 0.75]]
LABELS = [1, 0, 2]


def explained(y=LABELS, loss="softmax_cross_entropy", output="identity", lr=0.5):
    """A step of a small network."""
    net = refnet.mlp([2, 3, 3], hidden="tanh", output=output, seed=1)
    return refnet.explain(net, X, y, loss, lr)


def changed(folder, explanation, *changes):
    """What the page's model is, before all changes and after each."""
    question = {"words": vocabulary(), "scene": explanation.scene(), "changes": changes}
    return page_answered(folder, "models.js", question)


def same(one, other, *but):
    """Whether two states are equal, but for some of their parts."""
    return {k: v for k, v in one.items() if k not in but} == {
        k: v for k, v in other.items() if k not in but
    }


TITLES = "Identity, Sigmoid, Softmax"


def test_an_output_without_a_loss_on_labels_is_refused(tmp_path):
    """Nothing is changed, and a reader is told why; a hidden layer may have it."""
    before, refused, hidden = changed(
        tmp_path, explained(), ["setActivation", [1, "tanh"]], ["setActivation", [0, "relu"]]
    )
    sentence = f"The output has Tanh, expected one with a loss on labels: {TITLES}."
    assert refused["refusal"] == sentence
    assert same(before, refused, "refusal", "updates")
    assert refused["updates"] == before["updates"] + 1
    assert hidden["refusal"] == ""
    assert [layer["activation"] for layer in hidden["layers"]] == ["relu", "identity"]


def test_a_loss_follows_the_output(tmp_path):
    """It stays where it fits, and is the first that does otherwise."""
    _, softmax, sigmoid, identity = changed(
        tmp_path,
        explained(),
        ["setActivation", [1, "softmax"]],
        ["setActivation", [1, "sigmoid"]],
        ["setActivation", [1, "identity"]],
    )
    losses = [state["loss"] for state in (softmax, sigmoid, identity)]
    assert losses == ["cross_entropy", "cross_entropy", "softmax_cross_entropy"]
    rows = np.eye(3)[LABELS].tolist()
    _, tanh, relu = changed(
        tmp_path,
        explained(rows, "mae"),
        ["setActivation", [1, "tanh"]],
        ["setActivation", [1, "relu"]],
    )
    assert [tanh["loss"], relu["loss"]] == ["mae", "mae"]
    assert [tanh["refusal"], relu["refusal"]] == ["", ""]


def test_weights_of_a_file_bring_a_loss_that_fits(tmp_path):
    """Or are refused, and nothing is changed."""
    layers = explained().scene()["layers"]
    with_output = [[layers[0], {**layers[1], "activation": f}] for f in ("softmax", "tanh")]
    changes = [["setLayers", [each]] for each in with_output]
    _, softmax, tanh = changed(tmp_path, explained(), *changes)
    assert [softmax["loss"], softmax["error"]] == ["cross_entropy", ""]
    assert softmax["layers"] == with_output[0]
    assert tanh["error"] == f"The output has Tanh, expected one with a loss on labels: {TITLES}."
    assert same(softmax, tanh, "error")


@pytest.mark.parametrize("rule", [["sgd", {"momentum": 0.9}], ["adam", {}]])
def test_rewind_comes_back_to_the_same_start(tmp_path, rule):
    """Bit for bit, and the same steps follow; a weight that was edited before the first
    step is of the start.
    """
    states = changed(
        tmp_path,
        explained(),
        ["setParameter", [0, "W", [1, 0], 0.125]],
        ["setOptimizer", rule],
        ["train", [10]],
        ["rewind", []],
        ["train", [10]],
    )
    _, edited, chosen, trained, rewound, again = states
    assert edited["layers"][0]["W"][1][0] == 0.125
    assert same(chosen, rewound, "updates")
    assert same(trained, again, "updates")
    assert trained["steps"] == 10
    assert len(trained["costs"]) == 11
    assert trained["layers"] != chosen["layers"]


def test_one_row_at_a_time(tmp_path):
    """The step is that of the row that is shown, and so is the cost of the curve; each
    step goes on to the next row.
    """
    _, alone, second, trained = changed(
        tmp_path, explained(), ["setAlone", [True]], ["setRow", [1]], ["train", [3]]
    )
    net = refnet.mlp([2, 3, 3], hidden="tanh", output="identity", seed=1)
    for row, state in enumerate((alone, second)):
        cost, _ = net.loss_and_gradients(X[row : row + 1], LABELS[row : row + 1], LOSS)
        # within the digits shown
        assert f"{state['cost']:.4g}" == f"{cost:.4g}"
        assert state["costs"] == [state["cost"]]
    assert trained["row"] == (1 + 3) % 3
    assert len(trained["costs"]) == 4
    assert trained["costs"][-1] == trained["cost"]


LOSS = "softmax_cross_entropy"


def test_a_step_too_far_is_not_taken(tmp_path):
    """It is said at that step, and the last finite weights stay."""
    rows = np.ones((3, 3)).tolist()
    before, chosen, trained = changed(
        tmp_path, explained(rows, "mse"), ["setRate", [1e200]], ["train", [10]]
    )
    assert trained["refusal"].startswith(f"Step {trained['steps'] + 1} would make a weight inf")
    assert 0 < trained["steps"] < 10
    assert np.isfinite([layer["W"] for layer in trained["layers"]][1]).all()
    assert before["costs"] == chosen["costs"]
