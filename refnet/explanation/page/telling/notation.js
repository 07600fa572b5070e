"use strict";

// A line of numbers in plain notation as MathML, which every browser draws by itself.

const SYMBOL =
  "(?:a_prev|[A-Za-z]+)(?:\\^(?:[A-Za-z0-9]+|\\(l[+-]1\\)))?(?:_[A-Za-z0-9]+(?:,[0-9]+)?)?";
const TOKEN = new RegExp(
  `d(?<over>${SYMBOL})/d(?<under>${SYMBOL})` +
    "|(?<number>\\d+(?:\\.\\d+)?)(?:e(?<power>[+-]\\d+))?" +
    `|(?<symbol>${SYMBOL})` +
    "|\\^(?<up>\\d+|T)" +
    "|_(?<down>\\d+)" +
    "|(?<space> +)" +
    "|(?<sign>:=|\\S)",
  "g",
);
const LETTERS = { delta: "δ", theta: "θ", inf: "∞" };
const SIGNS = { "-": "−", "*": "⋅", "'": "′" };

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** A letter with what stands above and below it: z^2_1. */
function symbol(text) {
  const [, name, up, down] = /^(a_prev|[A-Za-z]+)(?:\^([^_]+))?(?:_(.+))?$/.exec(text);
  const base = `<mi>${LETTERS[name] ?? name}</mi>`;
  const above = up && (/\W/.test(up) ? `<mrow>${inner(up.slice(1, -1))}</mrow>` : `<mn>${up}</mn>`);
  const below = down && `<mn>${down}</mn>`;
  if (above && below) return `<msubsup>${base}${below}${above}</msubsup>`;
  if (above) return `<msup>${base}${above}</msup>`;
  return below ? `<msub>${base}${below}</msub>` : base;
}

function number(digits, power) {
  if (!power) return `<mn>${digits}</mn>`;
  return `<mn>${digits}</mn><mo>⋅</mo><msup><mn>10</mn><mn>${Number(power)}</mn></msup>`;
}

/** A sign; one before a number, and not between two, stands close to it. */
function operator(sign, before = "<mo>") {
  const isPrefix = "+-".includes(sign) && before.startsWith("<mo") && !before.endsWith(">)</mo>");
  return `<mo${isPrefix ? ' form="prefix"' : ""}>${SIGNS[sign] ?? escaped(sign)}</mo>`;
}

/** The last atom, off the list: where it closes a bracket, with all from the opening one. */
function last(atoms) {
  const is = (bracket) => (atom) => atom.endsWith(`>${bracket}</mo>`);
  const [opens, closes] = [is("("), is(")")];
  let [first, depth] = [atoms.length, 0];
  do {
    const atom = atoms[--first];
    depth += closes(atom) - opens(atom);
  } while (depth > 0 && first > 0);
  return `<mrow>${atoms.splice(first).join("")}</mrow>`;
}

/** What stands between the tags of a formula. */
function inner(plain) {
  const atoms = [];
  for (const { groups: part, index } of plain.matchAll(TOKEN)) {
    const before = plain.slice(0, index);
    const partial = (text) => `<mrow><mi>∂</mi>${symbol(text)}</mrow>`;
    if (part.over) atoms.push(`<mfrac>${partial(part.over)}${partial(part.under)}</mfrac>`);
    else if (part.number) atoms.push(number(part.number, part.power));
    else if (part.symbol) atoms.push(symbol(part.symbol));
    else if (part.space && /[A-Za-z]$/.test(before)) atoms.push('<mspace width="0.3em"/>');
    else if (part.up) atoms.push(`<msup>${last(atoms)}<mn>${part.up}</mn></msup>`);
    else if (part.down) atoms.push(`<msub>${last(atoms)}<mn>${part.down}</mn></msub>`);
    else if (part.sign) atoms.push(operator(part.sign, atoms.at(-1)));
  }
  return atoms.join("");
}

/** A formula within a line of text. */
const inline = (plain) => `<math>${inner(plain)}</math>`;

/**
 * The same in pieces, each from an operator to the next, so that a long line wraps; the
 * short 1 - a in brackets stays whole. The space between two pieces is a character.
 */
function wrapping(plain) {
  const pieces = plain.split(/(?<!\(1) (?=(?:=|:=|[+*-]) )/).map(inline);
  return pieces
    .map((piece) => piece.replace(/^<math><mo[^>]*>/, '<math><mo form="infix" lspace="0">'))
    .join(" ");
}

/** A sentence whose notation stands between dollar signs, as HTML. */
function sentence(text) {
  const pieces = escaped(text).split(/\$([^$]+)\$|`([^`]+)`/);
  return pieces
    .map((piece, i) => {
      if (piece === undefined) return "";
      return [piece, inline(piece), `<code>${piece}</code>`][i % 3];
    })
    .join("");
}

module.exports = { inline, wrapping, sentence };
