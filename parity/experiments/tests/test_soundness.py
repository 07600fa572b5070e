"""Soundness: the generator reaches every corner, and what is broken, refused or
deviates is counted as such.
"""

import json
import os
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import count

import numpy as np
import pytest
import torch

from parity.experiments.random_numbers import KINDS
from parity.experiments.random_parts import DROPS, IGNORED, WEIGHTS, Parts, random_parts
from parity.experiments.random_runs import (
    CORNERS,
    PAIRS,
    SLOPES,
    ordinary_run,
    random_run,
)
from parity.experiments.soundness import (
    KEPT,
    Examined,
    SoundnessReport,
    examine,
    soundness,
)
from parity.proof.certificate import certify
from parity.rounding.claim import IMPRECISE
from parity.steps.cases import DTYPES, TRAINABLE, targets_of
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet
from refnet import LeakyReLU, Sigmoid
from refnet.losses import LOSSES
from refnet.optimizers import OPTIMIZERS
from refnet.regularisers import PENALTIES

RUNS = [random_run(seed) for seed in range(500)]


def bits(arrays):
    """Arrays to the bit."""
    return [np.asarray(array).tobytes() for array in arrays]


def first(wanted, examined=lambda seed: examine(random_run(seed))):
    """The first run, in order of seeds, whose examination is as wanted, and that
    examination.
    """
    return next(
        (random_run(seed), outcome) for seed in count() if wanted(outcome := examined(seed))
    )


@pytest.fixture(scope="module")
def report():
    """Forty runs."""
    return soundness(40, jobs=1)


def test_a_run_is_made_from_its_seed_alone():
    """The same seed gives the same description, weights, data and state, however often
    they are drawn.
    """
    for seed in range(20):
        one, other = random_run(seed), random_run(seed)
        assert one == other
        assert one.id == other.id
        assert bits([one.network().parameters]) == bits([other.network().parameters])
        assert bits(array for step in one.steps() for array in step) == bits(
            array for step in other.steps() for array in step
        )
        states = [run.optimizer().state for run in (one, other)]
        assert states[0].keys() == states[1].keys()
        assert bits(states[0].values()) == bits(states[1].values())
    assert random_run(0) != random_run(1)
    drawn = [run for run in RUNS if run.inputs.kind == "ordinary"]
    # each from its own seed
    assert (
        len({float(next(run.steps())[0][0, 0]) / 10.0**run.inputs.power for run in drawn})
        > len(drawn) / 2
    )


def test_the_generator_reaches_every_name():
    """Every activation and slope, pair, kind of targets, optimizer, flag, dtype and
    kind of numbers is drawn.
    """
    assert {run.dtype for run in RUNS} == set(DTYPES)
    assert {activation.name for run in RUNS for activation in run.activations[:-1]} == set(
        TRAINABLE
    )
    assert {
        activation.slope
        for run in RUNS
        for activation in run.activations
        if isinstance(activation, LeakyReLU)
    } == set(SLOPES)
    assert {(run.loss, run.activations[-1].name) for run in RUNS} == set(PAIRS)
    assert {(run.loss, run.targets) for run in RUNS} == {
        (loss, kind) for loss, _ in PAIRS for kind in targets_of(loss)
    }
    assert {run.rule for run in RUNS} == set(OPTIMIZERS)
    for flag in ("nesterov", "centered", "amsgrad"):
        assert {run.settings[flag] for run in RUNS if flag in run.settings} == {True, False}
    for setting in (
        "weight_decay",
        "momentum",
        "dampening",
        "alpha",
        "lr_decay",
        "initial_accumulator_value",
    ):
        assert {run.settings[setting] > 0 for run in RUNS if setting in run.settings} == {
            True,
            False,
        }
    for numbers in ("weights", "inputs", "values"):
        assert {getattr(run, numbers).kind for run in RUNS} == set(KINDS)


def test_a_batch_may_come_again():
    """Every step has a batch of its own, or all have the same one."""
    for run in RUNS:
        if len(run.rates) > 1 and run.inputs.kind == "ordinary":
            (x, y, _), (again, same, _) = list(run.steps())[:2]
            assert (bits([x, y]) == bits([again, same])) == run.repeats


def test_some_runs_have_long_sums():
    """Of inputs, of units and of samples, with a thousand terms and more; and few."""
    long = {
        where: [run for run in RUNS if terms(run) > 200]
        for where, terms in {
            "inputs": lambda run: run.sizes[0],
            "units": lambda run: max(run.sizes[1:-1], default=0),
            "samples": lambda run: run.batch,
        }.items()
    }
    assert all(long.values())
    assert sum(map(len, long.values())) < 0.04 * len(RUNS)
    assert max(max(*run.sizes, run.batch) for run in RUNS) > 1000


def test_an_array_that_is_called_imprecise_is_counted_and_said(monkeypatch):
    """It is no broken bound, and the report does not pass."""
    run, _ = first(lambda examined: examined.counts["arrays"])
    record = record_refnet(run.network(), *next(run.steps())[:2], run.loss, run.optimizer())
    doubted = replace(certify(record).results[0], status=IMPRECISE, note="made up")
    certificate = replace(certify(record), results=(doubted,))
    monkeypatch.setattr("parity.experiments.soundness.certify", lambda *_: certificate)
    examined = Examined()
    examined.judge(run, "refnet", record, None)
    report = SoundnessReport(examined)
    assert (examined.counts["imprecise"], examined.counts["refnet broken"]) == (1, 0)
    assert "made up" in examined.broken[0]
    assert not report.passed
    assert report.verdict.endswith("; 1 called imprecise")


def test_the_generator_reaches_every_size():
    """One to four layers and steps, single units and rows, wide outputs, long batches,
    changing rates, zero rates, and late steps.
    """
    assert (
        {len(run.activations) for run in RUNS} == {1, 2, 3, 4} == {len(run.rates) for run in RUNS}
    )
    sizes = {size for run in RUNS for size in run.sizes}
    assert sizes >= {*range(1, 21), *range(24, 65), 100}
    assert min(run.batch for run in RUNS) == 1
    assert max(run.batch for run in RUNS) > 64
    assert any(len(set(run.rates)) == 4 for run in RUNS)
    assert any(0.0 in run.rates for run in RUNS)
    assert {run.past for run in RUNS} == {0, 1, 30, 10_000}
    assert {run.repeats for run in RUNS} == {True, False}


def met(name):
    """How often each corner of a hyper-parameter is met."""
    drawn = [run.settings[name] for run in RUNS if name in run.settings]
    return [drawn.count(corner) for corner in CORNERS[name]]


def test_the_generator_reaches_every_corner():
    """Every one is drawn; in many runs the variance of RMSprop cancels or every rate is
    0, and most runs are ordinary.
    """
    assert all(all(met(name)) for name in CORNERS if name != "betas")
    assert sum(met("betas")) > len(RUNS) / 20
    cancelling = [
        run for run in RUNS if run.settings.get("centered") and run.settings["alpha"] < 0.01
    ]
    assert len(cancelling) > len(RUNS) / 40
    assert sum(run.settings["weight_decay"] > 0.0 for run in cancelling) > len(RUNS) / 60
    assert sum(not any(run.rates) for run in RUNS) > len(RUNS) / 40
    assert {run.spread for run in RUNS} == {1.0, 1e-6, 0.0}
    ordinary = [run for run in RUNS if replace(run, parts=Parts()) == ordinary_run(run.seed)]
    assert len(ordinary) > len(RUNS) / 2


def test_the_generator_reaches_every_part():
    """Every setting of each loss, kind of weights, penalty, way of clipping and limit,
    dropout and missing biases; and most runs have none of them.
    """
    parted = [run.parts for run in RUNS if run.has_parts]
    assert len(RUNS) / 4 < len(parted) < len(RUNS) / 2
    for loss, kind in LOSSES.items():
        rngs = map(np.random.default_rng, range(50))
        drawn = [random_parts(rng, loss, targets_of(loss)[0], (3, 2)).loss_settings for rng in rngs]
        assert {name for settings in drawn for name in settings} == set(kind.defaults), loss
    assert {parts.weights for parts in parted} == {"", *WEIGHTS}
    penalties = [parts.penalty for parts in parted if parts.penalty is not None]
    assert {penalty.name for penalty in penalties} == set(PENALTIES)
    assert {penalty.biases for penalty in penalties} == {True, False}
    clips = [parts.clip for parts in parted if parts.clip is not None]
    assert {kind for kind, _ in clips} == {"norm", "value"}
    assert {limit > 0.0 for _, limit in clips} == {True, False}
    assert {p for parts in parted for p in parts.dropout} == set(DROPS)
    assert any(len(set(parts.biases)) == 2 for parts in parted)
    assert any(parts.biases and not any(parts.biases) for parts in parted)
    ignoring = [run for run in RUNS if run.parts.loss_settings.get("ignore_index") == IGNORED]
    assert any((next(run.steps())[1] == IGNORED).any() for run in ignoring)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_generator_meets_special_values(dtype):
    """Zeros of both signs and subnormals stand in weights and inputs; z = 0 and a = y
    are met exactly; sizes of numbers lie far apart.
    """
    met, sizes = set(), []
    for run in RUNS:
        if run.dtype != dtype:
            continue
        net = run.network()
        x, y, _ = next(run.steps())
        for name, array in (("theta", net.parameters), ("x", x)):
            zero = array == 0.0
            sizes += [abs(array[~zero]).max()] if not zero.all() else []
            met |= {f"0 in {name}"} if (zero & ~np.signbit(array)).any() else set()
            met |= {f"-0 in {name}"} if (zero & np.signbit(array)).any() else set()
            met |= (
                {f"subnormal in {name}"}
                if (~zero & (abs(array) < np.finfo(dtype).tiny)).any()
                else set()
            )
        with np.errstate(all="ignore"):
            trace = net.forward(x)
        met |= {"z = 0"} if any((layer.z == 0.0).any() for layer in trace) else set()
        met |= {"a = y"} if y.ndim == 2 and (trace.output == y).any() else set()
    assert met == {
        f"{what} in {name}" for what in ("0", "-0", "subnormal") for name in ("theta", "x")
    } | {"z = 0", "a = y"}
    assert min(sizes) < 1e-5
    assert max(sizes) > 1e10


def test_no_bound_is_broken(report):
    """Forty runs of refnet and PyTorch break no bound but PyTorch's named ones, and
    every share is a share.
    """
    assert report.passed, "\n".join(report.total.broken)
    assert all(
        0.0 <= share <= 1.0 for row in report.rows for share in (row.median, row.most, *row.largest)
    )
    assert all(row.median <= row.most <= max(row.largest) for row in report.rows)


def test_the_table_has_every_entry_met(report):
    """Every entry of every certificate has a line with all its arrays, and the two
    extremes are named below.
    """
    arrays = sum(row.arrays for row in report.rows)
    assert arrays == report.total.counts["arrays"] - sum(report.total.deviations.values())
    lines = report.lines()
    for row in report.rows:
        assert [line[:38].rstrip() for line in lines].count(row.entry) == 1
    used = {row.entry: max(row.largest) for row in report.rows if max(row.largest) > 0.0}
    assert lines[-2].startswith(f"used least: {min(used, key=used.get)}, ")
    assert lines[-1].startswith(f"used most: {max(used, key=lambda entry: (used[entry], entry))}, ")
    run = random_run(0)
    entries = {
        result.entry
        for result in certify(
            record_refnet(run.network(), *next(run.steps())[:2], run.loss, run.optimizer())
        ).results
    }
    assert all(any(row.entry.endswith(entry) for row in report.rows) for entry in entries)


def test_the_first_line_says_what_was_found(report):
    """The verdict counts runs, steps and arrays, and what both sides broke."""
    assert report.lines()[0] == report.verdict
    counts = report.total.counts
    assert report.verdict.startswith(
        f"40 runs, {counts['steps']:,} steps, {counts['arrays']:,} arrays: no bound broken by "
        f"refnet; "
    )


def test_the_report_is_plain_data(report):
    """The report goes to JSON as it is, and says the same."""
    written = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert written["passed"] is True
    assert written["verdict"] == report.verdict
    assert [row["entry"] for row in written["shares"]] == [row.entry for row in report.rows]
    assert written["counts"] == report.total.counts


def test_both_sides_take_each_step_from_the_same_place(monkeypatch):
    """PyTorch starts each step from refnet's weights, state, batch and rate; refnet's
    records are certified with their wiring.
    """
    seen = []
    monkeypatch.setattr(
        "parity.experiments.soundness.certify",
        lambda record, previous: seen.append((record, previous)) or certify(record, previous),
    )
    run = next(
        run
        for run in RUNS
        if run.rule == "adam"
        and len(run.rates) == 4
        and not run.has_parts
        and examine(run).counts["refused"] == 0
    )
    seen.clear()
    assert examine(run).counts["steps"] == 4
    theirs, ours = seen[::2], seen[1::2]
    assert [previous for _, previous in theirs] == [None] * 4
    assert [previous for _, previous in ours] == [None, *(record for record, _ in ours[:-1])]
    for (record, _), (other, _), (x, y, lr) in zip(ours, theirs, run.steps(), strict=True):
        assert record.spec == other.spec
        assert record.spec.hyperparameters["lr"] == lr
        for one in (record, other):
            assert bits([one.x, one.y]) == bits([x, y])
        assert bits(record.before.W + record.before.b) == bits(other.before.W + other.before.b)
        assert {name: bits([vector]) for name, vector in record.before.state.items()} == {
            name: bits([vector]) for name, vector in other.before.state.items()
        }
    assert bits(ours[0][0].after.W) != bits(ours[0][0].before.W)


def test_a_step_with_parts_is_taken_by_fit_too(monkeypatch):
    """By its fast form, from the same weights and state, with the same weights of the
    rows and masks of its own; whatever PyTorch drops, the examination is the same.
    """
    seen = []
    monkeypatch.setattr(
        "parity.experiments.soundness.certify",
        lambda record, previous: seen.append(record) or certify(record, previous),
    )
    run = next(
        run
        for run in RUNS
        if run.parts.weights and any(run.parts.dropout) and examine(run).counts["refused"] == 0
    )
    seen.clear()
    shares = examine(run).shares
    assert len(seen) == 3 * len(run.rates)
    for theirs, fast, ours in zip(seen[::3], seen[1::3], seen[2::3], strict=True):
        assert theirs.spec == fast.spec == ours.spec
        for other in (theirs, fast):
            assert bits([other.x, other.y, other.sample_weight]) == bits(
                [ours.x, ours.y, ours.sample_weight]
            )
            assert bits(other.before.W + other.before.b) == bits(ours.before.W + ours.before.b)
    masks = [[mask for mask in record.masks if mask is not None] for record in seen[:3]]
    assert bits(masks[0]) != bits(masks[1])
    assert bits(masks[1]) != bits(masks[2])
    torch.manual_seed(9)
    assert examine(run).shares == shares


def test_a_broken_refnet_is_counted_and_named(monkeypatch):
    """With a wrong derivative in refnet alone its bounds break, PyTorch's do not, and
    each sentence has the seed that shows it again.
    """
    monkeypatch.setattr(Sigmoid, "derivative", lambda self, z, a: a)
    run, outcome = first(lambda outcome: outcome.counts["refnet broken"])
    assert outcome.counts["torch broken"] == 0
    report = SoundnessReport(outcome)
    assert not report.passed
    assert f"{outcome.counts['refnet broken']} bound" in report.verdict
    sentence = outcome.broken[0]
    assert sentence in report.lines()
    assert sentence.startswith(f"random_run({run.seed}), step ")
    assert ", refnet: BP" in sentence
    assert "wrong" in sentence
    assert examine(random_run(run.seed)).broken == outcome.broken


def test_the_first_sentences_are_kept_and_the_rest_counted():
    """A report of a great many broken bounds stays readable."""
    total = Examined()
    for number in range(3):
        total.merge(
            Examined(
                Counter({"refnet broken": KEPT}), broken=[f"{number} {i}" for i in range(KEPT)]
            )
        )
    assert total.broken == [f"0 {i}" for i in range(KEPT)]
    assert f"... and {2 * KEPT} more" in SoundnessReport(total).lines()


def deviating():
    """A run and PyTorch's record of its first step, in which PyTorch deviates by
    name.
    """
    for run in RUNS:
        if run.loss == "binary_cross_entropy" and not run.has_parts:
            net, optimizer, (x, y, _) = run.network(), run.optimizer(), next(run.steps())
            optimizer.bind(net)
            model = twin(net)
            record = record_torch(
                model, x, y, twin_loss(run.loss), twin_optimizer(optimizer, model)
            )
            if certify(record).broken:
                return run, record
    raise AssertionError("PyTorch never deviates")


def test_a_named_deviation_of_torch_is_counted_apart():
    """Where PyTorch clamps a saturated probability the report passes, and the deviation
    stands in it by name.
    """
    run, record = deviating()
    outcome = Examined()
    outcome.judge(run, "torch", record, None)
    report = SoundnessReport(outcome)
    assert report.passed
    (name,) = outcome.deviations
    assert outcome.counts["torch deviates"] == 1
    assert any(
        line.startswith(f"named deviation of PyTorch, {name}: 1 array") for line in report.lines()
    )


def test_a_named_deviation_excuses_neither_refnet_nor_the_rest():
    """The same numbers from refnet are broken, and beside a named deviation of PyTorch
    another error is counted.
    """
    run, record = deviating()
    outcome = Examined()
    outcome.judge(run, "refnet", record, None)
    assert outcome.counts["refnet broken"] == 1
    assert not outcome.deviations
    *below, top = record.layers
    wrong = replace(record, layers=(*below, replace(top, db=top.db + 1.0)))
    while outcome.counts["torch broken"] <= KEPT:
        outcome.judge(run, "torch", wrong, None)
    assert any(", torch: BP3 " in sentence for sentence in outcome.broken)
    assert len(outcome.broken) == KEPT


def test_a_refused_step_ends_the_run():
    """A step that refnet refuses is counted, not judged, and is the last one of its
    run; PyTorch takes it alone.
    """
    examined = cache(lambda seed: examine(random_run(seed)))
    run, outcome = first(
        lambda outcome: outcome.counts["refused"] and outcome.counts["steps"] < 4, examined
    )
    assert outcome.counts["refused"] == 1
    assert outcome.counts["refnet broken"] == 0
    assert outcome.counts["steps"] <= len(run.rates)
    _, alone = first(
        lambda outcome: (
            outcome.counts["refused"]
            and outcome.counts["steps"] == 1
            and not outcome.counts["unrecorded"]
        ),
        examined,
    )
    assert alone.counts["arrays"] > 0
    assert {column.split()[0] for _, column in alone.shares} == {"torch"}


def test_an_unexpected_refusal_is_no_refusal(monkeypatch):
    """Only refnet's own words for an impossible step end a run; any other error comes
    through.
    """

    def fail(*_, **__):
        raise ValueError("something else")

    monkeypatch.setattr("parity.experiments.soundness.record_refnet", fail)
    with pytest.raises(ValueError, match=r"^something else$"):
        examine(random_run(0))


def test_any_number_of_processes_reports_the_same(monkeypatch):
    """Two processes come to what one does, run by run in the order of seeds, and leave
    the environment as it was.
    """
    monkeypatch.setattr("parity.experiments.soundness.CHUNK", 4)
    before, calls = dict(os.environ), []
    reports = [soundness(10, 3, lambda: calls.append(1), jobs) for jobs in (1, 2)]
    assert reports[0].as_json() == reports[1].as_json()
    assert reports[0].lines() == reports[1].lines()
    assert len(calls) == 2 * 10
    assert dict(os.environ) == before


def test_no_runs_prove_nothing():
    """Where nothing was examined nothing is broken, and nothing passed."""
    report = soundness(0)
    assert report.verdict.startswith("0 runs, 0 steps, 0 arrays: no bound broken by refnet")
    assert not report.passed
