"""What is said of the mistakes: the catalogue's words, and those of a finding."""

import json

import numpy as np
import pytest

import parity
import refnet
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.search.replay import run_of, simulate
from parity.page.entries import RULES, SWITCHED, entries

SIZES = ((2, 3, 1), (2, 2, 2), (6, 4, 3))
ENTRIES = {entry["id"]: entry for entry in entries(SIZES)}
# what a finding says besides rests on what was shown
SAID = ("Where", "You have", "Expected", "PyTorch", "Why")


def runs():
    """Trainings of two steps in which every mistake shows."""
    rng = np.random.default_rng(1)
    for sizes, hidden, output, loss, (rule, settings) in (
        ((2, 3, 1), "tanh", "sigmoid", "binary_cross_entropy", RULES[0]),
        ((2, 2, 2), "sigmoid", "sigmoid", "half_squared_error", RULES[0]),
        ((2, 2, 2), "relu", "identity", "half_squared_error", RULES[1]),
        ((6, 4, 3), "sigmoid", "softmax", "cross_entropy", RULES[2]),
        ((6, 4, 3), "sigmoid", "identity", "softmax_cross_entropy", RULES[3]),
        ((6, 4, 3), "tanh", "softmax", "mse", RULES[0]),
    ):
        net = refnet.mlp(list(sizes), hidden=hidden, output=output, init="normal", seed=3)
        optimizer = refnet.optimizers.OPTIMIZERS[rule](lr=0.1, **settings)
        y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], 5)]
        yield run_of(
            [
                parity.record_refnet(net, rng.normal(size=(5, sizes[0])), y, loss, optimizer)
                for _ in range(2)
            ]
        )


RUNS = [*runs()]


@pytest.mark.parametrize("mistake", SWITCHED)
def test_what_is_said_is_what_a_finding_says(mistake):
    """Of a training with the mistake, for the layers in which it stands there."""
    shown = [run for run in RUNS if BY_ID[mistake].layers(run.spec)]
    assert shown
    for run in shown:
        layers = sorted(BY_ID[mistake].layers(run.spec))
        (finding,) = parity.diagnose(simulate(run, [(BY_ID[mistake], layers)]))
        assert finding.bug == mistake
        (said,) = (
            each["paragraphs"]
            for each in ENTRIES[mistake]["says"]
            if (each["depth"], each["layers"]) == (2, layers)
            and each["rule"] in ("", rule_of(run.spec))
        )
        paragraphs = [[*each] for each in finding.paragraphs()]
        assert [each for each in said if each[0] in SAID] == [
            each for each in paragraphs if each[0] in SAID
        ]


def rule_of(spec):
    """The rule of a run, as the page has it."""
    names = ("momentum", "nesterov")
    return " ".join([spec.optimizer, *(name for name in names if spec.hyperparameters.get(name))])


def test_an_entry_has_the_words_of_the_catalogue():
    """And the right formula; what is a convention says so, and what to declare."""
    for name, entry in ENTRIES.items():
        mistake = BY_ID[name]
        for key in ("id", "equation", "formula", "happens", "why"):
            assert entry[key] == getattr(mistake, key)
        assert entry["right"] == refnet.EQUATIONS[mistake.equation].formula
        assert entry["convention"] == (mistake.verdict == "convention")
        assert entry["hidden"] == [*mistake.hidden]
        assert all(
            dict(each["paragraphs"]).get("To do", "").endswith(mistake.if_meant)
            for each in entry["says"]
        )
    conventions = [name for name, entry in ENTRIES.items() if entry["convention"]]
    assert conventions == ["momentum-as-average"]


def test_entries_are_small_data():
    """JSON, of which a page has room for; each says something at least in one
    network, and the same place never twice.
    """
    text = json.dumps([*ENTRIES.values()], allow_nan=False, separators=(",", ":"))
    assert json.loads(text) == [*ENTRIES.values()]
    assert len(text) < 25_000
    for entry in ENTRIES.values():
        places = [(each["depth"], *each["layers"], each["rule"]) for each in entry["says"]]
        assert len({*places}) == len(places) > 0


def test_only_the_depths_that_are_asked_for_are_there():
    """A network of one layer has no hidden delta."""
    of_one = {entry["id"]: entry["says"] for entry in entries([(3, 2)])}
    assert of_one["hidden-derivative-missing"] == []
    assert [each["layers"] for each in of_one["output-derivative-missing"]] == [[1]]
