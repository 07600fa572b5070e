"use strict";

// refnet's own numbers beside the page's, and what a gradient check sees.

const { trainingStep } = require("../engine.js");

const LAYERS = ["z", "a", "delta", "dW", "db", "W", "b"];

const flat = (array) => (Array.isArray(array) ? array.flat(Infinity) : [array]);
const largest = (numbers) => numbers.reduce((most, each) => Math.max(most, Math.abs(each)), 0);

/** What the page computes of a scene, by refnet's names. */
function own(scene) {
  const { layers, x, y, loss, lr, optimizer } = scene;
  const step = trainingStep({ layers, x, y, loss, lr, optimizer });
  const of = { z: step.trace, a: step.trace, delta: step.gradients, dW: step.gradients };
  Object.assign(of, { db: step.gradients, W: step.after ?? [], b: step.after ?? [] });
  const arrays = LAYERS.map((name) => [name, of[name].map((layer) => layer[name])]);
  return { C: step.cost, ...Object.fromEntries(arrays) };
}

/**
 * Each array of refnet's beside the page's: the largest difference, and whether that is
 * within what rounding allows or, where the file has no bounds, within the digits shown of
 * the array's largest entry.
 */
function compared(scene) {
  if (!scene.refnet) return [];
  const page = own(scene);
  const rows = [];
  for (const [name, arrays] of Object.entries(scene.refnet)) {
    const [theirs, ours] = name === "C" ? [[arrays], [page.C]] : [arrays, page[name]];
    theirs.forEach((array, l) => {
      if (array === null) return;
      const bound = name === "C" ? scene.allowed?.C : scene.allowed?.[name][l];
      const where = name === "C" ? "C" : `${name}^${l + 1}`;
      rows.push({ name: where, ...difference(flat(ours[l]), flat(array), bound, scene.digits) });
    });
  }
  return rows;
}

function difference(ours, theirs, allowed, digits) {
  const gaps = theirs.map((each, i) => Math.abs(each - ours[i]));
  const place = Math.floor(Math.log10(largest(theirs) || 1)) - digits + 1;
  const bounds = allowed !== undefined ? flat(allowed) : gaps.map(() => 10 ** place / 2);
  // a NaN is not within anything
  const isWithin = gaps.every((gap, i) => gap <= bounds[i]) && ours.length === theirs.length;
  return { gap: Math.max(...gaps), isWithin, count: theirs.length };
}

// a gradient check

const STEP = 2 ** -9; // of the larger difference; the smaller is half of it
const ENTRIES = 24; // of each array, at most
const WORK = 6_000_000; // products of numbers in a whole check; more are a pause that is seen

/**
 * Each W and b: the entry where dW or db is furthest from the difference quotient of the
 * cost, measured by the quotient's own estimated error.
 */
function gradientCheck(model) {
  const { gradients } = model.step;
  const arrays = model.layers.flatMap(({ W, b }, l) => [
    [l, "W", W, gradients[l].dW],
    ...(b ? [[l, "b", b, gradients[l].db]] : []),
  ]);
  const products = model.layers.reduce((sum, { W }) => sum + W.length * W[0].length, 0);
  const each = 4 * arrays.length * products * model.batch.x.length; // an entry has four costs
  const most = Math.max(4, Math.min(ENTRIES, Math.floor(WORK / each)));
  return arrays.map((array) => worst(model, most, ...array));
}

function worst(model, most, l, name, array, gradient) {
  const places = array.flatMap((row, i) =>
    Array.isArray(row) ? row.map((_, j) => [i, j]) : [[i]],
  );
  const every = Math.ceil(places.length / most);
  const tried = places.filter((_, i) => i % every === 0);
  const shares = tried.map((index) => {
    const at = (from) => index.reduce((part, i) => part?.[i], from);
    const analytic = at(gradient);
    const { numeric, error } = quotient(model, l, name, index, at(array));
    const gap = Math.abs(analytic - numeric);
    return { index, analytic, numeric, error, isOff: !(gap <= error), share: gap / error };
  });
  const furthest = shares.reduce((a, b) => (b.share > a.share || Number.isNaN(b.share) ? b : a));
  const isOff = shares.some((each) => each.isOff);
  return {
    name: `${name}^${l + 1}`,
    tried: tried.length,
    of: places.length,
    isOff,
    worst: furthest,
  };
}

/** A central difference, extrapolated once, and what may be left of its error. */
function quotient(model, l, name, index, theta) {
  const scale = Math.max(1, Math.abs(theta));
  const cost = (value) => model.costOf(changed(model.layers, l, name, index, value));
  const central = (h) => (cost(theta + h) - cost(theta - h)) / (theta + h - (theta - h));
  const [wide, narrow] = [central(STEP * scale), central((STEP / 2) * scale)];
  const numeric = (4 * narrow - wide) / 3;
  // each number on the way to C is rounded, by half an epsilon at most
  const roundings = model.layers.reduce(
    (sum, { W }) => sum + W[0].length + 4,
    model.batch.x.length,
  );
  const rounding = (roundings * Number.EPSILON * Math.abs(model.step.cost)) / (STEP * scale);
  return { numeric, error: Math.abs(numeric - narrow) + rounding };
}

function changed(layers, l, name, index, value) {
  const array = structuredClone(layers[l][name]);
  if (name === "W") array[index[0]][index[1]] = value;
  else array[index[0]] = value;
  return layers.map((layer, i) => (i === l ? { ...layer, [name]: array } : layer));
}

module.exports = { compared, gradientCheck };
