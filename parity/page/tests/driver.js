"use strict";

// The engine with one of its mistakes, as parity checks it: `node driver.js` where the
// test has put MISTAKE before this file, and the protocol behind it.

const engine = require("./engine.js");
const { slots } = require("./mistakes.js")[MISTAKE];

const description = {
  activations: "identity sigmoid tanh relu leaky_relu softmax",
  losses:
    "mse half_squared_error mae cross_entropy softmax_cross_entropy " +
    "binary_cross_entropy sigmoid_cross_entropy",
  optimizers: "sgd adagrad rmsprop adam adamw",
  settings:
    "momentum nesterov weight_decay lr_decay initial_accumulator_value alpha centered betas eps " +
    "amsgrad",
};

function* run(task) {
  let optimizer = { name: task.optimizer, settings: task.settings };
  let layers = task.W.map((W, l) => ({
    W,
    b: task.b[l],
    activation: task.activations[l],
    slope: task.slopes[l],
  }));
  let previous;
  for (const { x, y, lr } of task.steps) {
    const given = { layers, x, y, loss: task.loss, optimizer, lr, previous };
    const step = engine.trainingStep(given, slots);
    ({ after: layers } = step);
    ({ optimizer } = step.updated);
    previous = step;
    yield {
      output: step.trace.at(-1).a,
      loss: step.cost,
      z: step.trace.map(({ z }) => z),
      a: step.trace.map(({ a }) => a),
      delta: step.gradients.map(({ delta }) => delta),
      dW: step.gradients.map(({ dW }) => dW),
      db: step.gradients.map(({ db }) => db),
      W: layers.map(({ W }) => W),
      b: layers.map(({ b }) => b),
    };
  }
}
