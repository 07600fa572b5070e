"use strict";

// What functions of the page's scripts make of what they are given: for each call that
// is read, [script, function, arguments], its value, or the message of what it throws.

const FLOATS = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const number = (_, value) => (typeof value?.float === "string" ? FLOATS[value.float] : value);
const calls = JSON.parse(require("node:fs").readFileSync(0, "utf-8"), number);

function made([script, name, given]) {
  try {
    return { value: require(`./${script}.js`)[name](...given) };
  } catch (error) {
    return { error: error.message };
  }
}

console.log(JSON.stringify(calls.map(made)));
