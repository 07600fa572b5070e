"""The dtypes of a twin, its weights to the bit, and what it says word for word."""

import re

import pytest
import torch

DTYPES = {"float64": torch.float64, "float32": torch.float32}

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def weights(model):
    """The model's parameters to the bit."""
    return [p.detach().numpy().tobytes() for p in model.parameters()]


def sentence(text):
    """The whole message, word for word."""
    return f"^{re.escape(text)}$"
