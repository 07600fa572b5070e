"""Networks in the formats of others, and back.

    pytorch     the names and arrays of a PyTorch state_dict
    onnx        a graph of operators that other programs run
    sklearn     the weights of a fitted MLPClassifier or MLPRegressor

>>> import refnet
>>> net = refnet.mlp([2, 3, 1], output="sigmoid")
>>> state = refnet.formats.to_state_dict(net)
>>> [*state]
['0.weight', '0.bias', '2.weight', '2.bias']
>>> again = refnet.formats.from_state_dict(state, hidden="sigmoid", output="sigmoid")
>>> bool((again.parameters == net.parameters).all())
True
"""

from refnet.formats.onnx import to_onnx
from refnet.formats.pytorch import from_state_dict, to_state_dict
from refnet.formats.sklearn import from_sklearn, to_sklearn

__all__ = ["from_sklearn", "from_state_dict", "to_onnx", "to_sklearn", "to_state_dict"]
