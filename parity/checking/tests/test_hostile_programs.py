"""Programs behind `parity check --exec` that do what no program should: whatever they
do, there is a sentence and an exit status, soon.
"""

import sys

import pytest

from parity.checking.tests.waiting import WAIT, until_it_waits
from parity.tests.command import run as parity

DESCRIPTION = """
parity 1
sizes 2 1
activations identity
losses mse
optimizers sgd
settings
tasks many
"""
# a right answer to a task of a network of one layer without hidden units, in Python
# without NumPy, so that it starts at once
PROGRAM = """
import os, sys, time
if sys.argv[1:] == ["--describe"]:
    {describe}
    sys.exit()

def say(*words):
    print(*words, flush=True)

said = []

def keep(*words):
    said.append(" ".join(map(str, words)))

def tasks():
    lines = []
    for line in sys.stdin:
        lines.append(line.split())
        if line == "end\\n":
            yield lines
            lines = []

def answer(lines):
    W = next([float(w) for w in words[2:]] for words in lines if words[0] == "W")
    b = next(float(words[2]) for words in lines if words[0] == "b")
    for step, x, y in zip(*[iter([l for l in lines if l[0] in ("step", "x", "y")])] * 3):
        lr, n = float(step[1]), int(step[2])
        x, y = [float(w) for w in x[1:]], [float(w) for w in y[1:]]
        rows = [x[2 * i : 2 * i + 2] for i in range(n)]
        a = [row[0] * W[0] + row[1] * W[1] + b for row in rows]
        delta = [2 * (a[i] - y[i]) / n for i in range(n)]
        dW = [sum(d * row[k] for d, row in zip(delta, rows)) for k in (0, 1)]
        db = sum(delta)
        W, b = [w - lr * g for w, g in zip(W, dW)], b - lr * db
        loss = sum((a[i] - y[i]) ** 2 for i in range(n)) / n
        {step}

for lines in tasks():
    {task}
"""
STEP = """
say("output", *a)
say("loss", loss)
say("dW", 1, *dW)
say("db", 1, db)
say("W", 1, *W)
say("b", 1, b)
say("done")
"""


def indented(text, columns):
    return f"\n{' ' * columns}".join(text.strip().splitlines())


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Exit status and all that is said of a program with other parts than the right
    ones.
    """

    def checked(step=STEP, task="answer(lines)", describe=None):
        describe = describe or f"print({DESCRIPTION!r})"
        text = PROGRAM.format(
            step=indented(step, 8), task=indented(task, 4), describe=indented(describe, 4)
        )
        (tmp_path / "net.py").write_text(text, encoding="utf-8")
        command = f"{sys.executable} -I -S {tmp_path / 'net.py'}"
        status, out, err = parity("check", "--exec", command)
        print(out, err)
        return status, " ".join((out + err).split())

    until_it_waits(monkeypatch, tmp_path)
    return checked


EACH = f"print({DESCRIPTION.replace('tasks many', '')!r})"
RIGHT_ANSWERS = {
    "as it is": {},
    "with chatter": {"step": f"say('epoch 1')\nsay()\nsay('loss is low')\nsay('W')\n{STEP}"},
    "with bytes that are no text": {
        "step": f"sys.stdout.buffer.write(b'\\xff\\0\\x1b\\n')\n{STEP}"
    },
    "with lines of another system": {"step": STEP.replace(")", ", '\\r')")},
    "with signs and more blanks": {"step": STEP.replace("loss)", "f'  +{loss}\\t')")},
    "bit by bit": {
        "step": STEP.replace(
            'say("loss", loss)', 'print("lo", end="", flush=True); say("ss", loss)'
        )
    },
    "with much on standard error": {"task": "answer(lines)\nsys.stderr.write('x' * 10**6)"},
    "in a process each": {"describe": EACH},
    "in a process each, without a last end of line": {
        "describe": EACH,
        "step": STEP.replace("say(", "keep("),
        "task": "answer(lines)\nprint('\\n'.join(said), end='')",
    },
    "in a process each, which ends late": {
        "describe": EACH,
        "task": "answer(lines)\nos.close(1)\ntime.sleep(0.1)",
    },
    "in a process each, which leaves something": {
        "describe": EACH,
        "task": "answer(lines)\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)",
    },
    "in a process each, though it says otherwise": {"task": "answer(lines)\nbreak"},
}


@pytest.mark.parametrize("how", RIGHT_ANSWERS)
def test_a_right_answer_is_right_in_any_form(check, how):
    """It passes, and without a note."""
    status, said = check(**RIGHT_ANSWERS[how])
    assert (status, "RIGHT. " in said, "A note" in said) == (0, True, False)


ENDLESS = "while True: sys.stdout.write('{}')"
# what it answers: the exit status, and what is said
WRONG_ANSWERS = {
    "nothing": ({"task": WAIT}, 1, "did not come to an end within 60 seconds in the task '5 "),
    "nothing, and an end": ({"task": "break"}, 1, "You have: ended the process in the task '5 "),
    "an end with a message": (
        {"task": "sys.exit('no memory')"},
        1,
        "in the task '5 samples' Expected: an answer for each step Evidence: The message: no mem",
    ),
    "a crash": ({"task": "os.abort()"}, 1, "died of SIGABRT in the task '5 samples'"),
    "a crash at the end": (
        {"describe": EACH, "task": "answer(lines)\nsys.exit(3)"},
        0,
        "A note Where: program You have: ended the process with exit status 3 behind its answers",
    ),
    "a closed output": (
        {"task": "sys.stdout = None; os.close(1); time.sleep(1000)"},
        1,
        "closed its standard output in the task",
    ),
    "done alone": ({"step": "say('done')"}, 1, "NOT JUDGED. "),
    "no done": (
        {"step": STEP.replace("done", "Done"), "task": f"answer(lines)\n{WAIT}"},
        1,
        "did not come to an end within",
    ),
    "unsupported": (
        {"task": "say('unsupported')"},
        1,
        "program printed unsupported in all of 8 tasks",
    ),
    "an error": (
        {"task": "say('error', 'no \\033[31m memory')"},
        1,
        "You have: says of this task: no \\x1b[31m memory Expected: an answer, or unsupported",
    ),
    "a note": ({"step": f"say('note', 'slow')\n{STEP}"}, 0, "A note Where: program You have: slow"),
    "notes without end": ({"task": "while True: say('note', 'slow')"}, 1, "than anybody can read"),
    "a decimal comma": (
        {"step": STEP.replace("loss)", "str(loss).replace('.', ','))")},
        1,
        "Expected: a number Evidence: In the tasks '5 samples', ",
    ),
    "an underscore": (
        {"step": STEP.replace("db)", "'1_000')")},
        1,
        "You have: db of layer 1 has '1_000' Expected: a number",
    ),
    "a hexadecimal number": ({"step": STEP.replace("db)", "db.hex())")}, 1, "Expected: a number"),
    "numbers that are none": ({"step": STEP.replace("db)", "'-NaN')")}, 1, "WRONG. "),
    "a number that is too large": ({"step": STEP.replace("db)", "'1e999')")}, 1, "WRONG. "),
    "too few numbers": (
        {"step": STEP.replace("*dW)", "dW[0])")},
        1,
        "You have: dW of layer 1 has 1 numbers Expected: 2",
    ),
    "numbers that are rounded": (
        {"step": STEP.replace("*a)", "*(f'{each:f}' for each in a))")},
        1,
        "You have: output printed with 7 digits at most Expected: 17 digits, as %.17g prints",
    ),
    "the last weights in every step": (
        {"step": STEP.replace("*W)", "0.5, 0.25)")},
        1,
        "You have: W is the same after every step, that of the last Expected: what it is after",
    ),
    "a layer too many": (
        {"step": STEP.replace('"W", 1', '"W", 2')},
        1,
        "You have: shows W of layer 2 Expected: a layer from 1 to 1",
    ),
    "an array twice": (
        {"step": f"say('loss', loss)\n{STEP}"},
        1,
        "You have: shows loss twice in a step Expected: once before done",
    ),
    "a step too many": (
        {"describe": EACH, "task": "answer(lines)\nsay('done')"},
        1,
        "Expected: as many as asked",
    ),
    "a line without end": ({"task": ENDLESS.format("1 ")}, 1, "a line of more than 65,536 char"),
    "lines without end": ({"task": ENDLESS.format("x\\n")}, 1, "10,000 lines besides its answers"),
    "answers without end": ({"task": "while True: say('loss', 1)"}, 1, "besides its answers"),
    "a raw array of another type": (
        {"step": "say('loss', '@c16')"},
        1,
        "loss has the raw array '@c16'",
    ),
    "a raw array that is too large": (
        {"step": "say('loss', '@f8', 10000, 10000)"},
        1,
        "loss has a raw array of shape (10000, 10000)",
    ),
    "a raw array that never comes": (
        {"task": f"say('loss', '@f8', 9)\n{WAIT}"},
        1,
        "did not come to an end within 60 seconds",
    ),
    "a raw array of another width": ({"step": "say('loss', '@f1')"}, 1, "raw array '@f1'"),
    "a raw array of nothing": (
        {"step": "say('loss', '@f8', 0, 999999999, 999999999, 999999999)"},
        1,
        "loss has a raw array of shape (0, 999999999, 999999999, 999999999)",
    ),
    "empty notes without end": ({"task": "while True: say('note')"}, 1, "besides its answers"),
    "lines without end behind the answer": (
        {"describe": EACH, "task": "answer(lines)\nwhile True: say()"},
        1,
        "besides its answers",
    ),
    "a raw array without a sense": ({"step": "say('loss', '@f8', -1)"}, 1, "raw array '@f8 -1'"),
    "raw arrays without end": (
        {"step": "while True: sys.stdout.buffer.write(b'W 9 @f8 100000\\n' + bytes(8 * 10**5))"},
        1,
        "shows more numbers than a task can have",
    ),
}


@pytest.mark.parametrize("what", WRONG_ANSWERS)
def test_a_wrong_answer_is_a_finding(check, what):
    """In one sentence."""
    parts, status, says = WRONG_ANSWERS[what]
    got, said = check(**parts)
    assert (got, says in said) == (status, True)


# how it describes itself, and what is said with exit status 2
DESCRIPTIONS = {
    "not at all": ("pass", "--describe: has no line 'parity 1', expected 'parity 1', and what"),
    "by another version": ("print('parity 2')", "has the line 'parity 2', expected 'parity 1'"),
    "by a crash": (
        "sys.exit('not so')",
        "--describe: ended the process with exit status 1 (not so)",
    ),
    "by what it is not": ("print('unusable no data \\033[31m')", "parity: no data \\x1b[31m"),
    "without end": ("while True: print(1)", "--describe: printed more than 1,000,000 characters"),
    "in a line without end": (ENDLESS.format("1"), "printed a line of more than 65,536 characters"),
    "never": (WAIT, "did not come to an end within 60 seconds (--timeout says how"),
    "by an unknown loss": (
        "print('parity 1'); print('losses mse huber')",
        "declaration: losses has 'huber', expected one of mse, ",
    ),
    "by no number": (
        "print('parity 1'); print('sizes 2 x')",
        "declaration: sizes has (2, 'x'), expected at least two integers >= 1",
    ),
    "by a huge network": (
        "print('parity 1'); print('sizes 100000 100000')",
        "declaration: sizes = (100000, 100000) and batch = 1 ask for more than 2,000,000 numbers",
    ),
    "by a huge batch": (
        "print('parity 1'); print('batch 100000000')",
        "and batch = 100000000 ask for more than 2,000,000 numbers, expected a small network",
    ),
    "by a deep network": (
        "print('parity 1'); print('sizes', '1 ' * 99)",
        "declaration: sizes has 98 layers, expected at most 50",
    ),
    "by names without end": (
        "print('parity 1')\nwhile True: print('target', 'labels ' * 9000)",
        "--describe: printed more than 1,000,000 characters",
    ),
    "by a slope that is none": (
        "print('parity 1'); print('slope inf')",
        "declaration: slope has inf, expected a number",
    ),
    "by neither yes nor no": (
        "print('parity 1'); print('bias 2')",
        "declaration: bias has '2', expected True or False",
    ),
}


@pytest.mark.parametrize("how", DESCRIPTIONS)
def test_a_description_that_is_none_is_unusable(check, how):
    """In one sentence."""
    describe, says = DESCRIPTIONS[how]
    status, said = check(describe=describe)
    assert (status, says in said) == (2, True)


def test_a_program_without_biases_is_called_a_program(check):
    """It has no function of which a note could say where it stands."""
    step = "\n".join(line for line in STEP.splitlines() if '"b"' not in line and '"db"' not in line)
    step = f"{step}\nb = 0.0"
    task = "answer([*(l for l in lines if l[0] != 'b'), ['b', '1', '0']])"
    status, said = check(step=step, task=task)
    assert status == 0
    assert "A note Where: program You have: the same numbers come whatever b is: judged as" in said
    assert "as bias 0 says" in said


def test_a_name_that_is_nearly_one_is_said(check):
    """And it is as if it were not there."""
    status, said = check(describe=f"print({DESCRIPTION!r} + 'target labels')")
    assert "Where: declaration You have: the file has 'target' Expected: 'targets'" in said
    assert status == 0
