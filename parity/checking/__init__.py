"""Somebody else's program.

declaration    what it supports, and how it lays out its arrays
axes           what a task is made of: shapes, batches, activations, losses, rules
plan           which tasks try everything that is declared
extremes       runs that are brought to the edge of what floats can hold
edges          tasks at that edge
tasks          what it is given
answers        what it shows, as runs in one layout
program        what stands beside it in its own process
process        its process, seen from here
calls          in which layout it works, and whether it shows the same twice
reliance       which of its inputs a program relies on
trial          a program that cannot be told anything, beside combinations
combinations   which activations and loss such a program has
first_calls    what is known of a program before it is judged
coverage       what the tasks have tried, and whether that is enough
report         what a check found, as it is read
wording        findings in the lines of the protocol
templates      what `parity check --init` writes
grading        from what it showed to a report
checker        check: is it right, and if not, what is wrong
"""
