"""The scripts in examples/, imported as `python examples/SCRIPT` does it."""

import importlib
import sys
from functools import cache
from pathlib import Path

import pytest

from parity.tests.lessons import FIGURES

FOLDER = Path(__file__).parents[3] / "examples"
SHARED = ("lesson", "pictures")
in_a_checkout = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the examples lie beside the package in a checkout alone"
)
every_script = pytest.mark.parametrize("script", FIGURES)


@pytest.fixture(scope="module")
def importable():
    """The scripts find what they share, and nobody finds them afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        yield
        sections_of.cache_clear()
        for name in [it for it in sys.modules if it.partition(".")[0] in (*SHARED, *FIGURES)]:
            del sys.modules[name]


def module(name):
    """A script or what it shares, imported."""
    return importlib.import_module(name)


@cache
def sections_of(script):
    """What a script tells: the heading of each section, its sentences and rows."""
    return {heading: tuple(section()) for heading, section in module(script).SECTIONS.items()}


def rows(script):
    """The rows alone."""
    return [it for items in sections_of(script).values() for it in items if not isinstance(it, str)]


def pictures(script):
    """The function that draws each picture, by name."""
    return module(f"pictures.{script}").PICTURES


def text_of(name):
    """A text of the folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def source(script):
    """The text of a script."""
    return text_of(f"{script}.py")
