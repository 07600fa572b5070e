"use strict";

// Arrays as pictures: blue above 0 and orange below, stronger where a number is larger.

const { h } = require("./elements.js");

const PLUS = [33, 102, 172];
const MINUS = [200, 90, 10];

const largest = (table) => table.flat().reduce((most, each) => Math.max(most, Math.abs(each)), 0);

/** The picture of a table as a data: URL, one pixel for each entry. */
function picture(table) {
  const canvas = h("canvas", { width: table[0].length, height: table.length });
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const most = largest(table) || 1;
  table.flat().forEach((value, i) => {
    const color = value < 0 ? MINUS : PLUS;
    const alpha = Number.isFinite(value) ? Math.abs(value) / most : 1;
    image.data.set([...color, Math.round(255 * alpha)], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

module.exports = { picture, largest };
