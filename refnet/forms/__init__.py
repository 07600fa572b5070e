"""The same backprop as four tutorials write it.

Each form computes on its own, without refnet.backprop, and is read beside its text.

    contract       what a form is given (elementwise activations, HalfSquaredError or
                   MSE) and shows: Worked
    loops          Thomas, sections 3.2 and 4: index by index, w_ij
    accumulated    Thomas, sections 4.9 and 5.4, and Khan's first way: sample by sample,
                   summed in capital deltas
    graph          Khan: gates, each multiplying its upstream gradient by its local one
    perceptron     Elgendy, section 2.1: weighted sum, step function, and the rule that
                   learns from mistakes
    separation     whether any line separates the labels, decided exactly

>>> import refnet
>>> from refnet.forms import accumulated, graph, loops
>>> net = refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1)
>>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
>>> forms = loops, accumulated, graph
>>> worked = [form.gradient(net, x, y, "half_squared_error") for form in forms]
>>> [f"{each.loss:.6f}" for each in worked]
['0.134225', '0.134225', '0.134225']
>>> f"{net.loss_and_gradients(x, y, 'half_squared_error')[0]:.6f}"
'0.134225'
"""

from refnet.forms import accumulated, graph, loops, perceptron, separation
from refnet.forms.contract import Worked

__all__ = ["Worked", "accumulated", "graph", "loops", "perceptron", "separation"]
