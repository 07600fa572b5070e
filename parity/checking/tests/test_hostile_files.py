"""Python files that do what no program should: whatever they do, there is a sentence
and an exit status, soon, and nothing is left.
"""

import os
import py_compile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from parity.checking.templates import HERE
from parity.tests.command import run as parity

ADAPTER = (HERE / "adapter.py.txt").read_text(encoding="utf-8")
BEGINS = "    shown = []\n"

# what a right program does besides in every call: the exit status, and what is said
IN_A_CALL = {
    "garbage in every pipe": (
        """
import os
for pipe in range(3, 64):
    try: os.write(pipe, bytes(range(256)) * 9)
    except OSError: pass""",
        0,
        "",
    ),
    "done in every pipe": (
        """
import os
for pipe in range(3, 64):
    try: os.write(pipe, b"done\\n" * 50)
    except OSError: pass""",
        1,
        "",
    ),
    "a raw array that never comes": (
        """
import os
for pipe in range(3, 64):
    try: os.write(pipe, b"W 1 @f8 1000000000\\n")
    except OSError: pass""",
        1,
        "has the raw array '@f8 1000000000'",
    ),
    "a line without end": (
        """
import os
for pipe in range(3, 64):
    try:
        while True: os.write(pipe, b"1 " * 10**4)
    except OSError: pass""",
        1,
        "printed a line of more than 65,536 characters",
    ),
    "every pipe closed": (
        """
import os
os.closerange(3, 64)""",
        1,
        "",
    ),
    "a broken memory": ("import ctypes; ctypes.string_at(0)", 1, "died of SIGSEGV in the task"),
    "abort": ("import os; os.abort()", 1, "died of SIGABRT in the task"),
    "an interrupt": ("raise KeyboardInterrupt", 1, " in the task"),
    "recursion": ("run(case)", 1, "raised RecursionError in "),
    "an exception without a message": (
        """
class Odd(Exception):
    def __str__(self): raise RuntimeError
raise Odd""",
        1,
        "raised Odd in ",
    ),
    "an exception that steers a terminal": (
        "raise ValueError('\\x1b[31mred\\x07\\u202e' + 'x' * 10**6)",
        1,
        r"\x1b[31mred\x07\u202exxx",
    ),
    "a name that steers a terminal": (
        "raise type('\\x1b[31mRed', (Exception,), {})",
        1,
        r"raised \x1b[31mRed in ",
    ),
    "a key that steers a terminal": (
        "return [{'\\x1b[31m': 1} for _ in case.steps]",
        1,
        r"has the key '\x1b[31m'",
    ),
    "the process of the file killed from above": (
        "import os; os.kill(os.getppid(), 9)",
        1,
        "died of SIGKILL in",
    ),
    "itself killed": ("import os; os.kill(0, 9)", 1, "died of SIGKILL in the task"),
    "a split": ("import os; os.fork()", 0, ""),
    "a split that goes on": (
        """
import os, time
if os.fork() == 0:
    time.sleep(1000)""",
        0,
        "",
    ),
    "deaf to signals": (
        """
import signal
for number in set(signal.Signals) - {9, 19}:
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass""",
        0,
        "",
    ),
    "another standard output": ("import sys; sys.stdout = sys.stdin = None", 0, ""),
    "a stream like any other": (
        """
import subprocess, sys
sys.stdout.buffer.write(b"bytes")
sys.stdout.reconfigure(line_buffering=True)
subprocess.run([sys.executable, "-c", "print(1)"], stdout=sys.stdout, check=True)
assert "utf-8" == sys.stdout.encoding.lower()""",
        0,
        "printed 'bytes'",
    ),
    "NumPy spoiled": (
        "np.asarray = np.frombuffer = np.ascontiguousarray = None",
        1,
        "",
    ),
    "a huge view": (
        "return [{'output': np.broadcast_to(0.0, (10**6, 10**6))} for _ in case.steps]",
        1,
        "output has shape (1000000, 1000000)",
    ),
    "lists without end": (
        """
def shown():
    while True: yield {}
return shown()""",
        1,
        "",
    ),
    "printing without end": (
        """
for _ in range(10**5): print("x" * 1000)""",
        0,
        "printed 'xxx",
    ),
    "a dict that breaks": (
        """
class Odd(dict):
    def items(self): raise MemoryError
return [Odd() for _ in case.steps]""",
        1,
        "raised MemoryError",
    ),
    "its own verdict": (
        """
import sys
for frame in sys._current_frames().values():
    while frame:
        if "declared" in frame.f_globals: frame.f_globals["guarded_call"] = None
        frame = frame.f_back""",
        1,
        "",
    ),
}


@pytest.mark.parametrize("what", IN_A_CALL)
def test_whatever_a_call_does_there_is_an_end(tmp_path, what):
    """And a sentence, on standard output, without what would steer a terminal."""
    body, status, says = IN_A_CALL[what]
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    file = tmp_path / "net.py"
    file.write_text(ADAPTER.replace(BEGINS, BEGINS + lines, 1), encoding="utf-8")
    got, out, err = parity("check", str(file))
    assert (got, err, says in " ".join(out.split())) == (status, "", True)
    assert all(each.isprintable() or each == "\n" for each in out)


def test_a_file_that_splits_itself_is_one_program(tmp_path):
    """What it has split off at import, and left in parity's part of it, ends there."""
    file = tmp_path / "net.py"
    file.write_text(f"import os\nos.fork()\n{ADAPTER}", encoding="utf-8")
    status, out, err = parity("check", str(file))
    assert (status, err, "RIGHT. " in out) == (0, "", True)


def test_it_is_the_file_that_is_checked_and_not_what_was_compiled_of_it(tmp_path):
    """Though that has the same size and time; and nothing is compiled."""
    file, compiled = tmp_path / "net.py", Path(cache_from_source(str(tmp_path / "net.py")))
    for text, status in ((ADAPTER, 0), (ADAPTER.replace("[2 *", "[3 *"), 1)):
        file.write_text(text, encoding="utf-8")
        os.utime(file, (1, 1))
        assert parity("check", str(file))[0] == status
        assert compiled.exists() == bool(status)
        if status == 0:
            py_compile.compile(str(file), doraise=True)
