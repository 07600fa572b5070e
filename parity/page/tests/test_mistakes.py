"""The mistakes that can be switched on, in JavaScript: each is the catalogue's own."""

import json

import numpy as np
import pytest

import refnet
from parity.checking.checker import check_command
from parity.checking.tests.test_other_languages import EXAMPLES
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import CONVENTION
from parity.page.entries import SWITCHED, script
from parity.page.tests.beside import answered, laid_out
from parity.steps.cases import TRAINABLE
from parity.steps.record import Spec
from parity.tests.needed import tool

# the driver of the engine, which answers parity's tasks, with a mistake in each step
ENGINE = 'const engine = require("../../refnet/explanation/page/engine.js");'
MISTAKEN = """
const right = require("./engine.js");
const {{ slots }} = require("./mistakes.js")[{}];
const engine = {{ trainingStep: (program) => right.trainingStep(program, slots) }};
"""
pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the examples lie beside the package in a checkout alone"
)
# what is declared, so that eight tasks are enough: of most mistakes, and of others
DECLARED = {
    "activations": ("sigmoid", "relu", "tanh"),
    "outputs": ("sigmoid",),
    "losses": ("mse",),
    "optimizers": ("sgd",),
    "settings": (),
}
MOMENTUM = {"settings": ("momentum", "nesterov", "weight_decay")}
OTHERS = {
    "step-uphill": {"optimizers": ("sgd", "adamw"), "settings": ("weight_decay",)},
    "softmax-twice": {"outputs": ("identity",), "losses": ("softmax_cross_entropy",)},
    "output-derivative-extra": {"losses": ("binary_cross_entropy",)},
    "softmax-diagonal-only": {"outputs": ("softmax",), "losses": ("cross_entropy", "mse")},
    "momentum-without-effect": {**MOMENTUM, "optimizers": ("sgd", "rmsprop")},
    "momentum-as-average": MOMENTUM,
    "adam-without-correction": {
        "optimizers": ("adam", "adamw"),
        "settings": ("betas", "eps", "amsgrad", "weight_decay"),
    },
}


def checked(folder, mistake, text=""):
    """What `parity check --exec` says of the engine with this mistake switched on."""
    laid_out(folder, text)
    driver = (EXAMPLES / "engine.js").read_text("utf-8")
    assert driver.count(ENGINE) == 1
    program = driver.replace(ENGINE, MISTAKEN.format(json.dumps(mistake)))
    (folder / "driver.js").write_text(program, encoding="utf-8")
    declared = DECLARED | OTHERS.get(mistake, {})
    return check_command(f"{tool('node')} {folder / 'driver.js'}", command=True, **declared)


@pytest.mark.parametrize("mistake", SWITCHED)
def test_a_mistake_is_named(tmp_path, mistake):
    """By the command that judges anybody's program: it is this one, and no other."""
    report = checked(tmp_path, mistake)
    assert [finding.bug for finding in report.findings] == [mistake]
    assert report.passed == (BY_ID[mistake].verdict == CONVENTION)
    assert not report.untried


# a line of a mistake, and what makes another formula of it, by so little that no eye
# sees it in the page
NEAR = {
    "bias-forgotten": ("b: null }", "b: times(1e-9, s.layers[l].b) }"),
    "loss-not-averaged": ("s.x.length * right()", "(s.x.length + 1e-9) * right()"),
    "momentum-as-average": ("(1 - momentum) * d", "(1 - 1.000001 * momentum) * d"),
}


@pytest.mark.parametrize("mistake", NEAR)
def test_a_formula_nearby_is_not_named_so(tmp_path, mistake):
    """So the test above would notice it."""
    there, becomes = NEAR[mistake]
    assert script().count(there) == 1
    report = checked(tmp_path, mistake, script().replace(there, becomes))
    assert report.findings
    assert mistake not in {finding.bug for finding in report.findings}


# where they stand

SIZES = ((2, 3, 1), (2, 2, 2), (3, 4, 4, 2), (3, 2))
RULES = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "adagrad": [{}],
    "rmsprop": [{}, {"momentum": 0.9, "centered": True}],
    "adam": [{}, {"amsgrad": True}],
    "adamw": [{}],
}
TARGETS = {1: [[1.0], [0.0], [1.0]], 2: [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]}


def programs():
    """Networks that the page can have, each with its spec: all pairs of an activation
    and a loss, and all rules.
    """
    rng = np.random.default_rng(0)
    rules = [(name, settings) for name, each in RULES.items() for settings in each]
    for number, (loss, output) in enumerate(endings()):
        sizes, (rule, settings) = SIZES[number % len(SIZES)], rules[number % len(rules)]
        hidden = [TRAINABLE[(number + l) % len(TRAINABLE)] for l in range(len(sizes) - 2)]
        yield program(sizes, [*hidden, output], loss, rule, settings, rng, bias=number % 7 > 0)


def endings():
    """Every loss with every output that it takes."""
    for loss in refnet.losses.LOSSES.values():
        for output in TRAINABLE:
            try:
                loss().check_output(refnet.activations.ACTIVATIONS[output]())
            except ValueError:
                continue
            yield from [(loss.name, output)] * (len(SIZES) * 3 - 1)


def program(sizes, activations, loss, rule, settings, rng, *, bias):
    """A program as the page has it, and its spec."""
    layers = [
        {
            "W": rng.normal(size=(out, into)).tolist(),
            "b": rng.normal(size=out).tolist() if bias else None,
            "activation": activation,
            "slope": 0.2,
        }
        for into, out, activation in zip(sizes, sizes[1:], activations, strict=False)
    ]
    given = {
        "layers": layers,
        "x": rng.normal(size=(3, sizes[0])).tolist(),
        "y": TARGETS[sizes[-1]],
        "loss": loss,
        "lr": 0.1,
        "optimizer": {"name": rule, "settings": settings},
    }
    spec = Spec(
        sizes,
        tuple((name, {}) for name in activations),
        loss,
        rule,
        refnet.optimizers.OPTIMIZERS[rule](lr=0.1, **settings).hyperparameters,
        1,
        "float64",
        biases=() if bias else (False,) * len(layers),
    )
    return given, spec


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """What each mistake comes to in each program, and the spec of that."""
    given, specs = zip(*programs(), strict=True)
    answers = answered(tmp_path_factory.mktemp("page"), "steps.js", given)
    return [*zip(answers, specs, strict=True)]


@pytest.mark.parametrize("mistake", SWITCHED)
def test_a_mistake_stands_where_the_catalogue_has_it(judged, mistake):
    """In these layers and no others, of every network."""
    for answer, spec in judged:
        assert answer[mistake]["layers"] == sorted(BY_ID[mistake].layers(spec)), spec
    assert any(answer[mistake]["layers"] for answer, _ in judged)


@pytest.mark.parametrize("mistake", SWITCHED)
def test_a_mistake_shows_where_it_stands_alone(judged, mistake):
    """Where it cannot stand, the step is the right one, in all digits."""
    shows = [bool(answer[mistake]["layers"]) for answer, _ in judged]
    assert not any(
        answer[mistake]["shows"] for (answer, _), can in zip(judged, shows, strict=True) if not can
    )
    assert any(answer[mistake]["shows"] for answer, _ in judged)


def test_every_mistake_of_the_script_is_switched_on(judged):
    """And in the same order."""
    assert [*judged[0][0]] == [*SWITCHED]
    assert len(SWITCHED) == 20
