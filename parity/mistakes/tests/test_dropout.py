"""Programs with dropout: right ones are not accused, wrong ones are named."""

from dataclasses import replace

import numpy as np
import pytest

from parity.mistakes.catalogue.dropout import DROPOUT
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.catalogue.precision import PRECISION
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.diagnosis.example.by_hand import by_hand
from parity.mistakes.mistake import CONVENTION, WRONG
from parity.mistakes.probes import PROBES
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import run_of, run_of_case, showing, simulate, steps
from parity.mistakes.slots import Part
from parity.rounding.plain import Plain
from parity.steps.cases import DTYPES, Case
from parity.steps.record import record_refnet

in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
PROBE = next(probe for probe in PROBES if probe.name == "dropout")
PARTS = {
    "everything": (),
    "gradients and weights": ("dW", "db", "W", "b"),
    "all but a_prev": ("z", "a", "loss", "delta", "dW", "db", "W", "b"),
}
CASES = (
    PROBE.case,
    replace(PROBE.case, hidden=("relu", "softmax"), dropout=(0.0, 0.5, 0.1)),
    Case("", (4, 1, 3), ("relu",), batch=1, dropout=(0.5, 0.5)),
)
SQUARE = replace(PROBE.case, sizes=(4, 4, 4, 4), dropout=(0.0, 0.3, 0.3))


def of_refnet(case):
    """The run that refnet's own steps show."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    records = []
    for (x, y, optimizer.lr), given in zip(case.steps(), case.given(), strict=True):
        records.append(record_refnet(net, x, y, loss, optimizer, masks=given.masks))
    return run_of(records)


@in_both_dtypes
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_right_program_is_not_accused(case, part, dtype):
    """Whatever it shows: everything, the gradients alone, no masked inputs."""
    run = of_refnet(replace(case, dtype=dtype))
    shown = showing(run, *PARTS[part]) if PARTS[part] else run
    assert diagnose_runs([shown]) == []


@in_both_dtypes
def test_a_program_that_divides_is_not_accused(dtype):
    """a keep / (1 - p) for a m, forward and back."""
    case = replace(PROBE.case, dtype=dtype)

    def divided(mask, p):
        return (mask != 0.0).astype(dtype) / mask.dtype.type(1.0 - p)

    run = run_of_case(case)
    other = replace(
        run,
        steps=tuple(
            replace(step, masks=tuple(map(divided, step.masks, step.spec.dropout)))
            for step in run.steps
        ),
    )
    records = [
        replace(record, masks=step.masks)
        for record, step in zip(simulate(other), run.steps, strict=True)
    ]
    assert diagnose_runs([run_of(records)]) == []


def test_what_is_right_by_another_convention_is_a_convention():
    """Srivastava's scale in evaluation is the only one."""
    (convention,) = (bug for bug in DROPOUT.by_id.values() if bug.verdict == CONVENTION)
    assert convention.id == "dropout-scaled-in-evaluation"
    run = PROBE.run()
    (finding,) = diagnose_runs([run_of(simulate(run, [(convention, (1, 2, 3))]))])
    assert (finding.bug, finding.verdict) == (convention.id, CONVENTION)


def test_a_mask_that_is_drawn_again_is_wrong_in_BP2():
    """No entry has another's random mask; the place is said."""
    run, rng = PROBE.run(), np.random.default_rng(9)
    redrawn = BY_ID["dropout-mask-of-the-last-step"]

    def again(s, l, right):
        mask = s.mask(l + 1)
        scale = 1.0 / (1.0 - s.spec.dropout[l])
        return (s.delta(l + 1) @ s.W(l + 1)) * ((rng.random(mask.shape) >= 0.5) * scale)

    wrong = replace(redrawn, id="redrawn", slots={"cotangent": again})
    records = simulate(run, [(wrong, (1, 2))])
    first = diagnose_runs([run_of(records)])[0]
    assert (first.verdict, first.equation) == (WRONG, "BP2")


@in_both_dtypes
@pytest.mark.parametrize("bug", ["hidden-weights-transposed", "updated-weights", "own-weights"])
def test_other_weights_on_the_way_down_are_masked_all_the_same(bug, dtype):
    """A program with one mistake in BP2 and the right mask has that mistake alone."""
    run, mistake = run_of_case(replace(SQUARE, dtype=dtype)), BY_ID[bug]

    def with_mask(s, l, right):
        g = {
            "hidden-weights-transposed": lambda: s.delta(l + 1) @ s.W(l + 1).T,
            "updated-weights": lambda: s.delta(l + 1) @ s.new(Part("W", l + 1)),
            "own-weights": lambda: s.delta(l + 1) @ s.W(l),
        }[bug]()
        return g * s.mask(l + 1)

    wrong = replace(mistake, id="masked", slots={"cotangent": with_mask})
    (finding,) = diagnose_runs([run_of(simulate(run, [(wrong, (1, 2))]))])
    assert (finding.bug, finding.layers) == (bug, (1, 2))


@pytest.mark.parametrize("bug", PRECISION.by_id)
def test_no_delta_comes_down_to_what_was_dropped_in_narrow_products_either(bug):
    """The mask stands behind the product, however coarse its factors are."""
    run, mistake = PROBE.run(), BY_ID[bug]
    record = simulate(run, [(mistake, mistake.layers(run.spec))])[0]
    dropped = record.masks[1] == 0.0
    assert dropped.any()
    assert not record.layers[0].delta[dropped].any()


def test_a_mistake_is_named_where_no_masked_input_is_shown():
    """From z, which reads it."""
    run = PROBE.run()
    for bug in ("dropout-divided-by-p", "dropout-forgotten", "dropout-applied-twice"):
        mistake = BY_ID[bug]
        shown = run_of(simulate(run, [(mistake, mistake.layers(run.spec))]))
        (finding,) = diagnose_runs([showing(shown, *PARTS["all but a_prev"])])
        assert bug in (finding.bug, *finding.alike)


def test_the_walk_has_a_masked_input_where_a_layer_drops_any():
    """Before its z; a plain step has none."""
    case = replace(PROBE.case, dropout=(0.0, 0.3, 0.0))
    (step, *_) = steps(run_of_case(case), [], Plain)
    assert [each for each in step.walk() if each[0] in ("a_prev", "z")] == [
        ("z", 1),
        ("a_prev", 2),
        ("z", 2),
        ("z", 3),
    ]
    assert {name for name, _ in judged_of(replace(case, dropout=()))} == {
        "z",
        "a",
        "loss",
        "delta",
        "db",
        "dW",
        "W",
        "b",
    }


def judged_of(case):
    """The quantities of the right program that are judged."""
    return [station.where for station in judged(run_of(simulate(run_of_case(case))), whole=True)]


def test_dropout_by_hand():
    """The masked input is a product, and BP2 has one line more."""
    (step, *_) = steps(run_of_case(PROBE.case), [], Plain)
    mask = step.masks[1]
    i, j = (int(k) for k in np.argwhere(mask)[0])
    (line,) = by_hand(step, ("a_prev", 2), (i, j))
    assert line.value == step.a_prev(2).value[i, j]
    assert line.text.startswith(f"a_prev^2[{i}, {j}] = ")
    *_, through_mask, slope, last = by_hand(step, ("delta", 1), (i, j))
    assert through_mask.text.startswith(f"dC/da^1[{i}, {j}] = ")
    assert through_mask.text.count("*") == 1
    assert last.value == through_mask.value * slope.value
