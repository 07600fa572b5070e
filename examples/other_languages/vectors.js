"use strict";

// Runs an engine over all test vectors of a folder, which `parity vectors DIR` writes:
//
//     node vectors.js DIR [ENGINE.js]

const { readdirSync, readFileSync } = require("node:fs");
const [folder, file = `${__dirname}/../../refnet/explanation/page/engine.js`] =
  process.argv.slice(2);
const engine = require(require("node:path").resolve(file));
const RULES = ["sgd", "adam"]; // after a step of another one, it goes on from what is expected

const layersOf = ({ activations, slopes }, W, b) =>
  W.map((_, l) => ({ W: W[l], b: b[l], activation: activations[l], slope: slopes[l] }));

function train({ optimizer: name, settings, loss, steps, expected, ...task }) {
  let [layers, optimizer] = [layersOf(task, task.W, task.b), { name, settings }];
  for (const [t, { x, y, lr }] of steps.entries()) {
    const known = RULES.includes(name);
    const program = { layers, x, y, loss, optimizer, lr: known ? lr : null };
    const { trace, gradients, cost, ...step } = engine.trainingStep(program);
    const own = { output: trace.at(-1).a, loss: cost };
    const { W, b = { value: task.b } } = expected[t];
    if (known) [layers, optimizer] = [step.after, step.updated.optimizer];
    else layers = layersOf(task, W.value, b.value);
    if (!task.bias) layers.forEach((layer, l) => (layer.b = task.b[l]));
    for (const all of [trace, gradients, layers])
      for (const key in all[0]) own[key] = all.map((layer) => layer[key]);
    for (const [key, { value, allowed }] of Object.entries(expected[t]))
      compare(own[key], value, allowed, `step ${t + 1}, ${key}`);
  }
}

function compare(got, value, allowed, place) {
  if (Array.isArray(value) && got?.length === value.length)
    value.forEach((_, i) => compare(got[i], value[i], allowed[i], `${place}[${i}]`));
  else if (!(Math.abs(got - value) <= allowed)) // NaN is not, either
    throw new Error(`${place}: got ${got}, expected ${value}, allowed ${allowed}`);
}

const vectors = readdirSync(folder).filter((name) => /^\d+-.*\.json$/.test(name));
if (vectors.length === 0) throw new Error(`${folder}: has no test vectors`);
for (const name of vectors) {
  try {
    train(JSON.parse(readFileSync(`${folder}/${name}`, "utf8")));
  } catch ({ message }) {
    process.exitCode = 1;
    console.log(`${name}, ${message}`);
  }
}
console.log(process.exitCode ? "WRONG" : `RIGHT: ${vectors.length} test vectors`);
