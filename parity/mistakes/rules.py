"""What the wrong update rules are made of: the right rule with another state, other
hyper-parameters, or another form of one part.
"""

from collections.abc import Callable, Mapping
from typing import Any

from parity.mistakes.conditions import Place, trained_with
from parity.mistakes.functions import rule_settings, stepped
from parity.mistakes.mistake import Catalogue, Wrong
from parity.mistakes.program import StepProgram
from parity.mistakes.slots import Numbers, Part
from parity.proof import formulas
from parity.proof.formulas import ONE
from parity.steps.record import Spec

# Every vector that some rule keeps. A new one is added here.
STATE = (
    "momentum_buffer",
    "sum",
    "square_avg",
    "grad_avg",
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
)
# The rules that scale each step by the gradients so far, and those that may have a
# momentum. A new optimizer is added to one of them, or to both.
ADAM_RULES = ("adam", "adamw")
ADAPTIVE_RULES = ("adagrad", "rmsprop", *ADAM_RULES)
MOMENTUM_RULES = ("sgd", "rmsprop")


def uses(*rules: str, **settings: bool) -> Place:
    """Networks that one of these rules trains (any, where none is named), with these
    settings on or off.
    """
    set_so = trained_with(**settings)
    return lambda spec, l: (not rules or spec.optimizer in rules) and set_so(spec, l)


def has_state(spec: Spec, l: int) -> bool:
    """Networks whose rule keeps a state from step to step."""
    return spec.optimizer in ADAPTIVE_RULES or trained_with(momentum=True)(spec, l)


def updated(s: StepProgram, part: Part, **other: Any) -> Numbers:
    """The part after the step by the right rule, but with another `t`, `new` state,
    `divide` or `correct`, or with other hyper-parameters.
    """
    forms: dict[str, Any] = {
        name: other.pop(name) for name in ("divide", "correct") if name in other
    }
    return stepped(s, part, forms=forms, **other)


def kept_on(s: StepProgram, key: str, part: Part, **other: Any) -> Numbers:
    """A vector of the state after the step by the right rule, but with another `old` or
    `new` state or `divide`, or with other hyper-parameters.
    """
    new = other.pop("new", None) or {
        name: s.state(name, part) for name in s.rule.inputs(key, s.h(part))
    }
    vector = other.pop("old", s.old(key, part))
    old = {} if vector is None else {key: vector}
    forms = {"divide": other.pop("divide")} if "divide" in other else {}
    settings = {**rule_settings(s, part), **other}
    return formulas.new_state(
        s.spec.optimizer, key, settings, s.start(part), s.decayed(part), old, new, **forms
    )


def averaged(s: StepProgram, key: str, part: Part, what: Numbers, share: Any = None) -> Numbers:
    """A running average of `what`, by default with the right share of the new value."""
    kept = (
        s.h(part)["alpha"]
        if s.spec.optimizer == "rmsprop"
        else s.h(part)["betas"][key == "exp_avg_sq"]
    )
    return what.lift(s.old(key, part)) * float(kept) + what * (
        ONE - float(kept) if share is None else share
    )


def new_averages(s: StepProgram, part: Part) -> dict[str, Numbers]:
    """The vectors after the step that the quotient is made of: not the velocity."""
    return {key: s.state(key, part) for key in s.keeps(part) if key != "momentum_buffer"}


def vectors(
    catalogue: Catalogue,
    *,
    keys: tuple[str, ...],
    also: Mapping[str, Wrong] | None = None,
    **fields: Any,
) -> Callable[[Wrong], Wrong]:
    """A decorator that enters a mistake in these vectors of the state, where a rule
    keeps them. The function is called with the name of the vector that it makes.
    """

    def entered(wrong: Wrong) -> Wrong:
        slots = {key: lambda s, part, right, key=key: wrong(s, key, part) for key in keys}
        add = catalogue.add(equation="step", slots=keys, also=slots | dict(also or {}), **fields)
        return add(wrong)

    return entered


def quotients(
    catalogue: Catalogue, **fields: Any
) -> Callable[[Callable[[StepProgram, Part], dict[str, Any]]], Wrong]:
    """A decorator that enters a mistake in the quotient that an adaptive rule steps by,
    or that goes into RMSprop's velocity. The function returns what differs from the
    right rule.
    """

    def entered(other: Callable[[StepProgram, Part], dict[str, Any]]) -> Wrong:
        def step(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            in_velocity = s.spec.optimizer == "rmsprop" and s.h(part)["momentum"]
            return right() if in_velocity else updated(s, part, **other(s, part))

        def velocity(s: StepProgram, part: Part, right: Numbers) -> Numbers:
            return kept_on(s, "momentum_buffer", part, **other(s, part))

        also = {"momentum_buffer": velocity}
        return catalogue.add(equation="step", also=also, **fields)(step)

    return entered
