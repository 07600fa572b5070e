"""What the scripts show: Khan's tutorial.

FIGURES: how many rows each script has, and what stands in those that are off, in the
order of the text. PICTURES: their names.
"""

FIGURES = {
    "khan_learning_rates": (
        14,
        [
            "falls to 9.2e-06, rises once",
            "S that rises, no minimum",
            "0.67; at 0.99995 it is 5e-05",
            "falls, no minimum",
            "grows, 0.27 to 25.0",
        ],
    ),
    "khan_or_gate": (
        31,
        [
            "0.88 just above 2",
            "0.12 just below -2",
            "0.109882",
            "O(n^1)",
            "the cost falls 43% more by 5000",
            "w1 5.85, then 6.43",
            "0.000 to 0.497",
            "0.513 to 1.000",
        ],
    ),
}
PICTURES = {
    "khan_learning_rates": ["khan_learning_rates", "khan_or_gate_rates", "khan_loss_curve"],
    "khan_or_gate": ["khan_graph_by_hand", "khan_graph_batch", "khan_training"],
}
