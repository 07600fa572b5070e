"""A state_dict there and back, bit for bit, with PyTorch itself on the other side."""

import numpy as np
import pytest
import torch
from torch import nn

import parity
import refnet
from refnet.formats import from_state_dict, to_state_dict

DTYPES = {"float32": torch.float32, "float64": torch.float64}
NETS = {
    "distinct primes": {"sizes": [5, 3, 7, 2], "hidden": ["tanh", "relu"], "output": "sigmoid"},
    "without biases": {"sizes": [5, 3, 2], "bias": False},
    "width 1": {"sizes": [3, 1, 2]},
    "one layer": {"sizes": [2, 3], "output": refnet.LeakyReLU(0.2)},
    "square": {"sizes": [3] * 13, "hidden": "tanh"},
    "dropout": {"sizes": [3, 5, 2], "dropout": 0.5, "input_dropout": 0.1},
}
SPECIAL = (0.0, -0.0, 5e-324, -1e-310, 1e-40, 3e38, -1e300)


@pytest.fixture(params=[(name, dtype) for name in NETS for dtype in DTYPES], ids=" ".join)
def net(request):
    """A network with zeros, subnormal and huge numbers among its weights."""
    name, dtype = request.param
    network = refnet.mlp(seed=1, dtype=dtype, **NETS[name])
    with np.errstate(all="ignore"):
        special = np.array(SPECIAL).astype(dtype)
    special = special[np.isfinite(special)][: network.parameters.size]
    network.parameters[: special.size] = special
    return network


def again(state, net):
    """The network of a state_dict, with the activations of another."""
    *hidden, output = [layer.activation for layer in net.layers]
    return from_state_dict(state, hidden, output)


def same_bits(one, other):
    """Whether two networks have the same parameters, in one dtype."""
    return one.dtype == other.dtype and one.parameters.tobytes() == other.parameters.tobytes()


def tensors(net):
    """What to_state_dict gives, as tensors."""
    return {name: torch.from_numpy(array) for name, array in to_state_dict(net).items()}


def test_the_names_and_the_bits_are_those_of_the_twin(net):
    """In its order, and with its shapes and dtypes."""
    state, twins = to_state_dict(net), parity.twin(net).state_dict()
    assert [*state] == [*twins]
    for name, tensor in twins.items():
        assert tensor.numpy().dtype == state[name].dtype
        assert tensor.numpy().shape == state[name].shape
        assert tensor.numpy().tobytes() == state[name].tobytes()


def test_pytorch_loads_what_is_written(net):
    """load_state_dict takes all of it and wants no more; the way back has the same
    bits, by the names and by the model.
    """
    model = parity.twin(refnet.Network(net.layers))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    model.load_state_dict(tensors(net), strict=True)
    assert same_bits(again(model.state_dict(), net), net)
    assert same_bits(parity.network_of(model), net)


def test_a_saved_file_comes_back(net, tmp_path):
    """Through torch.save, and torch.load of weights alone."""
    torch.save(parity.twin(net).state_dict(), tmp_path / "twin.pt")
    assert same_bits(again(torch.load(tmp_path / "twin.pt", weights_only=True), net), net)
    torch.save(tensors(net), tmp_path / "ours.pt")
    assert same_bits(again(torch.load(tmp_path / "ours.pt", weights_only=True), net), net)


class Classifier(nn.Module):
    """A model as they are written, with names of its own."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(5, 3), nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        """Logits."""
        return self.out(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


def test_a_model_of_one_s_own_is_read_as_its_forward():
    """The names are its own; parameters that ask for gradients, and views that are not
    contiguous, are arrays like others.
    """
    model = Classifier()
    expected = parity.network_of(model)
    live = dict(model.named_parameters())
    strided = {name: tensor.detach().t().clone().t() for name, tensor in live.items()}
    for state in (model.state_dict(), live, strided):
        assert same_bits(from_state_dict(state, "relu", "identity"), expected)


def test_a_wrapper_puts_a_name_in_front():
    """DistributedDataParallel and DataParallel keep the model as their module."""
    model = Classifier()
    state = nn.DataParallel(model).state_dict()
    assert {key.split(".")[0] for key in state} == {"module"}
    assert same_bits(from_state_dict(state, "relu", "identity"), parity.network_of(model))


def test_tied_weights_become_two_layers():
    """Each has a copy, as a network has one vector without overlaps."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    net = from_state_dict(model.state_dict(), "tanh", "identity")
    first, second = (layer.W for layer in net.layers)
    assert first.tobytes() == second.tobytes()
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        (torch.ones(3, 2, dtype=torch.float16), "dtype of weight has float16, expected float32"),
        (torch.ones(3, 2, dtype=torch.int64), "dtype of weight has int64, expected float32 or"),
        (torch.ones(3, 2, dtype=torch.bfloat16), "weight has torch.bfloat16 on cpu, expected a"),
        (torch.ones(3, 2, device="meta"), "weight has torch.float32 on meta, expected a tensor"),
        (torch.ones(3, 2).to_sparse(), "weight has torch.float32 on cpu, expected a tensor that"),
        (nn.LazyLinear(3).weight, "weight has torch.float32 on cpu, expected a tensor that NumPy"),
    ],
    ids=["float16", "int64", "bfloat16", "meta", "sparse", "lazy"],
)
def test_a_tensor_that_has_no_such_numbers_is_refused(tensor, sentence):
    """By its name, with what it is and what helps."""
    with pytest.raises(TypeError, match=f"^from_state_dict: {sentence}"):
        from_state_dict({"weight": tensor}, [], "identity")


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (nn.BatchNorm1d(3), "state has '1.running_mean', expected the weight and the bias of lin"),
        (nn.LayerNorm(3), r"1.weight has shape \(3,\), expected \(fan_out, fan_in\): a norm"),
        (nn.Conv2d(3, 5, 2), r"1.weight has shape \(5, 3, 2, 2\), expected \(fan_out, fan_in\)"),
        (nn.MultiheadAttention(3, 1), "state has '1.in_proj_weight', expected the weight and"),
        (
            nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)),
            "state has '1.parametrizations.weight.original0', expected the weight and the bias",
        ),
    ],
    ids=["BatchNorm1d", "LayerNorm", "Conv2d", "MultiheadAttention", "weight_norm"],
)
def test_other_modules_are_refused(module, sentence):
    """A network has linear layers alone."""
    state = nn.Sequential(nn.Linear(2, 3), module).state_dict()
    with pytest.raises(ValueError, match=f"^from_state_dict: {sentence}"):
        from_state_dict(state, "identity", "identity")
