"""What the scripts show: Thomas' tutorial.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "thomas_backpropagation": (
        24,
        [
            "it is 1.6248 = z_1^(3); z_1^(2) is 2.1000",
            "0.0000, h_2^(2) is 0.9677",
            "0 of b_1^(2); 1 is that of w_12^(2) itself",
            "for l = 2 that has 3 entries, b^(2) has 1",
        ],
    ),
    "thomas_descent": (
        18,
        [
            "0.0000354 off",
            "0.0900 with m = 3; the mean of z = 0, 1, 2, 3 is 0.0675",
            "norm 5, sum of squares 25 for (3, 4)",
            "-0.0226 of one sample, 0.0549 of J(w,b), which is in the equation",
        ],
    ),
    "thomas_digits": (
        32,
        [
            "1797 images of 64 pixels; MNIST has 70,000 of 784",
            "0 up to 15 in this image, 0 up to 16 in all",
            "the scaler has seen 719 of 719 rows",
            "6",
            "30 nodes, 1 and 1 layers",
            "the curve is 0.4235, J 0.1165",
            "11 to 8 % of 719 rows wrong after 6000",
            "89%",
        ],
    ),
    "thomas_forward": (
        27,
        [
            "w^(1) has 9 of the 12 weights",
            "0.8354557",
            "0.9909867",
            "1.7, the line above it 2.1",
            "the first weighted input is z^(2)",
        ],
    ),
    "thomas_ladder": (8, []),
}
PICTURES = {
    "thomas_backpropagation": ["thomas_deltas"],
    "thomas_descent": ["thomas_descent", "thomas_contours"],
    "thomas_digits": ["thomas_digit", "thomas_cost"],
    "thomas_forward": ["thomas_node"],
    "thomas_ladder": ["thomas_97"],
}
