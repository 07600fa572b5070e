"""What the page knows of formulas, activations, losses and update rules: data, from the
classes themselves.
"""

from functools import cache
from typing import Any

from refnet.activations import ACTIVATIONS, Elementwise
from refnet.equations import EQUATIONS, PLAIN
from refnet.explanation.formulas import applied_by, pullback_of
from refnet.explanation.lines import COLUMNS, NUMBERS
from refnet.explanation.mathml import mathml_of
from refnet.explanation.paths import ALL, FEW
from refnet.explanation.telling import THROUGH
from refnet.explanation.updates import DESCENT
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS


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
        "optimizers": {
            name: {"title": kind.__name__, "equation": kind.equation}
            for name, kind in OPTIMIZERS.items()
        },
        "through": _formula(THROUGH.plain, THROUGH.source),
        "descent": _formula(DESCENT.plain, DESCENT.source),
        "limits": {"numbers": NUMBERS, "columns": COLUMNS, "paths": ALL, "largest": FEW},
    }


def _formula(plain: str, source: str = "", latex: str = "") -> dict[str, str]:
    return {"plain": plain, "mathml": mathml_of(plain, latex), "source": source}


def _formulas(stated: dict[str, str]) -> dict[str, dict[str, str]]:
    return {left: _formula(plain) for left, plain in stated.items() if plain}


def _equation(label: str) -> dict[str, str]:
    equation = EQUATIONS[label]
    shown = _formula(equation.formula, equation.source, equation.latex)
    return {"name": equation.name, **shown}


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
