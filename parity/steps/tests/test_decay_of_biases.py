"""Weight decay without biases in records of refnet and PyTorch: parameter groups."""

import numpy as np
import pytest

from parity import certify, compare, record_refnet, record_torch, twin, twin_loss, twin_optimizer
from parity.steps.record import FitRecorder
from refnet import fit, mlp
from refnet.optimizers import OPTIMIZERS

each_rule = pytest.mark.parametrize("name", OPTIMIZERS)
each_bias = pytest.mark.parametrize("bias", [True, False])


def batch(bias=True):
    """A network, x and y."""
    rng = np.random.default_rng(3)
    net = mlp((4, 5, 3), "tanh", "identity", seed=2, bias=bias)
    return net, rng.normal(size=(6, 4)), rng.normal(size=(6, 3))


def rule(name, decay=0.3):
    """An optimizer whose decay leaves biases out."""
    return OPTIMIZERS[name](lr=0.1, weight_decay=decay, decay_biases=False)


@each_rule
@each_bias
def test_both_sides_take_the_same_steps(name, bias):
    """Two steps of each pass, with the biases in a group of their own, and agree."""
    net, x, y = batch(bias)
    optimizer, model = rule(name), twin(net)
    torch_optimizer, previous = twin_optimizer(optimizer, model), [None, None]
    for _ in range(2):
        ours = record_refnet(net, x, y, "mse", optimizer)
        theirs = record_torch(model, x, y, twin_loss("mse"), torch_optimizer)
        due = ((("b1", "b2"), {"weight_decay": 0.0}),) if bias else ()
        assert ours.spec.groups == due
        assert theirs.spec == ours.spec
        for record, before in zip((ours, theirs), previous, strict=True):
            assert certify(record, before).passed, certify(record, before).verdict
        if previous == [None, None]:
            assert compare(theirs, ours).passed
        previous = [ours, theirs]


def test_pytorch_has_two_groups():
    """The weights with the decay, and the biases without."""
    net, *_ = batch()
    model = twin(net)
    groups = twin_optimizer(rule("sgd"), model).param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert [[p.ndim for p in group["params"]] for group in groups] == [[2, 2], [1, 1]]


def test_a_step_that_decays_biases_all_the_same_is_refused():
    """Its spec says that they do not."""
    net, x, y = batch()
    records = []
    optimizer = rule("sgd")
    recorder = FitRecorder(net, "mse", optimizer, records.append)
    fit(net, x, y, loss="mse", optimizer=optimizer, epochs=1, on_step=recorder)
    (record,) = records
    assert certify(record).passed
    record.after.b[0][:] -= 0.1 * 0.3 * record.before.b[0]
    assert {(r.quantity, r.layer) for r in certify(record).broken} == {("b", 1)}


def test_without_a_decay_there_are_no_groups():
    """The setting then says nothing, and plain specs stay what they are."""
    net, x, y = batch()
    assert record_refnet(net, x, y, "mse", rule("sgd", 0.0)).spec.groups == ()
    assert len(twin_optimizer(rule("sgd", 0.0), twin(net)).param_groups) == 1
