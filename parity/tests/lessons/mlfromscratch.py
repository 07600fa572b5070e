"""What the scripts show: the tutorial of mlfromscratch.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "mlfromscratch": (
        26,
        [
            "cost rises, 0.377 to 0.495",
            "35% off at eta = 3",
            "cost rises, 0.377 to 0.379",
            "and on w^(1): doubled, 31% off",
        ],
    ),
    "mlfromscratch_descent": (6, ["0.423 against 0.180", "stays between 0.32 and 0.65"]),
}
PICTURES = {
    "mlfromscratch": ["mlfromscratch_chain"],
    "mlfromscratch_descent": ["mlfromscratch_minibatches", "mlfromscratch_paths"],
}
