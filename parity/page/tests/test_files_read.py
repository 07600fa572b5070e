"""Weights as a file, and data as text: what is written is read, and what is not so is
refused by a sentence.
"""

import json

from parity.page.tests.beside import called

TIMES = "\N{MULTIPLICATION SIGN}"
KNOWN = ["identity", "sigmoid", "tanh", "relu", "leaky_relu", "softmax"]
LAYERS = [
    {
        "W": [[0.1, -0.0], [5e-324, 1.7976931348623157e308], [1 / 3, -2.0]],
        "b": [0.25, -1e-17, 3.0],
        "activation": "leaky_relu",
        "slope": 0.2,
    },
    {"W": [[1.0, 2.0, 3.0]], "b": None, "activation": "sigmoid", "slope": 0},
]
WHOLE = {"format": "refnet weights", "version": 1, "layers": LAYERS}


def read(text, layers=LAYERS):
    """The call that reads a file in the place of these layers."""
    return ["panels/files", "read", [text, layers, KNOWN]]


def test_what_is_written_is_read(tmp_path):
    """All its digits."""
    ((answer),) = called(tmp_path, [["panels/files", "written", [LAYERS]]])
    assert answer["value"].startswith('{\n "format": "refnet weights",\n "version": 1,')
    assert answer["value"].endswith("}\n")
    ((again),) = called(tmp_path, [read(answer["value"])])
    # but for the sign of -0
    assert again == {"value": LAYERS}


def test_what_may_be_missing(tmp_path):
    """A b, and a slope, which is then that of refnet."""
    layer = {"W": [[1.0, 2.0]], "activation": "tanh"}
    text = json.dumps(WHOLE | {"layers": [layer]})
    expected = {**layer, "b": None, "slope": 0.01}
    assert called(tmp_path, [read(text, [layer | {"b": None}])]) == [{"value": [expected]}]


def test_biases_are_those_of_the_network(tmp_path):
    """What has no field cannot be edited, and a field has a number."""
    unbiased = [{**LAYERS[0], "b": None}, LAYERS[1]]
    files = [json.dumps(WHOLE | {"layers": each}) for each in (unbiased, LAYERS)]
    missing, more = called(tmp_path, [read(files[0], LAYERS), read(files[1], unbiased)])
    assert missing == {"error": "Layer 1 of the file has another b, expected 3 numbers."}
    assert more == {"error": "Layer 1 of the file has a b, expected none."}


def with_layer(**changes):
    """The file with another first layer."""
    return json.dumps(WHOLE | {"layers": [LAYERS[0] | changes, LAYERS[1]]})


CONTENT = 'The file has other content, expected format "refnet weights", version 1.'
NO_W = f"Layer 1 of the file has no W of numbers, expected 3 {TIMES} 2."
OTHER_B = "Layer 1 of the file has another b, expected 3 numbers."
ACTIVATION = 'Layer 1 of the file has the activation "{}", expected one of ' + ", ".join(KNOWN)
WRONG = {
    "": "The file has no JSON, expected weights that this page has saved.",
    "{": "The file has no JSON, expected weights that this page has saved.",
    "null": CONTENT,
    "[1, 2]": CONTENT,
    json.dumps(WHOLE | {"format": "other"}): CONTENT,
    json.dumps(WHOLE | {"version": 2}): CONTENT,
    json.dumps(WHOLE | {"layers": {}}): CONTENT,
    json.dumps(WHOLE | {"layers": []}): "The file has 0 layers, expected 2.",
    json.dumps(WHOLE | {"layers": LAYERS[:1]}): "The file has 1 layers, expected 2.",
    json.dumps(WHOLE | {"layers": [None, LAYERS[1]]}): NO_W,
    with_layer(W=None): NO_W,
    with_layer(W=[]): NO_W,
    with_layer(W=[[]]): NO_W,
    with_layer(W=[[1.0, 2.0], [1.0], [1.0, 2.0]]): NO_W,
    with_layer(W=[[1.0, "2"], [1.0, 2.0], [1.0, 2.0]]): NO_W,
    with_layer(W=[[1.0, None], [1.0, 2.0], [1.0, 2.0]]): NO_W,
    with_layer(
        W=[[1.0, 2.0]] * 4
    ): f"Layer 1 of the file has a W of 4 {TIMES} 2, expected 3 {TIMES} 2.",
    with_layer(W=[[1.0]] * 3): f"Layer 1 of the file has a W of 3 {TIMES} 1, expected 3 {TIMES} 2.",
    with_layer(b=[1.0, 2.0]): OTHER_B,
    with_layer(b=["1", 2.0, 3.0]): OTHER_B,
    with_layer(b=5): OTHER_B,
    with_layer(activation="heaviside"): ACTIVATION.format("heaviside") + ".",
    with_layer(activation=None): ACTIVATION.format("null") + ".",
    with_layer(slope="0.1"): "Layer 1 of the file has another slope, expected a number.",
    # JSON reads such a number as Infinity
    with_layer(b=[1.0, 2.0, 3.0]).replace("3.0]", "1e999]", 1): OTHER_B,
}


def test_another_file_is_refused(tmp_path):
    """By what it has, and what was expected."""
    answers = called(tmp_path, [read(text) for text in WRONG])
    for (text, sentence), answer in zip(WRONG.items(), answers, strict=True):
        assert answer == {"error": sentence}, text


# text, inputs, outputs, whether y are labels; and what is read
ROWS = [
    ("0 1 0.5\n\n 1,-2.5e-3; 1|\t\n", 2, 1, False, [[0, 1], [1, -0.0025]], [[0.5], [1]]),
    ("0.5 1 2\n1 0 0", 2, 3, True, [[0.5, 1], [1, 0]], [2, 0]),
    ("1 2 3 4", 1, 3, False, [[1]], [[2, 3, 4]]),
]
NO_ROWS = [
    ("", 2, 1, False, "The data have no row, expected at least one."),
    (" \n\n", 2, 1, False, "The data have no row, expected at least one."),
    ("1 2", 2, 1, False, 'Row 1 has "1 2", expected 3 numbers.'),
    # what ends in a comma is not 0
    ("1, 2,", 2, 1, False, 'Row 1 has "1, 2,", expected 3 numbers.'),
    (", 1, 2", 2, 1, False, 'Row 1 has ", 1, 2", expected 3 numbers.'),
    ("1 2 3\n1 two 3", 2, 1, False, 'Row 2 has "1 two 3", expected 3 numbers.'),
    ("1 2 Infinity", 2, 1, False, 'Row 1 has "1 2 Infinity", expected 3 numbers.'),
    ("1 2 1e999", 2, 1, False, 'Row 1 has "1 2 1e999", expected 3 numbers.'),
    ("1 2 1.5", 2, 3, True, "Row 1 has the label 1.5, expected 0 to 2."),
    ("1 2 3", 2, 3, True, "Row 1 has the label 3, expected 0 to 2."),
    ("1 2 -1", 2, 3, True, "Row 1 has the label -1, expected 0 to 2."),
]


def test_rows_are_read_from_text(tmp_path):
    """With spaces, commas, semicolons, bars or tabs between numbers; empty lines do not
    count. As text, they are read again.
    """
    answers = called(tmp_path, [["panels/files", "rowsFromText", row[:4]] for row in ROWS])
    assert answers == [{"value": {"x": x, "y": y}} for *_, x, y in ROWS]
    texts = called(tmp_path, [["panels/files", "rowsAsText", row[4:]] for row in ROWS])
    assert texts[0] == {"value": "0 1 0.5\n1 -0.0025 1"}
    again = [
        ["panels/files", "rowsFromText", [text["value"], *row[1:4]]]
        for text, row in zip(texts, ROWS, strict=True)
    ]
    assert called(tmp_path, again) == answers


def test_other_rows_are_refused(tmp_path):
    """By the first that is wrong."""
    answers = called(tmp_path, [["panels/files", "rowsFromText", row[:4]] for row in NO_ROWS])
    assert answers == [{"error": sentence} for *_, sentence in NO_ROWS]
