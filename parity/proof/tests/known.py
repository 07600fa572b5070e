"""What bounds that are worked out by hand are written in: numbers that one can follow,
and the claims about them.
"""

from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import mpmath
import numpy as np
import pytest

from parity.proof import formulas
from parity.proof.certificate import judge
from parity.proof.equations.activations import ACTIVATION_ENTRIES
from parity.proof.equations.kinds import Update
from parity.proof.equations.losses import LOSS_ENTRIES
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.statements import Statement
from parity.rounding.formats import FORMATS
from parity.steps.tests.newcomers import Consulted

# where longdouble is no wider than float64 a bound is twice as wide
ARITHMETICS = {
    **FORMATS,
    "float64 in float64": replace(FORMATS["float64"], wide=np.dtype(np.float64)),
}
in_every_arithmetic = pytest.mark.parametrize("arithmetic", ARITHMETICS)


@contextmanager
def judging_in(arithmetic):
    """Records of its dtype are judged in this arithmetic, and where it has nothing
    wider than float64 neither has NumPy.
    """
    fmt = ARITHMETICS[arithmetic]
    widest = fmt.wide.type if fmt.dtype == np.float64 else np.longdouble
    with (
        mock.patch.dict(FORMATS, {fmt.dtype.name: fmt}),
        mock.patch.object(np, "longdouble", widest),
        mock.patch.object(formulas, "ONE", widest(1)),
    ):
        yield


def column(*numbers, dtype):
    """Numbers one below the other."""
    return np.array(numbers, dtype)[:, None]


def entry_of(rule, h, quantity, fmt, theta=3.0, g=0.5, old=(), new=(), t=2):
    """The claim that a rule makes of one number, or of a row of them."""
    arrays = [
        {name: np.array(value, fmt.dtype, ndmin=1) for name, value in dict(state).items()}
        for state in (old, new)
    ]
    settings = dict.fromkeys(
        ("weight_decay", "momentum", "dampening", "lr_decay", "nesterov", "centered", "amsgrad"), 0
    )
    step = Update(
        fmt,
        {**settings, "lr": 0.5, "eps": 0.125, **h},
        t,
        np.array(theta, fmt.dtype, ndmin=1),
        np.array(g, fmt.dtype, ndmin=1),
        *arrays,
    )
    entry = RULE_ENTRIES[rule]()
    return entry.parameters(step) if quantity == "theta" else entry.vector(step, quantity)


def judged_first(claim, number):
    """The result of a claim where the first entry is the number and the others are
    exact.
    """
    dtype = next(fmt.dtype for fmt in ARITHMETICS.values() if fmt.slack == claim.slack)
    with np.errstate(over="ignore"):
        got = np.array(claim.exact.astype(dtype))
    got.flat[0] = number
    return judge(Statement("", 1, "", "", got, claim))


class Known:
    """What the expressions of one arithmetic are written in: its units, the errors of
    its functions, and the entries that they judge.
    """

    def __init__(self, arithmetic):
        self.fmt = ARITHMETICS[arithmetic]
        self.dtype = self.fmt.dtype.name
        self.u, self.lam = mpmath.mpf(self.fmt.unit), mpmath.mpf(self.fmt.tiny)
        self.r, self.E, self.Elog = self.fmt.scalar, self.fmt.exp, self.fmt.log
        self.v53 = mpmath.mpf(2) ** -53
        self.function = Consulted(
            {
                name: kind(**({"slope": 0.25} if name == "leaky_relu" else {}))
                for name, kind in ACTIVATION_ENTRIES.items()
            }
        )
        self.loss = Consulted({name: kind() for name, kind in LOSS_ENTRIES.items()})

    def of(self, *rows):
        """An array of the dtype."""
        return np.array(rows, self.dtype)
