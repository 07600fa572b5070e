"""What `parity bench` prints, writes and draws is what was found."""

import re
import subprocess
import sys
from dataclasses import replace

import matplotlib.figure
import pytest

from parity.bench import benchmark
from parity.bench import figure as bench_figure
from parity.bench.report import FULL, QUICK, BenchReport
from parity.bench.sides import torch as torch_side
from parity.bench.tables import steps
from parity.bench.tests.little import ALMOST_NOTHING, LITTLE, make_little
from parity.tests.command import WITHOUT, run


def test_what_is_printed(little):
    """Header, a row for each net and dtype, the other tables, and the verdict last."""
    status, out, err = little.done
    lines = out.removesuffix("\n").split("\n")
    assert (status, err) == (0, "")
    assert lines[2].startswith("JAX not installed   usable cores ")
    assert lines[3] == "Medians of 3, a little of everything"
    head = r"ReLU and SGD where not said +dtype +refnet +PyTorch +JAX +products +floor .* share"
    assert sum(bool(re.fullmatch(head, line)) for line in lines) == 3
    number = r"(?: +\d+(?:\.\d)?)"
    step = rf"{number}{{2}} +-{number}{{2}} +\d+\.\d\d +- +\d+\.\d\d +\d+%"
    training = rf"{number}{{2}} +\d+\.\d\d   ({'|'.join(torch_side.FORMS)})"
    for net in ("2-2 n4", "5-3-2 n4", "5-3-2 n4 tanh Adam"):
        for figures in (step, training):
            row = rf"{net} +(float32|float64){figures}"
            dtypes = [match[1] for line in lines if (match := re.fullmatch(row, line))]
            assert dtypes == ["float32", "float64"]
    for net in ("7-3-2 n4", "7-3-2 n4 Adam"):
        (at,) = [i for i, line in enumerate(lines) if re.fullmatch(rf"{net} +float32{step}", line)]
        assert re.fullmatch(
            r"  cores kept busy +\d\.\d\d +\d\.\d\d +- +\d\.\d\d +\d\.\d\d", lines[at + 1]
        )
    for name in ("fit", "PyTorch", "scikit-learn"):
        row = rf"{name} +(float32|float64) +\d+\.\d ms +\d+\.\d\d "
        assert sum(bool(re.match(row, line)) for line in lines) == 2
    axes = [f"{axis.name:<8} " for axis in LITTLE.axes]
    for start in (
        "Full-batch descent on 40 digits",
        "Forward pass of 100-100-50-10",
        *axes,
        "3-2 n4                idle ",
        "3-2 n4                busy ",
    ):
        assert sum(line.startswith(start) for line in lines) == 1
    assert any(line.startswith("Judged: ") for line in lines)
    rows = [*little.report.rows, *little.report.others]
    cores = [
        f"{name} {max(row.timings[name].cores for row in rows):.2f}" for name in rows[0].timings
    ]
    assert f"Most cores kept busy: {', '.join(cores)}" in lines
    assert lines[-1] == little.report.verdict
    assert lines[-1].startswith("Measured. PyTorch / refnet: a step ")
    assert not any(line.startswith("JAX / ") for line in lines)
    assert max(map(len, lines)) <= 106


def microseconds(seconds):
    """As the tables print it."""
    return f"{seconds * 1e6:.1f}" if seconds < 1e-3 else f"{seconds * 1e6:.0f}"


def test_the_printed_figures_are_those_found(little):
    """Medians in microseconds, and their ratios."""
    row = little.report.rows[0]
    seconds = zip(row.timings, (7e-6, 3e-3, 5e-6, 2e-6, 11e-6, 1.3e-3), strict=True)
    timings = {name: row.timings[name]._replace(seconds=(took,)) for name, took in seconds}
    row = replace(row, timings=timings)
    median = {name: timing.median for name, timing in row.timings.items()}
    words = row.line()[28:].split()
    assert words[:6] == [
        "float32",
        microseconds(median["refnet"]),
        microseconds(median["PyTorch"]),
        "-",
        microseconds(median["products"]),
        microseconds(median["floor"]),
    ]
    assert words[6:] == [
        f"{median['PyTorch'] / median['refnet']:.2f}",
        "-",
        f"{median['refnet'] / median['products']:.2f}",
        f"{median['floor'] / median['refnet']:.0%}",
    ]
    assert row.training_line()[28:].split()[:4] == [
        "float32",
        microseconds(median["fit"]),
        microseconds(median["loop"]),
        f"{median['loop'] / median['fit']:.2f}",
    ]
    ratios = [each.ratio("PyTorch") for each in (*little.report.rows, *little.report.others)]
    assert (
        f"PyTorch / refnet: a step {min(ratios):.2f} to {max(ratios):.2f}, "
        in little.report.verdict
    )
    assert len(ratios) == 6
    shares = [each.ratio("floor") for each in (*little.report.rows, *little.report.others)]
    said = f"floor / refnet, the share that no step can do without: {min(shares):.0%} to "
    assert any(line == f"{said}{max(shares):.0%}" for line in little.done[1].splitlines())
    assert all(
        each.timings[name].calls % (steps.EPOCHS * 2) == 0
        for each in little.report.rows
        for name in ("fit", "loop")
    )


def test_json_holds_every_repeat(little):
    """By table and side, as many seconds as there were repeats, and the median is
    theirs.
    """
    written = little.json
    assert list(written)[:4] == ["passed", "verdict", "environment", "plan"]
    assert (written["passed"], written["verdict"], written["jax"]) == (
        True,
        little.report.verdict,
        "not installed",
    )
    rows = [(net, dtype) for net in ("2-2 n4", "5-3-2 n4") for dtype in ("float32", "float64")]
    assert [(row["net"], row["dtype"]) for row in written["steps"]] == rows
    sides = [side for row in written["steps"] + written["others"] for side in row["sides"].values()]
    sides += [side for each in written["digits"] for side in each["sides"].values()]
    sides += [*written["loops"]["descent"].values(), *written["loops"]["forward"].values()]
    sides += [timing for each in written["growth"] for timing in each["timings"]] + [
        *written["threads"][0]["idle"].values()
    ]
    sides += [side for row in written["two_threads"]["steps"] for side in row["sides"].values()]
    assert {len(side["seconds"]) for side in sides} == {3}
    assert all(side["median"] == sorted(side["seconds"])[1] > 0.0 for side in sides)
    first = written["steps"][0]
    assert first["ratios"]["JAX/refnet"] is None
    assert first["ratios"]["floor/refnet"] == (
        first["sides"]["floor"]["median"] / first["sides"]["refnet"]["median"]
    )
    assert len(first["floor_forms"]) == 2  # z and dW of one layer
    assert [row["net"] for row in written["two_threads"]["steps"]] == ["7-3-2 n4"] * 2
    assert written["two_threads"]["left_out"] == ""
    assert all(
        judged["problem"] == "" for row in written["steps"] for judged in row["judged"].values()
    )


def test_quiet_prints_the_verdict_alone(monkeypatch):
    """One line."""
    make_little(monkeypatch)
    monkeypatch.setattr(
        benchmark,
        "QUICK",
        replace(ALMOST_NOTHING, dtypes=("float32",)),
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

    def warnings(*cores):
        rows = [
            replace(with_cores(1.0), timings={"PyTorch": with_cores(each).timings["PyTorch"]})
            for each in cores
        ]
        return list(BenchReport(LITTLE, "", rows=rows).warnings())

    assert warnings(1.0, 1.2, 0.8) == []
    assert warnings(1.5) == [
        "WARNING: PyTorch, 2-2 n4 float32 used 1.50 cores, expected one thread"
    ]
    (busy,) = warnings(0.5, 1.0, 0.7)
    assert busy.startswith(
        "WARNING: the machine was busy: 2 of 3 timings got less than 0.8 of a core"
    )


def test_a_pool_that_had_no_cores_of_its_own_is_said(little):
    """Where no row of the idle table kept the pool's threads busy, the machine was not
    idle.
    """

    def warnings(cores):
        row = little.report.threads[0]
        idle = {name: timing._replace(cores=cores) for name, timing in row.idle.items()}
        return list(
            BenchReport(LITTLE, "", threads=[row._replace(threads=2, idle=idle)]).warnings()
        )

    assert warnings(2.0) == []
    assert warnings(1.0) == [
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
            "wide",
            "floor",
        )
    )


def test_quick_measures_less():
    """The same tables with medians of at least seven, in one dtype; the full plan has
    both.
    """
    assert FULL.repeats >= QUICK.repeats >= 7
    assert (FULL.dtypes, QUICK.dtypes) == (("float32", "float64"), ("float32",))
    assert QUICK.rows < FULL.rows
    assert set(QUICK.others) < set(FULL.others)


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
        == 'parity: parity bench needs scikit-learn: python -m pip install -e ".[parity]"\n'
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
        want = {
            "refnet": "refnet",
            "PyTorch": "PyTorch",
            "floor: products alone": "floor",
        }
        assert marks == {
            label: [row.timings[name].median * 1e6 for row in rows] for label, name in want.items()
        }
    for axes, power, names in (
        (time, "time", "width depth batch rows steps"),
        (memory, "memory", "width depth batch rows"),
    ):
        powers = {each.axis.name: getattr(each, power) for each in little.report.growth}
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == [f"{name}: exponent {powers[name]:.2f}" for name in names.split()]
