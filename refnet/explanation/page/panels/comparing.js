"use strict";

// refnet's own numbers beside the page's.

const { html, panel } = require("../drawing/elements.js");
const { compared } = require("../telling/checks.js");
const { general } = require("../telling/figures.js");
const { sentence } = require("../telling/notation.js");

/** refnet's own numbers. */
function comparing(model) {
  const rows = compared(model.scene);
  const off = rows.filter(({ isWithin }) => !isWithin).map(({ name }) => `$${name}$`);
  const gap = Math.max(0, ...rows.map((row) => row.gap));
  const count = rows.reduce((sum, row) => sum + row.count, 0);
  const within = model.scene.allowed
    ? "each is within what rounding allows"
    : "all agree in the digits shown";
  const said =
    rows.length === 0
      ? `refnet computed this step in ${model.scene.dtype}, and the page in float64: their numbers are not compared.`
      : off.length
        ? `Not the same: ${off.join(", ")} of this page ${off.length === 1 ? "differs" : "differ"} from refnet's.`
        : `refnet computed the first step itself, and its ${count.toLocaleString("en")} numbers are in this file: ${within}. The largest difference is $${general(gap, 2)}$.`;
  return {
    element: panel(
      "compare",
      "refnet's own numbers",
      html(
        "p",
        { class: off.length ? "problem" : "", role: off.length ? "alert" : null },
        sentence(said),
      ),
    ),
    update() {},
  };
}

module.exports = { comparing };
