"""The pictures of depth: the gradient of each layer, and the cost from each start."""

import numpy as np

from elgendy_depth import DEEP, HIDDEN, SETTINGS, STARTS, gradients, trained
from refnet.plot.style import COLOURS, LINES, MARKERS, sheet

NAMES = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU", "leaky_relu": "leaky ReLU"}


def draw_gradients():
    """The norm of dC/dW by layer, with Keras' and with PyTorch's starting weights."""
    figure, panels = sheet(1, 2, sharey=True)
    starts = {"glorot_uniform": "Keras", "torch_linear": "PyTorch"}
    layers = range(1, len(DEEP) + 2)
    for axes, (init, whose) in zip(panels, starts.items(), strict=True):
        for name, line, marker in zip(HIDDEN[:3], LINES, MARKERS, strict=False):
            norms = gradients(name, init)
            axes.semilogy(layers, np.median(norms, axis=0), line, marker=marker, label=NAMES[name])
            axes.fill_between(layers, norms.min(axis=0), norms.max(axis=0), alpha=0.15)
        axes.set(
            title=f"Starting weights of {whose}: {STARTS} starts",
            xlabel="layer $l$ (9 is the output)",
            ylabel=r"$\|\partial C / \partial W^{(l)}\|$",
            xticks=layers,
        )
    panels[0].legend(loc="lower right")
    return figure


def draw_trainings():
    """The cost after training from each start, and the median as a bar."""
    figure, panels = sheet(1, 2, sharey=True)
    for axes, (hidden, (lr, epochs)) in zip(panels, SETTINGS.items(), strict=True):
        for place, name in enumerate(HIDDEN):
            cost, _ = trained(hidden, name)
            shifts = np.linspace(-0.25, 0.25, STARTS)
            axes.plot(
                place + shifts, cost, MARKERS[place], color=COLOURS[place], markersize=5, zorder=3
            )
            axes.hlines(np.median(cost), place - 0.35, place + 0.35, color="black", zorder=2)
        axes.axhline(np.log(2), color="black", linestyle=":", linewidth=1)
        axes.set_xticks(range(len(HIDDEN)), NAMES.values())
        axes.set(
            title=f"{len(hidden)} hidden layers of {hidden[0]}: {epochs} epochs, lr {lr}",
            xlabel=f"activation: a dot for each of {STARTS} starts, a line for the median",
            ylabel="cross-entropy after training",
            ylim=(-0.02, 0.78),
        )
        axes.text(3.4, np.log(2) + 0.01, r"$\ln 2$: nothing learned", ha="right", va="bottom")
    return figure


PICTURES = {"elgendy_depth_gradients": draw_gradients, "elgendy_depth_costs": draw_trainings}
