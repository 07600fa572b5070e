"""What rounding may do to a number.

formats    the wider format that exact values are computed in
claim      an exact value and its bound
bounded    arrays that carry an error bound
plain      the same operations on numbers without one
"""
