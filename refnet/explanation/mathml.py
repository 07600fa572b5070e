"""Formulas in MathML, which every browser draws by itself: from the LaTeX that
`EQUATIONS` and `typeset` write. What is not of that LaTeX is refused.
"""

import re
from html import escape
from typing import NoReturn

from refnet.explanation.typesetting import typeset

_TOKEN = re.compile(
    r"\\(?P<words>text|mathrm)\{(?P<said>[^{}]*)\}"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<letters>dW|db|[A-Za-z])"
    r"|(?P<sign>:=|\S)"
)
_GREEK = {"alpha": chr(0x3B1), "beta": "β", "delta": "δ", "theta": "θ", "varepsilon": "ε"}
_LETTERS = _GREEK | {"partial": "∂"}
_ABOVE = {"tilde": "~", "hat": "^"}
_FUNCTIONS = ("exp", "log", "tanh", "max")
_MINUS, _PRIME = chr(0x2212), chr(0x2032)
_SIGNS = {"cdot": "⋅", "odot": "⊙", "sum": "∑", "-": _MINUS, "'": _PRIME}
_FENCES = {"left": "prefix", "right": "postfix"}
_SCRIPTS = {"_": "sub", "^": "sup"}
_NAME = re.compile("<mi>[A-Za-z]{2,}</mi>$")  # runs into a letter that follows
_THIN = '<mspace width="0.2em"/>'
_OPENING, _CLOSING = ">(</mo>", ">)</mo>"
_REFUSED = "\\{}^_&#%$~"  # what is no sign of its own in LaTeX


def mathml(latex: str) -> str:
    """The formula as a block of MathML.

    Errors: ValueError for LaTeX that is not known here.

    >>> mathml(r"a^{l} = f(z^{l})")[:80]
    '<math display="block"><msup><mi>a</mi><mi>l</mi></msup><mo>=</mo><mi>f</mi><mo>('
    """
    return f'<math display="block">{_Reader(latex).whole()}</math>'


def mathml_of(plain: str, latex: str = "") -> str:
    """The same for a formula in plain notation, where it has no LaTeX of its own."""
    return mathml(latex or typeset(plain))


class _Reader:
    """LaTeX as it is read, from left to right."""

    def __init__(self, latex: str) -> None:
        self._latex = latex
        self._tokens = [*_TOKEN.finditer(latex)]
        self._next = 0

    def whole(self, end: str = "") -> str:
        """All that is left, or all up to that sign."""
        atoms: list[str] = []
        while self._next < len(self._tokens):
            if end and self._sees(end):
                self._next += 1
                return "".join(atoms)
            atom = self._atom(atoms)
            if atom.endswith(_CLOSING) and any(map(self._sees, _SCRIPTS)):
                atom = _pair(atoms, atom)
            atom = self._scripted(atom)
            if atoms and _NAME.search(atoms[-1]) and not atom.startswith(("<mo>", "<mo ")):
                atoms.append(_THIN)
            atoms.append(atom)
        if end:
            self._refuse("a brace without its end", repr(end))
        return "".join(atoms)

    def _refuse(self, what: str, wanted: str) -> NoReturn:
        raise ValueError(f"mathml: {self._latex!r} has {what}, expected {wanted}")

    def _sees(self, sign: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next]["sign"] == sign

    def _scripted(self, base: str) -> str:
        """An atom with what stands above and below it."""
        scripts: dict[str, str] = {}
        while script := next((sign for sign in _SCRIPTS if self._sees(sign)), ""):
            if script in scripts:
                self._refuse(f"two {script} at one place", "one")
            self._next += 1
            scripts[script] = self._atom()
        kind = "".join(name for sign, name in _SCRIPTS.items() if sign in scripts)
        if not kind:
            return base
        if base == f"<mo>{_SIGNS['sum']}</mo>":
            kind = kind.replace("sub", "under").replace("sup", "over")
        return f"<m{kind}>{base}{''.join(scripts[s] for s in _SCRIPTS if s in scripts)}</m{kind}>"

    def _atom(self, before: list[str] | None = None) -> str:
        """The next letter, number, sign, or group between braces."""
        if self._next == len(self._tokens):
            self._refuse("nothing left", "what belongs to its last sign")
        token = self._tokens[self._next]
        self._next += 1
        if token["words"]:
            kind = "mtext" if token["words"] == "text" else "mi"
            return f"<{kind}>{escape(token['said']).replace(' ', chr(160))}</{kind}>"
        if token["command"]:
            return self._command(token["command"])
        if token["number"]:
            return f"<mn>{token['number']}</mn>"
        if token["letters"]:
            return f"<mi>{token['letters']}</mi>"
        if token["sign"] == "{":
            return _row(self.whole("}"))
        return self._sign(token["sign"], _is_prefix(token["sign"], before or []))

    def _sign(self, sign: str, is_prefix: bool = False) -> str:
        if sign in _REFUSED:
            self._refuse(repr(sign), "a sign of a formula")
        form = ' form="prefix"' if is_prefix else ""
        return f"<mo{form}>{escape(_SIGNS.get(sign, sign))}</mo>"

    def _command(self, name: str) -> str:
        if name == "frac":
            return f"<mfrac>{self._atom()}{self._atom()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self._atom()}</msqrt>"
        if name in _ABOVE:
            return f"<mover>{self._atom()}<mo>{_ABOVE[name]}</mo></mover>"
        if name in _FENCES:
            return self._atom().replace("<mo>", f'<mo form="{_FENCES[name]}">')
        if name == "quad":
            return '<mspace width="1em"/>'
        if name in _SIGNS:
            return f"<mo>{_SIGNS[name]}</mo>"
        if name not in (*_LETTERS, *_FUNCTIONS):
            self._refuse(rf"\{name}", "what `typeset` writes")
        name = _LETTERS.get(name, name)
        return f"<mi>{name}</mi>" + _THIN * (name == "log")


def _is_prefix(sign: str, before: list[str]) -> bool:
    """Whether it is the sign of what follows: it stands behind another sign, which
    neither closes a bracket nor is a prime. One that stands first a browser takes for
    such by itself.
    """
    last = before[-1] if before else ""
    is_sign = last.startswith(("<mo>", '<mo form="prefix">'))
    return sign in "+-" and is_sign and not last.endswith((_CLOSING, f">{_PRIME}</mo>"))


def _pair(atoms: list[str], closing: str) -> str:
    """The brackets that end here and all between them, off the atoms. What stands above
    the last one stands above them all, or a browser draws that one in another size.
    """
    first, depth = len(atoms), 1
    while depth and first:
        first -= 1
        depth += atoms[first].endswith(_CLOSING) - atoms[first].endswith(_OPENING)
    inner = "".join(atoms[first:])
    del atoms[first:]
    return f"<mrow>{inner}{closing}</mrow>"


def _row(inner: str) -> str:
    """What stands between braces, as one."""
    is_one = re.fullmatch(r"<(\w+)>[^<]*</\1>", inner)
    return inner if is_one else f"<mrow>{inner}</mrow>"
