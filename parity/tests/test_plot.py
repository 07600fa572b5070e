"""refnet.plot: what is drawn is what the history, the network and the gradients have;
what cannot be drawn is refused.
"""

import copy
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import refnet
from refnet.plot import boundary, diagram, style

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


@pytest.fixture(autouse=True)
def _without_a_window(monkeypatch):
    """pyplot, which keeps every figure and may open a window, is not even asked for."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)


@pytest.fixture
def axes():
    """Axes of a figure of one's own."""
    return Figure().subplots()


def network(*sizes, seed=1, **kinds):
    """A network with a bias of its own in each unit."""
    net = refnet.mlp(sizes, hidden="tanh", seed=seed, **kinds)
    net.parameters[:] = np.random.default_rng(seed).normal(size=net.parameters.size)
    return net


def trained(**options):
    """Ten epochs of XOR."""
    net = network(2, 3, 1, output="sigmoid")
    options = {"loss": "binary_cross_entropy", "optimizer": "sgd", "epochs": 10, **options}
    return refnet.fit(net, X, Y, **options)


def lines(axes):
    """The height of each labelled line over 1, 2, 3 ..., by its label."""
    shown = {line.get_label(): line for line in axes.lines if line.get_label()[0] != "_"}
    for line in shown.values():
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(line.get_ydata()) + 1))
    return {label: [*line.get_ydata()] for label, line in shown.items()}


def named(axes):
    """The words of the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def look(axes, label):
    """Colour and shape of a line."""
    (line,) = (line for line in axes.lines if line.get_label() == label)
    return line.get_color(), line.get_linestyle(), line.get_marker()


def ticks(axes):
    """The numbers that stand below the axes."""
    low, high = axes.get_xlim()
    return [tick for tick in axes.get_xticks() if low <= tick <= high]


# learning curves


@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
def test_learning_curves_are_those_of_the_history(quantity):
    """A line for training and one for validation, told apart by colour and dashes."""
    history = trained(validation=(X, Y))
    axes = refnet.plot.learning_curves(history, quantity=quantity)
    assert lines(axes) == {
        "training": getattr(history, quantity),
        "validation": getattr(history, f"validation_{quantity}"),
    }
    assert named(axes) == ["training", "validation"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", quantity)
    assert axes.get_title() == f"{quantity} by epoch"
    looks = [look(axes, label) for label in lines(axes)]
    assert len({colour for colour, *_ in looks}) == len({dashes for _, dashes, _ in looks}) == 2


def test_without_validation_there_is_one_line(axes):
    """On the axes that were given."""
    history = trained()
    assert refnet.plot.learning_curves(history, axes) is axes
    assert lines(axes) == {"training": history.loss}


def test_histories_on_the_same_axes_have_their_labels_and_colours(axes):
    """Each history has one colour for both of its lines."""
    for label in "abc":
        refnet.plot.learning_curves(trained(validation=(X, Y)), axes, label=label)
    assert named(axes) == ["a", "a, validation", "b", "b, validation", "c", "c, validation"]
    colours = [look(axes, label)[0] for label in named(axes)]
    assert colours == [each for each in style.COLOURS[:3] for _ in range(2)]


def test_histories_without_a_label_have_colours_of_their_own(axes):
    """Whatever comes first, no line looks like another one."""
    for label in ("", "", "c"):
        refnet.plot.learning_curves(trained(validation=(X, Y)), axes, label=label)
    colours = [line.get_color() for line in axes.lines]
    assert colours == [*style.COLOURS[:5], style.COLOURS[4]]


def test_an_eighth_history_begins_anew_with_the_colours(axes):
    """And a ninth has the second one."""
    for k in range(9):
        refnet.plot.learning_curves([1.0, 0.5], axes, label=f"{k}")
    assert [line.get_color() for line in axes.lines] == [*style.COLOURS, *style.COLOURS[:2]]


def test_epochs_are_whole_numbers():
    """Of one and of three there are no halves; ticks and scales of one's own stay."""
    assert ticks(refnet.plot.learning_curves([1.0])) == [1]
    assert ticks(refnet.plot.learning_curves([1.0, 0.5, 0.3])) == [1, 2, 3]
    axes = Figure().subplots()
    axes.set_xscale("log")
    assert refnet.plot.learning_curves([1.0, 0.5], axes).get_xscale() == "log"
    axes = Figure().subplots()
    axes.set_xticks([1.5])
    assert ticks(refnet.plot.learning_curves([1.0, 0.5], axes)) == [1.5]


def test_what_has_a_history_is_drawn_too():
    """An estimator with a history or with scikit-learn's curve, and bare losses."""
    history = trained()
    losses = history.loss
    for given in (
        SimpleNamespace(history_=history),
        SimpleNamespace(history_=None, loss_curve_=losses),
        SimpleNamespace(loss_curve_=losses),
        losses,
        np.array(losses),
    ):
        assert lines(refnet.plot.learning_curves(given)) == {"training": losses}


def test_a_loss_that_is_not_finite_leaves_a_gap():
    """And the others stay where they are."""
    axes = refnet.plot.learning_curves([1.0, np.inf, np.nan, None, 2.0])
    np.testing.assert_array_equal(lines(axes)["training"], [1.0, *[np.nan] * 3, 2.0])


@pytest.mark.parametrize(
    ("losses", "dots"),
    [
        ([1.0], [1]),
        ([3.0, 2.0, 1.0], [3]),
        ([1.0, np.nan, 2.0, 3.0, np.inf], [1, 4]),
        ([np.nan] * 2, []),
    ],
)
def test_a_line_ends_with_a_dot_and_what_stands_alone_is_one(losses, dots):
    """A line of one point would not be seen."""
    axes = refnet.plot.learning_curves(losses)
    (line,) = axes.lines
    axes.figure._repr_png_()
    assert line.get_marker() == "."
    assert [*line.get_xdata()[line.get_markevery()]] == dots


NO_HISTORY = (
    "learning_curves: history has type {}, expected a History, an estimator with history_ or "
    "loss_curve_, or a sequence of losses"
)


@pytest.mark.parametrize(
    ("history", "options", "error", "sentence"),
    [
        (7, {}, TypeError, NO_HISTORY.format("int")),
        ("loss", {}, TypeError, NO_HISTORY.format("str")),
        ([[1.0]], {}, TypeError, NO_HISTORY.format("list")),
        (["low"], {}, TypeError, NO_HISTORY.format("list")),
        ([1.0j], {}, TypeError, NO_HISTORY.format("list")),
        ([[1.0], [1.0, 2.0]], {}, TypeError, NO_HISTORY.format("list")),
        ({1: 0.5}, {}, TypeError, NO_HISTORY.format("dict")),
        ([], {}, ValueError, "learning_curves: history has 0 epochs, expected at least one"),
        (
            refnet.History(),
            {},
            ValueError,
            "learning_curves: history has 0 epochs, expected at least one",
        ),
        (
            [1.0],
            {"quantity": "accuracy"},
            ValueError,
            "learning_curves: history has losses alone, expected one with accuracy",
        ),
        (
            refnet.History([refnet.Epoch(1, 1, 0.5, 0.1)]),
            {"quantity": "accuracy"},
            ValueError,
            "learning_curves: history has no accuracy, expected targets of classes",
        ),
        (
            [1.0],
            {"quantity": "lr"},
            ValueError,
            "learning_curves: quantity has 'lr', expected 'loss' or 'accuracy'",
        ),
        (
            [1.0],
            {"axes": Figure()},
            TypeError,
            "learning_curves: axes has type Figure, expected matplotlib's Axes",
        ),
    ],
)
def test_learning_curves_refuse(history, options, error, sentence):
    """What has no epochs, or not this quantity."""
    with pytest.raises(error) as refused:
        refnet.plot.learning_curves(history, **options)
    assert str(refused.value) == sentence


# networks


def edges(axes):
    """The colour and the width of each edge by its ends, without what makes it
    hollow.
    """
    drawn = {}
    for line in axes.lines:
        if len(line.get_xdata()) and line.get_color() != "white":
            ends = (*line.get_xdata(), *line.get_ydata())
            assert ends not in drawn
            drawn[ends] = line.get_color(), line.get_linewidth()
    return drawn


def test_a_small_network_has_an_edge_for_each_weight(axes):
    """From the unit to the one above, with its sign as colour and as a hollow, and its
    size as width.
    """
    net = network(3, 4, 2)
    assert refnet.plot.weights(net, axes) is axes
    drawn, largest = edges(axes), max(abs(layer.W).max() for layer in net.layers)
    assert len(drawn) == sum(layer.W.size for layer in net.layers)
    widths = set()
    for l, layer in enumerate(net.layers):
        for (j, k), w in np.ndenumerate(layer.W):
            ends = (l, l + 1, (layer.fan_in - 1) / 2 - k, (layer.fan_out - 1) / 2 - j)
            colour, width = drawn[ends]
            assert colour == (style.BLUE if w > 0 else style.RED)
            widths.add(round((width - 0.8) / (abs(w) / largest), 9))
    assert widths == {5.0}
    hollow = [line for line in axes.lines if line.get_color() == "white" and len(line.get_xdata())]
    assert len(hollow) == sum(int((layer.W < 0).sum()) for layer in net.layers)
    assert named(axes) == ["w > 0", "w < 0"]


def words(axes):
    """All texts on the axes."""
    return [text.get_text() for text in axes.texts]


def test_the_nodes_have_biases_or_values():
    """Those of the inputs have numbers, or the names of the columns beside them."""
    net = network(2, 3, 1)
    biases = [f"{b:.2g}" for layer in net.layers for b in layer.b]
    axes = refnet.plot.weights(net)
    assert words(axes) == [
        *("1", "2", "input"),
        *(*biases[:3], "layer 1\ntanh"),
        *(biases[3], "layer 2\nsoftmax"),
    ]
    assert axes.get_title().startswith("in the nodes b;")
    assert [len(nodes.get_offsets()) for nodes in axes.collections] == [2, 3, 1]
    trace = net.forward(X[1:2])
    values = [f"{a:.2f}" for a in (*trace[0].a[0], *trace[1].a[0])]
    axes = refnet.plot.weights(net, x=X[1])
    assert words(axes)[:2] == ["0.00", "1.00"]
    assert [*words(axes)[3:6], words(axes)[7]] == values
    assert words(refnet.plot.weights(net, x=X[1:2])) == words(axes)
    net.columns = ["height", "age"]
    assert words(refnet.plot.weights(net))[-2:] == ["height", "age"]


@pytest.mark.parametrize("sizes", [(1, 2, 1), (3,) * (diagram.DEPTH + 1), (diagram.NODES, 3)])
def test_what_stands_in_a_node_stays_inside(sizes):
    """A long number in a smaller font; none is wider than its node, nor below the
    legend.
    """
    net = network(*sizes)
    net.layers[0].b[0] = -1.234e-300
    for x in (None, np.linspace(-12345.0, -0.001, sizes[0]), [1000.0] * sizes[0]):
        axes = refnet.plot.weights(net, x=x)
        axes.figure.set_dpi(500)  # so that whole pixels do not matter
        axes.figure.draw_without_rendering()
        (width,) = {size for nodes in axes.collections for size in nodes.get_sizes() ** 0.5}
        points = axes.figure.dpi / 72.0
        numbers = [text for text in axes.texts if "\n" not in text.get_text()][: sum(sizes)]
        assert len({text.get_position() for text in numbers}) == sum(sizes)
        legend = axes.get_legend().get_window_extent()
        for text in numbers:
            if text.get_text() != "input":
                assert text.get_window_extent().width <= width * points
        for nodes in axes.collections:
            _, tops = axes.transData.transform(nodes.get_offsets()).T
            assert tops.max() + width * points / 2.0 <= legend.y0


def test_a_large_value_is_short():
    """From 1000 on in powers of ten."""
    axes = refnet.plot.weights(network(3, 1), x=[999.0, 1000.0, -12345.0])
    assert words(axes)[:3] == ["999.00", "1e+03", "-1.2e+04"]


def test_a_column_is_text_beside_its_node():
    """A dollar is a dollar, and a long name ends with three dots."""
    net = network(2, 12, 1)
    net.columns = ["$_{$ per t", "a" * (diagram.LONGEST + 1)]
    axes = refnet.plot.weights(net)
    axes.figure._repr_png_()
    first, second = axes.texts[-2:]
    assert first.get_text() == "$_{$ per t"
    assert second.get_text() == "a" * (diagram.LONGEST - 3) + "..."
    points = axes.figure.dpi / 72.0
    radius = axes.collections[0].get_sizes()[0] ** 0.5 / 2.0 * points
    left, _ = axes.transData.transform((0.0, 0.0))
    for name in (first, second):
        assert name.get_window_extent().x1 < left - radius
    net.columns = ["$_{$ per t", "a" * diagram.LONGEST]
    assert words(refnet.plot.weights(net))[-1] == net.columns[-1]


def test_of_many_matrices_the_first_and_the_last_have_names():
    """Where there is no room for more."""
    axes = refnet.plot.weights(network(*(2,) * (diagram.NAMES + 1)))
    assert len(words(axes)) == diagram.NAMES
    axes = refnet.plot.weights(network(*(2,) * (diagram.NAMES + 2)))
    assert words(axes) == ["$W^{1}$\n2 x 2", f"$W^{{{diagram.NAMES + 1}}}$\n2 x 2"]


def test_a_weight_of_0_has_no_edge_and_a_layer_without_biases_no_numbers():
    """Nor does a network of zeros."""
    net = refnet.Network([refnet.Dense([[0.0, 1.0], [2.0, 0.0]], None)])
    axes = refnet.plot.weights(net)
    assert len(edges(axes)) == 2
    assert words(axes) == ["1", "2", "input", "layer 1\nidentity"]
    net.parameters[:] = 0.0
    assert edges(refnet.plot.weights(net)) == {}


@pytest.mark.parametrize("sizes", [(diagram.NODES + 1, 3, 2), (1,) * (diagram.DEPTH + 2)])
def test_a_large_network_has_an_image_for_each_layer(sizes):
    """Of its W, all on one scale around 0, with its shape below it."""
    net = network(*sizes)
    axes = refnet.plot.weights(net)
    largest = max(abs(layer.W).max() for layer in net.layers)
    for image, layer in zip(axes.images, net.layers, strict=True):
        np.testing.assert_array_equal(image.get_array(), layer.W)
        assert image.get_clim() == (-largest, largest)
        assert image.get_cmap().name == "RdBu"  # blue is positive, as an edge is
        assert image.get_extent()[2:] == [0, 1]
    assert axes.get_aspect() == "auto"
    assert words(axes) == [
        f"$W^{{{l}}}$\n{layer.fan_out} x {layer.fan_in}"
        for l, layer in enumerate(net.layers, start=1)
    ]
    _, bar = axes.figure.axes
    assert bar.get_ylabel() == "weight"
    net.parameters[:] = 0.0
    assert refnet.plot.weights(net).images[0].get_clim() == (-1.0, 1.0)


def test_the_limits_of_a_network_of_nodes():
    """As many units and layers as that are still drawn as nodes."""
    for sizes in ((diagram.NODES, 3), (1,) * (diagram.DEPTH + 1)):
        assert not refnet.plot.weights(network(*sizes)).images


def broken(net, value):
    """The network with a weight that is none."""
    net.layers[1].W[0, 2] = value
    return net


@pytest.mark.parametrize(
    ("net", "options", "error", "sentence"),
    [
        (3, {}, TypeError, "weights: net has type int, expected Network"),
        (
            broken(network(2, 3, 1), np.nan),
            {},
            ValueError,
            "weights: W of layer 2 has nan at [0, 2], expected finite values",
        ),
        (network(2, 1), {"x": X}, ValueError, "weights: x has 4 rows, expected 1"),
        (
            network(13, 1),
            {"x": np.ones(13)},
            ValueError,
            (
                "weights: x has values for nodes, expected none: a network is drawn with nodes up "
                "to 12 units in each of 8 layers"
            ),
        ),
        (
            network(2, 1),
            {"x": [1.0]},
            ValueError,
            "Dense 1 (W 1x2): input has shape (1, 1), expected (n, 2)",
        ),
        (
            network(2, 1),
            {"axes": "here"},
            TypeError,
            "weights: axes has type str, expected matplotlib's Axes",
        ),
    ],
)
def test_weights_refuse(net, options, error, sentence):
    """What is no network, not finite, or does not fit."""
    with pytest.raises(error) as refused:
        refnet.plot.weights(net, **options)
    assert str(refused.value) == sentence


# deltas


def backward(*sizes, rows=5, scale=1.0):
    """The gradients of a network."""
    net = network(*sizes)
    net.parameters[:] *= scale
    x = np.random.default_rng(0).normal(size=(rows, sizes[0]))
    return net.backward(net.forward(x), "cross_entropy", np.arange(rows) % sizes[-1])


def test_deltas_are_the_root_of_their_mean_square(axes):
    """By layer, on a logarithmic scale."""
    gradients = backward(3, 4, 5, 3)
    assert refnet.plot.deltas(gradients, axes) is axes
    (line,) = axes.lines
    # the largest is divided out and comes back: each of four operations rounds once
    want = [np.sqrt(np.mean(gradient.delta**2)) for gradient in gradients]
    np.testing.assert_array_max_ulp(line.get_ydata(), np.array(want), maxulp=4)
    assert [*line.get_xdata()] == ticks(axes) == [1, 2, 3]
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_title()) == ("layer", "size of delta by layer")
    assert named(axes) == ["delta"]


def gradient(delta):
    """A gradient with this delta alone."""
    return refnet.LayerGradient(np.array(delta), np.zeros((1, 1)), np.zeros(1))


def test_a_vanishing_delta_does_not_become_0():
    """Its square would."""
    axes = refnet.plot.deltas([gradient([[2.0**-1000, -(2.0**-1000)]]), gradient([[2.0**900]])])
    assert [*axes.lines[0].get_ydata()] == [2.0**-1000, 2.0**900]


def test_a_layer_without_any_delta_is_a_cross_at_the_bottom():
    """A logarithmic axis has no place for 0."""
    axes = refnet.plot.deltas([gradient([[0.0]]), gradient([[2.0]])])
    line, cross = axes.lines
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 2.0])
    assert (*cross.get_xdata(), *cross.get_ydata()) == (1, 0.0)
    assert cross.get_transform() == axes.get_xaxis_transform()
    assert cross.get_color() == line.get_color()
    assert named(axes) == ["delta", "exactly 0"]
    axes = refnet.plot.deltas([gradient([[0.0]])])
    assert (axes.get_yscale(), named(axes)) == ("linear", ["delta", "exactly 0"])
    axes = refnet.plot.deltas([gradient([[0.0]])], label="deep")
    assert named(axes) == ["deep", "deep, exactly 0"]


def test_more_deltas_have_labels_colours_and_markers(axes):
    """Also where a layer of the first has none."""
    for label, delta in (("a", 0.0), ("b", 1.0), ("c", 2.0)):
        refnet.plot.deltas([gradient([[delta]]), gradient([[1.0]])], axes, label=label)
    looks = [look(axes, label) for label in "abc"]
    assert [colour for colour, *_ in looks] == [*style.COLOURS[:3]]
    assert [marker for *_, marker in looks] == [*style.MARKERS[:3]]


def test_no_two_of_many_deltas_look_the_same(axes):
    """Also after the last colour."""
    for k in range(20):
        refnet.plot.deltas([gradient([[1.0]])], axes, label=f"{k}")
    assert len({look(axes, f"{k}") for k in range(20)}) == 20


@pytest.mark.parametrize("depths", [(2, 4), (4, 2)])
def test_deltas_of_another_depth_leave_no_layer_without_a_number(axes, depths):
    """The deeper one may come first."""
    for depth in depths:
        refnet.plot.deltas([gradient([[1.0]])] * depth, axes)
    assert ticks(axes) == [1, 2, 3, 4]


def test_the_numbers_of_many_layers_do_not_overlap():
    """Of 50 layers a few have numbers."""
    assert 2 < len(ticks(refnet.plot.deltas([gradient([[1.0]])] * 50))) < 15


@pytest.mark.parametrize(
    ("gradients", "error", "sentence"),
    [
        (
            7,
            TypeError,
            "deltas: gradients has type int, expected what Network.backward returns",
        ),
        (
            [1.0],
            TypeError,
            "deltas: gradients has type list, expected what Network.backward returns",
        ),
        ([], ValueError, "deltas: gradients has 0 layers, expected at least one"),
        (
            [gradient([[1.0]]), gradient([[np.nan]])],
            ValueError,
            "deltas: delta of layer 2 has nan, expected finite values",
        ),
    ],
)
def test_deltas_refuse(gradients, error, sentence):
    """What are no gradients."""
    with pytest.raises(error) as refused:
        refnet.plot.deltas(gradients)
    assert str(refused.value) == sentence


# decision boundaries


def line_of(axes, height):
    """The points of the line where the output has this height, and how it is drawn."""
    (contour,) = (c for c in axes.collections if [*getattr(c, "levels", [])] == [height])
    return np.concatenate([path.vertices for path in contour.get_paths()]), contour


def test_a_boundary_is_where_the_network_changes_its_label():
    """A neuron of two inputs: the regions are what it classifies, the line is
    w x + b = 0.
    """
    net = refnet.Network([refnet.Dense([[1.0, 2.0]], [-1.0], "sigmoid")])
    axes = refnet.plot.decision_boundary(net, X, [0, 1, 1, 1], names=("no", "yes"), margin=0.5)
    assert_regions(axes, net, -0.5, 1.5)
    line, _ = line_of(axes, 0.0)
    # in a cell of the plane in which the label changes
    assert np.abs(line @ [1.0, 2.0] - 1.0).max() <= (1.0 + 2.0) * 2.0 / boundary.GRID
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 1.5), (-0.5, 1.5))
    assert named(axes) == ["no", "yes"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x_1$", "$x_2$")


def test_rows_have_a_colour_and_a_marker_by_class():
    """Every row is a point, in the class of its label."""
    net, labels = network(2, 5, 3), np.array([2, 0, 1, 0])
    axes = refnet.plot.decision_boundary(net, X, labels, size=50)
    groups = [group for group in axes.collections if group.get_label() in "012"]
    assert [group.get_label() for group in groups] == ["0", "1", "2"]
    for k, group in enumerate(groups):
        np.testing.assert_array_equal(group.get_offsets(), X[labels == k])
        assert tuple(group.get_facecolor()[0][:3]) == to_rgb(style.CLASSES[k])
        assert [*group.get_sizes()] == [50]
    shapes = {tuple(map(tuple, group.get_paths()[0].vertices)) for group in groups}
    assert len(shapes) == 3


def test_the_regions_of_many_classes_are_those_of_classify():
    """In the colours of the classes, computed a part of the plane at a time."""
    W = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    net = refnet.Network([refnet.Dense(W, -W @ [0.5, 0.5], "softmax")])  # a quarter each
    axes = refnet.plot.decision_boundary(net, X, [0, 1, 2, 3])
    assert_regions(axes, net, -0.1, 1.1)
    lines = [c for c in axes.collections if hasattr(c, "levels")]
    assert len(lines) == 3  # the last class has its lines from the others
    for line in lines:
        middle = np.abs(np.concatenate([path.vertices for path in line.get_paths()]) - 0.5)
        assert middle.min(axis=1).max() <= 1.2 / boundary.GRID  # in that cell


def test_the_margin_is_a_share_of_what_the_rows_take():
    """In either direction its own."""
    axes = refnet.plot.decision_boundary(network(2, 2), X * [10.0, 1.0], [0] * 4, margin=0.5)
    assert (axes.get_xlim(), axes.get_ylim()) == ((-5.0, 15.0), (-0.5, 1.5))


def test_what_lies_below_points_is_paler_than_they_are():
    """By most of the way to white."""
    assert style.pale("#ffffff") == [1.0] * 3
    for colour in style.CLASSES:
        for part, own in zip(style.pale(colour), to_rgb(colour), strict=True):
            assert part == own == 1.0 or own < part < 1.0
            assert 1.0 - part <= (1.0 - own) / 2.0


def assert_regions(axes, net, low, high):
    """The pixels from low to high have the colours of what the network classifies."""
    (image,) = axes.images
    side = np.linspace(low, high, boundary.GRID + 1)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    parts = [plane[i : i + boundary.ROWS] for i in range(0, len(plane), boundary.ROWS)]
    labels = np.concatenate([net.classify(part) for part in parts]).reshape(len(side), -1)
    assert len({*labels.ravel()}) == max(2, net.sizes[-1])
    pale = np.array([style.pale(colour) for colour in style.CLASSES])
    np.testing.assert_array_equal(image.get_array(), pale[labels])
    half = (side[1] - side[0]) / 2
    assert image.get_extent() == [low - half, high + half] * 2
    assert image.origin == "lower"


def test_levels_are_lines_where_the_output_has_a_value():
    """Dotted below a half, dashed above; none where the output never has it."""
    net = refnet.Network([refnet.Dense([[4.0, 0.0]], [-2.0], "sigmoid")])
    axes = refnet.plot.decision_boundary(net, X, [0, 0, 1, 1], levels=(0.9, 0.2, 1e-9))
    heights = [[*c.levels] for c in axes.collections if hasattr(c, "levels")]
    assert heights == [[0.0], [0.2], [0.9]]
    assert {*words(axes)} == {"0.2", "0.9"}
    for level in (0.2, 0.9):
        line, contour = line_of(axes, level)
        due = (np.log(level / (1.0 - level)) + 2.0) / 4.0
        assert np.abs(line[:, 0] - due).max() <= 1.2 / boundary.GRID  # in that cell
        dashes = contour.get_linestyles()[0][1]
        assert (dashes[0] < dashes[1]) == (level < 0.5)


def test_one_region_alone_is_no_error():
    """A network that always says the same, rows in one place, and one of columns with
    names.
    """
    net = refnet.Network([refnet.Dense([[0.0, 0.0]], [1.0], "sigmoid")])
    net.columns = ["height", "$_{$ per t"]  # no formula
    axes = refnet.plot.decision_boundary(net, X[:1], [1], levels=(0.5,))
    axes.figure._repr_png_()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("height", "$_{$ per t")
    assert len(axes.collections) == 2  # the points of either class, and no line
    low, high = axes.get_xlim()
    assert low < 0.0 < high


def test_the_heaviside_and_logits_are_classified_too():
    """By z, as Network.classify does."""
    for output in ("heaviside", "identity"):
        net = refnet.Network([refnet.Dense([[1.0, 0.0]], [-0.3], output)])
        axes = refnet.plot.decision_boundary(net, X, [0, 0, 1, 1])
        line, _ = line_of(axes, 0.0)
        assert np.abs(line[:, 0] - 0.3).max() <= 1.2 / boundary.GRID  # in that cell


SEPARATE = network(2, 3, 1, output="sigmoid")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "sentence"),
    [
        ((1, X, [0] * 4), {}, TypeError, "decision_boundary: net has type int, expected Network"),
        (
            (network(3, 2), X, [0] * 4),
            {},
            ValueError,
            "decision_boundary: net has 3 inputs, expected 2",
        ),
        (
            (SEPARATE, X, [0] * 3),
            {},
            ValueError,
            "decision_boundary: labels has shape (3,), expected (4,)",
        ),
        (
            (SEPARATE, X, [0, 1, 2, 0]),
            {},
            ValueError,
            "decision_boundary: labels has label 2 at row 2, expected 0 to 1",
        ),
        (
            (SEPARATE, X, [0.5] * 4),
            {},
            TypeError,
            "decision_boundary: labels has labels of dtype float64, expected integers",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"names": ["a"]},
            ValueError,
            "decision_boundary: names has 1, expected 2",
        ),
        (
            (network(2, 3), X, [0] * 4),
            {"levels": [0.5]},
            ValueError,
            "decision_boundary: levels has 1 value, expected none for 3 outputs",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"names": "ab"},
            TypeError,
            "decision_boundary: names has type str, expected a sequence",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"names": 7},
            TypeError,
            "decision_boundary: names has type int, expected a sequence",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"levels": 0.5},
            ValueError,
            "decision_boundary: levels has shape (), expected (k,)",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"levels": ["half"]},
            TypeError,
            "decision_boundary: levels has dtype <U4, expected real numbers",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"margin": -0.7},
            ValueError,
            "decision_boundary: margin has -0.7, expected a finite number >= 0",
        ),
        (
            (SEPARATE, X, [0] * 4),
            {"size": "36"},
            TypeError,
            "decision_boundary: size has type str, expected a number",
        ),
        (
            (broken(network(2, 3, 1), np.inf), X, [0] * 4),
            {},
            ValueError,
            "decision_boundary: W of layer 2 has inf at [0, 2], expected finite values",
        ),
        (
            (SEPARATE, X[:, :1], [0] * 4),
            {},
            ValueError,
            "Dense 1 (W 3x2): input has shape (4, 1), expected (n, 2)",
        ),
    ],
)
def test_decision_boundaries_refuse(arguments, options, error, sentence):
    """What does not fit on the plane or to the network; nothing is drawn then."""
    axes = Figure().subplots()
    with pytest.raises(error) as refused:
        refnet.plot.decision_boundary(*arguments, axes=axes, **options)
    assert str(refused.value) == sentence
    assert not axes.has_data()


# figures

EVERY = {
    "learning_curves": lambda **on: refnet.plot.learning_curves([1.0, 0.5], **on),
    "weights": lambda **on: refnet.plot.weights(network(2, 3, 1), **on),
    "weights of a large one": lambda **on: refnet.plot.weights(network(20, 30, 5), **on),
    "deltas": lambda **on: refnet.plot.deltas(backward(2, 3, 2), **on),
    "decision_boundary": lambda **on: refnet.plot.decision_boundary(
        network(2, 3, 2), X, [0, 1, 1, 0], **on
    ),
}


@pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)
def test_every_function_draws_where_it_is_told_to(draw, tmp_path):
    """On the axes that are given, or in a figure that a notebook shows; both can be
    saved, and what a notebook shows be pickled and copied.
    """
    axes = Figure().subplots()
    assert draw(axes=axes) is axes
    axes.figure.savefig(tmp_path / "given.png")
    assert not hasattr(axes, "_repr_png_")
    own = draw()
    again = pickle.loads(pickle.dumps(own.figure))  # noqa: S301 - our own
    for shown in (own, own.figure, again, copy.copy(own)):
        assert shown._repr_png_().startswith(b"\x89PNG")


def test_a_sheet_has_axes_in_the_colours_of_the_house():
    """Rows and columns of them, or one."""
    figure, axes = style.sheet(2, 3, width=2.0, height=1.0)
    assert axes.shape == (2, 3)
    assert [*figure.get_size_inches()] == [6.0, 2.0]
    assert [axes[1, 2].plot([1, 2])[0].get_color() for _ in style.COLOURS] == [*style.COLOURS]


def test_points_of_lists_are_points(axes):
    """As of arrays."""
    style.points(axes, X.tolist(), [0, 1, 1, 0], ("no", "yes"))
    np.testing.assert_array_equal(axes.collections[1].get_offsets(), X[1:3])


def test_no_two_classes_look_the_same():
    """Of the first 56, by colour and marker; the lines likewise."""
    looks = [(style.CLASSES[k % 7], style.MARKERS[k % 8]) for k in range(56)]
    assert len(set(looks)) == 56
    assert len(set(style.LINES)) == len(style.COLOURS) == len(style.LINES)


def without(package):
    """What a new process prints that draws without a package."""
    hidden = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"import refnet; print(refnet.plot.__name__)\n"
        f"try: refnet.plot.learning_curves([1.0])\n"
        f"except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_without_matplotlib_a_sentence_says_what_installs_it():
    """When something is to be drawn; all else does without. What matplotlib itself
    lacks is another matter.
    """
    command = 'python -m pip install "refnet[plot]"'
    assert without("matplotlib") == ["refnet.plot", f"refnet.plot needs matplotlib: {command}"]
    _, lacks = without("kiwisolver")
    assert "kiwisolver" in lacks
    assert "refnet" not in lacks


def test_import_refnet_asks_for_no_plot():
    """The room comes when it is asked for, and matplotlib when something is drawn."""
    code = (
        "import sys, refnet\n"
        "print('refnet.plot' in sys.modules)\n"
        "refnet.plot\n"
        "print('refnet.plot' in sys.modules, 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
