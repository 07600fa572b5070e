"""What PyTorch did is recorded, of models of one's own too, and what has no counterpart
is refused by name.
"""

import copy
import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import refnet
from parity import (
    compare,
    compare_restated,
    copy_from_torch,
    record_refnet,
    record_torch,
    restart,
    restate,
    twin,
    twin_loss,
    twin_optimizer,
)
from parity.steps.cases import CASES, RULES
from parity.steps.pytorch.counterparts import MODULES, TORCH_LOSSES, CrossEntropy
from parity.steps.tests.twins import DTYPES, dtypes, sentence, weights
from refnet.optimizers import OPTIMIZERS


def bits(record):
    """All that a record shows, to the bit."""
    started, ended = (
        [
            [array.tobytes() for array in (*at.W, *at.b)],
            {name: vector.tobytes() for name, vector in at.state.items()},
        ]
        for at in (record.before, record.after)
    )
    layers = [
        array.tobytes()
        for layer in record.layers
        for array in vars(layer).values()
        if array is not None
    ]
    return record.spec, record.x.tobytes(), record.y.tobytes(), started, layers, record.loss, ended


def seeded(*modules, dtype="float64"):
    """An nn.Sequential of one's own with weights drawn from a seed."""
    model = nn.Sequential(*modules).to(DTYPES[dtype])
    count = sum(p.numel() for p in model.parameters())
    nn.utils.vector_to_parameters(
        torch.tensor(np.random.default_rng(3).normal(0.0, 0.6, count), dtype=DTYPES[dtype]),
        model.parameters(),
    )
    return model


LAYER = nn.Linear(3, 2).double()
NUMBER = nn.Parameter(torch.ones(1))
KNOWN = (
    "expected nn.Linear, each followed by at most one of "
    f"{', '.join(kind.__name__ for kind in MODULES.values())}"
)
KINDS = ", ".join(kind.__name__ for kind in TORCH_LOSSES.values())
RULE_KINDS = ", ".join(kind.__name__ for kind in OPTIMIZERS.values())
OTHERS = "optimizer has other parameters than the model's, expected all of them"
DROPS = (
    "in training mode, expected it in front of an nn.Linear, or model.eval() and F.dropout with "
    "training=self.training"
)
REFUSED = [  # what is exchanged, and the sentence
    (
        {"model": lambda x: x, "rule": lambda given: torch.optim.SGD(LAYER.parameters())},
        "model has type function, expected an nn.Module of nn.Linear and activations",
    ),
    ({"model": nn.Sequential(nn.ReLU(), LAYER)}, f"model has ReLU, {KNOWN}"),
    (
        {"model": nn.Sequential(nn.Flatten()), "rule": lambda given: torch.optim.SGD([NUMBER])},
        "model has no nn.Linear, expected at least one",
    ),
    (
        {"model": nn.Sequential(LAYER, nn.Linear(3, 2))},
        "nn.Linear 2 has in_features=3, expected 2 as the one below gives",
    ),
    (
        {"model": nn.Sequential(LAYER, nn.Softmax(dim=0))},
        "nn.Softmax has dim=0, expected dim=1, along the classes",
    ),
    (
        {"model": nn.Sequential(LAYER, nn.Dropout(0.5))},
        f"Dropout stands behind the last layer {DROPS}",
    ),
    (
        {"model": nn.Sequential(LAYER, nn.Dropout(0.5), nn.ReLU(), nn.Linear(2, 2).double())},
        f"Dropout stands in front of ReLU {DROPS}",
    ),
    (
        {"model": nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5), LAYER)},
        f"Dropout stands in front of Dropout {DROPS}",
    ),
    ({"model": nn.Sequential(nn.Dropout(1.0), LAYER)}, "Dropout has p=1.0, expected p < 1"),
    ({"model": nn.Sequential(LAYER, nn.Dropout1d(0.5))}, f"model has Dropout1d, {KNOWN}"),
    ({"model": nn.Sequential(LAYER, nn.GELU())}, f"model has GELU, {KNOWN}"),
    ({"model": nn.Sequential(LAYER, nn.ReLU(), nn.ReLU())}, f"model has ReLU, {KNOWN}"),
    (
        {"model": nn.Sequential(nn.Flatten(0), LAYER)},
        "nn.Flatten has start_dim=0, end_dim=-1, expected 1 and -1: a row for each sample",
    ),
    ({"loss": nn.MSELoss(reduction="none")}, "MSELoss has reduction=none, expected mean or sum"),
    (
        {"loss": nn.BCELoss(torch.ones(2))},
        (
            "BCELoss has weight in float32, expected float64 as the model: twin_loss(loss, "
            "dtype), or loss.to(torch.float64)"
        ),
    ),
    ({"loss": nn.HuberLoss()}, f"loss has HuberLoss, expected one of {KINDS}"),
    (
        {"rule": torch.optim.Rprop},
        f"optimizer has Rprop, expected one of {RULE_KINDS}",
    ),
    (
        {"rule": lambda given: torch.optim.SGD(given, maximize=True)},
        "optimizer has maximize=True, expected False",
    ),
    ({"rule": lambda given: torch.optim.SGD(LAYER.parameters())}, OTHERS),
    ({"rule": lambda given: torch.optim.SGD(given[:1])}, OTHERS),
    ({"rule": lambda given: torch.optim.SGD([*given, *LAYER.parameters()])}, OTHERS),
    (
        {"rule": lambda given: torch.optim.SGD([{"params": given[:1]}, {"params": given[2:]}])},
        OTHERS,
    ),
    (
        {
            "rule": lambda given: torch.optim.SGD(
                [{"params": given}, {"params": [*LAYER.parameters()]}]
            )
        },
        OTHERS,
    ),
]


REFUSED += [
    (
        {"model": nn.Sequential(nn.Linear(3, 2).half())},
        "model has dtype float16, expected float32 or float64",
    ),
    (
        {"model": nn.Sequential(nn.Linear(3, 2).requires_grad_(False))},
        "model has frozen parameters, expected requires_grad=True for all of them",
    ),
    (
        {"rule": lambda given: torch.optim.SGD(given, differentiable=True)},
        "optimizer has differentiable=True, expected False",
    ),
    (
        {"rule": lambda given: torch.optim.Adam(given, lr=torch.tensor(0.1))},
        "optimizer has a float32 tensor for lr, expected a float64 one, as the model, or a number",
    ),
    ({"x": np.ones((2, 4))}, "x has shape (2, 4), expected (n, 3)"),
    ({"x": np.full((2, 3), np.nan)}, "x has nan at row 0, column 0, expected finite values"),
]


@pytest.mark.parametrize(("changed", "text"), REFUSED, ids=[text[:30] for _, text in REFUSED])
def test_record_torch_refuses_what_refnet_has_no_counterpart_of(changed, text):
    """Modules, losses, optimizers and settings without a counterpart are refused by
    name, with no weight changed.
    """
    model = changed.get("model", seeded(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)))
    parameters = [] if not isinstance(model, nn.Module) else list(model.parameters())
    optimizer = changed.get("rule", torch.optim.SGD)(parameters)
    kept = [p.detach().numpy().tobytes() for p in parameters]
    with pytest.raises((TypeError, ValueError), match=sentence(f"record_torch: {text}")):
        record_torch(
            model,
            changed.get("x", np.ones((2, 3))),
            [0, 1],
            changed.get("loss", nn.CrossEntropyLoss()),
            optimizer,
        )
    assert [p.detach().numpy().tobytes() for p in parameters] == kept


def other_than(default):
    """Another value that a loss can be made with."""
    if default is None:
        return torch.tensor([0.25, 0.5], dtype=torch.float64)
    return "sum" if isinstance(default, str) else default + 1


# the output that a loss reads
READS = {nn.BCELoss: nn.Sigmoid, CrossEntropy: lambda: nn.Softmax(dim=1)}


@pytest.mark.parametrize("kind", TORCH_LOSSES.values(), ids=lambda kind: kind.__name__)
def test_no_setting_of_a_loss_is_overlooked(kind):
    """Whatever a loss of torch can be made with stands in the record."""
    model = seeded(nn.Linear(3, 2), READS.get(kind, nn.Identity)())
    optimizer = torch.optim.SGD(model.parameters())
    y = np.array([[0.5, 0.5]])
    for setting, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is inspect.Parameter.empty or setting in ("size_average", "reduce"):
            continue  # what every module takes, and torch's old names of the reduction
        other = other_than(parameter.default)
        record = record_torch(model, np.ones((1, 3)), y, kind(**{setting: other}), optimizer)
        plain = tuple(other.tolist()) if isinstance(other, torch.Tensor) else other
        assert record.spec.loss_settings == {setting: plain}


def test_record_torch_refuses_adam_with_decoupled_decay():
    """torch's Adam with decoupled weight decay is AdamW and is refused."""
    optimizer = torch.optim.Adam(LAYER.parameters(), weight_decay=0.5)
    # as its argument of that name does from PyTorch 2.7 on
    optimizer.param_groups[0]["decoupled_weight_decay"] = True
    with pytest.raises(
        ValueError,
        match=sentence("record_torch: optimizer has decoupled_weight_decay=True, expected False"),
    ):
        record_torch(
            nn.Sequential(LAYER), np.ones((2, 3)), [0, 1], nn.CrossEntropyLoss(), optimizer
        )


def test_record_torch_refuses_a_layer_used_twice():
    """One nn.Linear in two places has one gradient for both, and no refnet network is
    like it.
    """
    model = nn.Sequential(square := nn.Linear(3, 3), nn.Tanh(), square)
    text = (
        "record_torch: model has the same nn.Linear in two places, expected a layer of its own "
        "in each"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(
            model,
            np.ones((2, 3)),
            [0, 1],
            nn.CrossEntropyLoss(),
            torch.optim.SGD(model.parameters()),
        )


@dtypes
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("foreach", [False, True])
def test_a_model_of_one_s_own_is_recorded_and_agrees(dtype, inplace, foreach):
    """No activation after the last nn.Linear, in-place activations and a fused
    optimizer are recorded, and refnet takes the same steps.
    """
    model = seeded(
        nn.Linear(3, 7), nn.ReLU(inplace=inplace), nn.Linear(7, 5), nn.Linear(5, 2), dtype=dtype
    )
    theirs = torch.optim.SGD(
        model.parameters(), lr=0.2, momentum=0.9, nesterov=True, foreach=foreach
    )
    net, ours = (
        refnet.mlp([3, 7, 5, 2], ["relu", "identity"], "identity", dtype=dtype),
        refnet.SGD(0.2, momentum=0.9, nesterov=True),
    )
    copy_from_torch(model, net)
    rng = np.random.default_rng(6)
    for step in range(1, 4):
        x, y = rng.normal(size=(8, 3)).astype(dtype), rng.integers(0, 2, 8)
        copy_from_torch(model, net)
        record = record_torch(model, x.tolist(), y.tolist(), nn.CrossEntropyLoss(), theirs)
        assert record.spec.step == step
        assert (record.layers[0].z < 0).any(), "z is what it was before the in-place activation"
        agreement = compare(record_refnet(net, x, y, "softmax_cross_entropy", ours), record)
        assert agreement.passed, str(agreement)
        ours.state = {"steps": step, **record.after.state}
        assert compare_restated(record, restate(record)).passed


@dtypes
@pytest.mark.parametrize(
    "case", [case for case in RULES if len(case.sizes) == 4], ids=lambda case: case.row
)
def test_a_step_is_restarted_from_its_record_alone(case, dtype):
    """In mid-run, the step that torch takes from a record is to the bit the one that it
    takes from the network's and optimizer's twins.
    """
    net, loss, optimizer = (
        (case := replace(case, dtype=dtype)).network(),
        case.make_loss(),
        case.make_optimizer(),
    )
    for x, y, lr in list(case.steps())[:3]:
        optimizer.lr = lr
        model = twin(net)
        theirs = record_torch(model, x, y, twin_loss(loss), twin_optimizer(optimizer, model))
        record = record_refnet(net, x, y, loss, optimizer)
        before = bits(record)
        assert bits(restart(record)) == bits(theirs)
        assert bits(record) == before


# by which equations of the layer, the one above (+1) and the one below (-1) each
# quantity is read
READ_BY = {
    "z": {("a", 0)},
    "a": {("z", 1), ("dW", 1), ("delta", 0)},
    "delta": {("db", 0), ("dW", 0), ("delta", -1)},
    "dW": {("W", 0)},
    "db": {("b", 0)},
}


@pytest.mark.parametrize("quantity", READ_BY)
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_restated_equations_read_the_record_s_own_numbers(quantity, layer):
    """Where one quantity of a record is another, just the equations that read it give
    something else, whatever the others make of it.
    """
    net, rng = (
        refnet.mlp([3, 4, 5, 2], ["tanh", "sigmoid"], "identity", seed=3),
        np.random.default_rng(3),
    )
    record = record_refnet(
        net, rng.normal(size=(6, 3)), rng.integers(0, 2, 6), "softmax_cross_entropy", refnet.Adam()
    )
    layers = list(record.layers)
    layers[layer] = replace(layers[layer], **{quantity: 1.5 * getattr(layers[layer], quantity)})
    shown, other = (
        restate(replace(record, layers=changed)) for changed in (record.layers, tuple(layers))
    )
    changed = {("C", 0)} if shown.loss != other.loss else set()
    for i, (mine, its) in enumerate(zip(shown.layers, other.layers, strict=True)):
        changed |= {
            (name, i)
            for name, array in vars(mine).items()
            if not np.array_equal(array, getattr(its, name))
        }
        changed |= {
            (name, i)
            for name in "Wb"
            if not np.array_equal(*(getattr(record.after, name)[i] for record in (shown, other)))
        }
    readers = {(name, layer + at) for name, at in READ_BY[quantity] if 0 <= layer + at < 3}
    assert changed == readers | ({("C", 0)} if (quantity, layer) == ("a", 2) else set())


@pytest.mark.parametrize(
    "case",
    [*(case for case in CASES[::12] if case.group != "part"), *RULES],
    ids=lambda case: case.id,
)
def test_recording_changes_no_bit_of_a_step(case):
    """A recorded step leaves the weights that a plain one leaves, stale gradients or
    not: hooks and copies change nothing.
    """
    model, loss, rule = twin(case.network()), twin_loss(case.make_loss()), case.make_optimizer()
    plain = copy.deepcopy(model)
    recorded, by_hand = twin_optimizer(rule, model), twin_optimizer(rule, plain)
    for x, y, lr in case.steps():
        recorded.param_groups[0]["lr"] = by_hand.param_groups[0]["lr"] = lr
        record = record_torch(model, x, y, loss, recorded)
        by_hand.zero_grad()
        output = plain(torch.tensor(x))
        value = loss(output, torch.tensor(y))
        value.backward()
        by_hand.step()
        assert (record.loss, record.layers[-1].a.tobytes()) == (
            value.item(),
            output.detach().numpy().tobytes(),
        )
        assert weights(model) == weights(plain)
        assert [
            W.tobytes() for pair in zip(record.after.W, record.after.b, strict=True) for W in pair
        ] == weights(model)


@pytest.mark.parametrize(
    "hook", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
)
def test_record_torch_refuses_hooks(hook):
    """A hook may change what passes, and would be recorded as if it had not."""
    layer = nn.Linear(3, 2)
    getattr(layer, hook)(lambda *given: None)
    with pytest.raises(
        ValueError,
        match=sentence(
            "record_torch: Linear has hooks, expected none: they may change what passes"
        ),
    ):
        record_torch(
            nn.Sequential(layer),
            np.ones((2, 3)),
            [0, 1],
            nn.CrossEntropyLoss(),
            torch.optim.SGD(layer.parameters()),
        )


def test_record_torch_refuses_a_linear_of_one_s_own():
    """A subclass of nn.Linear may compute something else."""

    class Twice(nn.Linear):
        pass

    layer = Twice(3, 2)
    with pytest.raises(TypeError, match=sentence(f"record_torch: model has Twice, {KNOWN}")):
        record_torch(
            nn.Sequential(layer),
            np.ones((2, 3)),
            [0, 1],
            nn.CrossEntropyLoss(),
            torch.optim.SGD(layer.parameters()),
        )
