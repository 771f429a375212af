// The figures of ten minutes, of each process, and what charts need of them: values on a grid of time, rates from
// counters, and a total over the processes. No function here touches the page.

export const HISTORY_MS = 600_000;
export const STEP_MS = 2_000;
export const STEPS = HISTORY_MS / STEP_MS;
const CARRIED_STEPS = 2; // of a last value in the total: clocks of hosts differ a little
const RATE_STEPS = 3; // between two rows further apart nothing is known: that is a gap
const FORGOTTEN_MS = HISTORY_MS + 2 * STEP_MS;

/** Rows that `figures` of the console API answers, by process; the oldest go after ten minutes. */
export class FigureSeries {
  constructor() {
    this.columns = [];
    this.processes = new Map(); // "host/pid" -> {process, name, rows: [[at_ms, ...]]}
    this._clockMs = 0; // of the server, at its last answer
    this._heardMs = 0; // of this page, then
  }

  /** What is already here: the `after` of the next question. */
  get after() {
    const last = [...this.processes.values()].filter(({ rows }) => rows.length > 0);
    return Object.fromEntries(last.map(({ process, rows }) => [process, rows.at(-1)[0]]));
  }

  /** Take an answer in. `heardMs` is the page's own steady clock. */
  take({ now_ms: nowMs, columns, processes }, heardMs = performance.now()) {
    [this.columns, this._clockMs, this._heardMs] = [columns, nowMs, heardMs];
    for (const { process, name, samples } of processes) {
      const known = this.processes.get(process) ?? { process, name, rows: [] };
      const first = samples[0]?.[0] ?? Infinity;
      known.name = name;
      known.rows = [...known.rows.filter(([at]) => at < first), ...samples]; // a clock may have been set back
      this.processes.set(process, known);
    }
    for (const { process, rows } of [...this.processes.values()]) {
      const kept = rows.findIndex(([at]) => at > nowMs - FORGOTTEN_MS);
      if (kept === -1) this.processes.delete(process);
      else rows.splice(0, kept);
    }
  }

  /** The server's time in ms, also while it does not answer. */
  now(heardMs = performance.now()) {
    return this._clockMs + (heardMs - this._heardMs);
  }

  /**
   * A column on the grid: {endMs, total, processes: [{process, name, values}]}, with STEPS values each, the last of
   * them of the last whole step before `nowMs`. NaN is a gap. `isRate` makes a rate per second of a counter, `merge`
   * ("sum" or "max") the total of the processes.
   */
  grid(column, { isRate = false, merge = "sum", nowMs = this.now() } = {}) {
    const index = this.columns.indexOf(column);
    const end = Math.floor(nowMs / STEP_MS); // the step that is not over yet
    const processes = [...this.processes.values()].map(({ process, name, rows }) => {
      const values = index < 0 ? new Float64Array(STEPS).fill(NaN) : onGrid(rows, index, end - STEPS, isRate);
      return { process, name, values };
    });
    return { endMs: end * STEP_MS, total: merged(processes, merge), processes };
  }
}

function onGrid(rows, index, firstStep, isRate) {
  const values = new Float64Array(STEPS).fill(NaN);
  let before = null; // the last row of an earlier step
  for (let at = 0; at < rows.length; at++) {
    const step = Math.floor(rows[at][0] / STEP_MS);
    const next = rows[at + 1];
    if (next && Math.floor(next[0] / STEP_MS) === step) continue; // the last row of a step stands for it
    const place = step - firstStep;
    if (place >= 0 && place < STEPS) values[place] = isRate ? rate(before, rows[at], index) : rows[at][index];
    before = rows[at];
  }
  return values;
}

function rate(before, row, index) {
  if (before === null || row[0] - before[0] > RATE_STEPS * STEP_MS || row[index] < before[index]) return NaN;
  return (row[index] - before[index]) / ((row[0] - before[0]) / 1000);
}

function merged(processes, merge) {
  const total = new Float64Array(STEPS).fill(NaN);
  const isUnset = new Uint8Array(STEPS).fill(1);
  for (const { values } of processes) {
    let last = STEPS - 1;
    while (last >= 0 && Number.isNaN(values[last])) last--;
    const isFresh = last >= STEPS - 1 - CARRIED_STEPS;
    const first = values.findIndex((value) => !Number.isNaN(value));
    for (let step = Math.max(0, first); step < STEPS; step++) {
      const value = isFresh && step > last ? values[last] : values[step];
      if (Number.isNaN(value) && step > last) break; // the process has ended
      const sum = merge === "max" ? Math.max(total[step], value) : total[step] + value;
      if (isUnset[step]) [total[step], isUnset[step]] = [value, 0];
      else total[step] = sum; // without the figures of one the total is not known: NaN
    }
  }
  return total;
}

/** The last value that is none of a gap; NaN if the gap is longer than what is carried. */
export function current(values) {
  for (let step = values.length - 1; step >= values.length - 1 - CARRIED_STEPS; step--) {
    if (!Number.isNaN(values[step])) return values[step];
  }
  return NaN;
}

/** A name for each process that no other has: with its host, or its host and pid, where that is needed. */
export function lineNames(processes) {
  const forms = [
    ({ name }) => name,
    ({ name, process }) => `${name} · ${process.split("/")[0]}`,
    ({ name, process }) => `${name} · ${process}`,
  ];
  const form = forms.find((each) => new Set(processes.map(each)).size === processes.length) ?? forms.at(-1);
  return processes.map(form);
}
