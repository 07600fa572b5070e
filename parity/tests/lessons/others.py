"""What the scripts show: the scripts that follow no tutorial.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "against_torch": (10, []),
    "by_hand": (
        65,
        [
            "-0.019049118258",
            "0.291027773694",
            "0.000035101878",
            "0.0000351018778",
            "0.015913620444",
            "0.984064273515",
            "0.0000350847863",
        ],
    ),
    "check_gradients": (11, []),
    "distributed": (14, []),
    "train_digits": (2, []),
    "xor": (10, []),
}
PICTURES = {
    "against_torch": ["against_torch_growth"],
    "by_hand": ["by_hand_paths", "by_hand_error"],
    "check_gradients": ["check_gradients_step"],
    "distributed": ["distributed_sizes"],
    "train_digits": ["train_digits_copies", "train_digits_training", "train_digits_wrong"],
    "xor": ["xor_regions", "xor_starts"],
}
