"use strict";

// Weights as a file, and data as text.

const FORMAT = "refnet weights";

/** The network as JSON. */
function written(layers) {
  const plain = layers.map(({ W, b, activation, slope }) => ({ activation, slope, W, b }));
  return `${JSON.stringify({ format: FORMAT, version: 1, layers: plain }, null, 1)}\n`;
}

const isNumbers = (array) =>
  Array.isArray(array) && array.length > 0 && array.every(Number.isFinite);
const isMatrix = (array) =>
  Array.isArray(array) &&
  array.length > 0 &&
  array.every((row) => isNumbers(row) && row.length === array[0].length);

/** The layers of such a file, in the place of these; throws what is wrong with it. */
function read(text, layers, activations) {
  let whole;
  try {
    whole = JSON.parse(text);
  } catch {
    throw new Error("The file has no JSON, expected weights that this page has saved.");
  }
  if (whole?.format !== FORMAT || whole.version !== 1 || !Array.isArray(whole.layers)) {
    throw new Error(`The file has other content, expected format "${FORMAT}", version 1.`);
  }
  if (whole.layers.length !== layers.length) {
    throw new Error(`The file has ${whole.layers.length} layers, expected ${layers.length}.`);
  }
  return whole.layers.map((layer, l) => checked(layer, l, layers[l], activations));
}

function checked(layer, l, place, activations) {
  const { W, b = null, activation, slope = 0.01 } = layer ?? {};
  const [rows, columns] = [place.W.length, place.W[0].length];
  const where = `Layer ${l + 1} of the file`;
  if (!isMatrix(W)) {
    throw new Error(`${where} has no W of numbers, expected ${rows} × ${columns}.`);
  }
  if (W.length !== rows || W[0].length !== columns) {
    throw new Error(
      `${where} has a W of ${W.length} × ${W[0].length}, expected ${rows} × ${columns}.`,
    );
  }
  if (place.b === null && b !== null) throw new Error(`${where} has a b, expected none.`);
  if (place.b !== null && !(isNumbers(b) && b.length === rows)) {
    throw new Error(`${where} has another b, expected ${rows} numbers.`);
  }
  if (!Number.isFinite(slope)) throw new Error(`${where} has another slope, expected a number.`);
  if (!activations.includes(activation)) {
    throw new Error(
      `${where} has the activation "${activation}", expected one of ${activations.join(", ")}.`,
    );
  }
  return { W, b, activation, slope };
}

/** Rows of a table as text: inputs, then targets. */
function rowsAsText(x, y) {
  return x.map((row, i) => [...row, y[i]].flat().join(" ")).join("\n");
}

/** The rows of such a text; throws what is wrong with it. */
function rowsFromText(text, inputs, outputs, isLabelled) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) throw new Error("The data have no row, expected at least one.");
  const width = inputs + (isLabelled ? 1 : outputs);
  const rows = lines.map((line, i) => {
    const numbers = (line.match(/[^\s,;|]+/g) ?? []).map(Number);
    if (numbers.length !== width || !numbers.every(Number.isFinite)) {
      throw new Error(`Row ${i + 1} has "${line.trim()}", expected ${width} numbers.`);
    }
    const label = numbers.at(-1);
    if (isLabelled && !(Number.isInteger(label) && label >= 0 && label < outputs)) {
      throw new Error(`Row ${i + 1} has the label ${label}, expected 0 to ${outputs - 1}.`);
    }
    return numbers;
  });
  const y = rows.map((row) => (isLabelled ? row.at(-1) : row.slice(inputs)));
  return { x: rows.map((row) => row.slice(0, inputs)), y };
}

module.exports = { written, read, rowsAsText, rowsFromText };
