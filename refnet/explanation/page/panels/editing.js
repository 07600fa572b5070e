"use strict";

// Weights and data as tables, as files, and as text.

const { h, panel, button } = require("../drawing/elements.js");
const { Table } = require("../drawing/tables.js");
const files = require("./files.js");

/** Edit: weights and data. */
function editing(model) {
  const { limits } = model.words;
  const { digits } = model.scene;
  const common = { limits, digits, refuse: (why) => model.refuse(why) };
  const asColumn = (array) => array.map((each) => [each]);
  const tables = model.layers.flatMap(({ b }, l) => [
    new Table({
      ...common,
      name: `W of layer ${l + 1}`,
      title: `W of layer ${l + 1}`,
      get: () => model.layers[l].W,
      set: (i, j, value) => model.setParameter(l, "W", [i, j], value),
    }),
    ...(b
      ? [
          new Table({
            ...common,
            name: `b of layer ${l + 1}`,
            title: `b of layer ${l + 1}`,
            get: () => [model.layers[l].b],
            set: (_, j, value) => model.setParameter(l, "b", [j], value),
          }),
        ]
      : []),
  ]);
  const label = { integer: true, low: 0, high: model.sizes.at(-1) - 1 };
  const data = [
    new Table({
      ...common,
      name: "x",
      title: "x, a row for each sample",
      get: () => model.x,
      set: (i, j, v) => model.setInput(i, j, v),
    }),
    new Table({
      ...common,
      name: "y",
      title: model.isLabelled ? "y, a label for each sample" : "y, a row for each sample",
      get: () => (model.isLabelled ? asColumn(model.y) : model.y),
      set: (i, j, v) => model.setTarget(i, j, v),
      field: model.isLabelled ? label : {},
    }),
  ];
  const own = ownData(model);
  const store = stored(model);
  return {
    element: panel(
      "edit",
      "Edit",
      h("h3", {}, "Weights and biases"),
      h(
        "div",
        { class: "arrays" },
        tables.map((table) => table.element),
      ),
      store.element,
      h("h3", {}, "Data"),
      h(
        "div",
        { class: "arrays" },
        data.map((table) => table.element),
      ),
      own.element,
    ),
    update() {
      for (const table of [...tables, ...data]) table.update();
      own.update();
    },
  };
}

/** Weights to a file and from one. */
function stored(model) {
  const problem = h("p", { class: "problem", role: "alert" });
  const save = button(
    "Save weights",
    () => {
      const url = URL.createObjectURL(
        new Blob([files.written(model.layers)], { type: "application/json" }),
      );
      h("a", { href: url, download: "weights.json" }).click();
      URL.revokeObjectURL(url);
    },
    { id: "save" },
  );
  const input = h("input", { type: "file", accept: ".json,application/json", id: "load" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      model.setLayers(
        files.read(await file.text(), model.layers, Object.keys(model.words.activations)),
      );
      problem.textContent = "";
    } catch (error) {
      problem.textContent = error.message;
    }
    input.value = "";
  });
  const element = h(
    "div",
    {},
    h("div", { class: "buttons" }, save, h("label", { class: "file" }, "Load weights ", input)),
    problem,
  );
  return { element };
}

/** Data of one's own, as text. */
function ownData(model) {
  const text = h("textarea", { rows: 5, spellcheck: "false", "aria-label": "Rows of data" });
  const problem = h("p", { class: "problem", role: "alert" });
  const use = button(
    "Use these rows",
    () => {
      try {
        const { x, y } = files.rowsFromText(
          text.value,
          model.sizes[0],
          model.sizes.at(-1),
          model.isLabelled,
        );
        problem.textContent = "";
        model.setData(x, y);
      } catch (error) {
        problem.textContent = error.message;
      }
    },
    { id: "use" },
  );
  const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const targets = model.isLabelled ? "its label" : counted(model.sizes.at(-1), "target");
  const says = `A row for each sample: ${counted(model.sizes[0], "input")}, then ${targets}.`;
  const element = h(
    "details",
    { id: "own" },
    h("summary", {}, "Data of your own"),
    h("p", {}, says),
    text,
    use,
    problem,
  );
  return {
    element,
    update: () =>
      document.activeElement !== text && (text.value = files.rowsAsText(model.x, model.y)),
  };
}

module.exports = { editing };
