"""What the scripts show: the tutorial of mlfromscratch.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "mlfromscratch_forward": (18, ["gradient 0.00686, nudge -0.02059"]),
    "mlfromscratch": (
        25,
        [
            "dC/dw^(1) 35% off at eta = 3",
            "C 0.3772, then 0.3786",
            "w^(1) doubled changes dC/dw^(2) by 31%",
        ],
    ),
    "mlfromscratch_descent": (
        16,
        [
            "x = 2.814; C falls in each step, by 0.078 or more",
            "C between 0.32 and 0.65 all the time",
        ],
    ),
}
PICTURES = {
    "mlfromscratch_forward": ["mlfromscratch_notation"],
    "mlfromscratch": ["mlfromscratch_chain"],
    "mlfromscratch_descent": [
        "mlfromscratch_converged",
        "mlfromscratch_minibatches",
        "mlfromscratch_paths",
    ],
}
