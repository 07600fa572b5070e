"use strict";

// refnet's engine in JavaScript, as parity checks it:
//
//     parity check --exec "node engine.js"

const engine = require("../../refnet/explanation/page/engine.js");

const description = {
  activations: "identity sigmoid tanh relu leaky_relu softmax",
  losses:
    "mse half_squared_error mae cross_entropy softmax_cross_entropy " +
    "binary_cross_entropy sigmoid_cross_entropy",
  optimizers: "sgd adagrad rmsprop adam adamw",
  settings:
    "momentum dampening nesterov weight_decay lr_decay initial_accumulator_value alpha centered " +
    "betas eps amsgrad",
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
    const step = engine.trainingStep({ layers, x, y, loss: task.loss, optimizer, lr, previous });
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

// ---- The protocol. Nothing below this line needs to be changed. ----

// in a function of its own, so that its names may be names of yours, too
async function protocol() {
  const readline = require("node:readline");

  function describe() {
    const lines = Object.entries({ parity: 1, tasks: "many", ...description });
    return lines.map((line) => line.flat().join(" ").trim());
  }

  /** A task as an object, from its lines. */
  function read(lines) {
    const task = { W: [], b: [], steps: [] };
    for (const [name, ...words] of lines) {
      if (name === "sizes" || name === "slopes") task[name] = words.map(number);
      else if (name === "activations") task.activations = words;
      else if (name === "optimizer") Object.assign(task, readOptimizer(words));
      else if (name === "W") task.W.push(matrix(words.slice(1), weightRows(task, words[0])));
      else if (name === "b") task.b.push(words.slice(1).map(number));
      else if (name === "step") task.steps.push({ lr: number(words[0]), n: number(words[1]) });
      else if (name === "x" || name === "y") task.steps.at(-1)[name] = readBatch(task, name, words);
      else task[name] = words.join(" ");
    }
    return task;
  }

  function readOptimizer([optimizer, ...words]) {
    const settings = {};
    let last;
    for (const word of words) {
      if (Number.isNaN(Number(word))) last = word;
      else if (last in settings) settings[last] = [settings[last], Number(word)].flat();
      else settings[last] = Number(word);
    }
    return { optimizer, settings };
  }

  function readBatch({ sizes, samples, targets, steps }, name, words) {
    if (name === "y" && targets === "labels") return words.map(number);
    const width = name === "x" ? sizes[0] : sizes.at(-1);
    return matrix(words, samples === "columns" ? width : steps.at(-1).n);
  }

  function weightRows({ sizes, layout }, layer) {
    return layout === "in_out" ? sizes[layer - 1] : sizes[layer];
  }

  function matrix(words, rows) {
    const columns = words.length / rows;
    if (!Number.isInteger(columns)) throw new Error(`${words.length} numbers for ${rows} rows`);
    const start = (i) => i * columns;
    return Array.from({ length: rows }, (_, i) => words.slice(start(i), start(i + 1)).map(number));
  }

  function number(word) {
    const value = Number(word);
    if (Number.isNaN(value)) throw new Error(`"${word}" is no number`);
    return value;
  }

  /** The lines that answer a task: each step at once, before its arrays change. */
  async function answer(lines) {
    const answers = [];
    try {
      for await (const step of run(read(lines))) {
        if (step === null) return ["unsupported"];
        answers.push(...shown(step));
      }
    } catch (error) {
      const [message, place = ""] = (error?.stack ?? String(error)).split(/\s*\n\s*/);
      answers.push(`error ${message} ${place}`);
    }
    return answers;
  }

  function shown(step) {
    const lines = [];
    for (const [name, arrays] of Object.entries(step)) {
      if (name === "output" || name === "loss") lines.push([name, ...numbers(arrays)]);
      else arrays.forEach((array, l) => lines.push([name, l + 1, ...numbers(array)]));
    }
    return [...lines.map((line) => line.join(" ")), "done"];
  }

  /** All numbers of an array of arrays, of typed ones too, row by row. */
  function numbers(array) {
    if (typeof array === "number") return [array];
    if (typeof array !== "object") throw new Error(`${JSON.stringify(array)} is no number`);
    return Array.from(array).flatMap(numbers);
  }

  const print = (lines) => process.stdout.write(`${lines.join("\n")}\n`);
  if (process.argv[2] === "--describe") return print(describe());
  let lines = [];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    lines.push(line.trim().split(/\s+/));
    if (line.trim() !== "end") continue;
    print(await answer(lines));
    lines = [];
  }
}

protocol();
