"""A BLAS that leaves floating-point flags behind finite products, as some do for lanes
that they throw away: nobody warns of them, and nothing is raised.

The flags are real ones: a library loaded before NumPy's own BLAS calls that, and then
raises all four. It needs a C compiler, Linux, and NumPy as its wheels bring it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

COMPILER = shutil.which("cc") or ""
LIBRARIES = [*(Path(np.__file__).parent.parent / "numpy.libs").glob("libscipy_openblas64*.so")]

STUDENT = Path(__file__).parents[2] / "examples" / "check_your_own" / "correct.py"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not ((COMPILER and LIBRARIES) or os.environ.get("CI")),
    reason="no C compiler, or another BLAS than that of NumPy's wheels for Linux",
)

# NumPy tries a product of two numbers when it is imported, which stays as it is
SHIM = r"""
#include <dlfcn.h>
#include <fenv.h>
#include <stdint.h>
#include <stdlib.h>
typedef int64_t I;
static void *real(const char *name) {
    return dlsym(dlopen(getenv("REAL_BLAS"), RTLD_NOW), name);
}
static void flag(void) { feraiseexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW); }
#define ALL(T, p) \
void scipy_cblas_##p##gemm64_(int o, int a, int b, I m, I n, I k, T s, const T *A, I lda, \
                              const T *B, I ldb, T t, T *C, I ldc) { \
    void (*f)(int, int, int, I, I, I, T, const T *, I, const T *, I, T, T *, I) = \
        real("scipy_cblas_" #p "gemm64_"); \
    f(o, a, b, m, n, k, s, A, lda, B, ldb, t, C, ldc); flag(); } \
void scipy_cblas_##p##gemv64_(int o, int a, I m, I n, T s, const T *A, I lda, const T *x, I i, \
                              T t, T *y, I j) { \
    void (*f)(int, int, I, I, T, const T *, I, const T *, I, T, T *, I) = \
        real("scipy_cblas_" #p "gemv64_"); \
    f(o, a, m, n, s, A, lda, x, i, t, y, j); flag(); } \
void scipy_cblas_##p##syrk64_(int o, int u, int a, I n, I k, T s, const T *A, I lda, T t, T *C, \
                              I ldc) { \
    void (*f)(int, int, int, I, I, T, const T *, I, T, T *, I) = \
        real("scipy_cblas_" #p "syrk64_"); \
    f(o, u, a, n, k, s, A, lda, t, C, ldc); flag(); } \
T scipy_cblas_##p##dot64_(I n, const T *x, I i, const T *y, I j) { \
    T (*f)(I, const T *, I, const T *, I) = real("scipy_cblas_" #p "dot64_"); \
    T sum = f(n, x, i, y, j); if (n > 2) flag(); return sum; }
ALL(double, d)
ALL(float, s)
"""

DOORS = """
import sys
import warnings
from dataclasses import replace

import numpy as np
import parity
import refnet

warnings.simplefilter("error")
np.seterr(all="raise")
rng = np.random.default_rng(1)
x = rng.standard_normal((7, 5))
left = 0
for product in (lambda: np.dot(x, x.T), lambda: x @ x.T, lambda: np.dot(x, x[0])):
    try:
        product()
    except FloatingPointError:
        left += 1
assert left == 3, "the flags were not left"


for dtype, loss, output in (
    ("float32", "cross_entropy", "softmax"),
    ("float64", "sigmoid_cross_entropy", "identity"),
):
    net = refnet.mlp([5, 4, 3], hidden="tanh", output=output, dtype=dtype)
    y = rng.integers(0, 3, 7) if output == "softmax" else rng.uniform(size=(7, 3))
    net.predict(x)
    refnet.gradient_check(net, x, y, loss)
    str(refnet.explain(net, x, y, loss, lr=0.1))
    refnet.fit(net, x, y, loss=loss, optimizer="adam", epochs=2, validation=(x, y))
    record = parity.record_refnet(net, x, y, loss, "sgd")
    assert parity.certify(record).passed
    assert not parity.diagnose([record])
    layer = record.layers[0]
    wrong = replace(record, layers=(replace(layer, dW=2 * layer.dW), *record.layers[1:]))
    assert not parity.certify(wrong).passed
    assert parity.diagnose([wrong])
for change, passed in (("d.T @", True), ("2 * d.T @", False)):
    program = {}
    exec(sys.argv[1].replace("d.T @", change), program)
    declared = {name: program[name] for name in ("activations", "outputs", "losses")}
    # the program's own products are its own affair
    run = np.errstate(all="ignore")(program["run"])
    report = parity.check(run, **declared, optimizers="sgd", settings=())
    assert report.passed == passed, str(report)
print("silent")
"""


def test_nobody_heeds_the_flags_of_products(tmp_path):
    """Where each product leaves all four flags, warnings are errors and NumPy raises,
    refnet computes, and parity certifies, diagnoses and checks, in silence.
    """
    source, library = tmp_path / "flags.c", tmp_path / "flags.so"
    source.write_text(SHIM, encoding="utf-8")
    subprocess.run([COMPILER, "-shared", "-fPIC", source, "-o", library, "-ldl", "-lm"], check=True)
    flagged = {"LD_PRELOAD": str(library), "REAL_BLAS": str(LIBRARIES[0])}
    done = subprocess.run(
        [sys.executable, "-c", DOORS, STUDENT.read_text(encoding="utf-8")],
        env=os.environ | flagged,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "silent\n"
