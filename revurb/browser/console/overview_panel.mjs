// Overview: the figures of all processes as charts of ten minutes, and the processes and nodes with their state.

import { Chart, MAX_LINES } from "./chart.mjs";
import { h, isBeingRead, renew, setText } from "./elements.mjs";
import { FigureSeries, STEP_MS, STEPS, current, lineNames } from "./figure_series.mjs";
import { bytes, counted, milliseconds, percent, rate, rounded, timeOfDay } from "./formats.mjs";
import { nodeTable, processTable } from "./process_tables.mjs";

const CHARTS = [
  { title: "Connections", column: "connections", format: rounded },
  { title: "Deliveries", column: "deliveries", format: rate, isRate: true },
  { title: "Published events", column: "publishes", format: rate, isRate: true },
  { title: "Messages in", column: "messages_in", format: rate, isRate: true },
  { title: "Messages out", column: "messages_out", format: rate, isRate: true },
  { title: "Queued for clients", column: "queued_bytes", format: bytes, base: 1024 },
  { title: "Memory", column: "memory_bytes", format: bytes, base: 1024 },
  { title: "Loop lag, worst", column: "loop_lag_ms", format: milliseconds, merge: "max" },
  { title: "CPU, of a core", column: "cpu_s", format: percent, isRate: true },
];
const REDRAW_MS = 2_000; // the time goes on also while no answer comes
const SLOW_OVERVIEW_MS = 5_000; // states of processes change rarely

export class OverviewPanel {
  title = "Overview";
  everyMs = 1_000;

  constructor(page) {
    this._page = page;
    this._series = new FigureSeries();
    this._hidden = new Set();
    this._point = null;
    this._askedAt = -Infinity;
    this._charts = CHARTS.map((chart) => new Chart({ ...chart, onPoint: (step) => this._pointAt(step) }));
    this._summary = h("p", { class: "lead" });
    this._degraded = h("p", { class: "notice bad", role: "alert" });
    this._degraded.hidden = true;
    this._legend = h("div", { class: "legend", role: "group", "aria-label": "Lines of the charts" });
    this._legendKey = "";
    this._when = h("p", { class: "hint when" }, "Ten minutes, up to now.");
    this._grid = h(
      "div",
      { class: "charts" },
      this._charts.map(({ element }) => element),
    );
    this._tables = h("div");
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Overview"),
      this._summary,
      this._degraded,
      h(
        "section",
        { "aria-label": "Charts" },
        h("div", { class: "row between" }, this._legend, this._when),
        this._grid,
      ),
      this._tables,
    );
  }

  show() {
    this._timer = setInterval(() => document.hidden || this._draw(), REDRAW_MS);
  }

  hide() {
    clearInterval(this._timer);
  }

  async poll() {
    const isDue = performance.now() - this._askedAt > SLOW_OVERVIEW_MS;
    const questions = [["figures", { after: this._series.after }], ["overview"]];
    const [figures, overview] = await this._page.api.askAll(isDue ? questions : questions.slice(0, 1));
    if (isDue) [this._askedAt] = [performance.now(), this._page.takeOverview(overview)];
    this._series.take(figures);
    this._draw();
    this._showProcesses(this._page.overview);
  }

  _draw() {
    const grids = this._charts.map(({ column, isRate, merge }) => this._series.grid(column, { isRate, merge }));
    this._showLegend(grids[0].processes);
    this._charts.forEach((chart, index) => chart.draw(grids[index], this._hidden, this._point));
    this._grids = grids;
  }

  _pointAt(step) {
    if (step === this._point) return;
    this._point = step;
    const end = this._grids?.[0].endMs;
    setText(
      this._when,
      step === null || !end ? "Ten minutes, up to now." : `Values at ${timeOfDay(end - (STEPS - 1 - step) * STEP_MS)}.`,
    );
    if (this._grids) this._charts.forEach((chart, index) => chart.draw(this._grids[index], this._hidden, step));
  }

  /** A button for each line, which hides and shows it; where there is one process, it needs none. */
  _showLegend(processes) {
    const key = JSON.stringify(processes.map(({ process, name }) => [process, name]));
    if (key === this._legendKey) return;
    this._legendKey = key;
    if (processes.length < 2) {
      this._legend.replaceChildren();
      return;
    }
    const names = lineNames(processes);
    const buttons = processes.slice(0, MAX_LINES).map(({ process }, index) => {
      const point = (on) => () =>
        on ? this._grid.setAttribute("data-highlight", index + 1) : this._grid.removeAttribute("data-highlight");
      const button = h(
        "button",
        {
          type: "button",
          class: "legend-line",
          title: process,
          "aria-pressed": String(!this._hidden.has(process)),
          onpointerenter: point(true),
          onpointerleave: point(false),
          onfocus: point(true),
          onblur: point(false),
        },
        h("span", { class: `swatch swatch-${index + 1}` }),
        names[index],
      );
      button.addEventListener("click", () => {
        if (!this._hidden.delete(process)) this._hidden.add(process);
        button.setAttribute("aria-pressed", String(!this._hidden.has(process)));
        this._draw();
      });
      return button;
    });
    const more = processes.length - buttons.length;
    this._legend.replaceChildren(
      h("span", { class: "legend-line" }, h("span", { class: "swatch swatch-total" }), "Total"),
      ...buttons,
      more > 0 ? h("span", { class: "hint" }, `and ${more} more in the total`) : "",
    );
  }

  _showProcesses(overview) {
    if (!overview) return;
    const nodes = overview.nodes ?? [];
    const connections = nodes.reduce((sum, node) => sum + node.connections, 0);
    const hosts = new Set(nodes.map(({ host }) => host)).size;
    setText(
      this._summary,
      `${counted(connections, "connection")} in ${counted(nodes.length, "process", "processes")} ` +
        `on ${counted(hosts, "host")}; Revurb ${overview.version}.`,
    );
    setText(this._degraded, overview.degraded ?? "");
    this._degraded.hidden = !overview.degraded;
    if (isBeingRead(this._tables)) return;
    renew(
      this._tables,
      processTable(overview, (process, column) => this._valueOf(process, column)),
      nodeTable(overview),
    );
  }

  /** What a process has told last of a column that has a chart. */
  _valueOf(process, column) {
    const grid = this._grids[CHARTS.findIndex((chart) => chart.column === column)];
    const line = grid.processes.find((each) => each.process === process);
    return line ? current(line.values) : NaN;
  }
}
