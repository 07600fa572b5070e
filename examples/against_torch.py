"""refnet beside PyTorch: the same weights, the same batch, and every number of the step
compared; then your own nn.Sequential.

    python examples/against_torch.py [--plot DIR]

The two round differently, and so agree up to rounding, not to the bit. parity knows how
much rounding allows, equation by equation, and so needs no tolerance. Needs PyTorch.
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
    """x (320, 8) around three centres, and which of them, (320,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, SIZES[-1], ROWS)
    centres = rng.standard_normal((SIZES[-1], SIZES[0]))
    return (centres[labels] + rng.standard_normal((ROWS, SIZES[0]))).astype(dtype), labels


def network(dtype="float64"):
    """8-16-3, tanh, logits."""
    return refnet.mlp(SIZES, hidden="tanh", output="identity", seed=0, dtype=dtype)


def flat(model, part="data"):
    """The parameters of a model, or their gradients (part="grad"), in one vector, in
    the order of net.parameters.
    """
    return torch.cat([getattr(parameter, part).ravel() for parameter in model.parameters()]).numpy()


def apart(ours, theirs):
    """The largest difference of any entry."""
    return float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())


@one_thread()
def by_eye():
    """One step of each, written out, and how far apart the numbers are, by name."""
    x, y = data()
    net = network()
    # nn.Sequential(nn.Linear, nn.Tanh, nn.Linear, nn.Identity) with net's weights
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
@one_thread()  # matrices so small are no work for two
def judged(dtype):
    """The same step with Adam, recorded on both sides: two certificates and the
    agreement.
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
    """Both trained on the same mini-batches and never brought together again: both, and
    the largest weight difference after each step.
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
    """An nn.Sequential as one writes it, in float32: its own step judged, and refnet
    brought to its weights.
    """
    x, y = data("float32")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    net = refnet.mlp(SIZES, hidden="relu", output="identity", dtype="float32")
    parity.copy_from_torch(model, net)
    record = parity.record_torch(
        model, x, y, nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters(), lr=0.01)
    )
    mine = parity.record_refnet(
        net, x, y, refnet.SoftmaxCrossEntropy(), refnet.AdamW(lr=0.01, weight_decay=0.01)
    )
    return parity.certify(record), parity.compare(mine, record)


def verdict(judgement):
    """A certificate or an agreement in one word."""
    return "passed" if judgement.passed else "failed"


def story():
    """By eye, by certificate, in a training, and with a model of your own."""
    yield "One step of each, written out, float64. The largest difference of any entry:"
    yield from (f"  {name:<16}{difference:.1e}" for name, difference in by_eye().items())
    yield (
        "\nWhether that is rounding or a mistake, the eye cannot tell. parity derives from each "
        "equation what rounding allows:"
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
        f"\n{EPOCHS} epochs on the same mini-batches, never brought together again; the largest "
        f"weight difference after some steps:"
    )
    for dtype in DTYPES:
        net, model, differences = trained(dtype)
        yield f"  {dtype}  " + "  ".join(
            f"{step}: {differences[step - 1]:.1e}" for step in (1, 10, 100, len(differences))
        )
        labels = model(torch.tensor(data(dtype)[0])).argmax(dim=1).numpy()
        same = "the same" if np.array_equal(net.classify(data(dtype)[0]), labels) else "others"
        yield Printed("training", f"{dtype}: labels of all {ROWS} rows", "the same", same)
    certificate, agreement = your_own()
    yield (
        "For a model of your own, an nn.Sequential of nn.Linear and activations: "
        "parity.record_torch(model, x, y, loss, optimizer) takes"
    )
    yield (
        "one step of it, parity.certify judges the record, and parity.copy_from_torch(model, "
        "net) gives its weights to a refnet network."
    )
    yield Printed("your own", "8-16-3, ReLU, AdamW, float32", "passed", verdict(certificate))
    yield Printed("your own", "refnet from its weights agrees", "passed", verdict(agreement))


def growth():
    """Figure: how far the two drift apart in training."""
    from pictures import LINES, sheet

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
        title="refnet and PyTorch, each on its own",
    )
    ax.legend(loc="center right")
    return figure


def drawings():
    """The picture of this script."""
    yield "against_torch_growth", growth


if __name__ == "__main__":
    raise SystemExit(run(TITLE, story, drawings, column="expected"))
