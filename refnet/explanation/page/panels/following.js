"use strict";

// One weight along all its paths.

const { h, html, panel, choice, refill, button } = require("../drawing/elements.js");
const { product, shown, total } = require("../telling/figures.js");
const { inline, wrapping, sentence } = require("../telling/notation.js");
const { names, symbol, walked } = require("../telling/paths.js");

/** Follow: one weight along all its paths. */
function following(model) {
  const pick = (axis) => (key) => {
    const weight = [...(model.weight ?? [0, 0, 0])];
    weight[axis] = key === "b" ? null : Number(key);
    model.setWeight(within(model, weight));
  };
  const fields = ["layer", "unit", "from input"].map((name, axis) => {
    const field = choice(name, [], "", pick(axis));
    field.select.id = ["follow-layer", "follow-row", "follow-column"][axis];
    return field;
  });
  // the button that was pressed is hidden then, and the focus goes where the other one is
  const turn = (weight, to) => () => {
    model.setWeight(weight);
    to().focus();
  };
  const none = button(
    "Follow none",
    turn(null, () => start),
    { id: "follow-none" },
  );
  const start = button(
    "Follow a weight",
    turn([0, 0, 0], () => fields[0].select),
    { id: "follow" },
  );
  const body = h("div", { class: "paths" });
  const chosen = h(
    "div",
    { class: "fields" },
    fields.map((f) => f.element),
    none,
  );
  return {
    element: panel("paths", "One weight", start, chosen, body),
    update() {
      start.hidden = model.weight !== null;
      chosen.hidden = model.weight === null;
      body.replaceChildren();
      if (model.weight === null) {
        body.append(
          h(
            "p",
            {},
            "Its derivative is a sum over all paths from C down to it. Choose it here, or click " +
              "on its line where the network has lines.",
          ),
        );
        return;
      }
      const [l, row, column] = model.weight;
      const { W, b } = model.layers[l];
      refill(
        fields[0].select,
        model.layers.map((_, i) => [String(i), `layer ${i + 1}`]),
        String(l),
      );
      refill(
        fields[1].select,
        W.map((_, i) => [String(i), `unit ${i + 1}`]),
        String(row),
      );
      const inputs = W[0].map((_, i) => [String(i), `input ${i + 1}`]);
      refill(
        fields[2].select,
        b ? [...inputs, ["b", "its bias"]] : inputs,
        column === null ? "b" : String(column),
      );
      body.append(...pathLines(model));
    },
  };
}

function within(model, [l, row, column]) {
  const { W, b } = model.layers[l];
  const last = W[0].length - 1;
  const inside = column === null && b ? null : Math.min(column ?? 0, last);
  return [l, Math.min(row, W.length - 1), inside];
}

const mixesOf = (model) => (l) => model.words.activations[model.layers[l].activation].mixes;

/** The edges and units of the paths to the weight, for the drawing. */
function followed(model) {
  if (!model.weight) return null;
  const [l, row, column] = model.weight;
  const edges = new Set(column === null ? [] : [`${l + 1},${row},${column}`]);
  const units = new Set([`${l + 1},${row}`]);
  for (let i = l + 1; i < model.layers.length; i++) {
    model.layers[i].W.forEach((weights, j) => {
      units.add(`${i + 1},${j}`);
      weights.forEach((_, k) => (i > l + 1 || k === row) && edges.add(`${i + 1},${j},${k}`));
    });
  }
  return { edges, units };
}

function pathLines(model) {
  const { digits } = model.scene;
  const show = (value) => shown(value, digits);
  const { weight, right } = model;
  const [l, row, column] = weight;
  const { count, paths } = walked(right, weight, mixesOf(model));
  const name = symbol(weight);
  const entry = column === null ? right.gradients[l].db[row] : right.gradients[l].dW[row][column];
  const rows = model.batch.x.length;
  const many = count === 1 ? "is 1 path" : `are ${count.toLocaleString("en")} paths`;
  const inRows = rows > 1 ? `, in ${rows} rows` : "";
  const lines = [html("p", {}, sentence(`There ${many} from C down to $${name}$${inRows}.`))];
  const { paths: all, largest } = model.words.limits;
  if (paths) {
    const kept = paths.length <= all ? paths : paths.slice(0, largest);
    const items = kept.map((path) => {
      const chain = names(path, weight).join(" * ");
      const numbers = product(...path.factors.map(show)).replaceAll("*", " * "); // to wrap there
      const where = rows > 1 ? `row ${path.row + 1}: ` : "";
      return html("li", {}, `${where}${wrapping(`${chain} = ${numbers} = ${show(path.product)}`)}`);
    });
    if (kept.length < paths.length) lines.push(h("p", {}, `The ${kept.length} largest:`));
    lines.push(h("ol", {}, items));
    const others = paths.slice(kept.length).reduce((sum, path) => sum + path.product, 0);
    const terms = [
      ...kept.map((path) => show(path.product)),
      ...(kept.length < paths.length ? [show(others)] : []),
    ];
    const sum = paths.reduce((so, path) => so + path.product, 0);
    const sides = [...new Set([total(terms), show(sum)])].join(" = ");
    lines.push(html("p", { class: "line" }, wrapping(`dC/d${name} = ${sides}`)));
  }
  const label = column === null ? "BP3" : "BP4";
  const entryName = `${column === null ? "db" : "dW"}${name.slice(1)}`;
  lines.push(
    html(
      "p",
      {},
      `${label} finds it without walking a path: ${inline(`${entryName} = ${show(entry)}`)}`,
    ),
  );
  return lines;
}

module.exports = { following, followed };
