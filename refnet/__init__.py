"""refnet: the reference multilayer perceptron, backpropagation written out by hand in
NumPy.

Read `backprop.py` first. The modules, each importing only those above it:

    checks         input checks and their error sentences        equations     the equations as words
    activations    f(z) and how a gradient comes back            losses        C, dC/da and the 1/n
    initializers   where W and b start                           layer         Dense: W, b, activation
    backprop       the forward pass and BP1 to BP4               network       layers over one flat vector
    memory         blocks for temporaries                        optimizers    how a gradient becomes a step
    inplace        activations and losses in place               workspace     the fast form of backprop, bit for bit
    schedules      the learning rate of each epoch               threads       how many of them BLAS gets
    training       mini-batches, fit, stopping                   differences   gradient_check
    explanation    one training step told in numbers             forms         the same backprop as tutorials write it

>>> import refnet
>>> net = refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1)
>>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
>>> history = refnet.fit(net, x, y, loss="binary_cross_entropy", optimizer=refnet.SGD(lr=1.0), epochs=500)
>>> net.classify(x)
array([0, 1, 1, 0])
"""

from refnet.activations import (
    Activation,
    Elementwise,
    Heaviside,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from refnet.backprop import LayerGradient, LayerTrace
from refnet.differences import GradientCheck, gradient_check
from refnet.equations import EQUATIONS, Equation
from refnet.explanation import Explanation, explain
from refnet.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    Normal,
    TorchLinear,
    Uniform,
    Zeros,
)
from refnet.layer import Dense
from refnet.losses import (
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    HalfSquaredError,
    Loss,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    one_hot,
)
from refnet.network import Gradients, Network, Trace, mlp
from refnet.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from refnet.schedules import ConstantLR, CosineLR, ExponentialLR, InverseTimeLR, StepLR
from refnet.training import EarlyStopping, Epoch, History, Precision, Step, Stop, fit, minibatches

__version__ = "0.1.0"

__all__ = [
    "EQUATIONS",
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BinaryCrossEntropy",
    "Constant",
    "ConstantLR",
    "CosineLR",
    "CrossEntropy",
    "Dense",
    "EarlyStopping",
    "Elementwise",
    "Epoch",
    "Equation",
    "Explanation",
    "ExponentialLR",
    "GlorotNormal",
    "GlorotUniform",
    "GradientCheck",
    "Gradients",
    "HalfSquaredError",
    "HeNormal",
    "HeUniform",
    "Heaviside",
    "History",
    "Identity",
    "Initializer",
    "InverseTimeLR",
    "LayerGradient",
    "LayerTrace",
    "LeakyReLU",
    "Loss",
    "Network",
    "Normal",
    "Optimizer",
    "Precision",
    "RMSprop",
    "ReLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Step",
    "StepLR",
    "Stop",
    "Tanh",
    "TorchLinear",
    "Trace",
    "Uniform",
    "Zeros",
    "explain",
    "fit",
    "gradient_check",
    "minibatches",
    "mlp",
    "one_hot",
]
