"""A part of somebody's program alone, in its place in a program that is right.

called       one of its functions, called on copies of arrays
pairs        a function and its derivative, in the forms in which people have them
part         a part on tasks, and the report on it
activation   check_activation
loss         check_loss
layers       a linear layer in the forms in which people have it
linear       check_linear
stepping     an update rule in the forms in which people have it
optimizer    check_optimizer
"""
