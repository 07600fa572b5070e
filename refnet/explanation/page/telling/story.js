"use strict";

// The stages of a step, in the order of computation: what refnet tells as text, with the
// numbers of the page. A stage has a label of an equation, a layer, formulas, parts, and
// what takes part in the network: the units and edges of layers, and the cost.

const {
  LOG_FLOOR,
  derivative,
  lossGradient,
  product: matrix,
  targetRows,
  transpose,
} = require("../engine.js");
const { product, total } = require("./figures.js");
const { rightSide, readable, substituted } = require("./formulas.js");
const { Lines } = require("./lines.js");
const { firstOrder, updateParts } = require("./updates.js");

// slots that take part in several stages, or in the update of all layers
const SHARED = { BP1: ["cotangent", "pullback"], BP2: ["cotangent", "pullback"], step: ["rule"] };
// what the lines of a slot's results begin with; those of a rule are all that it writes
const WRITES = {
  cotangent: "dC/da^",
  pullback: "delta^",
  BP1: "delta^",
  BP2: "delta^",
  BP3: "db^",
  BP4: "dW^",
  z: "z^",
  a: "a^",
  C: "C^",
  rule: "",
};
const UNBIASED = "The layer has no biases, so there is no $b^l$ to add.";
const SATURATED =
  "Where an output has been rounded to 0 or 1, the formula may read 0/0, which counts as 0.";

class Story extends Lines {
  /** All stages; each makes its parts when they are asked for. */
  stages() {
    const up = Array.from({ length: this.depth }, (_, i) => i + 1);
    const down = up.toReversed();
    return [
      this.given(),
      ...up.flatMap((l) => [this.weightedInput(l), this.activation(l)]),
      this.cost(),
      ...down.map((l) => (l === this.depth ? this.outputDelta() : this.hiddenDelta(l))),
      ...down.flatMap((l) => [...this.biasGradient(l), this.weightGradient(l)]),
      ...(this.model.lr === null ? [] : [...up.map((l) => this.update(l)), this.costAfter()]),
    ];
  }

  stage(label, layer, formulas, parts, shows) {
    const { name, meaning, ...first } = this.words.equations[label];
    const where = layer ? `, layer ${layer}` : "";
    const isWrong = this.isExchanged(label, layer);
    return {
      key: `${label}${layer || ""}`,
      title: `${label}: ${name}${where}`,
      label,
      layer,
      meaning,
      formulas: [first, ...formulas.filter(Boolean)],
      isWrong,
      parts: () => (isWrong && !this.model.isRight ? this.withoutSides(parts()) : parts()),
      shows,
    };
  }

  /** Whether a wrong function computes this stage. */
  isExchanged(label, layer) {
    const slots = Object.keys(this.model.wrong);
    const own = [label, ...(SHARED[label] ?? [])];
    if (!own.some((slot) => slots.includes(slot))) return false;
    return this.model.stands(this.model.mistake, (layer || this.depth) - 1);
  }

  /** What is computed by another formula is not what the right one has in numbers. */
  withoutSides(parts) {
    const writes = Object.keys(this.model.wrong).map((slot) => WRITES[slot] ?? slot);
    return parts.map((part) => {
      if (part.kind !== "line") return part;
      const [symbol, relation] = part.plain.split(" ", 2);
      if (!writes.some((start) => `${symbol}^`.startsWith(start))) return part;
      return { ...part, plain: `${symbol} ${relation} ${this.show(part.value)}` };
    });
  }

  stated(thing, left) {
    const formula = thing.formulas[left];
    return formula && { ...formula, source: `${thing.title}; ${thing.source}` };
  }

  // the stages

  given() {
    const { x, y } = this.model.batch;
    const parts = () => [
      this.array("x", x),
      ...(this.model.isLabelled ? this.labels(y) : [this.array("y", y)]),
      ...this.layers.flatMap(({ W, b }, i) => [
        this.array(`W^${i + 1}`, W),
        ...(b ? [this.array(`b^${i + 1}`, b)] : []),
      ]),
    ];
    const title = "Given: the network and the data";
    const shows = { units: [0], edges: this.layers.map((_, i) => i + 1) };
    return { key: "given", title, label: "", layer: 0, formulas: [], parts, shows };
  }

  /** y, and which outputs its labels mean; many labels have no norm worth a line. */
  labels(y) {
    const many = y.length > 1 ? `y holds ${y.length} labels` : "y is a label";
    const says = `${many}. Labels count from 0: label ${y[0]} means output ${y[0] + 1}.`;
    const few = y.length <= this.words.limits.columns ? [this.array("y", y)] : [];
    return [...few, this.sentence(says)];
  }

  weightedInput(l) {
    const { W, b } = this.layers[l - 1];
    const { aPrev, z } = this.step.trace[l - 1];
    const right = this.right.trace[l - 1].z;
    const lines = () =>
      z[this.row].map((each, j) => {
        const bias = b ? [this.show(b[j])] : [];
        const sum = total([...this.products(aPrev[this.row], W[j]), ...bias]);
        return this.line(`z^${l}_${j + 1}`, sum, each, { right: right[this.row][j] });
      });
    const count = W.length * (2 * W[0].length + (b ? 1 : 0));
    const shapes = `${shape(aPrev)} ${shape(W)}^T${b ? ` + (${b.length},)` : ""}`;
    const arrays = () => [this.array(`z^${l}`, z, shapes, right)];
    const parts = () => [
      ...(b ? [] : [this.sentence(UNBIASED)]),
      ...this.inNumbers(l, lines, count, arrays()),
    ];
    return this.stage("z", l, [], parts, { units: [l - 1, l], edges: [l] });
  }

  activation(l) {
    const f = this.f(l);
    const { z, a } = this.step.trace[l - 1];
    const right = this.right.trace[l - 1].a;
    const { slope } = this.layers[l - 1];
    const [r, width] = [this.row, z[0].length];
    const lines = () => this.values(f, z[r], a[r], `a^${l}`, slope, right[r]);
    const count = f.mixes ? width * (width + 1) : width;
    const parts = () => this.inNumbers(l, lines, count, [this.array(`a^${l}`, a, "", right)]);
    return this.stage("a", l, [this.stated(f, "f")], parts, {
      units: [l],
      edges: [],
    });
  }

  cost() {
    const { loss, depth } = this;
    const formulas = [this.stated(loss, "C")];
    const inner = loss.applies && this.words.activations[loss.applies];
    if (inner) formulas.push(this.stated(inner, "f"));
    const parts = () => {
      const { cost } = this.step;
      const side = this.costInNumbers();
      const C = this.line("C", side, cost, { right: this.right.cost });
      return [...(inner ? this.appliedByLoss(inner) : []), C];
    };
    return this.stage("C", 0, formulas, parts, {
      units: [depth],
      edges: [],
      cost: true,
    });
  }

  appliedByLoss(inner) {
    const { depth } = this;
    const z = this.step.trace.at(-1).a;
    const p = z.map((row) => this.probabilities(row));
    const name = `${this.loss.applies}(z^${depth})`;
    const says =
      `The loss reads logits and applies ${this.loss.applies} itself; its z is the output a of ` +
      "the identity.";
    const lines = () => this.values(inner, z[this.row], p[this.row], name);
    const width = z[0].length;
    const count = inner.mixes ? width * (width + 1) : width;
    return [this.sentence(says), ...this.inNumbers(depth, lines, count, [this.array(name, p)])];
  }

  get targets() {
    return targetRows(this.model.batch.y, this.sizes.at(-1));
  }

  /** C as the sum over all rows; "" where that is long, or a logarithm is cut off. */
  costInNumbers() {
    const match = /^C = (-?)sum (.+) \/ (\([^()]+\)|\w)$/.exec(this.formula(this.loss, "C"));
    const size = this.rows * this.sizes.at(-1);
    if (!match || !this.few(2 * size, this.depth) || this.isOnTheFloor()) return "";
    const { targets } = this;
    const isLabelled = this.model.isLabelled;
    const entries = targets.flatMap((row, r) =>
      row.flatMap((y, j) => (isLabelled && y === 0 ? [] : [[r, j]])),
    );
    const terms = entries.map(([r, j]) =>
      substituted(readable(match[2]), this.lettersOfLoss(r, j, targets)),
    );
    if (!terms.every(Boolean)) return "";
    const summed = terms.length === 1 ? terms[0] : `(${total(terms)})`;
    const below = substituted(match[3], this.lettersOfLoss(0, 0, targets));
    return `${match[1]}${summed}/${below}`;
  }

  isOnTheFloor() {
    if (this.loss.reads === "values") return false;
    const rows = this.step.trace.at(-1).a;
    const p = (this.loss.applies ? rows.map((row) => this.probabilities(row)) : rows).flat();
    return Math.min(...p, ...p.map((each) => 1 - each)) <= Math.exp(LOG_FLOOR);
  }

  outputDelta() {
    const [l, { loss }] = [this.depth, this];
    const left = loss.formulas["dC/da"] ? "dC/da" : "dC/dz";
    const { a } = this.step.trace[l - 1];
    const g =
      this.step.gradients[l - 1].gradA ?? lossGradient(this.model.loss, a, this.model.batch.y);
    const right = readable(rightSide(this.formula(loss, left), 0, a[0].length));
    const lines = () => this.lossGradient(right, g[this.row]);
    const shows = { units: [l], edges: [], cost: true };
    return this.delta("BP1", l, g, "", lines, 2 * a[0].length, this.stated(loss, left), shows);
  }

  /** dC/da of the row shown; what is saturated is not written in numbers. */
  lossGradient(right, g) {
    const a = this.step.trace.at(-1).a[this.row];
    const { targets } = this;
    const isHidden = a.map(
      (v) =>
        this.loss.reads === "probabilities" && (v === 0 || (v === 1 && right.includes("1 - a"))),
    );
    const lines = g.map((each, j) => {
      const side = isHidden[j] ? "" : substituted(right, this.lettersOfLoss(this.row, j, targets));
      return this.line(`dC/da^${this.depth}_${j + 1}`, side, each);
    });
    return isHidden.some(Boolean) ? [this.sentence(SATURATED), ...lines] : lines;
  }

  hiddenDelta(l) {
    const above = this.step.gradients[l].delta;
    const { W } = this.layers[l];
    const g = this.step.gradients[l - 1].gradA ?? matrix(above, W);
    const columns = transpose(W);
    const lines = () =>
      columns.map((column, k) => {
        const sum = total(this.products(above[this.row], column));
        return this.line(`dC/da^${l}_${k + 1}`, sum, g[this.row][k]);
      });
    const shapes = `${shape(above)} ${shape(W)}`;
    const shows = { units: [l, l + 1], edges: [l + 1] };
    const count = 2 * W.length * W[0].length;
    return this.delta("BP2", l, g, shapes, lines, count, this.words.through, shows);
  }

  /** What BP1 and BP2 have in common: g = dC/da comes back through f. */
  delta(label, l, g, shapes, linesG, count, formula, shows) {
    const f = this.f(l);
    const { z, a } = this.step.trace[l - 1];
    const { delta } = this.step.gradients[l - 1];
    const right = this.right.gradients[l - 1].delta;
    const width = g[0].length;
    const slopes = derivative(this.layers[l - 1], z, a);
    const arrays = [
      this.array(`dC/da^${l}`, g, shapes),
      ...(slopes ? [this.array(`f'(z^${l})`, slopes)] : []),
      this.array(`delta^${l}`, delta, "", right),
    ];
    const r = this.row;
    const through = () =>
      slopes
        ? [...this.slopes(l, slopes[r]), ...this.scaled(l, g[r], slopes[r], delta[r], right[r])]
        : this.mixed(l, g[r], delta[r], right[r]);
    const lines = () => [...linesG(), ...through()];
    const whole = count + (slopes ? 3 * width : 2 * width * (1 + width));
    const mixes =
      `${f.title} mixes the units of a row, so the product with f' becomes a sum over all of ` +
      "them.";
    const parts = () => [
      ...(slopes ? [] : [this.sentence(mixes)]),
      ...this.inNumbers(l, lines, whole, arrays),
    ];
    const second = this.stated(f, slopes ? "f'" : "dC/dz");
    return this.stage(label, l, [formula, second], parts, shows);
  }

  slopes(l, slopes) {
    const { z, a } = this.step.trace[l - 1];
    const [r, { slope }] = [this.row, this.layers[l - 1]];
    return slopes.map((d, j) => {
      const right = rightSide(this.formula(this.f(l), "f'"), z[r][j]);
      const side = substituted(right, this.letters(z[r], a[r], j, slope));
      return this.line(`f'(z^${l}_${j + 1})`, side, d);
    });
  }

  /** delta behind an elementwise f. */
  scaled(l, g, slopes, delta, right) {
    return delta.map((d, j) => {
      const factors = product(this.show(g[j]), this.show(slopes[j]));
      const chain = `dC/da^${l}_${j + 1} * f'(z^${l}_${j + 1})`;
      return this.line(`delta^${l}_${j + 1}`, factors, d, { chain, right: right[j] });
    });
  }

  /** delta behind softmax. */
  mixed(l, g, delta, right) {
    const { z, a } = this.step.trace[l - 1];
    const formula = rightSide(this.formula(this.f(l), "dC/dz"), 0, delta.length);
    const arriving = this.shownAll(Object.fromEntries(g.map((v, i) => [`dC/da_${i + 1}`, v])));
    return delta.map((d, j) => {
      const letters = this.letters(z[this.row], a[this.row], j, 0);
      const here = { ...letters, ...arriving, "dC/da_j": arriving[`dC/da_${j + 1}`] };
      return this.line(`delta^${l}_${j + 1}`, substituted(formula, here), d, { right: right[j] });
    });
  }

  /** BP3, where there are biases: a sum over rows. */
  biasGradient(l) {
    const { delta, db } = this.step.gradients[l - 1];
    if (!db) return [];
    const right = this.right.gradients[l - 1].db;
    const parts = () => {
      if (!this.few(delta.length * db.length, l)) {
        return [this.array(`db^${l}`, db, `${shape(delta)} summed over rows`, right)];
      }
      return db.map((each, j) => {
        const sum = total(delta.map((row) => this.show(row[j])));
        return this.line(`db^${l}_${j + 1}`, sum, each, { right: right[j] });
      });
    };
    return [this.stage("BP3", l, [], parts, { units: [l], edges: [] })];
  }

  /** BP4: a sum over rows of products. */
  weightGradient(l) {
    const { delta, dW } = this.step.gradients[l - 1];
    const { aPrev } = this.step.trace[l - 1];
    const right = this.right.gradients[l - 1].dW;
    const count = 2 * dW.length * dW[0].length * this.rows;
    const [columnsD, columnsA] = [transpose(delta), transpose(aPrev)];
    const parts = () => {
      if (!this.few(count, l)) {
        return [this.array(`dW^${l}`, dW, `${shape(delta)}^T ${shape(aPrev)}`, right)];
      }
      return dW.flatMap((row, j) =>
        row.map((each, k) => {
          const sum = total(this.products(columnsD[j], columnsA[k]));
          return this.line(`dW^${l}_${j + 1},${k + 1}`, sum, each, { right: right[j][k] });
        }),
      );
    };
    const shows = { units: [l - 1, l], edges: [l] };
    return this.stage("BP4", l, [], parts, shows);
  }

  update(l) {
    const { formulas, parts } = updateParts(this, l);
    const shows = { units: [], edges: [l] };
    return this.stage("step", l, formulas, parts, shows);
  }

  costAfter() {
    const parts = () => {
      const before = this.step.cost;
      const after = this.model.costOf(this.step.after);
      return [
        this.line("C before", "", before),
        this.line("C after", "", after),
        ...(Number.isFinite(after - before)
          ? [this.line("C after - C before", "", after - before)]
          : []),
        ...firstOrder(this),
      ];
    };
    const shows = { units: [this.depth], edges: [], cost: true };
    return {
      key: "after",
      title: "The cost after the step",
      label: "",
      layer: 0,
      formulas: [],
      parts,
      shows,
    };
  }
}

const shape = (array) => `(${array.length}, ${array[0].length})`;

module.exports = { Story };
