"use strict";

// What a stage consists of: lines of numbers, arrays, and words, as refnet tells them.

const { sigmoid, softmax } = require("../engine.js");
const { shown, product } = require("./figures.js");
const { rightSide, substituted } = require("./formulas.js");

const PROBABILITIES = {
  sigmoid: (row) => row.map(sigmoid),
  softmax,
};

class Lines {
  /** The parts about a model's step. Layers count from 1 here, as they are told. */
  constructor(model) {
    const { words, scene, step, right, layers, shownRow, batch } = model;
    Object.assign(this, { model, words, step, right, layers, row: shownRow });
    Object.assign(this, { digits: scene.digits, rows: batch.x.length, sizes: model.sizes });
    this.depth = layers.length;
  }

  show(value) {
    return shown(value, this.digits);
  }

  /** One number: symbol = chain of symbols = the same with numbers = result. */
  line(symbol, substitution, value, { chain = "", relation = "=", right = value } = {}) {
    const sides = [...new Set([chain, substitution, this.show(value)].filter(Boolean))];
    const told = `${symbol} ${relation} ${sides.join(" = ")}`;
    return { kind: "line", plain: told, value, right };
  }

  sentence(text) {
    return { kind: "words", text };
  }

  /** The entries of a small array; shape, norm and range of a large one. */
  array(symbol, values, shapes = "", right = values) {
    const asRows = (array) => (Array.isArray(array[0]) ? array : [array]);
    const [table, tableRight] = [asRows(values), asRows(right)];
    const { numbers, columns } = this.words.limits;
    const isSmall = table.length * table[0].length <= numbers && table[0].length <= columns;
    return { kind: isSmall ? "grid" : "summary", symbol, table, right: tableRight, shapes, values };
  }

  /** Whether an equation is written in numbers. */
  few(count, layer) {
    const { numbers, columns } = this.words.limits;
    return count <= numbers && this.sizes[layer] <= columns;
  }

  /** The row shown as lines, where it takes few numbers, and all rows as arrays. */
  inNumbers(layer, lines, count, arrays) {
    if (!this.few(count, layer)) return arrays;
    if (this.rows === 1) return lines();
    const which =
      `Row ${this.row + 1} of the batch, in numbers; then all ${this.rows} rows, one below the ` +
      "other.";
    return [this.sentence(which), ...lines(), ...arrays];
  }

  // numbers in the place of letters

  products(some, others) {
    return some.map((a, i) => product(this.show(a), this.show(others[i])));
  }

  formula(thing, left) {
    return thing.formulas[left]?.plain ?? "";
  }

  f(l) {
    return this.words.activations[this.layers[l - 1].activation];
  }

  get loss() {
    return this.words.losses[this.model.loss];
  }

  /** What a loss on logits makes of a row itself. */
  probabilities(row) {
    return PROBABILITIES[this.loss.applies](row);
  }

  /** The units of the row shown: f(z) with its number. */
  values(f, z, a, name, slope, right = a) {
    const formula = this.formula(f, "f");
    const shifted = f.mixes && Math.max(...z.map(Math.abs)) > Math.log(Number.MAX_VALUE);
    const lines = z.map((each, j) => {
      const letters = this.letters(z, a, j, slope);
      const side = substituted(rightSide(formula, each, z.length), letters);
      return this.line(`${name}_${j + 1}`, side, a[j], { right: right[j] });
    });
    return shifted ? [this.sentence(SHIFTED), ...lines] : lines;
  }

  /** What the letters of an activation's formulas stand for at unit j of a row. */
  letters(z, a, j, slope) {
    const letters = { z: z[j], z_j: z[j], a: a[j], a_j: a[j], slope };
    z.forEach((each, i) => (letters[`z_${i + 1}`] = each));
    a.forEach((each, i) => (letters[`a_${i + 1}`] = each));
    return this.shownAll(letters);
  }

  shownAll(numbers) {
    return Object.fromEntries(Object.entries(numbers).map(([key, v]) => [key, this.show(v)]));
  }

  /** What the letters of the loss' formulas stand for at an output of a row. */
  lettersOfLoss(row, j, targets) {
    const a = this.step.trace.at(-1).a[row];
    const letters = { a: a[j], y: targets[row][j] };
    if (this.loss.applies) {
      letters.p = this.probabilities(a)[j];
      letters.q = this.probabilities(a.map((each) => -each))[j];
    }
    const counts = { n: String(this.rows), k: String(this.sizes.at(-1)) };
    return { ...this.shownAll(letters), ...counts };
  }
}

const SHIFTED =
  "A calculator may fail at such an exp; the largest $z$ of the row is subtracted first, which " +
  "leaves the quotient as it is.";

module.exports = { Lines };
