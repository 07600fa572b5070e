"""One training step as a program with a slot for each equation. The function in a slot
can be replaced by another form of the equation, or by a mistake.

The same program runs on plain numbers, as somebody's code does, and on bounded ones,
which say what that code can give. A step is lazy: the function in a slot makes an array
when it is first needed, and makes it once. An array that is `known` is not made at all.
`observe` sees each array that is made and returns the one to go on with: the array of a
record in place of the predicted one.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from parity.mistakes.functions import RIGHT, kept_vector
from parity.mistakes.slots import Numbers, Part, Quantity, Slot, layer_of
from parity.proof import penalising
from parity.proof.equations.penalties import penalised
from parity.proof.equations.shared import distribution
from parity.proof.equations.updates import RULE_ENTRIES
from parity.proof.weighing import Weighing, weighed
from parity.steps.record import Spec
from refnet.checks import Array


class StepProgram:
    """One training step by the functions in its slots. Layers count from 1; a(0) is x.

    The slots, and the shapes of what their functions return. A function is called with
    the step, its layer or part, and, if it is a wrong one, the right function last.

        read(s, part)              the W or b that the step works with     (as the part)
        dropped(s, l)              what a layer with dropout reads         (n, fan_in)
        z(s, l), a(s, l)           weighted input and activation           (n, fan_out)
        weighing(s, l)             the targets with their weights, and what the loss
                                   divides by; l is the last layer         Weighing
        C(s, l)                    the loss; l is the last layer           ()
        P(s, part)                 the penalty on a part                   ()
        cost(s, l)                 the loss and every penalty; l is the last layer  ()
        cotangent(s, l)            dC/da of a layer                        (n, fan_out)
        pullback(s, l, g)          dC/dz from g = dC/da                    (n, fan_out)
        BP1(s, l), BP2(s, l)       delta of the last layer, of the others  (n, fan_out)
        BP3(s, l), BP4(s, l)       db and dW of the loss                   (as b and W)
        slope(s, part)             P' of a part                            (as the part)
        db(s, l), dW(s, l)         those of the cost, with P'              (as b and W)
        gradient(s, part)          what the update is given                (as the part)
        norm(s, part)              the norm that it is clipped by          ()
        share(s, part)             how much of it that leaves              ()
        clipped(s, part)           what the update rule reads              (as the part)
        decay(s, part)             weight_decay theta                      (as the part)
        decayed(s, part)           what is read with the decay added, where the
                                   rule couples them                       (as the part)
        exp_avg(s, part), ...      a vector of the state after the step    (as the part)
        step(s, part)              the part after the step                 (as the part)

        settings(s, part)          the hyper-parameters that the step works with: `h`;
                                   it is asked before all others, and in no layer; a
                                   wrong function is called without the part
    """

    def __init__(
        self,
        spec: Spec,
        x: Numbers,
        y: Array,
        start: Mapping[Part, Numbers],
        state: Mapping[tuple[str, Part], Numbers],
        previous: "StepProgram | None" = None,
        exchanged: Mapping[str, tuple[Slot, ...]] | None = None,
        observe: Callable[[Quantity, Numbers], Numbers] = lambda quantity, predicted: predicted,
        known: Callable[[Quantity], Numbers | None] = lambda quantity: None,
        sample_weight: Array | None = None,
        masks: tuple[Array | None, ...] = (),
    ) -> None:
        """A step from these weights and this state or, where there is a previous step,
        from its weights and its state; with these weights of the rows, and masks of
        dropout.
        """
        self.spec, self.x, self.y, self.previous = spec, x, y, previous
        self.sample_weight, self.masks = sample_weight, masks
        self.t, self.n, self.k = spec.step, float(x.shape[0]), float(spec.sizes[-1])
        self.L = len(spec.sizes) - 1
        self._start, self._state, self._exchanged = start, state, exchanged or {}
        self.rule = RULE_ENTRIES[spec.optimizer]()
        self._settings: dict[Part | None, dict[str, Any]] = {}
        self.h()  # asked before all others
        self._observe, self._known = observe, known
        self._arrays: dict[Any, Numbers] = {}  # by slot and layer or part

    # what the step starts from

    def start(self, part: Part) -> Numbers:
        """W or b before the step; the zeros of a layer without biases stay."""
        steps = part.name == "W" or self.has_bias(part.layer)
        return self.previous.new(part) if self.previous and steps else self._start[part]

    def old(self, key: str, part: Part) -> Numbers | None:
        """A vector of the state before the step, or None where there is none yet."""
        if self.previous is not None:
            return self.previous.state(key, part)
        vector = self._state.get((key, part))
        if vector is None and self.spec.optimizer != "sgd":  # kept by other settings alone
            vector = self.start(part) * 0.0 + self.rule.start(self.h(part))
        return vector

    def h(self, part: Part | None = None) -> dict[str, Any]:
        """The hyper-parameters of a part; by default those of all parts that are in no
        group.
        """
        if part not in self._settings:
            function: Callable[[], dict[str, Any]] = partial(RIGHT["settings"], self, part)
            for wrong, layers in self._exchanged.get("settings", ()):
                if layers:
                    function = partial(wrong, self, function)
            self._settings[part] = function()
        return self._settings[part]

    def lr(self, part: Part | None = None) -> float:
        """The learning rate of a part, as `h` has it."""
        return float(self.h(part)["lr"])

    def keeps(self, part: Part | None = None) -> tuple[str, ...]:
        """The vectors of the state that the rule keeps of a part; by default, of
        any.
        """
        of_parts = (self.rule.keeps(self.h(each)) for each in ([part] if part else self.parts))
        return tuple(dict.fromkeys(key for each in of_parts for key in each))

    def has_bias(self, l: int) -> bool:
        """Whether a layer has biases."""
        return self.spec.has_bias(l)

    def f(self, l: int) -> tuple[str, Mapping[str, float]]:
        """Name and parameters of a layer's activation."""
        return self.spec.activations[l - 1]

    @property
    def limit(self) -> float:
        """What the gradient is clipped to."""
        return self.spec.clip[1] if self.spec.clip else float("inf")

    @property
    def parts(self) -> Iterator[Part]:
        """Every W and b."""
        return (Part(*part) for part in self.spec.parts)

    @property
    def targets(self) -> Array:
        """The targets as values or distributions (n, k), without weights; labels become
        one-hot rows.
        """
        return self.y if self.y.ndim > 1 else distribution(self.y, self.a(self.L).value)

    def weighed_by(self, weights: Array) -> Weighing:
        """The targets with these weights of the rows, in place of their own."""
        return weighed(self.spec.loss, self.a(self.L), self.y, self.spec.loss_settings, weights)

    def weighed(self, y: Array, *, rows: bool = True, **other: Any) -> Weighing:
        """These targets with the weights of the step; or without those of the rows, or
        with other settings of the loss.
        """
        settings, weights = {**self.spec.loss_settings, **other}, self.sample_weight
        return weighed(self.spec.loss, self.a(self.L), y, settings, weights if rows else None)

    def each_counted(self) -> Weighing:
        """The targets with all rows equal and none ignored: a share of a delta of 0 is
        none.
        """
        return self.weighed(self.labels, rows=False, ignore_index=None)

    @property
    def labels(self) -> Array:
        """The targets as they are given, but any label for one that is ignored."""
        ignored = self.spec.loss_settings.get("ignore_index")
        is_given = self.y.ndim == 2 or ignored is None
        return self.y if is_given else np.where(self.y == ignored, 0, self.y)

    # what the step makes

    def W(self, l: int) -> Numbers:
        """The W that the step works with."""
        return self._make("read", Part("W", l))

    def b(self, l: int) -> Numbers:
        """The b that the step works with; zeros in a layer without biases."""
        return self._make("read", Part("b", l))

    def mask(self, l: int) -> Array | None:
        """The mask of dropout on what a layer reads; None where nothing is dropped."""
        return self.masks[l - 1] if self.masks else None

    def a_prev(self, l: int) -> Numbers:
        """What a layer reads: the activation below, with dropout what is left of it."""
        if self.mask(l) is None:
            return self.a(l - 1)
        return self._make("dropped", l, quantity=("a_prev", l))

    def z(self, l: int) -> Numbers:
        """Weighted input."""
        return self._make("z", l, quantity=("z", l))

    def a(self, l: int) -> Numbers:
        """Activation; x for layer 0."""
        return self._make("a", l, quantity=("a", l)) if l else self.x

    def weighing(self) -> Weighing:
        """The targets with their weights, and what the loss divides by."""
        weighing: Weighing = self._make("weighing", self.L)
        return weighing

    def cost(self) -> Numbers:
        """The value of the loss, and of the penalty."""
        return self._make("cost", self.L, quantity=("loss", self.L))

    def loss(self) -> Numbers:
        """The value of the loss alone."""
        return self._make("C", self.L)

    def penalty(self, part: Part) -> Numbers:
        """The value of the penalty on a part."""
        return self._make("P", part)

    def slope(self, part: Part) -> Numbers:
        """The gradient of the penalty on a part."""
        return self._make("slope", part)

    def is_penalised(self, part: Part) -> bool:
        """Whether there is a penalty on a part."""
        return penalised(self.spec.penalty, part.name)

    def has(self, slot: str, part: Part) -> bool:
        """Whether a part has a penalty, rightly or by what stands in this slot."""
        if self.spec.penalty is None:
            return False
        return self.is_penalised(part) or self.is_exchanged(slot, part)

    def cotangent(self, l: int) -> Numbers:
        """dC/da."""
        return self._make("cotangent", l)

    def pullback(self, l: int, g: Numbers) -> Numbers:
        """dC/dz from g = dC/da, through the layer's activation."""
        return self.run("pullback", l, g)

    def delta(self, l: int) -> Numbers:
        """dC/dz."""
        return self._make("BP1" if l == self.L else "BP2", l, quantity=("delta", l))

    def db(self, l: int) -> Numbers:
        """dC/db."""
        return self._make("db", l, quantity=("db", l))

    def dW(self, l: int) -> Numbers:
        """dC/dW."""
        return self._make("dW", l, quantity=("dW", l))

    def of_loss(self, part: Part) -> Numbers:
        """dW or db without the penalty's."""
        return self._make("BP4" if part.name == "W" else "BP3", part.layer)

    def gradient(self, part: Part) -> Numbers:
        """What the update is given."""
        return self._make("gradient", part)

    def norm(self, part: Part | None = None) -> Numbers:
        """The norm that the gradient of a part is clipped by; rightly, that of all
        parts.
        """
        if part is not None:
            return self._make("norm", part)
        if ("norm", None) not in self._arrays:
            self._arrays["norm", None] = penalising.norm([*map(self.gradient, self.parts)])
        return self._arrays["norm", None]

    def share(self, part: Part) -> Numbers:
        """How much of the gradient of a part clipping by the norm leaves."""
        return self._make("share", part)

    def clipped(self, part: Part) -> Numbers:
        """What the update rule reads."""
        return self._make("clipped", part)

    def decay(self, part: Part) -> Numbers:
        """What the weight decay adds to the gradient; lr times it is what a decoupled
        rule takes from theta.
        """
        return self._make("decay", part)

    def decayed(self, part: Part) -> Numbers:
        """The gradient, with the weight decay added where the rule couples them."""
        return self._make("decayed", part)

    def state(self, key: str, part: Part) -> Numbers:
        """A vector of the state after the step."""
        return self._make(key, part, quantity=(f"{key} of {part.name}", part.layer))

    def new(self, part: Part) -> Numbers:
        """W or b after the step."""
        return self._make("step", part, quantity=(part.name, part.layer))

    def walk(self) -> Iterator[Quantity]:
        """Everything that a record can show, in order of computation."""
        for l in range(1, self.L + 1):
            yield from [("a_prev", l)] * (self.mask(l) is not None)
            yield from (("z", l), ("a", l))
        yield ("loss", self.L)
        for l in range(self.L, 0, -1):
            yield from (("delta", l), *[("db", l)] * self.has_bias(l), ("dW", l))
        yield from (
            (f"{key} of {part.name}", part.layer) for part in self.parts for key in self.keeps(part)
        )
        yield from ((part.name, part.layer) for part in self.parts)

    def make(self, quantity: Quantity) -> Numbers:
        """One of the arrays that a record can show."""
        name, l = quantity
        of_layer = {
            "a_prev": self.a_prev,
            "z": self.z,
            "a": self.a,
            "loss": lambda _: self.cost(),
            "delta": self.delta,
            "db": self.db,
            "dW": self.dW,
        }
        if name in of_layer:
            return of_layer[name](l)
        key, _, part = name.rpartition(" of ")
        return self.state(key, Part(part, l)) if key else self.new(Part(name, l))

    def branched(
        self,
        slot: str,
        where: int | Part,
        result: Numbers,
        stays: Callable[[Quantity], bool],
    ) -> "StepProgram":
        """The same step in which a slot has made something else; of the other arrays
        those that stay are as they are here.
        """
        given = self.x, self.y, self._start, self._state, self.previous, self._exchanged
        branch = StepProgram(
            self.spec,
            *given,
            known=lambda each: self.make(each) if stays(each) else None,
            sample_weight=self.sample_weight,
            masks=self.masks,
        )
        branch._arrays[slot, where] = result
        return branch

    def is_exchanged(self, slot: str, where: int | Part) -> bool:
        """Whether a wrong function stands in this slot here."""
        return any(layer_of(where) in layers for _, layers in self._exchanged.get(slot, ()))

    def taken(self, part: Part) -> float:
        """How many times a gradient that is shown the update takes: a convention may
        have a sign or an average there.
        """
        function: Callable[[], Any] = partial(float, 1)
        for wrong, layers in self._exchanged.get("gradient", ()):
            if part.layer in layers:
                function = partial(wrong, self, part, function)
        times = function()
        return times if isinstance(times, float) else 1.0

    def _make(self, slot: str, where: Any, quantity: Quantity | None = None) -> Numbers:
        if (slot, where) not in self._arrays:
            array = self._known(quantity) if quantity else None
            if array is None:
                array = self.run(slot, where)
                array = self._observe(quantity, array) if quantity else array
            self._arrays[slot, where] = array
        return self._arrays[slot, where]

    def run(self, slot: str, where: Any, *given: Numbers) -> Numbers:
        """What the function in a slot gives, made anew."""
        function = partial(RIGHT.get(slot) or kept_vector(slot), self, where, *given)
        # each wrong function gets the one before it as the right one, so that two
        # mistakes in one slot both take effect
        for wrong, layers in self._exchanged.get(slot, ()):
            if layer_of(where) in layers:
                function = partial(wrong, self, where, *given, function)
        return function()
