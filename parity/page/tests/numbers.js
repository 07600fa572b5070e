"use strict";

// For each program that is read, all numbers of a step by the engine.

const { trainingStep } = require("./engine.js");

const programs = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));

function numbers(program) {
  const { trace, gradients, cost, after } = trainingStep(program);
  const of = { z: trace, a: trace, delta: gradients, dW: gradients, db: gradients, W: after };
  const arrays = Object.entries({ ...of, b: after }).map(([name, layers]) => [
    name,
    layers.map((layer) => layer[name]),
  ]);
  return { C: cost, ...Object.fromEntries(arrays) };
}

console.log(JSON.stringify(programs.map(numbers)));
