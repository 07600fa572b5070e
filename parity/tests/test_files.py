"""What refnet saves is a safetensors file to its own readers, and a state_dict to
PyTorch.
"""

import json

import numpy as np
import pandas as pd
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

import parity
import refnet

NETS = {
    "plain": refnet.mlp([2, 3, 5, 1], ["tanh", "relu"], "sigmoid", seed=1),
    "dropout": refnet.mlp([7, 3, 1], refnet.LeakyReLU(0.1), "identity", dropout=0.5),
    "no biases": refnet.mlp(
        [3, 5, 2], "relu", "softmax", bias=False, dtype="float32", input_dropout=0.25
    ),
}
every_net = pytest.mark.parametrize("name", NETS)


def saved(tmp_path, name):
    refnet.save(tmp_path / "net.safetensors", NETS[name])
    return NETS[name], str(tmp_path / "net.safetensors")


@every_net
def test_the_library_reads_the_same_bits(name, tmp_path):
    """As NumPy's arrays and as tensors, names, shapes and dtypes with them."""
    net, path = saved(tmp_path, name)
    state = refnet.formats.to_state_dict(net)
    arrays, tensors = safetensors.numpy.load_file(path), safetensors.torch.load_file(path)
    assert {*arrays} == {*tensors} == {*state} == {*parity.twin(net).state_dict()}
    for key, expected in state.items():
        for array in (arrays[key], tensors[key].numpy()):
            assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
            assert array.tobytes() == expected.tobytes()


@every_net
def test_the_twin_loads_it(name, tmp_path):
    """Straight into load_state_dict, with nothing missing and nothing left."""
    net, path = saved(tmp_path, name)
    other = net.copy()
    other.parameters[:] = 0.0
    model = parity.twin(other)
    model.load_state_dict(safetensors.torch.load_file(path), strict=True)
    vector = torch.nn.utils.parameters_to_vector(model.parameters())
    assert vector.detach().numpy().tobytes() == net.parameters.tobytes()


def test_safe_open_reads_one_array_and_the_metadata(tmp_path):
    """Of a training, too: the optimizer's vectors are arrays as others."""
    net = refnet.mlp([3, 5, 2], "tanh", "identity", seed=2)
    x = np.linspace(-1.0, 1.0, 33).reshape(11, 3)
    history = refnet.fit(net, x, x[:, :2], loss="mse", optimizer="adam", epochs=2)
    refnet.save(tmp_path / "net", net, history=history)
    optimizer = history.reached.optimizer
    with safetensors.safe_open(str(tmp_path / "net"), "numpy") as file:
        metadata = file.metadata()
        assert {*metadata} == {"sha256", "refnet"}
        assert json.loads(metadata["refnet"])["version"] == 1
        assert {*file.keys()} == {
            *refnet.formats.to_state_dict(net),
            "optimizer.exp_avg",
            "optimizer.exp_avg_sq",
        }
        m = file.get_tensor("optimizer.exp_avg")
        assert m.tobytes() == optimizer.state["exp_avg"].tobytes()
        assert file.get_slice("2.weight")[1:].tobytes() == net.layers[1].W[1:].tobytes()


@pytest.mark.parametrize(
    "names", [["a", "b"], [0, 1], [0.5, 1.5], pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])]
)
def test_the_columns_of_a_frame_come_back(names, tmp_path):
    """The network that was loaded takes the frame, and refuses another order."""
    x = pd.DataFrame(np.linspace(-1.0, 1.0, 22).reshape(11, 2), columns=names)
    net = refnet.mlp([2, 3, 1], "tanh", "identity")
    refnet.fit(net, x, x.to_numpy()[:, :1], loss="mse", optimizer="sgd", epochs=1)
    refnet.save(tmp_path / "net", net)
    again = refnet.load(tmp_path / "net").net
    assert again.columns == net.columns == tuple(x.columns)
    assert again.predict(x).tobytes() == net.predict(x).tobytes()
    with pytest.raises(ValueError, match="as in fit"):
        again.predict(x[[*x.columns[::-1]]])


def test_what_the_library_writes_is_refused(tmp_path):
    """It has no architecture; the sentence says how its weights come in, and they
    do.
    """
    net, path = NETS["plain"], str(tmp_path / "net")
    safetensors.torch.save_file(parity.twin(net).state_dict(), path)
    with pytest.raises(ValueError, match=r"weights of others come in by refnet\.formats\.from_sta"):
        refnet.load(path)
    state = safetensors.numpy.load_file(path)
    again = refnet.formats.from_state_dict(state, ["tanh", "relu"], "sigmoid")
    assert again.parameters.tobytes() == net.parameters.tobytes()


def test_what_the_library_writes_again_is_refused(tmp_path):
    """The same arrays and metadata, but the bytes of the header are other ones."""
    _, path = saved(tmp_path, "plain")
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    safetensors.numpy.save_file(safetensors.numpy.load_file(path), path, metadata)
    with pytest.raises(ValueError, match=r"^load: .*net\.safetensors: has .*, expected "):
        refnet.load(path)
