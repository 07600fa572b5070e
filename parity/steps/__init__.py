"""One training step as data.

record     StepRecord: all that one step did, and `record_refnet`
cases      the case table: architectures, activations, losses, optimizers, dtypes
pytorch    the identical PyTorch model, weights both ways, and its records
"""
