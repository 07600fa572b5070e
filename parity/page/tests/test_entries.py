"""What is said of the mistakes: the catalogue's words, and those of a finding."""

import json

import numpy as np
import pytest

import parity
import refnet
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.search.replay import run_of, simulate
from parity.page.entries import SWITCHED, entries
from refnet.explanation.page.words import RULES

SIZES = ((2, 3, 1), (2, 2, 2), (6, 4, 3))
ENTRIES = {entry["id"]: entry for entry in entries(SIZES)}


def runs():
    """Trainings of two steps in which every mistake shows."""
    rng = np.random.default_rng(1)
    for sizes, hidden, output, loss, (_, rule, settings) in (
        ((2, 3, 1), "tanh", "sigmoid", "binary_cross_entropy", RULES["sgd"]),
        ((2, 2, 2), "sigmoid", "sigmoid", "half_squared_error", RULES["sgd"]),
        ((2, 2, 2), "relu", "identity", "half_squared_error", RULES["momentum"]),
        ((6, 4, 3), "sigmoid", "softmax", "cross_entropy", RULES["nesterov"]),
        ((6, 4, 3), "sigmoid", "identity", "softmax_cross_entropy", RULES["adam"]),
        ((6, 4, 3), "tanh", "softmax", "mse", RULES["sgd"]),
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
    stands = BY_ID[mistake].layers
    by_rule = BY_ID[mistake].equation == "step"
    places = {(stands(run.spec), by_rule and rule_of(run.spec)): run for run in RUNS}
    shown = [run for (layers, _), run in places.items() if layers]
    assert shown
    for run in shown:
        layers = sorted(stands(run.spec))
        (finding,) = parity.diagnose(simulate(run, [(BY_ID[mistake], layers)]))
        assert finding.bug == mistake
        (said,) = (
            each["says"]
            for each in ENTRIES[mistake]["findings"]
            if (each["depth"], each["layers"]) == (2, layers)
            and each["rule"] in ("", rule_of(run.spec))
        )
        heading, *lines = said.splitlines()
        assert heading == finding.heading
        assert lines == [line for line in finding.lines(10**6) if is_said(line)]


def is_said(line):
    """Whether it rests on nothing that was shown."""
    return line.split()[0] not in ("Evidence:", "Tasks:")


def rule_of(spec):
    """The page's name of the rule of a run."""
    if not spec.hyperparameters.get("momentum"):
        return spec.optimizer
    return "nesterov" if spec.hyperparameters["nesterov"] else "momentum"


def test_an_entry_has_the_words_of_the_catalogue():
    """And the right formula; what is a convention says so, and what to declare."""
    for name, entry in ENTRIES.items():
        mistake = BY_ID[name]
        for key in ("id", "equation", "formula", "happens", "why"):
            assert entry[key] == getattr(mistake, key)
        assert entry["right"] == refnet.EQUATIONS[mistake.equation].formula
        assert entry["convention"] == (mistake.verdict == "convention")
        assert entry["unseen"] == mistake.unseen
        assert all(each in entry["unseen"] for each in mistake.hidden)
        assert entry["says"].startswith(entry["findings"][0]["says"].partition("\n")[0])
        assert " of layer" not in entry["says"].splitlines()[1]
    conventions = [name for name, entry in ENTRIES.items() if entry["convention"]]
    assert conventions == ["momentum-as-average"]


def test_entries_are_small_data():
    """JSON, of which a page has room for; each says something at least in one
    network, and the same place never twice.
    """
    text = json.dumps([*ENTRIES.values()], allow_nan=False, separators=(",", ":"))
    assert json.loads(text) == [*ENTRIES.values()]
    assert len(text) < 30_000
    for entry in ENTRIES.values():
        places = [(each["depth"], *each["layers"], each["rule"]) for each in entry["findings"]]
        assert len({*places}) == len(places) > 0


def test_only_the_depths_that_are_asked_for_are_there():
    """A network of one layer has no hidden delta."""
    of_one = {entry["id"]: entry["findings"] for entry in entries([(3, 2)])}
    assert of_one["hidden-derivative-missing"] == []
    assert [each["layers"] for each in of_one["output-derivative-missing"]] == [[1]]
