"""Little programs in NumPy, right and spoiled, and what check says of them."""

from parity.checking.checker import check
from parity.checking.tests.plain import PLAIN, gradients, train
from parity.mistakes.search.replay import simulate


def everything(case):
    """A right `run` for whatever there is, without declarations."""
    return [
        {
            name: [getattr(layer, name) for layer in record.layers]
            for name in ("z", "a", "delta", "dW", "db")
        }
        | {"loss": record.loss, "W": record.after.W, "b": record.after.b}
        for record in simulate(case.inputs)
    ]


def spoiled(change):
    """The right `run`, whose dicts are then changed."""

    def run(case):
        shown = train(case)
        return change(shown) or shown

    return run


def sentences(run, **declared):
    """What check says of a program of one activation, by verdict."""
    return [
        (finding.verdict, finding.sentence)
        for finding in check(run, **{**PLAIN, **declared}).findings
    ]


def turned(layout, samples, case):
    """The right program in another layout: turned on the way in, and on the way out."""
    into, columns = layout == "in_out", samples == "columns"
    W = [w.T if into else w for w in case.W]
    b = [c.ravel() for c in case.b]
    for x, y, lr in case.steps:
        if columns:
            assert all(c.shape == (c.size, 1) for c in case.b)
        step = gradients(W, b, x.T if columns else x, y.T if columns else y)
        W = [w - lr * g for w, g in zip(W, step["dW"], strict=True)]
        b = [c - lr * g for c, g in zip(b, step["db"], strict=True)]
        step |= {"W": W, "b": b}
        for name in ("dW", "W") * into + ("z", "a", "delta") * columns:
            step[name] = [array.T for array in step[name]]
        step["output"] = step["a"][-1]
        step["db"] = [g.reshape(-1, 1) if columns else g for g in step["db"]]
        yield step


LAYOUTS = [(layout, samples) for layout in ("out_in", "in_out") for samples in ("rows", "columns")]
