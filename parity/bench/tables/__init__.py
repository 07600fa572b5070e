"""The tables of the benchmark.

steps       a row for each network
parts       a step with weights, a penalty, clipping, dropout, or no biases
digits      whole trainings of handwritten digits
estimators  MLPClassifier, scikit-learn's and refnet's, by a command of its own
loops       a tutorial's loops
growth      time and memory by size
threads     one BLAS thread, and a pool of them
wide        two threads on wide layers, for every side
"""
