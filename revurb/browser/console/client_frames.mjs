// What the test client shows of its connection: the address that it goes to, and a row for each frame.

import { h } from "./elements.mjs";
import { bytes, dayAndTime, prettyData, timeOfDay } from "./formats.mjs";
import { readMessage } from "./pusher_socket.mjs";

/** The address of a client for what serves this page: the same host, the port of the clients. */
export function addressOf(overview, key) {
  if (!overview?.client) return "";
  const { port, path, tls } = overview.client;
  const prefix = path && path !== "/" ? `/${path.replace(/^\/+|\/+$/g, "")}` : "";
  const server = `${tls ? "wss" : "ws"}://${location.hostname}:${port}${prefix}`;
  return `${server}/app/${encodeURIComponent(key ?? "KEY")}?protocol=7&client=console&version=1`;
}

/** A frame: a line, and its whole text when it is opened. */
export function frameRow({ isSent, text, at }) {
  const { event, channel } = readMessage(text);
  const body = h("div", { class: "opened" });
  const row = h(
    "details",
    { class: isSent ? "sent" : "received" },
    h(
      "summary",
      {},
      h("time", { datetime: new Date(at).toISOString(), title: dayAndTime(at) }, timeOfDay(at, { precise: true })),
      h(
        "strong",
        { class: "name" },
        h("span", { class: "way", "aria-hidden": "true" }, isSent ? "↑" : "↓"),
        h("span", { class: "visually-hidden" }, isSent ? "sent: " : "received: "),
        event ?? "a text",
      ),
      h("span", { class: "name channel" }, channel ?? ""),
      h("span", { class: "preview" }, text.slice(0, 200)),
      h("span", { class: "size" }, bytes(new TextEncoder().encode(text).length)),
    ),
    body,
  );
  row.addEventListener("toggle", () => {
    if (row.open && !body.childElementCount)
      body.append(h("pre", { tabindex: "0", "aria-label": "Frame" }, prettyData(text)));
  });
  return row;
}
