"""Equation step: for each optimizer every vector of its state, and the new parameters,
with bounds. Gradient descent stands here, and the table of all rules; the adaptive
rules have a room of their own.

Each vector is judged from what was recorded: the new state from the old one and the
gradient, the new parameters from the *new* state, so that no error is inherited. A
hyper-parameter is the real number that its Python float is. What depends on such
numbers alone (1 - beta, beta^t, lr / bc) is computed in double and rounded once into
the dtype: r = 1 for float32, 0 for float64.

Notation: u, lam, E and r as in the entries of the activations; v = u53 is the unit of
double. theta, g and every vector of the state have the shape of one W or b. Bounds are
first-order counts of roundings (Higham 2002, section 3.1), times 1 + 30 u for the
products of two; `update_claim` tells why that is enough.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from parity.proof.equations.adaptive import Adagrad, Adam, AdamW, RMSprop
from parity.proof.equations.kinds import RuleEntry, Update
from parity.proof.equations.shared import update_claim
from parity.rounding.claim import CONVENTION, PASSED, Claim, Other, near, size


class SGD(RuleEntry):
    """Gradient descent, with or without momentum."""

    name = "sgd"
    source = "Higham 2002, section 3.1; Sutskever, Martens, Dahl and Hinton (2013)"
    formula = (
        "d = g + weight_decay theta; buf := d at the first step, then mu buf + (1 - tau) d; theta "
        ":= theta - lr v, v = d without momentum, buf' with it, d + mu buf' with Nesterov."
    )

    def keeps(self, hyperparameters: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if hyperparameters["momentum"] else ()

    def vector_derivation(self, name: str) -> str:
        return (
            "At the first step buf' = d within E_d. Then within u |buf'| + (1 + r) u |mu buf| + |1 "
            "- tau| E_d + [tau] (2 + r) u |(1 - tau) d| + 2 lam: the sum, and the two products."
        )

    def vector(self, step: Update, name: str) -> Claim:
        fmt, (d, off) = step.fmt, step.decayed
        if name not in step.old:
            return update_claim(step, d, off, others=lambda: self._dampened_first(step))
        kept, share = step["momentum"] * fmt.widen(step.old[name]), 1.0 - step["dampening"]
        exact = kept + (fmt.wide.type(1.0) - fmt.wide.type(step["dampening"])) * d
        bound = (
            fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(kept))
            + abs(share) * off
            + 2.0 * fmt.tiny
        )
        if step["dampening"]:
            bound = bound + (2.0 + fmt.scalar) * fmt.unit * abs(share) * size(d)

        def others() -> Sequence[Other]:
            whole = Other(
                PASSED,
                "the first d taken whole, as PyTorch does where there is no buffer yet",
                near(fmt, d, off),
            )
            return [whole] if step.t == 1 and not kept.any() else ()

        return update_claim(step, exact, bound, size(d) + size(kept), others=others)

    def _dampened_first(self, step: Update) -> Sequence[Other]:
        if not step["dampening"]:
            return ()
        (d, off), share = step.decayed, abs(1.0 - step["dampening"])
        # 1 - tau, its rounding into the dtype, the product; one to spare
        bound = share * (off + 4.0 * step.fmt.unit * size(d)) + 2.0 * step.fmt.tiny
        fits = near(step.fmt, (1.0 - step["dampening"]) * d, bound)
        return [
            Other(
                CONVENTION,
                "the first step dampened, as from a buffer of zeros; PyTorch takes d whole",
                fits,
            )
        ]

    parameters_derivation = (
        "theta' within u |theta'| + (1 + r) u |lr v| + lr E_v + 2 lam: the difference, the "
        "product, and the error of v."
    )

    def parameters(self, step: Update) -> Claim:
        fmt, (v, off) = step.fmt, step.decayed
        reached = size(v)
        if step["momentum"]:
            buf = fmt.widen(step.new["momentum_buffer"])
            if step["nesterov"]:
                ahead = step["momentum"] * buf
                reached = size(v) + size(ahead)
                v = v + ahead
                off = off + fmt.unit * (size(v) + (1.0 + fmt.scalar) * size(ahead))
            else:
                v, off = buf, np.zeros(buf.shape)
        moved = step["lr"] * v
        exact = fmt.widen(step.theta) - moved
        bound = (
            fmt.unit * (size(exact) + (1.0 + fmt.scalar) * size(moved))
            + step["lr"] * off
            + 2.0 * fmt.tiny
        )

        def others() -> Sequence[Other]:
            if step["momentum"] or not step["weight_decay"]:
                return ()
            kept = (1.0 - step["lr"] * step["weight_decay"]) * fmt.widen(step.theta)
            fits = near(fmt, exact, bound + (2.0 + fmt.scalar) * fmt.unit * size(kept))
            return [
                Other(
                    PASSED,
                    "as (1 - lr weight_decay) theta - lr g: algebraically equal, other rounding",
                    fits,
                )
            ]

        return update_claim(step, exact, bound, reached, moved, others=others)


RULE_ENTRIES: dict[str, type[RuleEntry]] = {
    kind.name: kind for kind in (SGD, Adagrad, RMSprop, Adam, AdamW)
}
