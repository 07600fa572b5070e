"""What the scripts show: Thomas' tutorial.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "thomas_descent": (
        30,
        [
            "0 against 1",
            "0.00003539",
            "5 against 25",
            "0.0188 against 0.0375",
            "0.6276 against 0.4707",
            "-0.0226 against 0.0549",
            "z_1^(3)",
            "0.0000 against 0.9677",
            "0",
            "-1.23e-04 against 1.10e-06",
            "(3,)",
        ],
    ),
    "thomas_digits": (
        32,
        [
            "Optical recognition of handwritten digits",
            "0 up to 16",
            "719 of 719 in the scaler",
            "6",
            "nodes, 10 and 64",
            "89.013%",
            "0.4235 against 0.1165",
            "by much, 79 to 69 wrong",
        ],
    ),
    "thomas_forward": (14, ["0.8354557", "0.9909867", "1.7 against 2.1", "z^(2)", "0.8354557"]),
}
PICTURES = {
    "thomas_descent": ["thomas_descent", "thomas_contours", "thomas_deltas"],
    "thomas_digits": ["thomas_digit", "thomas_cost", "thomas_97"],
    "thomas_forward": ["thomas_node"],
}
