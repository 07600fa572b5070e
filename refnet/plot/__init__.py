"""Pictures: learning curves, a network with its weights, deltas by layer, a decision
boundary.

    style       colours, lines and markers; figures that a notebook shows
    curves      learning curves; deltas by layer
    diagram     a network with its weights
    boundary    the decision boundary of two inputs

Each of the four draws on the axes that it is given, or into a figure of its own, and
returns the axes: `.set(title=...)` and all else of matplotlib goes on from there.
`sheet` makes a figure of several axes, and `points` puts rows on axes of yours. A
notebook shows what is returned; `refnet.plot.weights(net).figure.savefig("net.png")`
keeps it. No window is opened, and pyplot knows nothing of these figures.

matplotlib is asked for when something is drawn: the extra `plot`.
"""

from refnet.plot.boundary import decision_boundary
from refnet.plot.curves import deltas, learning_curves
from refnet.plot.diagram import weights
from refnet.plot.style import points, sheet

__all__ = ["decision_boundary", "deltas", "learning_curves", "points", "sheet", "weights"]
