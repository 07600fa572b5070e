"""The pictures of section 2.4: the network of figure 2.20, a house on the sigmoid."""

import numpy as np

import refnet
from elgendy_feedforward import HOUSE, house_features, network, scaled_house, sigma, x
from refnet.plot.style import BLUE, RED, sheet


def draw_network():
    """Figure 2.20 with the value of each node."""
    figure, axes = sheet(width=7.6, height=4.4)
    refnet.plot.weights(network(), axes, x=x[None])
    axes.set(title="Figure 2.20 computed: the value of each node; wide edges have a large $|w|$")
    return figure


def draw_house():
    """The hidden nodes of figure 2.22 on the sigmoid, for raw and scaled inputs."""
    figure, axes = sheet(width=6.6)
    z = np.concatenate([-np.geomspace(700, 1e-2, 300), np.geomspace(1e-2, 1000, 300)])
    axes.plot(z, sigma(z), color="gray", label=r"$\sigma(z)$")
    raw, scaled = house_features(HOUSE), house_features(scaled_house())
    axes.plot(*raw, "^", ms=11, color=RED, label="raw inputs: no slope")
    axes.plot(*scaled, "o", ms=8, color=BLUE, label="scaled inputs: on the slope")
    axes.set_xscale("symlog", linthresh=10, linscale=2)
    axes.set_xticks(ticks := [-1000, -100, -10, -5, 0, 5, 10, 100, 1000], ticks)
    axes.set(
        title="The features of one house (figure 2.22)",
        xlabel="$z$ (from -10 to 10 linear, beyond logarithmic)",
        ylabel=r"$a = \sigma(z)$",
    )
    axes.legend(loc="lower right")
    return figure


PICTURES = {"elgendy_network": draw_network, "elgendy_house": draw_house}
