"use strict";

// For each program that is read, what each mistake comes to: the layers in which it can
// stand, and whether a step with it is another than the right one.

const { isDeepStrictEqual } = require("node:util");
const { trainingStep } = require("./engine.js");
const MISTAKES = require("./mistakes.js");

const programs = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));

/** The arrays of two steps, each of which follows on the one before it. */
function shown(program, slots) {
  const first = trainingStep(program, slots);
  const next = { ...program, layers: first.after, optimizer: first.updated.optimizer };
  const steps = [first, trainingStep({ ...next, previous: first }, slots)];
  return steps.map(({ trace, cost, gradients, after }) => ({ trace, cost, gradients, after }));
}

function judged(program) {
  const right = shown(program, {});
  const entries = Object.entries(MISTAKES).map(([id, { stands, slots }]) => {
    const layers = program.layers.map((_, l) => l).filter((l) => stands(program, l));
    const shows = !isDeepStrictEqual(shown(program, slots), right);
    return [id, { layers: layers.map((l) => l + 1), shows }];
  });
  return Object.fromEntries(entries);
}

console.log(JSON.stringify(programs.map(judged)));
