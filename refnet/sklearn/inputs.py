"""X and y as scikit-learn checks them: dense, finite, two-dimensional, with the columns
of fit.
"""

from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import validate_data

from refnet.checks import Array

FLOATS = (np.float64, np.float32)  # X keeps its dtype where it is one of these


def checked_inputs(estimator: Any, X: Any) -> Array:
    """X for an estimator that has been fitted."""
    return _validated(estimator, X, reset=False)


def checked_pair(estimator: Any, X: Any, y: Any, fresh: bool, numeric: bool) -> tuple[Array, Array]:
    """X and y to learn from; `fresh` where the columns of X become those of fit."""
    return _validated(estimator, X, y, multi_output=True, y_numeric=numeric, reset=fresh)


def _validated(estimator: Any, *arrays: Any, **settings: Any) -> Any:
    # refnet computes with NumPy; with the array API on, lists would be refused
    with config_context(array_api_dispatch=False):
        return validate_data(estimator, *arrays, dtype=FLOATS, **settings)
