"use strict";

// The update of a layer in numbers.

const { product, total } = require("./figures.js");

/** The formulas and parts of the stage in which layer l is updated. */
function updateParts(story, l) {
  const { words, model } = story;
  return { formulas: [words.descent], parts: () => plainParts(story, l) };
}

function arraysOf(story, l) {
  const [old, { dW, db }, next] = [story.layers[l - 1], story.step.gradients[l - 1], story.step.after[l - 1]];
  const right = story.right.after[l - 1];
  const W = [`W^${l}`, old.W, dW, next.W, right.W];
  return old.b ? [W, [`b^${l}`, old.b, db, next.b, right.b]] : [W];
}

function plainParts(story, l) {
  const arrays = arraysOf(story, l);
  const count = arrays.reduce((sum, [, old]) => sum + 3 * old.flat().length, 0);
  const lr = story.show(story.model.lr);
  if (!story.few(count, l)) {
    return arrays.map(([name, old, d, next, right]) =>
      story.array(name, next, `${size(old)} - ${lr} * ${size(d)}`, right),
    );
  }
  return arrays.flatMap(([name, old, d, next, right]) =>
    entries(old).map((index) => {
      const at = (array) => index.reduce((part, i) => part[i], array);
      const move = product(lr, story.show(at(d)));
      const sum = total([story.show(at(old)), `-${move}`]);
      const symbol = `${name}_${index.map((i) => i + 1).join(",")}`;
      return story.line(symbol, sum, at(next), { relation: ":=", right: at(right) });
    }),
  );
}

const size = (array) =>
  Array.isArray(array[0]) ? `(${array.length}, ${array[0].length})` : `(${array.length},)`;

const entries = (array) =>
  array.flatMap((row, i) => (Array.isArray(row) ? row.map((_, j) => [i, j]) : [[i]]));

module.exports = { updateParts };
