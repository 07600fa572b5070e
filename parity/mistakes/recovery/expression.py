"""Formulas as trees, recorded by running the proof's own restatement over symbols.

An `Expression` has the operations of `Bounded`: what `parity.proof.formulas` computes
of expressions is the tree of that formula, which is so written down in one place alone.
A tree is evaluated over numbers of any kind again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias
from weakref import WeakValueDictionary

from parity.mistakes.slots import Numbers

Detail: TypeAlias = tuple[Any, ...]
Read: TypeAlias = Callable[["Expression"], Numbers]


@dataclass(frozen=True, eq=False)
class Expression:
    """An operation and its operands, or a leaf: a name, or a number.

    Equal trees are the same object, for `node` makes each once.
    """

    op: str
    parts: tuple["Expression", ...] = ()
    detail: Detail = ()

    __array_ufunc__: ClassVar[None] = None  # an ndarray on the left leaves the operation to us

    def __add__(self, other: Any) -> "Expression":
        return _sum(self, as_expression(other))

    def __radd__(self, other: Any) -> "Expression":
        return _sum(as_expression(other), self)

    def __sub__(self, other: Any) -> "Expression":
        y = as_expression(other)
        return self if y is ZERO else node("-", self, y)

    def __rsub__(self, other: Any) -> "Expression":
        x = as_expression(other)
        return x if self is ZERO else node("-", x, self)

    def __mul__(self, other: Any) -> "Expression":
        return _product(self, as_expression(other))

    def __rmul__(self, other: Any) -> "Expression":
        return _product(as_expression(other), self)

    def __truediv__(self, other: Any) -> "Expression":
        y = as_expression(other)
        return self if y is ONE else node("/", self, y)

    def __pow__(self, other: Any) -> "Expression":
        return node("**", self, as_expression(other))

    def __rtruediv__(self, other: Any) -> "Expression":
        return node("/", as_expression(other), self)

    def __matmul__(self, other: Any) -> "Expression":
        return node("@", self, as_expression(other))

    def __neg__(self) -> "Expression":
        return node("negative", self)

    def __abs__(self) -> "Expression":
        return node("abs", self)

    def __gt__(self, other: Any) -> "Expression":
        return node(">", self, as_expression(other))

    def __getitem__(self, index: "Expression") -> "Expression":
        return node("entries", self, index)

    def exp(self) -> "Expression":
        return node("exp", self)

    def log(self) -> "Expression":
        return node("log", self)

    def log1p(self) -> "Expression":
        return node("log1p", self)

    def tanh(self) -> "Expression":
        return node("tanh", self)

    def sigmoid(self) -> "Expression":
        return node("sigmoid", self)

    def sqrt(self) -> "Expression":
        return node("sqrt", self)

    def maximum(self, floor: Any) -> "Expression":
        # a root keeps its argument from below 0 itself
        return self if floor == 0.0 else node("maximum", self, as_expression(floor))

    def where_positive(self, a: Any, b: Any) -> "Expression":
        return node("positive", self, as_expression(a), as_expression(b))

    def sum(self, axis: int | None = None, keepdims: bool = False) -> "Expression":
        return node("sum", self, detail=(axis, keepdims))

    def max(self, axis: int | None = None, keepdims: bool = False) -> "Expression":
        return node("max", self, detail=(axis, keepdims))

    @property
    def T(self) -> "Expression":
        """The transpose."""
        return node("T", self)

    # what formulas ask of arrays besides, and what a symbol answers

    ndim: ClassVar[int] = 2

    @property
    def value(self) -> "Expression":
        """Itself, as formulas ask for the numbers without their error."""
        return self

    @property
    def format(self) -> "Expression":
        """Itself, as formulas widen constants by their format."""
        return self

    def widen(self, array: Any) -> "Expression":
        """The same numbers."""
        return as_expression(array)

    def lift(self, other: Any) -> "Expression":
        """The other operand as a tree."""
        return as_expression(other)

    def with_part(self, i: int, part: "Expression") -> "Expression":
        """The same operation with another operand."""
        return node(self.op, *self.parts[:i], part, *self.parts[i + 1 :], detail=self.detail)


# every tree that is in use, so that each is made once
_KNOWN: WeakValueDictionary[tuple[Any, ...], Expression] = WeakValueDictionary()


def node(op: str, *parts: Expression, detail: Detail = ()) -> Expression:
    """The one tree of this operation on these."""
    key = op, parts, detail
    tree = _KNOWN.get(key)
    if tree is None:
        tree = _KNOWN[key] = Expression(op, parts, detail)
    return tree


def name(kind: str, *which: str) -> Expression:
    """A leaf that is read: an array of a layer, or a scalar."""
    return node("name", detail=(kind, *which))


def as_expression(given: Any) -> Expression:
    """A tree as it is, a number as a leaf."""
    return given if isinstance(given, Expression) else node("number", detail=(float(given),))


ZERO, ONE = as_expression(0.0), as_expression(1.0)


def _sum(x: Expression, y: Expression) -> Expression:
    if ZERO in (x, y):
        return y if x is ZERO else x
    return node("+", x, y)


def _product(x: Expression, y: Expression) -> Expression:
    if ONE in (x, y):
        return y if x is ONE else x
    return ZERO if ZERO in (x, y) else node("*", x, y)


def size(tree: Expression) -> int:
    """How many nodes it has."""
    return 1 + sum(map(size, tree.parts))


def subtrees(tree: Expression) -> Iterator[Expression]:
    """Every node, the whole first; one that stands in several places once for each."""
    yield tree
    for part in tree.parts:
        yield from subtrees(part)


def count(tree: Expression, part: Expression) -> int:
    """In how many places a subtree stands."""
    return sum(each is part for each in subtrees(tree))


def tidied(tree: Expression) -> Expression:
    """The same formula in fewer words: x / y for x (1 / y), x - y for x + -y."""
    parts = tuple(map(tidied, tree.parts))
    tree = tree if parts == tree.parts else node(tree.op, *parts, detail=tree.detail)
    if tree.op in ("*", "/") and tree.parts[1].op == "negative":
        return tidied(-node(tree.op, tree.parts[0], tree.parts[1].parts[0]))
    if tree.op in ("*", "/") and tree.parts[0].op == "negative":
        return tidied(-node(tree.op, tree.parts[0].parts[0], tree.parts[1]))
    if tree.op == "/" and tree.parts[1] is ONE:
        return tree.parts[0]
    if tree.op == "/" and tree.parts[0] is tree.parts[1]:
        return ONE
    if tree.op == "-" and tree.parts[0] is ONE and tree.parts[1].op == "-":
        x, y = tree.parts[1].parts
        return y if x is ONE else tree
    if tree.op == "*":
        return _tidy_product(*tree.parts)
    if tree.op in "+-" and tree.parts[1].op == "negative":
        other = {"+": "-", "-": "+"}[tree.op]
        return node(other, tree.parts[0], tree.parts[1].parts[0])
    if tree.op in "+-" and _is_below_0(tree.parts[1]):
        other = {"+": "-", "-": "+"}[tree.op]
        return node(other, tree.parts[0], _positive(tree.parts[1]))
    if tree.op == "negative" and tree.parts[0].op == "negative":
        return tree.parts[0].parts[0]
    return tree


def _tidy_product(x: Expression, y: Expression) -> Expression:
    for one, other in ((x, y), (y, x)):
        if one is ONE:
            return other
        if one is -ONE or (one.op == "number" and one.detail == (-1.0,)):
            return -other
        if one.op == "/" and one.parts[0] is ONE:
            return node("/", other, one.parts[1])
    return node("*", x, y)


def _is_below_0(tree: Expression) -> bool:
    """Whether it is a product with a number below 0."""
    if tree.op == "number":
        return tree.detail[0] < 0
    return tree.op in ("*", "/") and any(map(_is_below_0, tree.parts[: 2 if tree.op == "*" else 1]))


def _positive(tree: Expression) -> Expression:
    """The same without the sign of its number."""
    if tree.op == "number":
        return as_expression(-tree.detail[0])
    i = 0 if _is_below_0(tree.parts[0]) else 1
    positive = tree.with_part(i, _positive(tree.parts[i]))
    return _tidy_product(*positive.parts) if tree.op == "*" else positive


def replaced(tree: Expression, old: Expression, new: Expression) -> Expression:
    """With another subtree, wherever it stands."""
    return exchanged(tree, {old: new})


def exchanged(tree: Expression, exchange: Mapping[Expression, Expression]) -> Expression:
    """With other subtrees in the places of some, all at once."""
    if tree in exchange:
        return exchange[tree]
    parts = tuple(exchanged(part, exchange) for part in tree.parts)
    return tree if parts == tree.parts else node(tree.op, *parts, detail=tree.detail)


def cancelled(factor: Expression, tree: Expression) -> Expression | None:
    """A quotient times a factor, where its divisor is one in the factor; else None."""
    if tree.op != "/":
        return None
    numerator, divisor = tree.parts
    if factor is divisor:
        return numerator
    if factor.op == "/" and factor.parts[0] is divisor:
        return node("/", numerator, factor.parts[1])
    return None


def everywhere(tree: Expression, op: str, change: Callable[[Expression], Expression]) -> Expression:
    """With each node of an operation changed in the same way."""
    parts = tuple(everywhere(part, op, change) for part in tree.parts)
    tree = tree if parts == tree.parts else node(tree.op, *parts, detail=tree.detail)
    return change(tree) if tree.op == op else tree
