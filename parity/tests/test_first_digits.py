"""The digits of the page are those that everybody has."""

import numpy as np
from sklearn.datasets import load_digits

from refnet.explanation.page.examples import first_digits


def test_the_digits_are_the_first_of_scikit_learn():
    """The same pixels and labels, in the same order."""
    digits = load_digits()
    images, labels = first_digits()
    assert np.array_equal(images * 16.0, digits.data[:32])
    assert np.array_equal(labels, digits.target[:32])
