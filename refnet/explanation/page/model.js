"use strict";

// What a reader can change, and all that follows from it. Nothing here is drawn.

const { forwardPass, trainingStep } = require("./engine.js");
const MISTAKES = require("./mistakes.js");

const copy = (thing) => structuredClone(thing);
const isFinite = (array) =>
  Array.isArray(array) ? array.every(isFinite) : array === null || Number.isFinite(array);

/** Whether it is a float32, and so may have been rounded to one before. */
const isSingle = (number) => Math.fround(number) === number;

/** What the losses say of targets that they cannot judge. */
const TARGETS = {
  binary_cross_entropy: "probability",
  sigmoid_cross_entropy: "probability",
  cross_entropy: "distribution",
  softmax_cross_entropy: "distribution",
};

class Model {
  /** A scene as it is at the start. `onChange` is called after every change. */
  constructor(scene, words, onChange) {
    Object.assign(this, { scene, words, onChange });
    this.load(scene);
  }

  /** The scene from its beginning, with all that was edited forgotten. */
  load(scene) {
    const { layers, x, y, loss, lr, optimizer, weight } = copy(scene);
    Object.assign(this, { scene, layers, x, y, loss, lr, optimizer, weight });
    Object.assign(this, { mistake: null, row: scene.row ?? 0, alone: false, refusal: "" });
    this.begin();
  }

  /** From here on a rewind comes back to these weights. */
  begin() {
    this.start = copy({ layers: this.layers, optimizer: this.optimizer });
    this.restart();
  }

  restart() {
    Object.assign(this, { steps: 0, previous: undefined });
    this.#again();
  }

  // what follows

  get sizes() {
    return [this.layers[0].W[0].length, ...this.layers.map(({ W }) => W.length)];
  }

  get isLabelled() {
    return !Array.isArray(this.y[0]);
  }

  /** What the step is taken on: all rows, or the one that is shown. */
  get batch() {
    if (!this.alone) return { x: this.x, y: this.y };
    return { x: [this.x[this.row]], y: [this.y[this.row]] };
  }

  /** The row of the batch that is shown. */
  get shownRow() {
    return this.alone ? 0 : this.row;
  }

  get program() {
    const { layers, loss, optimizer, lr, previous } = this;
    return { layers, loss, optimizer, lr, previous, ...this.batch };
  }

  /** The slots of the mistake that is switched on; none where it cannot stand. */
  get wrong() {
    return this.mistake && this.canStand(this.mistake) ? MISTAKES[this.mistake].slots : {};
  }

  /** Whether every number of the step is what it should be. */
  get isRight() {
    const numbers = ({ cost, trace, gradients, updated }) =>
      JSON.stringify([cost, trace, gradients, updated?.layers, updated?.optimizer.state]);
    return this.step === this.right || numbers(this.step) === numbers(this.right);
  }

  stands(id, l) {
    return MISTAKES[id].stands(this.program, l);
  }

  canStand(id) {
    return this.layers.some((_, l) => this.stands(id, l));
  }

  /** The step with the mistake, and the right one. */
  follow() {
    this.right = trainingStep(this.program);
    this.step = this.mistake ? trainingStep(this.program, this.wrong) : this.right;
  }

  /** What the loss cannot judge of the targets, as sentences. */
  get problems() {
    const kind = TARGETS[this.loss];
    if (this.isLabelled || !kind) return [];
    return this.y.flatMap((row, i) => {
      const outside = row.find((each) => each < 0 || each > 1);
      const where = `Row ${i + 1} of y`;
      if (outside !== undefined) return `${where} has ${outside}, expected 0 to 1.`;
      const sum = row.reduce((total, each) => total + each, 0);
      // each term is rounded once, and so is each sum
      const rounding = row.length * (this.y.flat().every(isSingle) ? 2 ** -23 : Number.EPSILON);
      if (kind === "probability" || Math.abs(sum - 1) <= rounding) return [];
      return `${where} sums to ${sum}, expected 1.`;
    });
  }

  /** The key of the update rule among those to choose from; "own" for another one. */
  get ruleName() {
    const own = JSON.stringify([this.optimizer.name, this.optimizer.settings]);
    const isIt = ([, { name, settings }]) => JSON.stringify([name, settings]) === own;
    return Object.entries(this.words.rules).find(isIt)?.[0] ?? "own";
  }

  /** The forward and backward pass with other weights. */
  stepWith(layers) {
    return trainingStep({ ...this.program, layers, lr: null }, this.wrong);
  }

  /** The forward pass with other weights, and its cost. */
  forward(layers) {
    return forwardPass({ ...this.program, layers }, this.wrong);
  }

  costOf(layers) {
    return this.forward(layers).cost;
  }

  // changes

  /** A change of the data or of the rules: the curve begins again from here. */
  change(changes) {
    Object.assign(this, changes, { refusal: "" });
    this.#again();
  }

  /** The curve begins at this step: what was before is the cost of something else. */
  #again() {
    this.follow();
    Object.assign(this, { first: this.steps, costs: [this.step.cost] });
    this.onChange?.();
  }

  /** One entry of W or b. Before the first step, rewind comes back to it, too. */
  setParameter(l, name, index, value) {
    const layers = copy(this.layers);
    if (name === "W") layers[l].W[index[0]][index[1]] = value;
    else layers[l].b[index[0]] = value;
    if (this.steps === 0) this.start.layers = copy(layers);
    this.change({ layers });
  }

  setInput(row, column, value) {
    const x = copy(this.x);
    x[row][column] = value;
    this.change({ x });
  }

  setTarget(row, column, value) {
    const y = copy(this.y);
    if (this.isLabelled) y[row] = value;
    else y[row][column] = value;
    this.change({ y });
  }

  setData(x, y) {
    this.row = Math.min(this.row, x.length - 1);
    this.change({ x, y });
  }

  /** An activation; where the loss does not take such an output, the first that does. */
  setActivation(l, activation) {
    const isOutput = l === this.layers.length - 1;
    const problem = isOutput ? this.problemOf(activation) : "";
    if (problem) return this.refuse(problem);
    const layers = this.layers.map((layer, i) =>
      i === l ? { ...layer, activation, slope: layer.slope || 0.01 } : layer,
    );
    this.start.layers.forEach((layer, i) => {
      Object.assign(layer, { activation: layers[i].activation, slope: layers[i].slope });
    });
    return this.change({ layers, loss: isOutput ? this.lossWith(activation) : this.loss });
  }

  /** The losses that take such an output, and such targets. */
  lossesFor(activation) {
    return Object.keys(this.words.losses).filter(
      (name) =>
        this.words.losses[name].outputs.includes(activation) &&
        (!this.isLabelled || TARGETS[name] === "distribution"),
    );
  }

  /** The loss with such an output: as it is where it fits, else the first that does. */
  lossWith(activation) {
    const fitting = this.lossesFor(activation);
    return fitting.includes(this.loss) ? this.loss : fitting[0];
  }

  /** Why the output cannot have an activation: there is no loss for it; else "". */
  problemOf(activation) {
    if (this.lossesFor(activation).length) return "";
    const { activations } = this.words;
    const others = Object.keys(activations).filter((name) => this.lossesFor(name).length);
    const titles = others.map((name) => activations[name].title).join(", ");
    const { title } = activations[activation];
    return `The output has ${title}, expected one with a loss on labels: ${titles}.`;
  }

  /** Nothing is changed, and a reader is told why. */
  refuse(why) {
    this.refusal = why;
    this.onChange?.();
  }

  setLoss(loss) {
    this.change({ loss });
  }

  /** Another update rule, or other settings of it: it begins without a state. */
  setOptimizer(name, settings) {
    const optimizer = { name, settings, state: {} };
    this.start.optimizer = copy(optimizer);
    this.change({ optimizer });
  }

  setRate(lr) {
    this.change({ lr });
  }

  /** The weights of a file; throws where there is no loss for its output. */
  setLayers(layers) {
    const output = layers.at(-1).activation;
    const problem = this.problemOf(output);
    if (problem) throw new Error(problem);
    const optimizer = { ...this.optimizer, state: {} };
    const loss = this.lossWith(output);
    Object.assign(this, { layers, loss, optimizer, refusal: "" });
    this.begin();
  }

  /** Another row is shown; where it is all of the batch, the step is another, too. */
  setRow(row) {
    this.row = row;
    if (this.alone) this.#again();
    else this.onChange?.();
  }

  setAlone(alone) {
    this.change({ alone });
  }

  setMistake(mistake) {
    this.mistake = mistake;
    this.#again();
  }

  setWeight(weight) {
    this.weight = weight;
    this.onChange?.();
  }

  // training

  /** That many steps; fewer where the next would leave the range of floats. */
  train(count) {
    this.refusal = "";
    for (let i = 0; i < count; i++) {
      if (!isFinite(this.step.after.map(({ W, b }) => [W, b]))) {
        this.refusal = `Step ${this.steps + 1} would make a weight infinite: lr is too large.`;
        break;
      }
      this.#take();
    }
    this.onChange?.();
  }

  #take() {
    const { after, updated } = this.step;
    this.previous = { gradients: this.step.gradients, lr: this.lr };
    Object.assign(this, { layers: after, optimizer: updated.optimizer, steps: this.steps + 1 });
    if (this.alone) this.row = (this.row + 1) % this.x.length;
    this.follow();
    this.costs.push(this.step.cost);
  }

  /** Back to the same start, with the data and the rules that are chosen. */
  rewind() {
    const { layers, optimizer } = copy(this.start);
    Object.assign(this, { layers, optimizer, refusal: "" });
    if (this.alone) this.row = 0;
    this.restart();
  }
}

module.exports = { Model, isFinite };
