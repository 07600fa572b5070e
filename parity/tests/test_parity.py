"""Build a network in NumPy, build the identical PyTorch model, copy the weights, take
steps of SGD on both: forward outputs, loss, gradients and weights match.
"""

import numpy as np
import pytest
import torch

import parity
import refnet

# The one tolerance that is picked in this project, by eye: 100 roundings of the largest
# number in an array, where at most 6 were seen. Certificates pick none: for each entry
# they derive what the roundings of its own equation allow (`parity.certify`).
ROUNDINGS = 100

NETWORKS = {  # sizes, hidden activations, output activation, loss
    "regression": ([3, 5, 2], "tanh", "identity", refnet.MSE()),
    "regression, no hidden layer": ([5, 3], [], "identity", refnet.MAE()),
    "regression, one of each": ([2, 3, 1], "leaky_relu", "sigmoid", refnet.HalfSquaredError()),
    "classes": ([64, 30, 10], "sigmoid", "identity", refnet.SoftmaxCrossEntropy()),
    "classes, deep": ([7, 5, 3, 5, 4], ["relu", "tanh", "relu"], "softmax", refnet.CrossEntropy()),
    "yes or no": ([4, 7, 1], "relu", "identity", refnet.SigmoidCrossEntropy()),
    "yes or no, three times": ([4, 7, 3], "tanh", "sigmoid", refnet.BinaryCrossEntropy()),
}


def data(name, width, outputs, dtype):
    """Eight random inputs, and targets for the loss: values, classes or 0 and 1."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, width)).astype(dtype), rng.normal(size=(8, outputs))
    if name.startswith("classes"):
        return x, y.argmax(axis=1)
    return x, (y if name.startswith("regression") else y > 0).astype(dtype)


def assert_match(array, tensor):
    """One shape and dtype, and the same numbers up to rounding; NaN matches nothing."""
    theirs = tensor.detach().numpy()
    assert (array.shape, array.dtype) == (theirs.shape, theirs.dtype)
    allowed = ROUNDINGS * np.finfo(theirs.dtype).eps / 2 * np.abs(theirs).max()
    np.testing.assert_allclose(array, theirs, rtol=0, atol=allowed, equal_nan=False)


def test_one_step_in_plain_pytorch():
    """A 3-5-2 network with tanh, and the PyTorch model as anybody writes it."""
    x, y = data("regression", 3, 2, "float64")
    net = refnet.mlp([3, 5, 2], hidden="tanh", output="identity", seed=0)

    hidden, output = torch.nn.Linear(3, 5).double(), torch.nn.Linear(5, 2).double()
    model = torch.nn.Sequential(hidden, torch.nn.Tanh(), output)
    with torch.no_grad():
        for layer, linear in zip(net.layers, (hidden, output), strict=True):
            linear.weight.copy_(torch.tensor(layer.W))
            linear.bias.copy_(torch.tensor(layer.b))

    outputs = model(torch.tensor(x))
    torch_cost = torch.nn.MSELoss()(outputs, torch.tensor(y))
    torch_cost.backward()
    cost, gradients = net.loss_and_gradients(x, y, "mse")
    assert_match(net.predict(x), outputs)
    assert_match(np.array(cost), torch_cost)
    for gradient, linear in zip(gradients, (hidden, output), strict=True):
        assert_match(gradient.dW, linear.weight.grad)
        assert_match(gradient.db, linear.bias.grad)

    torch.optim.SGD(model.parameters(), lr=0.1).step()
    refnet.SGD(lr=0.1).step(net, gradients)
    for layer, linear in zip(net.layers, (hidden, output), strict=True):
        assert_match(layer.W, linear.weight)
        assert_match(layer.b, linear.bias)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_numpy_and_pytorch_take_the_same_steps(name, dtype):
    """From the same weights, three steps of SGD with momentum, whatever the network."""
    sizes, hidden, output, loss = NETWORKS[name]
    x, y = data(name, sizes[0], sizes[-1], dtype)
    net = refnet.mlp(sizes, hidden, output, seed=0, dtype=dtype)
    model, torch_loss = parity.twin(net), parity.twin_loss(loss)  # the weights are copied
    optimizer = refnet.SGD(lr=0.1, momentum=0.9)
    torch_optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        torch_optimizer.zero_grad()
        outputs = model(torch.tensor(x))
        torch_cost = torch_loss(outputs, torch.tensor(y))
        torch_cost.backward()
        cost, gradients = net.loss_and_gradients(x, y, loss)
        assert_match(net.predict(x), outputs)
        assert_match(np.array(cost, dtype), torch_cost)
        assert_match(gradients.vector, torch.cat([p.grad.ravel() for p in model.parameters()]))
        torch_optimizer.step()
        optimizer.step(net, gradients)
        assert_match(net.parameters, torch.nn.utils.parameters_to_vector(model.parameters()))
