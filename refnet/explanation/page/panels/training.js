"use strict";

// The cost going down: steps, the rate, the update rule, and the curve.

const { Curve } = require("../drawing/curve.js");
const { h, say, panel, choice, button, numberField, setNumber } = require("../drawing/elements.js");

/** Train: steps, the rate, the rule, and the curve. */
function training(model) {
  const curve = new Curve(model.scene.digits);
  const count = h("output", { id: "steps" });
  const steps = [1, 10, 100].map((n) =>
    button(n === 1 ? "1 step" : `${n} steps`, () => model.train(n), { id: `train-${n}` }),
  );
  const rewind = button("Rewind", () => model.rewind(), {
    id: "rewind",
    title: "Back to the same start",
  });
  const refusal = h("p", { class: "problem", role: "alert" });
  const turns = h("p", { class: "source" }, "Each C is the cost of the row whose turn it is.");
  const rate = rateField(model);
  const rule = ruleFields(model);
  return {
    element: panel(
      "train",
      "Train",
      h("div", { class: "buttons" }, steps, rewind, count),
      refusal,
      curve.element,
      turns,
      h("div", { class: "fields" }, rate.element, rule.element),
    ),
    update() {
      const isReady = model.lr !== null;
      for (const each of steps) each.disabled = !isReady;
      say(count, `${model.steps} ${model.steps === 1 ? "step" : "steps"} taken`);
      const says = [model.refusal, ...model.problems].filter(Boolean).join(" ");
      say(refusal, says);
      turns.hidden = !model.alone;
      curve.update(model.first, model.costs);
      rate.update();
      rule.update();
    },
  };
}

function rateField(model) {
  const set = (value, why) => (value === null ? model.refuse(why) : model.setRate(value));
  const input = numberField("Learning rate, lr", set, { low: 0 });
  input.id = "lr";
  return {
    element: h("label", { class: "field" }, h("span", {}, "lr"), input),
    update: () =>
      model.lr === null ? (input.value = "") : setNumber(input, model.lr, String(model.lr)),
  };
}

/** The update rules to choose from; that of the scene with its settings, if it is another. */
function ruleFields(model) {
  const { rules } = model.words;
  const { rule } = model.scene;
  const options = Object.entries(rules).map(([key, { title }]) => [key, title]);
  if (model.ruleName === "own") options.push(["own", `${rule.title} with settings of its own`]);
  const set = (key) => {
    const { name, settings } = rules[key] ?? rule;
    model.setOptimizer(name, settings);
  };
  const field = choice("optimizer", options, model.ruleName, set);
  field.select.id = "optimizer";
  return { element: field.element, update: () => (field.select.value = model.ruleName) };
}

module.exports = { training };
