"""What a program declares counts, however its function was made; what is nearly a
declaration is said.
"""

import functools
import sys
from pathlib import Path
from shutil import copy
from types import ModuleType

import numpy as np
import pytest

from parity.checking.program.adapters import from_gradient
from parity.checking.program.origin import beside
from parity.checking.tasks.declaration import declaration_of, ignored
from parity.checking.tests import plain
from parity.checking.tests.programs import train
from parity.tests.command import run as parity

# a file that declares, and trains; the name `run` is made in the lines after it
FILE = """
import functools
from plain import PLAIN, gradients, train
activations, losses, optimizers, settings = "sigmoid", "mse", "sgd", ()


class Network:
    def __call__(self, case):
        return train(case)

    def train(self, case):
        return train(case)


def logged(function):
    @functools.wraps(function)
    def wrapper(*given):
        return function(*given)

    return wrapper


"""
MADE = {
    "a function": "def run(case):\n    return train(case)",
    "a partial": "run = functools.partial(Network.train, None)",
    "an imported function": "run = train",
    "an object": "run = Network()",
    "a bound method": "run = Network().train",
    "a lambda": "run = lambda case: train(case)",
    "a decorated function": "run = logged(train)",
    "a partial of a partial": "run = functools.partial(functools.partial(Network.train), None)",
    "a gradient": "def gradient(W, b, x, y):\n    step = gradients(W, b, x, y)\n    "
    "return step['dW'], step['db']",
}


@pytest.fixture
def module(monkeypatch):
    """The module of a text, as if it were imported."""

    monkeypatch.syspath_prepend(Path(plain.__file__).parent)

    def imported(text):
        names = ModuleType("made_for_a_test")
        monkeypatch.setitem(sys.modules, names.__name__, names)
        exec(compile(text, "made_for_a_test.py", "exec"), vars(names))  # noqa: S102 - ours
        return names

    return imported


@pytest.mark.parametrize("how", MADE)
def test_what_a_file_declares_counts(tmp_path, how):
    """Whatever `run` is, and wherever its code stands."""
    file = tmp_path / "net.py"
    file.write_text(FILE + MADE[how], encoding="utf-8")
    copy(plain.__file__, tmp_path)
    status, out, _ = parity("check", str(file))
    assert status == 0
    assert "Not tried" not in out
    assert "\nRIGHT. " in out


@pytest.mark.parametrize("how", sorted(MADE.keys() - {"an imported function", "a gradient"}))
def test_what_a_module_declares_counts_for_its_functions(module, how):
    """Also where the function itself is given, without its file."""
    names = module(FILE + MADE[how])
    if how == "a decorated function":  # of the module's own
        vars(names)["run"] = names.logged(names.Network.train)
    declared = declaration_of(names.run)
    assert (declared.activations, declared.losses, declared.settings) == (
        ("sigmoid",),
        ("mse",),
        (),
    )


def test_what_is_nearer_to_the_program_goes_first():
    """A keyword before an attribute, the outer one before the inner, any attribute
    before a name in the file.
    """
    inner = functools.partial(train)
    inner.activations, inner.losses, inner.dtype = "tanh", "mse", "float32"
    outer = functools.partial(inner)
    outer.activations, outer.losses = "relu", "mae"
    declared = declaration_of(outer, {"dtype": "float64", "sizes": (2, 3)}, activations="sigmoid")
    assert declared.activations == ("sigmoid",)
    assert declared.losses == ("mae",)
    assert declared.dtype == ("float32",)
    assert declared.sizes == (2, 3)
    assert declaration_of(from_gradient(outer)).optimizers == ("sgd",)


def test_data_and_functions_of_the_same_name_declare_nothing():
    """A list of losses, an array of targets, a module or a function called
    activations.
    """
    names = {
        "losses": [],
        "targets": np.eye(2),
        "activations": [np.tanh, np.exp],
        "outputs": np.tanh,
        "optimizers": functools,
        "samples": 100,
        "settings": (),
    }
    assert declaration_of(train, names) == declaration_of(train, settings=())
    names |= {"slope": np.tanh, "bias": np.zeros(3), "batch": 0.5, "same_hidden": None}
    assert declaration_of(train, names) == declaration_of(train, settings=())
    numbers = {"slope": 0.05, "bias": False, "batch": 1, "same_hidden": True, "sizes": (2, 3)}
    assert declaration_of(train, numbers) == declaration_of(train, **numbers)
    names = {name: value for name, value in names.items() if name not in numbers}
    sentences = [(each.where, each.got, each.advice) for each in ignored(beside(train, names))]
    assert sentences == [
        ("declaration", f"{name} has type {kind}", "it is ignored")
        for name, kind in (("targets", "ndarray"), ("activations", "list"), ("samples", "int"))
    ]


def test_what_is_nearly_a_declaration_is_said():
    """One of several, a British one, in capitals; but not beside the right one, and not
    where it holds something else.
    """
    names = {
        "output": "sigmoid",
        "optimisers": ["sgd"],
        "SETTING": ("momentum",),
        "loss": "squares",
        "dtypes": None,
        "layouts": np.tanh,
        "target": "labels",
        "targets": "labels",
    }
    sentences = [(each.verdict, each.got, each.expected) for each in ignored(beside(train, names))]
    assert sentences == [
        ("note", "the file has 'output'", "'outputs'"),
        ("note", "the file has 'optimisers'", "'optimizers'"),
        ("note", "the file has 'SETTING'", "'settings'"),
    ]
    names["outputs"] = "tanh"
    assert "'outputs'" not in [each.expected for each in ignored(beside(train, names))]


def test_a_note_is_printed_and_passes(tmp_path):
    """In the report of the command."""
    file = tmp_path / "net.py"
    copy(plain.__file__, tmp_path)
    file.write_text(FILE + 'output = "sigmoid"\n' + MADE["a function"], encoding="utf-8")
    status, out, _ = parity("check", str(file))
    assert status == 0
    assert "\n   Where:     declaration\n   You have:  the file has 'output'\n" in out


def test_a_wrapper_that_wraps_itself_comes_to_an_end():
    """As a mock object does."""

    def run(case):
        return []

    run.__wrapped__ = run
    assert declaration_of(run) == declaration_of(lambda case: [])


class Odd:
    """A program with a property that cannot be read."""

    @property
    def sizes(self):
        raise RuntimeError

    def __call__(self, case):
        return []


def test_a_property_that_raises_declares_nothing():
    """It is somebody's code too."""
    assert declaration_of(Odd()) == declaration_of(train)
