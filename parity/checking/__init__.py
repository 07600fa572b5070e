"""Somebody else's program.

declaration    what it supports, and how it lays out its arrays
tasks          what it is given
answers        what it gives back, as plain arrays
calls          one guarded call of it
adapters       from a file, `gradient` or `step` to the function `run`
process        a process of its own, which may hang or die
report         what a check found, as it is read
checker        check: is it right, and if not, what is wrong
"""
