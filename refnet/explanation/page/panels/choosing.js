"use strict";

// What the network is made of, and which rows take part.

const { h, panel, choice, refill } = require("../drawing/elements.js");

/** Choose: activations, the loss, and which rows take part. */
function choosing(model) {
  const { activations, losses } = model.words;
  const kinds = Object.entries(activations).map(([key, { title }]) => [key, title]);
  const ending = kinds.map(([key, title]) => [key, title, model.lossesFor(key).length === 0]);
  const layers = model.layers.map(({ activation }, l) => {
    const options = l === model.layers.length - 1 ? ending : kinds;
    const field = choice(`activation of layer ${l + 1}`, options, activation, (key) =>
      model.setActivation(l, key),
    );
    field.select.id = `activation-${l + 1}`;
    return field;
  });
  const loss = choice("loss", [], model.loss, (key) => model.setLoss(key));
  loss.select.id = "loss";
  const batch = choice(
    "rows",
    [
      ["all", "all rows, summed"],
      ["one", "one row at a time"],
    ],
    "all",
    (key) => model.setAlone(key === "one"),
  );
  batch.select.id = "batch";
  const row = choice("row that is shown", [], "0", (key) => model.setRow(Number(key)));
  row.select.id = "row";
  return {
    element: panel(
      "choose",
      "Choose",
      h(
        "div",
        { class: "fields" },
        layers.map((f) => f.element),
        loss.element,
        batch.element,
        row.element,
      ),
    ),
    update() {
      layers.forEach((field, l) => (field.select.value = model.layers[l].activation));
      const fitting = model.lossesFor(model.layers.at(-1).activation);
      const options = Object.entries(losses).map(([key, { title }]) => [
        key,
        title,
        !fitting.includes(key),
      ]);
      refill(loss.select, options, model.loss);
      refill(
        row.select,
        model.x.map((_, i) => [String(i), `row ${i + 1}`]),
        String(model.row),
      );
      batch.select.value = model.alone ? "one" : "all";
    },
  };
}

module.exports = { choosing };
