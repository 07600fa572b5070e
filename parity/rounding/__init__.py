"""What rounding may do to a number.

formats      what rounding does in each dtype; the wider format of exact values
precision    numbers rounded to fewer bits, as in TF32 and bfloat16
claim        an exact value and its bound
independent  what independent roundings do to a whole array, by chance
bounded      arrays that carry an error bound
plain        the same operations on numbers without a bound
"""
