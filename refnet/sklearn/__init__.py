"""scikit-learn's estimators with `refnet.fit` inside: MLPClassifier and MLPRegressor.

    parameters   what an estimator's parameters may be
    inputs       X and y, as scikit-learn checks them
    initial      where the weights start: scikit-learn's own numbers
    watch        when training ends, and what is kept of it
    estimator    what both estimators share: fit, partial_fit, coefs_
    hidden       the activations of a hidden layer as features
    classifier   MLPClassifier
    regressor    MLPRegressor

They need scikit-learn: python -m pip install "refnet[sklearn]".
"""

try:
    from refnet.sklearn.classifier import MLPClassifier
    from refnet.sklearn.regressor import MLPRegressor
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "sklearn":
        raise
    raise ModuleNotFoundError(
        'refnet.sklearn needs scikit-learn: python -m pip install "refnet[sklearn]"',
        name="sklearn",
    ) from error

__all__ = ["MLPClassifier", "MLPRegressor"]
