"""A batch in shards of different sizes, each in a process of its own: when does the
average of their gradients equal the gradient of the whole batch?

    python examples/distributed.py [SECTION ...] [--plot DIR]

PyTorch's DistributedDataParallel averages the gradients of its processes, however many
rows each of them had. The gradient of the mean over all n rows needs each loss weighted
by its share m / n, times the number of processes. parity certifies what all processes
computed together, as one step. This script needs PyTorch; it starts three processes,
which speak to each other on this machine alone.
"""

import os
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import parity
import refnet
from lesson import Claim, Expected, Same, run, wanted

with wanted("parity"):
    import torch
    from torch import distributed, multiprocessing, nn
    from torch.nn.parallel import DistributedDataParallel

TITLE = "Shards of different sizes: the average of their gradients, and the gradient of all rows"
SIZES = (5, 7, 3)
LAYERS = len(SIZES) - 1
# rows of each process: batches of 8, and what is left
SHARDS = {"two processes": (8, 3), "three processes": (8, 8, 3)}
WEIGHTED = {"weighted": True, "as usual": False}
# its names; else gloo listens where the name of the host leads
LOOPBACK = {"linux": "lo", "darwin": "lo0"}


@cache
def data(n):
    """x (n, 5), points around three centres; and the number of the centre, (n,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, SIZES[-1], n)
    centres = rng.standard_normal((SIZES[-1], SIZES[0]))
    return centres[labels] + rng.standard_normal((n, SIZES[0])), labels


def network():
    """5-7-3, tanh, logits."""
    return refnet.mlp(SIZES, hidden="tanh", output="identity", seed=0)


def rows_of(rank, shards):
    """The rows of a process, one shard after the other."""
    return slice(sum(shards[:rank]), sum(shards[: rank + 1]))


def backward(rank, group, shards, *, weighted):
    """What a process of the group computes: loss, z, a, delta of its rows, the averaged
    dW and db, and the weights after a step.
    """
    rows, n, k = rows_of(rank, shards), sum(shards), len(shards)
    x, y = (torch.from_numpy(array[rows]) for array in data(n))
    model = DistributedDataParallel(parity.twin(network()), process_group=group)
    outputs = []
    for module in model.module:  # Linear, Tanh, Linear, Identity: z, a, z, a
        module.register_forward_hook(lambda module, given, output: outputs.append(output))
    loss = nn.CrossEntropyLoss()(model(x), y)
    for output in outputs:
        output.retain_grad()
    (loss * (len(x) / n * k) if weighted else loss).backward()
    linears = model.module[::2]
    arrays = {
        "loss": [loss],
        "z": outputs[::2],
        "a": outputs[1::2],
        # the average divides by k, and with it the share of each row
        "delta": [z.grad / k for z in outputs[::2]],
        "dW": [linear.weight.grad for linear in linears],
        "db": [linear.bias.grad for linear in linears],
    }
    parity.twin_optimizer(refnet.SGD(), model.module).step()
    arrays |= {
        "W": [linear.weight for linear in linears],
        "b": [linear.bias for linear in linears],
    }
    return {
        f"{name}{l}": array.detach().numpy()
        for name, layers in arrays.items()
        for l, array in enumerate(layers)
    }


def work(rank, folder):
    """One of the processes: it writes what it computed into files."""
    torch.set_num_threads(1)
    if sys.platform in LOOPBACK:
        os.environ["GLOO_SOCKET_IFNAME"] = LOOPBACK[sys.platform]
    most = max(map(len, SHARDS.values()))
    store = distributed.FileStore(str(Path(folder, "store")), most)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=most)
    for name, shards in SHARDS.items():
        group = distributed.new_group(list(range(len(shards))))
        for form, weighted in WEIGHTED.items():
            if rank < len(shards):
                arrays = backward(rank, group, shards, weighted=weighted)
                np.savez(Path(folder, f"{name}, {form}, {rank}.npz"), **arrays)
    distributed.destroy_process_group()


def _way_to_start():
    """Of processes: where it is safe, copies of one that has imported PyTorch once."""
    if sys.platform != "linux":
        return "spawn"
    multiprocessing.set_forkserver_preload(["torch._dynamo"])  # DDP imports it
    return "forkserver"


@cache
def computed():
    """The arrays of every process, by the name of the shards and the form."""
    with TemporaryDirectory() as folder:
        processes = max(map(len, SHARDS.values()))
        multiprocessing.start_processes(
            work, (folder,), processes, daemon=True, start_method=_way_to_start()
        )
        return {
            (name, form): [
                dict(np.load(Path(folder, f"{name}, {form}, {rank}.npz")))
                for rank in range(len(shards))
            ]
            for name, shards in SHARDS.items()
            for form in WEIGHTED
        }


def whole(name):
    """refnet's step on all rows at once, as a record."""
    x, y = data(sum(SHARDS[name]))
    return parity.record_refnet(network(), x, y, refnet.SoftmaxCrossEntropy(), refnet.SGD())


def together(name, form):
    """What the processes computed as one record: the rows of all, the mean loss of all
    rows, the averaged gradients, and the step.
    """
    shards, every = SHARDS[name], computed()[name, form]

    def shown(*parts):
        return tuple({part: every[0][f"{part}{l}"] for part in parts} for l in range(LAYERS))

    def rows(l):
        return {
            part: np.concatenate([arrays[f"{part}{l}"] for arrays in every])
            for part in ("z", "a", "delta")
        }

    layers = tuple(parity.LayerRecord(**rows(l), **g) for l, g in enumerate(shown("dW", "db")))
    after = parity.Snapshot(*(tuple(each[part] for each in shown(part)) for part in "Wb"), {})
    losses = [float(arrays["loss0"]) for arrays in every]
    loss = float(np.dot(losses, shards)) / sum(shards)
    return replace(whole(name), layers=layers, loss=loss, after=after)


def vector(record):
    """Every gradient of a record, as one vector."""
    arrays = [array for layer in record.layers for array in (layer.dW, layer.db)]
    return np.concatenate([array.ravel() for array in arrays])


def off(gradient, right):
    """How far a gradient is off, in per cent of the length of the right one."""
    return 100 * np.linalg.norm(gradient - right) / np.linalg.norm(right)


# what is expected of the usual form: how far it is off, per cent
OFF = {"two processes": "31.4", "three processes": "37.6"}
NAMED = "shards-averaged-without-sizes"


def averaged(shards):
    """The mean of the shards' own gradients, by refnet in this process."""
    x, y = data(sum(shards))
    net, loss = network(), refnet.SoftmaxCrossEntropy()
    parts = [rows_of(rank, shards) for rank in range(len(shards))]
    return np.mean(
        [net.loss_and_gradients(x[rows], y[rows], loss)[1].vector for rows in parts], axis=0
    )


def within(certificate):
    """How many arrays of a certificate are within their bounds, in words."""
    passed = len(certificate.results) - len(certificate.broken)
    return f"{passed} of {len(certificate.results)} arrays within their bounds"


def shown(name):
    """Both forms, with some processes."""
    shards = SHARDS[name]
    record, usual, right = together(name, "weighted"), together(name, "as usual"), whole(name)
    yield "Each loss weighted by m k / n, for m of n rows and k processes:"
    certificate, agreement = parity.certify(record), parity.compare(right, record)
    yield Claim("every equation holds", within(certificate), certificate.passed)
    yield Claim(
        "all agrees with refnet on all rows",
        f"at most {agreement.worst:.2g} of what rounding allows",
        agreement.passed,
    )
    yield Same("gradient of all rows, refnet", vector(record), vector(right))
    yield "Each loss a mean over the process's own rows, as usual:"
    yield Same("mean of the shards' gradients, refnet", vector(usual), averaged(shards))
    distance = off(vector(usual), vector(right))
    yield Expected("off by, in per cent of the gradient", OFF[name], distance)
    certificate, (finding,) = parity.certify(usual), parity.diagnose(usual)
    yield Claim("an equation does not hold", within(certificate), not certificate.passed)
    named = int(finding.bug == NAMED)
    yield Expected("findings that name the mistake", "1", named)


def two_processes():
    """8 and 3 rows."""
    yield (
        "Every process reads the next 8 rows, and the last one what is left, which is 3. "
        "DistributedDataParallel averages the gradients of all processes. With each loss a mean "
        "over the process's own rows, a row of the last one counts more than the others."
    )
    yield from shown("two processes")


def three_processes():
    """8, 8 and 3 rows."""
    yield from shown("three processes")
    (finding,) = parity.diagnose(together("three processes", "as usual"))
    yield f"The mistake by its name, {NAMED}: {finding}"
    yield (
        "The same is so of gradient accumulation: micro-batches whose losses are means of their "
        "own, divided by the number of micro-batches, weight the rows of a short one more. Sum "
        "the losses and divide by n once, or weight each by its rows."
    )


SECTIONS = {
    "Two processes: 8 and 3 rows": two_processes,
    "Three processes: 8, 8 and 3 rows": three_processes,
}

if __name__ == "__main__":
    raise SystemExit(run(__file__, TITLE, SECTIONS))
