"""A formula as it is read, in the symbols of the textbook."""

from collections.abc import Callable
from typing import Any

from parity.mistakes.recovery.expression import Expression
from parity.mistakes.recovery.parts import INITIAL, LAST, UPDATED, is_number

# what binds tighter: a sum, a product, a matrix product, a power, a name
SUM, PRODUCT, MATRIX, POWER, NAME = range(5)
SUFFIX = {INITIAL: "_0", LAST: "_last", UPDATED: "_new"}
WHERE = {
    "_0": "_0 is the initial one",
    "_last": "_last is that of the step before",
    "_new": "_new is the one after its update",
}
STATE = {
    "momentum_buffer": "v",
    "sum": "s",
    "square_avg": "v",
    "grad_avg": "mean",
    "exp_avg": "m",
    "exp_avg_sq": "v",
    "max_exp_avg_sq": "v_max",
}
SYMBOLS = STATE | {"W2": "(sum of all W^2)", "theta2": "(sum of all theta^2)"}
SYMBOLS |= {"fan_out_above": "fan_out^(l+1)"}
SYMBOLS |= {
    "N": "(n k)",
    "mask": "m",
    "step": "(change of theta)",
    "momentum": "mu",
    "dampening": "tau",
}
FUNCTIONS = {"sign", "exp", "log", "log1p", "tanh", "sigmoid", "softmax", "sqrt", "maximum"}
FUNCTIONS |= {"minimum"}


def words(tree: Expression) -> str:
    """The formula on one line."""
    return _written(tree)[0]


def legend(tree: Expression) -> str:
    """What its marks mean, where it has some: _last is that of the step before."""
    text = words(tree)
    return ", ".join(meaning for mark, meaning in WHERE.items() if f"{mark}" in text)


def _written(tree: Expression) -> tuple[str, int]:
    """The text, and how tight it binds."""
    writer = _WRITERS.get(tree.op)
    if writer:
        return writer(tree)
    inner = ", ".join(words(part) for part in tree.parts)
    return f"{tree.op}({inner})", NAME


def _in(tree: Expression, least: int) -> str:
    text, binds = _written(tree)
    return text if binds >= least else f"({text})"


def _name(tree: Expression) -> tuple[str, int]:
    kind, whose, when = map(str, tree.detail)
    symbol = SYMBOLS.get(kind, kind)
    suffix = SUFFIX.get(when, "")
    if kind == "right":
        return "right", NAME
    if kind == "x" or (kind == "a" and whose == "0"):
        return "x", NAME
    if kind in ("y", "g", "T", "T1", "T0", "s", "D") or not whose:
        return f"{symbol}{suffix}", NAME
    layer = whose if len(whose) == 1 else f"({whose})"
    return f"{symbol}{suffix}^{layer}", POWER


def _number(tree: Expression) -> tuple[str, int]:
    (value,) = tree.detail
    text = f"{value:.12g}"
    return text, NAME if value >= 0 else SUM


def _sum(tree: Expression) -> tuple[str, int]:
    x, y = tree.parts
    return f"{_in(x, SUM)} {tree.op} {_in(y, SUM if tree.op == '+' else PRODUCT)}", SUM


def _product(tree: Expression) -> tuple[str, int]:
    x, y = tree.parts
    # a number comes first, without a sign between them
    if is_number(y) and not is_number(x):
        x, y = y, x
    if is_number(x):
        factor = _in(x, PRODUCT if x.op == "*" else POWER)
        return f"{factor} {_in(y, POWER if is_number(y) else MATRIX)}", PRODUCT
    return f"{_in(x, PRODUCT)} * {_in(y, MATRIX)}", PRODUCT


def _quotient(tree: Expression) -> tuple[str, int]:
    x, y = tree.parts
    return f"{_in(x, PRODUCT)} / {_in(y, POWER)}", PRODUCT


def _matrices(tree: Expression) -> tuple[str, int]:
    x, y = tree.parts
    return f"{_in(x, POWER)} {_in(y, POWER)}", MATRIX


def _transposed(tree: Expression) -> tuple[str, int]:
    return f"({words(tree.parts[0])})^T", POWER


def _power(tree: Expression) -> tuple[str, int]:
    x, y = tree.parts
    return f"{_in(x, NAME)}^{_in(y, NAME)}", POWER


def _square(tree: Expression) -> tuple[str, int]:
    return f"{_in(tree.parts[0], NAME)}^2", POWER


def _negative(tree: Expression) -> tuple[str, int]:
    return f"-{_in(tree.parts[0], MATRIX)}", PRODUCT


def _abs(tree: Expression) -> tuple[str, int]:
    return f"|{words(tree.parts[0])}|", NAME


def _over(what: str) -> Callable[[Expression], tuple[str, int]]:
    def written(tree: Expression) -> tuple[str, int]:
        axis = tree.detail[0]
        over = {None: "", 0: " over rows", 1: " over units"}[axis]
        return f"({what}{over} of {_in(tree.parts[0], PRODUCT)})", NAME

    return written


def _activation(tree: Expression) -> tuple[str, int]:
    (whose,) = tree.detail
    f = "f" if whose == "l" else f"f_{whose}"
    return f"{f}({words(tree.parts[0])})", NAME


def _clipped(tree: Expression) -> tuple[str, int]:
    x, limit = map(words, tree.parts)
    return f"clip({x}, -{limit}, {limit})", NAME


def _softmax(tree: Expression) -> tuple[str, int]:
    over = " over the rows" if tree.detail == (0,) else ""
    return f"softmax({words(tree.parts[0])}{over})", NAME


def _pulled(tree: Expression) -> tuple[str, int]:
    whose, *through = tree.detail
    g, z = tree.parts
    f = "f'" if whose == "l" else f"f_{whose}'"
    of = "z^l, a^l" if through else words(z)
    return f"{_in(g, MATRIX)} * {f}({of})", PRODUCT


def _part_of(what: str) -> Callable[[Expression], tuple[str, int]]:
    def written(tree: Expression) -> tuple[str, int]:
        return f"{_in(tree.parts[0], NAME)}[{what}{_slice(*tree.detail)}]", NAME

    return written


def _slice(start: Any, end: Any, stride: Any) -> str:
    ends = ":".join("" if each is None else str(each) for each in (start, end))
    return f"{ends}:{stride}" if stride not in (None, 1) else ends


def _rolled(tree: Expression) -> tuple[str, int]:
    axis, shift = tree.detail
    return f"roll({words(tree.parts[0])}, {shift} {('row', 'unit')[axis]})", NAME


def _where(tree: Expression) -> tuple[str, int]:
    z, a, b = tree.parts
    return f"({words(a)} where {words(z)} > 0, else {words(b)})", NAME


def _first(tree: Expression) -> tuple[str, int]:
    first, later = tree.parts
    return f"{words(first)} in the first step, then {words(later)}", SUM


def _entries(tree: Expression) -> tuple[str, int]:
    return _written(tree.parts[0])


_WRITERS: dict[str, Callable[[Expression], tuple[str, int]]] = {
    "name": _name,
    "number": _number,
    "+": _sum,
    "-": _sum,
    "*": _product,
    "/": _quotient,
    "@": _matrices,
    "T": _transposed,
    "**": _power,
    "square": _square,
    "ones": lambda tree: ("ones", NAME),
    "negative": _negative,
    "abs": _abs,
    "sum": _over("sum"),
    "mean": _over("mean"),
    "max": _over("max"),
    "norm": _over("norm"),
    "softmax": _softmax,
    "clip": _clipped,
    "f": _activation,
    "pull": _pulled,
    "rows": _part_of("rows "),
    "units": _part_of("units "),
    "rolled": _rolled,
    "flipped": lambda tree: (f"reversed({words(tree.parts[0])})", NAME),
    "positive": _where,
    "first": _first,
    "entries": _entries,
}
