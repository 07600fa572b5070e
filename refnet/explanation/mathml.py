"""Formulas in MathML, which every browser draws by itself: from the LaTeX that
`EQUATIONS` and `typeset` write, and no more of LaTeX than that.
"""

import re
from html import escape

from refnet.explanation.typesetting import typeset

_TOKEN = re.compile(
    r"\\(?P<words>text|mathrm)\{(?P<said>[^}]*)\}"
    r"|\\(?P<command>[A-Za-z]+)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<letters>dW|db|[A-Za-z])"
    r"|(?P<sign>:=|\S)"
)
_LETTERS = {"delta": "δ", "theta": "θ", "partial": "∂"}
_SIGNS = {"cdot": "⋅", "odot": "⊙", "sum": "∑", "-": chr(0x2212), "'": chr(0x2032)}
_SPACES = ("left", "right", "quad")
_SCRIPTS = {"_": "sub", "^": "sup"}


def mathml(latex: str) -> str:
    """The formula as a block of MathML.

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
        self._tokens = [*_TOKEN.finditer(latex)]
        self._next = 0

    def whole(self, end: str = "") -> str:
        """All that is left, or all up to that sign."""
        atoms = []
        while self._next < len(self._tokens):
            if end and self._sees(end):
                self._next += 1
                break
            atoms.append(self._scripted(self._atom()))
        return "".join(atoms)

    def _sees(self, sign: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next]["sign"] == sign

    def _scripted(self, base: str) -> str:
        """An atom with what stands above and below it."""
        scripts: dict[str, str] = {}
        while script := next((sign for sign in _SCRIPTS if self._sees(sign)), ""):
            self._next += 1
            scripts[script] = self._atom()
        if not scripts:
            return base
        if base == "<mo>∑</mo>":
            return f"<munder>{base}{scripts['_']}</munder>"
        in_order = [sign for sign in _SCRIPTS if sign in scripts]
        kind = "".join(_SCRIPTS[sign] for sign in in_order)
        return f"<m{kind}>{base}{''.join(scripts[sign] for sign in in_order)}</m{kind}>"

    def _atom(self) -> str:
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
        return f"<mo>{escape(_SIGNS.get(token['sign'], token['sign']))}</mo>"

    def _command(self, name: str) -> str:
        if name == "frac":
            return f"<mfrac>{self._atom()}{self._atom()}</mfrac>"
        if name == "tilde":
            return f"<mover>{self._atom()}<mo>~</mo></mover>"
        if name in _SPACES:
            return ""
        if name in _SIGNS:
            return f"<mo>{_SIGNS[name]}</mo>"
        name = _LETTERS.get(name, name)
        return f"<mi>{name}</mi>" + '<mspace width="0.2em"/>' * (name == "log")


def _row(inner: str) -> str:
    """What stands between braces, as one."""
    is_one = re.fullmatch(r"<(\w+)>[^<]*</\1>", inner)
    return inner if is_one else f"<mrow>{inner}</mrow>"
