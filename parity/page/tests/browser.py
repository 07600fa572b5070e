"""A page in a real browser: chromium, driven by Playwright, with a watch on what the
page may not do, and axe, which looks for what keeps people out of it.

CHROMIUM is the path of the browser, where it is none of those on the path; AXE is that
of axe-core's axe.min.js. `.ci/run` installs both.
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import expect, sync_playwright

from parity.tests.needed import missing, tool

NAMES = ("chromium", "chromium-browser", "google-chrome")
# chromium's own sandbox does not work for root, nor its shared memory in containers
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage")
# the same page everywhere: whatever differs between machines, and may, is settled here
SETTINGS = {
    "viewport": {"width": 1280, "height": 800},
    "device_scale_factor": 1,
    "locale": "en-US",
    "timezone_id": "UTC",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "service_workers": "block",
    "offline": True,
}
PATIENCE = 60_000  # ms until a state that does not come is a failure: the machine may be busy


@contextmanager
def started():
    """A browser."""
    path = os.environ.get("CHROMIUM") or shutil.which(tool(*NAMES))
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit(NamedTuple):
    """A page, and what it did that it may not."""

    page: object
    complaints: list

    def check(self):
        """Nothing was complained of since the last check."""
        self.page.evaluate("0")  # what the page did before has been heard of then
        complaints = "\n".join(self.complaints)
        self.complaints.clear()
        if complaints:
            raise AssertionError(complaints)


@contextmanager
def visit(browser, file, **settings):
    """A file, opened in a page of its own, with other settings than SETTINGS. In the
    end it must have said no error, thrown none, and asked for nothing but itself.
    """
    context = browser.new_context(**SETTINGS | settings)
    context.set_default_timeout(PATIENCE)
    complaints = []
    watch(context, Path(file).as_uri(), complaints)
    try:
        page = context.new_page()
        page.goto(Path(file).as_uri())
        yield Visit(page, complaints)
        Visit(page, complaints).check()
    finally:
        context.close()


def watch(context, address, complaints):
    """Whatever pages of this context may not do is complained of."""

    def console(message):
        if message.type in {"error", "warning", "assert"}:
            complaints.append(f"console {message.type}: {message.text}")

    def request(route):
        if route.request.url.partition("#")[0] == address:
            return route.continue_()
        complaints.append(f"request: {route.request.method} {route.request.url}")
        return route.abort()

    def opened(page):
        if context.pages.index(page):
            complaints.append("page: another one was opened")
        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("crash", lambda _: complaints.append("crash"))

    context.route("**/*", request)
    context.on("page", opened)


def axe(page):
    """What axe finds in the page as it is now: *rule: element, what is wrong*."""
    if not page.evaluate("'axe' in window"):
        # not by a script tag: the page's own policy is to load nothing
        page.evaluate(Path(os.environ.get("AXE") or missing("axe-core in AXE")).read_text("utf-8"))
    violations = page.evaluate("() => axe.run().then((results) => results.violations)")
    return [
        f"{rule['id']}: {' '.join(node['target'])}, {wrong['message']}"
        for rule in violations
        for node in rule["nodes"]
        for wrong in (*node["any"], *node["all"], *node["none"])
    ]
