"""Mechanical mutants: a right program, changed in one place at a time.

right_program    backpropagation in plain NumPy, as a good student writes it
edits            the changes of a syntax tree, each in one place
mutants          the programs that these changes make
training         the run that such a program shows of given inputs
mutant_report    how many are caught, explained, and rightly so
mutant_score     measures that
"""
