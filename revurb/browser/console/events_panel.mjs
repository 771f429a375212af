// Events: those of an app as they are published, filtered by channel and event.

import { emptyState, field, h, setText } from "./elements.mjs";
import { bytes, counted, dayAndTime, prettyData, timeOfDay } from "./formats.mjs";
import { LiveList } from "./live_list.mjs";
import { nameMatches } from "./name_filter.mjs";
import { hashOf } from "./routes.mjs";

const TYPING_MS = 300;

export class EventsPanel {
  title = "Events";
  everyMs = 1_000;

  constructor(page) {
    this._page = page;
    this._after = {};
    this._skipped = 0;
    this._known = new Set();
    this._turn = 0; // of the filters: answers for earlier ones are not shown
    const filter = (placeholder) =>
      h("input", {
        type: "search",
        autocomplete: "off",
        spellcheck: "false",
        placeholder,
        oninput: () => this._onTyping(),
      });
    this._channel = filter("orders or private-*");
    this._channel.classList.add("main-field");
    this._event = filter("order.shipped or client-*");
    this._list = new LiveList({ label: "Events, the newest first", noun: "event", makeRow: eventRow });
    this._skippedNote = h("p", { class: "notice warn" });
    this._skippedNote.hidden = true;
    this._empty = emptyState(
      "No event yet.",
      "Events show up here as they are published. ",
      h("a", { href: hashOf("publish") }, "Publish one"),
      ".",
    );
    this._empty.hidden = true; // until the server says so: it sees events from the first question on
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Events"),
      h(
        "p",
        { class: "lead" },
        "What is published to the app, by its backend and by clients, while this page is open.",
      ),
      h(
        "div",
        { class: "row" },
        field("Channel", this._channel),
        field("Event", this._event),
        h("p", { class: "hint" }, "A part of the name, or a pattern of the whole of it with *."),
      ),
      this._list.controls,
      this._skippedNote,
      this._empty,
      this._list.element,
    );
  }

  show({ parameters }) {
    if (parameters.channel !== undefined) this._channel.value = parameters.channel;
    if (parameters.event !== undefined) this._event.value = parameters.event;
    this._turn++; // what is on its way is asked for again, and would be here twice
    if (this._key() !== this._shownKey) this._restart();
  }

  hide() {
    clearTimeout(this._typing);
  }

  togglePause() {
    this._list.togglePause();
  }

  async poll() {
    const turn = this._turn;
    const { app } = this._page;
    const [channel, event] = [this._channel.value.trim(), this._event.value.trim()];
    const answer = await this._page.api.ask("events", { app, channel, event, after: this._after });
    if (turn !== this._turn) return;
    this._after = answer.after;
    const events = answer.events.map((each) => ({ ...each, app }));
    this._list.add(events.filter((item) => !this._known.has(JSON.stringify(item))));
    this._known.clear(); // only a first answer may have what is here already
    this._skipped += answer.skipped;
    setText(
      this._skippedNote,
      `${counted(this._skipped, "event")} came faster than this list takes them. Clients got them.`,
    );
    this._skippedNote.hidden = this._skipped === 0;
    this._empty.hidden = !this._list.isEmpty;
    this._list.element.hidden = this._list.isEmpty;
  }

  _key() {
    return JSON.stringify([this._page.app, this._channel.value.trim(), this._event.value.trim()]);
  }

  _onTyping() {
    clearTimeout(this._typing);
    this._typing = setTimeout(() => {
      this._restart();
      this._page.pollNow();
    }, TYPING_MS);
  }

  /** Ask anew for other events. Of those that are here the ones that are still wanted stay. */
  _restart() {
    const [channel, event] = [this._channel.value.trim(), this._event.value.trim()];
    const isWanted = (item) =>
      item.app === this._page.app &&
      nameMatches(event, item.event) &&
      item.channels.some((name) => nameMatches(channel, name));
    this._shownKey = this._key();
    this._turn++;
    [this._after, this._skipped] = [{}, 0];
    this._known = new Set(this._list.keep(isWanted).map((item) => JSON.stringify(item)));
  }
}

/** One event: a line, and its data when it is opened. */
function eventRow({ at_ms: at, process, channels, event, data, data_bytes: size, by, socket_id: socketId }) {
  const isCut = new TextEncoder().encode(data).length < size;
  const body = h("div", { class: "opened" });
  const row = h(
    "details",
    {},
    h(
      "summary",
      {},
      h("time", { datetime: new Date(at).toISOString(), title: dayAndTime(at) }, timeOfDay(at, { precise: true })),
      h("strong", { class: "name" }, event),
      h(
        "span",
        { class: "name channel" },
        channels.length > 1 ? `${channels[0]} and ${channels.length - 1} more` : (channels[0] ?? ""),
      ),
      h("span", { class: "preview" }, data.slice(0, 200)),
      h("span", { class: "size" }, bytes(size)),
    ),
    body,
  );
  row.addEventListener("toggle", () => {
    if (!row.open || body.childElementCount) return;
    const facts = [
      ["Channels", channels.map((name) => [h("a", { href: hashOf("channels", [name]) }, name), " "])],
      ["From", by === "client" ? "a client" : "the backend"],
      socketId ? ["Socket", socketId] : null,
      ["Taken in by", process],
    ].filter(Boolean);
    body.append(
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
      ),
      h("pre", { tabindex: "0", "aria-label": "Data" }, isCut ? data : prettyData(data)),
      isCut ? h("p", { class: "hint" }, `The beginning of ${bytes(size)}.`) : "",
    );
  });
  return row;
}
