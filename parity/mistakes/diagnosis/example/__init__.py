"""Both formulas in numbers, for one small case.

matrices    matrices in text, side by side
by_hand     one entry of an array, worked out in numbers
example     a case in numbers, as data and as it is read
cases       which arrays show a mistake, and what their equations read
choosing    the case with the fewest numbers, worked out
"""
