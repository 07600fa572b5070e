"""The step of every optimizer in numbers: they are those of opt.step, and what is
written out gives them.
"""

import copy
import re
from fractions import Fraction

import numpy as np
import pytest

import refnet
from refnet.explanation import computed
from refnet.explanation.rules import lettered, parts_of
from refnet.explanation.typesetting import WIDTH
from refnet.optimizers import OPTIMIZERS

# every formula of every optimizer is in one of them
RULES = {
    "descent": ("sgd", {"lr": 0.25}),
    "decay": ("sgd", {"weight_decay": 0.3}),
    "momentum": ("sgd", {"momentum": 0.9}),
    "dampening": ("sgd", {"momentum": 0.9, "dampening": 0.25, "weight_decay": 0.1}),
    "nesterov": ("sgd", {"momentum": 0.8, "nesterov": True}),
    "biases": ("sgd", {"momentum": 0.8, "weight_decay": 0.3, "decay_biases": False}),
    "adagrad": ("adagrad", {"initial_accumulator_value": 0.1}),
    "lr_decay": ("adagrad", {"lr_decay": 0.2, "weight_decay": 0.3}),
    "rmsprop": ("rmsprop", {}),
    "centered": ("rmsprop", {"alpha": 0.8, "centered": True, "momentum": 0.7}),
    "adam": ("adam", {}),
    "amsgrad": ("adam", {"betas": (0.8, 0.5), "weight_decay": 0.3, "amsgrad": True}),
    "adamw": ("adamw", {"lr": 0.01}),
    "adamw biases": ("adamw", {"amsgrad": True, "weight_decay": 0.3, "decay_biases": False}),
}
every_rule = pytest.mark.parametrize("rule", RULES)
LOSS = "half_squared_error"


def optimizer(rule):
    name, settings = RULES[rule]
    return OPTIMIZERS[name](**settings)


def case(rule, steps=0, dtype="float64", sizes=(2, 2, 1)):
    """A network, a batch, and an optimizer that has taken some steps on it."""
    net = refnet.mlp(sizes, hidden="tanh", output="identity", seed=3, dtype=dtype)
    rng, stepping = np.random.default_rng(7), optimizer(rule)
    x, y = rng.normal(size=(2, sizes[0])).round(2), rng.normal(size=(2, sizes[-1])).round(2)
    for _ in range(steps):
        stepping.step(net, net.loss_and_gradients(x, y, LOSS)[1])
    return net, x, y, stepping


def taken(net, x, y, stepping):
    """The network and the optimizer after one step more, which copies take."""
    after, ruled = net.copy(), OPTIMIZERS[stepping.name](**settings_of(stepping))
    if stepping.state["steps"]:
        ruled.state = copy.deepcopy(dict(stepping.state))
    ruled.step(after, net.loss_and_gradients(x, y, LOSS)[1])
    return after, ruled


def settings_of(stepping):
    return stepping.hyperparameters | {"decay_biases": stepping.decay_biases}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("sizes", [(2, 2, 1), (4, 4, 4)], ids=["written out", "arrays"])
@every_rule
def test_the_step_is_the_optimizer_s_own(rule, sizes, steps, dtype, results):
    """Each W and b and each vector of the state after it, to the last bit; they are
    read from the text.
    """
    net, x, y, stepping = case(rule, steps, dtype, sizes)
    said = results(str(refnet.explain(net, x, y, LOSS, optimizer=stepping, digits=17)))
    after, ruled = taken(net, x, y, stepping)
    step = computed(net, x, y, LOSS, optimizer=stepping)
    vectors = {"theta": after.parameters, **lettered(ruled)}
    for letter, vector in vectors.items():
        for l in (1, 2):
            for name, array in parts_of(step, vector, l).items():
                symbol = f"{name}^{l}" if letter == "theta" else f"{letter}({name}^{l})"
                assert read(said, symbol, array.shape) == array.tolist()


def read(said, symbol, shape):
    """An array that is shown as a whole, or entry by entry."""
    key = f"step: {symbol}" if symbol[0] in "Wb" else symbol
    if sum(name.startswith(key.rstrip(")") + "_") for name in said) == np.prod(shape):
        entries = [said[entry(key, index)] for index in np.ndindex(shape)]
        return np.reshape(entries, shape).tolist()
    return said[key] if len(shape) == 2 else said[key][0]


def entry(symbol, index):
    """The name of an entry of W^1 or v(W^1)."""
    unit = "_" + ",".join(str(i + 1) for i in index)
    return symbol.replace(")", f"{unit})") if ")" in symbol else symbol + unit


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("steps", [0, 2])
@every_rule
def test_what_is_written_out_gives_the_step(rule, steps, dtype, recomputed):
    """With every digit shown, each line of each update gives what stands right of it,
    up to rounding; every formula that holds is written out for each entry.
    """
    net, x, y, stepping = case(rule, steps, dtype)
    explanation = refnet.explain(net, x, y, LOSS, optimizer=stepping, digits=17)
    written, wrong = recomputed(str(explanation.only("step")), dtype)
    assert wrong == []
    # v := d has nothing to compute, though it is one number
    formulas = {
        name: len(stepping.next_formulas(decays=decays and stepping.weight_decay > 0.0))
        for name, decays in (("W", True), ("b", stepping.decay_biases))
    }
    sizes = {"W": 2 * 2 + 2 * 1, "b": 2 + 1}
    assert len(written) + unwritten(explanation) == sum(formulas[k] * sizes[k] for k in sizes)


def unwritten(explanation):
    """How many lines of the steps have no more than a number."""
    lines = (line for line in str(explanation.only("step")).splitlines() if ":=" in line)
    return sum(bool(re.fullmatch(r"  \S+ := \S+", line)) for line in lines)


def test_every_formula_is_in_one_of_the_rules():
    """With the first step and a later one."""
    seen = {name: set() for name in OPTIMIZERS}
    for rule, (name, _) in RULES.items():
        for steps in (0, 1):
            stepping = case(rule, steps)[-1]
            for decays in (False, True):
                seen[name] |= {*stepping.next_formulas(decays=decays)}
    lacking = {name: {*OPTIMIZERS[name].formulas.values()} - seen[name] for name in OPTIMIZERS}
    assert lacking == {name: set() for name in OPTIMIZERS}


@pytest.mark.parametrize("steps", [0, 2])
@every_rule
def test_the_change_to_first_order(rule, steps, results):
    """The gradient times what the step has taken off each parameter, with a minus; n
    products are off by n eps of their sizes.
    """
    net, x, y, stepping = case(rule, steps)
    said = results(str(refnet.explain(net, x, y, LOSS, optimizer=stepping, digits=17)))
    gradient, after = net.loss_and_gradients(x, y, LOSS)[1].vector, taken(net, x, y, stepping)[0]
    products = [
        Fraction(g) * (Fraction(new) - Fraction(old))
        for g, new, old in zip(gradient, after.parameters, net.parameters, strict=True)
    ]
    first_order = said["-lr |dC/dtheta|^2" if rule == "descent" else "-dC/dtheta u"]
    bound = 2 * len(products) * np.finfo(float).eps * sum(map(abs, products))
    # u of gradient descent is lr g, before it is rounded into theta
    if rule == "descent":
        bound += float(abs(gradient) @ np.spacing(abs(after.parameters)))
    assert abs(first_order - sum(products)) <= bound


def test_a_small_step_changes_the_cost_to_first_order(results):
    """With one weight C = (w - y)^2/2, so that C after is C before + first order +
    u^2/2.
    """
    net = refnet.Network([refnet.Dense([[3.0]], None)])
    step = refnet.explain(net, [[1.0]], [[1.0]], LOSS, optimizer=refnet.AdamW(0.25, eps=0.0))
    said = results(str(step))
    # (1 - lr weight_decay) 3 - lr, as m_hat / sqrt(v_hat) is 1
    u = 3.0 - ((1.0 - 0.25 * 0.01) * 3.0 - 0.25)
    assert said["-dC/dtheta u"] == float(f"{-2.0 * u:.4g}")
    assert said["C after - C before"] == float(f"{-2.0 * u + u * u / 2.0:.4g}")


# Without an update


COMBINED = {
    "nothing": {},
    "masks": {"masks": (None, np.array([[2.0, 0.0], [0.0, 2.0]]))},
    "weights": {"sample_weight": [2.0, 0.5]},
    "penalty": {"penalty": refnet.ElasticNet(0.25, 0.5)},
    "norm": {"clip_norm": 0.125},
    "value": {"clip_value": 0.0625},
}
COMBINED["all"] = COMBINED["masks"] | COMBINED["weights"] | COMBINED["penalty"] | COMBINED["norm"]
every_combination = pytest.mark.parametrize("given", COMBINED.values(), ids=COMBINED)


def combined(given):
    """A network with dropout where there are masks, and a batch."""
    dropout = 0.5 if "masks" in given else 0.0
    net = refnet.mlp([2, 2, 1], "tanh", "identity", seed=3, dropout=dropout)
    return net, np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.0], [-0.5]])


@every_combination
def test_without_an_lr_there_is_no_update(given):
    """All up to the gradients is told as with one, and nothing after them."""
    net, x, y = combined(given)
    step = refnet.explain(net, x, y, "mse", **given, weight=(1, 0, 0))
    stepped = refnet.explain(net, x, y, "mse", 0.1, **given, weight=(1, 0, 0))
    after = [s for s in stepped.sections if s.label == "step" or s.title.startswith("The cost aft")]
    assert len(after) == 3
    assert step.sections[1:] == tuple(s for s in stepped.sections[1:] if s not in after)
    assert step.title == "One way forward and back of a 2-2-1 network"
    assert "No step is taken, as there is neither an lr nor an optimizer." in " ".join(
        str(step.sections[0]).split()
    )
    quiet = computed(net, x, y, "mse", **{k: v for k, v in given.items() if k == "masks"})
    assert (quiet.lr, quiet.optimizer, quiet.after, quiet.cost_after) == (None,) * 4


@pytest.mark.parametrize("rule", ["nesterov", "amsgrad", "adamw biases"])
@every_combination
def test_every_combination_is_that_of_fit(given, rule, results, recomputed):
    """The parameters after the step are those that gradients with masks, weights and a
    penalty, clipped, give in the optimizer's step.
    """
    net, x, y = combined(given)
    text = str(refnet.explain(net, x, y, "mse", optimizer=optimizer(rule), digits=17, **given))
    after, ruled = net.copy(), optimizer(rule)
    shared = {k: v for k, v in given.items() if not k.startswith("clip")}
    gradients = net.loss_and_gradients(x, y, "mse", **shared)[1]
    vector = gradients.vector
    if "clip_norm" in given:
        vector = vector * min(1.0, 0.125 / (np.sqrt(np.dot(vector, vector)) + 1e-6))
    if "clip_value" in given:
        vector = np.clip(vector, -0.0625, 0.0625)
    ruled.step(after, gradients.over(vector))
    said = results(text)
    for l, layer in enumerate(after.layers, start=1):
        assert read(said, f"W^{l}", layer.W.shape) == layer.W.tolist()
        assert read(said, f"b^{l}", layer.b.shape) == layer.b.tolist()
    assert said["C after"] == after.loss_and_gradients(x, y, "mse", **shared)[0]
    assert recomputed(text, float)[1] == []


# What is left alone, and what is refused


@pytest.mark.parametrize("steps", [0, 2])
@every_rule
def test_the_optimizer_stays_as_it_is(rule, steps):
    """Its state is read: not a bit of it changes, nor of the network, and one that has
    no network may still take any.
    """
    net, x, y, stepping = case(rule, steps)
    before = copy.deepcopy(dict(stepping.state)), net.parameters.tobytes()
    refnet.explain(net, x, y, LOSS, optimizer=stepping, weight=(1, 0, 0))
    state = dict(stepping.state)
    assert state.keys() == before[0].keys()
    assert all(np.array_equal(state[name], before[0][name]) for name in state)
    assert net.parameters.tobytes() == before[1]
    if not steps:
        other = refnet.mlp([2, 1], output="identity")
        stepping.step(other, other.loss_and_gradients(x, y, LOSS)[1])


def test_the_computed_step_has_the_state_before_it():
    """And that after it; lr is the optimizer's."""
    net, x, y, stepping = case("adam", 2)
    step = computed(net, x, y, LOSS, optimizer=stepping)
    assert (step.lr, step.optimizer.state["steps"], step.optimizer_after.state["steps"]) == (
        0.001,
        2,
        3,
    )
    assert np.array_equal(step.optimizer.state["exp_avg"], stepping.state["exp_avg"])
    assert step.optimizer is not stepping
    assert not np.array_equal(step.optimizer_after.state["exp_avg"], stepping.state["exp_avg"])


def refuses(kind, sentence):
    return pytest.raises(kind, match=f"^{re.escape(sentence)}$")


def test_the_optimizer_of_another_network_is_refused():
    """By the sentence of its step."""
    net, x, y, stepping = case("adam", 1)
    sentence = (
        "Adam: got another network, expected the one of its first step; make an optimizer for "
        "each network"
    )
    with refuses(ValueError, sentence):
        refnet.explain(net.copy(), x, y, LOSS, optimizer=stepping)
    state = copy.deepcopy(dict(stepping.state))
    fresh = refnet.Adam()
    fresh.state = state | {"exp_avg": np.zeros(3)}
    with refuses(ValueError, "Adam: state exp_avg has shape (3,), expected (9,)"):
        refnet.explain(net, x, y, LOSS, optimizer=fresh)


# Size and formats


@pytest.mark.parametrize(("sizes", "in_numbers"), [([3, 3], True), ([12, 1], False)])
def test_at_most_64_numbers_are_told(sizes, in_numbers, results):
    """The longest of Adam's equations has 5 for each of 12 or 13 parameters."""
    net = refnet.mlp(sizes, output="tanh", seed=1)
    x, y = np.ones((1, sizes[0])), np.zeros((1, sizes[-1]))
    said = results(str(refnet.explain(net, x, y, "mse", optimizer="adam")))
    assert ("m(W^1_1,1)" in said) == in_numbers


def test_large_updates_are_told_by_shape():
    """With the shapes that go into each formula, however large they are."""
    net = refnet.mlp([64, 30, 10], seed=1)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(32, 64)), rng.integers(0, 10, 32)
    rule = refnet.Adam()
    rule.step(net, net.loss_and_gradients(x, y, "cross_entropy")[1])
    explanation = refnet.explain(net, x, y, "cross_entropy", optimizer=rule)
    text = " ".join(str(explanation).split())
    assert "m(W^1): 0.9 * (30, 64) + (1 - 0.9) * (30, 64) gives (30, 64); norm " in text
    assert "v(W^1): 0.999 * (30, 64) + (1 - 0.999) * (30, 64)^2 gives (30, 64); norm " in text
    assert "m_hat(b^2): (10,)/(1 - 0.9^2) gives (10,); norm " in text
    assert "W^2: (10, 30) - 0.001 * (10, 30)/(sqrt((10, 30)) + 1e-08) gives (10, 30)" in text
    assert len(str(explanation).splitlines()) <= 200


@pytest.mark.parametrize("sizes", [(2, 2, 1), (9, 9, 1)])
@every_rule
def test_three_formats_say_the_same(rule, sizes, balanced):
    """The same numbers in the same order, in ASCII and within the width; the LaTeX is
    well formed.
    """
    net, x, y, stepping = case(rule, 2, sizes=sizes)
    explanation = refnet.explain(net, x, y, LOSS, optimizer=stepping)
    text, markdown, latex = str(explanation), explanation.markdown(), explanation.latex()
    assert numbers(text) == numbers(markdown) == numbers(latex)
    assert (text + markdown + latex).isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert balanced(latex)
    assert balanced(re.sub("`[^`]*`", "", markdown))
    assert "[]" not in text
    assert "**" not in markdown


def numbers(text):
    """The numbers of a text in order, without those in sub- and superscripts."""
    text = re.sub(r" \\cdot 10\^\{(-?\d+)\}", lambda match: f"e{int(match[1]):+03d}", text)
    text = re.sub(r"beta(\d)", r"beta_\1", text)
    text = re.sub(r"[\^_](\{[^{}]*\}|\([^()]*\)|[A-Za-z0-9]+(,\d+)?)", " ", text)
    return re.findall(r"\d+(?:\.\d+)?(?:e[+-]\d+)?", text)
