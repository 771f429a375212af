// What the console computes, without a page: run by test_console_figures.py in Node.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const load = (name) => import(new URL(`../../revurb/browser/console/${name}.mjs`, import.meta.url));
const { FigureSeries, lineNames, STEP_MS, STEPS, HISTORY_MS, current } = await load("figure_series");
const { niceTop, linePath } = await load("chart");
const { nameMatches } = await load("name_filter");
const { hashOf, readHash } = await load("routes");
const formats = await load("formats");
const { explainCode, readMessage } = await load("pusher_socket");

const START = 1_800_000_000_000;
const columns = ["at_ms", "connections", "deliveries"];
const answer = (nowMs, ...processes) => ({ now_ms: nowMs, columns, processes });
const rows = (from, seconds, make) =>
  Array.from({ length: seconds }, (_, second) => [from + second * 1000 + 100, ...make(second)]);
const tail = (values, length) => [...values.slice(-length)];

const tests = {
  "counters become rates, and gauges stay": () => {
    const series = new FigureSeries();
    series.take(
      answer(START + 10_000, { process: "a/1", name: "one", samples: rows(START, 10, (second) => [5, second * 30]) }),
      0,
    );
    const grid = series.grid("deliveries", { isRate: true, nowMs: START + 10_000 });
    assert.deepEqual(tail(grid.processes[0].values, 4), [30, 30, 30, 30]);
    assert.equal(grid.endMs, START + 10_000);
    assert.deepEqual(tail(series.grid("connections", { nowMs: START + 10_000 }).total, 2), [5, 5]);
    assert.deepEqual(series.after, { "a/1": START + 9_100 });
  },
  "a counter that begins anew, and a silence, are gaps": () => {
    const series = new FigureSeries();
    const restarted = rows(START, 4, (second) => [1, 1000 + second]).concat(
      rows(START + 4_000, 4, (second) => [1, second]),
    );
    const later = rows(START + 40_000, 4, (second) => [1, 100 + second]);
    series.take(answer(START + 44_000, { process: "a/1", name: "one", samples: [...restarted, ...later] }), 0);
    const { values } = series.grid("deliveries", { isRate: true, nowMs: START + 44_000 }).processes[0];
    assert.deepEqual(tail(values, 22), [NaN, 1, NaN, 1, ...Array(17).fill(NaN), 1]);
    assert.match(linePath(Float64Array.of(1, 1, NaN, 1, NaN, 1, 1), 1), /^M0 \S+L1 \S+M3 \S+h1M5 \S+L6 \S+$/);
  },
  "the total is a gap while one process is silent, and goes on without one that has ended": () => {
    const series = new FigureSeries();
    const silent = rows(START, 4, () => [2, 0]).concat(rows(START + 8_000, 4, () => [2, 0]));
    const ended = rows(START, 6, () => [3, 0]);
    series.take(
      answer(
        START + 12_000,
        { process: "a/1", name: "one", samples: silent },
        { process: "a/2", name: "two", samples: ended },
      ),
      0,
    );
    const { total } = series.grid("connections", { nowMs: START + 12_000 });
    assert.deepEqual(tail(total, 6), [5, 5, NaN, NaN, 2, 2]);
  },
  "a clock that is a little late does not make the total smaller": () => {
    const series = new FigureSeries();
    const samples = (seconds) => rows(START, seconds, () => [2, 0]);
    series.take(
      answer(
        START + 10_000,
        { process: "a/1", name: "one", samples: samples(10) },
        { process: "b/1", name: "two", samples: samples(7) },
      ),
      0,
    );
    const { total } = series.grid("connections", { nowMs: START + 10_000 });
    assert.deepEqual(tail(total, 3), [4, 4, 4]);
    assert.equal(current(total), 4);
  },
  "what is older than ten minutes is forgotten, whole processes too": () => {
    const series = new FigureSeries();
    series.take(answer(START, { process: "a/1", name: "one", samples: rows(START - 5_000, 5, () => [1, 0]) }), 0);
    for (let at = START; at <= START + HISTORY_MS + 10_000; at += 50_000) {
      series.take(answer(at + 50_000, { process: "a/2", name: "two", samples: rows(at, 50, () => [1, 0]) }), 0);
    }
    assert.deepEqual([...series.processes.keys()], ["a/2"]);
    assert.ok(series.processes.get("a/2").rows.length <= HISTORY_MS / 1000 + 5);
    assert.equal(series.grid("connections").total.length, STEPS);
    assert.equal(STEPS * STEP_MS, HISTORY_MS);
  },
  "a clock that is set back begins anew": () => {
    const series = new FigureSeries();
    const one = (from) => ({ process: "a/1", name: "one", samples: rows(from, 10, () => [1, 1]) });
    series.take(answer(START + 10_000, one(START)), 0);
    const back = START - 3_600_000;
    series.take(answer(back + 10_000, one(back)), 0);
    assert.equal(series.after["a/1"], back + 9_100);
    assert.equal(current(series.grid("connections", { nowMs: back + 10_000 }).total), 1);
    assert.equal(series.processes.get("a/1").rows.length, 10);
  },
  "lines have names of their own": () => {
    const names = (...processes) => lineNames(processes.map(([name, process]) => ({ name, process })));
    assert.deepEqual(names(["worker 0", "a/1"], ["worker 1", "a/2"]), ["worker 0", "worker 1"]);
    assert.deepEqual(names(["worker 0", "a/1"], ["worker 0", "b/1"]), ["worker 0 · a", "worker 0 · b"]);
    assert.deepEqual(names(["node", "a/1"], ["node", "a/2"]), ["node · a/1", "node · a/2"]);
  },
  "axes end at a round number of their unit": () => {
    assert.deepEqual(
      [0, 3, 700, 1_001].map((value) => niceTop(value)),
      [1, 5, 1_000, 2_000],
    );
    assert.deepEqual(
      [900, 1_025, 173 * 2 ** 20].map((value) => niceTop(value, 1024)),
      [1_000, 2_048, 200 * 2 ** 20],
    );
  },
  "names are filtered as the server filters them": () => {
    const cases = [
      ["", "x", true],
      ["rd", "orders", true],
      ["Ord", "orders", false],
      ["ord*", "orders", true],
      ["*ord", "orders", false],
      ["o*e*s", "orders", true],
      ["a*a", "a", false],
      ["*", "", true],
      ["private-*.1", "private-user.1", true],
      ["(*", "(", true],
    ];
    for (const [filter, name, isWanted] of cases)
      assert.equal(nameMatches(filter, name), isWanted, `${filter} and ${name}`);
  },
  "a route has any name in it": () => {
    for (const name of ["a/b?c#d%", "<img src=x>", "ä %41"]) {
      assert.deepEqual(readHash(hashOf("channels", [name], { channel: name })), {
        panel: "channels",
        segments: [name],
        parameters: { channel: name },
      });
    }
    assert.equal(readHash("#/channels/%").segments[0], "%");
  },
  "figures are read easily": () => {
    assert.deepEqual([0, 0.25, 7, 1234, 56_789].map(formats.rounded), ["0", "0.3", "7", "1,234", "56.8K"]);
    assert.deepEqual([512, 1536, 300 * 2 ** 20].map(formats.bytes), ["512 B", "1.5 KiB", "300 MiB"]);
    assert.deepEqual([42, 300, 12_000, 1_050_000].map(formats.duration), ["42 s", "5 min", "3 h 20 min", "12 d 3 h"]);
    assert.deepEqual([0.004, 0.5].map(formats.percent), ["0.4 %", "50 %"]);
    assert.equal(formats.prettyData('{"data":"{\\"a\\":1}"}'), '{\n  "data": {\n    "a": 1\n  }\n}');
    assert.equal(formats.jsonProblem("[1]"), null);
    assert.match(formats.jsonProblem('{\n  "a": 1,\n}'), /^This is not JSON, at line 3, column 1: /);
  },
  "JSON gets line breaks, and is the same": () => {
    const id = '{"id":9007199254740993,"data":"{\\"id\\":1e400}","data":"no","e":[{},[]," , ] \\" {"]}';
    const shown = formats.prettyData(id).replaceAll("\n", " ").replaceAll(/ +/g, " ");
    assert.equal(shown, '{ "id": 9007199254740993, "data": { "id": 1e400 }, "data": "no", "e": [ {}, [], " , ] \\" {" ] }');
    for (const value of [1, "x", null, [], {}, { a: { b: [1, { c: [] }] }, "k:": "v,", d: -1.5e-7 }, ["\\", '"']]) {
      assert.equal(formats.indented(JSON.stringify(value)), JSON.stringify(value, null, 2));
    }
    assert.ok(formats.prettyData("[".repeat(5000) + "]".repeat(5000)).length < 1e6);
    assert.equal(formats.prettyData('{"data":"[1"}'), '{\n  "data": "[1"\n}');
    assert.equal(formats.prettyData("{x"), "{x");
  },
  "each code is explained": () => {
    assert.equal(explainCode(4001, { 4001: "No app." }), "No app.");
    for (const code of [1000, 1006, 4099, 4150, 4250, 4350]) assert.notEqual(explainCode(code), "");
    assert.deepEqual(readMessage('{"event":"pusher:e","data":"[1]"}'), { event: "pusher:e", data: [1] });
    assert.deepEqual(readMessage("no JSON"), {});
  },
};

for (const [name, test] of Object.entries(tests)) {
  test();
  console.log(name);
}
