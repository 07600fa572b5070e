"""An activation, a loss or an optimizer that is new in refnet is missed by name in the
adapter that `parity check` writes for a newcomer.
"""

import re

import pytest

from parity.checking.declaration import KNOWN
from parity.checking.tests.test_check_command import ADAPTER


@pytest.mark.parametrize("name", ["activations", "losses", "optimizers", "settings"])
def test_the_adapter_lists_what_can_be_declared(name):
    """What it declares and what it says may be declared also are all that there is."""
    declared, also = re.search(
        rf"^{name} = (\(.*\))  # also: (.*)$", ADAPTER, re.MULTILINE
    ).groups()
    listed = re.findall(r"\w+", declared) + also.split(", ")
    differ = ", ".join(sorted({*KNOWN[name]} ^ {*listed}))
    assert sorted(listed) == sorted(KNOWN[name]), (
        f"parity/checking/adapter.py.txt: the comment on {name} should have, or not have: {differ}"
    )
