"""Little to do for every command, on a terminal that knows colours."""

import pytest

from parity.tests.main_job import make_little


@pytest.fixture
def _little_to_do(monkeypatch):
    """A handful of the table's cases, two steps of each, few digits, and a terminal
    that knows colours, whatever the environment says.
    """
    make_little(monkeypatch)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
