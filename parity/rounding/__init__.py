"""What rounding may do to a number.

formats    what rounding does in each dtype; the wider format of exact values
claim      an exact value and its bound
bounded    arrays that carry an error bound
plain      the same operations on numbers without a bound
"""
