"use strict";

// Numbers in the place of the letters of a formula: as in refnet's text.

const FUNCTIONS = ["exp", "log", "tanh", "max", "sign", "sqrt"];
const TOKEN = /dC\/da_\w+|[A-Za-z]+\d?(?:_\w+)?|\d+(?:\.\d+)?|\S/g;

/** What stands right of "=": the branch that holds for z, and a sum over i written out. */
function rightSide(formula, z = 0, terms = 0) {
  let right = formula.slice(formula.indexOf(" = ") + 3);
  const branches = /^(.+) for z > 0, else (.+)$/.exec(right);
  if (branches) right = branches[z > 0 ? 1 : 2];
  return right.replace(/sum over i of ((?:\w|\/|\([^()]*\)| )+)/g, (_, term) => {
    const each = Array.from({ length: terms }, (_, i) => term.replaceAll("_i", `_${i + 1}`));
    return `(${each.join(" + ")})`;
  });
}

/** With p and q for the probabilities that a loss on logits makes itself. */
function readable(formula) {
  return formula.replace(/(softmax|sigmoid)\((-?)z\)/g, (_, name, minus) => (minus ? "q" : "p"));
}

/**
 * The formula with its letters replaced by `values` and its products written with *; ""
 * where a letter has no value.
 */
function substituted(formula, values) {
  const tokens = formula.match(TOKEN) ?? [];
  const writer = new Writer();
  for (const [i, token] of tokens.entries()) {
    if (FUNCTIONS.includes(token)) writer.function(token);
    else if (/^\d/.test(token)) writer.operand(token);
    else if (!/^[A-Za-z]/.test(token)) writer.sign(token);
    else if (!(token in values)) return "";
    else writer.operand(values[token], tokens[i + 1] === "^");
  }
  return writer.text;
}

/** How many numbers stand in a formula in numbers, but for the 2 of a square. */
function operands(formula) {
  const tokens = formula.replaceAll("^2", "").match(TOKEN) ?? [];
  return tokens.filter((token) => /^[A-Za-z0-9]/.test(token) && !FUNCTIONS.includes(token)).length;
}

/** Formula text as it grows; it knows whether it ends in something that can be multiplied. */
class Writer {
  text = "";
  #ended = false;
  #waiting = false;
  #bar = false;

  #start() {
    if (this.#ended) this.text += "*";
  }

  /** A function's name; its argument comes next, with brackets or without. */
  function(name) {
    this.#start();
    this.text += name;
    [this.#ended, this.#waiting] = [false, true];
  }

  /** A number, in brackets where a sign before it or a power after it reads otherwise. */
  operand(value, power = false) {
    this.#start();
    const isFirst = this.text === "" || /[(|]$/.test(this.text) || this.text.endsWith(", ");
    const exposed = value.startsWith("-") && !isFirst;
    const isWhole = /^\d+$/.test(value.replace(".", "")) || value.startsWith("(");
    const brackets = this.#waiting || exposed || (power && !isWhole);
    this.text += brackets ? `(${value})` : value;
    [this.#ended, this.#waiting] = [true, false];
  }

  /** Anything else: an operator, with spaces where it adds or subtracts, a bracket, a bar. */
  sign(mark) {
    const closes = mark === ")" || (mark === "|" && this.#bar);
    if (mark === "|") this.#bar = !this.#bar;
    if ("(|".includes(mark) && !closes) this.#start();
    const spaced = this.#ended ? { "+": " + ", "-": " - " } : {};
    this.text += { ",": ", ", ...spaced }[mark] ?? mark;
    [this.#ended, this.#waiting] = [closes, false];
  }
}

module.exports = { rightSide, readable, substituted, operands };
