"use strict";

// How a number is shown, and sums and products of shown numbers: as in refnet's text.

const EXACT = 17; // significant digits with which every float64 is read back exactly
const LONG = 100; // decimal places enough to see whether a number is halfway between two

/** The number with that many significant digits, as %g writes it: half to even. */
function general(value, digits) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const sign = value < 0 ? "-" : "";
  const { mantissa, exponent } = rounded(Math.abs(value), digits);
  const kept = mantissa.replace(/0+$/, "");
  if (exponent < -4 || exponent >= digits) {
    const power = `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
    return `${sign}${kept[0]}${kept.length > 1 ? `.${kept.slice(1)}` : ""}e${power}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${kept}`;
  const whole = kept.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const rest = kept.slice(exponent + 1);
  return `${sign}${whole}${rest && `.${rest}`}`;
}

/** The first digits of a number above 0, and the power of ten of the first of them. */
function rounded(value, digits) {
  const [exact, power] = value.toExponential(LONG).split("e");
  const all = exact.replace(".", "");
  const [kept, rest] = [all.slice(0, digits), all.slice(digits)];
  const half = `5${"0".repeat(rest.length - 1)}`;
  const isOdd = Number(kept.at(-1)) % 2 === 1;
  const isUp = rest > half || (rest === half && isOdd);
  const mantissa = isUp ? String(BigInt(kept) + 1n) : kept;
  const grown = mantissa.length > kept.length; // 999 has become 1000
  return { mantissa: mantissa.slice(0, digits), exponent: Number(power) + (grown ? 1 : 0) };
}

/**
 * The number with that many significant digits. Just below 1 it gets more, so that
 * 1 - value has them too, and "1" stands for nothing but 1.
 */
function shown(value, digits) {
  const gap = 1 - Math.abs(value);
  let wanted = digits;
  if (gap > 0 && gap < 0.1) {
    wanted = Math.max(digits, Math.min(EXACT, digits - 1 - Math.floor(Math.log10(gap))));
  }
  let text = general(value, wanted);
  while (Math.abs(Number(text)) === 1 && Math.abs(value) !== 1) text = general(value, ++wanted);
  return text;
}

/** Whether two numbers are not the same; NaN is NaN. */
const differ = (one, other) => one !== other && !(Number.isNaN(one) && Number.isNaN(other));

/** The factors with * between them, negative ones after the first in brackets. */
function product(...factors) {
  return factors.map((each, i) => (i > 0 && each.startsWith("-") ? `(${each})` : each)).join("*");
}

/** The terms with + between them, or - where one starts with a minus. */
function total(terms) {
  const signed = (term) => (term.startsWith("-") ? ` - ${term.slice(1)}` : ` + ${term}`);
  return terms.map((term, i) => (i > 0 ? signed(term) : term)).join("");
}

module.exports = { general, shown, differ, product, total };
