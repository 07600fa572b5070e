"""Little to measure: small settings, and a plan with a little of everything."""

import json
from contextlib import contextmanager
from dataclasses import replace

from parity.bench import benchmark
from parity.bench.report import AXES, Plan
from parity.bench.sides import jax as jax_side
from parity.bench.sides import torch as torch_side
from parity.bench.sides.judge import JUDGED_LR
from parity.bench.sides.setting import Setting
from parity.bench.tables import threads, wide

SMALL = Setting((5, 4, 3), 7, "float64", lr=JUDGED_LR)
TINY = Setting((2, 2), 4, "float64", lr=JUDGED_LR)
LITTLE = Plan(
    "a little of everything",
    repeats=3,
    seconds=1e-4,
    nets=(Setting((2, 2), 4, batches=2), Setting((5, 3, 2), 4, batches=2)),
    others=(Setting((5, 3, 2), 4, hidden="tanh", rule="Adam", batches=2),),
    parts=("class weights", "weights of rows", "L2", "clip_norm", "dropout, hidden", "no biases"),
    epochs=1,
    images=40,
    iterations=2,
    axes=tuple(
        axis._replace(sizes=sizes)
        for axis, sizes in zip(AXES, ((2, 3), (1, 2), (3, 5), (64, 128), (16, 32)), strict=True)
    ),
    pooled=(Setting((3, 2), 4, batches=2),),
    busy_repeats=2,
    wide=(Setting((7, 3, 2), 4), Setting((7, 3, 2), 4, rule="Adam")),
)
ALMOST_NOTHING = replace(LITTLE, nets=LITTLE.nets[:1], others=(), axes=(), pooled=(), wide=())


@contextmanager
def here(plan):
    """What the process with two threads writes, written by this one."""
    before = torch_side.use_threads(1)
    try:
        yield iter(json.loads(json.dumps([*wide.main(**plan)])))
    finally:
        torch_side.use_threads(before)


def make_little(patch):
    """Little to measure, in one process, on as many cores as it takes, and no JAX,
    whether or not it is installed.
    """
    patch.setattr(benchmark, "QUICK", LITTLE)
    patch.setattr(threads, "BUSY_SECONDS", 1e-3)
    patch.setattr(threads, "QUIET", 0.0)
    patch.setattr(wide, "QUIET", 0.0)
    patch.setattr(wide, "_process", here)
    patch.setattr(wide, "usable_cores", lambda: wide.THREADS)
    patch.setattr(jax_side, "jax", lambda threads=1: None)
    patch.delenv("OPENBLAS_CORETYPE", raising=False)
