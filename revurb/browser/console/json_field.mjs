// A field for JSON that says while it is written what is wrong with it.

import { h, setText } from "./elements.mjs";
import { indented, jsonProblem } from "./formats.mjs";

let lastId = 0;

/**
 * `control` is the text field, `problem` where its fault is told: put both into the form, `field(label, control)`
 * around it.
 */
export class JsonField {
  constructor(value, { rows = 6, isOptional = false } = {}) {
    this._isOptional = isOptional;
    this.isChecked = true; // false for data that is plain text
    const id = `json-problem-${++lastId}`;
    this.problem = h("p", { class: "problem", id, role: "status" });
    this.control = h("textarea", {
      rows,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      class: "code",
      "aria-describedby": id,
    });
    this.control.value = value;
    this.control.addEventListener("input", () => this.check());
  }

  get text() {
    return this.control.value;
  }

  /** The value, undefined for none. Call it only after `check`. */
  get value() {
    return this.text.trim() === "" ? undefined : JSON.parse(this.text);
  }

  /** Whether it is JSON; the field says what is wrong if not. */
  check() {
    const isEmpty = this._isOptional && this.text.trim() === "";
    const problem = this.isChecked && !isEmpty ? jsonProblem(this.text) : null;
    setText(this.problem, problem ?? "");
    this.control.setAttribute("aria-invalid", String(problem !== null));
    return problem === null;
  }

  /** Break the lines as JSON is usually written. */
  format() {
    if (this.check()) this.control.value = indented(this.text);
  }
}
