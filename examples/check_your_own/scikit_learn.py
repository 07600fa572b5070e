"""scikit-learn's MLPClassifier, which is right, and its MLPRegressor, whose loss and
gradient do not belong together.

Both are trained by their public methods: plain SGD, one batch, no penalty. The
regressor's `loss_` is half the mean squared error over samples and outputs, so `scale`
doubles the loss and the learning rate to have the mean squared error itself. But its
gradient is averaged over the samples alone. This is a known issue of scikit-learn:
https://github.com/scikit-learn/scikit-learn/issues/8349

parity says about `classifier` that it is right, and about `regressor`, with three
outputs:

    BP1 (output delta) of layer 2: delta^L = k times the right one, expected
    delta^L = dC/da^L * f'(z^L). The output's delta is divided by the number of samples,
    but not by that of the outputs. The loss is a mean over both, so this is the
    gradient of k times the loss.
"""

from sklearn.neural_network import MLPClassifier, MLPRegressor

import parity

PLAIN_SGD = {"activation": "tanh", "solver": "sgd", "momentum": 0, "alpha": 0, "shuffle": False}


def train(kind, case, scale=1, **data):
    W, b = case.W, case.b
    for x, y, lr in case.steps:
        net = kind(
            hidden_layer_sizes=case.sizes[1:-1],
            learning_rate_init=scale * lr,
            batch_size=len(x),
            **PLAIN_SGD,
        )
        net.partial_fit(x, y, **data)  # creates the arrays that the next line replaces
        net.coefs_, net.intercepts_ = [array.copy() for array in W], [array.copy() for array in b]
        net.partial_fit(x, y, **data)
        W, b = net.coefs_, net.intercepts_
        yield {"loss": scale * net.loss_, "W": W, "b": b}


def classifier(case):
    return train(MLPClassifier, case, classes=range(case.sizes[-1]))


def regressor(case):
    return train(MLPRegressor, case, scale=2)


# for parity: what the two can do

activations = "tanh"
optimizers, settings = "sgd", ()
layout = "in_out"
sizes = (3, 4, 3)
classifier.outputs, classifier.losses = "softmax", "cross_entropy"
regressor.outputs, regressor.losses = "identity", "mse"
classifier.targets = "labels"

run = regressor

if __name__ == "__main__":
    print(parity.check(classifier), parity.check(regressor), sep="\n\n")
