"""An ordinary training step in PyTorch, and the same step without `zero_grad`.

The second one is re-created from yastrebksv/TennisCourtDetector.
https://github.com/yastrebksv/TennisCourtDetector/issues/7

parity says about `run` that it is right, and about `forgetful`:

    BP4 (weight gradient) and BP3 (bias gradient) of layers 1 and 2:
    dW = dW_previous + delta^T a_prev, expected dW^l = (delta^l)^T a^(l-1). The
    gradients are added to those of the steps before. A gradient belongs to the weights
    and the batch of its own step, so the store must be set to 0 before each backward
    pass.
"""

import torch
from torch import nn

import parity

loss_of = nn.CrossEntropyLoss()


def training_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def forgetful_step(model, optimizer, x, y):
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


# for parity: what the step can do, and how to build a model and train it

activations, outputs = "tanh", "identity"
losses, targets = "softmax_cross_entropy", "labels"
optimizers = "sgd"  # with every setting of torch.optim.SGD


def train(case, step):
    layers = [
        nn.Linear(*sizes, dtype=torch.float64)
        for sizes in zip(case.sizes, case.sizes[1:], strict=False)
    ]
    for layer, W, b in zip(layers, case.W, case.b, strict=True):
        layer.load_state_dict({"weight": torch.tensor(W), "bias": torch.tensor(b)})
    model = nn.Sequential(*(module for layer in layers for module in (layer, nn.Tanh())))[:-1]
    optimizer = torch.optim.SGD(model.parameters(), **case.settings)
    for x, y, lr in case.steps:
        optimizer.param_groups[0]["lr"] = lr
        loss = step(model, optimizer, torch.tensor(x), torch.tensor(y))
        W, b = [layer.weight for layer in layers], [layer.bias for layer in layers]
        gradients = {"dW": [p.grad.numpy() for p in W], "db": [p.grad.numpy() for p in b]}
        yield {
            "loss": loss,
            **gradients,
            "W": [p.detach().numpy() for p in W],
            "b": [p.detach().numpy() for p in b],
        }


def run(case):
    return train(case, training_step)


def forgetful(case):
    return train(case, forgetful_step)


if __name__ == "__main__":
    print(parity.check(run), parity.check(forgetful), sep="\n\n")
