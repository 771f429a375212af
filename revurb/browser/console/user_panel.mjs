// User: the connections of one user, by sign-in or as a member of presence channels, and ending them.

import { RequestRefused, ServerLost } from "./admin_api.mjs";
import { emptyState, field, h, isBeingRead, renew, setText, table } from "./elements.mjs";
import { count, counted } from "./formats.mjs";
import { hashOf } from "./routes.mjs";

export class UserPanel {
  title = "User";
  everyMs = 2_000;

  constructor(page) {
    this._page = page;
    this._user = "";
    this._shown = "";
    this._id = h("input", {
      class: "code main-field",
      autocomplete: "off",
      spellcheck: "false",
      name: "user_id",
      required: true,
    });
    this._status = h("p", { class: "hint", role: "status" });
    this._end = h(
      "button",
      { type: "button", class: "danger", onclick: () => void this._onEnd() },
      "End all its connections",
    );
    this._result = h("div", { role: "status" });
    this._list = h("div", { class: "below" });
    const form = h(
      "form",
      { class: "row" },
      field("User id", this._id, { hint: "As it is signed in with, or as a presence member.", wide: true }),
      h("button", { class: "primary" }, "Show"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this._id.value.trim()) this._page.navigate(hashOf("user", [this._id.value.trim()]));
      this._page.pollNow();
    });
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "User"),
      h("p", { class: "lead" }, "Where a user is connected, over all processes."),
      form,
      h("div", { class: "row between" }, this._status, this._end),
      this._result,
      this._list,
    );
  }

  show({ segments }) {
    this._user = segments[0] ?? "";
    this._id.value = this._user;
    this._shown = "";
    this._end.hidden = true;
    setText(this._status, "");
    this._result.replaceChildren();
    this._list.replaceChildren(
      this._user
        ? ""
        : emptyState(
            "No user is chosen.",
            "Write a user id above, or choose a member of a presence channel in ",
            h("a", { href: hashOf("channels", [], {}) }, "Channels"),
            ".",
          ),
    );
  }

  hide() {}

  async poll() {
    const { app } = this._page;
    const user = this._user;
    if (user === "") return;
    const answer = await this._page.api.ask("user", { app, user_id: user });
    if (user !== this._user || app !== this._page.app) return;
    const text = JSON.stringify(answer);
    if (text === this._shown || isBeingRead(this._list)) return;
    this._shown = text;
    this._show(user, answer);
  }

  _show(user, { connections, is_whole: isWhole }) {
    this._end.hidden = connections.length === 0;
    if (connections.length === 0) {
      setText(this._status, "");
      this._list.replaceChildren(
        emptyState(
          `${user} has no connection.`,
          "The user is not signed in and in no presence channel of this app. Is it the right app?",
        ),
      );
      return;
    }
    setText(
      this._status,
      isWhole
        ? `${counted(connections.length, "connection")}.`
        : `${counted(connections.length, "connection")}, and more: of each process the first 200.`,
    );
    renew(
      this._list,
      table(
        `Connections of ${user}`,
        [["Socket id", "id"], ["Process"], ["Address"], ["Channels", "name many"]],
        connections.map(({ socket_id: socketId, process, channels, address }) => [
          socketId,
          process,
          address ?? "-",
          h(
            "span",
            {},
            channels.length
              ? channels.map((name) => [h("a", { href: hashOf("channels", [name]) }, name), " "])
              : "none",
          ),
        ]),
      ),
    );
  }

  async _onEnd() {
    const [user, app] = [this._user, this._page.app];
    const sockets = this._list.querySelectorAll("tbody tr").length;
    const isSure = await this._page.confirm({
      title: `End the connections of ${user}?`,
      text: `${counted(sockets, "connection")} of app ${app} will be closed, with code 4009: clients do not come back.`,
      action: "End them",
    });
    if (!isSure) return;
    try {
      await this._page.api.ask("end", { app, user_id: user });
      this._result.replaceChildren(
        h("p", { class: "notice good" }, `The connections of ${user} (${count(sockets)}) are told to end.`),
      );
    } catch (error) {
      if (!(error instanceof RequestRefused || error instanceof ServerLost)) throw error;
      this._page.onFailure(error);
      this._result.replaceChildren(h("p", { class: "notice bad" }, `Nothing was ended: ${error.message}`));
    }
    this._page.pollNow();
  }
}
