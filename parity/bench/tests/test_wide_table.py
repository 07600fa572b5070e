"""Two threads on wide layers: who gets them, and what is said where they cannot be
had.
"""

import subprocess
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from parity.bench import benchmark
from parity.bench.report import BenchReport
from parity.bench.sides import jax as jax_side
from parity.bench.sides.setting import Setting
from parity.bench.tables import steps, wide
from parity.bench.tests.little import LITTLE, SMALL, TINY, make_little

NARROW = (Setting((3, 2), 4), Setting((5, 3, 2), 4, rule="Adam", seed=1))


def test_every_pool_has_two_threads_in_a_process_of_its_own(monkeypatch):
    """Also where the environment asks for one; the rows come in order, with what was
    timed, and are judged.
    """
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    measured = wide.Wide()
    rows = list(wide.measure(measured, NARROW, 2, 1e-4))
    assert measured.pools == {"NumPy's BLAS": "2", "PyTorch": "2"}
    assert [row.setting for row in rows] == list(NARROW)
    for row, judged in zip(rows, measured.rows, strict=True):
        sides = ["refnet", "PyTorch", *(["JAX"] if "JAX" in row.forms else []), "products", "floor"]
        assert list(row.timings) == sides
        assert {len(timing.seconds) for timing in row.timings.values()} == {2}
        assert len(row.floor_forms) == 3 * (len(row.setting.sizes) - 1) - 1
        assert {"refnet", "PyTorch"} <= set(judged.judged)
        assert judged.problem == ""
    assert (measured.ended, measured.left_out) == ("", "")


def test_jax_has_two_threads_there(monkeypatch, fake_jax):
    """It is asked for them before anything else is asked of it."""
    seen = []
    monkeypatch.setattr(jax_side, "jax", lambda threads=1: seen.append(threads) or fake_jax)
    monkeypatch.setattr(wide.torch_side, "use_threads", int)
    monkeypatch.setattr(wide, "QUIET", 0.0)
    (_, row) = wide.main([SMALL.__dict__], 1, 1e-4)
    assert (seen[0], "JAX" in row["sides"]) == (2, True)


def test_a_process_that_ends_too_early_is_said(monkeypatch):
    """With what came of it, and no traceback."""

    @contextmanager
    def broken(plan):
        yield iter([{"PyTorch": "2"}])

    monkeypatch.setattr(wide, "_process", broken)
    measured = wide.Wide()
    assert not list(wide.measure(measured, NARROW, 1, 1e-4))
    assert list(measured.warnings()) == [
        "the process that measures two threads ended after 0 of 2 rows"
    ]


def test_the_process_is_ended_with_the_block(monkeypatch):
    """Whatever it still had to measure."""
    started, real = [], subprocess.Popen
    monkeypatch.setattr(
        wide.subprocess, "Popen", lambda *a, **b: started.append(real(*a, **b)) or started[-1]
    )
    with pytest.raises(KeyboardInterrupt), wide._process({}):
        raise KeyboardInterrupt
    assert started[0].poll() is not None


def test_pools_that_are_not_of_two_are_said(little):
    """Those that could not be had, those that used more, and those that had to
    share.
    """
    row = little.report.wide.rows[0]

    def warnings(*cores, pools=()):
        timings = {
            name: row.timings["floor"]._replace(cores=each)
            for name, each in zip(("refnet", "PyTorch"), cores, strict=True)
        }
        return list(wide.Wide([replace(row, timings=timings)], dict(pools)).warnings())

    assert warnings(2.0, 1.3) == warnings(1.6, 0.9) == warnings(2.4, 2.4) == []
    assert warnings(1.0, 1.5) == [
        (
            "the machine was not idle: pools of 2 threads had to share its cores; PyTorch, "
            "7-3-2 n4 float32 had the most, 1.50"
        )
    ]
    assert warnings(3.5, 2.0) == ["refnet, 7-3-2 n4 float32 used 3.50 cores, expected 2 threads"]
    (one,) = warnings(2.0, 2.0, pools={"NumPy's BLAS": "1", "PyTorch": "2"}.items())
    assert one == "NumPy's BLAS was asked for 2 threads and says 1"


def test_a_wrong_side_with_two_threads_is_named(monkeypatch):
    """The report has failed."""
    make_little(monkeypatch)
    summed = torch.nn.CrossEntropyLoss(reduction="sum")
    monkeypatch.setattr("parity.bench.sides.torch.twin_loss", lambda loss: summed)
    report = BenchReport(LITTLE, "")
    steps._judged.cache_clear()
    try:
        list(wide.measure(report.wide, [replace(TINY, batches=2)], 1, 1e-4))
    finally:
        steps._judged.cache_clear()
    assert report.verdict.startswith("WRONG. PyTorch, 2-2 n4 float64: ")


def test_where_a_second_thread_has_no_core_the_table_is_left_out(monkeypatch):
    """One line says so in its place, and the JSON; nothing is measured."""
    make_little(monkeypatch)
    monkeypatch.setattr(wide, "usable_cores", lambda: 1)
    monkeypatch.setattr(wide, "measure", None)
    printed, report = [], BenchReport(LITTLE, "")
    screen = SimpleNamespace(line=lambda text="", style="": printed.append(text))
    benchmark._wide(screen, report, 0, None)
    reason = "Two threads on wide layers: left out, for a second thread has no core here"
    assert printed == ["", reason]
    assert report.as_json()["two_threads"]["left_out"] == reason
    assert not list(report.warnings())
