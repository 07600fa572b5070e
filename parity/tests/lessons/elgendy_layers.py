"""What the scripts show: Elgendy, sections 2.4, 2.5, 2.7, and the refresher of 2.6.2.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "elgendy_backpropagation": (
        20,
        [
            "up to 0.0 in layer 2, 0.3 in layer 1",
            "0.0080, the 8 paths together -0.0154",
            "0; dz_1^(4) / dz_2^(3) = -0.1701",
            "w_13^(1) leads to node 1, w_32^(2) starts at node 2",
            "108 for (3x)^2 at 2; it is 36",
        ],
    ),
    "elgendy_derivatives": (
        20,
        [
            "16 for x^5 at 2; its slope is 80",
            "1780; the slope of the sum is 1804",
            "-1.00 at x = 0; sigma'(0) is 0.25",
        ],
    ),
    "elgendy_errors": (
        20,
        [
            "absolute errors 1757 (Boscovich), squares 1805 (Legendre)",
            "1.0297",
            "1.6094",
            "1.0297 between (0.2, 0.3, 0.5) and itself",
            "error 0.5978 to 0.2072, accuracy 100% to 75%",
            "0.00 5.69 0.00 for j = 1, 2, 3; with i and j 1.90",
        ],
    ),
    "elgendy_feedforward": (
        26,
        [
            "2 hidden, and 1 output layer",
            "0.7731, by the matrices 0.5193",
            "3 layers",
            "2.4742, by the nodes 0.3505",
            "the 4 features are a^(1)",
            "z_2^(2) changes by a_3^(1) = 0.1381; a_1^(3) = 0.3505",
            "y_hat = 0.3505, a_1^(2) = 0.8076",
            "4 values for the 3 columns of W^(2)",
        ],
    ),
}
PICTURES = {
    "elgendy_backpropagation": ["elgendy_paths"],
    "elgendy_derivatives": ["elgendy_derivatives"],
    "elgendy_errors": ["elgendy_errors"],
    "elgendy_feedforward": ["elgendy_network", "elgendy_house"],
}
