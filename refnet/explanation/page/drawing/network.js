"use strict";

// The network as a picture: units by what they hold, weights by width and sign, and what
// takes part in a stage in full strength. A layer that is wide is a strip of cells, and
// weights to or from it are a heat map.

const { svg } = require("./elements.js");
const { general } = require("../telling/figures.js");
const { picture, largest } = require("./heat.js");
const { Moment } = require("./moment.js");

const [RADIUS, GAP, TOP] = [29, 98, 54];
const COLUMN = 190;
const WIDEST = 6.5; // of a line, in pixels
const SEEN = 3; // digits in a unit
const LONGEST = 7; // characters that fit into a unit
const LABELLED = 9; // weights between two layers that have their numbers on them
const SMALLEST = 0.75; // scale at which its smallest text is still read; below it scrolls

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
    const layers = model.sizes.map((_, l) => l);
    Object.assign(this, { stage, followed, moment: new Moment(model, stage) });
    this.most = Math.max(...layers.slice(1).map((l) => largest(this.moment.layer(l).W))) || 1;
    return svg(
      "svg",
      {
        viewBox: `0 0 ${width} ${this.height}`,
        style: `min-width: ${SMALLEST * width}px`,
        role: "img",
        "aria-label": this.told(),
      },
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
    const [, W] = this.moment.weights(l);
    const takes = this.stage.shows.edges.includes(l);
    const classes = `weights ${takes ? "part" : ""}`;
    if (this.isWide[l] || this.isWide[l - 1]) return svg("g", { class: classes }, this.map(l));
    const lines = W.flatMap((row, j) => row.map((_, k) => this.line(l, j, k)));
    const isFew = W.length * W[0].length <= LABELLED;
    const labels = W.flatMap((row, j) => row.map((_, k) => this.label(l, j, k)));
    return svg("g", { class: classes }, lines, isFew ? labels : []);
  }

  /** What a line shows, the weight or its gradient, and what the widest one does. */
  strength(l, j, k) {
    const [letter, table] = this.moment.weights(l);
    return [table[j][k], letter === "W" ? this.most : largest(table) || 1, letter];
  }

  line(l, j, k) {
    const [value, most, letter] = this.strength(l, j, k);
    const ends = { x1: this.x(l - 1), y1: this.y(l - 1, k), x2: this.x(l), y2: this.y(l, j) };
    const name = `${letter}^${l}_${j + 1},${k + 1}`;
    const width = 1 + (WIDEST - 1) * (Math.abs(value) / most);
    const isPath = this.followed?.edges.has(`${l},${j},${k}`);
    const classes = `line ${value < 0 ? "minus" : "plus"}`;
    const pick = () => this.onWeight([l - 1, j, k]);
    return svg(
      "g",
      { onclick: pick, class: "pick" },
      svg(
        "line",
        { ...ends, class: isPath ? "reach path" : "reach" },
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
    const [letter, table] = this.moment.weights(l);
    const [rows, columns] = [table.length, table[0].length];
    const [left, right] = [this.x(l - 1) + this.half(l - 1) + 12, this.x(l) - this.half(l) - 12];
    const unit = Math.min((right - left) / columns, (this.height - TOP - 70) / rows, 12);
    const [width, height] = [Math.max(unit * columns, 8), Math.max(unit * rows, 8)];
    const x = (left + right - width) / 2;
    const y = this.middle - height / 2;
    const name = `${letter}: ${rows} × ${columns}`;
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
      this.entry(l, { x, y, width: width / columns, height: height / rows }),
    ];
  }

  /** A frame around the weight that is followed, where it is a cell of a heat map. */
  entry(l, { x, y, width, height }) {
    const [layer, row, column] = this.model.weight ?? [];
    if (layer !== l - 1 || column === null) return null;
    const side = Math.max(width, height, 6);
    const [left, top] = [x + (column + 0.5) * width, y + (row + 0.5) * height];
    const place = { x: left - side / 2, y: top - side / 2, width: side, height: side };
    return svg("rect", { ...place, class: "entry" });
  }

  // units

  layer(l) {
    const { model, stage } = this;
    const [letter, values] = this.moment.units(l);
    const classes = `layer ${stage.shows.units.includes(l) ? "part" : ""}`;
    const f = l > 0 ? [model.words.activations[model.layers[l - 1].activation].title] : [];
    const head = [...f, letter].filter(Boolean).join(", ");
    const heads = [
      svg("text", { x: this.x(l), y: 16, class: "name strong" }, l === 0 ? "input" : `layer ${l}`),
      svg("text", { x: this.x(l), y: 33, class: "name" }, head),
    ];
    const body = this.isWide[l]
      ? this.strip(l, values)
      : Array.from({ length: model.sizes[l] }, (_, j) => this.unit(l, j, values));
    return svg("g", { class: classes }, heads, body);
  }

  unit(l, j, values) {
    const [x, y] = [this.x(l), this.y(l, j)];
    const value = values?.[j] ?? 0;
    const share = Math.abs(value) / (largest([values ?? [0]]) || 1);
    const isPath = this.followed?.units.has(`${l},${j}`);
    const round = (r, classes, more) => svg("circle", { cx: x, cy: y, r, class: classes, ...more });
    const sign = `unit ${value < 0 ? "minus" : "plus"} ${values ? "" : "empty"}`;
    return [
      isPath ? round(RADIUS + 5, "mark") : null,
      round(RADIUS, "ground"),
      round(RADIUS, sign, { "fill-opacity": (0.38 * share).toFixed(3) }),
      values ? svg("text", { x, y: y + 4, class: "held" }, fitting(value)) : null,
      this.besides(l, j, x, y),
    ];
  }

  /** The bias of a unit, below it; above an output, what it shall be. */
  besides(l, j, x, y) {
    const { moment } = this;
    const [letter, b] = l > 0 ? moment.biases(l) : [];
    const target = l === moment.depth && moment.targets;
    const text = (at, letter, value) =>
      svg("text", { x, y: at, class: "bias" }, `${letter} ${general(value, SEEN)}`);
    return [
      b ? text(y + RADIUS + 14, letter, b[j]) : null,
      target ? text(y - RADIUS - 7, "y", target[j]) : null,
    ];
  }

  /** A wide layer: a cell for each unit; inputs that fill a square, as an image. */
  strip(l, values) {
    const isSquare = this.isSquare(l);
    const size = this.model.sizes[l];
    const column = values?.map((value) => [value]) ?? [[0]];
    const table = isSquare ? squared(values) : column;
    const width = 2 * this.half(l);
    const height = isSquare ? width : this.height - TOP - 50;
    const [x, y] = [this.x(l) - width / 2, isSquare ? this.middle - height / 2 : TOP];
    const place = { x, y, width, height };
    return [
      svg("image", { ...place, href: picture(table), preserveAspectRatio: "none", class: "heat" }),
      svg("rect", { ...place, class: values ? "frame" : "frame empty" }),
      svg("text", { x: this.x(l), y: y + height + 16, class: "name" }, `${size} units`),
      l === this.moment.depth && this.moment.label !== null
        ? svg("text", { x: this.x(l), y: y + height + 31, class: "name" }, this.moment.label)
        : null,
    ];
  }

  cost(width) {
    const { cost } = this.moment;
    const { stage } = this;
    const [x, y] = [width - 52, this.middle];
    const classes = `layer ${stage.shows.cost ? "part" : ""}`;
    const last = this.model.layers.length;
    const from = this.x(last) + this.half(last) + 4;
    const place = { x: x - 36, y: y - 20, width: 72, height: 40, rx: 8 };
    return svg(
      "g",
      { class: classes },
      svg("line", { x1: from, y1: y, x2: x - 36, y2: y, class: "flow" }),
      svg("text", { x, y: 16, class: "name strong" }, "cost"),
      svg("text", { x, y: 33, class: "name" }, "C"),
      svg("rect", { ...place, class: `ground box ${cost === null ? "empty" : ""}` }),
      cost === null ? null : svg("text", { x, y: y + 4, class: "held" }, fitting(cost)),
    );
  }
}

function squared(values) {
  const side = Math.sqrt(values.length);
  return Array.from({ length: side }, (_, i) => values.slice(i * side, (i + 1) * side));
}

module.exports = { Drawing };
