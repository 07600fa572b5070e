"""What the page says of its numbers is true: that a right step is right, wherever its
weights and targets lie, and that what is written in numbers comes to the result.
"""

import numpy as np
import pytest

import refnet
from parity.page.bounds import scene_bounds
from parity.page.tests.beside import page_answered
from parity.page.tests.test_stories import endings
from parity.steps.cases import TRAINABLE
from refnet.explanation.page.words import vocabulary

RULES = (
    ("sgd", {}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("adam", {}),
    ("rmsprop", {"momentum": 0.5, "centered": True}),
    ("adagrad", {"lr_decay": 0.1}),
    ("adamw", {"amsgrad": True}),
)
# of all weights: nearly 0, as they are drawn, and large enough that sigmoids saturate
SCALES = (1e-3, 0.1, 1.0, 10.0, 100.0)


def targets(loss, rows, width, rng):
    """Such as the loss takes; of whole numbers where it takes any."""
    if loss in ("cross_entropy", "softmax_cross_entropy"):
        return rng.dirichlet(np.ones(width), rows)
    if loss in ("binary_cross_entropy", "sigmoid_cross_entropy"):
        return rng.integers(0, 2, (rows, width)).astype(float)
    return np.round(rng.normal(size=(rows, width)))


def drawn(number, loss, output):
    """A step of a network of one to four layers; every third is of whole numbers, so
    that some z are 0 and some a are equal to y.
    """
    rng = np.random.default_rng(number)
    sizes = rng.integers(1, 5, 2 + number % 4).tolist()
    hidden = [str(rng.choice(TRAINABLE)) for _ in sizes[2:]]
    net = refnet.mlp(sizes, hidden=hidden, output=output, seed=0, bias=number % 5 > 0)
    net.parameters[:] = rng.normal(size=net.parameters.size) * SCALES[number % len(SCALES)]
    x = rng.normal(size=(1 + number % 3, sizes[0]))
    if number % 3 == 0:
        net.parameters[:] = np.round(net.parameters)
        x = np.round(x)
    y = targets(loss, len(x), sizes[-1], rng)
    if loss == "mae" and number % 2:
        y = net.forward(x).output  # from which the page's a differs by rounding alone
    name, settings = RULES[number % len(RULES)]
    rule = refnet.optimizers.OPTIMIZERS[name](lr=0.1, **settings)
    try:
        return refnet.explain(net, x, y, loss, optimizer=rule, digits=17).scene()
    except ValueError:
        return None  # a probability that is 0 where its target is not


def scenes():
    """Several of each ending, and whether the digits of all their numbers are good."""
    cases = [ending for ending in endings() for _ in range(6)]
    every = (drawn(number, *ending) for number, ending in enumerate(cases))
    return [(scene, is_ordinary(i, scene)) for i, scene in enumerate(every) if scene]


def is_ordinary(number, scene):
    """Not near a kink, nor saturated, nor with gradients that are 0 but for rounding,
    as those of a softmax of one unit are.
    """
    weights = number % 3 > 0 and SCALES[number % len(SCALES)] in (0.1, 1.0)
    return weights and scene["loss"] != "mae" and len(scene["layers"][-1]["W"]) > 1


BY = 2.0**-20  # of the largest number of an array: far below the four digits of a page


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the page finds in all of them, with bounds and without."""
    plain = scenes()
    bounded = [({**scene, "allowed": scene_bounds(scene)}, it) for scene, it in plain[::8]]
    question = [
        {"scene": scene, "by": BY if ordinary else 0} for scene, ordinary in [*plain, *bounded]
    ]
    folder = tmp_path_factory.mktemp("page")
    return page_answered(folder, "checks.js", {"words": vocabulary(), "scenes": question})


def test_a_gradient_check_accuses_no_right_step(answers):
    """At kinks, with saturated outputs and with gradients that are 0, too; and it
    judges nearly every entry.
    """
    assert len(answers) > 140
    assert [answer["off"] for answer in answers if answer["off"]] == []
    judged, tried = (sum(answer[key] for answer in answers) for key in ("judged", "tried"))
    assert 0.9 * tried < judged < tried


def test_refnet_s_own_numbers_are_said_to_be_its_own(answers):
    """In all 17 digits, with bounds in the file and without."""
    assert [answer["differing"] for answer in answers if answer["differing"]] == []


def test_numbers_that_were_changed_are_named(answers):
    """Each array, and no other."""
    changed = [pair for answer in answers for pair in answer["tampered"]]
    assert len(changed) > 300
    assert [name for name, differing in changed if differing != [name]] == []


def small(loss, output, hidden, rule):
    """A step whose equations are all written in numbers, with as many units in each
    layer, so that every mistake can stand.
    """
    net = refnet.mlp([2, 2, 2], hidden=hidden, output=output, init="normal", seed=3)
    x = [[0.5, -1.25], [1.5, 0.75]]
    optimizer = refnet.optimizers.OPTIMIZERS[rule[0]](lr=0.1, **rule[1])
    return refnet.explain(net, x, np.eye(2), loss, optimizer=optimizer).scene()


def test_what_is_written_in_numbers_comes_to_the_result(tmp_path):
    """On every line, with each mistake: what a wrong formula has computed does not
    stand behind the numbers of the right one.
    """
    each = [
        small(loss, output, TRAINABLE[i // 2 % len(TRAINABLE)], RULES[i // 2 % len(RULES)])
        for i, (loss, output) in [*enumerate(endings())][::2]
    ]
    question = {"words": vocabulary(), "scenes": each}
    told = [one for scene in page_answered(tmp_path, "sides.js", question) for one in scene]
    assert [(one["mistake"], one["wrong"][0]) for one in told if one["wrong"]] == []
    assert len({one["mistake"] for one in told}) == 21
    assert sum(one["count"] for one in told) > 5_000


def test_distributions_that_float32_has_rounded_are_distributions(tmp_path):
    """As refnet takes them; what is off by more is said."""
    y = np.full((2, 3), np.float32(1 / 3))
    y[1] = np.float32([0.1, 0.2, 0.7])
    net = refnet.mlp([2, 3], output="softmax", seed=0, dtype="float32")
    scene = refnet.explain(net, [[1, 2], [3, 4]], y, "cross_entropy", lr=0.1).scene()
    assert [sum(row) == 1 for row in scene["y"]] != [True, True]
    off = {**scene, "y": [[0.3, 0.3, 0.3], scene["y"][1]]}
    question = {"words": vocabulary(), "scenes": [{"scene": each} for each in (scene, off)]}
    right, wrong = page_answered(tmp_path, "checks.js", question)
    assert right["problems"] == []
    assert wrong["problems"][0].startswith("Row 1 of y sums to 0.")
