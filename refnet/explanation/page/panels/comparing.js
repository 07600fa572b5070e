"use strict";

// refnet's own numbers beside the page's.

const { html, panel } = require("../drawing/elements.js");
const { compared } = require("../telling/checks.js");
const { general } = require("../telling/figures.js");
const { sentence } = require("../telling/notation.js");

/** refnet's own numbers. */
function comparing(model) {
  const rows = compared(model.scene, model.words);
  const off = rows.filter(({ isWithin }) => !isWithin);
  const attributes = off.length ? { class: "problem", role: "alert" } : {};
  const said = html("p", attributes, sentence(verdict(model.scene, rows, off)));
  return { element: panel("compare", "refnet's own numbers", said), update() {} };
}

function verdict({ dtype, allowed }, rows, off) {
  if (rows.length === 0) {
    return (
      `refnet computed this step in ${dtype}, and the page in float64: their numbers are not ` +
      "compared."
    );
  }
  if (off.length) {
    const names = off.map(({ name }) => `$${name}$`).join(", ");
    const differ = off.length === 1 ? "differs" : "differ";
    return `Not the same: ${names} of this page ${differ} from refnet's.`;
  }
  const count = rows.reduce((sum, row) => sum + row.count, 0).toLocaleString("en");
  const gap = Math.max(...rows.map((row) => row.gap));
  const within = allowed
    ? "each is within what rounding allows"
    : "all agree in the digits shown, or as far as rounding allows";
  return (
    `refnet computed the first step itself, and its ${count} numbers are in this file: ` +
    `${within}. The largest difference is $${general(gap, 2)}$.`
  );
}

module.exports = { comparing };
