"""What this wing has to know of a new activation, loss or optimizer of refnet: the
adapter that users start from lists all, and a declaration knows the optional settings.
"""

import re
from pathlib import Path

import pytest

from parity.checking import templates
from parity.checking.declaration import KNOWN, SETTINGS
from refnet.optimizers import OPTIMIZERS

ADAPTER_FILE = "parity/checking/templates/adapter.py.txt"
ADAPTER = Path(templates.__file__).with_name("adapter.py.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["activations", "losses", "optimizers", "settings"])
def test_the_adapter_lists_all_that_can_be_declared(name):
    """In its line and in the comment that follows it."""
    (said,) = re.findall(rf"^{name} = .*\n(?:# .*\n)*", ADAPTER, re.MULTILINE)
    lacking = ", ".join(sorted(set(KNOWN[name]) - {*re.findall(r"\w+", said)}))
    assert not lacking, f"{ADAPTER_FILE}: the lines of {name} lack {lacking}"


def test_every_setting_that_is_off_by_default_can_be_declared():
    """A program that lacks such a setting is not asked for it."""
    optional = {
        setting
        for kind in OPTIMIZERS.values()
        for setting, default in kind().hyperparameters.items()
        if not default
    }
    apart = ", ".join(sorted(optional ^ set(SETTINGS)))
    says = f"parity/checking/declaration.py: SETTINGS lacks, or has too much: {apart}"
    assert optional == set(SETTINGS), says
