"""Where longdouble is no wider than float64, as on Windows and ARM macOS: refnet and
PyTorch are certified and agree, and what is off is refused.
"""

from dataclasses import replace

import pytest

from parity.experiments.job.sweep import side_by_side
from parity.proof.agreement import agree
from parity.proof.certificate import certify
from parity.proof.tests.known import judging_in
from parity.rounding.formats import FORMATS
from parity.steps.cases import PLAIN

NARROW = "float64 in float64"
WIDE = [case for case in PLAIN if case.dtype == "float64"]
CHOSEN = [case for case in WIDE if case.group == "optimizer"][::3] + WIDE[::40]


def widest(agreement):
    """What W of layer 1 is allowed to differ by, where it differs most."""
    (difference,) = (
        d for d in agreement.differences if (d.equation, d.layer, d.quantity) == ("step", 1, "W")
    )
    return difference.allowed


def replaced(record, by):
    """The certificate of the record with an entry of W that is off by so much."""
    W = record.after.W[0].copy()
    W.flat[0] += by
    return certify(replace(record, after=replace(record.after, W=(W, *record.after.W[1:]))))


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.id)
def test_right_steps_are_certified_and_agree(case):
    """Of refnet and of PyTorch, from equal weights; and what is off by twice of what
    the two are allowed to differ is refused.
    """
    with judging_in(NARROW):
        assert FORMATS["float64"].slack == 1.0
        *_, (ours, theirs) = side_by_side(case)
        one, other = certify(ours), certify(theirs)
        assert one.passed, one.verdict
        assert other.passed, other.verdict
        assert agree(one, other).passed
        apart = agree(one, replaced(theirs, 4.0 * widest(agree(one, other)))).first
        assert (apart.quantity, apart.layer, apart.kind) == ("W", 1, "value")
