"""What the scripts show: Elgendy, sections 2.1 to 2.3.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "elgendy_activations": (
        33,
        [
            "4 of 7 do",
            "slope of the identity 1, of w x 4",
            "cost 21.7 to 2e-17",
            "norm 11.0 to 2e-08",
            "at z = 0 0.9901, not 0.5",
            "0.5 as they shrink to 0; 3e-07 at age 0",
            "0.59 away with the best shift",
        ],
    ),
    "elgendy_depth": (13, []),
    "elgendy_perceptrons": (
        19,
        [
            "the point 52.5, b -1260",
            "0",
            "z = height w1 + age w2 + b is -222 for (150, 12)",
            "94 lines from 100 orders of the rows",
        ],
    ),
    "elgendy_spirals": (17, ["-1.070, minimum -3.514"]),
    "elgendy_triangle": (6, ["1 hidden layer of 3 neurons"]),
}
PICTURES = {
    "elgendy_activations": ["elgendy_activations", "elgendy_linear", "elgendy_sigmoid"],
    "elgendy_depth": ["elgendy_depth_gradients", "elgendy_depth_costs"],
    "elgendy_perceptrons": ["elgendy_players"],
    "elgendy_spirals": ["elgendy_spirals", "elgendy_widths", "elgendy_epochs"],
    "elgendy_triangle": ["elgendy_triangle"],
}
