"use strict";

// Arrays that can be edited: a field for each entry of a small one; a picture of a large
// one, and a field for the entry that is chosen.

const { h, numberField, setNumber } = require("./elements.js");
const { shown } = require("../telling/figures.js");
const { picture } = require("./heat.js");

/**
 * An editor of the array that `get()` gives as rows. `set(row, column, value)` changes an
 * entry, `refuse(sentence)` says why not.
 */
class Table {
  constructor({ name, title, get, set, refuse, limits, digits, field = {} }) {
    Object.assign(this, { name, title, get, set, refuse, limits, digits, field });
    this.element = h("div", { class: "array" });
  }

  get isSmall() {
    const table = this.get();
    const { numbers, columns } = this.limits;
    return table.length * table[0].length <= numbers && table[0].length <= columns;
  }

  /** The array as it is now; made anew where its shape has changed. */
  update() {
    const table = this.get();
    const shape = `${table.length},${table[0].length}`;
    if (shape !== this.shape) this.#build(table);
    this.shape = shape;
    if (this.fields) {
      table
        .flat()
        .forEach((value, i) => setNumber(this.fields[i], value, shown(value, this.digits)));
    } else {
      this.image.src = picture(table);
      this.#showEntry();
    }
  }

  #build(table) {
    this.fields = null;
    if (this.isSmall) this.#buildFields(table);
    else this.#buildPicture(table);
  }

  #entry(i, j) {
    const place = `${this.name}, row ${i + 1}, column ${j + 1}`;
    const set = (value, why) => (value === null ? this.refuse(why) : this.set(i, j, value));
    return numberField(place, set, this.field);
  }

  #buildFields(table) {
    const rows = table.map((row, i) => row.map((_, j) => this.#entry(i, j)));
    this.fields = rows.flat();
    if (table[0].length === 1 && table.length > this.limits.columns) {
      const title = h("p", { class: "caption" }, this.title);
      this.element.replaceChildren(title, h("div", { class: "narrow" }, this.fields));
      return;
    }
    const body = rows.map((row) =>
      h(
        "tr",
        {},
        row.map((field) => h("td", {}, field)),
      ),
    );
    this.element.replaceChildren(
      h("table", { class: "numbers" }, h("caption", {}, this.title), h("tbody", {}, body)),
    );
  }

  #buildPicture(table) {
    this.image = h("img", { class: "heat", alt: `${this.name} as a heat map`, tabindex: "-1" });
    this.image.addEventListener("click", (event) => this.#pick(event));
    const [rows, columns] = [table.length, table[0].length];
    this.place = [0, 0];
    const choose = (axis) => (value, why) => {
      if (value === null) return this.refuse(why);
      this.place[axis] = value - 1;
      return this.#showEntry();
    };
    const whole = { integer: true, low: 1 };
    this.at = [
      numberField(`${this.name}: row`, choose(0), { ...whole, high: rows }),
      numberField(`${this.name}: column`, choose(1), { ...whole, high: columns }),
    ];
    const set = (value, why) =>
      value === null ? this.refuse(why) : this.set(...this.place, value);
    this.value = numberField(`${this.name}: the entry`, set, this.field);
    this.element.replaceChildren(
      h("p", { class: "caption" }, `${this.title}: ${rows} × ${columns}`),
      this.image,
      h("p", { class: "entry" }, "row ", this.at[0], " column ", this.at[1], " is ", this.value),
    );
  }

  #pick(event) {
    const table = this.get();
    const { width, height } = this.image.getBoundingClientRect();
    const column = Math.floor((event.offsetX / width) * table[0].length);
    const row = Math.floor((event.offsetY / height) * table.length);
    this.place = [Math.min(row, table.length - 1), Math.min(column, table[0].length - 1)];
    this.#showEntry();
  }

  #showEntry() {
    const [row, column] = this.place;
    const value = this.get()[row][column];
    setNumber(this.at[0], row + 1, String(row + 1));
    setNumber(this.at[1], column + 1, String(column + 1));
    setNumber(this.value, value, shown(value, this.digits));
  }
}

module.exports = { Table };
