"""What a Python file declares in names, a description has in lines."""

import pytest

from parity.checking.verdict.wording import in_lines

TEXTS = {
    "conventions = ('loss-summed',)": "conventions loss-summed",
    "If you mean all of these, declare: conventions = ('a-1', 'b.2')": (
        "If you mean all of these, declare: conventions a-1 b.2"
    ),
    "layout = 'in_out', samples = 'rows'": "layout in_out, samples rows",
    "bias = False": "bias 0",
    "same_hidden = True, slope = 0.01": "same_hidden 1, slope 0.01",
    "settings = (), batch = 12": "settings, batch 12",
    "sizes = (3, 4, 2)": "sizes 3 4 2",
    "a training that starts from case.W": "a training that starts from W",
    "the loss = 3, epsilon = 2": "the loss = 3, epsilon = 2",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_declaration_is_said_as_a_line(text):
    """And what is none is left alone."""
    assert in_lines(text) == TEXTS[text]
