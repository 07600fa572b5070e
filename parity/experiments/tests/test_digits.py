"""Real handwritten digits: the steps that `fit` took, each certified on both sides, and
compared from equal weights at first.
"""

import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from parity.experiments.job import digits
from parity.experiments.job.digits import BATCH, EPOCHS, GROWTH, load, train
from parity.experiments.job.gaps import gaps_between
from parity.rounding.claim import PASSED
from parity.steps.pytorch import twin
from parity.steps.record import FitRecorder
from refnet import SGD, Adam, ExponentialLR, fit, mlp
from refnet.equations import PLAIN

STEPS = 34  # of an epoch: 1,078 images by 32, the last of them a mini-batch of 22
FEW = 3  # steps of an epoch where few digits do


@pytest.fixture
def few_digits(monkeypatch):
    """The first digits alone, with the last mini-batch half full."""
    rows = FEW * BATCH - BATCH // 2
    monkeypatch.setattr(
        digits,
        "load",
        lambda seed: (split := load(seed))._replace(x=split.x[:rows], labels=split.labels[:rows]),
    )


def test_the_seed_is_that_of_the_split_too(few_digits):
    """Another seed trains on other digits, from other weights."""
    one, other = (train(seed=seed, epochs=1) for seed in (0, 1))
    assert np.array_equal(other.split.x_test, load(1).x_test)
    assert np.array_equal(other.split.x, load(1).x[: len(other.split.x)])
    assert not np.array_equal(other.split.x, one.split.x)
    assert other.epochs[0].loss != one.epochs[0].loss


def test_weights_and_mini_batches_are_those_of_the_seed(few_digits, monkeypatch):
    """The first step starts from the weights that the seed draws, on the mini-batch
    that the seed draws.
    """
    records, real = [], digits.certify

    def certify(record, previous=None):
        records.append(record)
        return real(record, previous)

    monkeypatch.setattr(digits, "certify", certify)
    for seed in (0, 3):
        records.clear()
        split = train(seed=seed, epochs=1).split
        net = mlp(digits.SIZES, "tanh", "identity", init="torch_linear", seed=seed)
        rows = np.random.default_rng(seed).permutation(len(split.x))[:BATCH]
        for record in records[:2]:
            assert all(
                np.array_equal(W, layer.W)
                for W, layer in zip(record.before.W, net.layers, strict=True)
            )
            assert np.array_equal(record.x, split.x[rows])
            assert np.array_equal(record.y, split.labels[rows])


def test_every_equation_of_every_step_holds_on_both_sides(trained):
    """Each array of 102 steps is shown, judged and within its bound, with nothing
    corrected on the way.
    """
    assert len(trained.steps) == 3 * STEPS
    assert trained.first is None, trained.first
    for i, step in enumerate(trained.steps):
        for results in (step.ours, step.theirs):
            assert {result.equation for result in results} == {
                *PLAIN,
                *(["wiring"] if i else []),
            }
            assert {result.status for result in results} == {PASSED}
            assert all(result.used <= 1.0 for result in results)
        assert any(result.used > 0.0 for result in step.ours)


def test_the_first_steps_are_compared_from_equal_weights(trained):
    """As long as the growth curve is drawn, both agree in every array that one step
    makes, within a finite bound; later none is asked.
    """
    compared = [step.agreement for step in trained.steps]
    assert all(agreement.passed for agreement in compared[:10])
    assert compared[10:] == [None] * (3 * STEPS - 10)
    arrays = [(result.equation, result.layer, result.quantity) for result in trained.steps[0].ours]
    for agreement in compared[:10]:
        assert [(d.equation, d.layer, d.quantity) for d in agreement.differences] == arrays
        assert all(d.kind == "value" and np.isfinite(d.allowed) for d in agreement.differences)


def test_the_gaps_of_every_step_are_those_from_equal_weights(trained, few_digits, monkeypatch):
    """Every step has gaps, also after the growth curve; they are those between refnet's
    record and the one that PyTorch makes from refnet's weights.
    """
    assert all(step.gaps is not None for step in trained.steps)
    pairs, real = [], digits.restart

    def restart(record):
        pairs.append((record, real(record)))
        return pairs[-1][1]

    monkeypatch.setattr(digits, "restart", restart)
    monkeypatch.setattr(digits, "GROWTH", 1)
    steps = train(seed=0, epochs=1).steps
    assert [step.gaps for step in steps] == [gaps_between(*pair) for pair in pairs]
    assert len(pairs) == FEW


def test_the_second_twin_is_certified_too(trained):
    """Beside the results of the free-running PyTorch stand those of the one that starts
    from refnet's weights.
    """
    arrays = len(trained.steps[0].ours)
    wiring = len(trained.steps[-1].ours) - arrays
    assert [len(step.ours) for step in trained.steps] == [arrays] + [arrays + wiring] * 101
    assert [len(step.theirs) for step in trained.steps] == [2 * arrays] + [
        2 * arrays + wiring
    ] * 9 + [arrays + wiring] * 92


def test_the_growth_curve_is_the_weight_difference_after_each_step(few_digits, monkeypatch):
    """Its entries are the largest difference of any W or b, measured here from the two
    records of each step, up to the last.
    """
    want, real = [], digits.certify

    def certify(record, previous=None):
        records.append(record)
        return real(record, previous)

    records = []
    monkeypatch.setattr(digits, "certify", certify)
    monkeypatch.setattr(digits, "GROWTH", 5)
    result = train(seed=0, epochs=2, optimizer=SGD(lr=0.3, momentum=0.9))
    for ours, theirs in [
        *zip(records[0:15:3], records[1:15:3], strict=True),
        (records[15], records[16]),
    ]:
        pairs = zip((*ours.after.W, *ours.after.b), (*theirs.after.W, *theirs.after.b), strict=True)
        want.append(max(float(np.abs(mine - other).max()) for mine, other in pairs))
    assert (result.growth, result.weight_difference) == (want[:5], want[5])
    assert len(result.steps) == 2 * FEW


def test_the_growth_curve_of_the_main_job_has_a_hundred_steps():
    """Three epochs are enough for it, and the main job has more."""
    assert GROWTH == 100 <= 3 * STEPS
    assert EPOCHS >= 3


def test_losses_labels_and_accuracies_are_the_same(trained):
    """What a user looks at: the same labels and accuracies, and as the loss of an epoch
    the mean of the certified ones of its steps.
    """
    assert trained.same_labels
    rows, u = len(trained.split.x), np.finfo(np.float64).eps / 2
    sizes = [BATCH] * (STEPS - 1) + [rows - BATCH * (STEPS - 1)]
    for i, pair in enumerate(trained.epochs):
        assert pair.accuracy == pair.twin_accuracy
        for loss, side in ((pair.loss, "ours"), (pair.twin_loss, "theirs")):
            steps = trained.steps[i * STEPS : (i + 1) * STEPS]
            costs = [
                next(result.got for result in getattr(step, side) if result.equation == "C")
                for step in steps
            ]
            mean = math.fsum(cost * size for cost, size in zip(costs, sizes, strict=True)) / rows
            # a product, up to STEPS sums and a quotient, all of positive numbers
            assert abs(loss - mean) <= (STEPS + 2) * u * mean
    assert trained.epochs[-1].loss < trained.epochs[0].loss
    labels = trained.split.labels_test
    assert trained.accuracy == trained.epochs[-1].accuracy > np.bincount(labels).max() / len(labels)


def test_the_twin_went_on_its_own_way(trained):
    """The twin's weights are its own: they differ from refnet's by rounding, and both
    have moved.
    """
    assert trained.weight_difference > 0.0
    assert trained.growth[-1] > 0.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adam_steps_hold(few_digits, monkeypatch, dtype):
    """An adaptive rule holds and agrees as well, in both dtypes."""
    monkeypatch.setattr(digits, "GROWTH", 10)
    result = train(seed=1, epochs=5, dtype=dtype, optimizer=Adam(lr=0.01))
    assert result.first is None, result.first
    assert {step.agreement is None for step in result.steps[:10]} == {False}


def wrong_tanh(self, z):
    """tanh with the right value, and a derivative that is larger by 1."""
    return torch.tanh(z) + (z - z.detach())


def test_a_wrong_refnet_is_named(few_digits, monkeypatch):
    """Were refnet's derivative of tanh wrong, the first step would name side, equation
    and layer.
    """
    monkeypatch.setattr("refnet.activations.Tanh.derivative", lambda self, z, a: 1.0 - a)
    step, problem = train(seed=0, epochs=1).first
    assert (
        step,
        problem.startswith("refnet: BP2 (hidden delta) of layer 1 is wrong: delta at "),
    ) == (
        1,
        True,
    )


def test_a_wrong_pytorch_is_named(few_digits, monkeypatch):
    """So it is with PyTorch's."""
    monkeypatch.setattr(torch.nn.Tanh, "forward", wrong_tanh)
    step, problem = train(seed=0, epochs=1).first
    assert (
        step,
        problem.startswith("PyTorch: BP2 (hidden delta) of layer 1 is wrong: delta at "),
    ) == (
        1,
        True,
    )


@pytest.mark.parametrize("side", ["refnet", "PyTorch"])
def test_a_mistake_after_the_growth_curve_is_seen(few_digits, monkeypatch, side):
    """Either side is certified to the end: a derivative that goes wrong in the second
    epoch is found in its first step.
    """

    def spoil(pair):
        if side == "refnet":
            monkeypatch.setattr("refnet.activations.Tanh.derivative", lambda self, z, a: 1.0 - a)
        else:
            monkeypatch.setattr(torch.nn.Tanh, "forward", wrong_tanh)

    monkeypatch.setattr(digits, "GROWTH", 1)
    step, problem = train(seed=0, epochs=2, on_epoch=spoil).first
    assert (
        step,
        problem.startswith(f"{side}: BP2 (hidden delta) of layer 1 is wrong: delta at "),
    ) == (
        FEW + 1,
        True,
    )


def test_a_second_twin_that_is_wrong_is_named(few_digits, monkeypatch):
    """The twin that starts from refnet's weights is certified like the other."""
    real = digits.restart

    def restart(record):
        with monkeypatch.context() as patch:
            patch.setattr(torch.nn.Tanh, "forward", wrong_tanh)
            return real(record)

    monkeypatch.setattr(digits, "restart", restart)
    step, problem = train(seed=0, epochs=1).first
    assert (
        step,
        problem.startswith("PyTorch: BP2 (hidden delta) of layer 1 is wrong: delta at "),
    ) == (
        1,
        True,
    )


def nudge(array):
    """Move the first entry by one last place."""
    array[...] = np.where(
        np.arange(array.size).reshape(array.shape) == 0, np.nextafter(array, np.inf), array
    )


@pytest.mark.parametrize("part", ["W", "b"])
@pytest.mark.parametrize("layer", [1, 2])
def test_weights_changed_between_the_steps_of_fit_are_noticed(few_digits, monkeypatch, layer, part):
    """A weight moved by one last place from outside, between two steps, breaks the
    wiring of that layer.
    """

    class Meddling(FitRecorder):
        def __call__(self, step):
            super().__call__(step)
            nudge(getattr(self._net.layers[layer - 1], part))

    monkeypatch.setattr(digits, "FitRecorder", Meddling)
    want = (
        f"refnet: wiring of layer {layer}: {part} before has other values than the step before "
        f"wrote"
    )
    assert train(seed=0, epochs=1).first == (2, want)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_weights_of_the_twin_changed_between_its_steps_are_noticed(few_digits, monkeypatch, name):
    """So it is with the twin's."""
    real = digits.record_torch

    def record_torch(model, *given):
        record = real(model, *given)
        nudge(getattr(model[2], name).detach().numpy())
        return record

    monkeypatch.setattr(digits, "record_torch", record_torch)
    want = (
        f"PyTorch: wiring of layer 2: {'W' if name == 'weight' else 'b'} before has other values "
        f"than the step before wrote"
    )
    assert train(seed=0, epochs=1).first == (2, want)


def test_both_take_the_same_mini_batches_at_the_same_rate(few_digits, monkeypatch):
    """Data and hyper-parameters of each of the twin's steps are those of refnet's, a
    scheduled rate too, and all goes on holding.
    """
    records, real = [], digits.certify

    def certify(record, previous=None):
        records.append(record)
        return real(record, previous)

    monkeypatch.setattr(digits, "certify", certify)
    monkeypatch.setattr(digits, "GROWTH", 0)
    monkeypatch.setattr(digits, "fit", partial(fit, schedule=ExponentialLR(0.5)))
    result = train(seed=0, epochs=2, optimizer=SGD(lr=0.25))
    assert result.first is None, result.first
    pairs = list(zip(records[::2], records[1::2], strict=True))
    assert [ours.spec.hyperparameters["lr"] for ours, _ in pairs] == [0.25] * FEW + [0.125] * FEW
    for ours, theirs in pairs:
        assert ours.spec == theirs.spec
        assert np.array_equal(ours.x, theirs.x)
        assert np.array_equal(ours.y, theirs.y)


@pytest.mark.parametrize("part", ["weight", "bias"])
@pytest.mark.parametrize("off", [0.5, -0.5])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_weight_difference_is_the_largest_of_any_weight_or_bias(layer, part, off):
    """Whichever array the two differ in, and whichever way, that is the difference."""
    net = mlp((64, 3, 10), "tanh", "identity", init="zeros")
    model = twin(net)
    trained = digits.Trained(load(0), net, model)
    assert trained.weight_difference == 0.0
    getattr(model[2 * layer], part).detach().view(-1)[1] += off
    assert trained.weight_difference == 0.5


def exact_columns(raw, train_part):
    """Scaled by mean and deviation of the training part, in exact integers up to the
    root; with how far scikit-learn may be from it.

    The sum of n integers is exact and the mean one rounding off; the sum of n squares
    is off by n + 2 roundings in n, whose root is half as much; a difference, a quotient
    and a root more. So (n + 8) u |x|, and u mean / deviation for the mean.
    """
    n, u = len(train_part), np.finfo(np.float64).eps / 2
    whole = train_part.astype(np.int64)
    total = whole.sum(axis=0)
    deviation = np.sqrt((n * (whole**2).sum(axis=0) - total**2).astype(np.longdouble)) / n
    deviation[deviation == 0.0] = 1.0
    x = (raw.astype(np.longdouble) - total.astype(np.longdouble) / n) / deviation
    return x, (n + 8) * u * np.abs(x) + 2 * u * total / n / deviation


def test_the_split_is_sixty_to_forty_and_scaled_on_the_training_part():
    """Both parts are the digits minus the mean of the training part, over its
    deviation; no number of the test part enters the scaling.
    """
    split = load(seed=0)
    assert (len(split.x), len(split.x_test)) == (1078, 719)
    raw, labels = load_digits(return_X_y=True)
    raw, raw_test, labels, labels_test = train_test_split(
        raw, labels, test_size=0.4, random_state=0
    )
    for part, of, given, right in (
        (split.x, raw, split.labels, labels),
        (split.x_test, raw_test, split.labels_test, labels_test),
    ):
        x, allowed = exact_columns(of, raw)
        assert (np.abs(part - x) <= allowed).all()
        assert np.array_equal(given, right)
