"""Random architectures: every equation against PyTorch's from the same inputs, special values included, and whole steps beside it."""

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from parity.agreement import compare
from parity.cases import TRAINABLE, outputs_of, targets_of
from parity.record import StepRecord, record_refnet
from parity.torch_twin import predict, record_torch, restate, twin, twin_loss, twin_optimizer
from refnet import LeakyReLU, mlp
from refnet.initializers import Normal
from refnet.losses import LOSSES
from refnet.optimizers import SGD, Adam, RMSprop

# zeros of both signs, kinks, saturation of exp in both dtypes, numbers that vanish beside others, subnormals
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 37.5, -37.5, 90.0, -90.0, 750.0, -750.0, 1e4, -1e4, 1e-8, -1e-30, 1e-40, 5e-324)

TORCH_BCE_FLOOR = 1e-12  # BCELoss' backward divides by a (1 - a), or by this where it is less


@st.composite
def steps(draw, special):
    """A network, a loss, data and an optimizer; where `special`, some of the numbers are exchanged for special ones."""
    dtype = draw(st.sampled_from(["float64", "float32"]))
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=7))
    kinds = st.sampled_from(TRAINABLE).map(lambda name: LeakyReLU(0.3) if name == "leaky_relu" else name)
    loss = draw(st.sampled_from(sorted(LOSSES)))
    output = draw(st.sampled_from(outputs_of(loss)))
    hidden = draw(st.lists(kinds, min_size=len(sizes) - 2, max_size=len(sizes) - 2))
    targets = draw(st.sampled_from(targets_of(loss)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.integers(1, 9))

    net = mlp(sizes, hidden, output, init=Normal(std=0.5 / max(sizes) ** 0.5), seed=int(rng.integers(2**32)), dtype=dtype)
    x = rng.uniform(-1, 1, (rows, sizes[0])).astype(dtype)
    y = _targets(rng, targets, rows, sizes[-1]).astype(np.intp if targets == "labels" else dtype)
    if special:
        whole = draw(st.booleans())
        for array in (net.parameters, x, *([y] if targets == "values" else [])):
            if whole:  # small whole numbers meet exactly: z = 0, a = y
                array[:] = rng.integers(-2, 3, array.shape)
            for value in draw(st.lists(st.sampled_from(SPECIAL), max_size=4)):
                array.flat[rng.integers(array.size)] = value
    # an adaptive rule divides by the gradient's own size; where that is all rounding, correct sides part, so it is judged from equal inputs
    rules = [SGD(0.1, momentum=0.9, weight_decay=0.01), *([Adam(0.01), RMSprop(0.01, momentum=0.5)] if special else [])]
    optimizer = draw(st.sampled_from(rules))
    return net, x, y, LOSSES[loss](), type(optimizer)(**optimizer.hyperparameters)


def _targets(rng, kind, rows, outputs):
    if kind == "labels":
        return rng.integers(0, outputs, rows)
    if kind == "distributions":
        return rng.dirichlet(np.ones(outputs), rows)
    if kind == "probabilities":
        return np.where(rng.random((rows, outputs)) < 0.5, 1.0, rng.random((rows, outputs)))
    return rng.normal(size=(rows, outputs))


def torch_deviates(record: StepRecord) -> bool:
    """Whether PyTorch's own gradient of the loss is known to be off: probabilities so near 0 or 1 that it clamps or divides by zero."""
    p = record.layers[-1].a
    if record.spec.loss == "binary_cross_entropy":
        return bool((p * (1 - p) <= TORCH_BCE_FLOOR).any())
    return record.spec.loss == "cross_entropy" and bool((p < 4 * np.finfo(p.dtype).tiny).any())


def check(record: StepRecord) -> None:
    """Every equation agrees with PyTorch's from the same inputs, but for the output delta where PyTorch is known to be off."""
    agreement = compare(record, restate(record), sized_by=record)
    deviating = torch_deviates(record)
    event(f"torch deviates: {deviating}")
    wrong = [d for d in agreement.differences if not (d.passed or (deviating and d.equation == "BP1"))]
    assert not wrong, f"{record.spec}: {wrong[0]}"


@settings(max_examples=300)
@given(steps(special=True))
def test_every_equation_agrees_from_the_same_inputs(step):
    """z, a, C, BP1 to BP4 and the step agree for any architecture, with zeros, kinks, saturated, huge and tiny numbers."""
    net, x, y, loss, optimizer = step
    try:
        records = [record_refnet(net, x, y, loss, optimizer) for _ in range(2)]
    except (FloatingPointError, ValueError) as refusal:
        # a step that would not be finite, or a probability that reached 0 against its label, is refused by name
        assert "expected finite" in str(refusal) or "finite reciprocal" in str(refusal)  # noqa: PT017 - the sentence is what is tested
        event("refused")
        assume(False)
    for record in records:
        if np.isfinite(record.loss):
            check(record)
        else:
            event("the cost overflows")


@settings(max_examples=150)
@given(steps(special=False))
def test_whole_steps_agree_from_equal_weights(step):
    """Wired together, the two take the same steps: each side's a is its next a_prev, each side's weights are its next weights."""
    net, x, y, loss, optimizer = step
    model, torch_loss = twin(net), twin_loss(loss)
    torch_optimizer = twin_optimizer(optimizer, model)
    for lr in (optimizer.lr, optimizer.lr / 2):
        optimizer.lr = torch_optimizer.param_groups[0]["lr"] = lr
        agreement = compare(record_refnet(net, x, y, loss, optimizer), record_torch(model, x, y, torch_loss, torch_optimizer))
        assert agreement.passed, f"{net}: {agreement}"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("hidden", ["heaviside", "tanh"])
def test_heaviside_agrees_forward(dtype, hidden):
    """A step function puts out the same zeros and ones on both sides, at z = 0 as well."""
    net = mlp([3, 5, 2], hidden, "heaviside", init=Normal(), seed=4, dtype=dtype)
    net.layers[-1].b[:] = 0.0
    net.layers[-1].W[0] = 0.0
    x = np.random.default_rng(4).normal(size=(8, 3)).astype(dtype)
    assert np.array_equal(net.predict(x), predict(twin(net), x))
    assert (net.predict(x)[:, 0] == 0.0).all()


@pytest.mark.parametrize(("dtype", "z"), [("float64", 28.0), ("float64", 40.0), ("float32", 18.0)])
def test_torch_fades_where_a_sigmoid_saturates(dtype, z):
    """The exemption is real: BCELoss' gradient after a saturated sigmoid on the wrong side is no longer 1, refnet's is or is refused."""
    net = mlp([1, 1], output="sigmoid", dtype=dtype)
    net.parameters[:] = (z, 0.0)
    model, loss = twin(net), LOSSES["binary_cross_entropy"]()
    optimizer = SGD()
    theirs = record_torch(model, [[1.0]], [[0.0]], twin_loss(loss), twin_optimizer(optimizer, model))
    assert theirs.layers[0].delta[0, 0] < 0.9
    if net.predict([[1.0]])[0, 0] == 1.0:
        with pytest.raises(ValueError, match="SigmoidCrossEntropy on logits has no such limit"):
            record_refnet(net, [[1.0]], [[0.0]], loss, optimizer)
    else:
        (layer,) = record_refnet(net, [[1.0]], [[0.0]], loss, optimizer).layers
        # 1 / (1 - a) times a (1 - a): the 1 - a are the same number, and three roundings are left
        assert abs(layer.delta - layer.a) <= 3 * np.finfo(dtype).eps / 2 * layer.a
