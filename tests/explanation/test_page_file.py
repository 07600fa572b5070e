"""The file that steps through backpropagation is whole and closed."""

import posixpath
import re
from pathlib import Path

import pytest

import refnet
from refnet.explanation import page
from refnet.explanation.page import SCRIPTS, Mistakes, page_of

ROOM = Path(page.__file__).parent


@pytest.fixture
def explanation(mazur):
    """Of the worked example."""
    return refnet.explain(*mazur(), "half_squared_error", 0.5)


def part(name):
    """The text of a file of the page."""
    return (ROOM / name).read_text(encoding="utf-8")


# what is in the file


def test_the_file_is_the_same_each_time(explanation, mazur):
    """Another explanation of the same step, too."""
    again = refnet.explain(*mazur(), "half_squared_error", 0.5)
    assert explanation.html() == explanation.html() == again.html()


def bare(script):
    """A script without comments and indents, and without its "use strict"."""
    lines, is_comment = [], False
    for line in map(str.strip, script.splitlines()):
        is_comment = is_comment or line.startswith("/**")
        if line and not is_comment and not line.startswith(("//", '"use strict"')):
            code, mark, _ = line.partition(" // ")
            lines.append(code if mark and code[-1] in ";,{}()[]" else line)
        is_comment = is_comment and not line.endswith("*/")
    return "".join(f"{line}\n" for line in lines)


def test_the_file_is_whole(explanation, read_page):
    """The style, and every script in its order within what makes a module of it: the
    engine as it is, and the others without their comments.
    """
    text = explanation.html()
    assert bare(part("style.css")).replace("\n", "") in text
    places = [text.index(f'define("{name}.js", ') for name in SCRIPTS]
    assert places == sorted(places)
    for name in SCRIPTS:
        script = part("engine.js") if name == "engine" else bare(part(f"{name}.js"))
        module = f'define("{name}.js", (module, require) => {{\n{script}}});'
        assert text.count(module) == 1
    read = read_page(text)
    assert len(read.named("script")) == 2
    assert read.named("h1") == read.named("title") == [explanation.title]
    assert read.named("pre") == [str(explanation)]


CODE = "`([^`]+)`"  # the one pattern of backticks, which is in no text


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_left_out_of_a_script_is_no_text(name):
    """No text between backticks goes over a line's end, so no line of it begins with a
    space or looks like a comment; and no comment begins behind code.
    """
    for line in part(f"{name}.js").splitlines():
        assert line.replace(CODE, "").count("`") % 2 == 0
        assert line.lstrip().startswith("/*") or "/*" not in line


def test_mistakes_are_a_module_and_data(explanation):
    """The module is empty where there are none."""
    empty = 'define("mistakes.js", (module, require) => {\nmodule.exports = {};\n});'
    assert explanation.html().count(empty) == 1
    text = page_of([explanation.scene()], Mistakes([{"id": "mine"}], "module.exports = 1;\n"))
    assert empty not in text
    assert text.count(empty.replace("{};", "1;")) == 1
    assert text.count('"mistakes":[{"id":"mine"}]') == 1


def test_nothing_outside_is_asked_for(explanation, read_page):
    """No element and no script names another file, and the page forbids itself to load
    any.
    """
    text = explanation.html()
    read = read_page(text)
    for tag, attributes in read.elements:
        assert tag not in ("iframe", "object", "embed", "img", "base", "form")
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), tag
        assert not any(name.startswith("on") for name in attributes)
    (policy,) = (has["content"] for _, has in read.elements if "http-equiv" in has)
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"\burl\(|@import", part("style.css"))
    for name in SCRIPTS:
        script = part(f"{name}.js")
        assert not re.search(r"\b(import|fetch|XMLHttpRequest|WebSocket|eval|Function)\b", script)
        # the name of a language is no address
        assert {*re.findall(r"\w+://[^\"']*", script)} <= {"http://www.w3.org/2000/svg"}


def test_the_file_is_small():
    """Without the data of a step it has at most 150 kB."""
    empty = {"title": "", "text": ""}
    assert len(page_of([empty]).encode()) <= 150_000


# what a title may have

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "{{title}} {{data}} {{scripts}}",
    "</title></style></pre><img src=x onerror=alert(1)>",
    "]]> &amp; \" ' ` ${1} \\u003c \u2028 \N{ROCKET}",
)


@pytest.mark.parametrize("words", HOSTILE)
def test_no_text_breaks_out(words, explanation, read_page):
    """A title, a text and what it is about are read as they are, and the elements are
    those of any other page.
    """
    plain = read_page(explanation.html())
    scene = explanation.scene(about=words) | {"title": words, "text": words}
    read = read_page(page_of([scene]))
    assert read.elements == plain.elements
    assert read.named("title") == read.named("h1") == read.named("pre") == [words]
    assert [read.data["scenes"][0][key] for key in ("title", "about", "text")] == [words] * 3
    assert read.texts[-1] == plain.texts[-1]


def test_no_script_ends_its_element(explanation, read_page):
    """One that is given may have such a string, in any case, and means the same."""
    mistakes = Mistakes([], 'module.exports = "</script> </SCRIPT> <!-- <b>";\n')
    read = read_page(page_of([explanation.scene()], mistakes))
    assert len(read.named("script")) == 2
    assert r'module.exports = "<\/script> <\/SCRIPT> <\!-- <b>";' in read.texts[-1]


# where it is written


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_it_is_written_where_a_path_is_given(kind, explanation, tmp_path):
    """As text or as a Path; what is returned is the same either way."""
    path = tmp_path / "step.html"
    text = explanation.html(kind(path))
    assert text == explanation.html()
    assert path.read_bytes().decode("utf-8") == text


def test_a_path_that_cannot_be_written(explanation, tmp_path):
    """As every file."""
    with pytest.raises(FileNotFoundError):
        explanation.html(tmp_path / "nowhere" / "step.html")


# the room


def test_every_script_is_named():
    """Once, and no other is there; modules go by the last of their name in the file."""
    there = {path.relative_to(ROOM).with_suffix("").as_posix() for path in ROOM.rglob("*.js")}
    assert there == {*SCRIPTS}
    assert len({name.rpartition("/")[2] for name in SCRIPTS}) == len(SCRIPTS)


def test_the_map_names_every_script():
    """Or its room, each with a few words; and every module of Python."""
    rooms = re.findall(r"^    (\w+/?) {2,}\S", page.__doc__, re.MULTILINE)
    scripts = {re.sub("/.*", "/", name) for name in SCRIPTS}
    modules = {path.stem for path in ROOM.glob("*.py")} - {"__init__"}
    assert len({*rooms}) == len(rooms)
    assert {*rooms} == scripts | modules


def required(name):
    """What a script asks for, by the names of SCRIPTS."""
    asked = re.findall(r'require\("(\.[^"]*)\.js"\)', part(f"{name}.js"))
    return [posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in asked]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_needs_only_those_above_it(name):
    """And the mistakes, which are not of this room."""
    above = {*SCRIPTS[: SCRIPTS.index(name)]}
    assert {*required(name)} <= above | ({"mistakes"} if name == "model" else set())
    assert part(f"{name}.js").count("require(") == len(required(name))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short(name):
    """At most 400 lines of at most 100 columns; strict, and its exports come last."""
    lines = part(f"{name}.js").splitlines()
    assert len(lines) <= 400
    assert [line for line in lines if len(line) > 100] == []
    assert lines[0] == '"use strict";'
    assert any(line.startswith("// ") for line in lines[1:4])
    assert any(line.startswith("module.exports = {") for line in lines)
