// Troubles: what was refused, and the warnings and errors of the log, with what can be done about each.

import { emptyState, field, h } from "./elements.mjs";
import { dayAndTime, timeOfDay } from "./formats.mjs";
import { LiveList } from "./live_list.mjs";

const KINDS = { error: "bad", critical: "bad", warning: "warn" };

export class TroublesPanel {
  title = "Troubles";
  everyMs = 2_000;

  constructor(page) {
    this._page = page;
    this._after = {};
    this._turn = 0;
    this._level = h(
      "select",
      { class: "main-field", onchange: () => this.element.setAttribute("data-level", this._level.value) },
      h("option", { value: "all" }, "all"),
      h("option", { value: "errors" }, "errors only"),
    );
    this._list = new LiveList({ label: "Troubles, the newest first", noun: "line", makeRow: troubleRow });
    this._empty = emptyState(
      "No trouble.",
      "Refusals, and the warnings and errors of the log, show up here with what to do: the last 200 of each process.",
    );
    this._empty.hidden = true;
    this.element = h(
      "div",
      { "data-level": "all" },
      h("h1", { tabindex: "-1" }, "Troubles"),
      h(
        "p",
        { class: "lead" },
        "What was refused to clients and backends of all apps, and what the processes warn of.",
      ),
      h("div", { class: "row" }, field("Show", this._level), this._list.controls),
      this._empty,
      this._list.element,
    );
  }

  show() {
    this._turn++; // what is on its way is asked for again, and would be here twice
  }

  hide() {}

  togglePause() {
    this._list.togglePause();
  }

  async poll() {
    const turn = this._turn;
    const { lines, after } = await this._page.api.ask("troubles", { after: this._after });
    if (turn !== this._turn) return;
    this._after = after;
    this._list.add(lines);
    this._empty.hidden = !this._list.isEmpty;
    this._list.element.hidden = this._list.isEmpty;
  }
}

function troubleRow({ at_ms: at, process, level, what, fields, advice }) {
  const kind = KINDS[level] ?? "plain";
  return h(
    "article",
    { class: `trouble ${kind}` },
    h(
      "p",
      { class: "trouble-head" },
      h("time", { datetime: new Date(at).toISOString(), title: dayAndTime(at) }, timeOfDay(at)),
      h("span", { class: `mark ${kind}` }, level),
      h("strong", {}, what),
      h("span", { class: "size" }, process),
    ),
    h(
      "dl",
      { class: "pairs" },
      Object.entries(fields ?? {}).map(([name, value]) =>
        h("div", {}, h("dt", {}, name), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value))),
      ),
    ),
    advice ? h("p", { class: "advice" }, advice) : "",
  );
}
