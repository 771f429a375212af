// Many pages with stock pusher-js and the module, one JSON command a line on stdin, one JSON fact a line on stdout.
//
//   {"do": "open", "page": 7, "port": 8080, "channel": "room-3"}
//   {"do": "reload", "page": 7, "port": 8081}     as a browser does: the handlers are gone, sessionStorage is not
//   {"do": "hurry"}                               who was refused does not wait for 15, 30 and 60 s, as pusher-js does
//   {"do": "progress"}                            -> {"subscribed": 600, "last": {"7": 4711, ...}}
//   {"do": "report"}                              -> {"page": 7, "channel": ..., "stretches": [...], ...} each, {"done": true}
//
// `stretches` are the numbers that a page was sent, in order, those behind each gap that it was told of in a list of their own.
import { createRequire } from "node:module";
import readline from "node:readline";
import { resume } from "../../../revurb/browser/resume.mjs";

const require = createRequire(new URL("../../e2e/package.json", import.meta.url));
const Pusher = require("pusher-js");
const pages = new Map();

class Page {
  constructor(channel) {
    this.channel = channel;
    this.stored = new Map();
    this.stretches = [[]];
    this.reasons = [];
    this.connects = 0;
  }

  open(port) {
    const storage = {
      getItem: (key) => this.stored.get(key) ?? null,
      setItem: (key, value) => void this.stored.set(key, value),
      removeItem: (key) => void this.stored.delete(key),
    };
    const pusher = resume(
      new Pusher("key1", {
        wsHost: "127.0.0.1",
        wsPort: port,
        forceTLS: false,
        cluster: "",
        enabledTransports: ["ws"],
        disableStats: true,
        activityTimeout: 4000,
        pongTimeout: 2000,
        unavailableTimeout: 2000,
      }),
      { storage },
    );
    this.pusher = pusher;
    // A page that is gone hears nothing.
    const here = (handler) => (data) => void (this.pusher === pusher && handler(data));
    pusher.connection.bind("connected", here(() => this.connects++));
    pusher.connection.bind("error", () => {});
    const channel = pusher.subscribe(this.channel);
    channel.bind("n", here((number) => this.stretches.at(-1).push(number)));
    channel.bind(
      "revurb:gap",
      here(({ reason }) => {
        this.reasons.push(reason);
        this.stretches.push([]);
      }),
    );
  }

  reload(port) {
    const { pusher } = this;
    this.pusher = null;
    pusher.disconnect();
    this.open(port);
  }
}

function say(fact) {
  process.stdout.write(JSON.stringify(fact) + "\n");
}

const commands = {
  open: ({ page, port, channel }) => {
    pages.set(page, new Page(channel));
    pages.get(page).open(port);
  },
  reload: ({ page, port }) => pages.get(page).reload(port),
  hurry: () => {
    for (const { pusher } of pages.values()) {
      if (pusher.connection.state === "connected") continue;
      pusher.disconnect();
      pusher.connect();
    }
  },
  progress: () => {
    const isThere = ({ channel, pusher }) => pusher.connection.state === "connected" && pusher.channel(channel).subscribed;
    const all = [...pages];
    const last = Object.fromEntries(all.map(([number, page]) => [number, page.stretches.at(-1).at(-1) ?? null]));
    const waiting = all.filter(([, page]) => !isThere(page));
    const states = waiting.map(([number, { pusher }]) => [number, pusher.connection.state]);
    say({ subscribed: all.length - waiting.length, states: Object.fromEntries(states), last });
  },
  report: () => {
    for (const [number, { channel, stretches, reasons, connects }] of pages) {
      say({ page: number, channel, stretches, reasons, connects });
    }
    say({ done: true });
  },
};

// pusher-js tells of lost connections; what is expected here all the time.
console.warn = console.error = () => {};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
}).on("close", () => process.exit(0));
