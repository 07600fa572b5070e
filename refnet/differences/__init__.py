"""gradient_check: backpropagation compared with differences of the cost, whose own
error is estimated.

    objective       C of a step: loss, weights of rows, penalty, masks
    rounding        how far rounding can move C and its gradient
    quotients       central and one-sided differences, extrapolated
    complex_step    Im C(theta + ih) / h, where C is analytic
    check           gradient_check, and what it reports
"""

from refnet.differences.check import ArrayCheck, GradientCheck, gradient_check

__all__ = ["ArrayCheck", "GradientCheck", "gradient_check"]
