"use strict";

// A multilayer perceptron: the forward pass, the cost, backpropagation and the update
// rules, with PyTorch's conventions, as in refnet. Matrices are arrays of rows, and
// rows are samples. A layer is { W, b, activation, slope }; W has fan_out rows and
// fan_in columns. No function changes what it is given.

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const dot = (u, v) => sum(u.map((each, j) => each * v[j]));
const transpose = (A) => A[0].map((_, k) => A.map((row) => row[k]));

function product(A, B) {
  const columns = transpose(B);
  return A.map((row) => columns.map((column) => dot(row, column)));
}

/** f of the numbers that stand at one place in all arrays, for every place. */
function entrywise(f, first, ...others) {
  if (!Array.isArray(first)) return f(first, ...others);
  return first.map((each, i) => entrywise(f, each, ...others.map((array) => array[i])));
}

// activations, row by row: a = f(z), and the pullback, which takes dC/da to dC/dz

/** For f of a single number, the pullback is a product with f'(z). */
const elementwise = (f, derivative) => ({
  value: (z, slope) => z.map((each) => f(each, slope)),
  derivative,
  pullback: (gradA, z, a, slope) => gradA.map((g, j) => g * derivative(z[j], a[j], slope)),
});

// where exp(-z) overflows to Infinity, 1 / Infinity is 0, as it should be
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

function softmax(z) {
  const highest = Math.max(...z); // exp cannot overflow then
  const e = z.map((each) => Math.exp(each - highest));
  const total = sum(e);
  return e.map((each) => each / total);
}

const ACTIVATIONS = {
  identity: elementwise((z) => z, () => 1),
  sigmoid: elementwise(sigmoid, (z, a) => a * (1 - a)),
  tanh: elementwise(Math.tanh, (z, a) => 1 - a * a),
  relu: elementwise((z) => Math.max(z, 0), (z) => (z > 0 ? 1 : 0)),
  leaky_relu: elementwise(
    (z, slope) => (z > 0 ? z : slope * z),
    (z, a, slope) => (z > 0 ? 1 : slope),
  ),
  softmax: {
    value: softmax,
    pullback(gradA, z, a) {
      const mean = dot(gradA, a);
      return a.map((each, j) => each * (gradA[j] - mean));
    },
  },
};

// losses, row by row: what a row adds to the cost, its gradient, and what divides both

const overSamples = (n) => n;
const overAll = (n, k) => n * k;

/** A loss that is a sum over the outputs. */
const summed = (value, gradient, divisor) => ({
  value: (a, y) => sum(a.map((each, j) => value(each, y[j]))),
  gradient: (a, y) => a.map((each, j) => gradient(each, y[j])),
  divisor,
});

const log = (p) => Math.max(Math.log(p), -100); // log 0 counts as -100, as in PyTorch
const LOG_FLOOR = log(0);
const ratio = (y, a) => (y === 0 ? 0 : y / a); // 0 / 0 is 0 here; refnet refuses 1 / 0

const LOSSES = {
  mse: summed((a, y) => (a - y) ** 2, (a, y) => 2 * (a - y), overAll),
  half_squared_error: summed((a, y) => (a - y) ** 2 / 2, (a, y) => a - y, overSamples),
  mae: summed((a, y) => Math.abs(a - y), (a, y) => Math.sign(a - y), overAll),
  cross_entropy: summed((a, y) => -y * log(a), (a, y) => -ratio(y, a), overSamples),
  softmax_cross_entropy: {
    value(z, y) {
      const highest = Math.max(...z);
      const logSum = Math.log(sum(z.map((each) => Math.exp(each - highest))));
      return sum(z.map((each, j) => y[j] * (logSum - (each - highest))));
    },
    gradient: (z, y) => softmax(z).map((each, j) => each - y[j]),
    divisor: overSamples,
  },
  binary_cross_entropy: summed(
    (a, y) => -y * log(a) - (1 - y) * log(1 - a),
    (a, y) => ratio(1 - y, 1 - a) - ratio(y, a),
    overAll,
  ),
  sigmoid_cross_entropy: summed(
    (z, y) => Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z))),
    (z, y) => sigmoid(z) - y,
    overAll,
  ),
};

/** Labels as one-hot rows of width k; rows as they are. */
function targetRows(y, k) {
  if (Array.isArray(y[0])) return y;
  return y.map((label) => Array.from({ length: k }, (_, j) => (j === label ? 1 : 0)));
}

function lossValue(loss, a, y) {
  const { value, divisor } = LOSSES[loss];
  const rows = targetRows(y, a[0].length);
  return sum(a.map((row, i) => value(row, rows[i]))) / divisor(a.length, a[0].length);
}

/** dC/da. The 1/n stands here, so nothing after it divides. */
function lossGradient(loss, a, y) {
  const { gradient, divisor } = LOSSES[loss];
  const rows = targetRows(y, a[0].length);
  const count = divisor(a.length, a[0].length);
  return a.map((row, i) => gradient(row, rows[i]).map((each) => each / count));
}

// one training step

/** z = a_prev W^T + b; a layer without biases has the b null. */
function weightedInput({ W, b }, aPrev) {
  const z = product(aPrev, transpose(W));
  return b ? z.map((row) => row.map((each, j) => each + b[j])) : z;
}

function activated({ activation, slope }, z) {
  return z.map((row) => ACTIVATIONS[activation].value(row, slope));
}

/** From dC/da to dC/dz. */
function pullback({ activation, slope }, gradA, z, a) {
  return gradA.map((row, i) => ACTIVATIONS[activation].pullback(row, z[i], a[i], slope));
}

/** f'(z), or null for an activation that mixes the units of a row. */
function derivative({ activation, slope }, z, a) {
  const f = ACTIVATIONS[activation].derivative;
  return f ? entrywise((z, a) => f(z, a, slope), z, a) : null;
}

const runner =
  (s, wrong) =>
  (slot, l, right, ...given) =>
    wrong[slot] ? wrong[slot](s, l, right, ...given) : right();

/** A step as far as the cost. */
function forwardPass({ layers, x, y, loss, optimizer, lr, previous }, wrong = {}) {
  const s = { layers, x, y, loss, optimizer, lr, previous, trace: [], gradients: [] };
  const run = runner(s, wrong);
  layers.forEach((layer, l) => {
    const here = (s.trace[l] = { aPrev: l === 0 ? x : s.trace[l - 1].a });
    here.z = run("z", l, () => weightedInput(layer, here.aPrev));
    here.a = run("a", l, () => activated(layer, here.z));
  });
  s.cost = run("C", layers.length - 1, () => lossValue(loss, s.trace.at(-1).a, y));
  return s;
}

/**
 * A step in the order of computation: the cost; aPrev, z and a of each layer; gradA
 * (dC/da), delta (dC/dz), db and dW; and, where there is an lr, what it becomes. Layers
 * count from 0. `previous` is the step before. A function in `wrong` stands in the place
 * of the right one of that name: it is given the step so far, the layer (null for the
 * update rule, which is one for all) and the right one, as a program with a mistake has it.
 */
function trainingStep(program, wrong = {}) {
  const s = forwardPass(program, wrong);
  const { layers, y, loss, optimizer, lr } = s;
  const run = runner(s, wrong);
  const last = layers.length - 1;
  const output = s.trace[last].a;

  for (let l = last; l >= 0; l--) {
    const { aPrev, z, a } = s.trace[l];
    const here = (s.gradients[l] = {});
    const cotangent = (right) => (here.gradA = run("cotangent", l, right));
    const above = () => cotangent(() => product(s.gradients[l + 1].delta, layers[l + 1].W));
    const through = (gradA) => run("pullback", l, () => pullback(layers[l], gradA, z, a), gradA);
    if (l === last) {
      const own = () => cotangent(() => lossGradient(loss, output, y));
      here.delta = run("BP1", l, () => through(own())); // BP1
    } else {
      here.delta = run("BP2", l, () => through(above())); // BP2
    }
    here.db = layers[l].b && run("BP3", l, () => transpose(here.delta).map(sum)); // BP3
    here.dW = run("BP4", l, () => product(transpose(here.delta), aPrev)); // BP4
  }

  if (lr !== null) {
    const rule = (right, ...given) => run("rule", null, right, ...given);
    s.updated = update(layers, s.gradients, optimizer, lr, rule);
    s.after = s.updated.layers;
  }
  return s;
}

// update rules: from the gradient d and the state so far to the move and the next
// state, for theta := theta - lr move

const OPTIMIZERS = {
  sgd(d, state, { momentum = 0, dampening = 0, nesterov = false }) {
    if (!momentum) return { move: d, state };
    let v = d; // the first v is not dampened
    if (state.v) v = entrywise((v, d) => momentum * v + (1 - dampening) * d, state.v, d);
    const move = nesterov ? entrywise((d, v) => d + momentum * v, d, v) : v;
    return { move, state: { v } };
  },
  adagrad(d, state, { lr_decay = 0, initial_accumulator_value = 0, eps = 1e-10 }) {
    const start = entrywise(() => initial_accumulator_value, d);
    const { t, squares: old } = { t: 0, squares: start, ...state };
    const squares = entrywise((sum, d) => sum + d * d, old, d);
    const step = (d, sum) => d / (1 + t * lr_decay) / (Math.sqrt(sum) + eps);
    return { move: entrywise(step, d, squares), state: { t: t + 1, squares } };
  },
  rmsprop(d, state, { alpha = 0.99, eps = 1e-8, momentum = 0, centered = false }) {
    const zeros = entrywise(() => 0, d);
    const before = { squares: zeros, mean: zeros, v: zeros, ...state };
    const squares = entrywise((s, d) => alpha * s + (1 - alpha) * d * d, before.squares, d);
    const mean = entrywise((mean, d) => alpha * mean + (1 - alpha) * d, before.mean, d);
    const variance = (s, mean) => (centered ? Math.max(s - mean * mean, 0) : s);
    const quotient = (d, s, mean) => d / (Math.sqrt(variance(s, mean)) + eps);
    const q = entrywise(quotient, d, squares, mean);
    const v = entrywise((v, q) => momentum * v + q, before.v, q);
    return { move: v, state: { squares, mean, v } };
  },
  adam(d, state, { betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8, amsgrad = false }) {
    const zeros = entrywise(() => 0, d);
    const before = { t: 0, m: zeros, v: zeros, vMax: zeros, ...state };
    const t = before.t + 1;
    const m = entrywise((m, d) => beta1 * m + (1 - beta1) * d, before.m, d);
    const v = entrywise((v, d) => beta2 * v + (1 - beta2) * d * d, before.v, d);
    const vMax = entrywise(Math.max, before.vMax, v);
    const correction1 = 1 - beta1 ** t;
    const correction2 = Math.sqrt(1 - beta2 ** t);
    const step = (m, v) => m / correction1 / (Math.sqrt(v) / correction2 + eps);
    return { move: entrywise(step, m, amsgrad ? vMax : v), state: { t, m, v, vMax } };
  },
  adamw: (...given) => OPTIMIZERS.adam(...given), // which has no decay in d
};

/** One step of { name, settings, state }: the layers and the optimizer after it. */
function update(layers, gradients, optimizer, lr, run = (rule) => rule()) {
  const { name, settings = {}, state = {} } = optimizer;
  const isDecoupled = name === "adamw";
  const weight_decay = settings.weight_decay ?? (isDecoupled ? 0.01 : 0);
  const theta = layers.map(({ W, b }) => (b ? [W, b] : [W]));
  const g = gradients.map(({ dW, db }) => (db ? [dW, db] : [dW]));
  const d = isDecoupled ? g : entrywise((g, theta) => g + weight_decay * theta, g, theta);
  const shrunk = (theta) => (isDecoupled ? theta * (1 - lr * weight_decay) : theta);
  const { move, state: next } = run(() => OPTIMIZERS[name](d, state, settings), d, state);
  const moved = entrywise((theta, move) => shrunk(theta) - lr * move, theta, move);
  const after = layers.map((layer, l) => ({ ...layer, W: moved[l][0], b: moved[l][1] ?? null }));
  return { layers: after, optimizer: { name, settings, state: next }, move };
}

module.exports = {
  trainingStep,
  forwardPass,
  // its parts, for those who look closer
  sum,
  dot,
  transpose,
  product,
  entrywise,
  softmax,
  sigmoid,
  weightedInput,
  activated,
  pullback,
  derivative,
  targetRows,
  lossValue,
  lossGradient,
  LOG_FLOOR,
  OPTIMIZERS,
  update,
};
