"""What the scripts show: Elgendy, sections 2.1 to 2.3.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "elgendy_activations": (
        28,
        [
            "4 of 7 do",
            "21.7 to 2e-17",
            "11.0 to 2e-08",
            "sigmoid(z + 4.605)",
            "scaled both ways, shifted",
        ],
    ),
    "elgendy_perceptrons": (
        21,
        [
            "-b / w2 = 52.5, b = -1260",
            "not at z = 0",
            "height and age",
            "0, 1, 1 at z = -1, 1, 3",
            "94 different lines",
            "12 mistakes or more",
            "one",
        ],
    ),
    "elgendy_spirals": (15, ["-1.070, minimum -3.514"]),
}
PICTURES = {
    "elgendy_activations": ["elgendy_activations", "elgendy_linear", "elgendy_sigmoid"],
    "elgendy_perceptrons": ["elgendy_players", "elgendy_triangle"],
    "elgendy_spirals": ["elgendy_spirals", "elgendy_epochs"],
}
