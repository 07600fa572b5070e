"""What the scripts show: Khan's tutorial.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "khan_learning_rates": (
        13,
        [
            "rises from 1e-09 to 0.50 on b = -10 to 10, and never falls",
            "steepest, 0.148, at output 0.67; 5e-05 at 0.99995",
            "in the last 100 steps b is up to 0.49 off with alpha = 0.5, 0.02 with 1 / step",
            "5e-04 falls to 2e-09, never rises",
            "mean squared distance 0.27 before, 25.0 after 5000 epochs",
        ],
    ),
    "khan_or_gate": (
        39,
        [
            "0.8808 at z = 2",
            "0.1192 at z = -2",
            "0.151 0.325 0.062 as PyTorch's Linear draws them",
            "O(n^1): 10 20 40 forward passes of 10 20 40 examples",
            "w1 is 5.85, then 6.43",
            "0.000 to 0.497",
            "0.513 to 1.000",
        ],
    ),
}
PICTURES = {
    "khan_learning_rates": ["khan_learning_rates", "khan_or_gate_rates", "khan_loss_curve"],
    "khan_or_gate": ["khan_graph_by_hand", "khan_graph_batch", "khan_training"],
}
