"""An answer to a task, line by line: whatever comes, it ends with arrays and
problems.
"""

import re
from collections.abc import Sequence
from math import prod
from typing import TypeAlias

import numpy as np

from parity.checking.process.pipes import CLOSED, Ended, Process
from parity.checking.process.printed import Printed
from parity.checking.program.given import Array, GivenTask
from parity.checking.program.outcome import NOTE, WRONG, Key, Outcome, Problem, Refusal
from parity.checking.program.reading import KEYS, LISTS, largest
from parity.checking.program.text import first_line, printable

# characters: of a line for each number of the task's largest array, where 24 are what
# 17 digits take with sign and exponent; of any line; and of all the chatter in a task
PER_NUMBER, SHORTEST = 64, 2**16
CHATTER, CHATTER_LINES = 10**6, 10**4
# bytes of all raw arrays in a task, as float64, besides so many times what they should
# have
SHOWN, TIMES = 2**22, 4
PROBLEMS = 100  # lines that say something of a task, and defects of others
FINITE, OTHERS = r"(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", r"inf|infinity|nan(\(\w*\))?"
NUMBER = re.compile(rf"[+-]?({FINITE}|{OTHERS})", re.IGNORECASE | re.ASCII)
NUMBERLIKE = re.compile(rb"@|[+-]?(\.?[0-9]|(nan|inf)(\W|\Z|inity))", re.IGNORECASE)
# the words of a line about the task: of any program, and of parity's own driver
REFUSED = b"refused"
SAID, ALL_SAID = (b"note", b"error"), (b"note", b"error", b"wrong", REFUSED)
PLAIN = b"0123456789+-.eE \t"  # what all numbers that are finite are made of
RAW_TYPES = re.compile(r"@(f[248]|[iu][1248]|b1)")

Words: TypeAlias = list[bytes]


class Unclear(Exception):
    """Something is wrong with a line: what there is, what was expected, and advice."""


class Received:
    """What has come of the answer to a task."""

    def __init__(self, task: GivenTask, process: Process, said: Sequence[bytes] = SAID) -> None:
        self._task, self._process, self._said = task, process, said
        self._arrays: dict[Key, Array] = {}
        self._problems: list[Problem] = []
        self._unclear: set[str] = set()
        self._printed = Printed(task)
        widest, rows = max(task.sizes), max(*task.sizes, *task.batches)
        self._longest = max(SHORTEST, PER_NUMBER * widest * rows)
        self._raw_left = SHOWN + TIMES * 8 * widest * rows * len(LISTS) * len(task.sizes)
        self._chatter = self._chatter_lines = self._step = 0
        self._over = self._raised = False
        self._supported, self._refusal = True, Refusal()

    def read(self) -> None:
        """Read the whole answer. Errors: Ended where the process gives none."""
        while not self._over:
            self.take(self._process.line(self._longest))

    def outcome(self) -> Outcome:
        """What has come, without what was lost on the way."""
        for names, got, expected, advice in self._printed.lost(self._arrays):
            self._problem(got, expected, advice)
            self._arrays = {key: a for key, a in self._arrays.items() if key[1] not in names}
        return Outcome(
            self._arrays,
            tuple(self._problems),
            self._supported,
            self._raised,
            refusal=self._refusal,
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the answer has come."""
        return not (self._arrays or self._step or self._problems or self._chatter)

    @property
    def progress(self) -> str:
        """How far it has come."""
        if self.is_empty:
            return "it has printed nothing of this task"
        steps = f"done came {self._step} of {len(self._task.steps)} times"
        behind = sum(key[0] == self._step for key in self._arrays)
        unclear = [f"{each.got}, expected {each.expected}" for each in self._problems[:1]]
        return "; ".join([steps, *([f"{behind} arrays behind it"] if behind else []), *unclear])

    def read_on(self) -> None:
        """Read what comes behind the answer, where nothing but an end should.
        Errors: Ended where the process does not end by itself.
        """
        try:
            while True:
                line = self._process.line(self._longest)
                self._heard(line)
                if self._key(line.split()) or line.strip() == b"done":
                    steps = f"{len(self._task.steps)} steps"
                    self._problem(f"shows more than {steps}", "as many as asked")
        except Ended as end:
            if end.status is None and end.how != CLOSED:
                raise
            if end.status:
                got, expected = f"{end.how} behind its answers", "exit status 0"
                self._add(Problem(NOTE, got, expected, detail=end.message))

    def take(self, line: bytes) -> None:
        """One line. Errors: Ended where nothing behind it can be understood."""
        words = line.split()
        if line.strip() == b"done":
            self._step += 1
            self._over = self._step == len(self._task.steps)
        elif line.strip() == b"unsupported":
            self._over, self._supported = True, False
            self._arrays.clear()
        elif words and self._is_said(words):
            self._say(*line.decode(errors="backslashreplace").partition(" ")[::2])
        elif key := self._key(words):
            self._show(key, words[2 if key[1] in LISTS else 1 :], line)
        else:
            self._heard(line)

    def _heard(self, line: bytes) -> None:
        self._chatter += len(line)
        self._chatter_lines += 1
        if self._chatter > CHATTER or self._chatter_lines > CHATTER_LINES:
            much = f"{CHATTER:,} characters or {CHATTER_LINES:,} lines"
            raise Ended(f"printed more than {much} besides its answers")

    def _is_said(self, words: Words) -> bool:
        """Whether a line is about the task: a note, or an error, but none of a number,
        as in "error 0.25"; and what else parity's own driver says of it.
        """
        # a file, of which a refusal is said first, may begin with a digit
        is_number = len(words) > 1 and words[0] != REFUSED and NUMBERLIKE.match(words[1])
        return words[0] in self._said and not is_number

    def _say(self, kind: str, text: str) -> None:
        """What the program says of itself."""
        if kind == "error":
            self._over = self._raised = True
        if not text.strip():
            self._heard(b"")
            return
        texts = [first_line(each) for each in text.split("\t")[:5]]
        if kind == REFUSED.decode():
            self._refusal = Refusal(*texts[:2])
            return
        if kind == "error" and len(texts) == 1:
            texts = [f"says of this task: {texts[0]}", "an answer, or unsupported"]
        self._add(Problem(NOTE if kind == "note" else WRONG, *texts))

    def _problem(self, got: str, expected: str, advice: str = "") -> None:
        self._add(Problem(WRONG, got, expected, advice))

    def _add(self, problem: Problem) -> None:
        if len(self._problems) >= PROBLEMS:
            raise Ended("says more of a task than anybody can read")
        self._problems.append(problem)

    # arrays

    def _key(self, words: Words) -> Key | None:
        """What a line shows, None where it is chatter: a name with a layer behind it,
        and a number behind that.
        """
        name = words[0].decode(errors="replace") if words else ""
        if name not in KEYS:
            return None
        if name in LISTS:
            is_layer = len(words) > 1 and re.fullmatch(rb"[0-9]{1,9}", words[1])
            is_array = is_layer and (len(words) == 2 or NUMBERLIKE.match(words[2]))
            return (self._step, name, int(words[1])) if is_array else None
        is_number = len(words) > 1 and NUMBERLIKE.match(words[1])
        return (self._step, name, 0) if is_number else None

    def _show(self, key: Key, words: Words, line: bytes) -> None:
        """Keep the array of a line; where it is none, say so, of each kind once."""
        try:
            self._arrays[key] = self._array(key, words)
        except Unclear as unclear:
            self._heard(line)
            if not all(map(NUMBERLIKE.match, words)):
                return  # as in "loss 0.25 in step 1"
            kind, *texts = unclear.args
            if kind not in self._unclear:
                self._unclear.add(kind)
                self._problem(*texts)

    def _array(self, key: Key, words: Words) -> Array:
        """The array of a line. Errors: Unclear."""
        number, name, layer = key
        what = f"{name} of layer {layer}" if name in LISTS else name
        raw = self._raw(what, words) if words and words[0].startswith(b"@") else None
        depth = len(self._task.sizes) - 1
        if name in LISTS and not 1 <= layer <= depth:
            raise Unclear("layer", f"shows {what}", f"a layer from 1 to {depth}")
        if key in self._arrays:
            raise Unclear("twice", f"shows {what} twice in a step", "once before done")
        if raw is not None:
            return raw
        shape = self._task.shape(number, name, layer)
        if len(words) != prod(shape):
            raise Unclear(f"{name} count", f"{what} has {len(words)} numbers", f"{prod(shape)}")
        values = _numbers(what, words)
        self._printed.hear(name, words)
        with np.errstate(over="ignore"):
            return values.astype(self._task.dtype).reshape(shape)

    def _raw(self, what: str, words: Words) -> Array:
        """The array behind a line. Errors: Ended where it cannot be told how long it
        is, for then nothing behind it can be read.
        """
        header = b" ".join(words).decode(errors="backslashreplace")
        kind, *shape = header.split()
        is_shape = len(shape) <= 32 and all(re.fullmatch(r"[0-9]{1,9}", each) for each in shape)
        if not (RAW_TYPES.fullmatch(kind) and is_shape):
            raise Ended(f"{what} has the raw array {first_line(header)!r}")
        sizes, dtype = tuple(map(int, shape)), np.dtype(f"<{kind[1:]}")
        if prod(max(size, 1) for size in sizes) > largest(self._task):
            raise Ended(f"{what} has a raw array of shape {sizes}")
        self._raw_left -= 8 * prod(sizes)  # they are judged as float64
        if self._raw_left < 0:
            raise Ended("shows more numbers than a task can have")
        stored = self._process.exactly(dtype.itemsize * prod(sizes))
        return np.frombuffer(stored, dtype).reshape(sizes).astype(dtype.newbyteorder("="))


def _numbers(what: str, words: Words) -> Array:
    """The numbers of a line. Errors: Unclear where one of them is none."""
    try:
        if not b"".join(words).translate(None, PLAIN):
            return np.array([float(word) for word in words])
    except ValueError:
        pass  # the word is found below
    for word in words:
        text = word.decode(errors="backslashreplace")
        if not NUMBER.fullmatch(text):
            advice = "decimals stand behind a point" if "," in text else ""
            raise Unclear("number", f"{what} has {printable(text[:30])!r}", "a number", advice)
    return np.array([float(word.partition(b"(")[0]) for word in words])
