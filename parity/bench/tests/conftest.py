"""What `parity bench` does with little to measure, once for all, and a JAX that is
always there.
"""

import json
from types import SimpleNamespace

import pytest

from parity.bench import benchmark
from parity.bench.sides import jax as jax_side
from parity.bench.tests.jax_stand_in import Grad
from parity.bench.tests.little import make_little
from parity.tests.command import run


@pytest.fixture(scope="session")
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


@pytest.fixture
def fake_jax(monkeypatch):
    """JAX is there, in a form of our own."""
    fake = Grad()
    monkeypatch.setattr(jax_side, "jax", lambda threads=1: fake)
    return fake
