"""What a step of PyTorch may have besides: weights, penalties, clipping, dropout and no
biases are recorded as PyTorch has them, to the bit, and go from refnet to PyTorch and
back.
"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import refnet
from parity import (
    FitRecorder,
    certify,
    compare,
    copy_from_torch,
    copy_to_torch,
    network_of,
    record_refnet,
    record_torch,
    restart,
    restate,
    twin,
    twin_loss,
    twin_optimizer,
)
from parity.steps.cases import PARTS
from parity.steps.pytorch import predict
from parity.steps.tests.twins import DTYPES, dtypes, sentence, weights
from refnet.losses import LOSSES

CLIP = {"norm": nn.utils.clip_grad_norm_, "value": nn.utils.clip_grad_value_}
PENALTY = {
    "l1": lambda p, strength: strength * p.abs().sum(),
    "l2": lambda p, strength: strength / 2 * p.square().sum(),
    "elastic_net": lambda p, l1, l2: l1 * p.abs().sum() + l2 / 2 * p.square().sum(),
}


def by_hand(case, model, loss, optimizer, x, y, s):
    """The step as it is written in PyTorch; the value of the cost."""
    optimizer.zero_grad()
    output, y = model(torch.tensor(x)), torch.tensor(y)
    value = loss(output, y) if s is None else weighted(loss, output, y, torch.tensor(s))
    if case.penalty is not None:
        strengths = {key: it for key, it in case.penalty.settings.items() if key != "biases"}
        for name, p in model.named_parameters():
            if case.penalty.biases or name.endswith("weight"):
                value = value + PENALTY[case.penalty.name](p, **strengths)
    value.backward()
    if case.clip is not None:
        CLIP[case.clip[0]](model.parameters(), case.clip[1])
    optimizer.step()
    return value.item()


def weighted(loss, output, y, s):
    """The sum of s times the loss of each row over the sum of s, with labels that of s
    times the weight of the class.
    """
    each = copy.deepcopy(loss)
    each.reduction = "none"
    rows = each(output, y)
    total = (rows * (s if rows.ndim == 1 else s[:, None])).sum()
    if loss.reduction == "sum":
        return total
    if y.ndim == 2:
        return total / (s.sum() * (1 if rows.ndim == 1 else rows.shape[1]))
    counted = y != loss.ignore_index
    of_class = s.new_ones(output.shape[1]) if loss.weight is None else loss.weight
    return total / (s[counted] * of_class[y[counted]]).sum()


def arguments(case, given):
    """What record_torch is asked for: it draws its own masks."""
    return {key: it for key, it in case.asked(given).items() if key != "masks"}


@dtypes
@pytest.mark.parametrize("case", PARTS, ids=lambda case: case.row)
def test_a_recorded_step_is_the_one_that_is_written_in_pytorch(case, dtype):
    """From one state of the random generator both drop the same, and leave the same
    cost, weights and random generator, to the bit.
    """
    case = replace(case, dtype=dtype)
    model, loss, rule = (
        twin(case.network()),
        twin_loss(case.make_loss(), dtype),
        case.make_optimizer(),
    )
    plain = copy.deepcopy(model)
    recorded, written = twin_optimizer(rule, model), twin_optimizer(rule, plain)
    for (x, y, _), given in zip(case.steps(), case.given(), strict=True):
        torch.manual_seed(3)
        record = record_torch(model, x, y, loss, recorded, **arguments(case, given))
        state = torch.get_rng_state()
        torch.manual_seed(3)
        value = by_hand(case, plain, loss, written, x, y, given.sample_weight)
        assert record.loss == value
        assert weights(model) == weights(plain)
        assert torch.equal(torch.get_rng_state(), state)


@dtypes
@pytest.mark.parametrize("case", PARTS, ids=lambda case: case.row)
def test_what_a_step_was_asked_for_is_read_from_pytorch(case, dtype):
    """The twins of refnet's parts say in a record what refnet's own record says."""
    case = replace(case, dtype=dtype)
    net, loss, optimizer = case.network(), case.make_loss(), case.make_optimizer()
    for (x, y, _), given in zip(case.steps(), case.given(), strict=True):
        model = twin(net)
        theirs = record_torch(
            model,
            x,
            y,
            twin_loss(loss, dtype),
            twin_optimizer(optimizer, model),
            **arguments(case, given),
        )
        ours = record_refnet(net, x, y, loss, optimizer, **case.asked(given))
        assert theirs.spec == ours.spec == restart(ours).spec
        assert same(ours.sample_weight, theirs.sample_weight)
        assert len(theirs.masks) == len(ours.masks)
        assert all(map(same, ours.masks, restart(ours).masks))


def same(one, other):
    """Whether both are the same array, to the bit, or both nothing."""
    return one is other or one.tobytes() == other.tobytes()


def dropping(dtype="float64"):
    """Dropout on the input and in front of the last layer; a layer without biases."""
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Dropout(0.25),
        nn.Linear(6, 5),
        nn.Tanh(),
        nn.Linear(5, 4, bias=False),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4, 3),
    ).to(DTYPES[dtype])


X, LABELS = np.random.default_rng(0).normal(size=(8, 6)), np.arange(8) % 3
LOSS = nn.CrossEntropyLoss()


@dtypes
def test_the_mask_is_the_one_that_torch_drew(dtype):
    """It is what nn.Dropout makes of ones, another one in each step, and none where
    nothing is dropped.
    """
    model = dropping(dtype)
    optimizer = torch.optim.SGD(model.parameters())
    torch.manual_seed(5)
    records = [record_torch(model, X, LABELS, LOSS, optimizer) for _ in range(2)]
    torch.manual_seed(5)
    for record in records:
        assert record.spec.dropout == (0.25, 0.0, 0.5)
        assert record.masks[1] is None
        for mask, p, width in ((record.masks[0], 0.25, 6), (record.masks[2], 0.5, 4)):
            drawn = functional.dropout(torch.ones(8, width, dtype=DTYPES[dtype]), p)
            assert mask.tobytes() == drawn.numpy().tobytes()
    assert not np.array_equal(records[0].masks[2], records[1].masks[2])


def test_nothing_is_dropped_in_evaluation():
    """After model.eval() there are no masks, in a record and in a network."""
    model = dropping().eval()
    record = record_torch(model, X, LABELS, LOSS, torch.optim.SGD(model.parameters()))
    assert (record.spec.dropout, record.masks) == ((), ())
    assert [layer.dropout for layer in network_of(model).layers] == [0.0, 0.0, 0.0]


class Own(nn.Module):
    """A forward of one's own that drops by a module and by functions, in place too."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 3, bias=False)
        self.drop = nn.Dropout(0.5, inplace=True)

    def forward(self, x):
        """In evaluation no input is dropped."""
        x = functional.dropout(x, 0.25, self.training)
        return self.fc2(self.drop(functional.leaky_relu(self.fc1(x))))


def test_a_forward_of_one_s_own_that_drops_is_recorded():
    """Its masks are those that a plain pass of the model draws, and its activations are
    recorded before anything is dropped of them.
    """
    model = Own().double()
    torch.manual_seed(4)
    output = model(torch.tensor(X)).detach().numpy()
    torch.manual_seed(4)
    record = record_torch(model, X, LABELS, LOSS, torch.optim.SGD(model.parameters()))
    assert record.layers[-1].a.tobytes() == output.tobytes()
    hidden = record.layers[0]
    assert np.array_equal(hidden.a > 0, hidden.z > 0)
    assert (record.spec.dropout, record.spec.biases) == ((0.25, 0.5), (True, False))


@pytest.mark.parametrize("training", [True, False])
def test_prediction_drops_nothing(training):
    """In whichever mode each module is, and it stays in that."""
    model = dropping().train(training)
    model[2].training = not training
    modes = [module.training for module in model.modules()]
    first, second = predict(model, X), predict(model, X)
    assert first.tobytes() == second.tobytes()
    assert [module.training for module in model.modules()] == modes
    assert first.tobytes() == model.eval()(torch.tensor(X)).detach().numpy().tobytes()


@dtypes
def test_dropout_and_missing_biases_go_to_torch_and_come_back(dtype):
    """A network is the network of its twin, and a model the twin of its network."""
    net = network_of(dropping(dtype))
    assert [layer.dropout for layer in net.layers] == [0.25, 0.0, 0.5]
    assert [layer.b is None for layer in net.layers] == [False, True, False]
    model = twin(net)
    assert [type(module) for module in model if not isinstance(module, nn.Identity)] == [
        type(module) for module in dropping()
    ]
    assert weights(model) == weights(dropping(dtype))
    back = network_of(model)
    assert [layer.kind[::3] for layer in back.layers] == [layer.kind[::3] for layer in net.layers]
    assert back.parameters.tobytes() == net.parameters.tobytes()


def test_copies_leave_out_the_missing_biases():
    """Both ways, and a model with another bias is refused."""
    model, net = dropping(), network_of(dropping())
    net.parameters[:] = np.arange(net.parameters.size)
    copy_to_torch(net, model)
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.detach().numpy().tobytes() == net.parameters.tobytes()
    other = network_of(dropping())
    copy_from_torch(model, other)
    assert other.parameters.tobytes() == net.parameters.tobytes()
    with pytest.raises(ValueError, match=r"^copy: model has the parameters "):
        copy_to_torch(net, twin(refnet.mlp([6, 5, 4, 3])))


@pytest.mark.parametrize("state", [True, False])
def test_the_weights_of_a_layer_without_biases_go_by_their_names(state):
    """A group of all weights has W1, W2 and W3, and zeros stand for the missing b."""
    model = dropping()
    W = [p for p in model.parameters() if p.ndim == 2]
    groups = [{"params": [p for p in model.parameters() if p.ndim == 1]}]
    groups.append({"params": W, "weight_decay": 0.1})
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9 if state else 0.0)
    for _ in range(2):
        record = record_torch(model, X, LABELS, LOSS, optimizer)
    assert record.spec.groups == ((("W1", "W2", "W3"), {"weight_decay": 0.1}),)
    assert record.spec.biases == (True, False, True)
    assert record.layers[1].db is None
    assert record.before.b[1].tobytes() == record.after.b[1].tobytes() == np.zeros(4).tobytes()
    kept = sum(p.numel() for p in model.parameters())
    assert [vector.shape for vector in record.after.state.values()] == [(kept,)] * state


@pytest.mark.parametrize("name", LOSSES)
def test_the_settings_of_a_loss_go_to_torch(name):
    """Each setting is the module's, its weights in the dtype that is asked for, float64
    where none is.
    """
    others = {
        "weight": (0.1, 0.2),
        "pos_weight": (0.3, 0.4),
        "ignore_index": 1,
        "reduction": "sum",
        "label_smoothing": 0.1,
    }
    loss = LOSSES[name](**{key: others[key] for key in LOSSES[name].defaults})
    for dtype, module in (
        ("float64", twin_loss(loss)),
        ("float32", twin_loss(loss, np.float32)),
        ("float32", twin_loss(loss).to(torch.float32)),
    ):
        for key, value in loss.settings.items():
            given = getattr(module, key)
            if isinstance(value, tuple):
                assert given.numpy().tobytes() == np.array(value, dtype).tobytes()
            else:
                assert given == value


def test_the_label_that_torch_ignores_by_default_is_a_setting_where_it_stands():
    """-100 among the labels is ignored; where there is none, the loss is the plain one;
    another one is said each time.
    """
    model = twin(refnet.mlp([6, 3], output="identity"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    some = np.where(LABELS == 0, -100, LABELS)
    for module, y, settings in (
        (LOSS, LABELS, {}),
        (LOSS, some, {"ignore_index": -100}),
        (LOSS, refnet.one_hot(LABELS, 3), {}),
        (nn.CrossEntropyLoss(ignore_index=7), LABELS, {"ignore_index": 7}),
    ):
        record = record_torch(model, X, y, module, optimizer)
        assert record.spec.loss_settings == settings
    for s in (None, np.linspace(0.5, 2.0, 8)):
        rows = None if s is None else s[some >= 0]
        ignoring = record_torch(model, X, some, LOSS, optimizer, sample_weight=s)
        kept = X[some >= 0], some[some >= 0], LOSS, optimizer
        counted = record_torch(model, *kept, sample_weight=rows)
        assert ignoring.layers[0].delta[some >= 0].tobytes() == counted.layers[0].delta.tobytes()
        assert not ignoring.layers[0].delta[some < 0].any()


NO_LABEL = (
    "SoftmaxCrossEntropy: y has the label -100 in every row, which is ignored, expected at least "
    "one other"
)
NO_SUM = (
    "SoftmaxCrossEntropy: weights of the rows have the sum 0, expected a finite sum > 0; leave "
    "such rows out, take larger batches, or reduction='sum'"
)


def test_a_batch_without_ignored_labels_belongs_to_the_same_run():
    """Steps with and without the label -100 are wired, and compare with refnet's, which
    was told to ignore it; another label that is ignored is another loss.
    """
    net, optimizer = refnet.mlp([6, 3], output="identity"), refnet.SGD(0.1)
    model = twin(net)
    theirs, previous = twin_optimizer(optimizer, model), None
    ignoring = refnet.SoftmaxCrossEntropy(ignore_index=-100)
    for y in (np.where(LABELS == 0, -100, LABELS), LABELS):
        copy_from_torch(model, net)
        record = record_torch(model, X, y, LOSS, theirs)
        assert certify(record, previous).passed
        assert compare(record_refnet(net, X, y, ignoring, optimizer), record).passed
        previous = record
    another = record_torch(model, X, LABELS, nn.CrossEntropyLoss(ignore_index=0), theirs)
    assert certify(another, previous).broken[0].quantity == "loss_settings"


NO_WEIGHT = "record_torch: sample_weight has the sum 0, expected at least one weight > 0"
NONE_COUNTS = [
    ({"sample_weight": np.zeros(8)}, LOSS, LABELS, NO_WEIGHT),
    ({}, LOSS, np.full(8, -100), NO_LABEL),
    ({"sample_weight": (LABELS == 0) * 1.0}, nn.CrossEntropyLoss(ignore_index=0), LABELS, NO_SUM),
]


@pytest.mark.parametrize(("given", "loss", "y", "text"), NONE_COUNTS)
def test_rows_of_which_none_counts_are_refused(given, loss, y, text):
    """PyTorch gives NaN for the mean of none; a record of it would judge nothing. No
    weight has changed.
    """
    model = twin(refnet.mlp([6, 3], output="identity"))
    kept, optimizer = weights(model), torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=sentence(text)):
        record_torch(model, X, y, loss, optimizer, **given)
    assert weights(model) == kept
    if not given:
        assert np.isnan(loss(model(torch.tensor(X)), torch.tensor(y)).item())


class Ridge(refnet.L2):
    """A penalty of one's own."""


REFUSED = [
    ({"sample_weight": [1.0, 2.0]}, "record_torch: sample_weight has shape (2,), expected (8,)"),
    (
        {"penalty": Ridge(0.1)},
        "record_torch: penalty has Ridge, expected one of L1, L2, ElasticNet",
    ),
    (
        {"clip_norm": 1.0, "clip_value": 1.0},
        (
            "fit: clip_norm and clip_value are both given, expected one of them: which comes first "
            "would matter"
        ),
    ),
]


@pytest.mark.parametrize(("given", "text"), REFUSED, ids=[text[:30] for _, text in REFUSED])
def test_unusable_parts_are_refused(given, text):
    """In a sentence, with no weight changed."""
    model = dropping()
    kept = weights(model)
    with pytest.raises((TypeError, ValueError), match=sentence(text)):
        record_torch(model, X, LABELS, LOSS, torch.optim.SGD(model.parameters()), **given)
    assert weights(model) == kept


@dtypes
def test_the_module_of_our_own_cross_entropy_is_nllloss_of_logarithms(dtype):
    """With weights, ignored labels and every reduction, to the bit where the sums have
    the same order: of single rows.
    """
    rng = np.random.default_rng(1)
    a = torch.tensor(rng.dirichlet(np.ones(3), 4).astype(dtype))
    weight = torch.tensor([0.25, 2.0, 1.0], dtype=DTYPES[dtype])
    for y in (0, 1, 2, -100):
        for reduction in ("sum", "none"):
            settings = {"weight": weight, "reduction": reduction}
            ours = twin_loss(refnet.CrossEntropy()).__class__(**settings)
            for row in a:
                label = torch.tensor([y])
                theirs = functional.nll_loss(row[None].log(), label, **settings)
                assert ours(row[None], label).numpy() == theirs.numpy()


def test_what_is_not_shown_is_not_taken_once_more():
    """Without its masks a step with dropout is neither restarted nor restated."""
    model = dropping()
    record = record_torch(model, X, LABELS, LOSS, torch.optim.SGD(model.parameters()))
    hidden = replace(record, masks=(record.masks[0], None, None))
    text = "restart: record shows no mask of layer 3, expected it: its inputs are dropped"
    with pytest.raises(ValueError, match=sentence(text)):
        restart(hidden)
    with pytest.raises(ValueError, match=r"^restate: record has quantities that are not shown"):
        restate(hidden)


@dtypes
def test_a_batch_in_which_no_row_counts_is_taken_once_more(dtype):
    """fit takes its step where the loss is a sum; the gradient is 0."""
    net, weights, records = refnet.mlp((3, 4, 2), output="identity", dtype=dtype), [1, 2, 0, 0], []
    loss, optimizer = refnet.MSE(reduction="sum"), refnet.SGD()
    recorder = FitRecorder(net, loss, optimizer, records.append)
    given = {"sample_weight": weights, "batch_size": 2, "shuffle": False, "epochs": 1}
    x, y = np.ones((4, 3)), np.zeros((4, 2))
    refnet.fit(net, x, y, loss=loss, optimizer=optimizer, on_step=recorder, **given)
    assert not records[1].sample_weight.any()
    assert all(compare(restart(record), record).passed for record in records)
