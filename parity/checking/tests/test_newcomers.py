"""What this wing has to know of a new activation, loss or optimizer of refnet: the
adapter that users start from lists all, and a declaration knows the optional settings.
"""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from parity.checking import templates
from parity.checking.program.names import CHOSEN, KINDS
from parity.checking.tasks.declaration import KNOWN, SETTINGS, Declaration
from refnet.optimizers import OPTIMIZERS

HERE = Path(templates.__file__).parent
# what lists all that can be declared, and how the lines of a name begin in it
LISTS = {
    "templates/adapter.py.txt": r"^{} = .*\n(?:# .*\n)*",
    "templates/driver.js": r"^  {}: .*\n(?:  // .*\n)*",
    "templates/driver.c": r"^    \"{}[ \\].*\n(?: *// .*\n)*",
    "PROTOCOL.md": r"^\| `{}` .*\n",
}


@pytest.mark.parametrize("file", LISTS)
@pytest.mark.parametrize("name", ["activations", "losses", "optimizers", "settings"])
def test_what_users_start_from_lists_all_that_can_be_declared(file, name):
    """In its line and in the comment that follows it."""
    text = (HERE.parent / file).read_text(encoding="utf-8")
    said = "".join(re.findall(LISTS[file].format(name), text, re.MULTILINE))
    lacking = ", ".join(sorted(set(KNOWN[name]) - {*re.findall(r"\w+", said)}))
    assert not lacking, f"parity/checking/{file}: the lines of {name} lack {lacking}"


@pytest.mark.parametrize("file", LISTS)
def test_what_users_start_from_has_every_name(file):
    """Those that are needed only sometimes, too."""
    text = (HERE.parent / file).read_text(encoding="utf-8")
    lacking = [name for name in KINDS if name not in re.findall(r"\w+", text)]
    assert not lacking, f"parity/checking/{file}: has nothing of {', '.join(lacking)}"


def test_every_setting_that_is_off_by_default_can_be_declared():
    """A program that lacks such a setting is not asked for it."""
    optional = {
        setting
        for kind in OPTIMIZERS.values()
        for setting, default in kind().hyperparameters.items()
        if not default
    }
    apart = ", ".join(sorted(optional ^ set(SETTINGS)))
    says = f"parity/checking/tasks/declaration.py: SETTINGS lacks, or has too much: {apart}"
    assert optional == set(SETTINGS), says


def test_the_names_of_a_declaration_are_known_to_the_program_s_side():
    """Which has no more of parity than it needs."""
    assert [*KINDS] == [each.name for each in fields(Declaration)]
    assert set(CHOSEN) == KNOWN.keys()
