"""An exported network in ONNX's own evaluator and in onnxruntime: every z and every a
within its derived bound.
"""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import refnet
from parity import certify
from parity.tests.forward_records import forward_record, forward_results, with_wrong
from refnet.activations import ACTIVATIONS
from refnet.formats import to_onnx

DTYPES = ("float32", "float64")
in_both_dtypes = pytest.mark.parametrize("dtype", DTYPES)
SHAPES = {
    "distinct primes": ((5, 3, 7, 2), 11),
    "width 1": ((3, 1, 2), 2),
    "one layer": ((2, 3), 1),
}
LARGE = {"float32": 1e30, "float64": 1e300}


def reference(model, x):
    """The outputs of ONNX's own evaluator, by name."""
    names = [output.name for output in model.graph.output]
    with np.errstate(all="ignore"):  # exp(-z) may overflow
        return dict(zip(names, ReferenceEvaluator(model).run(names, {"x": x}), strict=True))


def runtime(model, x):
    """The outputs of onnxruntime, by name, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it refuses, it raises, too
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": x}), strict=True))


RUNTIMES = {"reference": reference, "onnxruntime": runtime}
in_both_runtimes = pytest.mark.parametrize("run", RUNTIMES.values(), ids=RUNTIMES)


def network(name, dtype, bias=True, sizes=(5, 3, 7, 2)):
    """A network with this activation in every layer; the output of a step function is
    not, as no loss goes with it.
    """
    f = refnet.LeakyReLU(0.3) if name == "leaky_relu" else name
    output = "identity" if name == "heaviside" else f
    return refnet.mlp(sizes, f, output, seed=3, dtype=dtype, bias=bias)


def inputs(net, rows):
    """Random x; and rows of zeros, subnormal, large and very large numbers."""
    rng, dtype = np.random.default_rng(7), net.dtype
    sizes = [0.0, -0.0, float(np.finfo(dtype).smallest_subnormal), 1e-3, 1e3, LARGE[dtype.name]]
    x = rng.normal(0.0, 3.0, (rows + len(sizes), net.sizes[0]))
    with np.errstate(under="ignore"):
        x[rows:] = np.array(sizes)[:, None] * np.sign(x[rows:])
    return x.astype(dtype)


def all_shown(net):
    """The exported model with every z and a among its outputs."""
    model = to_onnx(net)
    model.graph.output.extend(model.graph.value_info)
    return model


def shown(net, x, run, model=None):
    """The record of what a runtime computed of the exported network."""
    outputs = run(model or all_shown(net), x)
    layers = range(1, len(net.layers) + 1)
    return forward_record(net, x, [(outputs[f"z{l}"], outputs[f"a{l}"]) for l in layers])


@in_both_runtimes
@in_both_dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_z_and_a_is_within_its_bound(name, shape, dtype, run):
    """With and without biases, all rows together and each by itself."""
    sizes, rows = SHAPES[shape]
    for bias in (True, False):
        net = network(name, dtype, bias, sizes)
        model, x = all_shown(net), inputs(net, rows)
        for batch in (x, x[:1], x[-1:]):
            results = forward_results(shown(net, batch, run, model))
            assert len(results) == 2 * len(net.layers)
            assert [str(result) for result in results if result.status != "passed"] == []


def swept(dtype):
    """z from one end to the other: evenly near 0 and where exp overflows, and every
    power of two.
    """
    info = np.finfo(dtype)
    powers = np.ldexp(1.0, np.arange(info.minexp - info.nmant, 99))
    parts = [np.linspace(-25.0, 25.0, 40001), np.linspace(-800.0, 800.0, 8001), powers, -powers]
    z = np.random.default_rng(9).permutation(np.concatenate(parts))
    return z[: len(z) // 7 * 7].reshape(-1, 7).astype(dtype)


def shares(name, x, run):
    """How much of its bound each a of the exported activation uses, where z is x."""
    width = x.shape[1]
    layers = [refnet.Dense(np.eye(width, dtype=x.dtype), None, f) for f in (name, "identity")]
    record = shown(refnet.Network(layers), x, run)
    assert np.array_equal(record.layers[0].z, x)
    statement = next(each for each in certify(record).statements if each.equation == "a")
    return statement.claim.share(statement.got)


# since 1.21 onnxruntime approximates tanh in float64 by a quotient of polynomials: one
# number of 10^5 is off by up to 9.6 units, where vector libraries promise 8
TANH_DEVIATES = (10.0, 18.0)  # |z|


def deviates(name, x, run):
    """Where a named deviation of a runtime may break the bound."""
    if (name, x.dtype, run) == ("tanh", np.float64, runtime):
        low, high = TANH_DEVIATES
        return (np.abs(x) > low) & (np.abs(x) < high)
    return np.zeros(x.shape, bool)


@in_both_runtimes
@in_both_dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_is_within_its_bound_for_every_z(name, dtype, run):
    """From one end to the other; what is not is a deviation with a name."""
    x = swept(dtype)
    assert not ((shares(name, x, run) > 1.0) & ~deviates(name, x, run)).any()


def test_the_tanh_of_onnxruntime_deviates_in_float64_alone():
    """A few numbers of a million may be off by more than the bound, as the processor's
    kernel has it; in onnxruntime before 1.21 and in ONNX's own evaluator none is.
    """
    x = np.random.default_rng(6).uniform(13.0, 16.0, (10**6, 1))
    version = tuple(map(int, onnxruntime.__version__.split(".")[:2]))
    assert version >= (1, 21) or (shares("tanh", x, runtime) <= 1.0).all()
    assert (shares("tanh", x.astype(np.float32), runtime) <= 1.0).all()
    assert (shares("tanh", x[: 10**5], reference) <= 1.0).all()


@in_both_runtimes
@in_both_dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_wrong_value_is_refused(name, dtype, run):
    """Each z and each a once off by three times what is allowed, or by a last place."""
    net = network(name, dtype)
    record = shown(net, inputs(net, 11)[:11], run)
    for result in forward_results(record):
        broken = [each for each in forward_results(with_wrong(record, result)) if each.broken]
        assert (broken[0].quantity, broken[0].layer) == (result.quantity, result.layer)


def test_a_layer_of_another_network_is_refused():
    """W transposed, b left out: the first z is wrong."""
    net = refnet.mlp([3, 3, 2], "tanh", seed=1)
    W, b = net.layers[0].W, net.layers[0].b
    x = inputs(net, 5)[:5]
    for other in (refnet.Dense(W.T, b, "tanh"), refnet.Dense(W, None, "tanh")):
        model = all_shown(refnet.Network([other, net.layers[1]]))
        assert forward_results(shown(net, x, runtime, model))[0].broken


def moved(name, z, dtype, run, *nodes, **constants):
    """What a runtime makes of z by these nodes, as the record of one layer that only
    hands z to the activation.
    """
    x = np.array([[z]], dtype)
    element = helper.np_dtype_to_tensor_dtype(x.dtype)
    x_info, a_info = (helper.make_tensor_value_info(name, element, ["n", 1]) for name in "xa")
    values = {key: np.asarray(value, dtype) for key, value in constants.items()}
    graph = helper.make_graph(
        [helper.make_node(*node[:3], **dict(node[3:])) for node in nodes],
        "graph",
        [x_info],
        [a_info],
        [numpy_helper.from_array(value, key) for key, value in values.items()],
    )
    opset = helper.make_opsetid("", 11)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=6)
    net = refnet.Network([refnet.Dense(np.ones((1, 1), dtype), None, name)])
    return forward_results(forward_record(net, x, [(x, run(model, x)["a"])]))[1]


@in_both_dtypes
def test_the_sigmoid_of_onnxruntime_is_inaccurate(dtype):
    """Its operator adds 1/2 to a quotient of polynomials, which cancels below 0: the
    reason for 1 / (1 + exp(-z)). Known as microsoft/onnxruntime issue 22557.
    """
    repaired = f"onnxruntime {onnxruntime.__version__}: to_onnx can write Sigmoid again"
    for z in (-5.0, -12.0, -17.0, -40.0):
        result = moved("sigmoid", z, dtype, runtime, ("Sigmoid", ["x"], ["a"]))
        assert result.broken, repaired
        assert result.status == "inaccurate formula"
    assert not moved("sigmoid", -12.0, dtype, reference, ("Sigmoid", ["x"], ["a"])).broken


def test_onnxruntime_has_no_prelu_in_float64():
    """The reason for the comparison; in float32 it has."""
    node = ("PRelu", ["x", "slope"], ["a"])
    with pytest.raises(Exception, match=r"Could not find an implementation for PRelu"):
        moved(refnet.LeakyReLU(0.1), -1.0, "float64", runtime, node, slope=[0.1])
    leaky = refnet.LeakyReLU(0.1)
    assert not moved(leaky, -1.0, "float32", runtime, node, slope=[0.1]).broken
    assert not moved(leaky, -1.0, "float64", reference, node, slope=[0.1]).broken


def test_the_attribute_of_leaky_relu_is_float32():
    """The reason for PRelu: in float64 the slope has lost half of its digits."""
    node = ("LeakyRelu", ["x"], ["a"], ("alpha", 0.1))
    assert moved(refnet.LeakyReLU(0.1), -1.0, "float64", reference, node).status == "wrong"


@in_both_dtypes
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_model_is_checked_and_its_shapes_are_inferred(name, bias, dtype):
    """ONNX's full check passes, and infers the shapes that the model has."""
    net = network(name, dtype, bias)
    model = to_onnx(net)
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 11)]
    assert model.ir_version == 6
    stated = {info.name: info for info in model.graph.value_info}
    assert [*stated] == ["z1", "a1", "z2", "a2", "z3"]
    assert [output.name for output in model.graph.output] == ["a3"]
    bare = to_onnx(net)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True)
    seen = {info.name: info for info in inferred.graph.value_info}
    assert {name: seen[name] for name in stated} == stated


@in_both_dtypes
@pytest.mark.parametrize("bias", [True, False])
def test_weights_stand_in_the_model_as_they_are(bias, dtype):
    """W1, b1, W2, ... to the bit, also zeros with a sign and subnormal numbers."""
    net = network("tanh", dtype, bias)
    net.parameters[:3] = [-0.0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]
    arrays = {each.name: numpy_helper.to_array(each) for each in to_onnx(net).graph.initializer}
    for l, layer in enumerate(net.layers, start=1):
        assert arrays.pop(f"W{l}").tobytes() == layer.W.tobytes()
        assert not bias or arrays.pop(f"b{l}").tobytes() == layer.b.tobytes()
    assert arrays == {}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_newer_operator_sets_mean_the_same(name):
    """The newest that onnx has gives the same bits."""
    net = network(name, "float64")
    model, x = to_onnx(net), inputs(net, 5)
    before = reference(model, x)["a3"]
    model.opset_import[0].version = onnx.defs.onnx_opset_version()
    onnx.checker.check_model(model, full_check=True)
    assert reference(model, x)["a3"].tobytes() == before.tobytes()


def test_no_lower_operator_set_has_layers_without_biases():
    """In set 10 a Gemm needs its C."""
    model = to_onnx(network("relu", "float32", bias=False))
    model.opset_import[0].version = 10
    with pytest.raises(onnx.checker.ValidationError, match=r"Gemm"):
        onnx.checker.check_model(model)


def test_dropout_is_left_out():
    """The graph predicts, and nothing is dropped then."""
    net = refnet.mlp([3, 5, 2], "tanh", seed=1, dropout=0.5, input_dropout=0.1)
    plain = refnet.mlp([3, 5, 2], "tanh", seed=1)
    model = to_onnx(net)
    model.graph.doc_string = to_onnx(plain).graph.doc_string
    assert model.SerializeToString() == to_onnx(plain).SerializeToString()


def test_a_model_is_written_to_a_path(tmp_path):
    """The file is what is returned, and onnxruntime opens it."""
    net = network("tanh", "float32")
    model = to_onnx(net, tmp_path / "net.onnx")
    assert onnx.load(tmp_path / "net.onnx") == model
    # its bytes: by a path, it opens no folder with letters beyond those of the locale
    session = onnxruntime.InferenceSession(
        (tmp_path / "net.onnx").read_bytes(), providers=["CPUExecutionProvider"]
    )
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("x", ["n", 5])]
    assert [(each.name, each.shape) for each in session.get_outputs()] == [("a3", ["n", 2])]
    assert model.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_without_onnx_a_sentence_says_how_to_get_it(monkeypatch):
    """Everything else of the room needs NumPy alone."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    sentence = r'^to_onnx needs onnx: python -m pip install "refnet\[onnx\]"$'
    with pytest.raises(ModuleNotFoundError, match=sentence):
        to_onnx(refnet.mlp([2, 1]))
