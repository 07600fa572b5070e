"use strict";

// Mistakes of parity's catalogue, by their ids, to be switched on in a training step of
// the engine: `slots` are the functions to call it with, and `stands` says in which
// layers, from 0 on, of a program { layers, loss, optimizer } a mistake can stand. In
// the other layers its functions give what is right. What is said of each comes from
// the catalogue.

const {
  OPTIMIZERS,
  activated,
  entrywise,
  lossValue,
  product,
  pullback,
  sigmoid,
  softmax,
  targetRows,
  transpose,
  update,
  weightedInput,
} = require("./engine.js");

// where a mistake can stand

const both = (...places) => (program, l) => places.every((place) => place(program, l));
const anywhere = () => true;
const isLast = ({ layers }, l) => l === layers.length - 1;
const isHidden = (program, l) => !isLast(program, l);
const isInner = (program, l) => l > 0;
const isCurved = ({ layers }, l) => layers[l].activation !== "identity";
const isSquare = ({ layers }, l) => layers[l].W.length === layers[l].W[0].length;
const hasBiases = ({ layers }, l) => layers[l].b !== null;
const above = (place) => (program, l) => place(program, l + 1);
const below = (place) => (program, l) => place(program, l - 1);
const has = (...names) => ({ layers }, l) => names.includes(layers[l].activation);
const trainedBy = (loss) => (program) => program.loss === loss;
const uses = (...names) => ({ optimizer }) => names.includes(optimizer.name);
const hasMomentum = ({ optimizer }) => Boolean(optimizer.settings?.momentum);

/** The pairs in which the pole of dC/da cancels against f', so that delta is p - y. */
const FUSED = [
  "cross_entropy softmax",
  "cross_entropy sigmoid",
  "softmax_cross_entropy identity",
  "binary_cross_entropy sigmoid",
  "sigmoid_cross_entropy identity",
];
const isFused = ({ layers, loss }, l) =>
  isLast({ layers }, l) && FUSED.includes(`${loss} ${layers[l].activation}`);
const isPulled = (program, l) => !isFused(program, l);
const pulled = (...names) => both(has(...names), isPulled);

// what wrong formulas are made of

const times = (factor, numbers) => entrywise((each) => factor * each, numbers);

/** dC/da, which the right delta is made of. */
function cotangent(s, l, right) {
  right();
  return s.gradients[l].gradA;
}

/** What a cross-entropy compares with the targets. */
function probability({ loss, trace }, l) {
  const { z, a } = trace[l];
  if (loss === "softmax_cross_entropy") return z.map(softmax);
  return loss === "sigmoid_cross_entropy" ? entrywise(sigmoid, z) : a;
}

/** One layer after the step, which needs no other layer's gradient. */
function stepped({ layers, gradients, optimizer, lr }, l) {
  const ofLayer = ([name, kept]) => [name, Array.isArray(kept) ? [kept[l]] : kept];
  const state = Object.fromEntries(Object.entries(optimizer.state ?? {}).map(ofLayer));
  return update([layers[l]], [gradients[l]], { ...optimizer, state }, lr).layers[0];
}

/** A gradient with that of the step before, which nobody has set to 0. */
const accumulated = (name) => (s, l, right) =>
  s.previous ? entrywise((old, g) => old + g, s.previous.gradients[l][name], right()) : right();

/** dC/da for C = -mean log softmax(softmax(a)), where a is z. */
function twiceGradient({ trace, y }, l) {
  const p = trace[l].z.map(softmax);
  const rows = targetRows(y, p[0].length);
  const g = entrywise((q, y) => (q - y) / p.length, p.map(softmax), rows);
  return pullback({ activation: "softmax" }, g, trace[l].z, p);
}

const MISTAKES = {
  "bias-forgotten": {
    stands: hasBiases,
    slots: { z: (s, l) => weightedInput({ ...s.layers[l], b: null }, s.trace[l].aPrev) },
  },
  "activation-forgotten": {
    stands: isCurved,
    slots: { a: (s, l) => s.trace[l].z },
  },
  "loss-not-averaged": {
    stands: isLast,
    slots: { C: (s, l, right) => s.x.length * right() },
  },
  "softmax-twice": {
    stands: both(isLast, trainedBy("softmax_cross_entropy")),
    slots: {
      C: (s, l) => lossValue(s.loss, s.trace[l].a.map(softmax), s.y),
      cotangent: twiceGradient,
    },
  },
  "output-derivative-missing": {
    stands: both(isLast, isPulled, isCurved),
    slots: { BP1: cotangent },
  },
  "output-derivative-extra": {
    stands: isFused,
    slots: {
      BP1: (s, l, right) =>
        entrywise((delta, p) => delta * p * (1 - p), right(), probability(s, l)),
    },
  },
  "averaged-twice": {
    stands: isLast,
    slots: { BP1: (s, l, right) => times(1 / s.x.length, right()) },
  },
  "softmax-diagonal-only": {
    stands: has("softmax"),
    slots: {
      pullback: (s, l, right, gradA) =>
        entrywise((g, p) => g * p * (1 - p), gradA, s.trace[l].a),
    },
  },
  "hidden-derivative-missing": {
    stands: both(isHidden, isCurved),
    slots: { BP2: cotangent },
  },
  "derivative-at-a": {
    stands: pulled("sigmoid", "tanh"),
    slots: {
      pullback({ layers, trace }, l, right, gradA) {
        const { a } = trace[l];
        return pullback(layers[l], gradA, a, activated(layers[l], a));
      },
    },
  },
  "relu-mask-on-gradient": {
    stands: pulled("relu"),
    slots: { pullback: (s, l, right, gradA) => entrywise((g) => Math.max(g, 0), gradA) },
  },
  "hidden-weights-transposed": {
    stands: both(isHidden, above(isSquare)),
    slots: {
      cotangent: (s, l) => product(s.gradients[l + 1].delta, transpose(s.layers[l + 1].W)),
    },
  },
  "updated-weights": {
    stands: isHidden,
    slots: {
      cotangent: (s, l, right) =>
        s.lr === null ? right() : product(s.gradients[l + 1].delta, stepped(s, l + 1).W),
    },
  },
  "db-last-sample-only": {
    stands: hasBiases,
    slots: { BP3: (s, l) => s.gradients[l].delta.at(-1) },
  },
  "gradients-not-reset": {
    stands: anywhere,
    slots: { BP3: accumulated("db"), BP4: accumulated("dW") },
  },
  "dW-from-z": {
    stands: both(isInner, below(isCurved)),
    slots: { BP4: (s, l) => product(transpose(s.gradients[l].delta), s.trace[l - 1].z) },
  },
  "step-uphill": {
    stands: anywhere,
    slots: {
      rule(s, l, right) {
        const { move, state } = right();
        return { move: times(-1, move), state };
      },
    },
  },
  "momentum-without-effect": {
    stands: both(uses("sgd", "rmsprop"), hasMomentum),
    slots: {
      rule({ optimizer: { name, settings } }, l, right, d, state) {
        return OPTIMIZERS[name](d, state, { ...settings, momentum: 0 });
      },
    },
  },
  "momentum-as-average": {
    stands: both(uses("sgd"), hasMomentum),
    slots: {
      rule({ optimizer }, l, right, d, { v: old = times(0, d) }) {
        const { momentum, nesterov } = optimizer.settings;
        const v = entrywise((v, d) => momentum * v + (1 - momentum) * d, old, d);
        const move = nesterov ? entrywise((d, v) => d + momentum * v, d, v) : v;
        return { move, state: { v } };
      },
    },
  },
  "adam-without-correction": {
    stands: uses("adam", "adamw"),
    slots: {
      rule({ optimizer }, l, right) {
        const { eps = 1e-8, amsgrad = false } = optimizer.settings ?? {};
        const { state } = right();
        const { m, v, vMax } = state;
        const step = (m, v) => m / (Math.sqrt(v) + eps);
        return { move: entrywise(step, m, amsgrad ? vMax : v), state };
      },
    },
  },
};

/** The mistake, whose functions give what is right where it cannot stand. */
function guarded({ stands, slots }) {
  const whereItStands = (wrong) => (s, l, right, ...given) =>
    stands(s, l ?? 0) ? wrong(s, l, right, ...given) : right(); // a rule has no layer
  const entries = Object.entries(slots).map(([slot, wrong]) => [slot, whereItStands(wrong)]);
  return { stands, slots: Object.fromEntries(entries) };
}

module.exports = Object.fromEntries(
  Object.entries(MISTAKES).map(([id, mistake]) => [id, guarded(mistake)]),
);
