// Pages in Chromium on a string, as driver.mjs has clients in Node: the path of Chromium is the argument. Each client is a tab.
//
//   {"id": 1, "do": "show", "client": "a", "settings": {"format", "module", "key", "options", "channel"}}   ->   {"id": 1}
//   {"client": "a", "channel": "room-1", "event": "e", "data": ...}        whatever a channel's handlers are told
//
// `format` is how the page loads the module from the server at the address `module`: "umd" or "es".
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import readline from "node:readline";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const pusher = readFileSync(require.resolve("pusher-js/dist/web/pusher.js"));
const say = (fact) => process.stdout.write(JSON.stringify(fact) + "\n");

const page = ({ format, module, ...settings }) => `<!doctype html>
<link rel="icon" href="data:,">
<script src="/pusher.js"></script>
<script>
  function run(resume) {
    const { key, options, channel } = ${JSON.stringify(settings)};
    const pusher = resume(new Pusher(key, options), { storage: sessionStorage });
    pusher.connection.bind("state_change", ({ current }) => tell({ state: current }));
    pusher.bind("revurb:gap", (data) => tell({ channel: "pusher", event: "revurb:gap", data }));
    pusher.subscribe(channel).bind_global((event, data) => tell({ channel, event, data }));
  }
</script>
${
  format === "umd"
    ? `<script src="${module}.js"></script><script>run(Revurb.resume)</script>`
    : `<script type="module">import { resume } from "${module}.mjs"; run(resume);</script>`
}`;

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const script = url.pathname === "/pusher.js";
  response.setHeader("Content-Type", script ? "text/javascript" : "text/html; charset=utf-8");
  response.end(script ? pusher : page(JSON.parse(url.searchParams.get("settings"))));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
const tabs = new Map();

const commands = {
  show: async ({ client, settings }) => {
    if (!tabs.has(client)) {
      const tab = await browser.newPage();
      tab.on("pageerror", (error) => say({ client, channel: "page", event: "failed", data: String(error) }));
      await tab.exposeFunction("tell", (fact) => say({ client, ...fact }));
      tabs.set(client, tab);
    }
    const query = new URLSearchParams({ settings: JSON.stringify(settings) });
    await tabs.get(client).goto(`http://127.0.0.1:${server.address().port}/?${query}`);
  },
  leave: async ({ client }) => void (await tabs.get(client).goto("about:blank")),
};

readline
  .createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    try {
      say({ id: command.id, result: (await commands[command.do](command)) ?? null });
    } catch (error) {
      say({ id: command.id, error: String(error.stack) });
    }
  })
  .on("close", async () => {
    await browser.close();
    process.exit(0);
  });
