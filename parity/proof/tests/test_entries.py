"""The table of the proof's entries is whole, and data: no docstring is read for it."""

import subprocess
import sys

import refnet
from parity.proof.equations.entries import entries
from parity.proof.tests.truth import RULES
from parity.steps.cases import outputs_of
from refnet.activations import ACTIVATIONS
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS

EQUATION_LABELS = tuple(refnet.EQUATIONS)
PRINTED = "import parity; print([vars(entry) for entry in parity.entries()])"


def test_the_table_of_entries_is_whole():
    """Every label of refnet's equations has its entries, in order, each with its
    derivation, its source, and what it reads and writes.
    """
    table = entries()
    assert list(dict.fromkeys(entry.label for entry in table)) == list(EQUATION_LABELS)
    names = {
        label: [entry.name for entry in table if entry.label == label] for label in EQUATION_LABELS
    }
    assert names == {
        "dropout": [""],
        "z": [""],
        "a": list(ACTIVATIONS),
        "C": list(LOSSES),
        "BP2": list(ACTIVATIONS),
        "BP3": [""],
        "BP4": [""],
        "BP1": [
            f"{loss} + {output}"
            for loss in LOSSES
            for output in ACTIVATIONS
            if output in outputs_of(loss)
        ],
        "step": [
            name
            for rule in OPTIMIZERS
            for name in (*(f"{rule} {key}" for key in RULES[rule] if key != "theta"), rule)
        ],
    }
    for entry in table:
        assert entry.derivation
        assert entry.source
        equation = refnet.EQUATIONS[entry.label]
        assert set(entry.reads) <= {*equation.reads, "state"}
        assert entry.writes == equation.writes


def test_the_table_is_the_same_without_docstrings():
    """python -OO, which drops docstrings and assertions, lists the same entries."""
    plain, stripped = (
        subprocess.run(
            [sys.executable, *flags, "-c", PRINTED], capture_output=True, text=True, check=True
        ).stdout
        for flags in ([], ["-OO"])
    )
    assert plain == stripped
    assert repr(vars(entries()[0])) in plain
