"""Who notices which mistake.

other_checks       what tolerances and a gradient check notice of it
broken_training    how well a broken program learns the digits
mutation_report    the table of mistakes and who notices them
mutation_score     puts every mistake into a program and measures that
families           runs to learn a program from, and unseen ones
explained          whether a program is explained by its runs, and rightly
recovery_report    which entries of the catalogue are explained without it
recovery_score     measures that
mechanical         a right program, changed in one place at a time
"""
