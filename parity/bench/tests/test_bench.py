"""The benchmark: turns and medians on clocks of our own, right steps on every side and
wrong ones caught, what is printed and written.
"""

import gc
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
from types import SimpleNamespace

import matplotlib.figure
import numpy as np
import pytest
import torch

import refnet
from parity.bench import benchmark
from parity.bench import figure as bench_figure
from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.judge import JUDGED_LR, STEPS, Judgement, judge
from parity.bench.sides.refnet import layers_of, multiply, products, refnet_fit, refnet_step
from parity.bench.sides.setting import RULES, TIMED_LR, Setting, Side
from parity.bench.tables import digits, growth, loops, steps, threads
from parity.bench.timing import WARM, Timing, alone, exponent, interleaved
from parity.tests.command import WITHOUT, run

SMALL = Setting((5, 4, 3), 7, "float64", lr=JUDGED_LR)
TINY = Setting((2, 2), 4, "float64", lr=JUDGED_LR)
LITTLE = benchmark.Plan(
    "a little of everything",
    repeats=3,
    seconds=1e-4,
    nets=(Setting((2, 2), 4, batches=2), Setting((5, 3, 2), 4, batches=2)),
    others=(Setting((5, 3, 2), 4, hidden="tanh", rule="Adam", batches=2),),
    epochs=1,
    images=40,
    iterations=2,
    axes=tuple(
        axis._replace(sizes=sizes)
        for axis, sizes in zip(
            benchmark.AXES, ((2, 3), (1, 2), (3, 5), (64, 128), (16, 32)), strict=True
        )
    ),
    pooled=(Setting((3, 2), 4, batches=2),),
    busy_repeats=2,
)


def make_little(patch):
    """Little to measure, and no JAX, whether or not it is installed."""
    patch.setattr(benchmark, "QUICK", LITTLE)
    patch.setattr(threads, "BUSY_SECONDS", 1e-3)
    patch.setattr(threads, "QUIET", 0.0)
    patch.setattr(jax_side, "jax", lambda: None)
    patch.delenv("OPENBLAS_CORETYPE", raising=False)


@pytest.fixture(scope="module")
def little(tmp_path_factory):
    """What `parity bench --quick` does with little to measure, the report and what it
    writes.
    """
    folder, reports, real = tmp_path_factory.mktemp("little"), [], benchmark.run
    with pytest.MonkeyPatch.context() as patch:
        make_little(patch)
        patch.setattr(benchmark, "run", lambda *given: reports.append(real(*given)) or reports[-1])
        done = run(
            "bench",
            "--quick",
            "--seed",
            "3",
            "--json",
            str(folder / "found.json"),
            "--plot",
            str(folder / "found.png"),
        )
    written = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return SimpleNamespace(done=done, report=reports[0], folder=folder, json=written)


# timing


class Clock:
    """A clock that goes on by what is done; the CPU's goes on at a pace of its own."""

    def __init__(self):
        self.now, self.busy, self.log = 0.0, 0.0, []

    def side(self, name, *seconds, cores=1.0):
        """A side whose calls take so long, the last figure for all further ones."""
        left = list(seconds)

        def call():
            took = left.pop(0) if len(left) > 1 else left[0]
            self.now += took
            self.busy += cores * took
            self.log.append(name)

        return call

    def time(self, sides, repeats, seconds):
        return interleaved(sides, repeats, seconds, lambda: self.now, lambda: self.busy)


def test_sides_take_turns_in_ever_other_orders():
    """After the calls that find out how many fit, every repeat times each side once,
    warmed up, and nobody always follows the same one.
    """
    clock = Clock()
    found = clock.time({name: clock.side(name, 1.0) for name in "abc"}, 12, 1.0)
    log = "".join(clock.log)
    assert log[:6] == "aabbcc"
    repeats = [log[i : i + 6] for i in range(6, len(log), 6)]
    assert {"".join(sorted(repeat)) for repeat in repeats} == {"aabbcc"}
    assert all(repeat[0::2] == repeat[1::2] for repeat in repeats)
    assert len({repeat[0::2] for repeat in repeats}) > 3
    assert all(timing.seconds == (1.0,) * 12 for timing in found.values())


def test_the_first_calls_after_another_side_do_not_count():
    """Up to WARM of them, as many as are timed."""
    clock = Clock()
    found_out = 1 + 1 + 2  # calls that find out that eight fit
    side = clock.side("a", *[0.125] * found_out, *[9.0] * WARM, 0.125)
    assert clock.time({"a": side}, 1, 1.0)["a"].seconds == (0.125,)
    assert len(clock.log) == found_out + WARM + 8


def test_the_first_call_does_not_count_and_the_calls_in_a_row_fill_the_time():
    """A side that sets up at first is not taken for a slow one; a repeat is as many
    calls as take about the time wanted.
    """
    clock = Clock()
    found = clock.time({"a": clock.side("a", 64.0, 0.125), "b": clock.side("b", 2.0)}, 3, 1.0)
    assert (found["a"].calls, found["b"].calls) == (8, 1)
    assert found["a"].seconds == (0.125,) * 3
    assert found["b"].seconds == (2.0,) * 3


def test_the_figure_is_the_median_of_the_repeats():
    """One slow repeat in three does not show; the cores are the CPU's seconds by the
    clock's.
    """
    clock = Clock()
    found = clock.time(
        {"a": clock.side("a", 1.0, 1.0, 5.0, 1.0, 5.0, 9.0, 5.0, 2.0, cores=0.5)}, 3, 1.0
    )["a"]
    assert (found.seconds, found.median, found.cores) == ((1.0, 9.0, 2.0), 2.0, 0.5)
    assert found.over(4) == Timing((0.25, 2.25, 0.5), 4, 0.5)
    assert found.as_json() == {"median": 2.0, "seconds": [1.0, 9.0, 2.0], "calls": 1, "cores": 0.5}


def test_a_side_alone_is_called_until_the_time_is_over():
    """The first call does not count; what a repeat began is finished, and its mean is
    the repeat's figure.
    """
    clock = Clock()
    side = clock.side("a", 64.0, *[0.25] * 4, 3.0, 0.5, cores=2.0)
    found = alone(side, 3, 1.0, lambda: clock.now, lambda: clock.busy)
    assert found == Timing((0.25, 3.0, 0.5), 2, 2.0)


def test_the_garbage_collector_waits_and_is_back_afterwards():
    """It is off while sides are timed, also where one fails."""
    seen = []

    def fail():
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        interleaved({"a": fail}, 1, 1.0)
    assert (seen, gc.isenabled()) == ([False], True)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_its_power(power):
    """Sizes and figures are powers of 2 or their products with 3: only logarithms
    round, each within a unit of its last place.
    """
    sizes = [2.0, 6.0, 8.0, 48.0, 256.0]
    assert exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(
        power, rel=0, abs=64 * np.finfo(float).eps
    )
    assert exponent([1, 2], [5, 40]) == pytest.approx(3.0, rel=0, abs=64 * np.finfo(float).eps)


def test_the_exponent_is_the_least_squares_slope():
    """Points off the line pull as in np.polyfit, another way to solve the same."""
    sizes, figures = [1.0, 2.0, 4.0, 16.0], [1.0, 3.0, 2.0, 50.0]
    (slope, _), residuals, _, _ = np.linalg.lstsq(
        np.c_[np.log(sizes), np.ones(4)], np.log(figures), rcond=None
    )
    assert residuals > 0.1
    assert exponent(sizes, figures) == pytest.approx(slope, rel=1e-12)


# the sides


class Grad:
    """Enough of JAX to run its side on: arrays are PyTorch's, so are the
    derivatives.
    """

    def __init__(self):
        self.seen = {}
        self.__version__ = "of the test"
        self.config = SimpleNamespace(update=self.seen.__setitem__)
        self.nn = SimpleNamespace(
            relu=torch.relu,
            sigmoid=torch.sigmoid,
            log_softmax=partial(torch.log_softmax, dim=-1),
            one_hot=lambda y, classes, dtype: torch.nn.functional.one_hot(y, classes).to(dtype),
        )
        self.tree = SimpleNamespace(map=self.each)
        self.lax = SimpleNamespace(scan=self.scan)
        self.numpy = SimpleNamespace(
            asarray=lambda a: torch.tensor(a if a.dtype.kind == "f" else a.astype(np.int64)),
            zeros=lambda shape, dtype: torch.zeros(shape, dtype=dtype),
            **{name: getattr(torch, name) for name in ("tanh", "sqrt", "zeros_like")},
        )

    def scan(self, step, carry, given):
        values = []
        for each in zip(*given, strict=True):
            carry, value = step(carry, each)
            values.append(value)
        return carry, torch.stack(values)

    def devices(self):
        self.seen |= {name: os.environ.get(name) for name in jax_side.ONE_THREAD}

    def jit(self, function, donate_argnums=()):
        self.seen["donated"] = donate_argnums
        return function

    def each(self, function, *trees):
        if isinstance(trees[0], torch.Tensor):
            return function(*trees)
        return [
            tuple(function(*leaves) for leaves in zip(*layers, strict=True))
            for layers in zip(*trees, strict=True)
        ]

    def value_and_grad(self, cost):
        def both(parameters, *given):
            leaves = self.each(lambda p: p.clone().requires_grad_(), parameters)
            value = cost(leaves, *given)
            value.backward()
            return value.detach(), self.each(lambda p: p.grad, leaves)

        return both


@pytest.fixture
def fake_jax(monkeypatch):
    """JAX is there, in a form of our own."""
    fake = Grad()
    monkeypatch.setattr(jax_side, "jax", lambda: fake)
    return fake


MAKERS = {
    "refnet": refnet_step,
    "fit": lambda setting: refnet_fit(setting, 1, 1),
    **{f"PyTorch, {form}": partial(torch_side.torch_step, form=form) for form in torch_side.FORMS},
    "loop": lambda setting: torch_side.torch_loop(setting, 1, 1),
    **{f"JAX, {form}": partial(jax_side.jax_step, form=form) for form in jax_side.FORMS},
}


def judged(make, setting):
    """What is said of a side."""
    return judge(
        make(setting), setting.network(), setting.data(), setting.loss(), setting.optimizer()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("hidden", "rule"), [*(("relu", rule) for rule in RULES), ("tanh", "SGD"), ("sigmoid", "SGD")]
)
def test_every_side_takes_the_right_step(fake_jax, dtype, hidden, rule):
    """Loss, W and b of three steps are what they must be, and in float64 they are
    judged, though not all that Adam divides by its root.
    """
    setting = replace(SMALL, dtype=dtype, hidden=hidden, rule=rule)
    for make in MAKERS.values():
        found = judged(make, setting)
        assert (found.problem, found.arrays) == ("", 5 * STEPS)
        assert (
            found.vague < found.arrays
            if rule == "Adam" and dtype == "float64"
            else found.vague == 0 or dtype == "float32"
        )
        side = make(setting)
        before = side.layers()
        side.step()
        assert all(
            (W != V).any() and (b != c).any()
            for (W, b), (V, c) in zip(before, side.layers(), strict=True)
        )
        assert {W.dtype for W, _ in side.layers()} == {np.dtype(dtype)}


def off(side, wrong):
    """The same side with something wrong after each step."""
    return side._replace(step=lambda: wrong(side))


@pytest.mark.parametrize("name", ["refnet", "PyTorch, fused", "JAX, donated"])
def test_a_side_that_does_not_step_or_tells_another_loss_is_caught(fake_jax, name):
    """What is judged is what the side shows."""
    start = MAKERS[name](TINY).layers()
    assert judged(MAKERS[name], TINY).problem == ""
    assert judged(
        lambda setting: MAKERS[name](setting)._replace(layers=lambda: start), TINY
    ).problem
    loud = judged(lambda setting: off(MAKERS[name](setting), lambda side: 2.0 * side.step()), TINY)
    assert loud.problem.startswith("C (cost)")


def test_what_is_shown_but_cannot_be_judged_in_float64_is_no_pass(monkeypatch):
    """A judgement that rounding leaves nothing of is said to be none."""
    monkeypatch.setattr("parity.bench.sides.judge.vague", lambda runs: 15)
    assert judged(refnet_step, SMALL).problem.startswith("not judged: ")
    assert judged(refnet_step, replace(SMALL, dtype="float32")) == Judgement("", 15, 15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_products_are_those_of_the_step_and_no_others(dtype):
    """In order: z but for b, then delta below but for f' and dW, to the bit; nothing
    for dC/dx.
    """
    setting = replace(SMALL, sizes=(5, 4, 6, 3), dtype=dtype)
    net, loss, (x, y) = setting.network(), setting.loss(), setting.data()
    trace, given = net.forward(x), products(setting)
    gradients = net.backward(trace, loss, y)
    left = iter(given)

    def out():
        product = next(left)
        assert np.isnan(product.out.fill(np.nan) or product.out).all()
        multiply([product])
        return product.out

    for layer, done in zip(net.layers, trace, strict=True):
        assert np.array_equal(out() + layer.b, done.z)
    for i in (2, 1, 0):
        if i < 2:
            f = net.layers[i].activation
            assert np.array_equal(f.pullback(out(), trace[i].z, trace[i].a), gradients[i].delta)
        assert np.array_equal(out(), gradients[i].dW)
    assert next(left, None) is None
    assert all(
        product.out.dtype == dtype and not np.shares_memory(product.out, product.a)
        for product in given
    )


def test_all_products_are_multiplied():
    """None is left out."""
    given = products(SMALL)
    for product in given:
        product.out.fill(np.nan)
    multiply(given)
    assert len(given) == 3 * 2 - 1
    assert all(np.isfinite(product.out).all() for product in given)


@pytest.mark.parametrize("make", ["fit", "loop"])
def test_fit_and_the_loop_take_as_many_steps_as_they_are_divided_by(monkeypatch, make):
    """Every epoch takes each batch once, shuffled; the loop's mean loss is over the
    rows.
    """
    seen, real = [], refnet.optimizers.Optimizer.step_into
    monkeypatch.setattr(
        refnet.optimizers.Optimizer,
        "step_into",
        lambda self, net, g: seen.append(1) or real(self, net, g),
    )
    if make == "fit":
        refnet_fit(SMALL, 3, 2).step()
        assert len(seen) == 6
    else:
        x, y, batches = torch.arange(10.0)[:, None], torch.arange(10), []

        def take(x, y):
            batches.append((x[:, 0].tolist(), y.tolist()))
            return float(y.double().mean())

        history = torch_side.loop(take, x, y, 2, 4, torch.Generator().manual_seed(0))
        assert [len(b) for b, _ in batches] == [4, 4, 2] * 2
        assert all(b == y for b, y in batches)
        assert sorted(label for _, y in batches[:3] for label in y) == list(range(10))
        assert batches[:3] != batches[3:]
        assert history == [4.5, 4.5]


def test_only_the_timed_learning_rate_is_tiny():
    """It is judged with one that shows, on the same code."""
    assert (SMALL.optimizer().lr, Setting((2, 2), 4).optimizer().lr) == (JUDGED_LR, TIMED_LR)


@pytest.mark.parametrize(
    ("sizes", "rows", "name"),
    [
        ((2, 2), 4, "2-2 n4"),
        ((64, *(64,) * 8, 10), 32, "64-64x8-10 n32"),
        ((7, 5, 5, 3), 1, "7-5-5-3 n1"),
    ],
)
def test_nets_are_named_by_sizes_and_rows(sizes, rows, name):
    """Three or more hidden layers of a size are counted."""
    assert Setting(sizes, rows).net_name == name


def test_wide_nets_are_judged_on_narrower_ones():
    """The others are judged themselves; the row says on which."""
    assert steps.judged_as(benchmark.NETS[-1]).net_name == "784-128-128-10 n32"
    assert [steps.judged_as(net).net_name for net in benchmark.NETS[:6]] == [
        net.net_name for net in benchmark.NETS[:6]
    ]
    assert {steps.judged_as(net).lr for net in benchmark.NETS} == {JUDGED_LR}


def test_the_fastest_form_is_chosen(monkeypatch):
    """By the medians of the choosing."""
    sides = [SimpleNamespace(form=form, step=None) for form in "abc"]
    found = {
        form: Timing((seconds,), 1, 1.0) for form, seconds in (("a", 2.0), ("b", 1.0), ("c", 3.0))
    }
    monkeypatch.setattr(steps, "interleaved", lambda *_: found)
    assert steps.fastest(sides, 1.0).form == "b"


# JAX


def test_jax_is_asked_for_one_thread_and_the_environment_is_as_before(monkeypatch):
    """The variables are set while it starts, beside what was set already, and neither
    afterwards.
    """
    fake = Grad()
    monkeypatch.setitem(sys.modules, "jax", fake)
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    monkeypatch.delenv("NPROC", raising=False)
    jax_side.jax.cache_clear()
    try:
        assert jax_side.jax() is fake
    finally:
        jax_side.jax.cache_clear()
    assert fake.seen["XLA_FLAGS"] == f"--mine {jax_side.ONE_THREAD['XLA_FLAGS']}"
    assert fake.seen["NPROC"] == "1"
    assert (os.environ["XLA_FLAGS"], "NPROC" in os.environ) == ("--mine", False)
    assert (fake.seen["jax_enable_x64"], fake.seen["jax_cpu_enable_async_dispatch"]) == (
        True,
        False,
    )


@pytest.mark.parametrize("installed", [True, False])
def test_without_jax_its_column_is_empty_and_the_header_says_so(monkeypatch, installed):
    """With it, the row has its timing, its form and its judgement."""
    fake = Grad()
    monkeypatch.setitem(sys.modules, "jax", fake if installed else None)
    jax_side.jax.cache_clear()
    try:
        module = jax_side.jax()
        row = steps.measure(replace(TINY, batches=2), 1, 1e-4)
    finally:
        jax_side.jax.cache_clear()
    assert module is (fake if installed else None)
    assert ("JAX" in row.timings, "JAX" in row.judged, "JAX" in row.forms) == (installed,) * 3
    assert (row.ratio("JAX") is None) is not installed
    assert row.line()[30:].split()[3].startswith("-") is not installed
    told = next(benchmark._header(LITTLE, fake.__version__ if installed else "not installed"))
    assert told.startswith(
        "JAX of the test, 1 thread   " if installed else "JAX not installed   usable"
    )
    assert row.problem == ""


# wrong sides in the table


def doubled(self, x, y):
    """A fast form with twice the gradient."""
    value, gradients = REAL(self, x, y)
    gradients.vector[...] *= 2.0
    return value, gradients


REAL = refnet.fast.workspace.Workspace.loss_and_gradients
WRONG = {
    "refnet": ("refnet.fast.workspace.Workspace.loss_and_gradients", doubled),
    "PyTorch": (
        "parity.bench.sides.torch.twin_loss",
        lambda loss: torch.nn.CrossEntropyLoss(reduction="sum"),
    ),
    "JAX": (
        "parity.bench.sides.jax._cost",
        lambda module, hidden, layers: (
            lambda p, x, y: sum((W * W).sum() + b.sum() for W, b in layers(p))
        ),
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
    report = benchmark.Report(LITTLE, "", rows=[row])
    assert (report.passed, report.verdict) == (False, f"WRONG. {row.problem}")


def test_a_wrong_side_exits_1(monkeypatch, tmp_path):
    """The verdict says WRONG, and so does a line under the row."""
    make_little(monkeypatch)
    monkeypatch.setattr(*WRONG["PyTorch"])
    monkeypatch.setattr(
        benchmark,
        "QUICK",
        replace(LITTLE, nets=LITTLE.nets[:1], others=(), dtypes=("float64",), axes=(), pooled=()),
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
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["passed"], found["verdict"]) == (False, out.splitlines()[-1])


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
    for found in little.report.digits:
        assert {name: end.steps for name, end in found.ends.items()} == {
            "fit": 2,
            "PyTorch": 2,
            "scikit-learn": 2,
        }
        assert all(
            np.isfinite(end.loss) and 0.0 < end.accuracy < 1.0 for end in found.ends.values()
        )
        assert found.problem == ""
        assert (
            found._replace(epochs=2).problem
            == f"digits, {found.dtype}: fit took 2 steps, expected 4"
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_jax_trains_too(fake_jax, dtype):
    """Its epochs, scanned, with a smaller batch at the end, are as many steps, and each
    is the step that `fit` takes.
    """
    found = digits.trainings(dtype, 2, 1, 1e-4, 0, images=40)
    assert (found.ends["JAX, compiled"].steps, found.problem) == (4, "")
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
    found = digits.trainings("float64", 5, 1, 1e-4, 0, images=40)
    assert re.fullmatch(r"digits, float64: scikit-learn took \d steps, expected 10", found.problem)


def test_rows_that_scikit_learn_has_not_seen_are_caught(monkeypatch):
    """An epoch of it has to have gone through every row."""

    class Skipping(digits.MLPClassifier):
        def fit(self, x, y):
            super().fit(x, y)
            self.t_ -= 1
            return self

    monkeypatch.setattr(digits, "MLPClassifier", Skipping)
    found = digits.trainings("float64", 1, 1, 1e-4, 0, images=40)
    assert found.problem == "digits, float64: scikit-learn took 39 steps, expected 2"


def test_loops_and_fit_have_the_same_curve(little):
    """Both are judged step by step; the curves are told apart by their largest relative
    difference.
    """
    found = little.report.loops
    assert (found.problem, found.images, len(found.curve[0]), len(found.curve[1])) == (
        "",
        40,
        60,
        60,
    )
    assert found.curve[0][1] < found.curve[0][0]
    assert found._replace(curve=([1.0, 4.0], [1.0, 3.0])).apart == 0.25
    assert len(found.judged) == 5
    assert not any(judged.vague for judged in found.judged.values())


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
            "forward pass, matrix: a",
        ),
    ],
)
def test_wrong_loops_are_caught(monkeypatch, target, wrong, who):
    """Whichever of the loops is wrong; another learning rate for all is not."""
    monkeypatch.setattr(target, wrong)
    found = loops.headlines(1, 1e-4, 1, 0, images=6)
    assert found.problem.startswith(who) if who else found.problem == ""


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
    assert [found.axis.name for found in little.report.growth] == [
        "width",
        "depth",
        "batch",
        "rows",
        "steps",
    ]
    for found in little.report.growth:
        sizes = found.axis.sizes
        assert len(found.timings) == len(sizes) == 2
        assert found.time == exponent(sizes, [timing.median for timing in found.timings])
        assert (len(found.peaks) == 2) is found.axis.memory
        made = [found.axis.make(size) for size in sizes]
        changed = {
            name
            for (a, _), (b, _) in [made]
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
        assert changed == want[found.axis.name]


@pytest.mark.parametrize("axis", benchmark.AXES, ids=lambda axis: axis.name)
def test_an_axis_grows_as_its_sizes_say(axis):
    """Layers, rows of a batch, rows in all, or steps."""
    for size in axis.sizes:
        setting, epochs = axis.make(size)
        rows = setting.rows * setting.batches
        steps = epochs * setting.batches
        found = {
            "width": setting.sizes[1],
            "depth": len(setting.sizes) - 1,
            "batch": setting.rows,
            "rows": rows,
            "steps": steps,
        }
        assert found[axis.name] == size
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
        pid = int(starter.stdout.readline())
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


# the command


def test_what_is_printed(little):
    """Header, a row for each net and dtype, the other tables, and the verdict last."""
    status, out, err = little.done
    lines = out.removesuffix("\n").split("\n")
    assert (status, err) == (0, "")
    assert lines[2].startswith("JAX not installed   usable cores ")
    assert lines[3] == "Medians of 3, a little of everything"
    number = r"(?: +\d+\.\d)"
    row = (
        rf"{number}{{2}} +-{number} +\d+\.\d\d +- +\d+\.\d\d{number}{{2}} +\d+\.\d\d   "
        rf"({'|'.join(torch_side.FORMS)})"
    )
    for net in ("2-2 n4", "5-3-2 n4", "5-3-2 n4 tanh Adam"):
        assert [
            bool(re.fullmatch(rf"{net} +{bits}{row}", line)) for line in lines for bits in (32, 64)
        ].count(True) == 2
    for name in ("fit", "PyTorch", "scikit-learn"):
        assert (
            sum(bool(re.match(rf"{name} +(32|64) +\d+\.\d ms +\d+\.\d\d ", line)) for line in lines)
            == 2
        )
    axes = [f"{axis.name:<8} " for axis in LITTLE.axes]
    for start in (
        "Full-batch descent on 40 digits",
        "Forward pass of 100-100-50-10",
        *axes,
        "3-2 n4 ",
    ):
        assert sum(line.startswith(start) for line in lines) == 1
    assert any(line.startswith("Judged: ") for line in lines)
    rows = [*little.report.rows, *little.report.others]
    cores = [
        f"{name} {max(row.timings[name].cores for row in rows):.2f}" for name in rows[0].timings
    ]
    assert f"Cores kept busy in a row of the tables above, at most: {', '.join(cores)}" in lines
    assert lines[-1] == little.report.verdict
    assert lines[-1].startswith("Measured. PyTorch / refnet step ")
    assert "JAX" not in lines[-1]


def test_the_printed_figures_are_those_found(little):
    """Medians in microseconds, and their ratios."""
    row = little.report.rows[0]
    median = {name: timing.median for name, timing in row.timings.items()}
    words = row.line()[30:].split()
    assert words[:5] == [
        "32",
        f"{median['refnet'] * 1e6:.1f}",
        f"{median['PyTorch'] * 1e6:.1f}",
        "-",
        f"{median['products'] * 1e6:.1f}",
    ]
    assert words[5:8] == [
        f"{median['PyTorch'] / median['refnet']:.2f}",
        "-",
        f"{median['refnet'] / median['products']:.2f}",
    ]
    assert words[8:11] == [
        f"{median['fit'] * 1e6:.1f}",
        f"{median['loop'] * 1e6:.1f}",
        f"{median['loop'] / median['fit']:.2f}",
    ]
    ratios = [each.ratio("PyTorch") for each in (*little.report.rows, *little.report.others)]
    assert (
        f"PyTorch / refnet step {min(ratios):.2f} to {max(ratios):.2f}; " in little.report.verdict
    )
    assert len(ratios) == 6
    assert all(
        each.timings[name].calls % (steps.EPOCHS * 2) == 0
        for each in little.report.rows
        for name in ("fit", "loop")
    )


def test_json_holds_every_repeat(little):
    """By table and side, as many seconds as there were repeats, and the median is
    theirs.
    """
    found = little.json
    assert list(found)[:4] == ["passed", "verdict", "environment", "plan"]
    assert (found["passed"], found["verdict"], found["jax"]) == (
        True,
        little.report.verdict,
        "not installed",
    )
    rows = [(net, dtype) for net in ("2-2 n4", "5-3-2 n4") for dtype in ("float32", "float64")]
    assert [(row["net"], row["dtype"]) for row in found["steps"]] == rows
    sides = [side for row in found["steps"] + found["others"] for side in row["sides"].values()]
    sides += [side for each in found["digits"] for side in each["sides"].values()]
    sides += [*found["loops"]["descent"].values(), *found["loops"]["forward"].values()]
    sides += [timing for each in found["growth"] for timing in each["timings"]] + [
        *found["threads"][0]["idle"].values()
    ]
    assert {len(side["seconds"]) for side in sides} == {3}
    assert all(side["median"] == sorted(side["seconds"])[1] > 0.0 for side in sides)
    assert found["steps"][0]["ratios"]["JAX/refnet"] is None
    assert all(
        judged["problem"] == "" for row in found["steps"] for judged in row["judged"].values()
    )


def test_quiet_prints_the_verdict_alone(monkeypatch):
    """One line."""
    make_little(monkeypatch)
    monkeypatch.setattr(
        benchmark,
        "QUICK",
        replace(LITTLE, nets=LITTLE.nets[:1], others=(), dtypes=("float32",), axes=(), pooled=()),
    )
    status, out, err = run("bench", "--quick", "--quiet")
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert out.startswith("Measured. ")


@pytest.mark.parametrize("kernel", [None, "Haswell"])
def test_a_kernel_that_was_chosen_by_hand_is_said(monkeypatch, kernel):
    """OPENBLAS_CORETYPE makes another kernel than the processor's own run."""
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if kernel:
        monkeypatch.setenv("OPENBLAS_CORETYPE", kernel)
    lines = list(benchmark._header(LITTLE, "not installed"))
    assert len(lines) == (3 if kernel else 2)
    assert not kernel or lines[2].startswith("WARNING: OPENBLAS_CORETYPE=Haswell: ")


def test_sides_that_used_more_or_less_than_a_core_are_said(little):
    """By name; a machine that was busy once for all."""

    def with_cores(cores):
        row = little.report.rows[0]
        return replace(
            row, timings={**row.timings, "PyTorch": row.timings["PyTorch"]._replace(cores=cores)}
        )

    def told(*cores):
        rows = [
            replace(with_cores(1.0), timings={"PyTorch": with_cores(each).timings["PyTorch"]})
            for each in cores
        ]
        return list(benchmark.Report(LITTLE, "", rows=rows).warnings())

    assert told(1.0, 1.2, 0.8) == []
    assert told(1.5) == ["WARNING: PyTorch, 2-2 n4 float32 used 1.50 cores, expected one thread"]
    (busy,) = told(0.5, 1.0, 0.7)
    assert busy.startswith(
        "WARNING: the machine was busy: 2 of 3 timings got less than 0.8 of a core"
    )


def test_a_pool_that_had_no_cores_of_its_own_is_said(little):
    """Where no row of the idle table kept the pool's threads busy, the machine was not
    idle.
    """

    def told(cores):
        row = little.report.threads[0]
        idle = {name: timing._replace(cores=cores) for name, timing in row.idle.items()}
        return list(
            benchmark.Report(LITTLE, "", threads=[row._replace(threads=2, idle=idle)]).warnings()
        )

    assert told(2.0) == []
    assert told(1.0) == [
        (
            "WARNING: the machine was not idle: a pool of threads had 50% of its cores; the "
            "table of "
            "threads shows that"
        )
    ]


def test_help_says_what_is_measured():
    """What a step is, every table, and the options."""
    status, out, _ = run("bench", "--help")
    assert status == 0
    assert all(
        word in out
        for word in (
            "--quick",
            "--plot",
            "--json",
            "--seed",
            "A step is: ",
            "JAX",
            "scikit-learn",
            "growth",
            "threads",
        )
    )


def test_quick_measures_less():
    """The same tables with medians of at least seven, in one dtype; the full plan has
    both.
    """
    assert benchmark.FULL.repeats >= benchmark.QUICK.repeats >= 7
    assert (benchmark.FULL.dtypes, benchmark.QUICK.dtypes) == (("float32", "float64"), ("float32",))
    assert benchmark.QUICK.rows < benchmark.FULL.rows
    assert set(benchmark.QUICK.others) < set(benchmark.FULL.others)


def test_without_scikit_learn_it_exits_2_with_one_sentence():
    """Before anything is printed."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "sklearn", "bench", "--quick"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == 'parity: parity bench needs scikit-learn: python -m pip install "refnet[parity]"\n'
    )


# the picture


def test_the_picture_shows_what_was_found(little, monkeypatch):
    """A panel of steps for each dtype with a mark for each net and side, time and
    memory with their exponents.
    """
    assert (little.folder / "found.png").read_bytes().startswith(b"\x89PNG")
    drawn = []
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda self, path, **_: drawn.append(self)
    )
    bench_figure.draw(little.report, "somewhere.png")
    narrow, wide, time, memory = drawn[0].axes
    for axes, dtype in ((narrow, "float32"), (wide, "float64")):
        rows = [row for row in little.report.rows if row.setting.dtype == dtype]
        assert dtype in axes.get_title()
        assert axes.get_xscale() == "log"
        assert [label.get_text() for label in axes.get_yticklabels()] == [
            row.setting.net_name for row in rows
        ]
        marks = {
            line.get_label(): list(line.get_xdata())
            for line in axes.lines
            if not line.get_label().startswith("_")
        }
        want = {"refnet": "refnet", "PyTorch": "PyTorch", "matrix products alone": "products"}
        assert marks == {
            label: [row.timings[name].median * 1e6 for row in rows] for label, name in want.items()
        }
    for axes, power, names in (
        (time, "time", "width depth batch rows steps"),
        (memory, "memory", "width depth batch rows"),
    ):
        found = {each.axis.name: getattr(each, power) for each in little.report.growth}
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == [f"{name}: exponent {found[name]:.2f}" for name in names.split()]
