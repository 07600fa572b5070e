"""Where a mistake shows: a scope holds of every step inside and of none outside, is
named where there is one, and reads as English.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.mistakes.search.scopes import KINDS, NUMBERS, Circumstances, Scope, separating
from parity.steps.record import Spec

ACTIVATIONS = ("tanh", "relu", "sigmoid")
SETTINGS = ("momentum", "nesterov", "weight_decay")
NAMES = {
    "optimizer": ("sgd", "adam"),
    "setting": SETTINGS,
    "without": SETTINGS,
    "loss": ("mse", "mae"),
    "output": ACTIVATIONS,
    "hidden": ACTIVATIONS,
}
MOST = 6  # of samples, steps and layers


def here(**changed):
    """A step of a plain network."""
    what = {
        "hidden": ("tanh",),
        "output": "sigmoid",
        "loss": "mse",
        "optimizer": "sgd",
        "settings": {"momentum": 0.0},
        "step": 1,
        "samples": 5,
    } | changed
    activations = tuple((name, {}) for name in (*what["hidden"], what["output"]))
    sizes = (3,) * (len(activations) + 1)
    rates = {"lr": 0.1, "eps": 1e-8, "betas": (0.9, 0.999), "alpha": 0.9}
    spec = Spec(
        sizes,
        activations,
        what["loss"],
        what["optimizer"],
        rates | what["settings"],
        what["step"],
        "float64",
    )
    return Circumstances(spec, what["samples"])


circumstances = st.builds(
    here,
    hidden=st.lists(st.sampled_from(ACTIVATIONS), max_size=3),
    output=st.sampled_from(ACTIVATIONS),
    loss=st.sampled_from(NAMES["loss"]),
    optimizer=st.sampled_from(NAMES["optimizer"]),
    settings=st.fixed_dictionaries({name: st.sampled_from((0.0, 0.5)) for name in SETTINGS}),
    step=st.integers(1, MOST),
    samples=st.integers(1, MOST),
)
steps = st.lists(circumstances, min_size=1, max_size=4)


def whatever_separates(inside, outside):
    """Every kind and value that holds of all inside and of none outside, by trying them
    all.
    """
    for kind in KINDS:
        for value in NAMES.get(kind, range(MOST + 2)):
            scope = Scope(kind, value)
            if all(map(scope.holds, inside)) and not any(map(scope.holds, outside)):
                yield scope


@given(inside=steps, outside=steps)
def test_what_separates_holds_inside_and_not_outside(inside, outside):
    """And of each kind one is there if any is; a name is never left out."""
    scopes = [*separating(inside, outside)]
    for scope in scopes:
        assert all(scope.holds(step) for step in inside)
        assert not any(scope.holds(step) for step in outside)
    possible = {*whatever_separates(inside, outside)}
    assert {*scopes} <= possible
    assert {scope.kind for scope in scopes} == {scope.kind for scope in possible}
    assert {s for s in scopes if s.kind in NAMES} == {s for s in possible if s.kind in NAMES}


@given(inside=steps, outside=steps)
def test_a_limit_is_the_one_of_the_steps_outside(inside, outside):
    """No more is claimed than was tried: more than 7 samples, if 7 are right."""
    for scope in separating(inside, outside):
        name, _, side = scope.kind.partition(" ")
        if side:
            numbers = [NUMBERS[name](step) for step in outside]
            assert scope.value == (max(numbers) if side == "over" else min(numbers))


@given(inside=steps, outside=steps)
def test_simple_ones_come_first_whatever_the_order(inside, outside):
    """By the order of the kinds, and the same for every order of the steps."""
    scopes = [*separating(inside, outside)]
    kinds = [[*KINDS].index(scope.kind) for scope in scopes]
    assert kinds == sorted(kinds)
    assert scopes == [*separating(inside[::-1], outside[::-1])]


@given(step=circumstances)
def test_nothing_separates_a_step_from_itself(step):
    """Nor from more than itself."""
    assert [*separating([step], [step])] == []


@given(inside=steps)
def test_without_steps_outside_all_scopes_hold(inside):
    """A limit beyond all of them is no limit, and holds."""
    for scope in separating(inside, []):
        assert all(scope.holds(step) for step in inside)
    assert Scope("samples over", 0) in separating(inside, [])


@pytest.mark.parametrize(
    ("inside", "outside", "words"),
    [
        ({"optimizer": "adam"}, {}, "only with adam"),
        ({"settings": {"nesterov": True}}, {}, "only with nesterov"),
        ({}, {"settings": {"momentum": 0.9}}, "only without momentum"),
        ({"loss": "mae"}, {}, "only with mae"),
        ({"output": "relu"}, {}, "only with relu outputs"),
        ({"hidden": ("relu",)}, {"hidden": ("tanh",)}, "only with relu in a hidden layer"),
        ({"samples": 11}, {"samples": 7}, "only with more than 7 samples"),
        ({"samples": 2}, {"samples": 1}, "only with more than one sample"),
        ({"samples": 2}, {"samples": 5}, "only with fewer than 5 samples"),
        ({"samples": 1}, {"samples": 2}, "only with a single sample"),
        ({"step": 3}, {"step": 2}, "only after step 2"),
        ({"step": 2}, {"step": 1}, "only after the first step"),
        ({"step": 2}, {"step": 3}, "only before step 3"),
        ({"step": 1}, {"step": 2}, "only in the first step"),
        (
            {"hidden": ("tanh",) * 3},
            {"hidden": ("tanh",) * 2},
            "only with more than 2 hidden layers",
        ),
        ({"hidden": ("tanh",) * 2}, {"hidden": ("tanh",)}, "only with more than one hidden layer"),
        ({"hidden": ("tanh",)}, {"hidden": ("tanh",) * 2}, "only with at most one hidden layer"),
        (
            {"hidden": ("tanh",) * 2},
            {"hidden": (), "samples": 5},
            "only with tanh in a hidden layer",
        ),
        ({"hidden": ()}, {"hidden": ("tanh",)}, "only without hidden layers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_is_read_as_english(inside, outside, words):
    """One sample is no samples."""
    assert next(separating([here(**inside)], [here(**outside)])).words == words


def test_an_output_is_no_hidden_layer():
    """And a hidden layer no output."""
    step = here(hidden=("tanh",), output="relu")
    for kind, name, holds in (
        ("hidden", "tanh", True),
        ("hidden", "relu", False),
        ("output", "relu", True),
        ("output", "tanh", False),
    ):
        assert Scope(kind, name).holds(step) is holds


def test_networks_that_share_no_activation_are_told_by_their_depth():
    """From the one without a hidden layer."""
    inside = [here(hidden=("relu",)), here(hidden=("tanh",))]
    assert next(separating(inside, [here(hidden=())])).words == "only with hidden layers"


def test_rates_and_constants_separate_nothing():
    """A task has the ones that it needs: a learning rate is no reason."""
    step = here()
    assert not any(
        scope.value in ("lr", "eps", "betas", "alpha") for scope in separating([step], [])
    )
