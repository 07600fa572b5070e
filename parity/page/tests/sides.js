"use strict";

// For each scene that is read, with each mistake in turn, in its first step and its third:
// the lines of which a side in numbers does not come to what stands at the end.

const { Model } = require("./model.js");
const MISTAKES = require("./mistakes.js");
const { Story } = require("./telling/story.js");

const { words, scenes } = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
const FUNCTION = /\b(exp|log|tanh|max|sign|sqrt)\b/g;
const NOTATION = /\b(exp|log|tanh|max|sign|sqrt|inf|nan)\b|\de[-+]/g;

/** What a side comes to, as JavaScript reads it. */
function value(side) {
  const text = side
    .replaceAll("^", "**")
    .replace(FUNCTION, "Math.$1")
    .replace(/\|([^|]*)\|/g, "Math.abs($1)");
  return Function("inf", "nan", `return ${text}`)(Infinity, NaN);
}

const isInNumbers = (side) => !/[A-Za-z]/.test(side.replace(NOTATION, ""));

/** Whether the two differ in the ninth digit: a side's numbers have 15, less what cancels. */
function isWrong(side, expected) {
  const comesTo = value(side);
  if (Object.is(comesTo, expected)) return false; // infinite or NaN, too
  return !(Math.abs(comesTo - expected) <= 1e-9 * Math.max(1, Math.abs(expected)));
}

function wrongLines(model) {
  const lines = new Story(model)
    .stages()
    .flatMap((stage) => stage.parts())
    .filter(({ kind }) => kind === "line");
  const sides = ({ plain }) => plain.split(/ :?= /).slice(1).filter(isInNumbers);
  const wrong = lines.filter((line) => sides(line).some((side) => isWrong(side, line.value)));
  const count = lines.reduce((sum, line) => sum + sides(line).length, 0);
  return { count, wrong: wrong.map(({ plain }) => plain) };
}

function told(scene) {
  const model = new Model({ ...scene, digits: 15 }, words, () => {});
  const all = [];
  for (const id of [null, ...Object.keys(MISTAKES)]) {
    if (id && !model.canStand(id)) continue;
    model.setMistake(id);
    for (const steps of [0, 2]) {
      model.train(steps);
      all.push({ mistake: id, ...wrongLines(model) });
    }
    model.rewind();
  }
  return all;
}

console.log(JSON.stringify(scenes.map(told)));
