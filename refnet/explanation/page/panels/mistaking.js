"use strict";

// A mistake that is switched on, and who sees it.

const { h, html, panel, choice, refill } = require("../drawing/elements.js");
const { gradientCheck } = require("../telling/checks.js");
const { general } = require("../telling/figures.js");
const { inline, sentence } = require("../telling/notation.js");

/** A mistake of the catalogue that is switched on. */
function mistaking(model, mistakes) {
  const field = choice("mistake", [], "", (key) => model.setMistake(key || null));
  field.select.id = "mistake";
  const body = h("div", {});
  return {
    element: panel(
      "mistakes",
      "Make a mistake",
      h("div", { class: "fields" }, field.element),
      body,
    ),
    update() {
      const options = mistakes.map(({ id }) => [id, id, !model.canStand(id)]);
      refill(field.select, [["", "none: the step is right"], ...options], model.mistake ?? "");
      const entry = mistakes.find(({ id }) => id === model.mistake);
      body.replaceChildren(...(entry ? mistakeSaid(model, entry) : [h("p", {}, INVITED)]));
    },
  };
}

const INVITED =
  "Mistakes that people make, from parity's catalogue. Switch one on: the stages show what " +
  "it changes, and below stands what a gradient check would see and what parity says.";

function mistakeSaid(model, entry) {
  if (!model.canStand(entry.id)) {
    return [h("p", { class: "problem" }, "It cannot stand in this network: nothing is changed.")];
  }
  const idle = `In this step it changes no number. ${entry.unseen}`;
  return [
    model.isRight ? h("p", { class: "unchanged" }, idle) : null,
    h(
      "pre",
      { class: "parity", tabindex: 0, role: "region", "aria-label": "What parity says" },
      saidOf(model, entry),
    ),
    h("h3", {}, "What a gradient check sees"),
    ...checkSaid(model),
  ].filter(Boolean);
}

/** What parity says of it in this network, with the layers in which it stands. */
function saidOf(model, { id, says, findings }) {
  const layers = model.layers.flatMap((_, l) => (model.stands(id, l) ? [l + 1] : [])).join();
  const rule = model.ruleName;
  const isHere = (each) =>
    each.depth === model.layers.length &&
    each.layers.join() === layers &&
    ["", rule].includes(each.rule);
  return (findings.find(isHere) ?? { says }).says;
}

function checkSaid(model) {
  const rows = gradientCheck(model);
  const seen = rows.filter(({ isOff }) => isOff).map(({ name }) => name);
  const verdict = seen.length
    ? `It sees the mistake in ${seen.map((name) => `$d${name}$`).join(", ")}.`
    : rows.some(({ judged }) => judged)
      ? "It sees nothing: the gradients are those of the cost that the program computes."
      : "It cannot judge: no difference of costs tells the derivative.";
  const cells = ({ name, worst, isOff, judged }) => {
    const at = worst.index.map((i) => i + 1).join(",");
    const numbers = ["analytic", "numeric"].map((key) => h("td", {}, general(worst[key], 4)));
    const error = h("td", {}, general(worst.error, 2));
    return h(
      "tr",
      {},
      html("td", {}, inline(`d${name}_${at}`)),
      numbers,
      error,
      h("td", {}, isOff ? "off" : judged ? "agrees" : "not judged"),
    );
  };
  const head = ["entry", "backprop", "numeric", "its error", "verdict"].map((text) =>
    h("th", { scope: "col" }, text),
  );
  const tried = rows.reduce((sum, row) => sum + row.tried, 0);
  const of = rows.reduce((sum, row) => sum + row.of, 0);
  const skipped = tried - rows.reduce((sum, row) => sum + row.judged, 0);
  const which = tried < of ? `It tries ${tried} of the ${of} entries. ` : "";
  const rest = skipped ? ` No difference of costs tells ${skipped} of them, as at a kink.` : "";
  return [
    html("p", { class: "verdict" }, sentence(which + verdict + rest)),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Gradient check" },
      h(
        "table",
        { class: "numbers plain" },
        h("thead", {}, h("tr", {}, head)),
        h("tbody", {}, rows.map(cells)),
      ),
    ),
  ];
}

module.exports = { mistaking };
