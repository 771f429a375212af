// Publish: an event to channels of the app, as its backend would.

import { RequestRefused, ServerLost } from "./admin_api.mjs";
import { field, h } from "./elements.mjs";
import { counted, timeOfDay } from "./formats.mjs";
import { JsonField } from "./json_field.mjs";
import { hashOf } from "./routes.mjs";

export class PublishPanel {
  title = "Publish";
  everyMs = null; // there is nothing to ask for

  constructor(page) {
    this._page = page;
    this._channels = h("textarea", {
      rows: 2,
      class: "code main-field",
      required: true,
      spellcheck: "false",
      autocapitalize: "off",
      name: "channels",
    });
    this._event = h("input", {
      class: "code",
      required: true,
      autocomplete: "off",
      spellcheck: "false",
      name: "event",
    });
    this._socketId = h("input", {
      class: "code",
      autocomplete: "off",
      spellcheck: "false",
      name: "socket_id",
      placeholder: "1234.5678",
    });
    this._data = new JsonField('{\n  "id": 7\n}');
    this._isText = h("input", { type: "checkbox", id: "data-is-text", onchange: () => this._onKind() });
    this._format = h("button", { type: "button", class: "small", onclick: () => this._data.format() }, "Format");
    this._send = h("button", { class: "primary" }, "Publish");
    this._result = h("div", { role: "status", class: "result" });
    const form = h(
      "form",
      { class: "card form", novalidate: true },
      field("Channels", this._channels, { hint: "One or more, with spaces or on lines of their own.", wide: true }),
      field("Event", this._event, {
        hint: "Such as order.shipped, which Laravel Echo listens to as .order.shipped.",
        wide: true,
      }),
      field("Data", this._data.control, { wide: true }),
      this._data.problem,
      h(
        "div",
        { class: "row" },
        this._format,
        h("label", { class: "check", for: "data-is-text" }, this._isText, "Send it as it is, which need not be JSON"),
      ),
      field("Leave out this connection", this._socketId, {
        hint: "Its socket id, if the event came from a client that knows it already. Optional.",
        wide: true,
      }),
      h("div", { class: "row" }, this._send),
      this._result,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this._publish();
    });
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Publish"),
      h(
        "p",
        { class: "lead" },
        "An event to whoever is subscribed, as the backend of the app would. Clients get it at once.",
      ),
      form,
    );
  }

  show({ parameters }) {
    if (parameters.channel !== undefined) this._channels.value = parameters.channel;
  }

  hide() {}

  _onKind() {
    this._data.isChecked = !this._isText.checked;
    this._format.disabled = this._isText.checked;
    this._data.check();
  }

  async _publish() {
    const channels = this._channels.value.split(/\s+/).filter(Boolean);
    const event = this._event.value.trim();
    if (channels.length === 0) return this._refuse("Name at least one channel, such as orders.", this._channels);
    if (event === "") return this._refuse("Name the event, such as order.shipped.", this._event);
    if (!this._data.check()) return this._refuse("Nothing was published: the data is not JSON.", this._data.control);
    const question = { app: this._page.app, channels, event, data: this._data.text };
    if (this._socketId.value.trim()) question.socket_id = this._socketId.value.trim();
    this._send.disabled = true;
    try {
      await this._page.api.ask("publish", question);
      this._tell(
        "good",
        `Published ${event} to ${counted(channels.length, "channel")} at ${timeOfDay(Date.now())}. `,
        h("a", { href: hashOf("events", [], { channel: channels[0] }) }, "See the events"),
      );
    } catch (error) {
      if (!(error instanceof RequestRefused || error instanceof ServerLost)) throw error;
      this._page.onFailure(error);
      this._tell("bad", `Nothing was published: ${error.message}`);
    } finally {
      this._send.disabled = false;
    }
  }

  _refuse(text, control) {
    this._tell("bad", text);
    control.focus();
  }

  _tell(kind, ...parts) {
    this._result.replaceChildren(h("p", { class: `notice ${kind}` }, parts));
  }
}
