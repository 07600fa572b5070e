"use strict";

// What a formula comes to: its arithmetic on numbers, with products written with *.

const TOKEN = /[A-Za-z]\w*|\d+(?:\.\d+)?|\S/g;
const FUNCTIONS = { sqrt: Math.sqrt, max: Math.max };

/** The value of a formula with these letters. */
function value(formula, letters) {
  const tokens = formula.match(TOKEN);
  let next = 0;
  const takes = (...signs) => signs.includes(tokens[next]) && tokens[next++];

  function sum() {
    let result = takes("-") ? -product() : product();
    for (let sign; (sign = takes("+", "-"));) result += sign === "+" ? product() : -product();
    return result;
  }

  function product() {
    let result = power();
    for (let sign; (sign = takes("*", "/"));) {
      const factor = power();
      result = sign === "*" ? result * factor : result / factor;
    }
    return result;
  }

  function power() {
    const base = operand();
    return takes("^") ? base ** operand() : base;
  }

  function operand() {
    const token = tokens[next++];
    if (token === "(") return closed();
    if (token in FUNCTIONS) {
      takes("(");
      return closed(FUNCTIONS[token]);
    }
    return token in letters ? letters[token] : Number(token);
  }

  /** What stands up to the closing bracket: of a function, with commas between. */
  function closed(f = (inner) => inner) {
    const inner = [sum()];
    while (takes(",")) inner.push(sum());
    takes(")");
    return f(...inner);
  }

  return sum();
}

module.exports = { value };
