"""Which activations and which loss a program has that cannot be told any: those that
fit what it shows.

`gradient` and `step` are given arrays alone. Where they declare neither activations nor
a loss, or several, each combination of those is put beside them on small tasks.
"""

from collections.abc import Iterator
from dataclasses import replace

from parity.checking.calling.calls import Program, layouts
from parity.checking.calling.trial import Combination, Trial, forms_of
from parity.checking.program.outcome import Problem
from parity.checking.tasks.declaration import Declaration, Undeclared
from parity.mistakes.diagnosis.finding import NOTE
from parity.steps.cases import TRAINABLE
from refnet.losses import LOSSES

# two hidden layers, and one where the code fixes their number; distinct widths, so that
# a transposed array does not fit, and three outputs: with two, the mean of the squares
# is half of their sum per sample
SIZES = ((3, 5, 4, 3), (3, 4, 3))
SLOPE = 0.01  # of leaky_relu, PyTorch's
EXAMPLE = "activations = ('tanh',), outputs = ('identity',), losses = ('mse',)"


def completed(run: Program, declared: Declaration) -> tuple[Declaration, list[Problem]]:
    """The declaration with the activations and the loss that fit what the program
    shows, and the note that says so.

    Errors: ValueError where none fits, or several that differ.
    """
    declared = replace(declared, slope=SLOPE if declared.slope is None else declared.slope)
    asked = [*_combinations(declared)]
    if len(asked) == 1 and len(forms_of(declared, asked[0].loss)) == 1:
        return declared, []
    name, lacks = getattr(run, "__name__", "run"), _lacks(declared)
    trial = _trial(run, declared, f"{name}: {lacks}")
    fitting = trial.fitting(asked)
    if not fitting and len({(each.hidden, each.loss) for each in asked}) == 1:
        return declared, []  # the usual output is asked for, and what is wrong is named
    if not fitting:
        raise Undeclared(
            f"{name}: {lacks}, and none of {len(asked)} combinations fits what it shows, expected "
            f"{EXAMPLE}, or what it has: then it is said what is wrong with it"
        )
    others = [each for each in fitting[1:] if trial.differ(fitting[0], each)]
    if others:
        several = " or ".join(map(str, (fitting[0], *others)))
        raise Undeclared(f"{name}: {lacks}, and {several} fit what it shows, expected {EXAMPLE}")
    complete = trial.declaring(fitting[0], declared)
    got = f"{lacks}: {fitting[0]} fit what it shows, and it is judged by these"
    return complete, [Problem(NOTE, got, "", f"declare {_line(complete)}", where=name)]


def _combinations(declared: Declaration) -> Iterator[Combination]:
    """Those that the declaration leaves, the losses on logits last: where they fit, so
    do those on probabilities, as programs have them.
    """
    has_hidden = declared.sizes is None or len(declared.sizes) > 2
    names = declared.activations or TRAINABLE
    for hidden in names if has_hidden else ("",):
        for loss in declared.losses or LOSSES:
            allowed = declared
            if declared.activations and hidden:
                allowed = replace(declared, activations=(hidden,))
            for output in allowed.outputs_behind(loss):
                yield Combination(hidden, output, loss)


def _lacks(declared: Declaration) -> str:
    """What it does not declare."""
    names = [name for name in ("activations", "losses") if getattr(declared, name) is None]
    if names:
        return f"declares {'neither' if len(names) == 2 else 'no'} {' nor '.join(names)}"
    return "declares several activations or losses, and cannot be told which is asked for"


def _line(declared: Declaration) -> str:
    """A declaration as it stands in a file."""
    names = ["activations", "outputs", "losses", "targets", "conventions"]
    if "leaky_relu" in (*(declared.activations or ()), *(declared.outputs or ())):
        names.append("slope")
    return ", ".join(
        f"{name} = {getattr(declared, name)!r}" for name in names if getattr(declared, name)
    )


def _trial(run: Program, declared: Declaration, lacks: str) -> Trial:
    """The program with sizes and in a layout in which it shows anything.

    Errors: ValueError where it shows nothing, or with one hidden layer alone.
    """
    losses = declared.losses or LOSSES
    forms = list(dict.fromkeys(form for loss in losses for form in forms_of(declared, loss)))
    tried: list[Trial] = []
    for sizes in [declared.sizes] if declared.sizes else SIZES:
        for each in layouts(declared):
            trial = Trial(run, each, sizes)
            if any(trial.shown(form) for form in forms):
                if tried and sizes != tried[0].sizes:
                    raise Undeclared(_fails(lacks, tried[0], f", but not with {_units(sizes)}"))
                return trial
            tried.append(trial)
    raise Undeclared(_fails(lacks, tried[0]))


def _units(sizes: tuple[int, ...]) -> str:
    return f"layers of {', '.join(map(str, sizes))} units"


def _fails(lacks: str, trial: Trial, but: str = "") -> str:
    """That the program shows nothing with these sizes, why, and with which it does."""
    problem = next((problem for each in trial.outcomes for problem in each.problems), None)
    message = f" ({problem.detail})" if problem and problem.detail else ""
    why = f"{problem.got}{message}" if problem else "shows nothing"
    return (
        f"{lacks}, and with {_units(trial.sizes)} {why}{but}, expected sizes = {SIZES[-1]}, or "
        f"what the code fixes, {EXAMPLE}"
    )
