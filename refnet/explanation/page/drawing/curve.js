"use strict";

// The cost, step by step: a curve, the value at each step, and all of them as a table.

const { h, say, svg } = require("./elements.js");
const { shown } = require("../telling/figures.js");

const [WIDTH, HEIGHT, LEFT, BOTTOM, EDGE] = [360, 170, 58, 26, 12];
const ROWS = 200; // of the table; of more steps, some are left out

class Curve {
  constructor(digits) {
    this.digits = digits;
    this.figure = h("div", { class: "curve" });
    this.slider = h("input", {
      type: "range",
      min: 0,
      "aria-label": "Step of the curve",
      oninput: () => {
        this.value.setAttribute("aria-live", "off"); // the slider says it itself
        this.#read();
      },
    });
    this.value = h("output", { class: "value" });
    this.body = h("tbody", {});
    const head = h("tr", {}, h("th", { scope: "col" }, "step"), h("th", { scope: "col" }, "C"));
    const table = h("table", { class: "costs" }, h("thead", {}, head), this.body);
    const all = h(
      "details",
      {},
      h("summary", {}, "All values"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "All costs" }, table),
    );
    this.element = h(
      "div",
      {},
      this.figure,
      h("p", { class: "read" }, this.slider, this.value),
      all,
    );
  }

  update(first, costs) {
    Object.assign(this, { first, costs });
    this.value.setAttribute("aria-live", "polite");
    this.slider.max = costs.length - 1;
    this.slider.value = costs.length - 1;
    this.#draw();
    this.#read();
    const every = Math.ceil(costs.length / ROWS);
    const kept = costs
      .map((C, i) => [i, C])
      .filter(([i]) => i % every === 0 || i === costs.length - 1);
    this.body.replaceChildren(
      ...kept.map(([i, C]) =>
        h("tr", {}, h("td", {}, first + i), h("td", {}, shown(C, this.digits))),
      ),
    );
  }

  #read() {
    const i = Number(this.slider.value);
    const C = shown(this.costs[i], this.digits);
    say(this.value, `after step ${this.first + i}: C = ${C}`);
    this.slider.setAttribute("aria-valuetext", this.value.textContent);
    const [x, y] = this.#point(i);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", y);
  }

  #point(i) {
    const { low, high } = this.range;
    const across = (WIDTH - LEFT - EDGE) / Math.max(this.costs.length - 1, 1);
    const share = high > low ? (this.costs[i] - low) / (high - low) : 0.5;
    return [LEFT + across * i, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - EDGE) * share];
  }

  #draw() {
    const finite = this.costs.filter(Number.isFinite);
    this.range = { low: Math.min(...finite), high: Math.max(...finite) };
    const points = this.costs.flatMap((C, i) =>
      Number.isFinite(C) ? [this.#point(i).join(",")] : [],
    );
    const text = (x, y, at, what) => svg("text", { x, y, class: at }, what);
    const { low, high } = this.range;
    const last = this.first + this.costs.length - 1;
    this.dot = svg("circle", { r: 4, class: "dot" });
    const [from, to] = [this.costs[0], this.costs.at(-1)].map((C) => shown(C, this.digits));
    const name = `The cost from step ${this.first} to ${last}: from ${from} to ${to}`;
    this.figure.replaceChildren(
      svg(
        "svg",
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": name },
        svg("path", { class: "axis", d: `M${LEFT} ${EDGE}V${HEIGHT - BOTTOM}H${WIDTH - EDGE}` }),
        high > low ? text(LEFT - 6, EDGE + 8, "end", shown(high, 3)) : null,
        text(LEFT - 6, high > low ? HEIGHT - BOTTOM : this.#point(0)[1] + 4, "end", shown(low, 3)),
        last > this.first ? text(LEFT, HEIGHT - 8, "middle", this.first) : null,
        last > this.first
          ? text(WIDTH - EDGE, HEIGHT - 8, "end", `step ${last}`)
          : text(LEFT, HEIGHT - 8, "middle", `step ${last}`),
        svg("polyline", { class: "costs", points: points.join(" ") }),
        this.dot,
      ),
    );
  }
}

module.exports = { Curve };
