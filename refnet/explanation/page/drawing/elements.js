"use strict";

// Parts of a document, made in one expression: h("p", { class: "note" }, "text", child).

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined),
  );
  return element;
}

const h = (tag, attributes = {}, ...children) =>
  filled(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

/** Says what a reader is told of at once, such as a status; the same is not said again. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An element whose content is HTML that was written here, not by a reader. */
function html(tag, attributes, text) {
  const element = h(tag, attributes);
  element.innerHTML = text;
  return element;
}

/** A panel with its heading. */
const panel = (id, title, ...children) => {
  const heading = h("h2", { id: `${id}-title` }, title);
  return h("section", { id, class: "panel", "aria-labelledby": `${id}-title` }, heading, children);
};

/** A choice with its label: options are pairs of a value and what is read. */
function choice(label, options, value, onchange) {
  const select = h("select", { onchange: (event) => onchange(event.target.value) });
  refill(select, options, value);
  return { element: h("label", { class: "field" }, h("span", {}, label), select), select };
}

/** Other options in a choice; the third of an option says whether it can be chosen. */
function refill(select, options, value) {
  select.replaceChildren(
    ...options.map(([key, text, disabled = false]) => h("option", { value: key, disabled }, text)),
  );
  select.value = value;
}

const button = (text, onclick, attributes = {}) =>
  h("button", { type: "button", onclick, ...attributes }, text);

/** A number that can be edited; what is no number is refused, and said. */
function numberField(label, set, { integer = false, low = -Infinity, high = Infinity } = {}) {
  const input = h("input", {
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-label": label,
  });
  input.addEventListener("focus", () => {
    input.value = String(input.exact ?? "");
    input.select(); // another value has no selection: what is typed would stand behind it
  });
  input.addEventListener("blur", () => (input.value = input.seen ?? ""));
  input.addEventListener("change", () => {
    const value = Number(input.value.replace(",", "."));
    const isNumber = input.value.trim() !== "" && Number.isFinite(value);
    const isRight =
      isNumber && value >= low && value <= high && (!integer || Number.isInteger(value));
    input.setAttribute("aria-invalid", String(!isRight));
    if (isRight) set(value);
    else set(null, `${label} has "${input.value}", expected ${wanted(integer, low, high)}.`);
  });
  return input;
}

function wanted(integer, low, high) {
  const kind = integer ? "a whole number" : "a number";
  if (Number.isFinite(low) && Number.isFinite(high)) return `${kind} from ${low} to ${high}`;
  return Number.isFinite(low) ? `${kind} from ${low} on` : kind;
}

/** What a number field shows: few digits, and all of them while it is edited. */
function setNumber(input, exact, seen) {
  Object.assign(input, { exact, seen });
  input.title = String(exact);
  if (input.getAttribute("aria-invalid") === "true") input.setAttribute("aria-invalid", "false");
  if (document.activeElement !== input) input.value = seen;
}

module.exports = { h, svg, say, html, panel, choice, refill, button, numberField, setNumber };
