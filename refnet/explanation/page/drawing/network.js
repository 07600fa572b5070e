"use strict";

// The network as a picture: units by what they hold, weights by width and sign, and what
// takes part in a stage in full strength. A layer that is wide is a strip of cells, and
// weights to or from it are a heat map.

const { svg } = require("./elements.js");
const { general } = require("../telling/figures.js");
const { picture, largest } = require("./heat.js");

const [RADIUS, GAP, TOP] = [29, 88, 54];
const COLUMN = 190;
const WIDEST = 6.5; // of a line, in pixels
const SEEN = 3; // digits in a unit
const LONGEST = 7; // characters that fit into a unit
const LABELLED = 9; // weights between two layers that have their numbers on them

/** A number that fits into a unit. */
function fitting(value) {
  const text = general(value, SEEN);
  return text.length > LONGEST ? general(value, SEEN - 1) : text;
}

class Drawing {
  constructor(model, onWeight) {
    Object.assign(this, { model, onWeight });
  }

  /** The picture of a stage. */
  draw(stage, followed) {
    const { model } = this;
    const { columns } = model.words.limits;
    this.isWide = model.sizes.map((size) => size > columns);
    const tallest = Math.max(...model.sizes.map((size, l) => (this.isWide[l] ? 4 : size)));
    this.height = Math.max(tallest * GAP, 2 * GAP) + TOP + 34;
    const width = COLUMN * (model.sizes.length - 1) + 3.2 * RADIUS + 110;
    this.most = Math.max(...model.layers.map(({ W }) => largest(W))) || 1;
    Object.assign(this, { stage, followed });
    const layers = model.sizes.map((_, l) => l);
    return svg(
      "svg",
      { viewBox: `0 0 ${width} ${this.height}`, role: "img", "aria-label": this.told() },
      layers.slice(1).map((l) => this.weights(l)),
      layers.map((l) => this.layer(l)),
      this.cost(width),
    );
  }

  /** The picture in a sentence. */
  told() {
    const sizes = this.model.sizes.join("-");
    const { units, edges } = this.stage.shows;
    const layer = (l) => (l === 0 ? "the inputs" : `layer ${l}`);
    const parts = [...units.map(layer), ...edges.map((l) => `the weights of layer ${l}`)];
    const which = parts.length ? `; ${parts.join(", ")} take part` : "";
    return `A ${sizes} network at the stage ${this.stage.title}${which}`;
  }

  get middle() {
    return (this.height + TOP - 30) / 2;
  }

  x(l) {
    return 50 + COLUMN * l;
  }

  y(l, j) {
    return this.middle + (j - (this.model.sizes[l] - 1) / 2) * GAP;
  }

  /** Whether a wide layer is drawn as an image: the inputs, where they fill a square. */
  isSquare(l) {
    return l === 0 && this.isWide[0] && Number.isInteger(Math.sqrt(this.model.sizes[0]));
  }

  /** Half of the width that a layer takes. */
  half(l) {
    if (!this.isWide[l]) return RADIUS;
    return this.isSquare(l) ? 44 : 11;
  }

  // weights

  weights(l) {
    const { W } = this.model.layers[l - 1];
    const takes = this.stage.shows.edges.includes(l);
    const classes = `weights ${takes ? "part" : ""}`;
    if (this.isWide[l] || this.isWide[l - 1]) return svg("g", { class: classes }, this.map(l));
    const lines = W.flatMap((row, j) => row.map((_, k) => this.line(l, j, k)));
    const isFew = W.length * W[0].length <= LABELLED;
    const labels = W.flatMap((row, j) => row.map((_, k) => this.label(l, j, k)));
    return svg("g", { class: classes }, lines, isFew ? labels : []);
  }

  /** What a line shows: the weight, or its gradient. */
  strength(l, j, k) {
    const { model, stage } = this;
    const isGradient = stage.shows.gradient && !stage.shows.moves && stage.layer === l;
    const { W } = model.layers[l - 1];
    const { dW } = model.step.gradients[l - 1];
    return isGradient ? [dW[j][k], largest(dW) || 1] : [W[j][k], this.most];
  }

  line(l, j, k) {
    const [value, most] = this.strength(l, j, k);
    const ends = { x1: this.x(l - 1), y1: this.y(l - 1, k), x2: this.x(l), y2: this.y(l, j) };
    const name = `W^${l}_${j + 1},${k + 1}`;
    const width = 1 + (WIDEST - 1) * (Math.abs(value) / most);
    const isPath = this.followed?.edges.has(`${l},${j},${k}`);
    const classes = `line ${value < 0 ? "minus" : "plus"} ${isPath ? "path" : ""}`;
    const pick = () => this.onWeight([l - 1, j, k]);
    return svg(
      "g",
      { onclick: pick, class: "pick" },
      svg(
        "line",
        { ...ends, class: "reach" },
        svg("title", {}, `${name} = ${general(value, SEEN)}`),
      ),
      svg("line", { ...ends, class: classes, "stroke-width": width.toFixed(2) }),
    );
  }

  label(l, j, k) {
    const [value] = this.strength(l, j, k);
    const from = this.model.sizes[l - 1];
    const at = 0.36 + (from > 1 ? (0.3 * k) / (from - 1) : 0.1);
    const x = this.x(l - 1) + at * COLUMN;
    const y = this.y(l - 1, k) + at * (this.y(l, j) - this.y(l - 1, k));
    return svg("text", { x, y: y + 4, class: "weight" }, general(value, SEEN));
  }

  map(l) {
    const { model, stage } = this;
    const isGradient = stage.shows.gradient && !stage.shows.moves && stage.layer === l;
    const table = isGradient ? model.step.gradients[l - 1].dW : model.layers[l - 1].W;
    const [rows, columns] = [table.length, table[0].length];
    const [left, right] = [this.x(l - 1) + this.half(l - 1) + 12, this.x(l) - this.half(l) - 12];
    const unit = Math.min((right - left) / columns, (this.height - TOP - 70) / rows, 12);
    const [width, height] = [Math.max(unit * columns, 8), Math.max(unit * rows, 8)];
    const x = (left + right - width) / 2;
    const y = this.middle - height / 2;
    const name = `${isGradient ? "dW" : "W"}: ${rows} × ${columns}`;
    return [
      svg("image", {
        x,
        y,
        width,
        height,
        href: picture(table),
        preserveAspectRatio: "none",
        class: "heat",
      }),
      svg("rect", { x, y, width, height, class: "frame" }),
      svg("text", { x: x + width / 2, y: y - 8, class: "name" }, name),
    ];
  }

  // units

  /** What the units of a layer show, and its letter. */
  held(l) {
    const { step, shownRow } = this.model;
    const { quantity, units } = this.stage.shows;
    if (l === 0) return ["x", step.x[shownRow]];
    const takes = units.includes(l);
    if (quantity === "delta" && this.isDone(l)) return ["δ", step.gradients[l - 1].delta[shownRow]];
    if (quantity === "z" && takes && this.stage.layer === l)
      return ["z", step.trace[l - 1].z[shownRow]];
    return ["a", step.trace[l - 1].a[shownRow]];
  }

  /** Whether the delta of a layer has been computed at this stage. */
  isDone(l) {
    return !["BP1", "BP2"].includes(this.stage.label) || l >= this.stage.layer;
  }

  layer(l) {
    const { model, stage } = this;
    const [letter, values] = this.held(l);
    const classes = `layer ${stage.shows.units.includes(l) ? "part" : ""}`;
    const f = l > 0 && model.words.activations[model.layers[l - 1].activation].title;
    const heads = [
      svg("text", { x: this.x(l), y: 16, class: "name strong" }, l === 0 ? "input" : `layer ${l}`),
      svg("text", { x: this.x(l), y: 33, class: "name" }, `${l === 0 ? "" : `${f}, `}${letter}`),
    ];
    const body = this.isWide[l]
      ? this.strip(l, values)
      : values.map((v, j) => this.unit(l, j, v, values));
    return svg("g", { class: classes }, heads, body);
  }

  unit(l, j, value, values) {
    const [x, y] = [this.x(l), this.y(l, j)];
    const share = Math.abs(value) / (largest([values]) || 1);
    const b = l > 0 && this.model.layers[l - 1].b;
    const isPath = this.followed?.units.has(`${l},${j}`);
    const sign = value < 0 ? "minus" : "plus";
    return [
      svg("circle", { cx: x, cy: y, r: RADIUS, class: "ground" }),
      svg("circle", {
        cx: x,
        cy: y,
        r: RADIUS,
        class: `unit ${sign} ${isPath ? "path" : ""}`,
        "fill-opacity": (0.38 * share).toFixed(3),
      }),
      svg("text", { x, y: y + 4, class: "held" }, fitting(value)),
      b ? svg("text", { x, y: y + RADIUS + 13, class: "bias" }, `b ${general(b[j], SEEN)}`) : null,
    ];
  }

  /** A wide layer: a cell for each unit; inputs that fill a square, as an image. */
  strip(l, values) {
    const isSquare = this.isSquare(l);
    const table = isSquare ? squared(values) : values.map((value) => [value]);
    const width = 2 * this.half(l);
    const height = isSquare ? width : this.height - TOP - 50;
    const [x, y] = [this.x(l) - width / 2, isSquare ? this.middle - height / 2 : TOP];
    const place = { x, y, width, height };
    return [
      svg("image", { ...place, href: picture(table), preserveAspectRatio: "none", class: "heat" }),
      svg("rect", { ...place, class: "frame" }),
      svg("text", { x: this.x(l), y: y + height + 16, class: "name" }, `${values.length} units`),
    ];
  }

  cost(width) {
    const { model, stage } = this;
    const [x, y] = [width - 52, this.middle];
    const classes = `layer ${stage.shows.cost ? "part" : ""}`;
    const from = this.x(model.sizes.length - 1) + RADIUS + 4;
    return svg(
      "g",
      { class: classes },
      svg("line", { x1: from, y1: y, x2: x - 36, y2: y, class: "flow" }),
      svg("text", { x, y: 16, class: "name strong" }, "cost"),
      svg("text", { x, y: 33, class: "name" }, "C"),
      svg("rect", { x: x - 36, y: y - 20, width: 72, height: 40, rx: 8, class: "ground box" }),
      svg("text", { x, y: y + 4, class: "held" }, fitting(model.step.cost)),
    );
  }
}

function squared(values) {
  const side = Math.sqrt(values.length);
  return Array.from({ length: side }, (_, i) => values.slice(i * side, (i + 1) * side));
}

module.exports = { Drawing };
