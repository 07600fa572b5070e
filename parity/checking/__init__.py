"""Somebody else's program.

tasks       what it is given
program     what stands beside it in its own process
process     its process, seen from here
calling     its calls, and what is known of it by the first ones
verdict     from what it showed to a report
parts       a part of a program alone: an activation, a loss, a layer, an optimizer
vectors     tasks as files, for those who start no process
templates   what `parity check --init` writes
plugin      each task as a test of pytest
grading     a class: many programs, each checked
checker     check: is it right, and if not, what is wrong
"""
