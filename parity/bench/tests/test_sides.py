"""Every side takes the right step, or is caught; JAX may be missing."""

import os
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import refnet
from parity.bench import benchmark, timing
from parity.bench.report import NETS
from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.judge import JUDGED_LR, STEPS, Judgement, judge
from parity.bench.sides.refnet import floor, multiply, products, refnet_fit, refnet_step
from parity.bench.sides.setting import RULES, TIMED_LR, Setting
from parity.bench.tables import steps
from parity.bench.tests.jax_stand_in import Grad
from parity.bench.tests.little import LITTLE, SMALL, TINY
from parity.bench.timing import Timing

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
        verdict = judged(make, setting)
        assert (verdict.problem, verdict.arrays) == ("", 5 * STEPS)
        assert (
            verdict.vague < verdict.arrays
            if rule == "Adam" and dtype == "float64"
            else verdict.vague == 0 or dtype == "float32"
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


FORMS = ("as asked", "as asked, row by row", "transposed", "transposed, row by row")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_form_of_a_product_is_the_same_product_in_the_same_memory(dtype):
    """To the bit where the factors are small integers, which no order of summation
    rounds; transposed where it says so, and row by row.
    """
    rng = np.random.default_rng(0)
    for product in products(replace(SMALL, sizes=(5, 4, 6, 3), dtype=dtype)):
        for factor in (product.a, product.b):
            factor[...] = rng.integers(-9, 9, factor.shape)
        forms = list(product.forms())
        assert tuple(form.form for form in forms) == FORMS
        for form in forms:
            product.out.fill(np.nan)
            multiply([form])
            assert np.array_equal(product.out, product.a @ product.b) is (
                not form.form.startswith("transposed")
            )
            turned = form.out.T if form.form.startswith("transposed") else form.out
            assert np.array_equal(turned, product.a @ product.b)
            assert np.shares_memory(form.out, product.out)
            if form.form.endswith("row by row"):
                assert form.a.flags.c_contiguous
                assert form.b.flags.c_contiguous


def row_of(call):
    """The products that a call multiplies."""
    return call.args[0]


def test_the_floor_has_each_product_in_its_fastest_form(monkeypatch):
    """As the choosing said, once for a kind; none is left out."""
    given, asked = products(replace(SMALL, sizes=(5, 4, 4, 4, 3))), []

    def fastest(calls, seconds):
        asked.append(seconds)
        alone = [row_of(call) for call in calls.values() if len(row_of(call)) == 1]
        if not alone:
            return list(calls)[-1]
        return list(calls)[1 if alone[0][0].a.shape[0] == SMALL.rows else 2]

    monkeypatch.setattr("parity.bench.sides.refnet.fastest", fastest)
    chosen = floor(given, 1.0)
    assert [each.form for each in chosen] == [
        FORMS[1 if each.a.shape[0] == SMALL.rows else 2] for each in given
    ]
    for own, form in zip(given, chosen, strict=True):
        assert np.shares_memory(own.out, form.out)
    assert asked == [1.0 / 11] * len({each.kind for each in given}) + [1.0]
    assert len({each.kind for each in given}) < len(given)


def test_the_floor_is_in_one_form_where_that_is_faster_in_a_row(monkeypatch):
    """A choice of each alone is not the last word."""
    monkeypatch.setattr("parity.bench.sides.refnet.fastest", lambda calls, _: list(calls)[3])
    assert {each.form for each in floor(products(SMALL), 1.0)} == {FORMS[3]}


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
    assert steps.judged_as(NETS[-1]).net_name == "784-128-128-10 n32"
    assert [steps.judged_as(net).net_name for net in NETS[:6]] == [net.net_name for net in NETS[:6]]
    assert {steps.judged_as(net).lr for net in NETS} == {JUDGED_LR}


def test_the_fastest_form_is_chosen(monkeypatch):
    """By the medians of the choosing."""
    sides = [SimpleNamespace(form=form, step=None) for form in "abc"]
    timings = {
        form: Timing((seconds,), 1, 1.0) for form, seconds in (("a", 2.0), ("b", 1.0), ("c", 3.0))
    }
    monkeypatch.setattr(timing, "interleaved", lambda *_: timings)
    assert steps.fastest_form(sides, 1.0).form == "b"


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
    assert fake.seen["XLA_FLAGS"] == f"--mine {jax_side.pool_of(1)['XLA_FLAGS']}"
    assert fake.seen["NPROC"] == "1"
    assert (os.environ["XLA_FLAGS"], "NPROC" in os.environ) == ("--mine", False)
    assert (fake.seen["jax_enable_x64"], fake.seen["jax_cpu_enable_async_dispatch"]) == (
        True,
        False,
    )


def test_jax_can_be_asked_for_two_threads(monkeypatch):
    """By the first call, in the same way."""
    fake = Grad()
    monkeypatch.setitem(sys.modules, "jax", fake)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    jax_side.jax.cache_clear()
    try:
        assert jax_side.jax(2) is fake
    finally:
        jax_side.jax.cache_clear()
    assert (fake.seen["NPROC"], fake.seen["XLA_FLAGS"]) == (
        "2",
        "--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads=2",
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
    heading = next(benchmark._header(LITTLE, fake.__version__ if installed else "not installed"))
    assert heading.startswith(
        "JAX of the test, 1 thread   " if installed else "JAX not installed   usable"
    )
    assert row.problem == ""
