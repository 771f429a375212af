// Webhooks: where they are sent, what waits, and the dead letters.

import { emptyState, h, isBeingRead, renew, setText, table } from "./elements.mjs";
import { count, dayAndTime, timeOfDay } from "./formats.mjs";

export class WebhooksPanel {
  title = "Webhooks";
  everyMs = 5_000;

  constructor(page) {
    this._page = page;
    this._shown = "";
    this._figures = ["Events that wait", "Requests delivered", "Tries that failed"].map((name) => {
      const value = h("dd", {}, "-");
      return { value, element: h("div", { class: "card tile" }, h("dt", {}, name), value) };
    });
    this._tiles = h(
      "dl",
      { class: "tiles" },
      this._figures.map(({ element }) => element),
    );
    this._lists = h("div");
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Webhooks"),
      h(
        "p",
        { class: "lead" },
        "What other servers are told of: channels that are occupied and vacated, members, client events.",
      ),
      this._tiles,
      this._lists,
    );
  }

  show() {
    this._shown = "";
  }

  hide() {}

  async poll() {
    const answer = await this._page.api.ask("webhooks");
    this._tiles.hidden = !answer.is_on;
    [answer.waiting, answer.delivered, answer.failed].forEach((value, index) =>
      setText(this._figures[index].value, count(value)),
    );
    const text = JSON.stringify([answer.is_on, answer.targets, answer.dead, answer.dead_letters]);
    if (text === this._shown || isBeingRead(this._lists)) return;
    this._shown = text;
    renew(
      this._lists,
      ...(answer.is_on
        ? lists(answer)
        : [
            emptyState(
              "Webhooks are off.",
              "Set REVURB_APP_WEBHOOK_URL, or give an app its targets in revurb.toml ([[apps.webhooks]]).",
            ),
          ]),
    );
  }
}

function lists({ targets, dead, dead_letters: file }) {
  const kept = file
    ? h("p", { class: "hint" }, "They are kept in ", h("code", {}, file), ".")
    : h("p", { class: "hint" }, "They are not kept: set REVURB_WEBHOOKS_DEAD_LETTERS to a file, and nothing is lost.");
  return [
    h("h2", {}, "Targets"),
    targets.length === 0
      ? emptyState("No app has a target.", "Add one to an app, and what happens is sent there.")
      : table(
          "Targets",
          [["App"], ["Address", "name"], ["Events"]],
          targets.map(({ app, url, events }) => [app, url, events?.length ? events.join(", ") : "all"]),
        ),
    h("h2", {}, "Dead letters"),
    kept,
    dead.length === 0
      ? emptyState("None.", "What could not be delivered after all tries is listed here, with the reason.")
      : table(
          "Dead letters, the newest first",
          [["Time"], ["App"], ["Address", "name"], ["Events", "number"], ["Tries", "number"], ["Why", "code"]],
          [...dead]
            .sort((one, other) => other.at_ms - one.at_ms)
            .map(({ at_ms: at, app, url, events, why, tries }) => [
              h("time", { datetime: new Date(at).toISOString(), title: dayAndTime(at) }, timeOfDay(at)),
              app || "-",
              url || "-",
              count(events),
              count(tries),
              why,
            ]),
        ),
  ];
}
