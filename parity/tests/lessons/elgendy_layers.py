"""What the scripts show: Elgendy, sections 2.4, 2.5 and 2.7.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "elgendy_backpropagation": (
        11,
        [
            "f'(g(x)) g'(x)",
            "the sum of all paths",
            "8",
            "w_21^(4) f'(z_2^(3))",
            "from, to",
            "up to 0.3",
            "2",
        ],
    ),
    "elgendy_errors": (13, ["1.0297", "0.00, 5.69, 0.00 for j = 1, 2, 3", "falls"]),
    "elgendy_feedforward": (
        26,
        [
            "two",
            "three-layer",
            "a_2^2 to a_3^1",
            "a^(1)",
            "up to 0.3 apart",
            "0.344 and 0.528",
            "a_1^(3)",
            "right to left",
        ],
    ),
}
PICTURES = {
    "elgendy_backpropagation": ["elgendy_paths"],
    "elgendy_errors": ["elgendy_errors"],
    "elgendy_feedforward": ["elgendy_network", "elgendy_house"],
}
