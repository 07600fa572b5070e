"""What somebody's program is given: the small trainings that try all that it declares.

declaration   what it supports
axes          what a task is made of: shapes, batches, activations, losses, rules
plan          which tasks try everything that is declared
extremes      runs that are brought to the edge of what floats can hold
edges         tasks at that edge
task          a task, in the layout that is declared
"""
