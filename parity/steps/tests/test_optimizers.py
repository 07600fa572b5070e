"""Optimizers as people have them: parameter groups, each with its own settings, in any
order, and a learning rate that is a tensor.
"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from parity import (
    certify,
    compare,
    compare_restated,
    diagnose,
    record_torch,
    restart,
    restate,
)
from parity.steps.tests.twins import DTYPES, dtypes, sentence, weights
from refnet.optimizers import OPTIMIZERS

LOSS = nn.CrossEntropyLoss()
RULES = {name: getattr(torch.optim, kind.__name__) for name, kind in OPTIMIZERS.items()}
rules = pytest.mark.parametrize("name", RULES)
# of every rule, and what it has besides, in the groups of `grouped` below
OTHERS = {
    "sgd": [{"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "dampening": 0.1}, {}],
    "adagrad": [{"lr_decay": 0.1}, {"eps": 1e-5}, {}],
    "rmsprop": [{"momentum": 0.9}, {"centered": True}, {"alpha": 0.9}],
    "adam": [{"amsgrad": True}, {"betas": (0.8, 0.95)}, {}],
    "adamw": [{"amsgrad": True}, {"betas": (0.8, 0.95)}, {}],
}


def model_of(dtype="float64"):
    """5-7-4-3, with weights drawn from a seed."""
    layers = (nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 4), nn.Sigmoid(), nn.Linear(4, 3))
    model = nn.Sequential(*layers).to(DTYPES[dtype])
    count = sum(p.numel() for p in model.parameters())
    numbers = np.random.default_rng(3).normal(0.0, 0.6, count)
    nn.utils.vector_to_parameters(torch.tensor(numbers, dtype=DTYPES[dtype]), model.parameters())
    return model


def grouped(name, model, **settings):
    """The last layer first, at another rate; then the weights with a decay, then the
    biases without one: in another order than the model has them.
    """
    first, second, third = OTHERS[name]
    linears = [model[0], model[2], model[4]]
    return RULES[name](
        [
            {"params": [linears[2].bias, linears[2].weight], "lr": 0.003, **first},
            {
                "params": [linears[1].weight, linears[0].weight],
                "weight_decay": 0.1,
                **second,
            },
            {"params": [each.bias for each in linears[:2]], **third},
        ],
        lr=0.02,
        **settings,
    )


def batches(count):
    """x and labels of several steps."""
    rng = np.random.default_rng(8)
    return [(rng.normal(size=(6, 5)), rng.integers(0, 3, 6)) for _ in range(count)]


def recorded(name, dtype="float64", count=4):
    """The records of steps with groups."""
    model = model_of(dtype)
    optimizer = grouped(name, model)
    return [record_torch(model, x, y, LOSS, optimizer) for x, y in batches(count)]


@dtypes
@rules
def test_a_step_with_groups_is_recorded_and_certified(name, dtype):
    """Every W and b has the settings of its group; recording changes no bit, and the
    step is right by every judge.
    """
    model = model_of(dtype)
    plain = copy.deepcopy(model)
    optimizer, by_hand = grouped(name, model), grouped(name, plain)
    previous = None
    for x, y in batches(4):
        record = record_torch(model, x, y, LOSS, optimizer)
        by_hand.zero_grad()
        LOSS(plain(torch.tensor(x, dtype=DTYPES[dtype])), torch.tensor(y)).backward()
        by_hand.step()
        assert weights(model) == weights(plain)
        certificate = certify(record, previous)
        assert certificate.passed, str(certificate)
        assert diagnose(record if previous is None else [previous, record]) == []
        for again in (restart(record), record):
            assert compare(again, record).passed
        assert compare_restated(record, restate(record)).passed
        assert diagnose(record) == []
        previous = record
    spec = record.spec
    assert spec.settings_of("W", 3)["lr"] == spec.settings_of("b", 3)["lr"] == 0.003
    assert [spec.settings_of("W", l)["lr"] for l in (1, 2)] == [0.02, 0.02]
    for l, decay in ((1, 0.1), (2, 0.1), (3, spec.hyperparameters["weight_decay"])):
        assert spec.settings_of("W", l)["weight_decay"] == decay
        assert spec.settings_of("b", l)["weight_decay"] == spec.hyperparameters["weight_decay"]
    assert [parts for parts, _ in spec.groups] == [("W1", "W2"), ("b1", "b2")]


@rules
def test_a_run_with_groups_is_diagnosed_as_right(name):
    """All its steps together, too."""
    assert diagnose(recorded(name)) == []


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_a_group_s_setting_that_is_not_applied_is_noticed(name):
    """A program that leaves the decay or the rate of a group away is wrong where that
    group stands, and only there; diagnose names a mistake.
    """
    right = recorded(name)[-1]
    for parts, setting, value in (
        (("W1", "W2"), "weight_decay", 0.3),
        (("b1", "b2"), "lr", 0.2),
    ):
        groups = tuple(
            (members, {**settings, setting: value} if members == parts else settings)
            for members, settings in right.spec.groups
        )
        # what was done stays; what was asked for is another thing
        record = replace(right, spec=replace(right.spec, groups=groups))
        broken = certify(record).broken
        assert broken
        assert {f"{result.quantity[-1]}{result.layer}" for result in broken} == set(parts)
        assert diagnose(record) != []


def test_groups_that_differ_in_nothing_are_one():
    """Several groups with the same settings, in another order than the model, are the
    spec of one group.
    """
    model, other = model_of(), model_of()
    one = torch.optim.Adam(model.parameters())
    several = torch.optim.Adam(
        [{"params": [p]} for p in reversed(list(other.parameters()))], lr=1e-3
    )
    ((x, y),) = batches(1)
    records = [
        record_torch(each, x, y, LOSS, optimizer)
        for each, optimizer in ((model, one), (other, several))
    ]
    assert records[0].spec == records[1].spec
    assert records[1].spec.groups == ()
    assert compare(*records).passed
    assert weights(model) == weights(other)


def test_records_with_other_groups_are_not_compared():
    """compare reads the groups part by part: put together in another way they are
    equal, and other settings are refused by the part.
    """
    record = recorded("sgd", count=1)[0]
    spec = record.spec
    split = tuple(((part,), settings) for parts, settings in spec.groups for part in parts)
    assert compare(replace(record, spec=replace(spec, groups=split)), record).passed
    other = replace(record, spec=replace(spec, groups=spec.groups[1:]))
    with pytest.raises(ValueError, match=r"^compare: W of layer 1 has \{.*\}, expected \{.*\}$"):
        compare(other, record)


def test_a_group_must_not_change_between_steps():
    """lr may; another setting of a group is a broken wiring, of one W as of all."""
    first, second = recorded("adam", count=2)
    for change, quantities in (({"lr": 1.0}, set()), ({"eps": 1e-3}, {"eps"})):
        (parts, settings), *others = first.spec.groups
        groups = ((parts, {**settings, **change}), *others)
        previous = replace(first, spec=replace(first.spec, groups=groups))
        wired = [r for r in certify(second, previous).broken if r.equation == "wiring"]
        assert {result.quantity for result in wired} == quantities


@dtypes
@pytest.mark.parametrize("rate", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(), (1,)], ids=str)
@rules
def test_a_tensor_is_a_learning_rate(name, dtype, rate, shape):
    """It is recorded as the number it is, and certified; Adam divides it in its own
    dtype, so that one of float32 in a model of float64 is refused.
    """
    model = model_of(dtype)
    lr = torch.full(shape, 0.1, dtype=rate)
    optimizer = RULES[name](model.parameters(), lr=lr, weight_decay=0.01)
    previous = None
    loses = name in ("adam", "adamw") and dtype == "float64" and rate == torch.float32
    if loses:
        (x, y), kept = batches(1)[0], weights(model)
        text = (
            "record_torch: optimizer has a float32 tensor for lr, expected a float64 one, as the "
            "model, or a number"
        )
        with pytest.raises(TypeError, match=sentence(text)):
            record_torch(model, x, y, LOSS, optimizer)
        assert weights(model) == kept
        return
    for x, y in batches(5):
        record = record_torch(model, x, y, LOSS, optimizer)
        assert record.spec.hyperparameters["lr"] == lr.item()
        assert type(record.spec.hyperparameters["lr"]) is float
        assert certify(record, previous).passed
        assert diagnose(record) == []
        previous = record


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_what_is_refused_of_a_tensor_would_not_certify(name):
    """The reason for the refusal: torch's own step with that rate is wrong in float64,
    at the number that the rate is.
    """
    model, same = model_of(), model_of()
    lr = torch.tensor(0.1, dtype=torch.float32)
    optimizer = RULES[name](model.parameters(), lr=lr)
    ((x, y),) = batches(1)
    record = record_torch(same, x, y, LOSS, RULES[name](same.parameters(), lr=lr.item()))
    LOSS(model(torch.tensor(x)), torch.tensor(y)).backward()
    optimizer.step()
    W, b = (
        tuple(getattr(each, kind).detach().numpy() for each in model[::2])
        for kind in ("weight", "bias")
    )
    assert certify(record).passed
    shown = replace(record, after=replace(record.after, W=W, b=b))
    assert not certify(shown).passed


REFUSED = {
    "a tensor of another setting": (
        lambda given: torch.optim.SGD(given, weight_decay=torch.tensor(0.1)),
        "optimizer has a tensor for weight_decay, expected a number",
    ),
    "a start of its own": (
        lambda given: torch.optim.Adagrad(
            [{"params": given[:2], "initial_accumulator_value": 0.5}, {"params": given[2:]}]
        ),
        "optimizer has initial_accumulator_value=0.5 in a group, expected 0 as torch starts from",
    ),
    "a setting of a group": (
        lambda given: torch.optim.SGD(
            [{"params": given[:2]}, {"params": given[2:], "maximize": True}]
        ),
        "optimizer has maximize=True, expected False",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_group_cannot_have_is_refused(what):
    """By the setting, wherever it stands, with no weight changed."""
    make, text = REFUSED[what]
    model = model_of()
    kept = weights(model)
    ((x, y),) = batches(1)
    with pytest.raises((TypeError, ValueError), match=sentence(f"record_torch: {text}")):
        record_torch(model, x, y, LOSS, make(list(model.parameters())))
    assert weights(model) == kept


@pytest.mark.parametrize(
    "rule", [torch.optim.Adam, lambda given: torch.optim.SGD(given, momentum=0.9)]
)
def test_a_group_that_comes_later_is_refused(rule):
    """Its parameters have taken fewer steps, and a record has one number for all."""
    model = model_of()
    parameters = list(model.parameters())
    optimizer = rule(parameters[:4])
    (x, y), (_, _) = batches(2)
    LOSS(model(torch.tensor(x)), torch.tensor(y)).backward()
    optimizer.step()
    optimizer.add_param_group({"params": parameters[4:]})
    text = (
        "record_torch: optimizer has taken 0 and 1 steps with different parameters, expected as "
        "many with all of them"
    )
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(model, x, y, LOSS, optimizer)
