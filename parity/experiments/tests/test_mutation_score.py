"""The mutation score: what it measures is so, and it fails where a mistake escapes or
right code is accused.
"""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from parity import cli
from parity.experiments.mutations import mutation_score
from parity.experiments.mutations.broken_training import Accuracies, accuracies
from parity.experiments.mutations.mutation_report import MistakeScore, MutationReport, Site
from parity.experiments.mutations.mutation_score import measure
from parity.experiments.mutations.other_checks import CLOSE, gradient_check_fails
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.mistake import Mistake
from parity.mistakes.probes import PROBES
from parity.steps.cases import DTYPES


@pytest.fixture(scope="module")
def transposed():
    """The score of a transposed dW."""
    return measure(BY_ID["dW-transposed"], digits=False)


def test_a_mistake_is_put_into_every_layer_of_every_probe_in_both_dtypes(transposed):
    """A transposed dW stands in the square layers, one site each, and is caught by BP4
    at all of them.
    """
    layers = [
        (probe.name, l, sizes)
        for probe in PROBES
        for l, sizes in enumerate(pairwise(probe.case.sizes), start=1)
    ]
    square = {(name, l) for name, l, (into, out) in layers if into == out}
    for dtype in DTYPES:
        results = [(site.probe, site.layer) for site in transposed.sites if site.dtype == dtype]
        assert set(results) <= square
        assert len(results) == len(set(results)) >= 10
    assert transposed.equations == ("BP4",)
    assert transposed.caught == len(transposed.sites)
    assert transposed.bounds > 1e6
    assert transposed.diagnosis[0] == "dW-transposed"
    assert transposed.passed


def test_a_gradient_check_sees_gradients_alone(transposed):
    """Central differences see a wrong gradient in every probe, and nothing of a wrong
    step, a wrong loss or right code.
    """
    assert transposed.gradient_check == 1.0
    assert measure(BY_ID["adam-epsilon-hat"], digits=False).gradient_check == 0.0
    nothing = replace(BY_ID["dW-transposed"], slots={})
    assert not any(gradient_check_fails(nothing, probe.run()) for probe in PROBES[:8])
    assert not gradient_check_fails(BY_ID["loss-summed"], PROBES[0].run())


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tolerances_are_those_of_torch_and_numpy(dtype):
    """What np.allclose and torch.testing.assert_close accept by default is what the
    score says that they accept.
    """
    rng = np.random.default_rng(0)
    want = rng.normal(size=40).astype(dtype)
    for off in 10.0 ** rng.uniform(-9, -3, size=200):
        got = (want * (1 + off)).astype(dtype)
        rtol, atol = CLOSE["torch assert_close"][dtype]
        accepted = np.allclose(got, want, rtol, atol)
        try:
            torch.testing.assert_close(torch.from_numpy(got), torch.from_numpy(want))
        except AssertionError:
            assert not accepted
        else:
            assert accepted
        assert np.allclose(got, want) == np.allclose(got, want, *CLOSE["numpy.allclose"][dtype])


def test_others_are_told_what_is_right(transposed):
    """np.allclose notices a transposed gradient everywhere, and a value of the loss
    nowhere, for it is not compared.
    """
    assert transposed.share("numpy.allclose") == transposed.share("torch assert_close") == 1.0
    assert measure(BY_ID["loss-halved"], digits=False).share("numpy.allclose") == 0.0


def test_the_score_fails_where_a_mistake_escapes():
    """A site that nobody catches, a dtype without a site, another name in the
    diagnosis, and right code that is accused, each fail it.
    """
    site = Site("probe", 1, "float64", "BP4", 10.0, ())
    both = (site, replace(site, dtype="float32"))
    good = MistakeScore(BY_ID["dW-transposed"], both, 1.0, ("dW-transposed",), Accuracies())
    assert good.passed
    assert MutationReport((good,), ()).passed
    for bad in (
        replace(good, sites=(replace(site, equation=""), both[1])),
        replace(good, sites=(site,)),
        replace(good, diagnosis=("dW-scaled",)),
    ):
        assert not bad.passed
        assert not MutationReport((bad,), ()).passed
    accused = MutationReport((good,), ("mixed activations, float64",))
    assert not accused.passed
    assert list(accused.lines())[-1] == "ACCUSED: mixed activations, float64"


def test_a_right_run_that_is_called_wrong_is_in_the_report(monkeypatch):
    """Of every probe in both dtypes; here a broken run stands for a right one."""
    everywhere = {(probe.name, dtype) for probe in PROBES for dtype in DTYPES}
    assert not mutation_score._is_accused("binary", "float32")
    run = next(probe for probe in PROBES if probe.name == "binary").run()
    records = mutation_score._broken(run, BY_ID["dW-negated"], 1)
    monkeypatch.setattr(mutation_score, "_right", lambda name, dtype: records)
    assert mutation_score._is_accused("binary", "float32")
    asked = []
    monkeypatch.setattr(
        mutation_score, "_is_accused", lambda *each: asked.append(each) or each[0] == "binary"
    )
    report = mutation_score.score((), jobs=1)
    assert report.accused == ("binary, float64", "binary, float32")
    assert {*asked} == everywhere


def test_a_broken_network_is_trained_on_digits():
    """A sign mistake unlearns, a half gradient learns, and a mistake that cannot stand
    in the network has no accuracy.
    """
    probe = PROBES[0]
    (uphill, right), (half, _) = (
        accuracies(BY_ID[name], probe) for name in ("output-delta-negated", "half-the-gradient")
    )
    assert uphill < 0.3
    assert min(half, right) > 0.8
    assert accuracies(BY_ID["targets-broadcast"], probe)[0] is None


def test_a_mistake_that_makes_no_difference_has_no_sites():
    """Without an effect there is nothing to catch, and so the score fails."""
    right = Mistake(
        "nothing",
        "BP4",
        "dW = dW",
        "",
        "",
        {"BP4": lambda s, l, right: right()},
        lambda spec, l: spec.optimizer == "adamw",
    )
    row = measure(right, digits=False)
    assert row.sites == ()
    assert not row.passed


def test_the_command_prints_the_table_and_explains_what_it_is_asked(capsys, tmp_path):
    """`parity bugs ID` explains the entry and measures it; the file has the same as
    data; another ID is unusable.
    """
    file = tmp_path / "score.json"
    assert cli.main(["bugs", "leaky-default-slope", "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert BY_ID["leaky-default-slope"].why in out
    assert "1 mistakes" not in out
    results = json.loads(file.read_text(encoding="utf-8"))
    assert results["passed"]
    assert results["rows"][0]["id"] == "leaky-default-slope"
    assert results["rows"][0]["caught"] == results["rows"][0]["sites"] > 0
    assert cli.main(["bugs", "dW-transpose"]) == 2
    start = (
        "parity: bugs: ID has 'dW-transpose', expected a name of the catalogue, such as "
        "dW-transposed"
    )
    assert capsys.readouterr().err.startswith(start)
