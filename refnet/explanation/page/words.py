"""What the page knows of formulas, activations, losses and update rules: data, from the
classes themselves.
"""

from functools import cache
from typing import Any

import numpy as np

from refnet.activations import ACTIVATIONS, Elementwise, Identity
from refnet.equations import EQUATIONS, PLAIN
from refnet.explanation.formulas import applied_by, pullback_of
from refnet.explanation.lines import COLUMNS, NUMBERS
from refnet.explanation.mathml import mathml_of
from refnet.explanation.paths import ALL, FEW
from refnet.explanation.rules import is_gradient_descent
from refnet.explanation.telling import THROUGH
from refnet.explanation.updates import DESCENT
from refnet.layer import Dense
from refnet.losses import LOSSES
from refnet.network import Network
from refnet.optimizers import OPTIMIZERS, Optimizer

# the update rules to choose from: a title, the optimizer, its settings
RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sgd": ("SGD", "sgd", {}),
    "momentum": ("SGD with momentum", "sgd", {"momentum": 0.9}),
    "nesterov": ("SGD, Nesterov", "sgd", {"momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", "adam", {}),
}
# the engine's names of what an optimizer keeps
_ADAM = {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "vMax"}
STATE = {
    "sgd": {"momentum_buffer": "v"},
    "adagrad": {"sum": "squares"},
    "rmsprop": {"square_avg": "squares", "grad_avg": "mean", "momentum_buffer": "v"},
    "adam": _ADAM,
    "adamw": _ADAM,
}


@cache
def vocabulary() -> dict[str, Any]:
    """All of it, by name."""
    return {
        "equations": {label: _equation(label) for label in PLAIN},
        "activations": {
            name: {
                "title": kind.__name__,
                "mixes": not issubclass(kind, Elementwise),
                "formulas": _formulas({"dC/dz": pullback_of(kind()), **kind.formulas}),
                "source": kind.source,
            }
            for name, kind in ACTIVATIONS.items()
            if kind.trainable
        },
        "losses": {name: _loss(name) for name in LOSSES},
        "rules": {
            key: {**rule_words(OPTIMIZERS[name](**settings)), "title": title}
            for key, (title, name, settings) in RULES.items()
        },
        "through": _formula(THROUGH.plain, THROUGH.source),
        "descent": _formula(DESCENT.plain, DESCENT.source),
        "limits": {"numbers": NUMBERS, "columns": COLUMNS, "paths": ALL, "largest": FEW},
    }


def rule_words(rule: Optimizer) -> dict[str, Any]:
    """An update rule: its settings, its formulas in the first step, where those are
    others, and later, and the engine's names of what it keeps, by their letters.
    """
    kind, first, later = type(rule), _stated(_fresh(rule)), _stated(_stepped(_fresh(rule)))
    return {
        "title": kind.__name__,
        "name": rule.name,
        "settings": settings_of(rule),
        "isDescent": is_gradient_descent(rule),
        "first": None if first == later else first,
        "later": later,
        "letters": {letter: STATE[rule.name][name] for letter, name in rule.letters.items()},
    }


def settings_of(rule: Optimizer) -> dict[str, Any]:
    """Its hyper-parameters but for lr."""
    return {key: value for key, value in rule.hyperparameters.items() if key != "lr"}


def _fresh(rule: Optimizer) -> Optimizer:
    """The same rule that has taken no step."""
    return type(rule)(**rule.hyperparameters)


def _stepped(rule: Optimizer) -> Optimizer:
    """The rule after a step of some network."""
    net = Network([Dense(np.zeros((1, 1)), np.zeros(1), Identity())])
    _, gradients = net.loss_and_gradients([[1.0]], [[1.0]], "mse")
    rule.step(net, gradients)
    return rule


def _stated(rule: Optimizer) -> list[dict[str, str]]:
    """The formulas of its next step, its source after the last."""
    plain = rule.next_formulas(decays=rule.weight_decay > 0.0)
    sources = [""] * (len(plain) - 1) + [f"{type(rule).__name__}; {type(rule).source}"]
    return [_formula(each, source) for each, source in zip(plain, sources, strict=True)]


def _formula(plain: str, source: str = "", latex: str = "") -> dict[str, str]:
    """The page says itself that each stands on a line of its own."""
    mathml = mathml_of(plain, latex).replace(' display="block"', "", 1)
    return {"plain": plain, "mathml": mathml, **({"source": source} if source else {})}


def _formulas(stated: dict[str, str]) -> dict[str, dict[str, str]]:
    return {left: _formula(plain) for left, plain in stated.items() if plain}


def _equation(label: str) -> dict[str, str]:
    equation = EQUATIONS[label]
    shown = _formula(equation.formula, equation.source, equation.latex)
    return {"name": equation.name, "meaning": equation.meaning, **shown}


def _loss(name: str) -> dict[str, Any]:
    loss = LOSSES[name]()
    inner = applied_by(loss)
    return {
        "title": LOSSES[name].__name__,
        "reads": loss.reads,
        "applies": inner.name if inner else "",
        "outputs": [each for each in ACTIVATIONS if _fits(name, each)],
        "formulas": _formulas({**LOSSES[name].formulas}),
        "source": LOSSES[name].source,
    }


def _fits(loss: str, activation: str) -> bool:
    """Whether the loss takes such an output layer."""
    kind = ACTIVATIONS[activation]
    try:
        LOSSES[loss]().check_output(kind())
    except ValueError:
        return False
    return kind.trainable
