"""What is said of each mistake that can be switched on: the catalogue's words, and the
paragraphs of a finding, for all layers in which the mistake can stand.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, TypeAlias

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.naming import words_of
from parity.mistakes.mistake import CONVENTION, Mistake
from parity.steps.cases import TRAINABLE
from parity.steps.record import Spec
from refnet.equations import EQUATIONS
from refnet.explanation.page.words import RULES
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

Sizes: TypeAlias = Sequence[int]

# those of mistakes.js, in the order of computation
SWITCHED = (
    "bias-forgotten",
    "activation-forgotten",
    "loss-not-averaged",
    "softmax-twice",
    "output-derivative-missing",
    "output-derivative-extra",
    "averaged-twice",
    "softmax-diagonal-only",
    "hidden-derivative-missing",
    "derivative-at-a",
    "relu-mask-on-gradient",
    "hidden-weights-transposed",
    "updated-weights",
    "db-last-sample-only",
    "gradients-not-reset",
    "dW-from-z",
    "step-uphill",
    "momentum-without-effect",
    "momentum-as-average",
    "adam-without-correction",
)
ONE_LINE = 10**6  # columns: each paragraph is a line, and the page breaks it


def script() -> str:
    """The text of mistakes.js."""
    return files(__package__).joinpath("mistakes.js").read_text(encoding="utf-8")


def entries(networks: Iterable[Sizes]) -> list[dict[str, Any]]:
    """Each mistake as data, with what is said of it in networks of these sizes.

    id            that of the catalogue
    equation      the label of the equation that it breaks
    formula       the wrong one
    right         the right one
    happens       what it does, and `why` it is wrong
    convention    whether it is right in another way than PyTorch's
    unseen        where it cannot be seen, as a sentence; "" where it always can
    says          what parity says of it: a heading, and a line for each paragraph
    findings      the same, where it says where the mistake stands: by the number of
                  layers (depth), the layers in which it stands, which count from 1,
                  and the update rule, "" where that makes no difference
    """
    widths = [*dict.fromkeys(tuple(sizes) for sizes in networks)]
    return [_entry(BY_ID[name], widths) for name in SWITCHED]


def _entry(mistake: Mistake, widths: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    where = [spec for sizes in widths for spec in _specs(sizes) if mistake.layers(spec)]
    return {
        "id": mistake.id,
        "equation": mistake.equation,
        "formula": mistake.formula,
        "right": EQUATIONS[mistake.equation].formula,
        "happens": mistake.happens,
        "why": mistake.why,
        "convention": mistake.verdict == CONVENTION,
        "unseen": mistake.unseen,
        "says": _said(mistake, (where or _specs(widths[0]))[0], ()),
        "findings": [*_findings(mistake, where)],
    }


def _findings(mistake: Mistake, where: Iterable[Spec]) -> Iterator[dict[str, Any]]:
    """What is said of it in each place, once."""
    had = set()
    for spec in where:
        depth, layers = len(spec.sizes) - 1, sorted(mistake.layers(spec))
        rule = _rule(spec) if mistake.equation == "step" else ""
        if (depth, *layers, rule) not in had:
            had.add((depth, *layers, rule))
            says = _said(mistake, spec, layers)
            yield {"depth": depth, "layers": layers, "rule": rule, "says": says}


def _said(mistake: Mistake, spec: Spec, layers: Iterable[int]) -> str:
    """The text of a finding."""
    finding = words_of(mistake, spec, layers)
    return "\n".join([finding.heading, *finding.lines(ONE_LINE)])


def _rule(spec: Spec) -> str:
    """The page's name of an update rule."""
    return next(
        rule
        for rule, (_, name, settings) in reversed(RULES.items())
        if name == spec.optimizer and settings.items() <= spec.hyperparameters.items()
    )


@cache
def _specs(sizes: tuple[int, ...]) -> list[Spec]:
    """All that a network of these sizes can be made into in the page."""
    rules = [OPTIMIZERS[name](lr=0.1, **settings) for _, name, settings in RULES.values()]
    return [
        Spec(
            sizes, tuple((f, {}) for f in each), loss, rule.name, rule.hyperparameters, 1, "float64"
        )
        for each in product(TRAINABLE, repeat=len(sizes) - 1)
        for loss in LOSSES
        for rule in rules
    ]
