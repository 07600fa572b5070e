"""The formula that a program computes, found again from its numbers.

expression   formulas as trees
parts        what a program has at hand, and what may stand in which equation
right        the right formula of each slot, recorded from the proof's own
productions  what may stand in the place of a part of a formula
edits        one edit of a formula
evaluation   what a tree gives, on numbers of any kind
formula      a right formula with edits, as a mistake that can be judged
scalars      one number, told by n, k, lr, t and the settings
fitting      which formulas give an array that is off, on plain numbers
places       where a formula may be another
solving      a number that only the program knows
proposals    the formulas of which such an array can come
together     those that are others in several slots of an update at once
source       a formula where the catalogue explains nothing
words        a formula as it is read
statement    what is said of it, beside the right one
"""
