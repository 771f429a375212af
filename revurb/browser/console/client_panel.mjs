// Test client: a connection of this browser to the server, its channels, and every frame of it.

import { RequestRefused, ServerLost } from "./admin_api.mjs";
import { addressOf, frameRow } from "./client_frames.mjs";
import { emptyState, field, h, setText } from "./elements.mjs";
import { JsonField } from "./json_field.mjs";
import { LiveList } from "./live_list.mjs";
import { PusherSocket, explainCode } from "./pusher_socket.mjs";

const STATES = { closed: "not connected", connecting: "connecting", connected: "connected" };
const needsAuthorization = (channel) => /^(private|presence)-/.test(channel);

export class ClientPanel {
  title = "Test client";
  everyMs = null; // the frames come by themselves

  constructor(page) {
    this._page = page;
    this._socket = new PusherSocket();
    this._address = h("input", {
      class: "code",
      type: "url",
      autocomplete: "off",
      spellcheck: "false",
      name: "address",
      required: true,
    });
    this._open = h("button", { class: "primary" }, "Connect");
    this._state = h("span", { class: "mark plain" }, STATES.closed);
    this._socketId = h("code");
    this._result = h("div", { role: "status", class: "result" });
    this._channel = h("input", {
      class: "code main-field",
      autocomplete: "off",
      spellcheck: "false",
      name: "channel",
      required: true,
      placeholder: "orders, private-x, presence-room",
    });
    this._userId = h("input", {
      class: "code",
      autocomplete: "off",
      spellcheck: "false",
      name: "user_id",
      value: "console",
    });
    this._info = new JsonField('{"name": "Console"}', { rows: 2, isOptional: true });
    this._channels = h("ul", { class: "chips", "aria-label": "Channels of the test client" });
    this._target = h("select", { name: "target" });
    this._event = h("input", {
      class: "code",
      autocomplete: "off",
      spellcheck: "false",
      name: "event",
      value: "client-hello",
    });
    this._data = new JsonField('{"from": "console"}', { rows: 2 });
    this._list = new LiveList({ label: "Frames, the newest first", noun: "frame", makeRow: frameRow });
    this._empty = emptyState("No frame yet.", "Connect, and every frame of the connection is listed here, both ways.");
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: "-1" }, "Test client"),
      h(
        "p",
        { class: "lead" },
        "A connection of this browser, as one of the app's clients. It goes on while you look at other pages here.",
      ),
      h("div", { class: "split even" }, this._connectionForms(), this._channelForms()),
      this._result,
      h("h2", {}, "Frames"),
      this._list.controls,
      this._empty,
      this._list.element,
    );
    this._listen();
    this._show();
  }

  show({ parameters }) {
    if (parameters.channel !== undefined) this._channel.value = parameters.channel;
    if (this._app !== this._page.app && this._socket.state === "closed") {
      this._app = this._page.app;
      this._address.value = addressOf(this._page.overview, this._page.appKey);
    }
  }

  hide() {}

  togglePause() {
    this._list.togglePause();
  }

  _connectionForms() {
    const connect = h(
      "form",
      { class: "card form", "aria-label": "Connection" },
      field("Address", this._address, { wide: true }),
      h("div", { class: "row" }, this._open, this._state, this._socketId),
    );
    onSubmit(connect, () => this._toggle());
    const signIn = h("button", { type: "button", onclick: () => void this._signIn() }, "Sign in");
    const user = h(
      "div",
      { class: "card form" },
      field("User id", this._userId, { hint: "For presence channels, and to sign in.", wide: true }),
      field("User info, as JSON", this._info.control, { wide: true }),
      this._info.problem,
      h("div", { class: "row" }, signIn),
    );
    this._needsConnection = [signIn];
    return h("div", {}, connect, user);
  }

  _channelForms() {
    const subscribe = h("button", {}, "Subscribe");
    const send = h("button", {}, "Send");
    const ping = h("button", { type: "button", onclick: () => this._socket.send("pusher:ping", {}) }, "Ping");
    const channels = h(
      "form",
      { class: "card form", "aria-label": "Channels" },
      field("Channel", this._channel, { hint: "The server signs for private and presence channels.", wide: true }),
      h("div", { class: "row" }, subscribe, ping),
      this._channels,
    );
    onSubmit(channels, () => void this._subscribe());
    const sending = h(
      "form",
      { class: "card form", "aria-label": "Client event" },
      h("div", { class: "row" }, field("To", this._target), field("Client event", this._event)),
      field("Data", this._data.control, { wide: true }),
      this._data.problem,
      h("div", { class: "row" }, send),
    );
    onSubmit(sending, () => this._sendEvent());
    this._needsConnection.push(subscribe, ping);
    this._needsChannel = send;
    return h("div", {}, channels, sending);
  }

  _listen() {
    this._socket.addEventListener("change", () => this._show());
    this._socket.addEventListener("frame", ({ detail }) => {
      this._list.add([detail]);
      this._showFrames();
    });
    this._socket.addEventListener("failed", ({ detail: { code, message } }) => {
      const meaning = explainCode(code, this._page.overview?.explains);
      this._tell("bad", `The server says ${code ?? "no code"}: ${message}. ${meaning}`);
    });
    this._socket.addEventListener("closed", ({ detail: { code, reason } }) => {
      const meaning = explainCode(code, this._page.overview?.explains);
      this._tell(code === 1000 ? "plain" : "bad", `Closed with ${code}${reason ? ` (${reason})` : ""}. ${meaning}`);
    });
  }

  _toggle() {
    if (this._socket.state !== "closed") return this._socket.close();
    try {
      this._result.replaceChildren();
      this._socket.open(this._address.value.trim());
    } catch {
      this._tell(
        "bad",
        "This is no address of a WebSocket: it begins with ws:// or wss://, such as ws://127.0.0.1:8080/app/KEY.",
      );
    }
  }

  async _subscribe() {
    const channel = this._channel.value.trim();
    if (!channel) return this._tell("bad", "Name a channel, such as orders.");
    const question = { app: this._page.app, socket_id: this._socket.socketId, channel };
    if (channel.startsWith("presence-")) {
      if (!this._userOf(question)) return;
    }
    if (!needsAuthorization(channel)) return this._socket.subscribe(channel);
    const authorization = await this._authorized(question);
    if (authorization) this._socket.subscribe(channel, authorization);
  }

  async _signIn() {
    const user = {};
    if (!this._userOf(user)) return;
    const question = {
      app: this._page.app,
      socket_id: this._socket.socketId,
      user: { id: user.user_id, user_info: user.user_info },
    };
    const authorization = await this._authorized(question);
    if (authorization)
      this._socket.send("pusher:signin", { auth: authorization.auth, user_data: authorization.user_data });
  }

  /** Put user_id and user_info into a question, if the fields have them. */
  _userOf(question) {
    question.user_id = this._userId.value.trim();
    if (!question.user_id) this._tell("bad", "Give a user id: whoever is in a presence channel has one.");
    if (!question.user_id || !this._info.check()) return false;
    if (this._info.value !== undefined) question.user_info = this._info.value;
    return true;
  }

  async _authorized(question) {
    try {
      return await this._page.api.ask("authorize", question);
    } catch (error) {
      if (!(error instanceof RequestRefused || error instanceof ServerLost)) throw error;
      this._page.onFailure(error);
      this._tell("bad", `The server did not sign: ${error.message}`);
      return null;
    }
  }

  _sendEvent() {
    const event = this._event.value.trim();
    if (!event.startsWith("client-"))
      return this._tell("bad", "The names of client events begin with client-, such as client-typing.");
    if (this._data.check()) this._socket.sendEvent(event, this._target.value, this._data.text.trim());
  }

  _show() {
    const { state, socketId, channels } = this._socket;
    setText(this._state, STATES[state]);
    this._state.className = `mark ${{ closed: "plain", connecting: "warn", connected: "good" }[state]}`;
    setText(this._socketId, socketId ?? "");
    setText(this._open, state === "closed" ? "Connect" : "Disconnect");
    for (const control of this._needsConnection) control.disabled = state !== "connected";
    this._channels.replaceChildren(
      ...[...channels].map(([name, at]) =>
        h(
          "li",
          {},
          h("span", { class: "name" }, name),
          at === "asked" ? h("span", { class: "hint" }, "asked") : "",
          h(
            "button",
            {
              type: "button",
              class: "quiet small",
              "aria-label": `Unsubscribe from ${name}`,
              onclick: () => this._socket.unsubscribe(name),
            },
            "✕",
          ),
        ),
      ),
    );
    const targets = [...channels]
      .filter(([name, at]) => at === "subscribed" && needsAuthorization(name))
      .map(([name]) => name);
    const chosen = this._target.value;
    this._target.replaceChildren(
      ...(targets.length ? targets : ["no private channel yet"]).map((name) => h("option", {}, name)),
    );
    if (targets.includes(chosen)) this._target.value = chosen;
    this._target.disabled = this._needsChannel.disabled = targets.length === 0;
    this._showFrames();
  }

  _showFrames() {
    this._empty.hidden = !this._list.isEmpty;
    this._list.element.hidden = this._list.isEmpty;
  }

  _tell(kind, text) {
    this._result.replaceChildren(h("p", { class: `notice ${kind}` }, text));
  }
}

function onSubmit(form, act) {
  form.setAttribute("novalidate", "");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}
