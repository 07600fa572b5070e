"use strict";

// refnet's own numbers beside the page's, and what a gradient check sees.

const { difference: quotient } = require("./differences.js");
const { LOG_FLOOR, entrywise, targetRows, trainingStep, update } = require("../engine.js");
const { ofCost, ofForward, ofGradients, UNIT } = require("./rounding.js");

const NORMAL = 2 ** -1022; // numbers below it have fewer digits, or none
const MOVE_ROUNDINGS = 16; // at most so many of a number on its way through an update rule
const LAYERS = ["z", "a", "delta", "dW", "db", "W", "b"];

const flat = (array) => (Array.isArray(array) ? array.flat(Infinity) : [array]);
const largest = (numbers) => numbers.reduce((most, each) => Math.max(most, Math.abs(each)), 0);

/** What the page computes of a scene, by refnet's names, and how far it may be off. */
function own(scene, words) {
  const step = trainingStep(scene);
  const of = { z: step.trace, a: step.trace, delta: step.gradients, dW: step.gradients };
  Object.assign(of, { db: step.gradients, W: step.after ?? [], b: step.after ?? [] });
  const arrays = LAYERS.map((name) => [name, of[name].map((layer) => layer[name])]);
  const page = { C: [step.cost], ...Object.fromEntries(arrays) };
  return { page, allowed: scene.allowed ?? estimated(step, words) };
}

/** What rounding may do to each number, to first order. */
function estimated(step, words) {
  const { reads } = words.losses[step.loss];
  const forward = ofForward(step);
  const { sizes, roundings } = ofGradients(step, reads, forward);
  const of = (name) =>
    sizes.map((each) => each[name] && entrywise((size) => roundings * size, each[name]));
  const [delta, dW, db] = ["delta", "dW", "db"].map(of);
  const after = step.after && moved(step, dW, db);
  return {
    C: [ofCost(step, reads)],
    z: forward.map(({ z }) => z),
    a: forward.map(({ a }) => a),
    ...{ delta, dW, db },
    W: after?.map(({ W }) => W),
    b: after?.map(({ b }) => b),
  };
}

/** How far the step may end elsewhere where its gradients are off by so much. */
function moved({ layers, gradients, optimizer, lr, after }, dW, db) {
  const ends = [-1, 1].map((sign) => {
    const by = (g, off) => g && entrywise((g, off) => g + sign * off, g, off);
    const wrong = gradients.map((each, l) => ({ dW: by(each.dW, dW[l]), db: by(each.db, db[l]) }));
    return update(layers, wrong, optimizer, lr).layers;
  });
  const apart = (l, name) => {
    const arrays = [layers, after, ...ends].map((each) => each[l][name]);
    return arrays[0] && entrywise(furthest, ...arrays);
  };
  return layers.map((_, l) => ({ W: apart(l, "W"), b: apart(l, "b") }));
}

const furthest = (before, after, ...ends) =>
  Math.max(...ends.map((each) => Math.abs(each - after))) +
  MOVE_ROUNDINGS * UNIT * (Math.abs(before) + Math.abs(after));

/**
 * Each array of refnet's beside the page's: the largest difference, and whether that is
 * within what rounding allows: the bounds of the file or, where it has none, an estimate
 * to first order, and then within half of the last digit shown of the array's largest
 * entry at least.
 */
function compared(scene, words) {
  if (!scene.refnet) return [];
  const { page, allowed } = own(scene, words);
  const rows = [];
  for (const [name, theirs] of Object.entries(scene.refnet)) {
    const asArrays = (each) => (name === "C" ? [each].flat() : each);
    const [arrays, bounds] = [theirs, allowed[name]].map(asArrays);
    arrays.forEach((array, l) => {
      if (array === null) return;
      const where = name === "C" ? "C" : `${name}^${l + 1}`;
      const [ours, bound] = [page[name][l], bounds[l]].map(flat);
      const least = scene.allowed ? 0 : halfDigit(flat(array), scene.digits);
      rows.push({ name: where, ...difference(ours, flat(array), bound, least) });
    });
  }
  return rows;
}

const halfDigit = (numbers, digits) =>
  10 ** (Math.floor(Math.log10(largest(numbers) || 1)) - digits + 1) / 2;

function difference(ours, theirs, bounds, least) {
  const gaps = theirs.map((each, i) => Math.abs(each - ours[i]));
  // a NaN is not within anything
  const are = gaps.every((gap, i) => gap <= Math.max(bounds[i], least, NORMAL));
  const gap = gaps.reduce((most, each) => Math.max(most, each), 0);
  return { gap, isWithin: are && ours.length === theirs.length, count: theirs.length };
}

// a gradient check

const ENTRIES = 24; // of each array, at most
const WORK = 30_000_000; // products of numbers in a whole check; more are a pause that is seen
const COSTS = 13; // of an entry, with its ladder of steps

/**
 * Each W and b: the entry where dW or db is furthest from the difference quotient of the
 * cost, measured by the estimated error of the quotient and of backprop's own rounding.
 * Where no difference tells the derivative, as at a kink, an entry is not judged.
 */
function gradientCheck(model) {
  const { gradients } = model.step;
  const { sizes, roundings } = ofGradients(model.step, model.words.losses[model.loss].reads);
  const arrays = model.layers.flatMap(({ W, b }, l) => [
    [l, "W", W, gradients[l].dW, sizes[l].dW],
    ...(b ? [[l, "b", b, gradients[l].db, sizes[l].db]] : []),
  ]);
  const products = model.layers.reduce((sum, { W }) => sum + W.length * W[0].length, 0);
  const each = COSTS * arrays.length * products * model.batch.x.length;
  const most = Math.max(4, Math.min(ENTRIES, Math.floor(WORK / each)));
  const own = isOnTheFloor(model) ? Infinity : roundings;
  return arrays.map((array) => worst(model, most, own, ...array));
}

/**
 * Whether C counts the logarithm of a probability that is wanted as the floor: there the
 * loss is flat, and dC/da is not.
 */
function isOnTheFloor({ right: { trace, loss, y }, words }) {
  if (words.losses[loss].reads !== "probabilities") return false;
  const { a } = trace.at(-1);
  const isLow = (p) => p <= Math.exp(LOG_FLOOR);
  const has = (a, y) =>
    (y > 0 && isLow(a)) || (loss === "binary_cross_entropy" && y < 1 && isLow(1 - a));
  return entrywise(has, a, targetRows(y, a[0].length)).flat().some(Boolean);
}

function worst(model, most, roundings, l, name, array, gradient, sizes) {
  const places = array.flatMap((row, i) =>
    Array.isArray(row) ? row.map((_, j) => [i, j]) : [[i]],
  );
  const every = Math.ceil(places.length / most);
  const tried = places.filter((_, i) => i % every === 0);
  // nothing equals a cost that the mistake alone takes out of the range
  const isLost = Number.isFinite(model.right.cost) && !Number.isFinite(model.step.cost);
  const entries = tried.map((index) => {
    const at = (from) => index.reduce((part, i) => part?.[i], from);
    const { numeric, error } = quotient(model, l, name, index);
    return judged(index, at(gradient), numeric, error + roundings * at(sizes), isLost);
  });
  const furthest = entries.reduce((a, b) => (b.share > a.share ? b : a));
  return {
    name: `${name}^${l + 1}`,
    tried: tried.length,
    of: places.length,
    judged: entries.filter(({ isJudged }) => isJudged).length,
    isOff: furthest.share > 1,
    worst: furthest,
  };
}

/** An entry: a gradient that is not finite is off, judged or not. */
function judged(index, analytic, numeric, error, isLost) {
  const gap = Math.abs(analytic - numeric);
  const isJudged = Number.isFinite(error);
  let share = isJudged ? gap && gap / error : -1; // without a gap, no error is needed
  if (isLost || !Number.isFinite(analytic)) share = Infinity;
  return { index, analytic, numeric, error, isJudged, share };
}

module.exports = { compared, gradientCheck };
