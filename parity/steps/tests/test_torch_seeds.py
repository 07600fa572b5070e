"""The weights of a PyTorch seed, drawn without PyTorch, are PyTorch's bit for bit."""

import json
import os
import platform
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import parity
import refnet
from parity.steps.tests.twins import DTYPES, dtypes, weights

SEEDS = [0, 1, 42, 2**31, 2**32 - 1, 2**32 + 7, 2**63 + 3, 2**64 - 1]
# width 1; odd, and wider than a vector register; digits; an odd tail; 785,000 weights
ARCHITECTURES = [[1, 1, 3], [5, 37, 17, 2], [64, 30, 10], [7, 19, 11, 3, 1], [784, 1000, 10]]

# where the docstring of TorchLinear says which form PyTorch has; else a trial says it
MEASURED = sys.platform == "linux" and platform.machine() == "x86_64"

# in a process of its own, as PyTorch reads ATEN_CPU_CAPABILITY once
PRINT_WEIGHTS = """
import json, torch
from parity.steps.tests.test_torch_seeds import torchs
print(torch.backends.cpu.get_cpu_capability())
print(json.dumps([p.double().ravel().tolist() for p in torchs(%r, %d, %r).parameters()]))
"""


def torchs(sizes, seed, dtype, bias=True):
    """A model as anybody makes it: a seed, then layer by layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            *(
                nn.Linear(fan_in, fan_out, bias, dtype=DTYPES[dtype])
                for fan_in, fan_out in pairwise(sizes)
            )
        )


def initializer():
    """In the form of this machine."""
    forms = [refnet.TorchLinear(generator="torch", fused=fused) for fused in (False, True)]
    if MEASURED:
        return forms[torch.backends.cpu.get_cpu_capability() != "DEFAULT"]
    expected = weights(torchs([37, 30], 0, "float32"))[0]
    nets = [refnet.mlp([37, 30], init=form, seed=0, dtype="float32") for form in forms]
    return forms[nets[1].layers[0].W.tobytes() == expected]


@dtypes
@pytest.mark.parametrize("sizes", ARCHITECTURES, ids=str)
def test_weights_are_those_of_the_seed_to_the_bit(sizes, dtype):
    """Each W and b of each seed is PyTorch's, in the form of this machine, and the
    generator that all of PyTorch shares stays where it was.
    """
    before = torch.get_rng_state()
    for seed in SEEDS:
        net = refnet.mlp(sizes, init=initializer(), seed=seed, dtype=dtype)
        own = [part.tobytes() for layer in net.layers for part in (layer.W, layer.b)]
        assert own == weights(torchs(sizes, seed, dtype)), seed
    assert torch.equal(torch.get_rng_state(), before)


@dtypes
def test_a_copy_into_a_model_of_the_seed_changes_no_bit(dtype):
    """What copy_to_torch writes into PyTorch's own model is there already."""
    net = refnet.mlp([5, 4, 3], output="identity", init=initializer(), seed=8, dtype=dtype)
    linears = torchs([5, 4, 3], 8, dtype)
    model = nn.Sequential(linears[0], nn.Sigmoid(), linears[1])
    drawn = weights(model)
    parity.copy_to_torch(net, model)
    assert weights(model) == drawn
    assert weights(parity.twin(net)) == drawn


@dtypes
def test_no_number_is_drawn_for_biases_that_are_not_there(dtype):
    """Without biases the weights of the second layer follow those of the first."""
    sizes, init = [6, 5, 4], initializer()
    rng = init.seeded(3, np.dtype(dtype))
    own = [init.weights_alone(rng, 5, 6).tobytes(), init.weights_alone(rng, 4, 5).tobytes()]
    assert own == weights(torchs(sizes, 3, dtype, bias=False))


@dtypes
def test_another_form_another_seed_and_another_order_are_noticed(dtype):
    """The comparison above refuses the other form, the next seed, and biases that are
    drawn first.
    """
    # not 64 inputs: their bound, 1/8, makes the product exact in either form
    expected = weights(torchs([37, 30], 0, dtype))
    init = initializer()
    other = refnet.TorchLinear(generator="torch", fused=not init.fused)
    nets = [
        refnet.mlp([37, 30], init=init, seed=1, dtype=dtype),
        refnet.mlp([37, 30], init=other, seed=0, dtype=dtype),
    ]
    assert all(net.layers[0].W.tobytes() != expected[0] for net in nets)
    rng = init.seeded(0, np.dtype(dtype))
    init.weights_alone(rng, 30, 1)
    assert init.weights_alone(rng, 30, 37).tobytes() != expected[0]


def test_the_other_form_is_that_of_older_instructions():
    """Held to the oldest instructions, PyTorch gives the weights of the form that the
    docstring names for them: the one that is not fused.
    """
    sizes, seed, dtype = [64, 30, 10], 5, "float32"
    done = subprocess.run(
        [sys.executable, "-c", PRINT_WEIGHTS % (sizes, seed, dtype)],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"},
        capture_output=True,
        text=True,
        check=True,
    )
    capability, printed = done.stdout.splitlines()
    inits = [refnet.TorchLinear(generator="torch", fused=False)]
    inits += [] if MEASURED else [initializer()]
    nets = [refnet.mlp(sizes, init=init, seed=seed, dtype=dtype) for init in inits]
    assert capability == "DEFAULT" or not MEASURED
    assert json.loads(printed) in [
        [part.ravel().tolist() for layer in net.layers for part in (layer.W, layer.b)]
        for net in nets
    ]
