"""One chromium for each module, and one page for its tests in equal surroundings."""

import pytest

from parity.page.tests.browser import Tab, started


@pytest.fixture(scope="module")
def chromium():
    """A browser for all tests of a module: it takes a second to start."""
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def tabs(chromium):
    """The pages of a module, by what their surroundings have of their own."""
    return {}


@pytest.fixture
def opened(chromium, tabs):
    """Opens a file in the page with these surroundings. When the test is over, every
    page that it used must have behaved; see `browser.Tab`.
    """
    used = []

    def open_in_tab(file, **settings):
        key = repr(sorted(settings.items()))
        if key not in tabs:
            tabs[key] = Tab(chromium, **settings)
        used.append(tabs[key])
        return tabs[key].open(file)

    yield open_in_tab
    for tab in used:
        tab.check()
