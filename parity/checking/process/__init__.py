"""A program at work in a process of its own, as it is seen from here.

supervisor   between parity and a program on Linux: nothing outlives it
pipes        its process, and what goes through its pipes, in limits of length and time
printed      what gets lost when arrays are printed
received     an answer, line by line
description  what a program says of itself
peer         a program that is given tasks, and answers
"""
