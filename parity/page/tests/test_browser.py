"""The watch on a page can fail: what a page may not do is complained of."""

import pytest
from playwright.sync_api import expect

from parity.page.tests.browser import Tab, axe

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
# what a page does, what is complained of, and whether its policy lets it
MISBEHAVIOUR = {
    "an error in the console": (
        "<script>console.error('oh')</script>",
        "console error: oh",
        POLICY,
    ),
    "a warning in the console": (
        "<script>console.warn('oh')</script>",
        "console warning: oh",
        POLICY,
    ),
    "an assertion in the console": (
        "<script>console.assert(1 > 2, 'oh')</script>",
        "console assert: oh",
        POLICY,
    ),
    "an error that is thrown": (
        "<script>throw new Error('oh')</script>",
        "error: oh",
        POLICY,
    ),
    "a promise that is broken": (
        "<script>Promise.reject(new Error('oh'))</script>",
        "error: oh",
        POLICY,
    ),
    "a line that is no JavaScript": (
        "<script>let let</script>",
        "error: ",
        POLICY,
    ),
    "a request against the policy": (
        "<img src='https://example.org/a.png' alt=''>",
        "Content Security Policy",
        POLICY,
    ),
    "a picture from elsewhere": (
        "<img src='https://example.org/a.png' alt=''>",
        "request: GET https://example.org/a.png",
        "",
    ),
    "a file beside it": (
        "<link rel='stylesheet' href='style.css'>",
        "style.css",
        "",
    ),
    "a page within the page": (
        "<iframe src='other.html' title='other'></iframe>",
        "other.html",
        "",
    ),
    "a message to a server": (
        """<script>const request = new XMLHttpRequest();
        request.open("POST", "https://example.org/b", false);
        try { request.send("w"); } catch {}</script>""",
        "request: POST https://example.org/b",
        "",
    ),
    "a socket": (
        "<script>new WebSocket('wss://example.org/c')</script>",
        "Content Security Policy",
        POLICY,
    ),
}
BARRIERS = {
    "image-alt: img, ": f"<img src='{DOT}'>",
    "button-name: button, ": "<button></button>",
    "color-contrast: p, ": "<p style='color: #aaa; background: #fff'>pale</p>",
    "label: input, ": "<input>",
}


def page_with(folder, body, policy=POLICY):
    """A file in which nothing else is wrong."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
    file = folder / "page.html"
    file.write_text(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8">{meta}
        <title>A page</title></head><body><main><h1>A page</h1>{body}</main></body></html>""",
        encoding="utf-8",
    )
    return file


@pytest.fixture(scope="module")
def tab(chromium):
    """A page that is not checked by itself."""
    return Tab(chromium)


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_what_a_page_may_not_do_is_complained_of(tmp_path, tab, name):
    """While it is opened, and once."""
    body, complaint, policy = MISBEHAVIOUR[name]
    tab.open(page_with(tmp_path, body, policy))
    with pytest.raises(AssertionError) as failure:
        tab.check()
    assert complaint in str(failure.value)
    tab.check()


def test_what_it_does_later_is_complained_of_too(tmp_path, tab):
    """When a button is pressed."""
    page = tab.open(
        page_with(tmp_path, "<button onclick='console.error(1); missing()'>Go</button>")
    )
    tab.check()
    page.get_by_role("button", name="Go").click()
    with pytest.raises(AssertionError, match="console error: 1\nerror: missing is not defined"):
        tab.check()


def test_another_page_is_complained_of(tmp_path, tab):
    """It would be watched too."""
    button = "<button onclick='window.open(`about:blank`)'>Go</button>"
    page = tab.open(page_with(tmp_path, button))
    with page.expect_popup() as other:
        page.get_by_role("button", name="Go").click()
    with pytest.raises(AssertionError, match="page: another one was opened"):
        tab.check()
    other.value.close()


def test_what_a_page_may_do_is_passed(tmp_path, opened):
    """Its own pictures, links within it, a file to keep, and words in the console."""
    body = f"""<img src="{DOT}" alt="a dot"><a href="#here" id="here">here</a>
    <a id="file" download="w.json">file</a>
    <script>console.log("hello"); console.info("hello");
    document.getElementById("file").href = URL.createObjectURL(new Blob(["[1]"]));</script>"""
    page = opened(page_with(tmp_path, body))
    page.get_by_role("link", name="here").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="file").click()
    assert download.value.path().read_text(encoding="utf-8") == "[1]"
    assert axe(page) == []


@pytest.mark.parametrize("barrier", BARRIERS)
def test_axe_finds_what_keeps_people_out(tmp_path, opened, barrier):
    """And says where, in one line."""
    (finding,) = axe(opened(page_with(tmp_path, BARRIERS[barrier])))[:1]
    assert finding.startswith(barrier)


def test_every_page_is_opened_in_the_same_surroundings(tmp_path, opened):
    """Whatever the machine's are; or in those that a test asks for."""
    file = page_with(tmp_path, "")
    script = """() => [innerWidth, innerHeight, devicePixelRatio, navigator.language,
        Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.onLine,
        matchMedia("(prefers-reduced-motion)").matches,
        matchMedia("(prefers-color-scheme: dark)").matches]"""
    usual = [1280, 800, 1, "en-US", "UTC", False, True, False]
    assert opened(file).evaluate(script) == usual
    narrow = opened(file, viewport={"width": 360, "height": 640}, color_scheme="dark")
    assert narrow.evaluate(script) == [360, 640, *usual[2:-1], True]


def test_a_state_that_does_not_come_is_a_failure(tmp_path, opened):
    """Once the patience is over."""
    page = opened(page_with(tmp_path, ""))
    with pytest.raises(AssertionError, match="A page"):
        expect(page.get_by_role("heading")).to_have_text("Another page", timeout=1)
