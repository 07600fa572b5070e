"use strict";

// Difference quotients of C, extrapolated, with the error that is left: as refnet's
// gradient_check has them, with its reasons in refnet/differences/quotients.py.

const { ofCost, ofValue } = require("./rounding.js");
const { targetRows } = require("../engine.js");

const LADDER = [5, 7, 9, 11, 13].map((k) => 2 ** -k);
const REACH = 0.5; // how far a step may move a z of a curved function
const KINKED = ["relu", "leaky_relu"];

/** The derivative of C by one entry, and its estimated error: Infinity where none tells. */
function difference(model, l, name, index) {
  const theta = index.reduce((part, i) => part[i], model.layers[l][name]);
  const rounding = roundingOf(model);
  const probed = new Map();
  const probe = (value) => {
    if (!probed.has(value)) {
      const layers = changed(model.layers, l, name, index, value);
      probed.set(value, point(model, layers, value, rounding));
    }
    return probed.get(value);
  };
  const home = probe(theta);
  const scale = scaleOf(probe, theta);
  const ahead = LADDER.map((h) => probe(theta + scale * h));
  const behind = LADDER.map((h) => probe(theta - scale * h));
  const central = extrapolated(
    home,
    ahead.map((high, i) => [behind[i], high]),
    16,
  );
  if (Number.isFinite(central.error)) return central;
  const [up, down] = [ahead, behind].map((side) =>
    extrapolated(
      home,
      side.map((end) => [home, end]),
      4,
    ),
  );
  return down.error < up.error ? down : up;
}

/** How far C may be off; a wrong C is at most as many times the right one as there are rows. */
function roundingOf({ right, step, words, batch }) {
  const { reads } = words.losses[right.loss];
  return ofCost(step, reads) * (step.cost === right.cost ? 1 : batch.x.length);
}

/** C at a place, how far it may be off, the branch of each kink, each z of a curved f. */
function point(model, layers, at, rounding) {
  const { trace, cost } = model.forward(layers);
  const output = trace.at(-1).a;
  const ofKind = (isOne) =>
    trace.flatMap(({ z }, l) => (isOne(layers[l].activation) ? z.flat() : []));
  const branches = ofKind((f) => KINKED.includes(f)).map((z) => z > 0);
  if (model.loss === "mae") {
    const y = targetRows(model.batch.y, output[0].length).flat();
    branches.push(...output.flat().map((a, i) => Math.sign(a - y[i])));
  }
  const curved = ofKind((f) => f !== "identity" && !KINKED.includes(f));
  if (model.words.losses[model.loss].reads === "logits") curved.push(...output.flat());
  const more = Math.max(0, Math.abs(cost) - Math.abs(model.step.cost)); // a larger C rounds more
  return { at, cost, branches, curved, rounding: rounding + ofValue(output, more) };
}

/** A power of 4 that brings the largest step within reach, 1 where it is. */
function scaleOf(probe, theta) {
  const { cost, curved } = probe(theta);
  const isNear = (each, i, other) => Math.abs(other[i] - each) <= REACH || other[i] === each;
  const within = (end) => curved.every((each, i) => isNear(each, i, probe(end).curved));
  let scale = 1;
  while (Number.isFinite(cost) && ![1, -1].every((by) => within(theta + by * LADDER[0] * scale))) {
    scale /= 4;
  }
  return scale;
}

/** Whether C is smooth between two places, as far as both show. */
const continues = (here, there) =>
  Number.isFinite(there.cost) && there.branches.every((each, i) => each === here.branches[i]);

/** The best extrapolation of quotients of which the leading error falls by `factor`. */
function extrapolated(home, pairs, factor) {
  const weight = factor === 16 ? 1.15 : 1.97; // of the rounding in four extrapolations
  const none = { numeric: NaN, error: Infinity };
  let [best, above] = [none, []];
  for (const [low, high] of pairs) {
    const width = high.at - low.at;
    if (width === 0 || !continues(home, low) || !continues(home, high)) {
      [best, above] = [none, []]; // a kink within this step is within the larger ones, too
      continue;
    }
    const row = [(high.cost - low.cost) / width];
    const rounding = (weight * (low.rounding + high.rounding)) / Math.abs(width);
    above.forEach((before, i) => {
      const power = factor ** (i + 1);
      row.push((power * row.at(-1) - before) / (power - 1));
      // two quotients may agree by chance, and be off: two extrapolations must, too
      if (i + 1 === above.length) return;
      const near = [row.at(-2), before, above[i + 1]].map((each) => Math.abs(row.at(-1) - each));
      const error = Math.max(...near) + rounding;
      if (error < best.error) best = { numeric: row.at(-1), error };
    });
    above = row;
  }
  return best;
}

function changed(layers, l, name, index, value) {
  const array = structuredClone(layers[l][name]);
  if (name === "W") array[index[0]][index[1]] = value;
  else array[index[0]] = value;
  return layers.map((layer, i) => (i === l ? { ...layer, [name]: array } : layer));
}

module.exports = { difference };
