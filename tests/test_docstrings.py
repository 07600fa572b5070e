"""The examples in the docstrings run, and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import refnet

GUESTS = {"refnet.sklearn": "sklearn"}  # what a room needs that is not installed everywhere
MODULES = [
    refnet.__name__,
    *(module.name for module in pkgutil.walk_packages(refnet.__path__, f"{refnet.__name__}.")),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    """Every example of the module runs, with the output that stands below it; a room
    for another package only where that is installed.
    """
    for room, guest in GUESTS.items():
        if name.startswith(room):
            pytest.importorskip(guest)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples():
    """The package shows how it is used: an example that is lost would otherwise
    pass.
    """
    assert any(test.examples for test in doctest.DocTestFinder().find(refnet))
