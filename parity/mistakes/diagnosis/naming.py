"""The finding for a mistake that has a name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from parity.mistakes.catalogue.index import CATALOGUE, sources
from parity.mistakes.diagnosis.evidence import compared, in_layers, in_place, measured, plainly
from parity.mistakes.diagnosis.finding import Finding, in_words
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.mistakes.recovery.formula import Recovered
from parity.mistakes.recovery.statement import of_what, stated
from parity.mistakes.search.judging import Station
from parity.mistakes.search.replay import Run
from parity.mistakes.search.scopes import separating
from parity.mistakes.search.search import Search
from parity.mistakes.search.suspects import Program, Suspect
from parity.mistakes.slots import is_decoupled
from parity.steps.record import Spec
from refnet.equations import EQUATIONS
from refnet.optimizers import OPTIMIZERS

# how a scope begins that has a name
ONLY = ", only with "


def named(search: Search, suspect: Suspect, tasks: Sequence[str] = ()) -> Finding | None:
    """The finding for a mistake of the catalogue; None where everything is explained
    without it, because the array that needed it was set aside later.
    """
    mistake, runs = suspect.mistake, search.trials.runs
    without = tuple(each for each in search.program if each != suspect)
    off = {
        i: station
        for i, station in search.trials.off(without).items()
        if suspect.placed(runs[i]).layers
    }
    if not off:
        return None
    number, first = next(iter(off.items()))
    run = runs[number]
    said = words_of(mistake, run.spec, suspect.placed(run).layers)
    until_it_shows = replace(run, steps=run.steps[: first.step + 1])
    comparisons = compared(until_it_shows, search.program, without)
    scope = suspect.scope.words if suspect.scope else in_common(runs, off)
    if isinstance(mistake, Recovered):
        if len(off) < len(runs):
            scope = scope or of_what(mistake)
        formula, right, happens = stated(mistake, run.steps[first.step].spec, said.layers)
        said = replace(said, formula=formula, expected=right or said.expected, happens=happens)
    return replace(
        said,
        where=", ".join(filter(None, (said.where, scope))),
        declare=_if_meant(search, suspect, off),
        evidence=(
            *plainly(
                [each for group in comparisons for each in group],
                among_others=_has_others(search, without, run),
            ),
            *_beside(search, mistake, len(off)),
        ),
        measured=tuple(map(measured, comparisons)),
        alike=search.alike[suspect],
        tasks=names_of(off, tasks),
    )


def words_of(mistake: Mistake, spec: Spec, layers: Iterable[int]) -> Finding:
    """What is said of a mistake that stands in these layers of a network, whoever shows
    it; without layers, of no place in particular.
    """
    ordered = tuple(sorted(layers))
    labels = _labels(mistake, ordered, len(spec.sizes) - 1)
    return Finding(
        mistake.id,
        mistake.verdict,
        where=_place(mistake, labels, ordered),
        formula=mistake.formula,
        expected=expected(labels[0], spec),
        happens=mistake.happens,
        why=mistake.why,
        declare=mistake.if_meant,
        equation=labels[0],
        equations=tuple(labels),
        layers=ordered,
        sources=sources(mistake.id),
    )


def _beside(search: Search, mistake: Mistake, runs: int) -> Iterator[str]:
    """In how many tasks a formula fits that no catalogue has, and how far the nearest
    other one is off.
    """
    nearest = search.trials.effort.beside.get(mistake)
    if nearest is not None:
        array = in_place(nearest.station.where)
        other = (
            f"of {nearest.tried:,} other formulas that were tried on {array}, the nearest is off "
            f"by {nearest.share:.1%} of its largest number"
        )
        tasks = f"it fits all that is off in {runs} task{'s' if runs > 1 else ''}"
        yield f"{tasks[0].upper()}{tasks[1:]}; {other}."


def _has_others(search: Search, without: Program, run: Run) -> bool:
    """Whether other findings stand in this run too."""
    return any(each.placed(run).layers for each in without if each not in search.right)


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """The same mistake in several places, or in different ones in different runs, is
    one finding.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.bug, finding.formula), []).append(finding)
    return [_together(group) for group in groups.values()]


def _together(group: Sequence[Finding]) -> Finding:
    first = group[0]
    places = dict.fromkeys(finding.where for finding in group)
    return replace(
        first,
        where="; and ".join(_in_short(places)),
        equations=tuple(dict.fromkeys(label for finding in group for label in finding.equations)),
        layers=tuple(sorted({layer for finding in group for layer in finding.layers})),
        tasks=tuple(dict.fromkeys(task for finding in group for task in finding.tasks)),
        evidence=tuple(dict.fromkeys(each for finding in group for each in finding.evidence)),
        measured=tuple(dict.fromkeys(each for finding in group for each in finding.measured)),
    )


def _in_short(places: Iterable[str]) -> Iterator[str]:
    """Each place with all that it is limited to: only with mse and mae."""
    limits: dict[str, list[str]] = {}
    for where in places:
        place, _, limit = where.partition(ONLY)
        limits.setdefault(place, []).append(limit)
    for place, some in limits.items():
        if "" in some:
            yield place
        if names := [*filter(None, some)]:
            yield f"{place}{ONLY}{in_words(names)}"


def _place(mistake: Mistake, labels: Sequence[str], layers: Sequence[int]) -> str:
    """The equations that are broken, and in which layers."""
    equations = " and ".join(f"{label} ({EQUATIONS[label].name})" for label in labels)
    everywhere = not layers or labels == ["C"] or mistake.verdict == CONVENTION
    return equations if everywhere else f"{equations} of {in_layers(layers)}"


def _labels(mistake: Mistake, layers: Sequence[int], depth: int) -> list[str]:
    """The equations that a mistake breaks in these layers: its own first, but a delta's
    by where it stands.
    """
    slots = mistake.slots.keys()
    if mistake.equation in ("BP1", "BP2") and slots <= {"cotangent", "pullback", "BP1", "BP2"}:
        output, hidden = depth in layers, any(layer < depth for layer in layers)
        return ["BP1"] * output + ["BP2"] * hidden or [mistake.equation]
    if mistake.equation in ("BP3", "BP4") and {"BP3", "BP4"} <= slots:
        return ["BP4", "BP3"]
    return [mistake.equation]


def expected(label: str, spec: Spec) -> str:
    """The right formula; for the update, the optimizer's own with these settings."""
    if label != "step":
        return EQUATIONS[label].formula
    name, of_parts = spec.optimizer, [spec.settings_of(*part) for part in spec.parts]
    # what is on for one part is said, where others have groups without it
    settings = {key: any(h[key] for h in of_parts) for key in spec.hyperparameters}
    step = OPTIMIZERS[name].equation.partition(". ")[0]
    if name == "sgd" and not settings["momentum"]:
        step = "theta := theta - lr d"
    further = [words for (rule, on), words in WITH.items() if rule == name and settings[on]]
    rule = "; ".join([step, *further])
    if is_decoupled(spec):
        return rule
    # d is the gradient with the weight decay
    decays = settings["weight_decay"]
    return f"{rule}; d = g + weight_decay theta" if decays else re.sub(r"\bd\b", "g", rule)


# what a setting changes in the rule of an optimizer
WITH = {
    ("sgd", "nesterov"): "with nesterov, d + momentum v for v in the step",
    ("rmsprop", "centered"): "with centered, mean := alpha mean + (1 - alpha) d, and "
    "sqrt(v - mean^2) for sqrt(v)",
    ("rmsprop", "momentum"): "with momentum, buf := momentum buf + q, and buf for q in the step",
    ("adam", "amsgrad"): "with amsgrad, the maximum of all v so far for v in the step",
    ("adamw", "amsgrad"): "with amsgrad, the maximum of all v so far for v in the step",
}


def _if_meant(search: Search, suspect: Suspect, off: dict[int, Station]) -> str:
    """What may be declared, if what a program does is meant: the entry itself, or a
    convention by which all that it explains is as right.
    """
    if suspect.mistake.if_meant:
        return suspect.mistake.if_meant
    trials = search.trials
    explained = [i for i in range(len(trials.runs)) if i not in trials.off(search.program)]
    for other in CATALOGUE:
        if other.declarable and set(other.slots) & set(suspect.mistake.slots):
            program = _instead(search.program, suspect, Suspect(other))
            first = [i for i in explained if i in off]
            if all(trials.first_off(i, program) is None for i in (*first, *explained)):
                return other.if_meant
    return ""


def _instead(program: Program, suspect: Suspect, other: Suspect) -> Program:
    return tuple(other if each == suspect else each for each in program)


def in_common(runs: Sequence[Run], off: dict[int, Station]) -> str:
    """What the runs in which a finding stands have in common, and no other run has; ""
    where it stands in all, or nothing separates them.
    """
    inside = [runs[i].steps[station.step].circumstances for i, station in off.items()]
    outside = [
        step.circumstances for i, run in enumerate(runs) if i not in off for step in run.steps
    ]
    scope = next(iter(separating(inside, outside)), None) if outside else None
    return scope.words if scope else ""


def names_of(numbers: Iterable[int], tasks: Sequence[str]) -> tuple[str, ...]:
    """The names of these runs, where runs have names."""
    return tuple(tasks[i] for i in numbers if i < len(tasks))
