"""A page in a real browser: chromium, driven by Playwright, with a watch on what the
page may not do, and axe, which looks for what keeps people out of it.

CHROMIUM is the path of the browser, where it is none of those on the path; AXE is that
of axe-core's axe.min.js. `.ci/run` installs both.
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

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


class Tab:
    """A page in surroundings of its own, other than SETTINGS, that opens one file after
    the other: a new one takes a second. What it does that it may not is complained of.
    """

    def __init__(self, browser, **settings):
        self.context = browser.new_context(**SETTINGS | settings)
        self.context.set_default_timeout(PATIENCE)
        self.address, self.complaints = "", []
        self.context.route("**/*", self._request)
        self.context.on("page", self._listen)
        self.page = self.context.new_page()

    def open(self, file):
        """The page with this file, as if nothing had been before."""
        self.address = Path(file).as_uri()
        self.page.goto(self.address)
        return self.page

    def check(self):
        """Nothing was complained of since the last check."""
        self.page.evaluate("0")  # what the page did before has been heard of then
        complaints = "\n".join(self.complaints)
        self.complaints.clear()
        if complaints:
            raise AssertionError(complaints)

    def _request(self, route):
        """It asks for nothing but the file itself."""
        if route.request.url.partition("#")[0] == self.address:
            return route.continue_()
        self.complaints.append(f"request: {route.request.method} {route.request.url}")
        return route.abort()

    def _listen(self, page):
        """It says no error, and throws none."""
        if self.context.pages.index(page):
            self.complaints.append("page: another one was opened")
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("crash", lambda _: self.complaints.append("crash"))

    def _console(self, message):
        if message.type in {"error", "warning", "assert"}:
            self.complaints.append(f"console {message.type}: {message.text}")


def axe(page):
    """What axe finds in the page as it is now: *rule: element, what is wrong*."""
    if not page.evaluate("'axe' in window"):
        # not by a script tag: the page's own policy is to load nothing
        page.evaluate(Path(os.environ.get("AXE") or missing("axe-core in AXE")).read_text("utf-8"))
    violations = page.evaluate(
        '() => axe.run({ resultTypes: ["violations"] }).then((results) => results.violations)'
    )
    return [
        f"{rule['id']}: {' '.join(node['target'])}, {wrong['message']}"
        for rule in violations
        for node in rule["nodes"]
        for wrong in (*node["any"], *node["all"], *node["none"])
    ]
