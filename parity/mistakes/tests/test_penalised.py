"""Runs with a penalty or with clipping: no right program is accused, and mistakes are
named beside them.
"""

from dataclasses import replace

import pytest

from parity.mistakes.catalogue.index import BY_ID
from parity.mistakes.diagnosis.diagnosis import diagnose_runs
from parity.mistakes.search.replay import run_of, run_of_case, simulate
from parity.steps.cases import DTYPES, Case
from parity.steps.pytorch import record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import record_refnet
from refnet import L1, L2, ElasticNet

BASE = Case("probe", (4, 5, 3), ("tanh",), batch=6)
CASES = [
    replace(BASE, penalty=L1(0.1)),
    replace(BASE, penalty=ElasticNet(0.1, 0.3, biases=True), settings={"momentum": 0.9}),
    replace(BASE, clip=("norm", 0.1), penalty=L2(0.3)),
    replace(BASE, clip=("norm", 50.0), optimizer="adam", settings={"weight_decay": 0.1}),
    replace(BASE, clip=("value", 0.03), optimizer="adamw"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["refnet", "torch"])
def test_a_right_run_is_right(case, dtype, side):
    """By refnet and by PyTorch."""
    case = replace(case, dtype=dtype)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    model, asked = twin(net), {"penalty": case.penalty, **case.clipping}
    torch_loss, torch_optimizer = twin_loss(loss), twin_optimizer(optimizer, model)
    records = []
    for x, y, lr in case.steps():
        optimizer.lr = torch_optimizer.param_groups[0]["lr"] = lr
        records.append(
            record_refnet(net, x, y, loss, optimizer, **asked)
            if side == "refnet"
            else record_torch(model, x, y, torch_loss, torch_optimizer, **asked)
        )
    assert not diagnose_runs([run_of(records)])


DECAYING = replace(
    BASE, penalty=L1(0.1), clip=("norm", 0.1), settings={"lr": 0.5, "weight_decay": 0.3}
)


@pytest.mark.parametrize(
    "name",
    [
        "decay-ignored",
        "decay-not-on-b",
        "decay-doubled",
        "hidden-derivative-missing",
        "averaged-in-the-gradients",
        "averaged-in-the-update",
        "gradients-negated-and-added",
        "penalty-subtracted",
        "clip-per-layer",
    ],
)
def test_other_mistakes_are_named_beside_them(name):
    """A weight decay beside a penalty, signs and averages in other places: each is told
    from what the penalty and the clipping do.
    """
    bug, run = BY_ID[name], run_of_case(DECAYING)
    (finding,) = diagnose_runs([run_of(simulate(run, [(bug, bug.layers(run.spec))]))])
    assert name in (finding.bug, *finding.alike)
    assert finding.verdict == bug.verdict
