"use strict";

// How far rounding can move the numbers of a step, to first order: of what a number is
// the sum of, each term counts with its size, and the sum with one rounding for each.

const {
  dot,
  derivative,
  entrywise,
  lossGradient,
  product,
  sum,
  targetRows,
  transpose,
} = require("../engine.js");

const UNIT = Number.EPSILON / 2; // half the distance from 1 to the next number
const STRAIGHT = ["identity", "relu", "leaky_relu"]; // f' is without a rounding

const sizes = (array) => entrywise(Math.abs, array);

/** The largest that f' can be where z is off by so much: a z near 0 may be above it. */
function slopes(layer, { z, a }, off) {
  const slope = derivative(layer, z, a);
  if (!STRAIGHT.includes(layer.activation)) return slope;
  const steepest = (d, z, by) => Math.max(Math.abs(d), Math.abs(z) <= by ? 1 : 0);
  return entrywise(steepest, slope, z, off);
}

/** Of each layer: the sums of |terms| of z, and how far z and a may be off. */
function ofForward({ layers, trace }) {
  let before = entrywise(() => 0, trace[0].aPrev);
  return layers.map((layer, l) => {
    const { aPrev, z, a } = trace[l];
    const W = transpose(sizes(layer.W));
    const terms = product(sizes(aPrev), W);
    const size = terms.map((row) => row.map((each, j) => each + Math.abs(layer.b?.[j] ?? 0)));
    const roundings = (layer.W[0].length + 2) * UNIT;
    const offZ = entrywise((come, own) => come + roundings * own, product(before, W), size);
    before = through(layer, { z, a }, offZ);
    return { size, z: offZ, a: before };
  });
}

/** How far a is off where z is off by so much. */
function through(layer, here, off) {
  const { z, a } = here;
  const own = (8 + z[0].length) * UNIT;
  const slope = slopes(layer, here, off);
  if (slope) return entrywise((d, by, a) => Math.abs(d) * by + own * Math.abs(a), slope, off, a);
  return a.map((row, i) => {
    const by = off[i].map((each, j) => each + UNIT * Math.abs(z[i][j]));
    return row.map((each, j) => each * (by[j] + dot(row, by) + own));
  });
}

/** How far C may be off. */
function ofCost({ layers, trace, loss, x, y, cost }, reads) {
  const { a } = trace.at(-1);
  const off = ofForward({ layers, trace }).at(-1).a;
  const own = reads === "logits" ? (2 * sum(sizes(a).flat())) / x.length : 0;
  const carried = sum(entrywise((g, by) => Math.abs(g) * by, lossGradient(loss, a, y), off).flat());
  return ofValue(a, Math.abs(cost) + own) + carried;
}

/** How far the loss' own sum can be off, where its terms have this size in all. */
const ofValue = (a, size) => UNIT * (a.length * a[0].length + 16) * size;

/**
 * The sums of |terms| of delta, dW and db of each layer, and the roundings of each. With
 * `off`, which says how far z and a may be off, that counts too, as if it were a larger
 * term, and so does what jumps at a kink so near.
 */
function ofGradients({ layers, trace, gradients, loss, x, y }, reads, off) {
  const paths = sum(layers.map(({ W }) => W.length + W[0].length + 20));
  const roundings = 2 * UNIT * (paths + x.length);
  const ofA = trace.map(({ a }, l) =>
    off ? entrywise((a, by) => Math.abs(a) + by / roundings, a, off[l].a) : sizes(a),
  );
  const jumps = (numbers, by) =>
    entrywise((each, by) => (off && Math.abs(each) <= by ? 1 / roundings : 0), numbers, by);
  const found = [];
  for (let l = layers.length - 1; l >= 0; l--) {
    const { z, a } = trace[l];
    const kinks = layers[l].activation.endsWith("relu") ? jumps(z, off?.[l].z ?? z) : null;
    const down = (g) => pulled(layers[l], trace[l], g, ofA[l], kinks);
    const here = (found[l] = {});
    if (l < layers.length - 1) {
      here.delta = down(product(found[l + 1].delta, sizes(layers[l + 1].W)));
    } else if (reads === "values") {
      const gaps = entrywise((a, y) => a - y, a, y);
      here.delta = down(ofValues(loss, ofA[l], y, loss === "mae" && jumps(gaps, off?.[l].a ?? a)));
    } else here.delta = ofProbabilities(loss, a, ofA[l], gradients[l].delta, y);
    const columns = transpose(here.delta);
    here.dW = product(columns, l ? ofA[l - 1] : sizes(x));
    here.db = layers[l].b && columns.map(sum);
  }
  return { sizes: found, roundings };
}

/** The sums of |terms| of dC/da, a + y for a - y; of MAE, what a jump of its sign is. */
function ofValues(loss, ofA, y, jumps) {
  const zeros = entrywise(() => 0, y);
  const size = lossGradient(
    loss,
    entrywise((a, y) => a + Math.abs(y), ofA, y),
    zeros,
  );
  if (!jumps) return size;
  const whole = lossGradient(
    loss,
    entrywise(() => 1, y),
    zeros,
  );
  return entrywise((size, whole, jump) => size + 2 * whole * jump, size, whole, jumps);
}

/** The sums of |terms| of delta where outputs are probabilities, or become such: p + y. */
function ofProbabilities(loss, a, ofA, delta, y) {
  const isBinary = loss === "binary_cross_entropy";
  const perRow = isBinary || loss === "sigmoid_cross_entropy" ? a[0].length : 1;
  const share = 1 / (a.length * perRow);
  // log(1 - a) magnifies the rounding of an a near 1
  const near = (a, y) => (isBinary ? (1 - y) / Math.max(1 - a, UNIT) : 0);
  const size = (d, a, ofA, y) => Math.abs(d) + (2 + near(a, y) + ofA - Math.abs(a)) * share;
  return entrywise(size, delta, a, ofA, targetRows(y, a[0].length));
}

/** The sums of |terms| of dC/dz, from those of dC/da. */
function pulled(layer, { z, a }, gradA, ofA, kinks) {
  const slope = derivative(layer, z, a);
  if (!slope) {
    return ofA.map((row, i) => row.map((p, j) => p * (gradA[i][j] + dot(gradA[i], row))));
  }
  const zeros = entrywise(() => 0, a);
  const more = kinks ?? (layer.activation === "identity" ? zeros : ofA);
  return entrywise((g, d, more) => g * (Math.abs(d) + more), gradA, slope, more);
}

module.exports = { ofCost, ofForward, ofGradients, ofValue, UNIT };
