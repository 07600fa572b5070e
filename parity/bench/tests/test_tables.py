"""The tables hold what was measured, and a wrong side, training or loop in them is
caught.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import refnet
from parity.bench import benchmark
from parity.bench.report import AXES, BenchReport
from parity.bench.sides import jax as jax_side
from parity.bench.sides.judge import judge
from parity.bench.sides.refnet import layers_of
from parity.bench.sides.setting import Setting, Side
from parity.bench.tables import digits, growth, loops, parts, steps, threads
from parity.bench.tests.little import ALMOST_NOTHING, LITTLE, SMALL, TINY, make_little
from parity.bench.timing import exponent
from parity.tests.command import run

# wrong sides in the table


def doubled(self, *given):
    """A fast form with twice the gradient."""
    value, gradients = REAL(self, *given)
    gradients.vector[...] *= 2.0
    return value, gradients


REAL, COST = refnet.fast.workspace.Workspace.loss_and_gradients, jax_side._cost
WRONG = {
    "refnet": ("refnet.fast.workspace.Workspace.loss_and_gradients", doubled),
    "PyTorch": (
        "parity.bench.sides.torch.twin_loss",
        lambda loss: torch.nn.CrossEntropyLoss(reduction="sum"),
    ),
    "JAX": (
        "parity.bench.sides.jax._cost",
        lambda *given: lambda *step: 2.0 * COST(*given)(*step),
    ),
}


@pytest.mark.parametrize("side", WRONG)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_side_is_named(monkeypatch, fake_jax, side, dtype):
    """The row tells whose step is wrong and what is wrong with it; the report has
    failed, with that as its verdict.
    """
    monkeypatch.setattr(*WRONG[side])
    steps._judged.cache_clear()
    try:
        row = steps.measure(replace(TINY, dtype=dtype, batches=2), 1, 1e-4)
    finally:
        steps._judged.cache_clear()
    assert re.match(rf"{side}, 2-2 n4 {dtype}: \S", row.problem)
    report = BenchReport(LITTLE, "", rows=[row])
    assert (report.passed, report.verdict) == (False, f"WRONG. {row.problem}")


def test_a_wrong_side_exits_1(monkeypatch, tmp_path):
    """The verdict says WRONG, and so does a line under the row."""
    make_little(monkeypatch)
    monkeypatch.setattr(*WRONG["PyTorch"])
    monkeypatch.setattr(
        benchmark,
        "QUICK",
        replace(ALMOST_NOTHING, dtypes=("float64",)),
    )
    steps._judged.cache_clear()
    try:
        status, out, err = run("bench", "--quick", "--json", str(tmp_path / "found.json"))
    finally:
        steps._judged.cache_clear()
    assert (status, err) == (1, "")
    assert out.splitlines()[-1].startswith("WRONG. PyTorch, 2-2 n4 float64: ")
    assert any(
        line.startswith("WRONG: PyTorch, 2-2 n4 float64: ") for line in out.splitlines()[:-1]
    )
    written = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (written["passed"], written["verdict"]) == (False, out.splitlines()[-1])


def test_a_step_that_refnet_refuses_is_wrong(monkeypatch):
    """It is a verdict and no traceback."""
    make_little(monkeypatch)

    def refuse(*_):
        raise FloatingPointError("layer 1: gradient of W has nan")

    monkeypatch.setattr(benchmark, "run", refuse)
    assert run("bench", "--quick", "--quiet") == (1, "WRONG. layer 1: gradient of W has nan\n", "")


# digits, loops


def test_the_trainings_take_the_same_steps(little):
    """Two mini-batches of 40 images; each tells the loss and the accuracy that it came
    to.
    """
    for training in little.report.digits:
        assert {name: end.steps for name, end in training.ends.items()} == {
            "fit": 2,
            "PyTorch": 2,
            "scikit-learn": 2,
        }
        assert all(
            np.isfinite(end.loss) and 0.0 < end.accuracy < 1.0 for end in training.ends.values()
        )
        assert training.problem == ""
        assert (
            training._replace(epochs=2).problem
            == f"digits, {training.dtype}: fit took 2 steps, expected 4"
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_jax_trains_too(fake_jax, dtype):
    """Its epochs, scanned, with a smaller batch at the end, are as many steps, and each
    is the step that `fit` takes.
    """
    training = digits.trainings(dtype, 2, 1, 1e-4, 0, images=40)
    assert (training.ends["JAX, compiled"].steps, training.problem) == (4, "")
    setting = replace(SMALL, rows=4, dtype=dtype, lr=0.5)
    x, labels = setting.data(1)
    x, labels = np.concatenate([x, x[:3]]), np.concatenate([labels, labels[:3]])
    losses, layers = jax_side.jax_trainer(setting, x, labels)(3)
    net = setting.network()
    settings = {"epochs": 3, "batch_size": 4, "seed": setting.seed}
    history = refnet.fit(
        net, x, labels, loss=setting.loss(), optimizer=setting.optimizer(), **settings
    )
    close = partial(
        pytest.approx, rel=64 * float(np.finfo(dtype).eps), abs=64 * float(np.finfo(dtype).eps)
    )
    assert losses == close(history.loss)
    for layer, (W, b) in zip(net.layers, layers, strict=True):
        assert close(layer.W) == W
        assert close(layer.b) == b


def test_a_training_that_stops_early_is_caught(monkeypatch):
    """scikit-learn's steps are counted by what it says itself."""
    real = digits.MLPClassifier
    monkeypatch.setattr(
        digits,
        "MLPClassifier",
        lambda **given: real(**{**given, "n_iter_no_change": 1, "tol": 10.0}),
    )
    training = digits.trainings("float64", 5, 1, 1e-4, 0, images=40)
    assert re.fullmatch(
        r"digits, float64: scikit-learn took \d steps, expected 10", training.problem
    )


def test_rows_that_scikit_learn_has_not_seen_are_caught(monkeypatch):
    """An epoch of it has to have gone through every row."""

    class Skipping(digits.MLPClassifier):
        def fit(self, x, y):
            super().fit(x, y)
            self.t_ -= 1
            return self

    monkeypatch.setattr(digits, "MLPClassifier", Skipping)
    training = digits.trainings("float64", 1, 1, 1e-4, 0, images=40)
    assert training.problem == "digits, float64: scikit-learn took 39 steps, expected 2"


def test_loops_and_fit_have_the_same_curve(little):
    """Both are judged step by step; the curves are told apart by their largest relative
    difference.
    """
    descent = little.report.loops
    assert (descent.problem, descent.images, len(descent.curve[0]), len(descent.curve[1])) == (
        "",
        40,
        60,
        60,
    )
    assert descent.curve[0][1] < descent.curve[0][0]
    assert descent._replace(curve=([1.0, 4.0], [1.0, 3.0])).apart == 0.25
    assert len(descent.judged) == 5
    assert not any(judged.vague for judged in descent.judged.values())


@pytest.mark.parametrize(
    ("target", "wrong", "who"),
    [
        (
            "refnet.forms.accumulated.slope",
            lambda layer, z, h: 1.0 + 0.0 * z,
            "loops over samples: ",
        ),
        ("parity.bench.tables.loops.CURVATURE", 2.0, "loops over samples: "),
        ("parity.bench.tables.loops.ALPHA", 0.5, None),
        (
            "parity.bench.tables.loops.looped",
            lambda net, x: loops.matrix(net, x) * 1.25,
            "forward pass, looped: a",
        ),
        (
            "parity.bench.tables.loops.matrix",
            lambda net, x: loops.looped(net, -x),
            "forward pass, matrix: z",
        ),
    ],
)
def test_wrong_loops_are_caught(monkeypatch, target, wrong, who):
    """Whichever of the loops is wrong; another learning rate for all is not."""
    monkeypatch.setattr(target, wrong)
    descent = loops.headlines(1, 1e-4, 1, 0, images=6)
    assert descent.problem.startswith(who) if who else descent.problem == ""


def test_an_iteration_of_the_loops_is_full_batch_descent():
    """Three steps of it are judged to be SGD's with alpha as the learning rate, and not
    with another one; the network moves in place.
    """
    net = refnet.mlp((3, 4, 2), hidden="sigmoid", output="sigmoid", seed=1)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]
    for lr, right in ((loops.ALPHA, True), (0.3, False)):
        moved = net.copy()
        side = Side(partial(loops.iterate, moved, x, y), partial(layers_of, moved))
        judged = judge(side, net.copy(), (x, y), refnet.HalfSquaredError(), refnet.SGD(lr=lr))
        assert (judged.problem == "", judged.vague) == (right, 0)


# growth, threads


def test_the_peak_is_what_is_held_at_once():
    """Two arrays of a mebibyte held together count, what was there before does not, and
    what is given back is not counted twice.
    """
    before = np.ones(2**17)
    assert 2**21 <= growth.peak(lambda: (np.ones(2**17), np.ones(2**17))) < 2**21 + 2**16
    assert 2**20 <= growth.peak(lambda: [np.ones(2**17).sum() for _ in range(3)]) < 2**20 + 2**16
    assert growth.peak(before.sum) < 2**16


def test_growth_has_a_figure_for_each_size_and_the_exponents_through_them(little):
    """Nothing else changes along an axis."""
    assert [curve.axis.name for curve in little.report.growth] == [
        "width",
        "depth",
        "batch",
        "rows",
        "steps",
    ]
    for curve in little.report.growth:
        sizes = curve.axis.sizes
        assert len(curve.timings) == len(sizes) == 2
        assert curve.time == exponent(sizes, [timing.median for timing in curve.timings])
        assert (len(curve.peaks) == 2) is curve.axis.memory
        inputs = [curve.axis.make(size) for size in sizes]
        changed = {
            name
            for (a, _), (b, _) in [inputs]
            for name in ("sizes", "rows", "batches")
            if getattr(a, name) != getattr(b, name)
        }
        want = {
            "width": {"sizes"},
            "depth": {"sizes"},
            "batch": {"rows"},
            "rows": {"batches"},
            "steps": set(),
        }
        assert changed == want[curve.axis.name]


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.name)
def test_an_axis_grows_as_its_sizes_say(axis):
    """Layers, rows of a batch, rows in all, or steps."""
    for size in axis.sizes:
        setting, epochs = axis.make(size)
        rows = setting.rows * setting.batches
        steps = epochs * setting.batches
        largest = {
            "width": setting.sizes[1],
            "depth": len(setting.sizes) - 1,
            "batch": setting.rows,
            "rows": rows,
            "steps": steps,
        }
        assert largest[axis.name] == size
    assert len(axis.sizes) == len(axis.scaled(0.5).sizes) == 5


def is_running(process):
    """Whether it has not ended."""
    return process.poll() is None


def test_busy_processes_are_ended_however_it_ends():
    """They run inside the block, and none afterwards, with or without an error."""
    with threads.busy_processes(2) as started:
        assert [is_running(process) for process in started] == [True, True]
    assert not any(map(is_running, started))
    with pytest.raises(KeyboardInterrupt), threads.busy_processes(1) as again:
        raise KeyboardInterrupt
    assert not any(map(is_running, again))


def test_busy_processes_end_with_the_process_that_started_them():
    """Were it killed, they would see that it is gone: their output is closed then."""
    start = "subprocess.Popen([sys.executable, '-c', sys.argv[1], str(os.getpid())])"
    code = f"import os, subprocess, sys\nprint({start}.pid, flush=True)\nos._exit(7)"
    with subprocess.Popen(
        [sys.executable, "-c", code, threads.BUSY], stdout=subprocess.PIPE, bufsize=0
    ) as starter:
        # the busy one says "." in the same pipe, and may come first
        pid = int(next(line for line in iter(starter.stdout.readline, b"") if line != b".\n"))
        try:
            while (
                ready := select.select([starter.stdout], [], [], 10.0)[0]
            ) and starter.stdout.read(1):
                pass
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert (starter.returncode, ready) == (7, [starter.stdout])


def test_the_pool_has_its_threads_only_where_it_should(monkeypatch, little):
    """One thread, the pool, for the step and for fit, idle and busy; afterwards it is
    as before.
    """
    seen = []

    class Controller:
        @contextmanager
        def limit(self, limits, user_api):
            seen.append((limits, user_api))
            yield

    monkeypatch.setattr(threads, "ThreadpoolController", Controller)
    monkeypatch.setattr(threads, "QUIET", 0.0)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    said, real = [], threads.alone

    def alone(*given):
        said.append([os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")])
        return real(*given)

    monkeypatch.setattr(threads, "alone", alone)
    threads._measured(Setting((3, 2), 4, batches=1), 5, 1, 1e-4)
    assert seen == [(1, "blas"), (5, "blas")] * 2
    assert said == [[None, None]] * 4  # so that fit decides
    assert [os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")] == [
        "5",
        None,
    ]
    (row,) = little.report.threads
    assert list(row.idle) == list(row.busy) == ["step, one", "step, pool", "fit, one", "fit, pool"]
    assert {len(timing.seconds) for timing in row.busy.values()} == {2}


# a step with one thing more


@pytest.mark.parametrize("name", parts.PARTS)
def test_both_sides_take_the_step_with_a_part(name):
    """The step that is timed is certified, with PyTorch's from the same masks."""
    _, having = parts.PARTS[name]
    assert parts.problem(having) == ""


def test_a_wrong_step_with_a_part_is_named(monkeypatch):
    """The row says whose step is wrong, and where."""
    monkeypatch.setattr(refnet.fast.workspace.Workspace, "loss_and_gradients", doubled)
    (row,) = parts.measure(("L2",), "float64", 2, 1e-4, 0)
    assert row.problem.startswith("refnet, 64-30-10 relu-identity, softmax_cross_entropy on labels")
    assert "BP3" in row.problem
    assert row.ratio > 0.0
    assert row.with_over_without > 0.0
