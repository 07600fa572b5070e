"""What the scripts show: Elgendy, section 2.6.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "elgendy_descent": (23, ["31"]),
    "elgendy_batches": (
        16,
        [
            "from 69 of 200 starts at 0.01, from 189 at 0.1",
            "75 to 85 against 81",
            "the lowest from 73 at 0.1, from 73 at 0.01",
            "the lowest from 189 at 0.1, from 69 at 0.01",
            "0.093, 2.6, 20, 81 epochs",
        ],
    ),
    "elgendy_optimizers": (12, []),
}
PICTURES = {
    "elgendy_descent": ["elgendy_brute_force", "elgendy_surface", "elgendy_learning_rates"],
    "elgendy_batches": ["elgendy_minima", "elgendy_three_ways"],
    "elgendy_optimizers": ["elgendy_optimizers", "elgendy_optimizers_error"],
}
