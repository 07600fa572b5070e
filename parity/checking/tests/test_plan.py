"""The plan tries everything that a declaration says, and no more."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.checking.tasks import axes
from parity.checking.tasks.axes import chooses, defaults
from parity.checking.tasks.declaration import CONSTANTS, KNOWN, SETTINGS, declaration
from parity.checking.tasks.plan import covering
from parity.checking.tasks.task import tasks_for
from parity.checking.tests.programs import PLAIN
from parity.checking.verdict.coverage import tried, untried
from parity.mistakes.catalogue.index import CATALOGUE
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import run_of, simulate
from parity.steps.cases import TRAINABLE, outputs_of
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


def some(names):
    """Nothing, which is everything, or some of the names in any order."""
    return st.none() | st.lists(st.sampled_from(names), min_size=1, unique=True).map(tuple)


DECLARATIONS = st.fixed_dictionaries(
    {
        "activations": some(TRAINABLE),
        "outputs": some(TRAINABLE),
        "losses": some(tuple(LOSSES)),
        "optimizers": some(tuple(OPTIMIZERS)),
        "settings": st.just(()) | some(SETTINGS + CONSTANTS),
        "sizes": st.none() | st.lists(st.integers(1, 6), min_size=2, max_size=4),
        "batch": st.none() | st.integers(1, 9),
        "bias": st.booleans(),
        "same_hidden": st.booleans(),
        "dtype": st.sampled_from(["float64", "float32", ("float64", "float32")]),
        "targets": st.sampled_from([None, "labels", "one_hot", "distributions"]),
    }
)


def planned(given_names):
    """The declaration and its tasks, [] where it leaves none."""
    said = declaration(**given_names)
    if any(said.outputs_behind(loss) for loss in said.losses or LOSSES):
        return said, tasks_for(said)
    with pytest.raises(ValueError, match="leaves no task"):
        tasks_for(said)
    return said, []


def learns(task):
    """Whether it has more to choose among than one class."""
    return task.sizes[-1] > 1 or not chooses(task.activations[-1], task.loss)


@settings(max_examples=60)
@given(DECLARATIONS)
def test_every_name_that_is_declared_is_in_a_task(given_names):
    """Activations, outputs behind every loss that they stand before, targets, dtypes;
    where nothing is declared, all that there is.
    """
    said, tasks = planned(given_names)
    if not tasks:
        return
    hidden = {name for task in tasks for name in task.activations[:-1]}
    is_deep = not said.sizes or len(said.sizes) > 2
    assert hidden == ({*(said.activations or TRAINABLE)} if is_deep else set())
    met = {(task.activations[-1], task.loss) for task in tasks}
    pairs = {
        (output, loss)
        for loss in said.losses or LOSSES
        for output in said.outputs or said.outputs_behind(loss)
        if output in outputs_of(loss)
    }
    if said.sizes and said.sizes[-1] == 1:  # of one class alone there is nothing to learn
        pairs = {pair for pair in pairs if not chooses(*pair)} or pairs
    assert met == pairs
    kinds = {(task.loss, task.inputs.steps[0].y.ndim) for task in tasks}
    assert kinds == {
        (loss, 1 if kind == "labels" else 2) for _, loss in met for kind in said.kinds_of(loss)
    }
    assert {task.dtype for task in tasks} == {*said.dtype}


@settings(max_examples=60)
@given(DECLARATIONS)
def test_every_setting_is_tried_alone_and_with_the_others(given_names):
    """Every optimizer plain, with each setting that it knows and what that needs, and
    with as many as go together; what was not declared has PyTorch's default.
    """
    said, tasks = planned(given_names)
    for optimizer in said.optimizers or OPTIMIZERS if tasks else ():
        usual = defaults(optimizer)
        known = {n for n in usual if n != "lr" and (said.settings is None or n in said.settings)}
        constants = known & set(CONSTANTS)
        changed = [
            {name for name, value in task.settings.items() if value != usual[name]}
            for task in tasks
            if task.optimizer == optimizer
        ]
        needs = {name: {"momentum"} for name in ("dampening", "nesterov")}
        assert set() in changed
        for name in known - constants:
            assert {name} | needs.get(name, set()) | constants in changed
        assert not constants or any(constants <= names for names in changed)
        for left_out in ("dampening", "nesterov"):
            together = known - {left_out} if set(needs) <= known else known
            assert together | {n for each in together for n in needs.get(each, ())} in changed
        needed = {"momentum"} if known & set(needs) else set()
        assert all(names <= known | needed for names in changed)
        assert not any(set(needs) <= names for names in changed)


@settings(max_examples=60)
@given(DECLARATIONS)
def test_shapes_batches_and_steps(given_names):
    """One and two hidden layers of several widths, squares on purpose alone, one output
    and several, one sample and more than outputs, batches beyond 8, a smaller last one,
    more than 6 steps, rates that change; or what was declared.
    """
    said, tasks = planned(given_names)
    if not tasks:
        return
    assert 8 <= len(tasks) <= 40
    assert len({task.name for task in tasks}) == len(tasks)
    assert all(len({step.lr for step in task.steps}) > 1 for task in tasks)
    for optimizer in {task.optimizer for task in tasks}:
        rates = {task.steps[0].lr for task in tasks if task.optimizer == optimizer}
        assert len(rates) > 1 or [task.optimizer for task in tasks].count(optimizer) == 1
    assert max(len(task.steps) for task in tasks) > 6
    batches = [[len(step.x) for step in task.inputs.steps] for task in tasks]
    both = [*zip(batches, tasks, strict=True)]
    if said.batch:
        assert {n for each in batches for n in each} == {said.batch}
    else:
        assert {1, 11, 13} <= {each[0] for each in batches}
        assert any(each[-1] < each[0] for each in batches)
        several = said.sizes is None or said.sizes[-1] > 1
        assert several == any(each[0] > task.sizes[-1] > 1 for each, task in both)
    assert all(not task.b or task.b[0].any() == said.bias for task in tasks)
    if said.same_hidden:
        assert all(len({*task.activations[:-1]}) <= 1 for task in tasks)
    sizes = {task.sizes for task in tasks}
    if said.sizes:
        assert sizes == {said.sizes}
        return
    assert {len(each) - 2 for each in sizes} >= {1, 2}
    assert any(len(each) == 4 and each[1] != each[2] for each in sizes)
    squares = {each for each in sizes if any(into == out for into, out in pairwise(each))}
    assert all(len({*each}) == 1 for each in squares)
    assert len(squares) == 1
    one = any(learns(task) and task.sizes[-1] == 1 for task in tasks)
    assert one == any(not chooses(task.activations[-1], task.loss) for task in tasks)
    assert all(learns(task) for task in tasks)
    if said.batch != 1:
        assert all(n == 1 or n not in task.sizes for each, task in both for n in each)


@settings(max_examples=60)
@given(DECLARATIONS)
def test_what_was_declared_is_what_is_said_to_be_tried(given_names):
    """Of all that was declared, nothing is left but what nothing can try."""
    said, tasks = planned(given_names)
    if not tasks:
        return
    met = {(task.activations[-1], task.loss) for task in tasks}
    has = {name for kind in said.optimizers or OPTIMIZERS for name in defaults(kind)}
    impossible = {
        *(set(said.losses or ()) - {loss for _, loss in met}),
        *(f"{name} as output" for name in set(said.outputs or ()) - {name for name, _ in met}),
        *(set(said.settings or ()) - has),
    }
    if said.sizes and len(said.sizes) == 2:
        impossible |= set(said.activations or ())
    assert set(untried(tried(tasks), (), said)) <= impossible


# with each of these seeds a network of relu died in the first step of a task
@pytest.mark.parametrize(
    ("seed", "names"),
    [
        (0, {}),
        (1, {"activations": "relu", "optimizers": "rmsprop"}),
        (2, {"activations": "relu"}),
        (2, {"activations": "relu", "optimizers": "rmsprop"}),
    ],
)
def test_a_right_program_moves_its_weights_behind_the_first_step(seed, names):
    """Or it would be told that it shows its last weights in every step."""
    for task in tasks_for(declaration(**names), seed=seed):
        first, *later = (record.after.W for record in simulate(task.inputs))
        assert not later or any(
            not np.array_equal(W, start)
            for after in later
            for W, start in zip(after, first, strict=True)
        ), task.name


def test_every_value_is_taken_before_any_comes_again():
    """Rows are as many as the longest axis has values, and meet many others."""
    rows = covering(["abc", "12345"], 3, lambda value, row: True)
    assert len(rows) == 5
    assert {row[0] for row in rows[:3]} == {*"abc"}
    assert len({*map(tuple, covering(["ab", "12"], 4, lambda value, row: True))}) == 4
    apart = covering(["ab", "123"], 1, lambda value, row: [*row, value] != ["a", "1"])
    assert {row[1] for row in apart} == {*"123"}
    assert ["a", "1"] not in apart


@pytest.mark.parametrize("name", KNOWN["settings"])
def test_a_setting_has_another_value_than_by_default(name):
    """A new one needs one, too."""
    assert name in axes.OTHER, f"parity/checking/axes.py: OTHER lacks {name}"
    usual = [defaults(optimizer) for optimizer in OPTIMIZERS]
    assert all(axes.OTHER[name] != each[name] for each in usual if name in each)


TYPICAL = {
    "sigmoid": PLAIN,
    "softmax": {
        "activations": "relu",
        "outputs": "softmax",
        "losses": "cross_entropy",
        "targets": "one_hot",
        "optimizers": "sgd",
        "settings": (),
    },
    "adam": {
        "activations": "tanh",
        "outputs": "identity",
        "losses": "mse",
        "optimizers": "adam",
        "settings": ("amsgrad", "weight_decay"),
    },
    "sizes": {**PLAIN, "sizes": (4, 5, 3), "losses": "half_squared_error"},
    "everything": {},
}
# what shows at the edge of what floats can hold alone, and what is right where the
# constants of PyTorch are asked for
AT_THE_EDGE = {
    "activation-overflow",
    "log-of-zero",
    "loss-overflow",
    "softmax-maximum-of-all",
    "softmax-overflow",
}
ASKED_FOR = {
    *("constants-in-the-code", "probabilities-clipped"),
    # a weighted input of exactly 0 is tried of an activation alone
    *("slope-one-at-zero", "slope-halfway-at-zero"),
}


@pytest.mark.parametrize("declared", TYPICAL)
def test_every_mistake_of_the_catalogue_shows_in_some_task(declared):
    """Wherever it can stand, but for those at the edge, which the hard tasks have."""
    said = declaration(**TYPICAL[declared])
    tasks = tasks_for(said)
    edge = tasks_for(said, hard=True)[len(tasks) :]
    plain = [bug for bug in CATALOGUE if not bug.of_weights]  # no task has any
    stand = [bug for bug in plain if any(bug.layers(task.inputs.spec) for task in tasks)]
    hidden = [
        bug
        for bug in stand
        if bug.id not in ASKED_FOR and not any(shows(bug, task.inputs) for task in tasks)
    ]
    assert {bug.id for bug in hidden} <= AT_THE_EDGE
    assert all(any(shows(bug, task.inputs) for task in edge) for bug in hidden)


def shows(bug, inputs):
    """Whether the arrays of a program with the mistake cannot be those of a right
    one.
    """
    layers = bug.layers(inputs.spec)
    if not layers:
        return False
    try:
        return judged(run_of(simulate(inputs, [(bug, layers)])))[-1].off
    except (ValueError, IndexError):  # a wrong form that does not fit these shapes
        return True
