"use strict";

// What stands below the picture of the network: its signs, and what it shows.

const { h, html } = require("./elements.js");
const { symbol } = require("../telling/paths.js");
const { inline } = require("../telling/notation.js");

/** The caption of a drawing as it has been drawn last. */
function legend({ isWide, model, moment }) {
  const hasLines = isWide.some((wide, l) => l > 0 && !wide && !isWide[l - 1]);
  const key = (name, text) => h("span", { class: `key ${name}` }, text);
  const lines = hasLines ? [key("plus", "above 0"), key("minus", "below 0, dashed")] : [];
  const cells = isWide.some(Boolean)
    ? [key("plus cell", "above 0"), key("minus cell", "below 0")]
    : [];
  const followed = model.weight
    ? [html("span", { class: "key path" }, `from C down to ${inline(symbol(model.weight))}`)]
    : [];
  const wide = hasLines ? "A line is as wide and a colour" : "A colour is";
  const said = [...moment.told(), `${wide} as strong as its number is large.`];
  return h("figcaption", {}, lines, cells, followed, h("div", {}, said.filter(Boolean).join(" ")));
}

module.exports = { legend };
