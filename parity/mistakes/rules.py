"""What the wrong update rules are made of: the right rule with another state, other
hyper-parameters or another form of one step.
"""

from collections.abc import Callable, Mapping
from typing import Any

from parity.mistakes.mistake import Catalogue, Wrong
from parity.mistakes.program import Numbers, Part, StepProgram
from parity.proof import formulas
from parity.steps.record import Spec

STATE = (
    "momentum_buffer",
    "sum",
    "square_avg",
    "grad_avg",
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
)
ADAPTIVE_RULES = ("adagrad", "rmsprop", "adam", "adamw")


def uses(*rules: str, **settings: bool) -> Callable[[Spec, int], bool]:
    """Networks trained by one of these rules, whose settings are on or off as said."""
    return lambda spec, l: (
        (not rules or spec.optimizer in rules)
        and all(bool(spec.hyperparameters.get(name)) == on for name, on in settings.items())
    )


def has_state(spec: Spec, l: int) -> bool:
    """Networks whose rule keeps anything from step to step."""
    return spec.optimizer in ADAPTIVE_RULES or bool(spec.hyperparameters["momentum"])


def updated(s: StepProgram, part: Part, **other: Any) -> Numbers:
    """The part after the step by the right rule, but with another t, new state, divide
    or correct, or other hyper-parameters.
    """
    new = other.pop("new", None) or {key: s.state(key, part) for key in s.keeps}
    t = other.pop("t", s.t)
    forms = {name: other.pop(name) for name in ("divide", "correct") if name in other}
    return formulas.new_parameters(
        s.spec.optimizer, rule(s, other), t, s.start(part), s.decayed(part), new, **forms
    )


def kept_on(s: StepProgram, key: str, part: Part, **other: Any) -> Numbers:
    """A vector of the state after the step by the right rule, but with another old or
    new state or divide, or other hyper-parameters.
    """
    new = other.pop("new", None) or {name: s.state(name, part) for name in s.rule.inputs(key, s.h)}
    old = other.pop("old", s.old(key, part))
    forms = {"divide": other.pop("divide")} if "divide" in other else {}
    known = {} if old is None else {key: old}
    return formulas.new_state(
        s.spec.optimizer, key, rule(s, other), s.start(part), s.decayed(part), known, new, **forms
    )


def rule(s: StepProgram, other: dict[str, Any]) -> dict[str, Any]:
    """The hyper-parameters, without the weight decay where `decayed` has added it, and
    with others in their place.
    """
    return {
        **s.h,
        "weight_decay": s.h["weight_decay"] if s.spec.optimizer == "adamw" else 0.0,
        **other,
    }


def vectors(
    catalogue: Catalogue,
    *,
    keys: tuple[str, ...],
    also: Mapping[str, Wrong] | None = None,
    **fields: Any,
) -> Callable[[Wrong], Wrong]:
    """A decorator that enters a mistake in these vectors of the state, where a rule
    keeps them. The function is called with the name of the one that it makes.
    """

    def entered(wrong: Wrong) -> Wrong:
        slots = {key: lambda s, part, right, key=key: wrong(s, key, part) for key in keys}
        add = catalogue.add(equation="step", slots=keys, also=slots | dict(also or {}), **fields)
        return add(wrong)

    return entered
