"""Which tasks become test vectors: of the planned tasks of small networks, and of those
at the edges of floats, a few that have all there is.

Every value that a task may have is a facet of it: an ending, a rule with its settings,
a shape. The task with the most facets that none had before is taken next, until none is
left that brings one. Only those count of which rounding leaves half of the digits: of
long trainings in float32 it seldom does.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from parity.checking.tasks.declaration import declaration
from parity.checking.tasks.edges import edges
from parity.checking.tasks.plan import planned
from parity.checking.tasks.task import Task, task_of
from parity.checking.vectors.bounds import is_sharp
from parity.mistakes.search.replay import Run
from parity.steps.cases import Case

Facet: TypeAlias = tuple[Any, ...]

SMALL: dict[str, Any] = {
    "activations": ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "softmax"),
    "losses": (
        *("mse", "half_squared_error", "mae", "cross_entropy", "softmax_cross_entropy"),
        *("binary_cross_entropy", "sigmoid_cross_entropy"),
    ),
    "sizes": (2, 3, 2),
    "batch": 4,
}
# in float32, rounding leaves half of the digits of one task in six: so the numbers of
# several seeds are tried
SEEDS = range(4)
MOST = 11  # samples: 13 show no more
# of the others, rounding leaves too little
EDGES = ("logits around 1000", "a class without a chance", "huge logits")
RULES = ("sgd", "adagrad", "rmsprop", "adam", "adamw")
# All names are listed, so that a new one of refnet changes no version. The widths are
# distinct primes, but for what hides in other shapes.
SHAPED: tuple[dict[str, Any], ...] = (
    {**SMALL, "sizes": (2, 3, 5, 2), "batch": 3},
    {**SMALL, "sizes": (3, 3, 3, 3), "batch": 2},
    {**SMALL, "sizes": (3, 1, 2)},
    {**SMALL, "sizes": (2, 3, 1)},
    {**SMALL, "sizes": (3, 2)},
    {**SMALL, "batch": 1},
    {**SMALL, "batch": None},
)
WITHOUT_BIASES: dict[str, Any] = {
    **SMALL,
    "activations": ("relu", "leaky_relu"),
    "outputs": "identity",
    "losses": ("mse", "mae"),
    "batch": 1,
    "bias": False,
}


class Candidate(NamedTuple):
    """A task, the words of the edge that it is brought to, and its facets."""

    task: Task
    edge: str
    facets: frozenset[Facet]


def chosen() -> list[Candidate]:
    """The tasks of the test vectors, in the order of the candidates."""
    every = [*candidates()]
    left = {number: each.facets for number, each in enumerate(every)}
    taken = []
    while left := {number: facets for number, facets in left.items() if facets}:
        best = max(left, key=lambda number: (len(left[number]), -len(every[number].task.steps)))
        facets, task = left.pop(best), every[best].task
        if is_sharp(task.inputs, bias=task.bias):
            taken.append(best)
            left = {number: others - facets for number, others in left.items()}
    return [every[number] for number in sorted(taken)]


def candidates() -> Iterator[Candidate]:
    """All tasks that may be chosen."""
    for optimizer in RULES:
        yield from _planned(optimizers=optimizer, dtype="float64", **SMALL)
        for seed in SEEDS:
            yield from _planned(seed, optimizers=optimizer, dtype="float32", **SMALL)
    for names in (*SHAPED, WITHOUT_BIASES):
        yield from _planned(optimizers=RULES, dtype="float64", **names)
    declared = declaration(optimizers=RULES, dtype="float64", **SMALL)
    for edge, probe in edges(declared):
        if edge in EDGES:
            task = task_of(probe.name, probe.run(probe.case.dtype), declared, edge)
            facets = ("edge", edge, probe.case.output), _ending(probe.case)
            yield Candidate(task, edge, frozenset(facets))


def _planned(seed: int = 0, **names: Any) -> Iterator[Candidate]:
    declared = declaration(**names)
    for probe in planned(declared, seed):
        if probe.case.batch > MOST:
            continue
        run = probe.run(probe.case.dtype)
        task = task_of(probe.name, run if declared.bias else with_silence(run), declared)
        yield Candidate(task, "", frozenset(_facets(probe.case, bias=declared.bias)))


def _facets(case: Case, *, bias: bool) -> Iterator[Facet]:
    """What a task has of all there is; of float32, no pairs of anything."""
    if case.dtype == "float32":
        for name in (case.optimizer, case.output, *case.hidden):
            yield (case.dtype, name)
        return
    yield "rule", case.optimizer, frozenset(case.settings)
    yield _ending(case)
    yield from (("hidden", name) for name in case.hidden)
    yield "shape", case.sizes
    yield "batches", case.batch == 1, case.last is not None
    if not bias:
        yield from (("no biases", each) for each in (*case.hidden, case.loss))


def _ending(case: Case) -> Facet:
    return "ending", case.output, case.loss, case.targets


def with_silence(run: Run) -> Run:
    """The run in whose second step x is -0.0 and a first target is 0: without biases
    every z is exactly 0 then, and an identity meets that target.
    """
    first, second, *others = run.steps
    y = second.y.copy()
    y[:, 0] = 0.0
    silent = replace(second, x=np.full_like(second.x, -0.0), y=y)
    return replace(run, steps=(first, silent, *others))
