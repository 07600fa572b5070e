"""Programs whose products have factors in a coarser format: named in all layers, in one
array, and where only a whole array shows it.
"""

from dataclasses import replace

import numpy as np
import pytest

from parity.checking.checker import cases_for, check
from parity.checking.tests.network import PLAIN, RIGHT, Network
from parity.mistakes.catalogue.precision import OF_PRODUCTS, name_of
from parity.mistakes.diagnosis.diagnosis import diagnose
from parity.mistakes.diagnosis.finding import IMPRECISE, NOTE
from parity.mistakes.mistake import WRONG
from parity.rounding.precision import PRECISIONS
from parity.steps.record import LayerRecord, record_refnet
from refnet import SGD, mlp

TF32 = next(each for each in PRECISIONS if each.name == "TF32" and not each.cut)
BFLOAT16 = next(each for each in PRECISIONS if each.name == "bfloat16" and not each.cut)
SINGLE = {**PLAIN, "outputs": "identity", "dtype": "float32"}
FEW = 3  # tasks


def weighted_input(precision):
    """z of factors in a precision."""
    return lambda s, l: precision.rounded(s.a[-1]) @ precision.rounded(s.W[l - 1]).T + s.b[l - 1]


def coarse(precision, **parts):
    """A program with such factors in all its products."""
    r = precision.rounded
    return Network(
        sum=weighted_input(precision),
        hidden_delta=lambda s, l: r(s.delta[0]) @ r(s.W[l]) * s.slope(l),
        dW=lambda s, l: r(s.delta[l - 1]).T @ r(s.a[l - 1]),
        **parts,
    )


def checked(program, declared, **settings):
    return check(program, cases_for(program, **declared)[:FEW], **declared, **settings)


@pytest.mark.parametrize("precision", OF_PRODUCTS, ids=name_of)
@pytest.mark.parametrize("declared", [PLAIN, SINGLE], ids=["float64", "float32"])
def test_coarser_factors_are_wrong_where_more_than_half_of_the_digits_are_off(precision, declared):
    """By their name, in all layers, from outputs, gradients and weights alone."""
    report = checked(coarse(precision), declared)
    (finding,) = report.findings
    assert (finding.bug, finding.verdict) == (name_of(precision), WRONG)
    assert not report.passed


def in_the_first_layer(precision):
    """z of layer 1 of such factors, those above of the right ones."""
    rounded = weighted_input(precision)
    return lambda s, l: (rounded if l == 1 else RIGHT.sum)(s, l)


def test_what_is_off_by_less_passes_with_its_name_and_fails_strictly():
    """z of TF32's factors in float32, beside 40 units of which some are large: half of
    the digits agree, and they are said to be lost, and by what.
    """
    shows = ("z", "a", "delta", "loss", "dW", "db", "W", "b")
    declared = {**SINGLE, "sizes": (32, 40, 3)}
    report = checked(Network(shows, sum=in_the_first_layer(TF32)), declared)
    (finding,) = report.findings
    assert finding.verdict == IMPRECISE
    assert str(TF32) in finding.sentence + " ".join(finding.evidence)
    assert report.passed
    assert not report.strictly_passed
    assert report.strict_verdict().startswith("WRONG by --strict. RIGHT. ")


@pytest.mark.parametrize("forward", [True, False])
def test_one_way_alone_is_named_as_that(forward):
    """On the way forward, or back."""
    r = TF32.rounded
    back = {
        "hidden_delta": lambda s, l: r(s.delta[0]) @ r(s.W[l]) * s.slope(l),
        "dW": lambda s, l: r(s.delta[l - 1]).T @ r(s.a[l - 1]),
    }
    program = Network(sum=weighted_input(TF32)) if forward else Network(**back)
    (finding,) = checked(program, PLAIN).findings
    assert (finding.bug, finding.verdict) == (name_of(TF32), WRONG)
    assert f"on the way {'forward' if forward else 'back'} alone" in finding.happens
    assert finding.equation == ("z" if forward else "BP4")


def test_results_that_are_rounded_too_are_said_to_be():
    """As autocast does it: no entry explains that, and the evidence says which format
    has all the numbers.
    """
    product = weighted_input(BFLOAT16)
    program = Network(("z", "output"), sum=lambda s, l: BFLOAT16.rounded(product(s, l)))
    finding = checked(program, SINGLE).findings[0]
    assert "It has only numbers of bfloat16" in " ".join(finding.evidence)
    for other in (lambda z: 0.9 * z, np.sign):  # the bits of any number, and one alone
        program = Network(("z", "output"), sum=lambda s, l, f=other: f(RIGHT.sum(s, l)))
        assert "only numbers of" not in str(checked(program, SINGLE))


@pytest.mark.parametrize("shows", [("z", "output"), ("output",)], ids=" and ".join)
@pytest.mark.parametrize("inputs", [784, 4096])
@pytest.mark.parametrize("precision", [TF32, BFLOAT16], ids=lambda each: each.name)
def test_what_only_a_whole_array_shows_is_said_of_a_wide_layer(shows, precision, inputs):
    """By the equation where its inputs are shown; else by what the catalogue makes of
    the same inputs. A right program has no such finding.
    """
    declared = {**SINGLE, "sizes": (inputs, 8, 3)}
    tasks = cases_for(Network(), **declared)[:FEW]
    # where z is shown, a short sum of such factors would be off
    sum_ = in_the_first_layer(precision) if "z" in shows else weighted_input(precision)
    program = Network(shows, sum=sum_)
    findings = _said(check(program, tasks, **declared))
    assert [each.verdict for each in findings] == [IMPRECISE]
    assert precision.name in findings[0].sentence
    assert not _said(check(Network(shows), tasks, **declared))


def _said(report):
    return [finding for finding in report.findings if finding.verdict != NOTE]


def test_diagnose_says_what_a_certificate_calls_imprecise():
    """Of a record that shows z^1 alone, which TF32's factors make; nothing of a right
    one.
    """
    rng = np.random.default_rng(0)
    net = mlp([4096, 8, 3], "identity", "identity", seed=1, dtype="float32")
    x, y = (rng.normal(size=(16, k)).astype(np.float32) for k in (4096, 3))
    W, b = (array.copy() for array in (net.layers[0].W, net.layers[0].b))
    record = record_refnet(net, x, y, "mse", SGD())
    assert diagnose(record) == []
    z = TF32.rounded(x) @ TF32.rounded(W).T + b
    layers = (LayerRecord(z, None, None, None, None), LayerRecord(*[None] * 5))
    (finding,) = diagnose(replace(record, layers=layers, loss=None, after=None))
    assert (finding.verdict, finding.equation, finding.layers) == (IMPRECISE, "z", (1,))
    assert finding.got.startswith(f"z is made of factors {TF32}, but for a chance of ")
