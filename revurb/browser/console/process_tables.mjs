// The tables of the overview: the processes of the host that answers, and the nodes of the cluster, each with its
// state.

import { h, table } from "./elements.mjs";
import { bytes, count, duration, milliseconds, percent, rate } from "./formats.mjs";

/** The processes of the host; `valueOf(process, column)` is the last figure of a process "host/pid". */
export function processTable({ host, processes }, valueOf) {
  const columns = [
    ["Process"],
    ["State"],
    ["Pid", "number"],
    ["Uptime", "number"],
    ["Connections", "number"],
    ["CPU", "number"],
    ["Memory", "number"],
    ["Deliveries", "number"],
    ["Loop lag", "number"],
    ["Restarts", "number"],
  ];
  const rows = processes.map(({ process, state, pid, bus, uptime_s: uptime, connections, restarts }) => {
    const value = (column) => valueOf(`${host}/${pid}`, column);
    return [
      process,
      stateMark(state, bus),
      String(pid ?? "-"),
      duration(uptime),
      count(connections),
      percent(value("cpu_s")),
      bytes(value("memory_bytes")),
      rate(value("deliveries")),
      milliseconds(value("loop_lag_ms")),
      count(restarts),
    ];
  });
  const title = `Processes of ${host}`;
  return h("div", {}, h("h2", {}, title), table(title, columns, rows));
}

/** The nodes of a cluster; nothing where there is none. */
export function nodeTable({ is_cluster: isCluster, nodes }) {
  if (!isCluster) return "";
  const columns = [
    ["Host"],
    ["Pid", "number"],
    ["State"],
    ["Uptime", "number"],
    ["Connections", "number"],
    ["Topics", "number"],
    ["Bus lag", "number"],
    ["Waiting", "number"],
    ["Lost", "number"],
    ["Version"],
  ];
  const rows = nodes.map((node) => [
    node.host,
    String(node.pid),
    stateMark(node.state),
    duration(node.uptime_s),
    count(node.connections),
    count(node.topics),
    milliseconds(node.lag_ms),
    count(node.waiting),
    node.dropped === null || node.missed === null ? "-" : count(node.dropped + node.missed),
    node.version,
  ]);
  const title = "Nodes of the cluster";
  return h("div", {}, h("h2", {}, title), table(title, columns, rows));
}

/** The state of a process, in its colour; `bus` is why it is cut off from the others. */
function stateMark(state, bus = "") {
  const kind = bus || ["blocked", "waiting"].includes(state) ? "bad" : state === "ready" ? "good" : "warn";
  return h("span", { class: `mark ${kind}` }, bus ? `${state}; ${bus}` : state);
}
