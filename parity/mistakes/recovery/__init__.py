"""The formula that a program computes, found again from its numbers.

expression  formulas as trees
parts       what a program has at hand, and what may stand in which equation
right       the right formula of each slot, recorded from the proof's own
edits       what may stand in the place of a part of a formula
evaluation  what a tree gives, on numbers of any kind
formula     a right formula with edits, as a mistake that can be judged
scalars     one number, told by n, k, lr, t and the settings
fitting     which formulas give an array that is off, on plain numbers
proposals   the formulas of which such an array can come
source      a formula where the catalogue explains nothing
words       a formula as it is read
"""
