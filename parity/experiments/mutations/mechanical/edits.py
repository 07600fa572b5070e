"""The changes of a function's syntax tree, each in one place, in the source's order.

Nothing is drawn: each kind of node has its edits, and each edit its replacements.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

# operators that are written for one another
OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.GtE, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.In: (ast.NotIn,),
}
# functions that are called for one another
NEIGHBOURS = {
    "max": ("min", "sum"),
    "sum": ("mean", "max"),
    "mean": ("sum", "max"),
    "maximum": ("minimum", "add"),
    "exp": ("expm1", "exp2"),
    "tanh": ("sinh", "arctan"),
    "log": ("log1p", "log2"),
    "log1p": ("log",),
    "sqrt": ("square", "abs"),
    "abs": ("square",),
    "sign": ("tanh",),
    "ones_like": ("zeros_like",),
}
AXES = (0, 1, None)
# attributes of a network that hold arrays, and what each may be taken for
ATTRIBUTES = {
    "z": ("a",),
    "a": ("z", "delta"),
    "W": ("dW",),
    "delta": ("a", "z"),
    "dW": ("W",),
    "db": ("b",),
    "kept_W": ("kept_b",),
    "kept_b": ("kept_W",),
}

Edit: TypeAlias = Callable[[ast.AST, "Names"], Iterator[ast.AST]]


class Names(NamedTuple):
    """What a function has at hand: its arguments and its variables, in order."""

    local: tuple[str, ...]

    @classmethod
    def of(cls, function: ast.FunctionDef) -> "Names":
        """The names of a function."""
        given = [each.arg for each in function.args.args]
        stored = [
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        return cls(tuple(dict.fromkeys([*given, *sorted(stored)])))


class Edited(NamedTuple):
    """The text of a function with one edit, and what the edit is."""

    text: str
    line: int
    words: str  # "before -> after"


def edits(function: ast.FunctionDef) -> Iterator[Edited]:
    """Every edit of a function that makes another one."""
    names = Names.of(function)
    seen = {ast.unparse(function)}
    for edited in (*_of_expressions(function, names), *_of_statements(function)):
        if edited.text not in seen:
            seen.add(edited.text)
            yield edited


# expressions


def _of_expressions(function: ast.FunctionDef, names: Names) -> Iterator[Edited]:
    statements = _statements_of(function)
    for place in _places(function):
        # what belongs to the function itself is an annotation
        if statements[place.node] is not function and not _is_stored(place.node):
            for edit in EDITS:
                for instead in edit(place.node, names):
                    yield _replaced(function, place, statements[place.node], instead)


class Place(NamedTuple):
    """Where an expression stands: in a field of its parent, which may be a list."""

    parent: ast.AST
    field: str
    number: int | None
    node: ast.AST

    def put(self, node: ast.AST) -> None:
        """Let a node stand there."""
        if self.number is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.number] = node


def _places(function: ast.FunctionDef) -> Iterator[Place]:
    for parent in [*ast.walk(function)]:
        for name, entry in [*ast.iter_fields(parent)]:
            numbered = enumerate(entry) if isinstance(entry, list) else [(None, entry)]
            for index, node in [*numbered]:
                if isinstance(node, ast.expr | ast.keyword):
                    yield Place(parent, name, index, node)


def _is_stored(node: ast.AST) -> bool:
    return not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _statements_of(function: ast.FunctionDef) -> dict[ast.AST, ast.stmt]:
    """The innermost statement that each node stands in."""
    return {
        node: statement
        for statement in ast.walk(function)
        if isinstance(statement, ast.stmt)
        for node in ast.walk(statement)
    }


def _replaced(
    function: ast.FunctionDef, place: Place, statement: ast.stmt, instead: ast.AST
) -> Edited:
    """The function with another node in a place, for as long as it is written out."""
    before = _head(statement)
    place.put(instead)
    try:
        words = f"{before} -> {_head(statement)}"
        return Edited(ast.unparse(function), statement.lineno, words)
    finally:
        place.put(place.node)


def _head(statement: ast.stmt) -> str:
    """A statement without those that it holds."""
    return ast.unparse(statement).partition("\n")[0]


def _exchanged(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """The operands of -, / and @ the other way round."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        yield ast.BinOp(node.right, node.op, node.left)


def _dropped_operand(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """One of the operands, or of two ways, alone."""
    if isinstance(node, ast.BinOp):
        yield node.left
        yield node.right
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse


def _other_operator(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Another operator between the same operands."""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS[type(node.op)]:
            yield ast.BinOp(node.left, operator(), node.right)


def _other_comparison(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Another comparison of the same."""
    if isinstance(node, ast.Compare):
        for operator in COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [operator()], node.comparators)


def _transpose(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Without the transpose, or with one at an operand of a product."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield ast.BinOp(_transposed(node.left), node.op, node.right)
        yield ast.BinOp(node.left, node.op, _transposed(node.right))


def _transposed(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def _axis(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Another axis, or none of the shape kept."""
    if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
        others = AXES if node.arg == "axis" else (not node.value.value,)
        yield from (ast.keyword(node.arg, ast.Constant(other)) for other in others)


def _constant(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Another number."""
    c = node.value if isinstance(node, ast.Constant) else None
    if isinstance(c, int | float) and not isinstance(c, bool):
        yield from (ast.Constant(other) for other in (c + 1, 2 * c, c - 1, -c, c / 2, 0))


def _dropped_call(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """The first argument in place of the call."""
    if isinstance(node, ast.Call) and node.args:
        yield node.args[0]


def _neighbour(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """A function that is called for another."""
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "np":
        for other in NEIGHBOURS.get(node.attr, ()):
            yield ast.Attribute(node.value, other, ast.Load())


def _other_name(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """Another variable or argument, or another array of the network."""
    if isinstance(node, ast.Name) and node.id in names.local:
        yield from (ast.Name(name, ast.Load()) for name in names.local if name != node.id)
    if isinstance(node, ast.Attribute):
        for other in ATTRIBUTES.get(node.attr, ()):
            yield ast.Attribute(node.value, other, ast.Load())


def _other_index(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """The index beside."""
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
        for operator in (ast.Add(), ast.Sub()):
            index = ast.BinOp(node.slice, operator, ast.Constant(1))
            yield ast.Subscript(node.value, index, ast.Load())


def _negated(node: ast.AST, names: Names) -> Iterator[ast.AST]:
    """A condition on a setting, the other way round."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        yield ast.UnaryOp(ast.Not(), node)


EDITS: tuple[Edit, ...] = (
    _exchanged,
    _dropped_operand,
    _other_operator,
    _other_comparison,
    _transpose,
    _axis,
    _constant,
    _dropped_call,
    _neighbour,
    _other_name,
    _other_index,
    _negated,
)


# statements


def _of_statements(function: ast.FunctionDef) -> Iterator[Edited]:
    """Statements dropped, doubled, exchanged with the next."""
    blocks = [
        getattr(node, field, [])
        for node in ast.walk(function)
        if isinstance(node, ast.stmt)
        for field in ("body", "orelse")
    ]
    for block in blocks:
        for i, statement in enumerate(block):
            rest = [] if len(block) > 1 else [ast.Pass()]
            yield _with_block(function, block, slice(i, i + 1), rest, "dropped")
            yield _with_block(function, block, slice(i, i + 1), [statement, statement], "doubled")
        for i, (first, second) in enumerate(pairwise(block)):
            yield _with_block(function, block, slice(i, i + 2), [second, first], "exchanged")


def _with_block(
    function: ast.FunctionDef,
    block: list[ast.stmt],
    where: slice,
    instead: Sequence[ast.stmt],
    what: str,
) -> Edited:
    """The function with other statements in a block, for as long as it is written
    out.
    """
    before = [*block]
    block[where] = instead
    try:
        words = f"{'; '.join(map(_head, before[where]))} -> {what}"
        return Edited(ast.unparse(function), before[where][0].lineno, words)
    finally:
        block[:] = before
