"""What the scripts show: Elgendy, section 2.6.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "elgendy_derivatives": (
        12,
        ["n x^(n-1)", "f'(x) + g'(x)", "1 3 4 5 6", "power and chain rule"],
    ),
    "elgendy_descent": (
        17,
        [
            "31",
            "3.41e50",
            "0.0480",
            "from 69 of 200 starts",
            "one",
            "73, then 73",
            "189, then 69",
            "75 to 85 against 81",
            "0.093, 2.6, 20, 81 epochs",
        ],
    ),
}
PICTURES = {
    "elgendy_derivatives": ["elgendy_derivatives"],
    "elgendy_descent": [
        "elgendy_brute_force",
        "elgendy_learning_rates",
        "elgendy_minima",
        "elgendy_three_ways",
    ],
}
