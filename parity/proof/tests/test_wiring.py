"""A step is held to start, to the bit, where the step before it ended."""

from dataclasses import replace

import numpy as np

from parity.proof.certificate import certify
from parity.proof.tests.certified import CASE, DEEP, in_both_dtypes
from parity.steps.record import record_refnet


def two_steps(dtype="float64", **settings):
    """Two steps that follow each other."""
    case = replace(DEEP, dtype=dtype, **settings)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    return [
        record_refnet(net, x, y, loss, optimizer)
        for (x, y, _), _ in zip(case.steps(), range(2), strict=False)
    ]


def one_bit(array):
    """The array with the last bit of its first entry flipped."""
    other = array.copy()
    other.ravel().view(f"u{array.itemsize}")[0] ^= 1
    return other


@in_both_dtypes
def test_a_step_that_follows_passes(dtype):
    """The step is the next one, weights, biases and state start where the last ended,
    and the wiring comes before the equations.
    """
    first, second = two_steps(dtype)
    cert = certify(second, first)
    assert cert.passed
    wired = [(r.quantity, r.layer) for r in cert.results if r.equation == "wiring"]
    want = [
        ("step number", None),
        *((f"{name} before", layer) for name in "Wb" for layer in (1, 2, 3)),
    ]
    want += [(f"{key} before", None) for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")]
    assert wired == [(r.quantity, r.layer) for r in cert.results][: len(wired)] == want
    assert cert.results[len(wired) :] == certify(second).results


@in_both_dtypes
def test_another_start_is_refused(dtype):
    """One bit of one W, b or vector of the state is enough, and is the first thing
    said.
    """
    first, second = two_steps(dtype)
    before, case = second.before, CASE.replace("float64", dtype)
    for layer in (1, 2, 3):
        for name in ("W", "b"):
            arrays = list(getattr(before, name))
            arrays[layer - 1] = one_bit(arrays[layer - 1])
            cert = certify(replace(second, before=replace(before, **{name: tuple(arrays)})), first)
            want = (
                f"wiring of layer {layer}: {name} before has other values than the step before "
                f"wrote"
            )
            assert cert.verdict.startswith(f"{case}: {want}")
            assert (cert.broken[0].status, cert.broken[0].used) == ("wrong", np.inf)
            assert not cert.passed
    for name, vector in before.state.items():
        cert = certify(
            replace(second, before=replace(before, state={**before.state, name: one_bit(vector)})),
            first,
        )
        assert cert.verdict.startswith(
            f"{case}: wiring: {name} before has other values than the step before wrote"
        )


def test_a_start_of_nan_is_refused():
    """NaN does not equal NaN here either."""
    first, second = two_steps()
    W = (np.full_like(second.before.W[0], np.nan), *second.before.W[1:])
    ended = replace(first, after=replace(first.after, W=W))
    cert = certify(replace(second, before=replace(second.before, W=W)), ended)
    assert not cert.passed


def test_a_previous_step_that_shows_no_end_is_not_passed():
    """Without what the last step wrote, the start is not shown; what is equal otherwise
    stays so.
    """
    first, second = two_steps()
    cert = certify(second, replace(first, after=None))
    assert not cert.passed
    assert [(r.quantity, r.status) for r in cert.results if r.equation == "wiring"] == [
        ("step number", "passed"),
        ("start", "not shown"),
    ]
    assert (
        str(cert.results[1])
        == "wiring: start is not shown (the step before does not show what it wrote)"
    )
    assert cert.verdict.endswith(" Not passed: 1 not shown.")


def wiring_of(record, previous):
    """quantity: sentence of the wiring that is not passed."""
    return {
        r.quantity: str(r)
        for r in certify(record, previous).results
        if r.equation == "wiring" and r.status != "passed"
    }


def test_a_zero_of_the_other_sign_is_another_start():
    """Equal to the bit is more than equal."""
    first, second = two_steps()
    zero = np.zeros_like(second.before.b[0])
    ended = replace(first, after=replace(first.after, b=(zero, *first.after.b[1:])))
    for start, want in (
        (zero, {}),
        (
            -zero,
            {"b before": "wiring of layer 1: b before has other values than the step before wrote"},
        ),
    ):
        assert (
            wiring_of(
                replace(second, before=replace(second.before, b=(start, *second.before.b[1:]))),
                ended,
            )
            == want
        )


def test_a_step_that_is_not_counted_is_refused():
    """t must go on by one: a program whose t stays is not certified by a record that
    says so.
    """
    first, second = two_steps()
    for step in (1, 3):
        record = replace(second, spec=replace(second.spec, step=step))
        assert wiring_of(record, first) == {
            "step number": f"wiring: step number has {step}, expected 2"
        }
        assert not certify(record, first).passed


def test_a_forgotten_buffer_is_refused():
    """State that the last step wrote must be there at the next start; what it does not
    show is not shown.
    """
    first, second = two_steps(optimizer="sgd", settings={"momentum": 0.9})
    again = replace(
        second, spec=replace(second.spec, step=1), before=replace(second.before, state={})
    )
    nothing = "wiring: momentum_buffer before has nothing, expected what the step before wrote"
    assert wiring_of(again, first)["momentum_buffer before"] == nothing
    silent_end = replace(first, after=replace(first.after, state={}))
    unseen = (
        "wiring: momentum_buffer before is not shown (the step before does not show what it wrote)"
    )
    assert wiring_of(second, silent_end) == {"momentum_buffer before": unseen}
    assert not certify(second, silent_end).passed


def test_a_step_of_another_network_is_no_previous_step():
    """Layers of other shapes, or another number of them, are another start."""
    _, second = two_steps()
    wider, _ = two_steps(sizes=(5, 4, 3, 3))
    assert set(wiring_of(second, wider)) == {
        "sizes",
        "W before",
        "b before",
        "exp_avg before",
        "exp_avg_sq before",
        "max_exp_avg_sq before",
    }
    shallow, _ = two_steps(sizes=(5, 4, 2), hidden=("tanh",))
    assert not certify(second, shallow).passed
    deeper, _ = two_steps(sizes=(5, 4, 3, 2, 2), hidden=("tanh",) * 3)
    assert not certify(second, deeper).passed
