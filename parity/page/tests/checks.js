"use strict";

// For each scene that is read: what of the page's numbers is not refnet's, what a gradient
// check finds of the right step, how many entries it judges, and what the page says of the
// targets; then the same of refnet's numbers after one of each array has been changed.

const { Model } = require("./model.js");
const { compared, gradientCheck } = require("./telling/checks.js");

const { words, scenes } = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));

const differing = (scene) =>
  compared(scene, words)
    .filter(({ isWithin }) => !isWithin)
    .map(({ name }) => name);

/** The scene with the largest number of an array changed by a share of it. */
function nudged(scene, name, l, by) {
  const changed = structuredClone(scene);
  if (name === "C") changed.refnet.C *= 1 + by;
  else {
    const arrays = changed.refnet[name];
    const most = Math.max(...arrays[l].flat().map(Math.abs));
    const grown = (each) => (Math.abs(each) === most ? each * (1 + by) : each);
    arrays[l] = arrays[l].map((row) => (Array.isArray(row) ? row.map(grown) : grown(row)));
  }
  return changed;
}

/** Each array of refnet's that is not 0, and what differs when it is changed. */
function tampered(scene, by) {
  return Object.entries(scene.refnet).flatMap(([name, arrays]) =>
    [arrays].flat().flatMap((_, l) => {
      const array = name === "C" ? [arrays] : arrays[l];
      if (!array?.flat().some(Boolean)) return [];
      const where = name === "C" ? "C" : `${name}^${l + 1}`;
      return [[where, differing(nudged(scene, name, l, by))]];
    }),
  );
}

function judged({ scene, by }) {
  const model = new Model(scene, words, () => {});
  const check = gradientCheck(model);
  return {
    differing: differing(scene),
    off: check.filter(({ isOff }) => isOff),
    judged: check.reduce((sum, row) => sum + row.judged, 0),
    tried: check.reduce((sum, row) => sum + row.tried, 0),
    problems: model.problems,
    tampered: by ? tampered(scene, by) : [],
  };
}

console.log(JSON.stringify(scenes.map(judged)));
