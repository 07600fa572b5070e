"""What parity adds to the page that steps through backpropagation: mistakes of the
catalogue that can be switched on, what it says of each, and how far rounding may take
each number. mistakes.js has the mistakes, as functions for the page's engine.

entries    what is said of each mistake
bounds     how far from refnet's a number of the page may be
writing    the page with all of it
"""
