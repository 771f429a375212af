// Made from resume.mjs; do not edit.
(function (root, make) {
  if (typeof module === "object" && module.exports) make(module.exports);
  else if (typeof define === "function" && define.amd) define(["exports"], make);
  else make((root.Revurb = root.Revurb || {}));
})(typeof self !== "undefined" ? self : this, function (exports) {
"use strict";
// Lets a stock pusher-js (4 to 8) come back where it was: resume(new Pusher(...)). See docs/browser.md.

const POSITION = /^([0-9a-z]{1,16})-(\d{1,16})$/;
const ANSWER = "pusher_internal:subscription_succeeded";
const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);

function readPosition(text) {
  const found = typeof text === "string" && POSITION.exec(text);
  return found ? { text, epoch: found[1], number: Number(found[2]) } : null;
}

/** Whether `position` is not among those up to `other`. */
function isAfter(position, other) {
  return !other || position.epoch !== other.epoch || position.number > other.number;
}

/** What pusher-js does not pass on of a message: {id, resumed}. In the text of an event's data quotes are escaped. */
function readMessage(text) {
  if (typeof text !== "string" || !/"(id|resumed)":/.test(text)) return {};
  try {
    const message = JSON.parse(text);
    return { id: readPosition(message.id), resumed: message.resumed };
  } catch (error) {
    return {};
  }
}

function resume(pusher, options) {
  const connection = pusher.connection;
  if (connection.revurbResume) return pusher;
  connection.revurbResume = true;

  const storage = (options && options.storage) || null;
  const { emit, send_event } = connection;
  const { unsubscribe } = pusher;
  // Of each channel: `id`, the position to ask for, with the `socket` on which it was current; `seen`, the newest event
  // that the application has; `asked`, while a subscription with `resume` is not answered; `off`, without history; `unplaced`, with one whose
  // position nobody could say.
  const states = new Map();
  let heard = null; // the transport that is listened to
  let raw = {}; // of the message that pusher-js decodes just now
  let replay = null; // events up to `to` follow an answer

  const keyOf = (name) => "revurb:" + pusher.key + ":" + name;

  /** A storage may be full or forbidden. */
  function stored(method, name, value) {
    try {
      return storage && storage[method](keyOf(name), value);
    } catch (error) {
      return null;
    }
  }

  function stateOf(name) {
    if (!states.has(name)) states.set(name, {});
    return states.get(name);
  }

  function move(name, state, position, socket = connection.socket_id) {
    if (states.get(name) !== state) return; // unsubscribed by a handler
    state.id = position && position.text;
    state.socket = socket;
    if (!position) return stored("removeItem", name);
    state.unplaced = false;
    stored("setItem", name, state.id + " " + state.socket);
  }

  /** Tells of a gap, unless nothing has come since the last one, and then goes on at `position`. */
  function tellGap(channel, state, reason, position) {
    const gap = { channel: channel.name, reason };
    const isTold = state.told;
    const tell = (to) => isTold || states.get(gap.channel) !== state || to.emit("revurb:gap", gap);
    state.told = true;
    try {
      tell(channel);
    } finally {
      try {
        tell(pusher.global_emitter);
      } finally {
        move(gap.channel, state, position);
      }
    }
  }

  /** Tells of all who came and went since the list that the application has, which then becomes the new one. The first
   * error of a handler is passed on. */
  function tellMembers(channel, state, data) {
    const before = state.members;
    const now = data && data.presence && data.presence.hash;
    state.members = null;
    if (!before || !now || channel.subscriptionCancelled) return;
    const members = channel.members;
    members.members = before;
    members.count = Object.keys(before).length;
    members.me = members.get(members.myID);
    let failed = null;
    const tell = (event, from, others) =>
      Object.keys(from).forEach((id) => {
        if (has(others, id) || channel.subscriptionCancelled) return; // by a handler
        const member = { user_id: id, user_info: from[id] };
        try {
          channel.handleEvent({ event: "pusher_internal:" + event, channel: channel.name, data: member });
        } catch (error) {
          failed = failed || { error };
        }
      });
    tell("member_removed", Object.assign({}, before), now);
    tell("member_added", now, before);
    if (failed) throw failed.error;
  }

  function onAnswer(channel, state, event, told, deliver) {
    const { asked, unplaced } = state;
    state.asked = state.told = false;
    state.unplaced = !told.id && told.resumed === false;
    state.off = !told.id && told.resumed === undefined;
    try {
      if (!state.off) tellMembers(channel, state, event.data);
    } finally {
      try {
        deliver();
      } finally {
        if (told.resumed === true && state.id) {
          replay = { name: channel.name, state, to: told.id };
        } else if (told.resumed === false && asked) {
          state.next = told.id; // the reason follows
        } else if (asked || unplaced) {
          tellGap(channel, state, asked ? "unsupported" : "unavailable", told.id);
        } else {
          move(channel.name, state, told.id);
        }
      }
    }
  }

  function onMessage(event, told, deliver) {
    const name = event.channel;
    const channel = name && pusher.channel(name);
    const replayed = replay && replay.name === name && told.id && event.event !== ANSWER && !isAfter(told.id, replay.to);
    if (replay && !replayed) {
      // All of it is there; what this client sent itself is left out.
      move(replay.name, replay.state, replay.to);
      replay = null;
    }
    if (!channel) return deliver();
    const state = stateOf(name);
    if (event.event === ANSWER) return onAnswer(channel, state, event, told, deliver);
    if (told.id && !isAfter(told.id, state.seen)) return; // a repeat
    if (event.event === "pusher:resume_failed") {
      const next = state.next === undefined ? told.id || readPosition(state.id) : state.next;
      if (told.id) state.seen = told.id;
      state.next = undefined;
      try {
        return deliver();
      } finally {
        tellGap(channel, state, (event.data && event.data.reason) || "unavailable", next);
      }
    }
    if (!told.id || state.off) return deliver();
    state.seen = told.id;
    state.told = false;
    try {
      deliver();
    } finally {
      // Not before the handlers are done: a page that ends in one of them gets the event again.
      if (replayed) move(name, state, told.id, state.socket);
      else if (isAfter(told.id, readPosition(state.id))) move(name, state, told.id);
    }
  }

  function listen() {
    const transport = connection.connection && connection.connection.transport;
    if (!transport || transport === heard) return;
    heard = transport;
    // Global callbacks come before the one that decodes the message.
    transport.bind_global((name, message) => {
      if (name === "message") raw = readMessage(message && message.data);
    });
  }

  connection.emit = function (name, data) {
    const deliver = () => emit.apply(connection, arguments);
    if (name === "state_change") {
      replay = null;
      listen();
      // pusher-js empties the lists of members right after this.
      pusher.allChannels().forEach((channel) => {
        if (channel.members && channel.subscribed) {
          stateOf(channel.name).members = Object.assign({}, channel.members.members);
        }
      });
    } else if (name === "message" && data) {
      const told = raw;
      raw = {};
      onMessage(data, told, deliver);
      return connection;
    }
    return deliver();
  };

  connection.send_event = function (name, data, channel) {
    if (name === "pusher:subscribe") {
      const state = stateOf(data.channel);
      if (state.id === undefined) {
        const [id, socket] = String(stored("getItem", data.channel)).split(" ");
        state.id = readPosition(id) && id;
        state.socket = socket;
      }
      state.asked = Boolean(state.id);
      state.next = undefined;
      if (state.asked) data = Object.assign({}, data, { resume: { id: state.id, socket_id: state.socket } });
    }
    return send_event.call(connection, name, data, channel);
  };

  pusher.unsubscribe = function (name) {
    const result = unsubscribe.apply(pusher, arguments);
    if (!pusher.channel(name)) {
      states.delete(name);
      stored("removeItem", name);
    }
    return result;
  };

  // What was subscribed before is not asked for, so what is stored is no position of it.
  pusher.allChannels().forEach((channel) => {
    if (channel.subscribed || channel.subscriptionPending) stateOf(channel.name).id = null;
  });
  listen();
  return pusher;
}
exports.resume = resume;
});
