"""The calls of a program, and what is known of it by the first ones.

answers        what it shows, as runs in one layout
calls          in which layout it works, and whether it shows the same twice
reliance       which of its inputs a program relies on
trial          a program that cannot be told anything, beside combinations
combinations   which activations and loss such a program has
first_calls    what is known of a program before it is judged
"""
