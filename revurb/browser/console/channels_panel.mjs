// Channels: those that are occupied, by their subscriptions, and one of them with its members.

import { emptyState, field, h, isBeingRead, renew, setText, table } from "./elements.mjs";
import { count, counted, prettyData } from "./formats.mjs";
import { hashOf } from "./routes.mjs";

const LIMIT = 200;
const TYPING_MS = 250; // after the last key, before the filter is asked for

export class ChannelsPanel {
  title = "Channels";
  everyMs = 2_000;

  constructor(page) {
    this._page = page;
    this._channel = null;
    this._shown = { list: "", detail: "" }; // what has been drawn, so that nothing is drawn twice
    this._filter = h("input", {
      type: "search",
      class: "main-field",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "private-* or chat",
    });
    this._filter.addEventListener("input", () => {
      clearTimeout(this._typing);
      this._typing = setTimeout(() => page.pollNow(), TYPING_MS);
    });
    this._status = h("p", { class: "hint", role: "status" });
    this._list = h("div");
    this._detail = h("section", { class: "card detail", "aria-label": "The channel" });
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Channels"),
      h("p", { class: "lead" }, "What clients are subscribed to, over all processes, the most subscribers first."),
      h(
        "div",
        { class: "row" },
        field("Filter by name", this._filter, {
          hint: "A part of the name, or a pattern of the whole of it with *.",
          wide: true,
        }),
      ),
      h("div", { class: "split" }, h("div", {}, this._status, this._list), this._detail),
    );
  }

  show({ segments }) {
    this._channel = segments[0] || null;
    this._shown = { list: "", detail: "" };
    this._detail.hidden = this._channel === null;
    this._detail.replaceChildren(this._channel === null ? "" : h("h2", { class: "name" }, this._channel));
  }

  hide() {
    clearTimeout(this._typing);
  }

  async poll() {
    const { api, app } = this._page;
    const channel = this._channel;
    const questions = [["channels", { app, filter: this._filter.value.trim(), limit: LIMIT }]];
    if (channel !== null) questions.push(["channel", { app, channel }]);
    const [channels, detail] = await api.askAll(questions);
    if (app !== this._page.app || channel !== this._channel) return;
    if (this._isNew("list", channels, this._list)) this._showList(channels);
    if (channel !== null && this._isNew("detail", detail, this._detail)) this._showDetail(channel, detail);
  }

  _isNew(part, answer, place) {
    const text = JSON.stringify(answer);
    if (this._shown[part] === text || isBeingRead(place)) return false;
    this._shown[part] = text;
    return true;
  }

  _showList({ channels, total, is_whole: isWhole }) {
    if (channels.length === 0) {
      setText(this._status, "");
      this._list.replaceChildren(
        this._filter.value.trim()
          ? emptyState(
              "No channel of this name is occupied.",
              "Try a part of the name, or ",
              h("a", { href: hashOf("client") }, "subscribe with the test client"),
              ".",
            )
          : emptyState(
              "No channel is occupied.",
              "A channel is here while somebody is subscribed to it. ",
              h("a", { href: hashOf("client") }, "Subscribe with the test client"),
              ".",
            ),
      );
      return;
    }
    const shown = isWhole
      ? `${counted(channels.length, "channel")}.`
      : `The first ${count(channels.length)} of at most ${counted(total, "channel")}.`;
    setText(this._status, shown);
    renew(
      this._list,
      table(
        "Channels",
        [["Channel", "name"], ["Kind"], ["Subscriptions", "number"], ["Users", "number"]],
        channels.map(({ name, kind, subscriptions, users }) => [
          h("a", { href: hashOf("channels", [name]), "aria-current": name === this._channel ? "true" : null }, name),
          kind,
          count(subscriptions),
          count(users),
        ]),
      ),
    );
  }

  _showDetail(channel, { occupied, subscriptions, members, member_count: memberCount, cached, history }) {
    const facts = [
      ["State", occupied ? "occupied" : "not occupied"],
      ["Subscriptions", count(subscriptions)],
      members === null ? null : ["Members", count(memberCount)],
      ["Last event is kept", cached ? "yes" : "no"],
      ["History", history ? "on" : "off"],
    ].filter(Boolean);
    renew(
      this._detail,
      h(
        "div",
        { class: "row between" },
        h("h2", { class: "name" }, channel),
        h("a", { class: "button quiet small", href: hashOf("channels") }, "Close"),
      ),
      h(
        "dl",
        { class: "facts" },
        facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
      ),
      h(
        "p",
        { class: "row" },
        h("a", { class: "button small", href: hashOf("events", [], { channel }) }, "Its events"),
        h("a", { class: "button small", href: hashOf("publish", [], { channel }) }, "Publish to it"),
        h("a", { class: "button small", href: hashOf("client", [], { channel }) }, "Subscribe to it"),
      ),
      ...this._members(members, memberCount),
      ...keptEvents(history),
    );
  }

  _members(members, memberCount) {
    if (members === null) return [];
    if (members.length === 0)
      return [emptyState("Nobody is here.", "Members of a presence channel are listed while they are subscribed.")];
    const more =
      memberCount > members.length ? `The first ${count(members.length)} of ${count(memberCount)} members.` : "";
    return [
      h("h3", {}, "Members"),
      more ? h("p", { class: "hint" }, more) : "",
      table(
        "Members",
        [
          ["User", "name"],
          ["Info", "code"],
        ],
        members.map(({ id, info }) => [
          h("a", { href: hashOf("user", [String(id)]) }, String(id)),
          info === null || info === undefined
            ? "-"
            : typeof info === "string"
              ? prettyData(info)
              : JSON.stringify(info),
        ]),
      ),
    ];
  }
}

/** The newest events that the history of a channel has, or why it has none. */
function keptEvents(history) {
  if (!history) return [];
  const { events, position, failure } = history;
  const rows = [...(events ?? [])].map((event) => h("li", {}, h("pre", { tabindex: "0" }, JSON.stringify(event))));
  return [
    h("h3", {}, "The newest events of its history"),
    failure ? h("p", { class: "notice warn" }, failure) : "",
    rows.length ? h("ol", { class: "kept" }, rows) : h("p", { class: "hint" }, "None."),
    position ? h("p", { class: "hint" }, "Position: ", h("code", {}, position)) : "",
  ];
}
