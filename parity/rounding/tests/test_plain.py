"""Plain numbers have every operation that bounded arrays have, so that a formula runs
on both.
"""

from parity.rounding.bounded import Bounded
from parity.rounding.plain import Plain

# what only numbers with an error bound need
OF_BOUNDS = {"arithmetic", "like", "reach", "rounded", "tiny", "unit", "error", "value", "format"}
OPERATORS = ("add", "sub", "mul", "truediv", "matmul")
DUNDERS = {
    *(f"__{prefix}{name}__" for name in OPERATORS for prefix in ("", "r")),
    *("__neg__", "__abs__", "__getitem__"),
}


def test_every_operation_of_bounded_arrays_is_one_of_plain_numbers():
    """A function that is new in bounded.py has to be added to plain.py."""
    operations = {name for name in vars(Bounded) if not name.startswith("_")} - OF_BOUNDS
    assert operations >= {"exp", "log", "sigmoid", "where_positive"}
    for name in operations | DUNDERS:
        assert hasattr(Plain, name), f"parity/rounding/plain.py: Plain has no {name!r}"
