// A client of the Pusher Channels protocol, version 7, that shows everything it sends and receives. It does not
// reconnect: whoever tests a server wants to see the close.

const NORMAL_CLOSE = 1000;

/** What a code means where the server has no words of its own for it. */
export function explainCode(code, explains = {}) {
  if (explains[code]) return explains[code];
  if (code === NORMAL_CLOSE) return "Closed by this page.";
  if (code === 1001) return "The server is going away.";
  if (code === 1006)
    return "The connection ended without a close frame, or was never made: can this browser reach the address?";
  if (code >= 4000 && code < 4100) return "The server does not want this client to come back as it is.";
  if (code >= 4100 && code < 4200) return "Clients come back after a while.";
  if (code >= 4200 && code < 4300) return "Clients come back at once.";
  if (code >= 4300 && code < 4400) return "Something else was refused; the connection is as it was.";
  return "";
}

/**
 * Events: "frame" (detail {isSent, text, at}), "change" (of state, socketId or channels), "closed" (detail {code,
 * reason}) and "failed" (detail: the text of an error that the server sent, with its code).
 */
export class PusherSocket extends EventTarget {
  constructor() {
    super();
    this._reset("closed");
  }

  _reset(state) {
    this.state = state; // "closed", "connecting", "connected"
    this.socketId = null;
    this.channels = new Map(); // name -> "asked" or "subscribed"
  }

  /** Connect to an address. Throws SyntaxError if it is none. */
  open(url) {
    const socket = new WebSocket(url);
    this._socket?.close(NORMAL_CLOSE);
    this._socket = socket;
    this._reset("connecting");
    socket.addEventListener("message", ({ data }) => socket === this._socket && this._onMessage(data));
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket !== this._socket) return;
      this._reset("closed");
      this._tell("closed", { code, reason });
      this._tell("change");
    });
    this._tell("change");
  }

  close() {
    this._socket?.close(NORMAL_CLOSE);
  }

  /** Send a text as it is. */
  sendText(text) {
    if (this.state !== "connected") return;
    this._socket.send(text);
    this._tell("frame", { isSent: true, text, at: Date.now() });
  }

  send(event, data) {
    this.sendText(JSON.stringify({ event, data }));
  }

  /** Send a client event, with its data as JSON: long numbers in it would be others if it was parsed. */
  sendEvent(event, channel, json) {
    this.sendText(`${JSON.stringify({ event, channel }).slice(0, -1)},"data":${json}}`);
  }

  /** `authorization` is {auth, channel_data} for channels that need one. */
  subscribe(channel, { auth, channel_data: channelData } = {}) {
    this.channels.set(channel, "asked");
    this.send("pusher:subscribe", { channel, auth, channel_data: channelData });
    this._tell("change");
  }

  unsubscribe(channel) {
    this.channels.delete(channel);
    this.send("pusher:unsubscribe", { channel });
    this._tell("change");
  }

  _onMessage(text) {
    this._tell("frame", { isSent: false, text: String(text), at: Date.now() });
    const { event, channel, data } = readMessage(text);
    if (event === "pusher:connection_established") {
      this.state = "connected";
      this.socketId = data?.socket_id ?? null;
    } else if (event === "pusher:ping") {
      this.send("pusher:pong", {});
    } else if (event === "pusher_internal:subscription_succeeded") {
      this.channels.set(channel, "subscribed");
    } else if (event === "pusher:subscription_error") {
      this.channels.delete(channel);
    } else if (event === "pusher:error") {
      this._tell("failed", { code: data?.code ?? null, message: data?.message ?? "" });
    } else {
      return;
    }
    this._tell("change");
  }

  _tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** {event, channel, data} of a frame, with data that is JSON in a text opened; {} of one that is no JSON. */
export function readMessage(text) {
  try {
    const message = JSON.parse(text);
    if (typeof message.data === "string" && String(message.event).startsWith("pusher"))
      message.data = JSON.parse(message.data);
    return message;
  } catch {
    return {};
  }
}
