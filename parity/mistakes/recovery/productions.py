"""What may stand in the place of a part of a formula: the productions of the grammar.

Each is a row of a table by the operation at the top of the part, or stands around any
array. None knows an equation, an activation, a loss or a rule.
"""

from collections.abc import Callable, Iterable, Iterator

from parity.mistakes.recovery.expression import ONE, Expression, as_expression, node
from parity.mistakes.recovery.parts import is_number

# where people let a rectifier begin, other than at 0
THRESHOLDS = (1.0, -1.0, 0.5, -0.5, 0.1, -0.1, 0.01, -0.01)
HALF, TWO = as_expression(0.5), as_expression(2.0)

# by operation: another one, its operands the other way round, or without one of them

Instead = Callable[[Expression], Iterable[Expression]]


def _sum(tree: Expression) -> Iterator[Expression]:
    x, y = tree.parts
    yield from (x, y, node("-", x, y), node("-", y, x), node("*", x, y))
    yield from (-y, -x)
    if x.op in FUNCTIONS:  # one parenthesis further out
        yield node(x.op, node("+", x.parts[0], y))


def _difference(tree: Expression) -> Iterator[Expression]:
    x, y = tree.parts
    yield from (x, -y, y, node("+", x, y), node("-", y, x), node("*", x, y))


def _product(tree: Expression) -> Iterator[Expression]:
    x, y = tree.parts
    yield from (x, y, node("/", x, y), node("/", y, x), node("+", x, y), node("-", x, y))
    if not is_number(x) and not is_number(y):
        yield node("@", x, y)
    if x is y:
        yield from (node("abs", x), node("*", tree, x))


def _quotient(tree: Expression) -> Iterator[Expression]:
    x, y = tree.parts
    yield from (x, y, node("*", x, y), node("/", y, x), node("-", x, y))
    if is_number(x) and x.op == "name":
        yield node("/", ONE, y)


def _matrices(tree: Expression) -> Iterator[Expression]:
    x, y = tree.parts
    yield from (node("@", x, y.T), node("@", x.T, y), node("@", y, x), node("@", y.T, x))
    yield from (node("*", x, y), x, y, x.T, y.T, node("@", y.T, x.T).T)


def _power(tree: Expression) -> Iterator[Expression]:
    x, y = tree.parts
    yield from (x, node("**", x, node("+", y, ONE)), node("**", x, node("-", y, ONE)))
    yield from (node("**", x, TWO), node("*", x, y), node("/", x, y), as_expression(0.0))
    yield node("**", node("-", ONE, x), y)


def _reduction(tree: Expression) -> Iterator[Expression]:
    (x,) = tree.parts
    axis, keepdims = tree.detail
    for op in ("sum", "mean", "max", "norm"):
        for other in (axis, *({None, 0, 1} - {axis})):
            yield node(op, x, detail=(other, keepdims))
            yield node(op, x, detail=(other, True))
    yield x
    for part in ((0, 1, 1), (-1, None, 1)):
        yield node("sum", node("rows", x, detail=part), detail=(0, keepdims))


def _function(tree: Expression) -> Iterator[Expression]:
    (x,) = tree.parts
    yield x
    yield from (node(op, x) for op in FUNCTIONS if op != tree.op)
    e, back = node("exp", x), node("exp", node("negative", x))
    if tree.op == "sigmoid":
        yield from (node("/", e, node("+", ONE, e)), node("/", ONE, node("+", ONE, e)))
    if tree.op == "tanh":
        above, below = node("-", e, back), node("+", e, back)
        yield from (node("/", above, below), node("/", below, above))
    yield node(tree.op, tree)


FUNCTIONS = (
    "exp",
    "tanh",
    "sigmoid",
    "log",
    "log1p",
    "sqrt",
    "abs",
    "square",
    "sign",
    "negative",
    "softmax",
)


def _maximum(tree: Expression) -> Iterator[Expression]:
    x, floor = tree.parts
    yield from (x, node("minimum", x, floor))
    yield from (node("maximum", x, as_expression(each)) for each in THRESHOLDS)


def _softmax(tree: Expression) -> Iterator[Expression]:
    (z,) = tree.parts
    yield from (node("softmax", z, detail=(0,)), node("softmax", tree))
    yield from (z, node("exp", z), node("sigmoid", z), node("sqrt", tree))
    e = node("exp", z)
    yield node("/", e, node("sum", e, detail=(None, True)))


def _where(tree: Expression) -> Iterator[Expression]:
    z, a, b = tree.parts
    zero = as_expression(0.0)
    yield from (a, b, node("positive", z, b, a), node("positive", z, a, -b))
    yield from (node("positive", z, each, b) for each in (ONE, z, zero, node("+", a, b)))
    yield from (node("positive", z, a, each) for each in (ONE, zero, z, a, -a))
    yield node("positive", z, node("maximum", a, zero), b)
    for threshold in THRESHOLDS:
        yield node("positive", node("-", z, as_expression(threshold)), a, b)
        if a is z:
            yield node("maximum", z, as_expression(threshold))
    if b.op == "*":
        yield from (node("positive", z, a, part) for part in b.parts)
    yield node("log", node("+", ONE, node("exp", z)))


def _activation(tree: Expression) -> Iterator[Expression]:
    (z,) = tree.parts
    yield z
    yield node("f", tree, detail=tree.detail)
    for layer in ("l-1", "l+1", "1", "L"):
        yield node("f", z, detail=(layer,))
    yield from _functions_of(z)


def _functions_of(z: Expression) -> Iterator[Expression]:
    """Functions that programs have in the place of an activation."""
    zero = as_expression(0.0)
    yield from (node(op, z) for op in ("tanh", "sigmoid", "softmax", "exp"))
    yield node("maximum", z, zero)
    yield node("log", node("+", ONE, node("exp", z)))
    yield node("/", z, node("+", ONE, node("abs", z)))
    # LeCun's, whose slope and height are chosen so that f(1) = 1
    inner = node("/", node("*", TWO, z), as_expression(3.0))
    yield node("*", as_expression(1.7159), node("tanh", inner))
    yield node("minimum", node("maximum", z, zero), ONE)
    yield node("maximum", node("minimum", z, ONE), -ONE)
    quarter = node("+", node("*", z, as_expression(0.25)), HALF)
    fifth = node("+", node("*", z, as_expression(0.2)), HALF)
    sixth = node("+", node("/", z, as_expression(6.0)), HALF)
    for line in (quarter, fifth, sixth):
        yield node("minimum", node("maximum", line, zero), ONE)


def _pulled(tree: Expression) -> Iterator[Expression]:
    g, z = tree.parts
    whose = tree.detail[0]
    yield g
    yield node("pull", tree, z, detail=(whose,))
    yield from (node("*", g, z), node("*", g, node("f", z, detail=(whose,))))
    for layer in ("l-1", "l+1", "1", "L"):
        yield node("pull", g, z, detail=(layer,))
        yield node("pull", g, z, detail=(layer, "a"))
    one = node("/", g, g)
    yield from (node("pull", one, z, detail=(whose,)), node("+", g, tree))
    f = node("f", z, detail=(whose,))
    yield from (node("*", tree, f), node("*", tree, z), node("pull", g, f, detail=(whose,)))
    yield node("pull", node("maximum", g, as_expression(0.0)), z, detail=(whose,))
    for op in ("sigmoid", "tanh"):
        s = node(op, z)
        slope = node("*", s, node("-", ONE, s)) if op == "sigmoid" else node("-", ONE, s * s)
        yield node("*", g, slope)


def _first(tree: Expression) -> Iterator[Expression]:
    first, later = tree.parts
    yield from (first, later, node("first", later, first))
    yield node("first", node("*", first, as_expression(0.0)), later)


INSTEAD: dict[str, Instead] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "@": _matrices,
    "**": _power,
    "T": lambda tree: tree.parts,
    "sum": _reduction,
    "mean": _reduction,
    "max": _reduction,
    "positive": _where,
    "f": _activation,
    "pull": _pulled,
    "first": _first,
    "maximum": _maximum,
    "softmax": _softmax,
    **dict.fromkeys(
        ("exp", "log", "log1p", "tanh", "sigmoid", "sqrt", "abs", "negative"), _function
    ),
}


# around any array: a function, a mean taken off, a norm, some rows

Around = Callable[[Expression], Expression]


def _off(op: str, axis: int) -> Around:
    return lambda tree: node("-", tree, node(op, tree, detail=(axis, True)))


def _over(op: str, axis: int | None) -> Around:
    return lambda tree: node("/", tree, node(op, tree, detail=(axis, True)))


def _some(what: str, *which: int | None) -> Around:
    return lambda tree: node(what, tree, detail=which)


def _reduced(op: str, axis: int) -> Around:
    return lambda tree: node(op, tree, detail=(axis, True))


AROUND: tuple[Around, ...] = (
    *((lambda tree, op=op: node(op, tree)) for op in FUNCTIONS),
    lambda tree: node("maximum", tree, as_expression(0.0)),
    lambda tree: node("minimum", tree, as_expression(0.0)),
    lambda tree: tree.T,
    *(_off("mean", axis) for axis in (0, 1)),
    lambda tree: node("-", tree, node("mean", tree, detail=(None, False))),
    lambda tree: node("mean", tree, detail=(None, False)) + tree * 0.0,
    *(_over("norm", axis) for axis in (None, 0, 1)),
    *(_over("sum", axis) for axis in (None, 0, 1)),
    *(_reduced(op, axis) for op in ("mean", "sum") for axis in (0, 1)),
    lambda tree: node("+", tree, node("mean", tree, detail=(0, True))),
    _some("rows", 0, 1, 1),
    _some("rows", 1, None, 1),
    _some("rows", None, -1, 1),
    _some("rows", -1, None, 1),
    _some("rows", None, None, 2),
    lambda tree: node("flipped", tree, detail=(0,)),
    lambda tree: node("flipped", tree, detail=(1,)),
    _some("units", 1, None, 1),
    _some("units", 0, 1, 1),
    _some("units", None, -1, 1),
    *(_some("rolled", axis, shift) for axis in (1, 0) for shift in (1, -1)),
    lambda tree: node("square", tree) * tree,
    lambda tree: node("sqrt", node("abs", tree)),
    lambda tree: node("ones", tree),
    lambda tree: node("/", ONE, tree),
    lambda tree: node("-", ONE, tree),
    lambda tree: node("*", tree, node("-", ONE, tree)),
    lambda tree: node("-", ONE, node("square", tree)),
)
