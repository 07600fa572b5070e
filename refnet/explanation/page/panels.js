"use strict";

// What is trained, chosen, edited, followed and compared: a panel each. A panel is made
// once for a scene, and updated after each change.

const { compared, gradientCheck } = require("./checks.js");
const { Curve } = require("./curve.js");
const { h, html, choice, refill, button, numberField, setNumber } = require("./elements.js");
const { general, product, shown, total } = require("./figures.js");
const files = require("./files.js");
const { inline, wrapping, sentence } = require("./notation.js");
const { names, symbol, walked } = require("./paths.js");
const { Table } = require("./tables.js");

const panel = (id, title, ...children) =>
  h("section", { id, class: "panel", "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), children);

/** Train: steps, the rate, the rule, and the curve. */
function training(model) {
  const curve = new Curve(model.scene.digits);
  const count = h("output", { id: "steps" });
  const steps = [1, 10, 100].map((n) =>
    button(n === 1 ? "1 step" : `${n} steps`, () => model.train(n), { id: `train-${n}` }),
  );
  const rewind = button("Rewind", () => model.rewind(), { id: "rewind", title: "Back to the same start" });
  const refusal = h("p", { class: "problem", role: "alert" });
  const rate = rateField(model);
  const rule = ruleFields(model);
  return {
    element: panel(
      "train",
      "Train",
      h("div", { class: "buttons" }, steps, rewind, count),
      refusal,
      curve.element,
      h("div", { class: "fields" }, rate.element, rule.element),
    ),
    update() {
      const isReady = model.lr !== null;
      for (const each of steps) each.disabled = !isReady;
      count.textContent = `${model.steps} ${model.steps === 1 ? "step" : "steps"} taken`;
      refusal.textContent = [model.refusal, ...model.problems].filter(Boolean).join(" ");
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
    update: () => (model.lr === null ? (input.value = "") : setNumber(input, model.lr, String(model.lr))),
  };
}

/** The update rules to choose from; that of the scene with its settings, if it is another. */
function ruleFields(model) {
  const { rules } = model.words;
  const { rule } = model.scene;
  const options = Object.entries(rules).map(([key, { title }]) => [key, title]);
  if (ruleName(model) === "own") options.push(["own", `${rule.title} with settings of its own`]);
  const set = (key) => {
    const { name, settings } = rules[key] ?? rule;
    model.setOptimizer(name, settings);
  };
  const field = choice("optimizer", options, ruleName(model), set);
  field.select.id = "optimizer";
  return { element: field.element, update: () => (field.select.value = ruleName(model)) };
}

/** The key of the optimizer among the rules to choose from. */
function ruleName({ words, optimizer }) {
  const own = JSON.stringify([optimizer.name, optimizer.settings]);
  const is = ([, { name, settings }]) => JSON.stringify([name, settings]) === own;
  return Object.entries(words.rules).find(is)?.[0] ?? "own";
}

/** Choose: activations, the loss, and which rows take part. */
function choosing(model) {
  const { activations, losses } = model.words;
  const kinds = Object.entries(activations).map(([key, { title }]) => [key, title]);
  const layers = model.layers.map(({ activation }, l) => {
    const field = choice(`activation of layer ${l + 1}`, kinds, activation, (key) => model.setActivation(l, key));
    field.select.id = `activation-${l + 1}`;
    return field;
  });
  const loss = choice("loss", [], model.loss, (key) => model.setLoss(key));
  loss.select.id = "loss";
  const batch = choice(
    "rows",
    [["all", "all rows, summed"], ["one", "one row at a time"]],
    "all",
    (key) => model.setAlone(key === "one"),
  );
  batch.select.id = "batch";
  const row = choice("row that is shown", [], "0", (key) => model.setRow(Number(key)));
  row.select.id = "row";
  return {
    element: panel("choose", "Choose", h("div", { class: "fields" }, layers.map((f) => f.element), loss.element, batch.element, row.element)),
    update() {
      layers.forEach((field, l) => (field.select.value = model.layers[l].activation));
      const fitting = model.lossesFor(model.layers.at(-1).activation);
      const options = Object.entries(losses).map(([key, { title }]) => [key, title, !fitting.includes(key)]);
      refill(loss.select, options, model.loss);
      refill(row.select, model.x.map((_, i) => [String(i), `row ${i + 1}`]), String(model.row));
      batch.select.value = model.alone ? "one" : "all";
    },
  };
}

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
      ? [new Table({
          ...common,
          name: `b of layer ${l + 1}`,
          title: `b of layer ${l + 1}`,
          get: () => [model.layers[l].b],
          set: (_, j, value) => model.setParameter(l, "b", [j], value),
        })]
      : []),
  ]);
  const label = { integer: true, low: 0, high: model.sizes.at(-1) - 1 };
  const data = [
    new Table({ ...common, name: "x", title: "x, a row for each sample", get: () => model.x, set: (i, j, v) => model.setInput(i, j, v) }),
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
      h("div", { class: "arrays" }, tables.map((table) => table.element)),
      store.element,
      h("h3", {}, "Data"),
      h("div", { class: "arrays" }, data.map((table) => table.element)),
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
  const save = button("Save weights", () => {
    const url = URL.createObjectURL(new Blob([files.written(model.layers)], { type: "application/json" }));
    h("a", { href: url, download: "weights.json" }).click();
    URL.revokeObjectURL(url);
  }, { id: "save" });
  const input = h("input", { type: "file", accept: ".json,application/json", id: "load" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      model.setLayers(files.read(await file.text(), model.sizes, Object.keys(model.words.activations)));
      problem.textContent = "";
    } catch (error) {
      problem.textContent = error.message;
    }
    input.value = "";
  });
  const element = h("div", {}, h("div", { class: "buttons" }, save, h("label", { class: "file" }, "Load weights ", input)), problem);
  return { element };
}

/** Data of one's own, as text. */
function ownData(model) {
  const text = h("textarea", { rows: 5, spellcheck: "false", "aria-label": "Rows of data" });
  const problem = h("p", { class: "problem", role: "alert" });
  const use = button("Use these rows", () => {
    try {
      const { x, y } = files.rowsFromText(text.value, model.sizes[0], model.sizes.at(-1), model.isLabelled);
      problem.textContent = "";
      model.setData(x, y);
    } catch (error) {
      problem.textContent = error.message;
    }
  }, { id: "use" });
  const says = `A row for each sample: ${model.sizes[0]} inputs, then ${model.isLabelled ? "its label" : `${model.sizes.at(-1)} targets`}.`;
  const element = h("details", { id: "own" }, h("summary", {}, "Data of your own"), h("p", {}, says), text, use, problem);
  return {
    element,
    update: () => document.activeElement !== text && (text.value = files.rowsAsText(model.x, model.y)),
  };
}

/** Follow: one weight along all its paths. */
function following(model, onChange) {
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
  const none = button("Follow none", () => model.setWeight(null), { id: "follow-none" });
  const start = button("Follow a weight", () => model.setWeight([0, 0, 0]), { id: "follow" });
  const body = h("div", { class: "paths" });
  const chosen = h("div", { class: "fields" }, fields.map((f) => f.element), none);
  return {
    element: panel("paths", "One weight", start, chosen, body),
    update() {
      start.hidden = model.weight !== null;
      chosen.hidden = model.weight === null;
      body.replaceChildren();
      if (model.weight === null) {
        body.append(h("p", {}, "Its derivative is a sum over all paths from C down to it. Choose it here, or click on its line in the network."));
        return;
      }
      const [l, row, column] = model.weight;
      const { W, b } = model.layers[l];
      refill(fields[0].select, model.layers.map((_, i) => [String(i), `layer ${i + 1}`]), String(l));
      refill(fields[1].select, W.map((_, i) => [String(i), `unit ${i + 1}`]), String(row));
      const inputs = W[0].map((_, i) => [String(i), `input ${i + 1}`]);
      refill(fields[2].select, b ? [...inputs, ["b", "its bias"]] : inputs, column === null ? "b" : String(column));
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
  const many = `There ${count === 1 ? "is 1 path" : `are ${count.toLocaleString("en")} paths`} from C down to $${name}$${rows > 1 ? `, in ${rows} rows` : ""}.`;
  const lines = [html("p", {}, sentence(many))];
  const { paths: all, largest } = model.words.limits;
  if (paths) {
    const kept = paths.length <= all ? paths : paths.slice(0, largest);
    const items = kept.map((path) => {
      const chain = names(path, weight).join(" * ");
      const numbers = product(...path.factors.map(show));
      const where = rows > 1 ? `row ${path.row + 1}: ` : "";
      return html("li", {}, `${where}${wrapping(`${chain} = ${numbers} = ${show(path.product)}`)}`);
    });
    if (kept.length < paths.length) lines.push(h("p", {}, `The ${kept.length} largest:`));
    lines.push(h("ol", {}, items));
    const others = paths.slice(kept.length).reduce((sum, path) => sum + path.product, 0);
    const terms = [...kept.map((path) => show(path.product)), ...(kept.length < paths.length ? [show(others)] : [])];
    const sum = paths.reduce((so, path) => so + path.product, 0);
    lines.push(html("p", { class: "line" }, wrapping(`dC/d${name} = ${total(terms)} = ${show(sum)}`)));
  }
  const label = column === null ? "BP3" : "BP4";
  const entryName = `${column === null ? "db" : "dW"}${name.slice(1)}`;
  lines.push(html("p", {}, `${label} finds it without walking a path: ${inline(`${entryName} = ${show(entry)}`)}`));
  return lines;
}

/** A mistake of the catalogue that is switched on. */
function mistaking(model, mistakes) {
  const field = choice("mistake", [], "", (key) => model.setMistake(key || null));
  field.select.id = "mistake";
  const body = h("div", {});
  return {
    element: panel("mistakes", "Make a mistake", h("div", { class: "fields" }, field.element), body),
    update() {
      const options = mistakes.map(({ id }) => [id, id, !model.canStand(id)]);
      refill(field.select, [["", "none: the step is right"], ...options], model.mistake ?? "");
      const entry = mistakes.find(({ id }) => id === model.mistake);
      body.replaceChildren(...(entry ? mistakeSaid(model, entry) : [h("p", {}, INVITED)]));
    },
  };
}

const INVITED =
  "Mistakes that people make, from parity's catalogue. Switch one on: the stages show what it changes, and below " +
  "stands what a gradient check would see and what parity says.";

function mistakeSaid(model, entry) {
  if (!model.canStand(entry.id)) {
    return [h("p", { class: "problem" }, "It cannot stand in this network: nothing is changed.")];
  }
  return [
    h("p", {}, `${entry.happens} ${entry.why}`),
    h("pre", { class: "parity", tabindex: 0, role: "region", "aria-label": "What parity says" }, saidOf(model, entry)),
    h("h3", {}, "What a gradient check sees"),
    ...checkSaid(model),
  ];
}

/** What parity says of it in this network, with the layers in which it stands. */
function saidOf(model, { id, says, findings }) {
  const layers = model.layers.flatMap((_, l) => (model.stands(id, l) ? [l + 1] : [])).join();
  const rule = ruleName(model);
  const isHere = (each) =>
    each.depth === model.layers.length && each.layers.join() === layers && ["", rule].includes(each.rule);
  return (findings.find(isHere) ?? { says }).says;
}

function checkSaid(model) {
  const rows = gradientCheck(model);
  const seen = rows.filter(({ isOff }) => isOff).map(({ name }) => name);
  const verdict = seen.length
    ? `It sees the mistake in ${seen.map((name) => `$d${name}$`).join(", ")}.`
    : "It sees nothing: the gradients are those of the cost that the program computes.";
  const cells = ({ name, worst, isOff }) => {
    const at = worst.index.map((i) => i + 1).join(",");
    const numbers = ["analytic", "numeric"].map((key) => h("td", {}, general(worst[key], 4)));
    const error = h("td", {}, general(worst.error, 2));
    return h("tr", {}, html("td", {}, inline(`d${name}_${at}`)), numbers, error, h("td", {}, isOff ? "off" : "agrees"));
  };
  const head = ["entry", "backprop", "difference", "its error", "verdict"].map((text) => h("th", { scope: "col" }, text));
  const tried = rows.reduce((sum, row) => sum + row.tried, 0);
  const of = rows.reduce((sum, row) => sum + row.of, 0);
  const which = tried < of ? `It tries ${tried} of the ${of} entries. ` : "";
  return [
    html("p", { class: "verdict" }, sentence(which + verdict)),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Gradient check" }, h("table", { class: "numbers plain" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map(cells)))),
  ];
}

/** refnet's own numbers. */
function comparing(model) {
  const rows = compared(model.scene);
  const off = rows.filter(({ isWithin }) => !isWithin).map(({ name }) => `$${name}$`);
  const gap = Math.max(0, ...rows.map((row) => row.gap));
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  const within = model.scene.allowed ? "each is within what rounding allows" : "all agree in the digits shown";
  const said = rows.length === 0
    ? `refnet computed this step in ${model.scene.dtype}, and the page in float64: their numbers are not compared.`
    : off.length
      ? `Not the same: ${off.join(", ")} of this page ${off.length === 1 ? "differs" : "differ"} from refnet's.`
      : `refnet computed the first step itself, and its ${count.toLocaleString("en")} numbers are in this file: ${within}. The largest difference is $${general(gap, 2)}$.`;
  return {
    element: panel("compare", "refnet's own numbers", html("p", { class: off.length ? "problem" : "", role: off.length ? "alert" : null }, sentence(said))),
    update() {},
  };
}

module.exports = { training, choosing, editing, following, followed, mistaking, comparing };
