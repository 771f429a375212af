// A list of what happens, the newest first, of a bounded length. A row shows one line, and its whole text when it is
// opened. It can be paused: then nothing moves, and what comes is counted and shown later.

import { counted } from "./formats.mjs";
import { h, setText } from "./elements.mjs";

export const MAX_ROWS = 500;
const DRAW_MS = 250; // rows that come faster are drawn together: a page has no time for thousands a second
const ANNOUNCE_MS = 5_000; // screen readers are told of a sum, not of each row

/** `makeRow` makes the element of an item; `label` names the list, and `noun` an item of it: "event". */
export class LiveList {
  constructor({ label, noun, makeRow }) {
    Object.assign(this, {
      _noun: noun,
      _makeRow: makeRow,
      _waiting: [],
      _unannounced: 0,
      _drawnAt: -Infinity,
      _items: new WeakMap(),
      isPaused: false,
    });
    this._list = h("ol", { class: "live", "aria-label": label, tabindex: "0" });
    this._pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.togglePause() }, "Pause");
    this._clear = h("button", { type: "button", onclick: () => this.clear() }, "Clear");
    this._count = h("span", { class: "hint" });
    this._announcement = h("span", { class: "visually-hidden", role: "status" });
    this.controls = h("div", { class: "row" }, this._pause, this._clear, this._count, this._announcement);
    this.element = this._list;
    this._tell();
  }

  get isEmpty() {
    return this._list.childElementCount === 0 && (this.isPaused || this._waiting.length === 0);
  }

  /** Add items, the oldest first. */
  add(items) {
    if (items.length === 0) return;
    this._waiting.push(...items);
    if (this._waiting.length > MAX_ROWS) this._waiting.splice(0, this._waiting.length - MAX_ROWS);
    this._announce(items.length);
    if (this.isPaused) return this._tell();
    if (this._drawing !== undefined) return;
    const leftMs = this._drawnAt + DRAW_MS - performance.now();
    if (leftMs <= 0) return this._draw();
    this._drawing = setTimeout(() => {
      this._drawing = undefined;
      this._draw();
    }, leftMs);
  }

  _draw() {
    if (!this.isPaused) this._flush();
    this._tell();
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    this._pause.setAttribute("aria-pressed", String(this.isPaused));
    this._draw();
  }

  /** Keep the rows of the items that `isWanted`; returns these items, those that wait as well. */
  keep(isWanted) {
    this._waiting = this._waiting.filter(isWanted);
    const kept = [...this._waiting];
    for (const row of [...this._list.children]) {
      const item = this._items.get(row);
      if (isWanted(item)) kept.push(item);
      else row.remove();
    }
    this._tell();
    return kept;
  }

  clear() {
    this._waiting.length = 0;
    this._list.replaceChildren();
    this._tell();
  }

  _flush() {
    this._drawnAt = performance.now();
    const rows = this._waiting
      .splice(0)
      .reverse()
      .map((item) => {
        const row = h("li", {}, this._makeRow(item));
        this._items.set(row, item);
        return row;
      });
    const place = this._list.scrollTop;
    const before = this._list.scrollHeight;
    this._list.prepend(...rows);
    if (place > 0) this._list.scrollTop = place + this._list.scrollHeight - before; // who reads on stays
    while (this._list.childElementCount > MAX_ROWS) this._list.lastElementChild.remove();
  }

  _tell() {
    const waiting = this._waiting.length
      ? `, ${this._waiting.length === MAX_ROWS ? `${MAX_ROWS} or more` : this._waiting.length} waiting`
      : "";
    setText(this._count, `${counted(this._list.childElementCount, this._noun)}${waiting}`);
  }

  _announce(added) {
    this._unannounced += added;
    this._timer ??= setTimeout(() => {
      setText(this._announcement, `${counted(this._unannounced, `new ${this._noun}`)}`);
      [this._timer, this._unannounced] = [undefined, 0];
    }, ANNOUNCE_MS);
  }
}
