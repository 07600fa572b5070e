"""refnet beside PyTorch: one step from the same weights on the same batch, compared
number by number; a training; and a model of your own.

    python examples/against_torch.py [SECTION ...] [--plot DIR]

The two round differently, so they agree up to rounding, not bit for bit. parity derives
for each equation how much rounding can change it, so it needs no tolerance. This script
needs PyTorch.
"""

from functools import cache

import numpy as np

import parity
import refnet
from lesson import Claim, Expected, run, wanted

with wanted("parity"):
    import torch
    from torch import nn

    from parity.steps.pytorch import one_thread

TITLE = "refnet beside PyTorch: the same training step, compared number by number"
ROWS, SIZES, BATCH, EPOCHS = 320, (8, 16, 3), 32, 15
DTYPES = ("float64", "float32")


@cache
def data(dtype="float64"):
    """x (320, 8), points around three centres; and the number of the centre, (320,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, SIZES[-1], ROWS)
    centres = rng.standard_normal((SIZES[-1], SIZES[0]))
    return (centres[labels] + rng.standard_normal((ROWS, SIZES[0]))).astype(dtype), labels


def network(dtype="float64"):
    """8-16-3, tanh, logits."""
    return refnet.mlp(SIZES, hidden="tanh", output="identity", seed=0, dtype=dtype)


def flat(model, part="data"):
    """The parameters of a model, or their gradients (part="grad"), as one vector in the
    order of net.parameters.
    """
    return torch.cat([getattr(parameter, part).ravel() for parameter in model.parameters()]).numpy()


def apart(ours, theirs):
    """The largest difference between two entries."""
    return float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())


@one_thread()
def by_eye():
    """One step of each, written out, and the largest difference of each quantity."""
    x, y = data()
    net = network()
    # an nn.Sequential(nn.Linear, nn.Tanh, nn.Linear, nn.Identity) with net's weights
    model = parity.twin(net)
    before = apart(net.parameters, flat(model))

    trace = net.forward(x)
    loss = refnet.SoftmaxCrossEntropy()
    value, gradients = net.loss_and_gradients(x, y, loss)
    refnet.SGD(lr=0.1).step(net, gradients)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    output = model(torch.tensor(x))
    torch_value = nn.CrossEntropyLoss()(output, torch.tensor(y))
    optimizer.zero_grad()
    torch_value.backward()
    optimizer.step()

    return {
        "weights before": before,
        "output": apart(trace.output, output.detach()),
        "loss": apart(value, torch_value.detach()),
        "gradients": apart(gradients.vector, flat(model, "grad")),
        "weights after": apart(net.parameters, flat(model)),
    }


@cache
@one_thread()  # matrices this small gain nothing from a second thread
def judged(dtype):
    """The same step with Adam on both sides: a certificate of each, and whether the two
    agree.
    """
    x, y = data(dtype)
    net, loss, optimizer = network(dtype), refnet.SoftmaxCrossEntropy(), refnet.Adam()
    model = parity.twin(net)
    theirs = parity.record_torch(
        model, x, y, parity.twin_loss(loss), parity.twin_optimizer(optimizer, model)
    )
    ours = parity.record_refnet(net, x, y, loss, optimizer)
    return parity.certify(ours), parity.certify(theirs), parity.compare(ours, theirs)


@cache
@one_thread()
def trained(dtype):
    """Both sides trained on the same mini-batches, never synchronised: both networks,
    and the largest weight difference after each step.
    """
    x, y = data(dtype)
    net, loss, optimizer, differences = (
        network(dtype),
        refnet.SoftmaxCrossEntropy(),
        refnet.SGD(lr=0.1, momentum=0.9),
        [],
    )
    model = parity.twin(net)
    torch_loss, torch_optimizer = parity.twin_loss(loss), parity.twin_optimizer(optimizer, model)

    def follow(step):
        torch_optimizer.zero_grad()
        torch_loss(model(torch.tensor(step.x)), torch.tensor(step.y)).backward()
        torch_optimizer.step()
        differences.append(apart(net.parameters, flat(model)))

    refnet.fit(
        net, x, y, loss=loss, optimizer=optimizer, epochs=EPOCHS, batch_size=BATCH, on_step=follow
    )
    return net, model, differences


@one_thread()
def your_own():
    """An ordinary nn.Sequential in float32: its step is certified, and refnet starts
    from its weights.
    """
    x, y = data("float32")
    with torch.random.fork_rng():  # leaves the caller's random numbers alone
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    net = refnet.mlp(SIZES, hidden="relu", output="identity", dtype="float32")
    parity.copy_from_torch(model, net)
    record = parity.record_torch(
        model, x, y, nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), lr=0.01)
    )
    ours = parity.record_refnet(
        net, x, y, refnet.SoftmaxCrossEntropy(), refnet.AdamW(lr=0.01, weight_decay=0.01)
    )
    return parity.certify(record), parity.compare(ours, record)


def within(certificate):
    """How many arrays of a certificate are within their bounds, in words."""
    passed = len(certificate.results) - len(certificate.broken)
    used = certificate.worst.used
    return f"{passed} of {len(certificate.results)} arrays; at most {used:.2f} of a bound"


def agreeing(agreement):
    """How far an agreement goes, in words."""
    return f"at most {agreement.worst:.2f} of what rounding allows"


def one_step():
    """One step of each, by eye and by certificate."""
    yield "One step on each side, in float64. The largest difference of any entry:"
    yield from (f"  {name:<16}{difference:.1e}" for name, difference in by_eye().items())
    yield (
        "Is this rounding, or a mistake? The eye cannot tell. parity derives for each equation "
        "how much rounding can change it, and judges by that:"
    )
    for dtype in DTYPES:
        ours, theirs, agreement = judged(dtype)
        yield Claim(f"{dtype}, Adam: refnet's equations hold", within(ours), ours.passed)
        yield Claim(f"{dtype}, Adam: PyTorch's equations hold", within(theirs), theirs.passed)
        yield Claim(f"{dtype}, Adam: the two agree", agreeing(agreement), agreement.passed)
    yield str(judged("float64")[1])


def training():
    """A training side by side."""
    yield (
        f"{EPOCHS} epochs on the same mini-batches, never synchronised. The largest weight "
        f"difference after some of the steps:"
    )
    at = (1, 10, 100, len(trained("float64")[2]))
    yield f"  {'step':<8}" + "".join(f"{step:>10}" for step in at)
    for dtype in DTYPES:
        differences = trained(dtype)[2]
        yield f"  {dtype:<8}" + "".join(f"{differences[step - 1]:>10.1e}" for step in at)
    for dtype in DTYPES:
        net, model, _ = trained(dtype)
        x, _ = data(dtype)
        labels = model(torch.tensor(x)).argmax(dim=1).numpy()
        same = int((net.classify(x) == labels).sum())
        yield Expected(f"{dtype}: rows with the same label", f"{ROWS}", same)


def your_model():
    """A model that was not made from a network of refnet."""
    certificate, agreement = your_own()
    yield (
        "Your own model may be any nn.Sequential of nn.Linear and activations. "
        "parity.record_torch(model, x, y, loss, optimizer) takes a step and records it, "
        "parity.certify judges the record, and parity.copy_from_torch(model, net) copies the "
        "weights into a refnet network."
    )
    yield Claim("8-16-3, ReLU, AdamW, float32", within(certificate), certificate.passed)
    yield Claim(
        "refnet, from the same weights: the two agree", agreeing(agreement), agreement.passed
    )


SECTIONS = {
    "One step": one_step,
    "A training": training,
    "Your own model": your_model,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
