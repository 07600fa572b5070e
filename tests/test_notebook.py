"""How results look in a notebook: HTML that is whole, harmless and small, whatever the
texts in it are.
"""

import math
import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refnet
from refnet import notebook
from refnet.differences.check import ArrayCheck

# what stands in the HTML of a result, and nothing else: no script, style sheet, link,
# image, id or handler
TAGS = {"table", "thead", "tbody", "tr", "th", "td", "svg", "polyline", "circle"}
TAGS |= {"div", "pre", "details", "summary"}
ATTRIBUTES = {"class", "style", "open", "role", "aria-label", "width", "height", "viewbox"}
ATTRIBUTES |= {"points", "cx", "cy", "r", "fill", "stroke", "stroke-width", "stroke-dasharray"}
ALONE = {"polyline", "circle"}  # they close themselves
HOSTILE = [
    "<script>alert(1)</script>",
    "\" onmouseover='alert(1)' x=\"",
    "</pre></td></div><b>",
    "&lt;&amp;",
    "a\x00b\x1b[31m\r\n",
    "\u202etxt.exe",
    "half \ud800 a pair",
    "$\\href{javascript:alert(1)}{x}$",
]


class Markup(HTMLParser):
    """The text of a piece of HTML, what it has of a kind, and what is wrong with it."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.text, self.starts = [], [], [], []
        self.feed(html)
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        names = {name for name, _ in attrs}
        self.starts.append((tag, dict(attrs)))
        self.wrong += [f"<{tag}>"] if tag not in TAGS else []
        self.wrong += [f"{tag} {name}" for name in names - ATTRIBUTES]
        self.wrong += ["url" for _, value in attrs if "url(" in (value or "")]
        self.open += [tag]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()
        self.wrong += [] if tag in ALONE else [f"<{tag}/>"]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_comment(self, data):
        self.wrong.append("a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment

    def handle_data(self, data):
        self.text.append(data)


def markup(html):
    """The HTML, parsed and seen to be whole, harmless, and the same on any encoding."""
    page = Markup(html)
    assert page.wrong == []
    assert html.encode("utf-8").decode() == html
    assert all(each.isprintable() or each == "\n" for each in html)
    return page


def shown(result):
    """What a notebook shows of a result, its texts in order."""
    page = markup(result._repr_html_())
    assert {
        name for tag, attrs in page.starts if tag == "div" for name in [attrs.get("class")]
    } == {
        None,
        "tex2jax_ignore mathjax_ignore",
    }
    return page.text


def test_the_parser_finds_what_it_looks_for():
    """A script, a handler, a link, an id, a comment, and a tag that is not closed, or
    closed by another one.
    """
    for wrong in (
        "<script>1</script>",
        "<div onclick='1'></div>",
        "<a href='x'>x</a>",
        "<div id='a'></div>",
        "<div style='background:url(x)'></div>",
        "<!-- -->",
        "<div>",
        "<div><pre></div></pre>",
        "<tr/>",
    ):
        assert Markup(wrong).wrong, wrong
    assert Markup("<div style='margin:0'>&lt;b&gt;</div>").text == ["<b>"]


def network():
    return refnet.mlp([2, 3, 1], hidden="tanh", output="sigmoid", seed=1)


X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
LOSS = "binary_cross_entropy"


def trained(epochs, **options):
    return refnet.fit(network(), X, Y, loss=LOSS, optimizer="sgd", epochs=epochs, **options)


@given(st.text())
def test_any_text_is_shown_as_it_is(text):
    """What prints comes back as it was; what does not is an escape."""
    printed = "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )
    assert "".join(markup(f"<div>{notebook.escaped(text)}</div>").text) == printed


@pytest.mark.parametrize("text", HOSTILE)
def test_no_piece_lets_a_text_out(text):
    """Whatever stands in a heading, a cell, a line or a title is text there."""
    pieces = [
        notebook.heading(text),
        notebook.verdict(text, right=None),
        notebook.sentence(text),
        notebook.sentences([text], 1, "word"),
        notebook.lines([text], 1),
        notebook.folded(text, opened=True),
        notebook.table([text], [[text]], 1),
        notebook.curves({text: [1.0, 2.0]}),
    ]
    for piece in pieces:
        page = markup(notebook.framed(piece))
        assert re.sub(r"\W", "", text.split("\x00")[0])[:4] in re.sub(r"\W", "", "".join(page.text))


def test_a_long_text_ends_with_how_much_is_left_out():
    """At the limit it is whole; one more character, and it says so."""
    limit = notebook.LONGEST
    assert notebook.shortened("a" * limit) == "a" * limit
    assert notebook.shortened("a" * (limit + 1)) == "a" * limit + " ... and 1 more character"
    assert notebook.shortened("a" * (limit + 2)).endswith(" ... and 2 more characters")


def test_a_table_a_list_and_a_text_end_with_how_much_is_left_out():
    """The first ones, as many as the limit says; of what comes after nothing is even
    computed.
    """
    rows, cut = notebook.ROWS, notebook.COLUMNS

    def counted_to(last):
        for i in range(last + 1):
            assert i < last, "it is not asked for"
            yield [f"<{i}>"]

    page = markup(notebook.table(["n"], counted_to(rows), 10**6, "epoch"))
    assert page.text == [
        "n",
        *(f"<{i}>" for i in range(rows)),
        f"... and {10**6 - rows} more epochs",
    ]
    assert markup(notebook.table(["n"], [["1"]] * rows, rows)).text.count("1") == rows
    assert markup(notebook.table("n" * (cut + 1), [], 0)).text == ["n"] * cut + [
        "... and 1 more column"
    ]
    assert markup(notebook.listed(map(notebook.sentence, "ab"), rows + 1, "one")).text[-1] == (
        "... and 1 more one"
    )
    assert markup(notebook.sentences("ab", rows + 2, "one")).text[-1] == "... and 2 more ones"
    text = markup(notebook.lines(map(str, range(9999)), 9999)).text
    assert text[0].splitlines() == [f"{i}" for i in range(notebook.LINES)]
    assert text[1] == f"... and {9999 - notebook.LINES} more lines"


def test_the_colours_are_those_of_the_page():
    """Black and white stand nowhere; green is right."""
    check = refnet.gradient_check(network(), X, Y, LOSS)
    explanation = refnet.explain(network(), X, Y, LOSS, lr=0.5)
    html = "".join(each._repr_html_() for each in (network(), trained(9), check, explanation))
    colours = re.findall(r'(?:color|background|solid|stroke|fill)[:= ]"?([^;"]+)', html)
    theirs = {"inherit", "none", "currentColor", "rgba(128,128,128,.4)"}
    assert {*colours} == {*theirs, notebook.MARKS[True]}
    assert notebook.MARKS[True] == "#009E73"


def test_words_begin_and_numbers_end_below_each_other():
    """By the columns that have words."""
    page = markup(notebook.table(["a", "b"], [["x", "1"]], 1, words=(0,)))
    sides = [attrs["style"].split(";")[0] for tag, attrs in page.starts if tag in ("th", "td")]
    assert sides == ["text-align:left", "text-align:right"] * 2


def test_a_network_shows_its_layers():
    """Units, activation and parameters of each, their total, and the columns."""
    net = network()
    assert shown(net) == [
        "Network 2-3-1 (tanh, sigmoid), float64",
        *("layer", "units", "activation", "output shape", "parameters"),
        *("input", "2", "(n, 2)"),
        *("1", "3", "Tanh", "(n, 3)", "9"),
        *("2", "1", "Sigmoid", "(n, 1)", "4"),
        "13 parameters",
    ]
    net.columns = HOSTILE[:2]
    assert shown(net)[-1] == f"13 parameters; columns {HOSTILE[0]}, {HOSTILE[1]}"
    net = refnet.mlp([784, 1], output="sigmoid")
    net.columns = [f"pixel {k}" for k in range(784)]
    first = ", ".join(net.columns[: notebook.COLUMNS])
    more = f"... and {784 - notebook.COLUMNS} more columns"
    assert shown(net)[-1] == f"785 parameters; columns {first}, {more}"
    assert notebook.named("abc", "column") == "a, b, c"
    layers = [refnet.Dense([[1.0]], None, "relu"), refnet.Dense([[1.0]], [0.0], dropout=0.5)]
    page = shown(refnet.Network(layers))
    assert page[1:6] == ["layer", "units", "activation", "output shape", "parameters"]
    assert page[6] == "drops inputs"
    assert page[-2:] == ["0.5", "3 parameters"]


def test_a_large_network_is_shown_as_small():
    """A million weights are a number; of many layers come the first."""
    wide = network()._repr_html_()
    large = refnet.mlp([1000, 1000, 10], hidden="relu", output="softmax")
    assert "1011010 parameters" in shown(large)
    assert len(large._repr_html_()) < 1.1 * len(wide)
    deep = refnet.mlp([1] * 3001, hidden="relu", output="identity")
    assert f"... and {3001 - notebook.ROWS} more layers" in shown(deep)
    assert len(deep._repr_html_()) < 20_000


def test_a_history_shows_its_ends_and_its_curves():
    """A short one has all epochs, a long one the first and the last ones; the columns
    are those that it has.
    """
    ends = notebook.ENDS
    history = trained(2 * ends)
    page = shown(history)
    assert page[1:4] == ["epoch", "loss", "accuracy"]
    assert "..." not in page
    assert f"{history.loss[1]:.6g}" in page
    history = trained(2 * ends + 1, validation=(X, Y))
    page = markup(history._repr_html_())
    assert page.text[0] == f"{history!r}"[1:-1]
    assert page.text.count("...") == len(history.table()[0]) == 6
    rows = [page.text[i : i + 6] for i in range(1, 6 * (2 * ends + 2), 6)]
    assert [row[0] for row in rows] == ["epoch", "1", "2", "3", "...", "5", "6", "7"]
    assert rows[1][1] == f"{history.loss[0]:.6g}"
    lines = [attrs for tag, attrs in page.starts if tag == "polyline"]
    assert ["stroke-dasharray" in line for line in lines] == [False, True]
    assert all(line["stroke"] == "currentColor" for line in lines)
    low, high = min(history.loss + history.validation_loss), max(history.loss)
    assert page.text[-1].startswith("loss (solid), validation_loss (dashed): from ")
    assert page.text[-1].endswith(f"from {low:.4g} to {high:.4g}")


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_history_of_little_is_shown(epochs):
    """Of none its name, of one a dot."""
    history = refnet.History(trained(1).epochs[:epochs])
    page = markup(history._repr_html_())
    assert page.text[0] == f"{history!r}"[1:-1]
    assert [tag for tag, _ in page.starts if tag in ALONE] == ["circle"] * epochs
    assert [tag for tag, _ in page.starts if tag == "tr"] == ["tr"] * 2 * epochs


def points(page):
    """The points of the first curve."""
    line = next(attrs["points"] for tag, attrs in page.starts if tag == "polyline")
    return [tuple(map(float, point.split(","))) for point in line.split()]


def test_a_curve_stands_where_its_values_are():
    """From left to right in equal steps, the highest on top and the lowest at the
    bottom; logarithmic where it falls far.
    """
    width, height, edge = notebook.WIDTH, notebook.HEIGHT, notebook.EDGE
    page = markup(notebook.curves({"loss": [3.0, 1.0, 2.0]}))
    middle = height / 2
    assert points(page) == [(edge, edge), (width / 2, height - edge), (width - edge, middle)]
    page = markup(notebook.curves({"loss": [1.0, 1e-2, 1e-4]}))
    assert points(page) == [(edge, edge), (width / 2, middle), (width - edge, height - edge)]
    assert page.text == ["loss (solid): from 0.0001 to 1, logarithmic"]
    assert "logarithmic" not in notebook.curves({"loss": [1.0, 0.01]})  # 100 times, not more
    flat = points(markup(notebook.curves({"loss": [5.0, 5.0]})))
    assert flat == [(edge, middle), (width - edge, middle)]


@pytest.mark.parametrize("far", [[-1e308, 1e308], [1e-320, 1e308], [0.0, 5e-324], [-5.0, 1e300]])
def test_a_curve_of_extremes_stays_inside(far):
    """Nothing overflows, and no point leaves the picture."""
    heights = [y for _, y in points(markup(notebook.curves({"loss": far})))]
    low, high = notebook.HEIGHT - notebook.EDGE, notebook.EDGE
    # half of the smallest number is 0
    assert heights == ([low, high] if max(far) > 1.0 else [notebook.HEIGHT / 2] * 2)


def test_what_is_not_finite_is_left_out_and_counted():
    """The others keep their places; where nothing is left there is no curve."""
    losses = [1.0, math.nan, 3.0, math.inf, None, 2.0]
    page = markup(notebook.curves({"loss": losses}))
    assert len(points(page)) == 3
    assert points(page)[-1][0] == notebook.WIDTH - notebook.EDGE
    assert page.text == ["loss (solid): from 1 to 3; left out: 2 not finite"]
    assert notebook.curves({"loss": [math.nan, None]}) == ""
    history = trained(4)
    history.epochs[2] = history.epochs[2]._replace(loss=math.nan, validation_loss=-math.inf)
    assert "nan" in shown(history)
    assert shown(history)[-1].endswith("; left out: 2 not finite")


def test_a_long_history_is_small_and_keeps_its_peaks():
    """Of 100,000 epochs there are a few hundred points, the one peak among them."""
    epoch = trained(1).epochs[0]
    epochs = [epoch._replace(number=i + 1, loss=1.0) for i in range(100_000)]
    epochs[77_777] = epochs[77_777]._replace(loss=2.0)
    epochs[55_555] = epochs[55_555]._replace(loss=0.5)
    page = markup(refnet.History(epochs)._repr_html_())
    assert len(points(page)) <= 2 * notebook.POINTS
    heights = [y for _, y in points(page)]
    assert (min(heights), max(heights)) == (notebook.EDGE, notebook.HEIGHT - notebook.EDGE)
    assert len(refnet.History(epochs)._repr_html_()) < 20_000


def test_a_gradient_check_shows_every_array():
    """The verdict, a row for each array, and in bold what is off."""
    check = refnet.gradient_check(network(), X, Y, LOSS)
    page = shown(check)
    assert page[0] == "gradient check (central): passed"
    assert [name for name in page if re.fullmatch(r"d[Wb]\d", name)] == ["dW1", "db1", "dW2", "db2"]
    assert f"{check.arrays[0].analytic:.15e}" in page
    off = ArrayCheck("dW1", (0, 1), 1.0, 2.0, 1e-9, 6, 6)
    none = ArrayCheck("db1", (0,), 1.0, 2.0, math.inf, 0, 3)
    wrong = markup(refnet.GradientCheck((off, none), "central")._repr_html_())
    assert wrong.text[0] == "gradient check (central): FAILED; 3 of 9 entries not judged"
    assert wrong.text[-8:-7] + wrong.text[-1:] == ["off", "nothing judged"]
    bold = [attrs["style"] for tag, attrs in wrong.starts if tag == "td"]
    assert all("font-weight:bold" in style for style in bold)
    marks = {
        right: notebook.MARKS[right] in refnet.GradientCheck(arrays, "central")._repr_html_()
        for right, arrays in ((True, check.arrays), (False, (off,)), (None, (none,)))
    }
    assert marks == dict.fromkeys((True, False, None), True)


def test_an_explanation_opens_its_first_section():
    """All sections by their titles, with the lines that `print` shows."""
    explanation = refnet.explain(network(), X, Y, LOSS, lr=0.5)
    page = markup(explanation._repr_html_())
    sections = [attrs for tag, attrs in page.starts if tag == "details"]
    assert ["open" in attrs for attrs in sections] == [True] + [False] * (len(sections) - 1)
    assert len(sections) == len(explanation.sections)
    printed = str(explanation).splitlines()
    assert all(line in printed for text in page.text for line in text.splitlines())
    assert "\n  dW^2_1,2 = " in "".join(page.text)


def test_an_explanation_of_a_large_network_is_small():
    """The first sections, and how many more there are."""
    net = refnet.mlp([100] + [50] * 20 + [10], hidden="relu", output="softmax")
    explanation = refnet.explain(
        net, np.ones((200, 100)), np.zeros(200, int), "cross_entropy", lr=0.5
    )
    page = shown(explanation)
    more = len(explanation.sections) - notebook.ROWS
    assert page[-1] == f"... and {more} more sections"
    assert len(explanation._repr_html_()) < 100_000


class Named(refnet.Network):
    """A network of somebody else's."""


class Odd(refnet.Tanh):
    """An activation whose name is none."""

    name = HOSTILE[0]


def test_what_is_derived_is_shown_too():
    """A subclass, a copy and what was pickled, and a class with a hostile name."""
    net = network()
    same = [Named(net.layers), net.copy(), pickle.loads(pickle.dumps(net))]  # noqa: S301 - our own
    assert [each._repr_html_() for each in same] == [net._repr_html_()] * 3
    odd = type(HOSTILE[2], (Odd,), {})()
    page = shown(refnet.Network([refnet.Dense([[1.0]], [0.0], odd)]))
    assert page[0] == f"Network 1-1 ({HOSTILE[0]}), float64"
    assert HOSTILE[2] in page


def test_a_hostile_reason_is_text():
    """Why a training stopped is what somebody's rule says."""
    history = trained(2)
    history.stopped = HOSTILE[0]
    assert HOSTILE[0] in shown(history)[0]
