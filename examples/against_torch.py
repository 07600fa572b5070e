"""refnet beside PyTorch: one step from the same weights on the same batch, compared
number by number; a training; and a model of your own.

    python examples/against_torch.py [--plot DIR]

The two round differently, so they agree up to rounding, not bit for bit. parity derives
for each equation how much rounding can change it, so it needs no tolerance. This script
needs PyTorch.
"""

from functools import cache

import numpy as np

import parity
import refnet
from printed import Printed, run, wanted

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


def verdict(judgement):
    """The result of a certificate or an agreement, in one word."""
    return "passed" if judgement.passed else "failed"


def story():
    """One step by eye and by certificate, a training, and a model of your own."""
    yield "One step on each side, in float64. The largest difference of any entry:"
    yield from (f"  {name:<16}{difference:.1e}" for name, difference in by_eye().items())
    yield (
        "\nIs this rounding, or a mistake? The eye cannot tell. parity derives for each equation "
        "how much rounding can change it, and judges by that:"
    )
    for dtype in DTYPES:
        ours, theirs, agreement = judged(dtype)
        yield Printed(
            "one step", f"{dtype}, Adam: every equation of refnet", "passed", verdict(ours)
        )
        yield Printed(
            "one step", f"{dtype}, Adam: every equation of PyTorch", "passed", verdict(theirs)
        )
        yield Printed("one step", f"{dtype}, Adam: the two agree", "passed", verdict(agreement))
    yield str(judged("float64")[1])
    yield (
        f"\n{EPOCHS} epochs on the same mini-batches, never synchronised. The largest weight "
        f"difference after 1, 10, 100 and all steps:"
    )
    for dtype in DTYPES:
        net, model, differences = trained(dtype)
        yield f"  {dtype}  " + "  ".join(
            f"{step}: {differences[step - 1]:.1e}" for step in (1, 10, 100, len(differences))
        )
        labels = model(torch.tensor(data(dtype)[0])).argmax(dim=1).numpy()
        same = "the same" if np.array_equal(net.classify(data(dtype)[0]), labels) else "different"
        yield Printed("training", f"{dtype}: labels of all {ROWS} rows", "the same", same)
    certificate, agreement = your_own()
    yield (
        "Your own model may be any nn.Sequential of nn.Linear and activations. "
        "parity.record_torch(model, x, y, loss, optimizer) takes a step and records it, "
        "parity.certify judges the record, and parity.copy_from_torch(model, net) copies the "
        "weights into a refnet network."
    )
    yield Printed("your own", "8-16-3, ReLU, AdamW, float32", "passed", verdict(certificate))
    yield Printed(
        "your own", "refnet, from the same weights: the two agree", "passed", verdict(agreement)
    )


def growth():
    """The weight difference of the two sides during a training."""
    from refnet.plot.style import LINES, sheet

    figure, ax = sheet(width=6.4)
    for dtype, line in zip(DTYPES, LINES, strict=False):
        differences = trained(dtype)[2]
        ax.loglog(range(1, len(differences) + 1), differences, linestyle=line, label=dtype)
        ax.axhline(np.finfo(dtype).eps, color="0.6", linewidth=0.8)
        ax.text(
            1,
            np.finfo(dtype).eps * 1.2,
            f"distance from 1 to the next {dtype}",
            fontsize=8,
            color="0.35",
        )
    ax.set(
        xlabel="step",
        ylabel="largest weight difference",
        title="refnet and PyTorch, trained side by side",
    )
    ax.legend(loc="center right")
    return figure


def drawings():
    """The picture of this script."""
    yield "against_torch_growth", growth


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings, column="expected"))
