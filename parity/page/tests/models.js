"use strict";

// What becomes of a scene, change by change: each that is read is [method, arguments].

const { Model } = require("./model.js");

const { words, scene, changes } = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
let updates = 0;
const model = new Model(scene, words, () => (updates += 1));

function seen(error = "") {
  const { layers, loss, optimizer, x, y, row, steps, first, costs, refusal, step } = model;
  const state = { layers, loss, optimizer, x, y, row, steps, first, costs, refusal };
  return structuredClone({ ...state, cost: step.cost, updates, error });
}

function changed([method, given]) {
  try {
    model[method](...given);
    return seen();
  } catch (error) {
    return seen(error.message);
  }
}

console.log(JSON.stringify([seen(), ...changes.map(changed)]));
