"""The bar of `refnet.fit` as rich itself draws it."""

import io
from contextlib import redirect_stderr

import numpy as np
import pytest

import refnet


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        """It is."""
        return True


@pytest.mark.parametrize("columns", ["80", "0"])
def test_rich_draws_the_bar_of_a_training(monkeypatch, columns):
    """The last epoch stands whole on a terminal of 80 columns, or on one that does not
    say how many it has.
    """
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    x, y = np.random.default_rng(0).standard_normal((8, 3)), np.arange(8) % 2
    settings = {"loss": "cross_entropy", "optimizer": "adam", "lr": 0.01, "epochs": 300}
    with redirect_stderr(Terminal()) as shown:
        history = refnet.fit(refnet.mlp([3, 2]), x, y, **settings, validation=(x, y), progress=True)
    last = history.epochs[-1]
    assert (
        f"300/300 loss {last.loss:.4g}, accuracy {last.accuracy:.4g} "
        f"(validation {last.validation_loss:.4g}, {last.validation_accuracy:.4g})"
    ) in shown.getvalue()
    assert "\x1b[?25h" in shown.getvalue()  # the cursor is back
