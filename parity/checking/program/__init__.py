"""What stands beside a program in its own process, with NumPy alone.

given       what it is given: a task as plain data
names       what it may declare
origin      what it declares, and where
outcome     what became of it and of a task: arrays and problems
text        what it says, as it may be shown
reading     what it returns, as arrays
guarded     one call of it
adapters    from `gradient` or `step` to the function `run`
loading     the program in a file, and what stands beside it
lines       tasks and answers as lines, for the pipes between two processes
hiding      refnet and parity, out of its sight
driver      what runs in its process
"""
