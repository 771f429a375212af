// Keyboard shortcuts of single keys. They can be switched off, for those who speak to their computer.

import { storage } from "./preferences.mjs";

const KEPT = "revurb-console-shortcuts";
const FIELDS = "input:not([type=checkbox]), textarea, select, dialog";

export class Shortcuts {
  /** `keys` is {key: {what, act}}. */
  constructor(keys) {
    this._keys = keys;
    this._storage = storage("localStorage");
    document.addEventListener("keydown", (event) => this._onKey(event));
  }

  get isOn() {
    return this._storage.getItem(KEPT) !== "off";
  }

  set isOn(value) {
    this._storage.setItem(KEPT, value ? "on" : "off");
  }

  /** [[key, what it does]] for people. */
  get list() {
    return Object.entries(this._keys)
      .filter(([, { what }]) => what)
      .map(([key, { what }]) => [key, what]);
  }

  _onKey(event) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    if (!this.isOn || !isPlain || event.target.closest?.(FIELDS) || document.querySelector("dialog[open]")) return;
    const key = this._keys[event.key];
    if (!key) return;
    event.preventDefault();
    key.act();
  }
}
