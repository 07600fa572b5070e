"use strict";

// The network at one stage: nothing that comes later, and the weights as they are by then.

const { targetRows } = require("../engine.js");

class Moment {
  /** Layers count from 1 here; layer 0 is the input. */
  constructor(model, stage) {
    Object.assign(this, { model, stage, depth: model.layers.length });
    this.isAfter = stage.key === "after";
    this.step = this.isAfter ? model.stepWith(model.step.after) : model.step;
  }

  /** Up to which layer a has been computed. */
  get reached() {
    const { key, label, layer } = this.stage;
    if (key === "given") return 0;
    return { z: layer - 1, a: layer }[label] ?? this.depth;
  }

  /** Down to which layer delta has been computed, where it is looked at. */
  get returned() {
    const { label, layer } = this.stage;
    if (["BP1", "BP2"].includes(label)) return layer;
    return ["BP3", "BP4"].includes(label) ? 1 : Infinity;
  }

  /** What the units of a layer hold, for the row that is shown, and its letter. */
  units(l) {
    const { step, stage } = this;
    const row = this.model.shownRow;
    if (l === 0) return ["x", step.x[row]];
    const isFactor = stage.label === "BP4" && l === stage.layer - 1; // a_prev
    if (l >= this.returned && !isFactor) return ["δ", step.gradients[l - 1].delta[row]];
    if (stage.label === "z" && l === stage.layer) return ["z", step.trace[l - 1].z[row]];
    return l <= this.reached ? ["a", step.trace[l - 1].a[row]] : ["", null];
  }

  get cost() {
    const isThere = this.reached === this.depth && this.stage.label !== "a";
    return isThere ? this.step.cost : null;
  }

  /** The targets of the row that is shown; null at stages that do not look at them. */
  get targets() {
    if (!["given", "C", "after"].includes(this.stage.key) && this.stage.label !== "BP1")
      return null;
    return targetRows(this.model.batch.y, this.model.sizes.at(-1))[this.model.shownRow];
  }

  /** The label of that row at those stages, where the targets are labels. */
  get label() {
    const { batch, isLabelled, shownRow } = this.model;
    return isLabelled && this.targets ? `label ${batch.y[shownRow]}` : null;
  }

  /** Whether a layer has been updated. */
  isNew(l) {
    return this.isAfter || (this.stage.label === "step" && l <= this.stage.layer);
  }

  layer(l) {
    return (this.isNew(l) ? this.model.step.after : this.model.layers)[l - 1];
  }

  /** W of a layer or, where that is computed, dW; and its letter. */
  weights(l) {
    const isGradient = this.stage.label === "BP4" && this.stage.layer === l;
    return isGradient ? ["dW", this.step.gradients[l - 1].dW] : ["W", this.layer(l).W];
  }

  /** b of a layer or, where that is computed, db; and its letter. */
  biases(l) {
    const isGradient = this.stage.label === "BP3" && this.stage.layer === l;
    return isGradient ? ["db", this.step.gradients[l - 1].db] : ["b", this.layer(l).b];
  }

  /** What the picture shows, in sentences. */
  told() {
    const { model, stage } = this;
    const rows = model.x.length;
    const alone = model.alone ? ", the only one of this step" : "; C is the cost of all rows";
    const whole = this.cost === null && !model.alone ? "" : alone;
    return [
      rows > 1 ? `The units show row ${model.row + 1} of ${rows}${whole}.` : "",
      this.reached < this.depth ? "What is empty has not been computed yet." : "",
      stage.label === "BP3" ? `Below layer ${stage.layer} stands db, its gradient.` : "",
      stage.label === "BP4" ? `The lines into layer ${stage.layer} show dW, their gradient.` : "",
      stage.label === "step" ? `The numbers of ${upTo(stage.layer)} are the new ones.` : "",
      this.isAfter ? "All numbers are those after the step." : "",
      model.mistake && model.canStand(model.mistake)
        ? "The numbers are those with the mistake."
        : "",
      "What takes part in the stage stands out.",
    ];
  }
}

const upTo = (l) => (l === 1 ? "layer 1" : `layers 1 to ${l}`);

module.exports = { Moment };
