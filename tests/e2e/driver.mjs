// pusher-js, laravel-echo and the server SDK for Node on a string: one JSON command a line on stdin, one JSON fact a line on stdout.
//
//   {"id": 1, "do": "open", "client": "a", "key": "app-key", "options": {...}}   ->   {"id": 1}
//   {"client": "a", "state": "connected"}                                     states of the connection
//   {"client": "a", "channel": "chat", "event": "message", "data": ...}       whatever a channel's handlers are told
//
// It decides nothing and waits for nothing; the tests do.
import { createRequire } from "node:module";
import readline from "node:readline";
import Echo from "laravel-echo";
import Echo1 from "laravel-echo-1";
import PusherServer from "pusher";
import { resume as resumable } from "../../revurb/browser/resume.mjs";

globalThis.navigator ??= {}; // pusher-js 4 looks at it for encrypted channels, and Node has one only since version 21

const require = createRequire(import.meta.url);
const echoes = { "laravel-echo": Echo, "laravel-echo-1": Echo1.default ?? Echo1 };
const clients = new Map();
const storages = new Map(); // each as a Map, by name

function load(library) {
  const loaded = require(library);
  return loaded.default ?? loaded;
}

// What a page has as sessionStorage, for as long as this process lives.
function storageOf(name) {
  const kept = storages.get(name) ?? new Map();
  storages.set(name, kept);
  return {
    getItem: (key) => (name === "asynchronous" ? Promise.resolve("e1-1 1.1") : kept.get(key) ?? null),
    setItem: (key, value) => void kept.set(key, String(value)),
    removeItem: (key) => void kept.delete(key),
  };
}

function say(fact) {
  process.stdout.write(JSON.stringify(fact) + "\n");
}

function plain(data) {
  // The members object of a presence channel keeps what matters behind methods.
  return data && data.members ? { me: data.myID, count: data.count, members: data.members } : data;
}

// `library` and `echo` are names of packages. With `resume`, the module for browsers; with `storage` a storage of that name.
function open({ client, key, options, echo, library = "pusher-js", resume = false, storage = null }) {
  const pusher = new (load(library))(key, options);
  if (resume) {
    resumable(pusher, storage === null ? undefined : { storage: storageOf(storage) });
    pusher.bind("revurb:gap", (data) => say({ client, channel: "pusher", event: "revurb:gap", data }));
  }
  pusher.connection.bind("state_change", ({ current }) => say({ client, state: current }));
  pusher.connection.bind("error", (error) => say({ client, state: "error", data: error.data ?? error.error?.data ?? null }));
  const made = echo ? new echoes[echo]({ broadcaster: "pusher", key, client: pusher }) : null;
  clients.set(client, { pusher, echo: made });
}

const commands = {
  open,
  close: ({ client }) => clients.get(client).pusher.disconnect(),
  connect: ({ client }) => clients.get(client).pusher.connect(),
  socketId: ({ client }) => clients.get(client).pusher.connection.socket_id,
  unsubscribe: ({ client, channel }) => clients.get(client).pusher.unsubscribe(channel),
  trigger: ({ client, channel, event, data }) => clients.get(client).pusher.channel(channel).trigger(event, data),
  // From now on each event of the channel also tells what is stored while its handlers run.
  peek: ({ client, channel, storage }) => {
    const tell = () => say({ client, channel: "storage", event: "stored", data: commands.stored({ storage }) });
    clients.get(client).pusher.channel(channel).bind_global(tell);
  },
  // From now on a handler of the event throws, as in a page, which goes on and tells of it.
  fail: ({ client, channel, event }) => {
    process.on("uncaughtException", (error) => say({ client, channel: "page", event: "uncaught", data: error.message }));
    clients.get(client).pusher.channel(channel).bind(event, () => {
      throw new Error(`${event} has failed`);
    });
  },
  // The channel is left by a handler of the event.
  leaveAt: ({ client, channel, event }) => {
    const { pusher } = clients.get(client);
    pusher.channel(channel).bind(event, () => pusher.unsubscribe(channel));
  },
  store: ({ storage, key, value }) => void storageOf(storage).setItem(key, value),
  stored: ({ storage }) => Object.fromEntries(storages.get(storage) ?? []),
  subscribe: ({ client, channel }) => {
    clients
      .get(client)
      .pusher.subscribe(channel)
      .bind_global((event, data) => say({ client, channel, event, data: plain(data) }));
  },
  // Echo: `how` is channel, private, join or encryptedPrivate; `events` are listened for, `whispers` as well.
  listen: ({ client, how, channel, events = [], whispers = [] }) => {
    const tell = (event) => (data) => say({ client, channel, event, data });
    const subscription = clients.get(client).echo[how](channel);
    subscription.subscribed(tell("subscribed")).error(tell("error"));
    if (how === "join") {
      subscription.here(tell("here")).joining(tell("joining")).leaving(tell("leaving"));
    }
    events.forEach((event) => subscription.listen(event, tell(event)));
    whispers.forEach((event) => subscription.listenForWhisper(event, tell(event)));
  },
  whisper: ({ client, how, channel, event, data }) => {
    clients.get(client).echo[how](channel).whisper(event, data);
  },
  // What a user is told is on the channel "user", what it is told of its watchlist on "watchlist".
  signin: ({ client }) => {
    const { pusher } = clients.get(client);
    const tell = (channel, event) => (data) => say({ client, channel, event, data });
    pusher.bind("pusher:signin_success", tell("user", "pusher:signin_success"));
    pusher.user.bind_global((event, data) => say({ client, channel: "user", event, data }));
    ["online", "offline"].forEach((name) => {
      pusher.user.watchlist.bind(name, ({ user_ids }) => say({ client, channel: "watchlist", event: name, data: user_ids }));
    });
    pusher.signin();
  },
  // The server SDK for Node: `method` with `parameters`, of a new one for the app in `options`. Tells the status of a
  // response, or else what was returned.
  server: async ({ client, options, method, parameters }) => {
    const response = await new PusherServer(options)[method](...parameters);
    say({ client, channel: "server", event: method, data: response.status ?? response });
  },
  leave: ({ client, channel }) => clients.get(client).echo.leave(channel),
};

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    try {
      const result = commands[command.do](command);
      Promise.resolve(result).catch((error) => say({ client: command.client, event: "failed", data: String(error) }));
      say({ id: command.id, result: result instanceof Promise ? null : result ?? null });
    } catch (error) {
      say({ id: command.id, error: String(error.stack) });
    }
  })
  .on("close", () => process.exit(0));
