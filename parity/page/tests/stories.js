"use strict";

// For each scene that is read, what the page tells of it, without a browser: its stages,
// the numbers that differ from refnet's, a gradient check, and weights along their paths.

const { Model } = require("./model.js");
const { compared, gradientCheck } = require("./telling/checks.js");
const { wrapping } = require("./telling/notation.js");
const { walked } = require("./telling/paths.js");
const { Story } = require("./telling/story.js");

const { words, scenes } = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));

function told({ scene, weights }) {
  const model = new Model(scene, words, () => {});
  const story = new Story(model);
  return {
    stages: story.stages().map((stage) => staged(story, stage)),
    compared: compared(scene, words),
    check: gradientCheck(model),
    paths: weights.map((weight) => summed(model, weight)),
    wrong: withWrongGradients(model),
  };
}

function staged(story, { title, formulas, parts }) {
  const all = parts();
  const lines = all.filter(({ kind }) => kind === "line").map(({ plain }) => plain);
  const tables = all.filter(({ kind }) => kind === "grid");
  return {
    title,
    formulas: formulas.map(({ plain }) => plain),
    lines,
    math: lines.map(wrapping),
    grids: tables.map(({ table }) => table.map((row) => row.map((each) => story.show(each)))),
    words: all.filter(({ kind }) => kind === "words").map(({ text }) => text),
  };
}

/** How many paths lead to a weight, their sum, and what backpropagation finds. */
function summed(model, weight) {
  const mixes = (l) => words.activations[model.layers[l].activation].mixes;
  const { count, paths } = walked(model.step, weight, mixes);
  const sum = paths && paths.reduce((total, { product }) => total + product, 0);
  const [l, row, column] = weight;
  const { dW, db } = model.step.gradients[l];
  const entry = column === null ? db[row] : dW[row][column];
  const largest = paths && paths.slice(0, 5).map(({ product }) => product);
  return { count, sum, entry, largest };
}

/** The arrays in which a check finds a first entry that is off by a ten-thousandth. */
function withWrongGradients(model) {
  return model.step.gradients.flatMap((right, l) =>
    ["dW", "db"].flatMap((name) => {
      if (!right[name]) return [];
      const array = structuredClone(right[name]);
      const row = name === "dW" ? array[0] : array;
      row[0] *= 1.0001;
      model.step.gradients[l] = { ...right, [name]: array };
      const off = gradientCheck(model).filter(({ isOff }) => isOff);
      model.step.gradients[l] = right;
      return [{ array: `${name.slice(1)}^${l + 1}`, off: off.map((row) => row.name) }];
    }),
  );
}

console.log(JSON.stringify(scenes.map(told)));
