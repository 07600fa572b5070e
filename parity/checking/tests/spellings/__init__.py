"""Right programs, each spelled otherwise than the others, as people write them.

spelling       a program with what it can do, and the tables of them
sums           the same sums in other orders, forms and precisions
shapes         the same pass as loops, classes, closures; arrays in other layouts
activations    the same activations and derivatives by other formulas
losses         the same costs and output deltas by other formulas
derivatives    the gradient by another way than backpropagation, or by a library
rules          the same updates by other formulas
"""
