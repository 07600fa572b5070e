"""refnet: the reference multilayer perceptron, backpropagation written out by hand in
NumPy.

Read `backprop.py` first. The modules, each importing only those above it:

    checks          input checks and their error sentences
    blockwise       arithmetic in blocks that stay in the cache
    flags           NumPy's warnings, where a result is not finite alone
    frames          arrays with named columns
    equations       the equations as words
    activations     f(z) and how a gradient comes back
    losses          C, dC/da and the 1/n
    generators      PyTorch's random numbers
    initializers    where W and b start
    notebook        how a result looks in a notebook
    layer           Dense: W, b, activation
    backprop        the forward pass and BP1 to BP4
    passes          what a forward and a backward pass compute
    regularisers    penalties on weights, the masks of dropout
    clipping        gradients made shorter before a step
    network         layers over one flat vector
    building        a network from its sizes, or over a vector
    batches         x and y, checked, and how they come in mini-batches
    fast            what fit runs: the same four equations, in place
    counting        the training accuracy, from what the steps compute
    optimizers      how a gradient becomes a step
    schedules       the learning rate of each epoch
    history         what fit did: steps, epochs, the history of all
    progress        what fit shows while it runs
    stopping        when fit stops
    resuming        how fit goes on with an earlier training
    training        fit
    formats         networks in the formats of others, such as PyTorch's names
    files           save and load: networks and trainings in files
    estimators      what the estimators of the next room are made of
    sklearn         scikit-learn's MLPClassifier and MLPRegressor, trained by fit
    differences     gradient_check
    explanation     one training step explained in numbers
    forms           the same backprop as tutorials write it
    plot            pictures, by matplotlib
    __main__        python -m refnet: the page that steps through backpropagation

To pytest, which rewrites what brings a plugin: PYTEST_DONT_REWRITE, as nothing asserts.

>>> import refnet
>>> net = refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1)
>>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
>>> optimizer = refnet.SGD(lr=1.0)
>>> history = refnet.fit(
...     net, x, y, loss="binary_cross_entropy", optimizer=optimizer, epochs=500
... )
>>> net.classify(x)
array([0, 1, 1, 0])
"""

import importlib
import typing

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
from refnet.batches import minibatches
from refnet.building import mlp
from refnet.clipping import ClipNorm, Clipping, ClipValue
from refnet.equations import EQUATIONS, Equation
from refnet.history import Epoch, History, Step
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
from refnet.network import Network
from refnet.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from refnet.passes import Gradients, Trace
from refnet.regularisers import L1, L2, ElasticNet, Penalty
from refnet.schedules import ConstantLR, CosineLR, ExponentialLR, InverseTimeLR, StepLR
from refnet.stopping import EarlyStopping, Precision, Stop
from refnet.training import fit

if typing.TYPE_CHECKING:
    from refnet import formats as formats
    from refnet import plot as plot
    from refnet import sklearn as sklearn
    from refnet.differences import GradientCheck, gradient_check
    from refnet.explanation import Explanation, explain
    from refnet.files import Checkpoint, load, save

__version__ = "0.1.0"

__all__ = [
    "EQUATIONS",
    "L1",
    "L2",
    "MAE",
    "MSE",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BinaryCrossEntropy",
    "Checkpoint",
    "ClipNorm",
    "ClipValue",
    "Clipping",
    "Constant",
    "ConstantLR",
    "CosineLR",
    "CrossEntropy",
    "Dense",
    "EarlyStopping",
    "ElasticNet",
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
    "Penalty",
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
    "load",
    "minibatches",
    "mlp",
    "one_hot",
    "save",
]


# what no training needs, and half of the code; a room without names is asked for itself
_ON_DEMAND: dict[str, tuple[str, ...]] = {
    "differences": ("GradientCheck", "gradient_check"),
    "explanation": ("Explanation", "explain"),
    "files": ("Checkpoint", "load", "save"),
    "formats": (),
    "plot": (),
    "sklearn": (),
}

if not typing.TYPE_CHECKING:  # a type checker has the imports above, and misses other names

    def __getattr__(name: str) -> object:
        """A room that is imported when it is asked for, or a name of it."""
        for room, names in _ON_DEMAND.items():
            if name in (room, *names):
                module = importlib.import_module(f"refnet.{room}")
                globals().update({each: getattr(module, each) for each in names})
                return globals()[name]
        raise AttributeError(f"module 'refnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
