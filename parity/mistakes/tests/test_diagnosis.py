"""The diagnosis: roots before consequences, several mistakes at once, factors,
conventions, and what nothing in the catalogue explains.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from parity import diagnose
from parity.mistakes.catalogue.factors import FACTORS
from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs, vague
from parity.mistakes.diagnosis.evidence import Comparison, plainly
from parity.mistakes.probes import PROBES
from parity.mistakes.search.judging import judged
from parity.mistakes.search.replay import run_of, run_of_case, showing, simulate
from parity.mistakes.search.suspects import Suspect, unlikeliness
from parity.steps.cases import CASES, DTYPES
from parity.steps.record import LayerRecord, record_refnet
from refnet.equations import EQUATIONS

# five steps
LONG = replace(
    next(probe for probe in PROBES if probe.name == "RMSprop with momentum").case, group="optimizer"
)
BY_NAME = {probe.name: probe for probe in PROBES}
GRADIENTS, WEIGHTS = ("dW", "db", "W", "b"), ("W", "b")


def broken(probe, *bugs, dtype="float64", layers=None):
    """The records of a probe by a program with these mistakes."""
    run = BY_NAME[probe].run(dtype)
    return simulate(
        run,
        [
            (BY_ID[bug], BY_ID[bug].layers(run.spec) if layers is None else frozenset(layers))
            for bug in bugs
        ],
    )


def ids(findings):
    return [finding.bug for finding in findings]


def moved(record, layer, **changed):
    """The record with arrays of one layer exchanged."""
    layers = list(record.layers)
    layers[layer - 1] = replace(layers[layer - 1], **changed)
    return replace(record, layers=tuple(layers))


@pytest.mark.parametrize("case", CASES[5::40], ids=lambda case: case.id)
def test_right_records_have_no_findings(case):
    """What refnet records is not accused, step by step or as a run."""
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    records = []
    for (x, y, lr), given in zip(case.steps(), case.given(), strict=True):
        optimizer.lr = lr
        records.append(record_refnet(net, x, y, loss, optimizer, **case.asked(given)))
    assert diagnose(records) == []
    assert diagnose(records[0]) == []


def test_a_finding_tells_a_student_everything():
    """The sentence has equation, layers, the wrong formula, the right one, what happens
    and why; the evidence names the arrays.
    """
    (finding,) = diagnose(broken("mixed activations", "dW-transposed", layers=[2]))
    assert finding.bug == "dW-transposed"
    assert finding.verdict == "wrong"
    assert finding.equation == "BP4"
    assert finding.layers == (2,)
    bug = BY_ID["dW-transposed"]
    start = (
        f"BP4 (weight gradient) of layer 2: dW = a_prev^T delta, expected "
        f"{EQUATIONS['BP4'].formula}. "
    )
    assert finding.sentence == f"{start}{bug.happens} {bug.why}"
    assert str(finding) == finding.sentence
    assert finding.evidence == (
        # the diagonal of a square matrix, which is its own transpose's
        (
            "All 16 numbers of dW of layer 2 fit this formula to the last digits; the right "
            "formula fits 4 of them."
        ),
    )
    (figures,) = finding.measured
    assert figures.startswith("dW of layer 2 is what this formula gives, within ")
    assert figures.endswith(" bounds otherwise")
    assert "https://github.com/iamtrask/Grokking-Deep-Learning/pull/22" in finding.sources


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layers_are_found(dtype):
    """A mistake in one layer is found in that layer, from the gradients alone."""
    for layer in (1, 2):
        run = run_of(
            broken("mixed activations", "hidden-derivative-missing", dtype=dtype, layers=[layer])
        )
        (finding,) = diagnose_runs([showing(run, *GRADIENTS)])
        assert (finding.bug, finding.layers) == ("hidden-derivative-missing", (layer,))


def test_the_root_is_named_and_not_its_consequences():
    """A wrong hidden delta spoils dW, db and the weights of that layer and of those
    below: one finding.
    """
    run = run_of(broken("mixed activations", "hidden-weights-transposed"))
    for shown, spoiled in (
        (("delta", *GRADIENTS), {"delta"}),
        (GRADIENTS, {"dW", "db"}),
        (WEIGHTS, {"W", "b"}),
    ):
        (finding,) = diagnose_runs([showing(run, *shown)])
        assert finding.bug == "hidden-weights-transposed"
        assert {figures.split()[0] for figures in finding.measured} == spoiled


PAIRS = [
    ("mixed activations", "hidden-derivative-missing", "db-averaged"),
    ("mixed activations", "dW-transposed", "weights-transposed-forward"),
    ("square layers", "output-derivative-missing", "dW-last-sample-only"),
    ("momentum", "not-averaged", "momentum-sign"),
    ("RMSprop", "hidden-derivative-twice", "decay-halved"),
]


@pytest.mark.parametrize(
    "shown",
    [("z", "a", "loss", "delta", *GRADIENTS), GRADIENTS, WEIGHTS],
    ids=["everything", "gradients", "weights"],
)
@pytest.mark.parametrize(("probe", "one", "other"), PAIRS, ids=lambda part: part)
def test_two_mistakes_at_once_are_both_found(probe, one, other, shown):
    """Two mistakes in different places are found together, even from the weights after
    the steps alone.
    """
    findings = diagnose_runs([showing(run_of(broken(probe, one, other)), *shown)])
    assert len(findings) == 2
    assert all(
        any(bug in (finding.bug, *finding.alike) for finding in findings) for bug in (one, other)
    ), ids(findings)


def test_what_no_array_can_tell_apart_is_named_together():
    """From weights alone, a negated delta and a step uphill are the same run; with a
    gradient shown they are not.
    """
    run = run_of(broken("one layer", "step-uphill"))
    (finding,) = diagnose_runs([showing(run, *WEIGHTS)])
    assert {"step-uphill", "output-delta-negated"} <= {finding.bug, *finding.alike}
    (finding,) = diagnose_runs([showing(run, *GRADIENTS)])
    assert finding.bug == "step-uphill"
    assert "output-delta-negated" not in finding.alike


def test_several_runs_of_one_program_tell_more():
    """What two networks cannot tell apart alone, they can together: one sample hides
    the average, one output its other half.
    """
    probes = ["one sample", "one output"]
    alone = [diagnose_runs([run_of(broken(probe, "not-averaged-at-all"))]) for probe in probes]
    assert all(finding.alike for (finding,) in alone)
    (finding,) = diagnose_runs([run_of(broken(probe, "not-averaged-at-all")) for probe in probes])
    assert finding.bug == "not-averaged-at-all"
    assert set(finding.alike) <= {"factor n k in the output delta"}


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("-1", -1.0),
        ("2", 2.0),
        ("1/2", 0.5),
        ("n", 5.0),
        ("1/n", 0.2),
        ("k", 2.0),
        ("1/(n k)", 0.1),
        ("4", 4.0),
    ],
)
def test_a_constant_factor_is_recognised(name, factor):
    """A hidden delta that is a constant times the right one is said to be, and what the
    constant may be.
    """
    (record, *_) = simulate(BY_NAME["mixed activations"].run())
    layer = record.layers[0]
    scaled = moved(
        record, 1, delta=layer.delta * factor, dW=layer.dW * factor, db=layer.db * factor
    )
    scaled = replace(scaled, after=None)
    (finding,) = diagnose(scaled)
    named = (finding.bug, *finding.alike)
    assert f"factor {name} in the hidden deltas" in named or any(
        "negated" in each or "averaged" in each for each in named
    )
    assert finding.layers == (1,)


def test_what_nothing_explains_is_said_with_what_can_be_told():
    """A gradient of noise has no name: the finding says where, what it has and what it
    should have.
    """
    (record, *_) = simulate(BY_NAME["mixed activations"].run())
    noise = np.random.default_rng(3).normal(size=record.layers[1].dW.shape)
    (finding,) = diagnose(moved(replace(record, after=None), 2, dW=noise))
    assert (finding.bug, finding.verdict, finding.equation, finding.layers) == (
        "",
        "wrong",
        "BP4",
        (2,),
    )
    assert re.fullmatch(r"dW\[\d, \d\] = -?\d.\d+ in step 1", finding.got)
    assert re.fullmatch(r"-?\d.\d+, by dW\^l = \(delta\^l\)\^T a\^\(l-1\)", finding.expected)
    assert finding.sentence == (
        f"BP4 (weight gradient) of layer 2: {finding.got}, expected {finding.expected}. No "
        f"catalogued mistake explains it, and no formula was found."
    )
    count, ratio = finding.evidence
    assert count == "All its 16 numbers are off by more than rounding allows."
    assert re.fullmatch(r"The one above is -?[\d.]+ times what it should be\.", ratio)
    (finding,) = diagnose(moved(replace(record, after=None), 2, dW=np.full_like(noise, 0.7)))
    assert finding.evidence == ("All of its numbers are the same.",)


def test_one_number_that_is_off_is_counted():
    """The others fit the right formula; and where six digits of a ratio would read 1,
    the difference is said.
    """
    (record, *_) = simulate(BY_NAME["mixed activations"].run())
    dW = record.layers[1].dW.copy()
    dW[3, 2] *= 1 + 2e-7
    (finding,) = diagnose(moved(replace(record, after=None), 2, dW=dW))
    assert finding.got.startswith("dW[3, 2] = ")
    assert finding.evidence == (
        "1 of its 16 numbers is off by more than rounding allows.",
        "The one above is off by 2e-07 of what it should be.",
    )


def test_the_evidence_counts_the_numbers_that_the_right_formula_fits():
    """A rectifier that is on has f' = 1: its numbers are right without f', too."""
    run = run_of(broken("rectifiers", "hidden-derivative-missing"))
    (finding,) = diagnose_runs([showing(run, "a", "delta")])
    off = [station for station in judged(showing(run, "a", "delta"), whole=True) if station.off]
    numbers = [run.steps[s.step].arrays[s.where].size for s in off if s.step == off[0].step]
    by_right = sum(station.fitting for station in off if station.step == off[0].step)
    assert 0 < by_right < sum(numbers)
    assert finding.evidence == (
        (
            f"All {sum(numbers)} numbers of delta of layers 1 and 2 fit this formula to the last "
            f"digits; the right formula fits {by_right} of them."
        ),
    )


@pytest.mark.parametrize(
    ("probe", "bug", "shown", "evidence"),
    [
        (
            "mixed activations",
            "db-not-summed",
            ("delta", "db"),
            (
                "All 50 numbers of db of layers 1, 2 and 3 fit this formula to the last digits; "
                "the right formula has another shape."
            ),
        ),
        (
            "huge logits as probabilities",
            "softmax-overflow",
            ("z", "a"),
            (
                r"\d+ of the 15 numbers of a of layer 2 are NaN or infinite, as by this formula; "
                "the right formula gives something else."
            ),
        ),
        (
            "mixed activations",
            "loss-summed",
            ("loss",),
            "The loss fits this formula to the last digits; the right formula does not fit.",
        ),
        (
            "mixed activations",
            "gradients-not-reset",
            ("dW",),
            (
                "In step 2, all 36 numbers of dW of layers 1, 2 and 3 fit this formula to the last "
                "digits; the right formula fits none of them."
            ),
        ),
        (
            "mixed activations",
            "hidden-derivative-missing",
            ("dW", "db"),
            (
                "All 36 numbers of db and dW of layers 1 and 2 fit this formula to the last "
                "digits; the right formula fits none of them."
            ),
        ),
    ],
)
def test_the_evidence_is_said_in_words(probe, bug, shown, evidence):
    """Of numbers, of other shapes and of what is no number; in which step, if it is not
    the first.
    """
    (finding,) = diagnose_runs([showing(run_of(broken(probe, bug)), *shown)])
    assert re.fullmatch(evidence, " ".join(finding.evidence)), finding.evidence


def test_one_of_two_findings_claims_no_array_for_itself():
    """db is what both give together, and neither formula alone."""
    records = broken("mixed activations", "output-delta-negated", "db-averaged")
    findings = diagnose_runs([showing(run_of(records), "delta", "db")])
    assert ids(findings) == ["output-delta-negated", "db-averaged"]
    of_db = findings[1].evidence
    assert of_db == (
        (
            "All 10 numbers of db of layers 1, 2 and 3 fit this formula, with the other findings, "
            "to the last digits; a program without this one fits none of them."
        ),
    )


def test_what_fits_by_a_wide_bound_alone_is_not_said_to_fit_to_the_last_digits():
    """The evidence counts the digits that agree, not those that a bound asks for."""
    run = showing(run_of(broken("mixed activations", "dW-averaged")), "z", "a", "delta", "dW")
    suspects = [(BY_ID["dW-averaged"], frozenset({1, 2, 3}))]
    station = next(s for s in judged(run, suspects, whole=True) if s.where == ("dW", 1))
    array = run.steps[0].arrays["dW", 1]
    exact = Comparison(array, station, station)
    apart = exact._replace(with_it=station._replace(gap=1e-12 * np.abs(array).max()))
    assert "this formula to the last digits;" in " ".join(plainly([exact]))
    assert "this formula within what rounding allows;" in " ".join(plainly([apart]))


def test_an_unexplained_array_does_not_hide_the_next_mistake():
    """Where a gradient of noise stands, a catalogued mistake further on is still
    named.
    """
    records = broken("mixed activations", "db-averaged")
    noise = np.random.default_rng(3).normal(size=records[0].layers[1].dW.shape)
    findings = diagnose(moved(replace(records[0], after=None), 2, dW=noise))
    assert set(ids(findings)) == {"", "db-averaged"}


def test_conventions_are_told_from_mistakes():
    """Another dialect of momentum, of eps and of the sign is a convention, and named as
    one.
    """
    for probe, bug in (
        ("momentum", "momentum-with-lr-inside"),
        ("Adam", "adam-epsilon-hat"),
        ("mixed activations", "gradients-negated-and-added"),
        ("mixed activations", "averaged-in-the-gradients"),
    ):
        (finding,) = diagnose_runs(
            [showing(run_of(broken(probe, bug)), "loss", "delta", *GRADIENTS)]
        )
        assert (finding.bug, finding.verdict) == (bug, "convention")


def test_a_convention_can_be_taken_as_right():
    """What a program declares is no finding, and what it does besides is."""
    run = showing(run_of(broken("momentum", "momentum-with-lr-inside", "db-averaged")), *GRADIENTS)
    assert ids(diagnose_runs([run], ["momentum-with-lr-inside"])) == ["db-averaged"]
    with pytest.raises(
        ValueError, match=r"^diagnose: convention has 'mine', expected an id of the catalogue$"
    ):
        diagnose_runs([run], ["mine"])


def test_the_derivative_of_relu_at_zero_is_a_convention():
    """f'(0) = 1 where PyTorch has 0: named, and not called wrong."""
    run = BY_NAME["rectifiers"].run()
    run = replace(
        run,
        W=(np.zeros_like(run.W[0]), *run.W[1:]),
        b=(np.zeros_like(run.b[0]), *run.b[1:]),
        steps=run.steps[:1],
    )
    (record,) = simulate(run)
    above = record.layers[1].delta @ record.before.W[1]
    layer = record.layers[0]
    other = moved(
        replace(record, after=None),
        1,
        delta=above,
        dW=above.T @ run.steps[0].x,
        db=above.sum(axis=0),
    )
    assert layer.delta.any() == np.False_
    (finding,) = diagnose(other)
    assert finding.verdict == "convention"
    assert "relu'(0) = 1 instead of 0" in finding.sentence


def test_single_precision_inside_is_recognised():
    """A program that is right in float32 and shows float64 arrays is imprecise, not
    wrong.
    """
    run = BY_NAME["mixed activations"].run()
    single = replace(
        BY_NAME["mixed activations"].run("float32"),
        W=tuple(W.astype("float32") for W in run.W),
        b=tuple(b.astype("float32") for b in run.b),
    )
    steps = run_of(simulate(single)).steps
    wide = [{q: a.astype(float) for q, a in step.arrays.items()} for step in steps]
    shown = [replace(step, arrays=arrays) for step, arrays in zip(run.steps, wide, strict=True)]
    (finding,) = diagnose_runs([replace(run, steps=tuple(shown))])
    assert (finding.bug, finding.verdict) == ("", "imprecise")
    assert "float32" in finding.sentence


def test_what_is_off_by_little_more_than_rounding_is_imprecise():
    """An entry a few units beyond its bound breaks the certificate, and no formula is
    accused for it.
    """
    (record, *_) = simulate(BY_NAME["mixed activations"].run())
    dW = record.layers[1].dW.copy()
    dW[0, 0] += 40 * np.spacing(abs(dW[0, 0]))
    (finding,) = diagnose(moved(replace(record, after=None), 2, dW=dW))
    assert (finding.bug, finding.verdict) == ("", "imprecise")


def shown_of(probe, change, *names, dtype="float64"):
    """A right run of the probe whose shown arrays are changed, by quantity."""
    run = run_of(simulate(BY_NAME[probe].run(dtype)))
    steps = [
        replace(step, arrays={q: change(q, number, a) for q, a in step.arrays.items()})
        for number, step in enumerate(run.steps)
    ]
    return showing(replace(run, steps=tuple(steps)), *names)


def test_an_array_that_is_shown_wrongly_but_used_rightly_is_one_finding():
    """A gradient of noise that nobody uses is set aside as if it were hidden, and one
    that is used is taken as it is.
    """
    noise = np.random.default_rng(3).normal(size=(4, 4))
    unused = shown_of(
        "mixed activations", lambda q, _, a: noise if q == ("dW", 2) else a, *GRADIENTS
    )
    (finding,) = diagnose_runs([unused])
    assert (finding.bug, finding.equation, finding.verdict) == ("", "BP4", "wrong")
    (record, *_) = simulate(BY_NAME["mixed activations"].run())
    W = (
        record.after.W[0],
        record.before.W[1] - record.spec.hyperparameters["lr"] * noise,
        record.after.W[2],
    )
    used = moved(replace(record, after=replace(record.after, W=W)), 2, dW=noise)
    (finding,) = diagnose_runs([run_of([used])])
    assert (finding.bug, finding.equation) == ("", "BP4")


def test_a_nan_is_the_root_of_what_is_made_of_it():
    """Where an array is NaN without a name, what follows is not accused, and the bounds
    that say nothing there do not make it right.
    """
    spoiled = shown_of(
        "mixed activations",
        lambda q, n, a: np.full_like(a, np.nan) if q[0] in ("dW", "W") and n > 0 else a,
        *GRADIENTS,
    )
    assert len(diagnose_runs([spoiled])) == 1
    run = showing(
        run_of(broken("huge logits as probabilities", "softmax-overflow", dtype="float32")),
        *GRADIENTS,
    )
    assert ids(diagnose_runs([run])) == ["softmax-overflow"]


def test_a_mistake_may_stand_in_one_update_rule_alone():
    """A program whose SGD is wrong and whose RMSprop is right has its mistake with sgd,
    and no right run is spoiled by it.
    """
    runs = [
        run_of(broken("momentum", "momentum-not-on-b")),
        run_of(simulate(BY_NAME["RMSprop with momentum"].run())),
    ]
    (finding,) = diagnose_runs(runs)
    assert finding.bug == "momentum-not-on-b"
    assert "with sgd:" in finding.sentence


def test_a_convention_is_no_excuse_where_its_other_half_is_not_shown():
    """A negated gradient without the update that adds it is wrong; with it, it is a
    convention.
    """
    run = run_of(broken("mixed activations", "gradients-negated-and-added")[:1])
    (finding,) = diagnose_runs([showing(run, "dW", "db")])
    assert (finding.bug, finding.verdict) == ("output-delta-negated", "wrong")
    (finding,) = diagnose_runs([showing(run, *GRADIENTS)])
    assert (finding.bug, finding.verdict) == ("gradients-negated-and-added", "convention")


def test_of_a_convention_and_a_mistake_that_nothing_tells_apart_the_convention_is_named():
    """Nobody is accused of what may be right: 1/n in the update and 1/n in the
    gradients give the same weights.
    """
    run = showing(run_of(broken("weight decay", "decay-doubled")), *WEIGHTS)
    (finding,) = diagnose_runs([run])
    assert finding.verdict == "convention"


def test_conventions_come_first_of_what_is_equally_near():
    """However late a convention stands in the catalogue, it comes before a mistake, and
    a constant factor comes last.
    """
    late, early, factor = (
        Suspect(each)
        for each in (BY_ID["averaged-in-the-update"], BY_ID["bias-forgotten"], FACTORS[0])
    )
    assert sorted([factor, early, late], key=unlikeliness) == [late, early, factor]


def test_a_bound_that_says_nothing_does_not_make_digits_lost():
    """An error of 10 % is wrong, however little float32 could say after several
    steps.
    """
    runs = {dtype: run_of(simulate(run_of_case(replace(LONG, dtype=dtype)))) for dtype in DTYPES}
    wrong = {
        **runs["float64"].steps[4].arrays,
        ("loss", 3): runs["float64"].steps[4].arrays["loss", 3] * 1.1,
    }
    run = replace(
        runs["float64"],
        steps=(*runs["float64"].steps[:4], replace(runs["float64"].steps[4], arrays=wrong)),
    )
    (finding,) = diagnose_runs([showing(run, "loss")])
    assert finding.verdict == "wrong"
    assert vague([showing(runs["float64"], "loss")]) == 0
    assert vague([showing(runs["float32"], "loss")]) > 0


def test_an_output_delta_that_loses_digits_is_no_log_of_zero():
    """(a - y) / (a (1 - a)) with f' from z loses digits where the sigmoid is nearly
    sure, and is not called the catalogue's 0 / 0.
    """
    run = BY_NAME["binary as probabilities"].run("float32")
    run = replace(run, b=(run.b[0], run.b[1] + np.float32(8)), steps=run.steps[:1])
    (record,) = simulate(run)
    z, a, y = record.layers[-1].z, record.layers[-1].a, record.y
    e = np.exp(-z)
    delta = (a - y) / (a * (1 - a)) * (e / (1 + e) ** 2) / np.float32(a.size)
    changed = moved(
        replace(record, after=None),
        2,
        delta=delta,
        db=delta.sum(axis=0),
        dW=delta.T @ record.layers[0].a,
    )
    (finding,) = diagnose_runs(
        [run_of([replace(changed, layers=(LayerRecord(), changed.layers[1]))])]
    )
    assert (finding.bug, finding.verdict) == ("", "imprecise")


def test_gradients_by_differences_are_imprecise():
    """What agrees in the first half of its digits has lost the others, and is not
    wrong.
    """
    run = shown_of(
        "mixed activations", lambda q, n, a: a + 1e-10 if q == ("dW", 1) else a, "dW", "db"
    )
    (finding,) = diagnose_runs([run])
    assert (finding.bug, finding.verdict) == ("", "imprecise")


def test_a_step_that_starts_from_other_weights_is_wrong():
    """Wiring is an equation too: a step starts from the weights that the one before it
    wrote.
    """
    first, second, *_ = simulate(BY_NAME["mixed activations"].run())
    before = replace(second.before, b=(second.before.b[0] + 1.0, *second.before.b[1:]))
    (restarted,) = simulate(replace(run_of([replace(second, before=before)]), state={}))
    (finding, *_) = diagnose([first, restarted])
    assert finding.verdict == "wrong"
    assert (
        finding.sentence
        == "wiring of layer 1: b before has other values than the step before wrote"
    )


@pytest.mark.parametrize("count", [1, 2])
def test_a_step_alone_and_a_run(count):
    """A record alone is diagnosed, and what shows in the second step only needs the
    run.
    """
    records = broken("mixed activations", "gradients-not-reset")[:count]
    assert ids(diagnose(records)) == ([] if count == 1 else ["gradients-not-reset"])


def test_a_shape_and_a_nan_are_explained():
    """A db that was not summed has the wrong shape, and a missing rate makes the
    weights NaN: both have names.
    """
    (finding,) = diagnose_runs([run_of(broken("mixed activations", "db-not-summed"))])
    assert finding.bug == "db-not-summed"
    (finding,) = diagnose_runs([run_of(broken("mixed activations", "lr-not-a-number"))])
    assert finding.bug == "lr-not-a-number"
