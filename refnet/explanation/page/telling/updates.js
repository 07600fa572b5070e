"use strict";

// The update of a layer in numbers: all that becomes of its W and b, by the formulas of
// the optimizer.

const { value } = require("./arithmetic.js");
const { entrywise } = require("../engine.js");
const { product } = require("./figures.js");
const { operands, substituted } = require("./formulas.js");

const SIDES = /^(\w+) (:?=) (.+)$/;

/** The formulas and the parts of the stage in which layer l is updated. */
function updateParts(story, l) {
  const rule = ruleOf(story.model);
  const formulas = rule.isDescent ? [story.words.descent] : rule.formulas;
  return { formulas, parts: () => parts(story, l, rule) };
}

/** The rule of a model's optimizer, with the formulas of its next step. */
function ruleOf({ optimizer, words, scene }) {
  const own = JSON.stringify([optimizer.name, optimizer.settings]);
  const rules = [scene.rule, ...Object.values(words.rules)];
  const rule = rules.find(({ name, settings }) => JSON.stringify([name, settings]) === own);
  const isFirst = Object.keys(optimizer.state).length === 0;
  return { ...rule, formulas: (isFirst && rule.first) || rule.later };
}

function parts(story, l, rule) {
  const each = parameters(story, l, rule);
  const counts = each.flatMap((one) =>
    one.assignments.map(({ right }) => Math.max(1, operands(right))),
  );
  const size = each.reduce((sum, one) => sum + one.old.flat().length, 0);
  const shown = story.few(Math.max(...counts) * size, l) ? entries : arrays;
  const about = rule.isDescent
    ? []
    : [story.sentence(`Here $${gradientOf(rule)}$ is ${names(each)}.`)];
  return [...about, ...each.flatMap((one) => shown(story, one))];
}

const gradientOf = ({ formulas }) => (formulas[0].plain.startsWith("d = g") ? "g" : "d");
const names = (each) => each.map(({ symbol }) => `$d${symbol}$`).join(" or ");

/** W of a layer and, where there is one, b, with all that becomes of it in order. */
function parameters(story, l, rule) {
  const { step, right, model } = story;
  const layer = story.layers[l - 1];
  const { dW, db } = step.gradients[l - 1];
  const of = (name, i, old, gradient) => {
    const given = { ...numbersOf(model), g: gradient, d: gradient, theta: old };
    const before = {
      ...given,
      ...beginning(model, rule, old),
      ...kept(model.optimizer.state, rule, l, i),
    };
    const results = [step, right].map(({ updated, after }) => ({
      ...kept(updated.optimizer.state, rule, l, i),
      theta: after[l - 1][name],
    }));
    return { symbol: `${name}^${l}`, old, assignments: assigned(rule, before, ...results) };
  };
  const W = of("W", 0, layer.W, dW);
  return layer.b ? [W, of("b", 1, layer.b, db)] : [W];
}

/** The vectors of a state by the letters of the formulas, for W or b of a layer. */
function kept(state, { letters }, l, i) {
  const has = Object.entries(letters).filter(([, key]) => state[key]);
  return Object.fromEntries(has.map(([letter, key]) => [letter, state[key][l - 1][i]]));
}

/** What a rule that has taken no step has in the place of its vectors. */
function beginning({ optimizer: { settings } }, { letters }, like) {
  const start = entrywise(() => settings.initial_accumulator_value ?? 0, like);
  return Object.fromEntries(Object.keys(letters).map((letter) => [letter, start]));
}

/** The hyper-parameters by their names in the formulas, and t, the number of the step. */
function numbersOf({ optimizer: { settings, state }, lr, steps }) {
  const numbers = { lr, t: (state.t ?? steps) + 1 };
  for (const [name, setting] of Object.entries(settings)) {
    if (Array.isArray(setting))
      setting.forEach((v, i) => (numbers[`${name.slice(0, -1)}${i + 1}`] = v));
    else if (typeof setting === "number") numbers[name] = setting;
  }
  return numbers;
}

/** Each formula with what its letters are by then, and its results: own and right. */
function assigned({ formulas }, before, results, rightResults) {
  const written = formulas.map(({ plain }) => SIDES.exec(plain));
  const compute = (right, letters) => {
    const names = Object.keys(letters);
    const text = substituted(right, Object.fromEntries(names.map((name) => [name, name])));
    const arrays = names.filter((name) => Array.isArray(letters[name]));
    const at = (...entries) =>
      value(text, {
        ...letters,
        ...Object.fromEntries(arrays.map((name, i) => [name, entries[i]])),
      });
    return entrywise(at, ...arrays.map((name) => letters[name]));
  };
  let letters = before;
  return written.map(([, left, relation, right]) => {
    const result = results[left] ?? compute(right, letters);
    const done = { left, relation, right, letters, result, wanted: rightResults[left] ?? result };
    letters = { ...letters, [left]: result };
    return done;
  });
}

/** Each entry in numbers, with all that comes to it. */
function entries(story, { symbol, old, assignments }) {
  return indices(old).flatMap((index) => {
    const at = (array) =>
      Array.isArray(array) ? index.reduce((part, i) => part[i], array) : array;
    const entry = `${symbol}_${index.map((i) => i + 1).join(",")}`;
    return assignments.map(({ left, relation, right, letters, result, wanted }) => {
      const shown = Object.entries(letters).map(([name, v]) => [name, seen(story, name, at(v))]);
      const numbers = substituted(right, Object.fromEntries(shown));
      return story.line(named(left, entry), numbers, at(result), { relation, right: at(wanted) });
    });
  });
}

/** Each array, with the shapes of those that it comes from. */
function arrays(story, { symbol, assignments }) {
  return assignments.map(({ left, right, letters, result, wanted }) => {
    const shapes = Object.entries(letters).map(([name, v]) => [name, shape(story, name, v)]);
    const how = substituted(right, Object.fromEntries(shapes)).replaceAll("*", " * ");
    return story.array(named(left, symbol), result, how, wanted);
  });
}

/** An entry or a hyper-parameter; t in full. */
const seen = (story, name, number) => (name === "t" ? String(number) : story.show(number));

function shape(story, name, v) {
  if (!Array.isArray(v)) return seen(story, name, v);
  return Array.isArray(v[0]) ? `(${v.length}, ${v[0].length})` : `(${v.length},)`;
}

/** What a result is called: the parameter itself, or a letter of it. */
const named = (left, symbol) => (left === "theta" ? symbol : `${left}(${symbol})`);

const indices = (array) =>
  array.flatMap((row, i) => (Array.isArray(row) ? row.map((_, j) => [i, j]) : [[i]]));

/** By how much C changes to first order: the lines about it. */
function firstOrder(story) {
  const { step, model, layers } = story;
  const dot = (u, v) =>
    u.flat(Infinity).reduce((sum, each, i) => sum + each * v.flat(Infinity)[i], 0);
  const gradient = step.gradients.map(({ dW, db }) => [dW, db ?? []]);
  if (ruleOf(model).isDescent) {
    const square = dot(gradient, gradient);
    if (!Number.isFinite(square)) return [];
    const numbers = product(`-${story.show(model.lr)}`, story.show(square));
    const says = story.sentence("To first order, for a small lr, the step changes C by");
    return [says, story.line("-lr |dC/dtheta|^2", numbers, -model.lr * square)];
  }
  const u = layers.map(({ W, b }, l) => [
    entrywise((old, now) => old - now, W, step.after[l].W),
    b ? entrywise((old, now) => old - now, b, step.after[l].b) : [],
  ]);
  const change = -dot(gradient, u);
  if (!Number.isFinite(change)) return [];
  return [story.sentence(FIRST_ORDER), story.line("-dC/dtheta u", "", change)];
}

const FIRST_ORDER =
  "To first order, for a small $u$, which is theta before the step minus theta after it, the " +
  "step changes C by the sum over all parameters of";

module.exports = { updateParts, firstOrder, ruleOf };
