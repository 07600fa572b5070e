"use strict";

// All of it together: scenes, stages, panels, and the keyboard.

const { Drawing } = require("./drawing/network.js");
const { h, html, choice, button } = require("./drawing/elements.js");
const { legend } = require("./drawing/legend.js");
const { differ, shown } = require("./telling/figures.js");
const { picture } = require("./drawing/heat.js");
const { Model } = require("./model.js");
const { inline, wrapping, sentence } = require("./telling/notation.js");
const { choosing } = require("./panels/choosing.js");
const { comparing } = require("./panels/comparing.js");
const { editing } = require("./panels/editing.js");
const { followed, following } = require("./panels/following.js");
const { mistaking } = require("./panels/mistaking.js");
const { training } = require("./panels/training.js");
const { Story } = require("./telling/story.js");

class Page {
  constructor(document, data) {
    Object.assign(this, { document, data, index: 0 });
    this.at = (id) => document.getElementById(id);
    const place = { class: "scroll", tabindex: 0, role: "region", "aria-label": "The network" };
    this.scroller = h("div", place);
    for (const id of ["walk", "whole"]) this.at(id).hidden = false;
    this.steer();
    this.scenes();
    this.open(0);
    document.addEventListener("keydown", (event) => this.pressed(event));
    window.addEventListener("beforeprint", () => this.print());
    window.addEventListener("resize", () => this.reach());
    this.at("whole")
      .querySelector("details")
      .addEventListener("toggle", () => this.whole());
  }

  // scenes

  scenes() {
    const options = this.data.scenes.map(({ title }, i) => [String(i), title]);
    if (options.length === 1) return;
    const field = choice("Example", options, "0", (key) => this.open(Number(key)));
    field.select.id = "scene";
    this.at("scenes").append(field.element);
  }

  open(i) {
    const scene = this.data.scenes[i];
    this.at("title").textContent = scene.title;
    this.document.title = scene.title;
    this.at("about").textContent = scene.about;
    Object.assign(this, { index: 0, panels: null });
    this.model = new Model(scene, this.data.words, () => this.update());
    this.drawing = new Drawing(this.model, (weight) => this.model.setWeight(weight));
    const { mistakes } = this.data;
    const train = training(this.model);
    const others = [
      choosing(this.model),
      ...(mistakes.length ? [mistaking(this.model, mistakes)] : []),
      following(this.model),
      editing(this.model),
      comparing(this.model),
    ];
    this.at("train-place").replaceChildren(train.element);
    this.at("panels").replaceChildren(...others.map(({ element }) => element));
    this.panels = [train, ...others];
    this.update();
  }

  // stages

  steer() {
    this.back = button("← Back", () => this.go(this.index - 1), { id: "back" });
    this.next = button("Next →", () => this.go(this.index + 1), { id: "next" });
    this.jump = h("select", {
      id: "jump",
      "aria-label": "Stage",
      onchange: () => this.go(Number(this.jump.value)),
    });
    this.place = h("span", { id: "place" });
    const hint = h("span", { class: "hint" }, "or the arrow keys");
    this.at("steer").append(this.back, this.next, this.jump, this.place, hint);
  }

  go(index) {
    this.index = Math.max(0, Math.min(index, this.stages.length - 1));
    if (this.model.refusal) this.model.refuse("");
    this.show();
    this.at("said").textContent = this.stages[this.index].title;
  }

  pressed(event) {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (isTyping || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const { index } = this;
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: Infinity }[event.key];
    if (to === undefined || scrolls(event.target)) return;
    event.preventDefault();
    this.go(to);
  }

  /** After any change. */
  update() {
    if (!this.panels) return;
    const key = this.stages?.[this.index]?.key;
    this.stages = new Story(this.model).stages();
    const same = this.stages.findIndex((stage) => stage.key === key);
    this.index = same >= 0 ? same : Math.min(this.index, this.stages.length - 1);
    const marked = ({ title, isWrong }) => (isWrong ? `${title} (mistaken)` : title);
    this.jump.replaceChildren(
      ...this.stages.map((stage, i) => h("option", { value: i }, marked(stage))),
    );
    this.show();
    for (const { update } of this.panels) update();
    this.whole();
    this.reach();
  }

  show() {
    const stage = this.stages[this.index];
    this.jump.value = String(this.index);
    this.place.textContent = `${this.index + 1} of ${this.stages.length}`;
    const { activeElement } = this.document;
    this.back.disabled = this.index === 0;
    this.next.disabled = this.index === this.stages.length - 1;
    // a button that cannot be pressed loses the focus
    if (activeElement === this.back && this.back.disabled) this.next.focus();
    if (activeElement === this.next && this.next.disabled) this.back.focus();
    this.draw(stage);
    this.at("stage").replaceChildren(...this.told(stage, "stage-title"));
    this.reach();
  }

  /** What is wider than its place is reached and scrolled with the keyboard, too. */
  reach() {
    for (const each of this.document.querySelectorAll(SCROLLED)) {
      if (each.getAttribute("role") === "region") continue; // it is always reached
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
      else each.removeAttribute("tabindex");
    }
  }

  /** The picture, scrolled to what takes part, where it is wider than its place. */
  draw(stage) {
    const { scroller } = this;
    scroller.replaceChildren(this.drawing.draw(stage, followed(this.model)));
    this.at("network").replaceChildren(scroller, legend(this.drawing));
    const boxes = [...scroller.querySelectorAll(".part")].map((e) => e.getBoundingClientRect());
    const left = Math.min(...boxes.map((box) => box.left));
    const width = Math.max(...boxes.map((box) => box.right)) - left;
    const room = Math.max(scroller.clientWidth - width, 0); // to be shared by both sides
    if (boxes.length)
      scroller.scrollLeft += left - scroller.getBoundingClientRect().left - room / 2;
  }

  /** A stage as it is read. */
  told(stage, id) {
    const mistake =
      stage.isWrong && this.data.mistakes.find((each) => each.id === this.model.mistake);
    return [
      h("h3", { id, "data-key": stage.key }, stage.title),
      stage.meaning ? h("p", { class: "meaning" }, stage.meaning) : null,
      mistake ? h("p", { class: "wrong" }, "You have: ", h("code", {}, mistake.formula)) : null,
      mistake ? h("p", {}, "Expected:") : null,
      ...stage.formulas.map((formula) =>
        h(
          "div",
          { class: "formula" },
          mathOf(formula),
          h("p", { class: "source" }, html("span", {}, sentence(formula.source ?? ""))),
        ),
      ),
      ...this.parts(stage),
    ].filter(Boolean);
  }

  parts(stage) {
    const parts = stage.parts();
    const shown = parts.map((part) => this.part(part));
    return stage.key === "given"
      ? [h("p", {}, GIVEN), h("div", { class: "arrays" }, shown)]
      : shown;
  }

  part(part) {
    if (part.kind === "words") return html("p", {}, sentence(part.text));
    if (part.kind === "line") return this.line(part);
    if (part.kind === "grid") return this.grid(part);
    return this.summary(part);
  }

  line({ plain, value, right }) {
    const isOff = differ(value, right);
    const element = html(
      "div",
      { class: `line ${isOff ? "off" : ""}`, "data-plain": plain },
      wrapping(plain),
    );
    if (isOff) element.append(h("span", { class: "right" }, `right: ${this.shown(right)}`));
    return element;
  }

  shown(value) {
    return shown(value, this.model.scene.digits);
  }

  grid({ symbol, table, right }) {
    const cell = (value, i, j) => {
      const isOff = differ(value, right[i]?.[j]);
      return h(
        "td",
        {
          class: isOff ? "off" : null,
          title: isOff ? `right: ${this.shown(right[i]?.[j])}` : null,
        },
        this.shown(value),
      );
    };
    const rows = table.map((row, i) =>
      h(
        "tr",
        {},
        row.map((value, j) => cell(value, i, j)),
      ),
    );
    return h(
      "div",
      { class: "scroll" },
      h("table", { class: "grid" }, html("caption", {}, inline(symbol)), h("tbody", {}, rows)),
    );
  }

  /** A large array: its shapes, norm and range, and a picture. */
  summary({ symbol, table, right, shapes }) {
    const numbers = table.flat();
    const norm = Math.sqrt(numbers.reduce((sum, v) => sum + v * v, 0));
    const low = numbers.reduce((a, b) => Math.min(a, b));
    const high = numbers.reduce((a, b) => Math.max(a, b));
    const size = `${table.length} × ${table[0].length}`;
    const how = shapes ? `$${shapes}$ gives ` : "";
    const expected = right.flat();
    const off = numbers.filter((v, i) => differ(v, expected[i])).length;
    const range = `entries from $${this.shown(low)}$ to $${this.shown(high)}$`;
    const says = `$${symbol}$: ${how}${size}; norm $${this.shown(norm)}$, ${range}`;
    return h(
      "div",
      { class: `summary ${off ? "off" : ""}` },
      html("p", {}, sentence(says)),
      h("img", { class: "heat", src: picture(table), alt: `${symbol} as a heat map, ${size}` }),
      off
        ? h(
            "p",
            { class: "right" },
            `${off} of its ${numbers.length} numbers are not what they should be`,
          )
        : null,
    );
  }

  // the whole step

  whole() {
    const details = this.at("whole").querySelector("details");
    if (!details.open) return;
    const all = this.stages.map((stage, i) =>
      h("article", { "aria-labelledby": `all-${i}` }, this.told(stage, `all-${i}`)),
    );
    this.at("stages").replaceChildren(...all);
    this.reach();
  }

  print() {
    this.at("whole").querySelector("details").open = true;
    this.whole();
  }
}

const SCROLLED = ".scroll, .formula, .array, .paths li, pre";
const GIVEN =
  "Rows are samples. Subscripts count from 1. The formulas show the numbers of one row; BP3 and " +
  "BP4 sum over all rows of the batch. Everything is computed in full and shown with few digits.";

/** Whether the keys scroll what has the focus. */
function scrolls(target) {
  const inner = target.closest(SCROLLED);
  return inner !== null && inner.scrollWidth > inner.clientWidth;
}

function mathOf({ mathml, plain }) {
  const element = html("div", {}, mathml).firstChild;
  element.setAttribute("display", "block");
  element.setAttribute("alttext", plain);
  return element;
}

/** The page over the data in the document. */
function start(document) {
  const data = JSON.parse(document.getElementById("data").textContent);
  return new Page(document, data);
}

module.exports = { start };
