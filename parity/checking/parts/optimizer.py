"""check_optimizer: an update rule alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from parity.checking.parts.called import named
from parity.checking.parts.part import Named, Part, Show, as_tasks, judged_part, known, options
from parity.checking.parts.stepping import Rule, Step, rule_of
from parity.checking.program.outcome import NOTE
from parity.checking.tasks.axes import defaults
from parity.checking.tasks.declaration import Declaration, declaration
from parity.checking.tasks.plan import planned
from parity.checking.verdict.report import CheckReport
from parity.mistakes.diagnosis.finding import Finding
from parity.mistakes.mistake import Wrong
from parity.mistakes.probes import Probe
from parity.mistakes.program import StepProgram
from parity.mistakes.search.replay import Run
from parity.mistakes.slots import Numbers
from parity.mistakes.slots import Part as Parameters
from parity.steps.cases import DTYPES
from refnet.optimizers import OPTIMIZERS

# times the inputs, so that gradients are 0, have squares that are no whole floats any
# more, and are small beside any eps
INPUTS = {"float64": (0.0, 2.0**-515, 2.0**-40, 1.0), "float32": (0.0, 2.0**-67, 2.0**-40, 1.0)}


def check_optimizer(
    step: Any,
    *,
    like: str,
    dtype: Any = DTYPES,
    conventions: Sequence[str] = (),
    explain: bool = False,
    seed: int = 0,
    **settings: Any,
) -> CheckReport:
    """Is an update rule of your own right, and if not, which mistake is it.

        theta := theta - u(dC/dtheta, state)

    `step` is one of

        a function     step(theta, gradient, ...), which returns theta after the step or
                       changes it in place; it is called for W and b of each layer in
                       turn, and given what it has parameters for: a dict `state` that
                       is empty at first, the number of the step t from 1 on, lr and
                       other settings under PyTorch's names
        a class        made with the settings that it has parameters for, with a method
                       step(thetas, gradients) or update(thetas, gradients), or the
                       other way round where the first is called gradients or grads; or
                       made with a list `params` first, with a method step(gradients)
        an object      of such a class; each task begins with a copy of it
        an optimizer   of torch.optim, as in torch.optim.Adam, or derived from those

    Settings given here are those that it always has, as in momentum=0.9. All that it
    has no parameter for and that is not given here has PyTorch's default, but for lr:
    that is 0.1 for "sgd". What takes any setting, by **settings, is given all of them.

    Networks that are right otherwise are trained by it: plain, with each setting, with
    all that go together, and on gradients that are 0 or tiny.

    Shapes: theta and gradient alike, (fan_out, fan_in) or (fan_out,).
    Torch: torch.optim.
    Errors: ValueError for an unknown name, setting or value, TypeError for what is no
        rule.
    """
    options("check_optimizer", explain=explain, seed=seed)
    known("check_optimizer", "like", like, [*OPTIMIZERS])
    usual = defaults(like)
    for name in settings:
        known("check_optimizer", f"a setting of {like}", name, [*usual])
    OPTIMIZERS[like](**settings)  # refuses what is none of their values
    rule = rule_of(step)
    takes = [name for name in usual if name not in settings and rule.takes(name)]
    declared = declaration(
        activations=("identity", "tanh"),
        outputs=("identity",),
        losses=("mse",),
        optimizers=(like,),
        settings=tuple(name for name in takes if name != "lr"),
        dtype=dtype,
        conventions=conventions,
    )
    part = Part(
        f"{named(step, 'step')}, like {like}",
        declared,
        {"": partial(_slots, rule)},
        ("W", "b"),
        ("step",),
        ("steps", "optimizers"),
    )
    rate = None if "lr" in takes else float(settings.get("lr", usual["lr"]))
    fixed = {name: value for name, value in settings.items() if name != "lr"}
    tasks = as_tasks(_runs(declared, seed, fixed, rule, rate), declared)
    report = judged_part(part, tasks, explain=explain)
    if report.passed or rate is None or rule.changes_lr or "lr" in settings:
        return report
    return replace(report, findings=(*report.findings, _of_rate(rate)))


def _of_rate(lr: float) -> Finding:
    got = "it is given no lr, and its own is not said"
    advice = f"it is judged by lr={lr}; if it has another, say that"
    return Finding("", NOTE, where="step", got=got, advice=advice)


def _slots(rule: Rule, show: Show) -> Mapping[str, Wrong]:
    steps: list[Step] = []
    after: dict[tuple[int, Parameters], Any] = {}

    def step(s: StepProgram, part: Parameters, right: Callable[[], Numbers]) -> Numbers:
        if (s.t, part) not in after:
            if s.t == 1:
                steps[:] = [rule.begin(s.spec.hyperparameters)]
            parts = [*s.parts]
            thetas = [s.start(each).value for each in parts]
            gradients = [s.gradient(each).value for each in parts]
            arrays = steps[0](thetas, gradients, s.spec.hyperparameters, s.t)
            after.update({(s.t, each): array for each, array in zip(parts, arrays, strict=True)})
        return show(s, part, after[s.t, part])

    return {"step": step}


def _runs(
    declared: Declaration, seed: int, fixed: Mapping[str, Any], rule: Rule, rate: float | None
) -> Iterator[Named]:
    """The planned tasks with these settings, and some with tiny gradients; with another
    rate at each step where the rule can be given one.
    """
    for probe in planned(declared, seed):
        case = replace(probe.case, settings={**probe.case.settings, **fixed})
        run = _with_rates(replace(probe, case=case).run(case.dtype), rule, rate)
        yield probe.name, run, ""
    for dtype in declared.dtype:
        case = replace(
            case, sizes=(len(INPUTS[dtype]), 3), hidden=(), dtype=dtype, count=3, last=None
        )
        run = _with_rates(Probe("", case, _tiny).run(dtype), rule, rate)
        yield f"gradients of 0 and tiny ones, {dtype}", run, ""


def _tiny(run: Run) -> Run:
    times = np.array(INPUTS[run.spec.dtype], run.spec.dtype)
    return replace(run, steps=tuple(replace(step, x=step.x * times) for step in run.steps))


def _with_rates(run: Run, rule: Rule, rate: float | None) -> Run:
    """The run at one rate where the rule cannot be given another."""
    if rate is None and rule.changes_lr:
        return run
    lr = run.spec.hyperparameters["lr"] if rate is None else rate
    steps = (
        replace(
            step, spec=replace(step.spec, hyperparameters={**step.spec.hyperparameters, "lr": lr})
        )
        for step in run.steps
    )
    return replace(run, steps=tuple(steps))
