"""The right function of each slot of a step's program; `program.py` lists the slots and
what their functions return.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from parity.mistakes.slots import Numbers, Part, is_decoupled
from parity.proof import formulas, penalising

Step: TypeAlias = Any  # a StepProgram, whose room imports this one


def masked(s: Step, l: int, array: Numbers) -> Numbers:
    """The array times the mask of a layer, where that drops anything."""
    mask = s.mask(l)
    return array if mask is None else formulas.masked(array, mask)


def _weighted_input(s: Step, l: int) -> Numbers:
    products = s.a_prev(l) @ s.W(l).T
    return products + s.b(l) if s.has_bias(l) else products


def _cotangent(s: Step, l: int) -> Numbers:
    return (
        formulas.loss_gradient(s.spec.loss, s.a(l), s.weighing())
        if l == s.L
        else masked(s, l + 1, s.delta(l + 1) @ s.W(l + 1))
    )


def _output_delta(s: Step, l: int) -> Numbers:
    if formulas.is_fused(s.spec.loss, s.f(l)[0]):
        return formulas.fused_delta(s.spec.loss, s.f(l)[0], s.z(l), s.a(l), s.weighing())
    return s.pullback(l, s.cotangent(l))


def _cost(s: Step, l: int) -> Numbers:
    penalties = [s.penalty(part) for part in s.parts if s.has("P", part)]
    if not penalties:
        return s.loss()
    one_by_one = penalising.total([s.loss(), *penalties])
    together = s.loss() + penalising.total(penalties)
    return one_by_one + (together - one_by_one)  # off by as much as either


def _penalty(s: Step, part: Part) -> Numbers:
    theta = s.start(part)
    if s.spec.penalty is None or not s.is_penalised(part):
        return (theta * 0.0).sum()
    return penalising.penalty_value(s.spec.penalty, theta)


def _slope(s: Step, part: Part) -> Numbers:
    theta = s.start(part)
    if s.spec.penalty is None or not s.is_penalised(part):
        return theta * 0.0
    return penalising.penalty_slope(s.spec.penalty, theta)


def _sloped(s: Step, part: Part) -> Numbers:
    g = s.of_loss(part)
    if not s.has("slope", part):
        return g
    times = s.taken(part)
    return g + (s.slope(part) if times == 1.0 else s.slope(part) * (1.0 / times))


def _share(s: Step, part: Part) -> Numbers:
    return penalising.share(s.limit, s.norm(part))


def _clipped(s: Step, part: Part) -> Numbers:
    if s.spec.clip is None:
        return s.gradient(part)
    if s.spec.clip[0] == "value":
        return penalising.cut(s.gradient(part), s.limit)
    return s.gradient(part) * s.share(part)


def _decayed(s: Step, part: Part) -> Numbers:
    g = s.clipped(part)
    coupled = s.h(part)["weight_decay"] and not is_decoupled(s.spec)
    return g + s.decay(part) if coupled else g


def rule_settings(s: Step, part: Part) -> dict[str, Any]:
    """The hyper-parameters, without a weight decay that is added outside of the rule:
    by `decayed`, or by `stepped` where `decay` is another.
    """
    outside = not is_decoupled(s.spec) or s.is_exchanged("decay", part)
    return {**s.h(part), "weight_decay": 0.0} if outside else dict(s.h(part))


def stepped(
    s: Step,
    part: Part,
    *,
    t: int | None = None,
    new: Mapping[str, Numbers] | None = None,
    forms: Mapping[str, Any] | None = None,
    **other: Any,
) -> Numbers:
    """The part after the step by the rule: with another `t`, `new` state, or `divide`
    and `correct` in `forms`, or with other hyper-parameters.
    """
    h = {**rule_settings(s, part), **other}
    after = formulas.new_parameters(
        s.spec.optimizer,
        h,
        s.t if t is None else t,
        s.start(part),
        s.decayed(part),
        {key: s.state(key, part) for key in s.keeps(part)} if new is None else new,
        **(forms or {}),
    )
    beside = is_decoupled(s.spec) and s.is_exchanged("decay", part) and "weight_decay" not in other
    return after - s.decay(part) * h["lr"] if beside else after


def kept_vector(key: str) -> Callable[[Step, Part], Numbers]:
    def new_state(s: Step, part: Part) -> Numbers:
        new = {name: s.state(name, part) for name in s.rule.inputs(key, s.h(part))}
        old = {} if s.old(key, part) is None else {key: s.old(key, part)}
        return formulas.new_state(
            s.spec.optimizer, key, rule_settings(s, part), s.start(part), s.decayed(part), old, new
        )

    return new_state


RIGHT: dict[str, Callable[..., Numbers]] = {
    "read": lambda s, part: s.start(part),
    "dropped": lambda s, l: masked(s, l, s.a(l - 1)),
    "z": _weighted_input,
    "a": lambda s, l: formulas.activate(s.f(l)[0], s.f(l)[1], s.z(l)),
    "weighing": lambda s, l: s.weighed(s.y),
    "C": lambda s, l: formulas.cost(s.spec.loss, s.a(l), s.weighing()),
    "P": _penalty,
    "cost": _cost,
    "cotangent": _cotangent,
    "pullback": lambda s, l, g: formulas.pull_back(s.f(l)[0], s.f(l)[1], g, s.z(l), s.a(l)),
    "BP1": _output_delta,
    "BP2": lambda s, l: s.pullback(l, s.cotangent(l)),
    "BP3": lambda s, l: s.delta(l).sum(axis=0),
    "BP4": lambda s, l: s.delta(l).T @ s.a_prev(l),
    "slope": _slope,
    "db": lambda s, l: _sloped(s, Part("b", l)),
    "dW": lambda s, l: _sloped(s, Part("W", l)),
    "gradient": lambda s, part: s.dW(part.layer) if part.name == "W" else s.db(part.layer),
    "norm": lambda s, part: s.norm(),
    "share": _share,
    "clipped": _clipped,
    "decay": lambda s, part: s.start(part) * s.h(part)["weight_decay"],
    "decayed": _decayed,
    "step": stepped,
    "settings": lambda s, part: s.spec.settings_of(*part) if part else dict(s.spec.hyperparameters),
}
