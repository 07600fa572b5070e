"""One chromium for each module, and a page of its own for each test."""

from contextlib import ExitStack

import pytest

from parity.page.tests import browser


@pytest.fixture(scope="module")
def chromium():
    """A browser for all tests of a module: it takes a second to start."""
    with browser.started() as started:
        yield started


@pytest.fixture
def opened(chromium):
    """Opens files, each in a page of its own, with settings of its own. When the test
    is over, all must have behaved; see `browser.visit`.
    """
    with ExitStack() as stack:
        yield (
            lambda file, **settings: (
                stack.enter_context(browser.visit(chromium, file, **settings)).page
            )
        )
