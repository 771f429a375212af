// One line chart of ten minutes: a line for each process, and a thick one for the total. The value stands beside the
// title, so that nobody has to read the drawing; a table of the values is there on demand.

import { h, isBeingRead, renew, setText, svg } from "./elements.mjs";
import { HISTORY_MS, STEP_MS, STEPS, current, lineNames } from "./figure_series.mjs";
import { timeOfDay } from "./formats.mjs";

export const MAX_LINES = 8; // as many as there are colours that can be told apart; the others are in the total
const HEIGHT = 100; // of the drawing's own units; CSS gives it its size
const TABLE_STEPS = 30_000 / STEP_MS;

/**
 * `column`, `isRate` and `merge` are what FigureSeries.grid takes, `format` makes a text of a value, `base` is 1024
 * for bytes. `onPoint` is told the step at which somebody points, or null.
 */
export class Chart {
  constructor({ title, column, format, isRate = false, merge = "sum", base = 1000, onPoint }) {
    Object.assign(this, { title, column, format, isRate, merge, base });
    this._value = h("span", { class: "chart-value" }, "-");
    this._top = h("span", { class: "chart-top", "aria-hidden": "true" });
    this._drawing = svg("svg", { viewBox: `0 0 ${STEPS} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this._tableButton = h(
      "button",
      { type: "button", class: "quiet small", "aria-expanded": "false", onclick: () => this._toggleTable() },
      "Table",
    );
    this._tableButton.setAttribute("aria-label", `Table of ${title}`);
    this._tablePlace = h("div", { class: "chart-table" });
    this._tablePlace.hidden = true;
    this._grid = null;
    const plot = h("div", { class: "plot" }, this._top, this._drawing);
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      onPoint(Math.max(0, Math.min(STEPS - 1, Math.round(((event.clientX - box.left) / box.width) * (STEPS - 1)))));
    });
    plot.addEventListener("pointerleave", () => onPoint(null));
    const axis = h(
      "div",
      { class: "chart-axis", "aria-hidden": "true" },
      h("span", {}, "10 min ago"),
      h("span", {}, "5 min"),
      h("span", {}, "now"),
    );
    this.element = h(
      "figure",
      { class: "card chart" },
      h("figcaption", {}, h("span", { class: "chart-title" }, title), this._value, this._tableButton),
      plot,
      axis,
      this._tablePlace,
    );
  }

  /**
   * Draw a grid of FigureSeries without the processes in `hidden`; `point` is the step that is pointed at, or null.
   */
  draw(grid, hidden, point) {
    this._grid = grid;
    const shown = grid.processes
      .map((line, index) => ({ ...line, index }))
      .filter(({ process, index }) => index < MAX_LINES && !hidden.has(process));
    const isAlone = grid.processes.length === 1;
    const lines = isAlone ? [] : shown.map(({ values, index }) => ({ values, name: `series series-${index + 1}` }));
    const isDrawn = this.merge === "max" && shown.length === grid.processes.length; // then the total is the upmost line
    if (isAlone || !isDrawn)
      lines.push({ values: grid.total, name: isAlone ? "series series-1 alone" : "series total" });
    const top = niceTop(largest(lines.map(({ values }) => largest(values))), this.base);
    setText(this._top, this.format(top));
    const now = current(grid.total);
    setText(this._value, this.format(point === null ? now : grid.total[point]));
    this._drawing.setAttribute(
      "aria-label",
      `${this.title}: ${this.format(now)} now, at most ${this.format(largest(grid.total))} in ten minutes`,
    );
    const grounds = [0.5, 1].map((share) =>
      svg("line", {
        class: "ground",
        x1: 0,
        x2: STEPS,
        y1: HEIGHT * (1 - share) + 0.5,
        y2: HEIGHT * (1 - share) + 0.5,
      }),
    );
    const pointed = point === null ? [] : [svg("line", { class: "pointed", x1: point, x2: point, y1: 0, y2: HEIGHT })];
    this._drawing.replaceChildren(
      ...grounds,
      ...lines.map(({ values, name }) => svg("path", { class: name, d: linePath(values, top) })),
      ...pointed,
    );
    if (!this._tablePlace.hidden && !isBeingRead(this._tablePlace)) this._fillTable();
  }

  _toggleTable() {
    this._tablePlace.hidden = !this._tablePlace.hidden;
    this._tableButton.setAttribute("aria-expanded", String(!this._tablePlace.hidden));
    if (!this._tablePlace.hidden) this._fillTable();
  }

  _fillTable() {
    if (this._grid === null) return;
    const { endMs, total, processes } = this._grid;
    const steps = [];
    for (let step = STEPS - 1; step >= 0; step -= TABLE_STEPS) steps.push(step);
    const columns = [["Time"], ["Total"], ...lineNames(processes).map((name) => [name])];
    const rows = steps.map((step) => [
      timeOfDay(endMs - (STEPS - 1 - step) * STEP_MS),
      ...[total, ...processes.map(({ values }) => values)].map((values) => this.format(values[step])),
    ]);
    renew(
      this._tablePlace,
      h(
        "div",
        { class: "table", role: "region", tabindex: "0", "aria-label": `${this.title}, every 30 seconds` },
        h(
          "table",
          {},
          h("caption", {}, `${this.title}, every 30 seconds of ${HISTORY_MS / 60_000} minutes`),
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              columns.map(([name], index) => h("th", { scope: "col", class: index ? "number" : null }, name)),
            ),
          ),
          h(
            "tbody",
            {},
            rows.map(([time, ...values]) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, time),
                values.map((value) => h("td", { class: "number" }, value)),
              ),
            ),
          ),
        ),
      ),
    );
  }
}

function largest(values) {
  let most = NaN;
  for (const value of values) if (!(value <= most) && !Number.isNaN(value)) most = value;
  return most;
}

/**
 * The end of an axis, not below the value: 1, 2, 2.5 or 5 of a power of ten, in the unit that the value is shown in.
 */
export function niceTop(value, base = 1000) {
  if (!(value > 0)) return 1;
  const unit = base ** Math.max(0, Math.floor(Math.log(value) / Math.log(base)));
  const power = 10 ** Math.floor(Math.log10(value / unit));
  return [1, 2, 2.5, 5, 10].map((step) => step * power * unit).find((step) => step >= value);
}

/** The `d` of a path over the values, with a new beginning behind each gap. */
export function linePath(values, top) {
  let path = "";
  let wasGap = true;
  values.forEach((value, step) => {
    if (Number.isNaN(value)) {
      wasGap = true;
      return;
    }
    const y = (HEIGHT - (value / top) * (HEIGHT - 2) - 1).toFixed(1);
    const isLone = wasGap && (step + 1 === values.length || Number.isNaN(values[step + 1]));
    path += isLone ? `M${step} ${y}h1` : `${wasGap ? "M" : "L"}${step} ${y}`;
    wasGap = false;
  });
  return path;
}
