"""What MLPClassifier and MLPRegressor of refnet.sklearn are made of, but for what
scikit-learn itself does for them: NumPy is enough here.

    parameters   what an estimator's parameters may be
    initial      where the weights start: scikit-learn's own numbers
    watch        when training ends, and what is kept of it
    perceptron   what both estimators share: fit, coefs_, and what they ask scikit-learn
    hidden       which hidden layer's activations are features
    classifier   classes, labels, probabilities
    regressor    numbers
"""
