"use strict";

// One weight's derivative by the chain rule, as a sum over all paths from C down to it.

const { derivative, lossGradient } = require("../engine.js");

const MOST = 50_000; // paths that are walked; with more the page would stand still

/** The partial derivatives of a row's a by its z, as pairs of units that are not 0 by form. */
function pairs(layer, z, a) {
  const slopes = derivative(layer, [z], [a]);
  if (slopes) return a.map((_, i) => [[i, slopes[0][i]]]); // from a_i to z_i alone
  return a.map((each, i) => a.map((other, j) => [j, each * ((i === j ? 1 : 0) - other)]));
}

/** How many paths there are in one row. */
function count(layers, l, mixes) {
  let paths = 1;
  for (let i = layers.length - 1; i > l; i--) {
    paths *= layers[i].W.length * (mixes(i) ? layers[i].W.length : 1);
  }
  return mixes(l) ? paths * layers[l].W.length : paths;
}

/**
 * All paths to a weight from every row of the batch: for each its row, the units of a and
 * z in each layer from the last one down, its factors, and their product.
 */
function walked(step, weight, mixes) {
  const { layers, trace, x, y, loss } = step;
  const [l, unit, column] = weight;
  const last = layers.length - 1;
  const each = count(layers, l, mixes);
  if (each * x.length > MOST) return { count: each * x.length, paths: null };
  const gradient = lossGradient(loss, trace[last].a, y);
  const paths = [];
  for (let r = 0; r < x.length; r++) {
    const inner = trace.map(({ z, a }, i) => pairs(layers[i], z[r], a[r]));
    const input = column === null ? 1 : trace[l].aPrev[r][column];
    const walk = (i, unitA, units, factors) => {
      for (const [unitZ, factor] of inner[i][unitA]) {
        const here = [...units, { layer: i, a: unitA, z: unitZ }];
        const so = [...factors, factor];
        if (i === l) {
          if (unitZ === unit) paths.push({ row: r, units: here, factors: [...so, input] });
          continue;
        }
        layers[i].W[unitZ].forEach((w, k) => walk(i - 1, k, here, [...so, w]));
      }
    };
    gradient[r].forEach((g, i) => walk(last, i, [], [g]));
  }
  for (const path of paths) path.product = path.factors.reduce((all, factor) => all * factor, 1);
  paths.sort((p, q) => Math.abs(q.product) - Math.abs(p.product));
  return { count: paths.length, paths };
}

/** The names of a path's factors: dC/da^2_1, da^2_1/dz^2_1 and so on. */
function names(path, weight) {
  const stations = ["C"];
  for (const { layer, a, z } of path.units) {
    stations.push(`a^${layer + 1}_${a + 1}`, `z^${layer + 1}_${z + 1}`);
  }
  const all = [...stations, symbol(weight)];
  return all.slice(1).map((below, i) => `d${all[i]}/d${below}`);
}

/** W^1_2,3 or b^1_2. */
function symbol([l, row, column]) {
  return column === null ? `b^${l + 1}_${row + 1}` : `W^${l + 1}_${row + 1},${column + 1}`;
}

module.exports = { walked, names, symbol };
