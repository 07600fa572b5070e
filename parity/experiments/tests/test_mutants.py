"""Mechanical mutants: each is one edit of a right program, with what the program is
given to itself.
"""

import ast
from copy import deepcopy
from inspect import getsource

import numpy as np
import pytest

from parity.experiments.mutations.families import (
    EDGES,
    TRAINING,
    UNSEEN,
    UNSEEN_EDGES,
    inputs,
)
from parity.experiments.mutations.mechanical import right_program
from parity.experiments.mutations.mechanical.edits import edits
from parity.experiments.mutations.mechanical.mutants import program_of
from parity.experiments.mutations.mechanical.training import trained
from parity.mistakes.search.judging import judged
from parity.steps.cases import TRAINABLE
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

SOURCE = getsource(right_program)


def edits_of(source):
    """The edits of a function, in words."""
    return [edited.words for edited in edits(ast.parse(source).body[0])]


def test_the_right_program_is_right_in_every_run():
    """It does all of them, and every array is what its formula gives."""
    for probe in (*TRAINING, *UNSEEN):
        run = trained(right_program, inputs(probe))
        stations = judged(run, whole=True)
        assert len(stations) == sum(len(step.arrays) for step in run.steps)
        assert not any(station.off or station.vague for station in stations)


def test_unseen_runs_are_others_and_try_everything():
    """No unseen run has the sizes and numbers of one to learn from; all activations,
    losses, optimizers and settings are among them.
    """
    seen = {probe.case.sizes for probe in (*TRAINING, *EDGES)}
    assert seen.isdisjoint(probe.case.sizes for probe in (*UNSEEN, *UNSEEN_EDGES))
    for family in (TRAINING, UNSEEN):
        specs = [inputs(probe).spec for probe in family]
        assert {name for spec in specs for name, _ in spec.activations} == set(TRAINABLE)
        assert {spec.loss for spec in specs} == set(LOSSES)
        endings = {(spec.activations[-1][0], "entropy" in spec.loss) for spec in specs}
        assert endings >= {("softmax", False), ("softmax", True), ("sigmoid", True)}
        assert {spec.optimizer for spec in specs} == set(OPTIMIZERS)
        used = {
            (spec.optimizer, name)
            for spec in specs
            for name, value in spec.hyperparameters.items()
            if value
        }
        every = {(spec.optimizer, name) for spec in specs for name in spec.hyperparameters}
        assert every - used == {("adamw", "amsgrad")}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("return a - b", ["b - a", "a", "b", "a + b", "b - b", "a - a"]),
        ("return a @ b", ["b @ a", "a * b", "a.T @ b", "a @ b.T"]),
        ("return a / b", ["b / a", "a * b"]),
        ("return a.T", ["a"]),
        ("return np.sum(a, axis=0)", ["np.sum(a, axis=1)", "np.sum(a, axis=None)", "a"]),
        ("return np.max(a)", ["np.min(a)"]),
        ("return 3 * a", ["4 * a", "6 * a", "2 * a", "-3 * a", "1.5 * a", "0 * a"]),
        ("return a > b", ["a >= b", "a < b"]),
        ("return a[b]", ["a[b + 1]", "a[b - 1]"]),
        ("return a if b['s'] else b", ["a if not b['s'] else b"]),
        ("return -a", ["a"]),
    ],
)
def test_edits_are_those_that_people_make(line, expected):
    """Operands, operators, transposes, axes, numbers, calls, names, indices, and the
    statement itself: each once, none the same as it was.
    """
    words = edits_of(f"def f(a: float, b: int) -> float:\n    {line}")
    assert {f"{line} -> return {each}" for each in expected} <= set(words)
    assert f"{line} -> dropped" in words
    assert len(words) == len(set(words))
    assert f"{line} -> {line}" not in words


def test_statements_are_dropped_doubled_and_exchanged():
    """In the body of the function and in the blocks within."""
    words = edits_of("def f(a):\n    for l in a:\n        a = 1\n        b = 2\n    return a")
    assert {"a = 1; b = 2 -> exchanged", "a = 1 -> doubled", "b = 2 -> dropped"} <= set(words)
    assert "for l in a:; return a -> exchanged" in words


def test_what_a_function_is_annotated_with_is_no_formula():
    """Types are not edited, and so are not among what may be exchanged."""
    words = edits_of("def f(a: list[float]) -> list[float]:\n    return a[0]")
    assert words
    assert not any("float" in each for each in words)


def test_a_source_makes_a_module_of_its_own():
    """Two mutants do not share what they hold, and the right program stays right."""
    wrong = program_of("wrong", SOURCE.replace("1 - a**2", "1 - a"))
    again = program_of("again", SOURCE)
    two = np.array([[2.0]])
    assert wrong.tanh_prime(two, two, None) == -1
    assert again.tanh_prime(two, two, None) == right_program.tanh_prime(two, two, None) == -3
    assert wrong.ACTIVATIONS["tanh"][1] is wrong.tanh_prime


def test_a_mutant_cannot_write_into_what_others_are_given():
    """Settings, inputs and weights are those of the run before and after."""
    line = "    forward(net, x)\n"
    assert SOURCE.count(line) == 1
    writing = f"    h.clear(); x[:] = 0; net.W[1][:] = 0\n{line}"
    writes = program_of("writes", SOURCE.replace(line, writing))
    run = inputs(TRAINING[0])
    before = deepcopy((run.W, [(step.x, step.spec.hyperparameters) for step in run.steps]))
    trained(writes, run)
    after = run.W, [(step.x, step.spec.hyperparameters) for step in run.steps]
    assert repr(before) == repr(after)
