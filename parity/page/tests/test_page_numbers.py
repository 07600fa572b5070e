"""Every line of numbers on the page is the line that refnet tells in text."""

import pytest

from parity.page.tests import reading
from parity.page.tests.steps_told import STEPS, page_with_steps, step


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with all steps."""
    return page_with_steps(tmp_path_factory.mktemp("page"), *STEPS)


def test_every_stage_of_every_step_is_as_refnet_tells_it(file, opened):
    """Titles, formulas with their sources, lines as they are and as they are seen,
    arrays, and the sums of large ones.
    """
    page = opened(file)
    for name in STEPS:
        page.get_by_label("Example").select_option(name)
        reading.check(page, step(name))
