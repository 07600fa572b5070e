"""A step with dropout: what is certified of it, what is refused, and how far another
program may be from it.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from parity.proof.agreement import compare, compare_restated
from parity.proof.certificate import certify
from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.sums import hidden_delta, masked_input
from parity.proof.tests.certified import in_both_dtypes, recorded
from parity.proof.tests.known import in_every_arithmetic, judging_in
from parity.proof.tests.truth import exact, truth
from parity.rounding.formats import FORMATS
from parity.steps.cases import Case
from parity.steps.pytorch.records import restart
from parity.steps.pytorch.restated import restate
from parity.steps.record import FitRecorder
from refnet import fit
from refnet.equations import EQUATIONS, PLAIN

DEEP = Case(
    "",
    (5, 4, 4, 3),
    ("tanh", "leaky_relu"),
    "softmax",
    "cross_entropy",
    "labels",
    "adam",
    batch=6,
    dropout=(0.2, 0.5, 0.3),
)
HIDDEN = replace(DEEP, dropout=(0.0, 0.5, 0.0))
SMALL = replace(DEEP, sizes=(1, 1, 1, 2), batch=1)
each_case = pytest.mark.parametrize("case", [DEEP, HIDDEN, SMALL], ids=lambda case: case.id)


def with_layer(record, layer, **arrays):
    """The record with other arrays in a layer, which counts from 1."""
    layers = [*record.layers]
    layers[layer - 1] = replace(layers[layer - 1], **arrays)
    return replace(record, layers=tuple(layers))


def with_mask(record, layer, mask):
    """The record with another mask of a layer, which counts from 1."""
    masks = [*record.masks]
    masks[layer - 1] = mask
    return replace(record, masks=tuple(masks))


def broken(record):
    """The first that is broken: its equation, layer and quantity."""
    first = certify(record).broken[0]
    return first.equation, first.layer, first.quantity


# What is right


@in_both_dtypes
@each_case
def test_every_equation_of_a_step_with_dropout_holds(case, dtype):
    """The masked inputs stand where a layer drops any, each before its z."""
    cert = certify(recorded(replace(case, dtype=dtype), 2))
    assert cert.passed, str(cert)
    of_dropout = [r.layer for r in cert.results if r.equation == "dropout"]
    assert of_dropout == [l for l, p in enumerate(case.dropout, start=1) if p]
    names = [(r.quantity, r.layer) for r in cert.results]
    for layer in of_dropout:
        assert names.index(("a_prev", layer)) == names.index(("z", layer)) - 1


@in_both_dtypes
@each_case
def test_pytorch_agrees_from_the_same_mask(case, dtype):
    """Its own step from refnet's masks, and each equation computed once more."""
    record = recorded(replace(case, dtype=dtype), 2)
    theirs = restart(record)
    assert certify(theirs).passed
    assert compare(theirs, record).passed
    assert compare_restated(record, restate(record)).passed


@in_both_dtypes
def test_the_exact_values_are_those_of_fifty_digits(dtype):
    """a_prev and delta are within their bounds of the truth, and a_prev is not by
    luck.
    """
    record = recorded(replace(DEEP, dtype=dtype), 2)
    judged = 0
    for statement in certify(record).statements:
        if statement.equation in ("dropout", "BP2", "z", "BP4"):
            for index in np.ndindex(statement.got.shape):
                at = statement.equation, statement.layer, statement.quantity, index
                gap = abs(exact(statement.got[index]) - truth(record, *at))
                assert gap <= statement.claim.bound[index] * (1.0 + statement.claim.slack)
                judged += gap > 0
    assert judged


@in_both_dtypes
def test_the_steps_of_fit_are_certified_with_the_masks_that_it_drew(dtype):
    """Each by its fast form, and each from the weights of the last one."""
    case = replace(DEEP, dtype=dtype)
    net, loss, optimizer, records = case.network(), case.make_loss(), case.make_optimizer(), []
    x, y, _ = next(case.steps())
    recorder = FitRecorder(net, loss, optimizer, records.append)
    fit(net, x, y, loss=loss, optimizer=optimizer, epochs=2, batch_size=4, on_step=recorder)
    assert len(records) == 4
    for record, previous in zip(records, [None, *records], strict=False):
        assert certify(record, previous).passed
    masks = [record.masks[0].tobytes() for record in records]
    assert len({*masks}) == len(masks)


def keep(mask):
    """1 where the mask is not 0."""
    return (mask != 0.0).astype(mask.dtype)


INPUT_FORMS = {
    "times the mask": lambda a, mask, p: a * mask,
    "divided": lambda a, mask, p: a * keep(mask) / mask.dtype.type(1.0 - p),
    "divided first": lambda a, mask, p: a / mask.dtype.type(1.0 - p) * keep(mask),
    "where": lambda a, mask, p: np.where(mask, a / mask.dtype.type(1.0 - p), mask.dtype.type(0.0)),
    "in float64": lambda a, mask, p: (a.astype(float) * keep(mask) / (1.0 - p)).astype(a.dtype),
    "of torch": lambda a, mask, p: (torch.tensor(a) * torch.tensor(mask)).numpy(),
}


@in_both_dtypes
@pytest.mark.parametrize("form", INPUT_FORMS)
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_every_right_spelling_of_a_masked_input_holds(form, p, dtype):
    """Also where the mask has been rounded from 1 / (1 - p), or from 1 and 1 - p."""
    rng, kind = np.random.default_rng(3), np.dtype(dtype).type
    a = rng.normal(size=(50, 40)).astype(dtype)
    for scale in (kind(1.0 / (1.0 - p)), kind(1.0) / kind(1.0 - p)):
        mask = (rng.random(a.shape) >= p) * scale
        claim = masked_input(FORMATS[dtype], a, mask)
        assert (claim.share(INPUT_FORMS[form](a, mask, p)) <= 1.0).all()


BACK_FORMS = {
    "times the mask": lambda g, mask, p: g * mask,
    "divided": lambda g, mask, p: g * keep(mask) / mask.dtype.type(1.0 - p),
    "columns": lambda g, mask, p: (g.T * mask.T).T,
}


@in_both_dtypes
@pytest.mark.parametrize("form", BACK_FORMS)
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "identity", "softmax"])
def test_every_right_spelling_of_the_way_back_holds(form, name, dtype):
    """dC/da times the mask, pulled back."""
    from refnet.activations import ACTIVATIONS

    rng, kind, p = np.random.default_rng(4), np.dtype(dtype).type, 0.3
    f = ACTIVATIONS[name]()
    z = rng.normal(size=(20, 7)).astype(dtype)
    a, above = f.value(z), rng.normal(size=(20, 5)).astype(dtype)
    W, mask = rng.normal(size=(5, 7)).astype(dtype), (rng.random((20, 7)) >= p) * kind(1 / (1 - p))
    claim = hidden_delta(FORMATS[dtype], ACTIVATION_ENTRIES[name](), above, W, z, a, mask)
    delta = f.pullback(BACK_FORMS[form](above @ W, mask, p), z, a)
    assert (claim.share(delta) <= 1.0).all()


# What is wrong


def test_a_masked_input_that_is_not_scaled_is_wrong():
    """a where it should be a / (1 - p)."""
    record = recorded(DEEP)
    a, mask = record.layers[0].a, record.masks[1]
    assert broken(with_layer(record, 2, a_prev=a * keep(mask))) == ("dropout", 2, "a_prev")


def test_an_entry_that_is_dropped_is_exactly_0():
    """The smallest number in its place is wrong, and so is a dropped entry that is
    kept.
    """
    record = recorded(DEEP)
    index = tuple(np.argwhere(record.masks[1] == 0.0)[0])
    for number in (5e-324, record.layers[0].a[index]):
        a_prev = record.layers[1].a_prev.copy()
        a_prev[index] = number
        assert broken(with_layer(record, 2, a_prev=a_prev)) == ("dropout", 2, "a_prev")


def test_z_and_dW_read_the_masked_input():
    """Those of the a below are wrong."""
    record = recorded(DEEP)
    a, W, b = record.layers[0].a, record.before.W[1], record.before.b[1]
    assert broken(with_layer(record, 2, z=a @ W.T + b)) == ("z", 2, "z")
    dW = record.layers[1].delta.T @ a
    assert broken(with_layer(record, 2, dW=dW)) == ("BP4", 2, "dW")


def deltas_with(record, mask):
    """The record whose first delta came back through another mask."""
    f = DEEP.network().layers[0].activation
    g = record.layers[1].delta @ record.before.W[1] * mask
    return with_layer(record, 1, delta=f.pullback(g, record.layers[0].z, record.layers[0].a))


def test_the_way_back_without_the_mask_is_wrong():
    """BP2 of the layer below the mask."""
    record = recorded(DEEP)
    assert certify(deltas_with(record, record.masks[1])).results[7].status == "passed"
    assert broken(deltas_with(record, np.ones((6, 4)))) == ("BP2", 1, "delta")
    assert broken(deltas_with(record, keep(record.masks[1]))) == ("BP2", 1, "delta")


def test_a_mask_that_was_drawn_again_is_said():
    """Where every entry is that of a unit dropped or kept, but not by this mask."""
    record = recorded(DEEP)
    other = record.masks[1][::-1]
    assert (other != record.masks[1]).any()
    first = certify(deltas_with(record, other)).broken[0]
    assert (first.equation, first.layer, first.status) == ("BP2", 1, "wrong")
    assert first.note == "of another mask than on the way forward"
    unscaled = certify(deltas_with(record, keep(other))).broken[0]
    assert "another mask" not in unscaled.note


# What is no record


REFUSED = {
    "no mask": (lambda r: with_mask(r, 2, None), TypeError, r"mask of layer 2 has type NoneType"),
    "no masks": (lambda r: replace(r, masks=()), TypeError, r"mask of layer 1 has type NoneType"),
    "too few masks": (
        lambda r: replace(r, masks=r.masks[1:]),
        ValueError,
        r"certify: record has 2 masks, expected 3 as its sizes \(5, 4, 4, 3\)",
    ),
    "another shape": (
        lambda r: with_mask(r, 2, r.masks[1][:, 1:]),
        ValueError,
        r"certify: mask of layer 2 has float64 \(6, 3\), expected float64 \(6, 4\)",
    ),
    "another dtype": (
        lambda r: with_mask(r, 2, r.masks[1].astype("float32")),
        ValueError,
        r"certify: mask of layer 2 has float32 \(6, 4\), expected float64 \(6, 4\)",
    ),
    "not scaled": (
        lambda r: with_mask(r, 2, keep(r.masks[1])),
        ValueError,
        r"layer 2 has 1 at row \d, column \d, expected 0 or 1 / \(1 - p\) = 2; it is not scaled$",
    ),
    "another scale": (
        lambda r: with_mask(r, 2, r.masks[1] * 1.5),
        ValueError,
        r"mask of layer 2 has 3 at row \d, column \d, expected 0 or 1 / \(1 - p\) = 2$",
    ),
    "not finite": (
        lambda r: with_mask(r, 2, np.full((6, 4), np.nan)),
        ValueError,
        r"mask of layer 2 has nan at row 0, column 0, expected 0 or",
    ),
    "a probability of 1": (
        lambda r: replace(r, spec=replace(r.spec, dropout=(0.2, 1.0, 0.3))),
        ValueError,
        r"certify: dropout of layer 2 has 1\.0, expected 0 <= p < 1",
    ),
    "too few probabilities": (
        lambda r: replace(r, spec=replace(r.spec, dropout=(0.2,))),
        ValueError,
        r"certify: record has 1 dropout, expected 3 as its sizes \(5, 4, 4, 3\)",
    ),
    "a mask without dropout": (
        lambda r: replace(r, spec=replace(r.spec, dropout=(0.2, 0.0, 0.3))),
        ValueError,
        r"certify: mask of layer 2 has an array, expected None without dropout",
    ),
    "an a_prev without dropout": (
        lambda r: with_mask(replace(r, spec=replace(r.spec, dropout=(0.2, 0.0, 0.3))), 2, None),
        ValueError,
        r"certify: a_prev of layer 2 has an array, expected None without dropout",
    ),
}


@pytest.mark.parametrize(("changed", "error", "match"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_record_of_dropout_is_refused(changed, error, match):
    """Masks and probabilities that do not fit, by a sentence that says where."""
    with pytest.raises(error, match=match):
        certify(changed(recorded(DEEP)))


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_mask_may_be_rounded_from_p_in_float32(p):
    """1 / (1 - p) from p, 1 - p and the quotient, each rounded in float32."""
    record = recorded(replace(DEEP, dtype="float32"))
    kind = np.float32
    scale = kind(1.0) / (kind(1.0) - kind(p))
    mask = (record.masks[1] != 0.0) * scale
    spec = replace(record.spec, dropout=(0.2, p, 0.3))
    changed = with_layer(with_mask(record, 2, mask), 2, a_prev=record.layers[0].a * mask)
    results = certify(replace(changed, spec=spec)).results
    assert {r.status for r in results if r.equation == "dropout"} == {"passed"}


def test_a_masked_input_that_is_not_shown_never_passes():
    """And what reads it is not judged."""
    results = certify(with_layer(recorded(DEEP), 2, a_prev=None)).results
    status = {(r.quantity, r.layer): (r.status, r.note) for r in results}
    assert status["a_prev", 2] == ("not shown", "")
    for name in ("z", "dW"):
        assert status[name, 2] == (
            "not judged",
            "reads a_prev, which is not shown as it must be",
        )


def test_records_with_other_masks_are_not_compared():
    """The masks are part of what a step is given."""
    record = recorded(DEEP)
    other = with_mask(record, 2, record.masks[1][::-1])
    with pytest.raises(ValueError, match=r"^compare: mask of layer 2 differs between the two rec"):
        compare(other, record)


# Words


def test_the_column_of_dropout_stands_where_a_step_has_it():
    """Before z; a plain table is as it was."""
    assert certify(recorded(DEEP)).table()[0] == ["layer", *EQUATIONS]
    plain = certify(recorded(replace(DEEP, dropout=()))).table()
    assert plain[0] == ["layer", *PLAIN]
    first, second, third = certify(recorded(HIDDEN)).table()[1:]
    assert (first[1], third[1]) == ("", "")
    assert second[1] != ""


def test_dropout_may_not_change_within_a_run():
    """As no other setting but lr may."""
    first, second = recorded(DEEP), recorded(DEEP, 2)
    assert certify(second, first).passed
    changed = replace(first, spec=replace(first.spec, dropout=(0.3, 0.5, 0.3)))
    wiring = [r for r in certify(second, changed).broken if r.equation == "wiring"]
    assert [r.quantity for r in wiring] == ["dropout"]


@in_every_arithmetic
def test_of_what_is_dropped_nothing_may_be_left(arithmetic):
    """The bound of a_prev and of delta is 0 there: nothing has been rounded."""
    with judging_in(arithmetic):
        fmt = FORMATS[arithmetic.split()[0]]
        a, mask = np.array([[3.0, -5.0]], fmt.dtype), np.array([[2.0, 0.0]], fmt.dtype)
        identity, W = ACTIVATION_ENTRIES["identity"](), np.array([[5.0, 2.0]], fmt.dtype)
        for claim in (
            masked_input(fmt, a, mask),
            hidden_delta(fmt, identity, a[:, :1], W, a, a, mask),
        ):
            assert claim.exact[0, 1] == claim.bound[0, 1] == 0.0
            assert claim.bound[0, 0] > 0.0
