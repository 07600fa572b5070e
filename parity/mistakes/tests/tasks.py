"""Several tasks of one program, as a check gives them: of other depths, numbers of
samples and update rules; and programs that do them with a mistake here and there.
"""

from dataclasses import replace
from functools import cache

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.search.replay import Placed, run_of, run_of_case, showing, simulate
from parity.steps.cases import Case

EVERYTHING = ("z", "a", "loss", "delta", "dW", "db", "W", "b")
GRADIENTS = ("dW", "db", "W", "b")
SGD = {"lr": 0.5, "momentum": 0.7}
BASE = Case(
    "own", sizes=(3, 4, 4, 2), hidden=("sigmoid", "tanh"), loss="mse", targets="values", batch=5
)
TASKS = {
    "5 samples": BASE,
    "8 samples": replace(BASE, sizes=(4, 3, 2), hidden=("tanh",), batch=8),
    "11 samples": replace(BASE, sizes=(2, 5, 3), hidden=("sigmoid",), batch=11),
    "1 sample": replace(BASE, sizes=(4, 5, 3), hidden=("relu",), batch=1),
    "momentum": replace(BASE, settings=SGD),
    "Nesterov": replace(BASE, settings=SGD | {"nesterov": True}),
    "Adam": replace(BASE, optimizer="adam", settings={"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.01}),
}
NAMES = tuple(TASKS)


@cache
def inputs(name):
    """The inputs of a task, with nothing shown yet."""
    return run_of_case(TASKS[name])


def program(name, *bugs):
    """What a program shows of a task, with entries of the catalogue by id, wherever
    they can stand: ("db-averaged", scope) in the steps of a scope alone.
    """
    run, placed = inputs(name), []
    for bug in bugs:
        entry, scope = bug if isinstance(bug, tuple) else (bug, None)
        mistake = BY_ID.get(entry, entry)
        placed.append(Placed(mistake, mistake.layers(run.spec), scope))
    return showing(run_of(simulate(run, placed)), *EVERYTHING)


def programs(*bugs, names=NAMES, shown=GRADIENTS):
    """The runs of all these tasks."""
    return [showing(program(name, *bugs), *shown) for name in names]


def changed(run, change, number=0):
    """The run with other arrays in one of its steps, by quantity and layer."""
    step = run.steps[number]
    arrays = {where: change(where, array) for where, array in step.arrays.items()}
    steps = (*run.steps[:number], replace(step, arrays=arrays), *run.steps[number + 1 :])
    return replace(run, steps=steps)
