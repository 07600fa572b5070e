"""The equations of one training step as words: what each is called, says, reads and
writes, and where it is derived. Data only.

They are in the order of computation, so the first equation that fails shows where the
mistake is. "dropout" stands for itself: the others are written without it, and where a
layer drops inputs its a_prev is masked, and BP2 reads (delta^(l+1) W^(l+1)) * m^(l+1).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Equation:
    """One equation: its label, its formula in plain text and in LaTeX, the quantities
    it reads and writes, its source, and what it means, for a student.
    """

    label: str
    name: str
    formula: str
    latex: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    source: str
    meaning: str


_NIELSEN = "Nielsen, Neural Networks and Deep Learning, chapter 2"

_SRIVASTAVA = (
    "Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout: a simple way to "
    "prevent neural networks from overfitting (2014), section 4"
)

EQUATIONS = {
    equation.label: equation
    for equation in (
        Equation(
            "dropout",
            "masked input",
            "a_prev^l = a^(l-1) * m^l",
            r"\tilde{a}^{l} = a^{l-1} \odot m^{l}",
            ("a", "mask"),
            ("a_prev",),
            _SRIVASTAVA,
            "In training some inputs of the layer are set to 0, and the others are made larger, "
            "so that their sum stays what it is on average.",
        ),
        Equation(
            "z",
            "weighted input",
            "z^l = a^(l-1) (W^l)^T + b^l",
            r"z^{l} = a^{l-1} (W^{l})^{T} + b^{l}",
            ("a_prev", "W", "b"),
            ("z",),
            f"{_NIELSEN}, equation 25",
            "Each unit adds up its inputs, each times its weight, and its bias.",
        ),
        Equation(
            "a",
            "activation",
            "a^l = f(z^l)",
            r"a^{l} = f(z^{l})",
            ("z",),
            ("a",),
            f"{_NIELSEN}, equation 25",
            "The activation turns what has come in into what the unit gives out. Without it all "
            "layers together would be a linear function.",
        ),
        Equation(
            "C",
            "cost",
            "C = loss(a^L, y), a mean over the n rows",
            r"C = \mathrm{loss}(a^{L}, y), \text{ a mean over the } n \text{ rows}",
            ("a", "y"),
            ("loss",),
            f"{_NIELSEN}, equation 26",
            "One number says how far the outputs are from the targets. Training makes it smaller.",
        ),
        Equation(
            "BP1",
            "output delta",
            "delta^L = dC/da^L * f'(z^L)",
            r"\delta^{L} = \frac{\partial C}{\partial a^{L}} \odot f'(z^{L})",
            ("a", "y", "z"),
            ("delta",),
            f"{_NIELSEN}, equation BP1",
            "How fast the cost changes with z of an output unit: how fast it changes with a, "
            "times how fast a changes with z.",
        ),
        Equation(
            "BP2",
            "hidden delta",
            "delta^l = (delta^(l+1) W^(l+1)) * f'(z^l)",
            r"\delta^{l} = (\delta^{l+1} W^{l+1}) \odot f'(z^{l})",
            ("delta", "W", "z", "a"),
            ("delta",),
            f"{_NIELSEN}, equation BP2",
            "The deltas go back through the weights through which the activations came, and then "
            "through f'.",
        ),
        Equation(
            "BP3",
            "bias gradient",
            "db^l = sum over rows of delta^l",
            r"db^{l} = \sum_{\text{rows}} \delta^{l}",
            ("delta",),
            ("db",),
            f"{_NIELSEN}, equation BP3",
            "A bias is added to z as it is, so its derivative is the delta itself, summed over "
            "the rows.",
        ),
        Equation(
            "BP4",
            "weight gradient",
            "dW^l = (delta^l)^T a^(l-1)",
            r"dW^{l} = (\delta^{l})^{T} a^{l-1}",
            ("delta", "a_prev"),
            ("dW",),
            f"{_NIELSEN}, equation BP4",
            "A weight multiplies what comes in, so its derivative is the delta times what came "
            "in, summed over the rows.",
        ),
        Equation(
            "step",
            "update",
            "theta := theta - u(dC/dtheta, state)",
            r"\theta := \theta - u\left(\frac{\partial C}{\partial \theta}, \mathrm{state}\right)",
            ("W", "b", "dW", "db", "state"),
            ("W", "b", "state"),
            "the optimizer's own docstring",
            "Every weight and bias moves in the direction in which the cost falls, by a step "
            "whose length lr sets.",
        ),
    )
}

# the labels of a step without dropout, whose a_prev is the a of the layer below
PLAIN = tuple(label for label in EQUATIONS if label != "dropout")
