"use strict";

// What `parity check` runs. Replace the network below by your own, then:
//
//     parity check --exec "node FILE"
//
// parity asks for several small trainings: run(task) is called for each. From the
// arrays that it yields, parity finds out whether the backpropagation is right, and if
// not, which mistake it is. The network below is right, so that the file works before
// you change it.

// What your program can do: parity asks for nothing else. Without a line, it asks for
// everything that it knows. Several values stand in one string, as in "mse mae".
const description = {
  activations: "sigmoid", // or tanh, relu, leaky_relu, softmax, identity
  outputs: "sigmoid", // the activations that your last layer may have
  losses: "mse", // or half_squared_error, mae, cross_entropy, softmax_cross_entropy,
  // binary_cross_entropy, sigmoid_cross_entropy
  optimizers: "sgd", // or adagrad, rmsprop, adam, adamw
  settings: "", // what your optimizers read from task.settings: momentum, dampening,
  // nesterov, weight_decay, amsgrad, centered, lr_decay, initial_accumulator_value,
  // betas, eps, alpha. What is named here gets other values than PyTorch's defaults;
  // what is not has those defaults in every task.

  // The form of its arrays. These are the defaults.
  dtype: "float64", // or "float32"
  layout: "out_in", // W has fan_out rows and fan_in columns, and z = a W^T + b;
  // or "in_out": W has fan_in rows and fan_out columns, and z = a W + b
  samples: "rows", // x has a row for each sample; or "columns": a column
  targets: "one_hot", // or "labels", "distributions": what y is for losses on classes

  // Only if you need them:
  // sizes: "2 3 1", // your network has a fixed number of layers, or these widths alone
  // batch: 1, // every batch has a single sample, or another fixed number of them
  // bias: 0, // no biases: task.b is there, and 0; yield neither db nor b
  // same_hidden: 1, // all hidden layers of a network have the same activation
  // slope: 0.01, // of leaky_relu; without this line it is another, as task.slopes says
  // conventions: "loss-summed", // what you do otherwise than PyTorch, and mean so: a
  // name that a finding ends with
};

// Train, and yield an object for each step, or null for a task that your program cannot
// do. What you yield is printed before you go on, so you may change your arrays.
//
// task.sizes         [3, 4, 2]: inputs, hidden units, outputs
// task.activations   ["sigmoid", "sigmoid"]: one name per layer
// task.slopes        [0, 0]: the slope of leaky_relu where a layer has it
// task.W, task.b     the weights and biases to start from: lists, one array per layer
// task.loss          "mse"; softmax_cross_entropy and sigmoid_cross_entropy contain the
//                    last activation, which is "identity" then
// task.optimizer     "sgd"
// task.settings      { momentum: 0, ... }: named as in torch.optim; betas is a list
// task.steps         [{ x, y, lr }, ...]: the batch and the learning rate of each step
//
// A matrix is a list of rows; labels are a list of numbers. What you yield may be in
// such lists, in flat ones or in typed arrays: all numbers row by row.
function* run(task) {
  let { W, b } = task;
  for (const { x, y, lr } of task.steps) {
    const a = forward(W, b, x);
    const { delta, dW, db } = backward(W, a, y);
    W = W.map((rows, l) => rows.map((row, j) => row.map((w, k) => w - lr * dW[l][j][k])));
    b = b.map((row, l) => row.map((each, j) => each - lr * db[l][j]));
    // Leave out what you do not have; but the more parity sees, the better it can say
    // where a mistake is.
    yield {
      output: a.at(-1),
      loss: meanSquaredError(a.at(-1), y),
      a: a.slice(1), // activations: a list, one array per layer, as all below
      delta, // the gradients of the loss by the weighted inputs z
      dW, // the gradients of the loss by W and b
      db,
      W, // the weights and biases after the step
      b,
    };
  }
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const transpose = (A) => A[0].map((_, k) => A.map((row) => row[k]));

function product(A, B) {
  const columns = transpose(B);
  return A.map((row) => columns.map((column) => sum(row.map((each, k) => each * column[k]))));
}

function meanSquaredError(a, y) {
  const squares = a.flatMap((row, i) => row.map((each, j) => (each - y[i][j]) ** 2));
  return sum(squares) / squares.length;
}

/** The activations of all layers, x first. */
function forward(W, b, x) {
  const a = [x];
  W.forEach((weights, l) => {
    const z = product(a[l], transpose(weights)).map((row) => row.map((each, j) => each + b[l][j]));
    a.push(z.map((row) => row.map((each) => 1 / (1 + Math.exp(-each)))));
  });
  return a;
}

/** The gradients of the mean squared error, and the deltas that they are made of. */
function backward(W, a, y) {
  const times = (A, B) => A.map((row, i) => row.map((each, j) => each * B[i][j]));
  const derivative = a.map((rows) => rows.map((row) => row.map((each) => each * (1 - each))));
  const count = y.length * y[0].length;
  const gradA = a.at(-1).map((row, i) => row.map((each, j) => (2 * (each - y[i][j])) / count));
  const delta = [times(gradA, derivative.at(-1))];
  for (let l = W.length - 1; l > 0; l--) {
    delta.unshift(times(product(delta[0], W[l]), derivative[l]));
  }
  const dW = delta.map((rows, l) => product(transpose(rows), a[l]));
  const db = delta.map((rows) => transpose(rows).map(sum));
  return { delta, dW, db };
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
