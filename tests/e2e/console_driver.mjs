// The console in Chromium on a string: the path of Chromium is the argument. Each client is a window of its own, with
// its own storage. What people see and do is named as they would: by roles, names, labels and texts.
//
//   {"id": 1, "do": "open", "client": "a", "url": ..., "width": 1280, "theme": "dark"}   ->   {"id": 1}
//   {"id": 2, "do": "problems", "client": "a"}   ->   {"id": 2, "result": ["what the browser complained of"]}
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import readline from "node:readline";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE_MS = 8_000; // less than that of who gives the commands
const HEIGHTS = { 360: 740 };
const say = (fact) => process.stdout.write(JSON.stringify(fact) + "\n");

const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
const windows = new Map();

/** The one element with a role and an accessible name, or with a CSS selector. */
const one = (page, { role, name, selector }) =>
  selector ? page.locator(selector) : page.getByRole(role, { name, exact: true });

/** The field with a label. */
const labelled = (page, label) => page.getByLabel(label, { exact: true }).and(page.locator("input, textarea, select"));

const commands = {
  open: async ({ client, url, width = 1280, theme = "light" }) => {
    const viewport = { width, height: HEIGHTS[width] ?? 860 };
    const context = await browser.newContext({ viewport, colorScheme: theme, reducedMotion: "reduce" });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const problems = [];
    const requests = [];
    windows.set(client, { page, problems, requests });
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error.stack)));
    page.on("request", (request) => requests.push(request.url()));
    page.on("dialog", (dialog) => {
      problems.push(`a script showed ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.clock.install();
    await page.goto(url);
  },
  close: async ({ client }) => {
    await windows.get(client).page.context().close();
    windows.delete(client);
  },
  reload: async ({ page }) => void (await page.reload()),
  go: ({ page, hash }) => page.evaluate((to) => void (location.hash = to), hash),
  click: ({ page, ...what }) => one(page, what).click(),
  fill: ({ page, label, text }) => labelled(page, label).fill(text),
  choose: async ({ page, label, option }) => void (await labelled(page, label).selectOption(option)),
  press: async ({ page, keys }) => {
    for (const key of keys) await page.keyboard.press(key);
  },
  see: ({ page, text, inside = "body" }) =>
    page.locator(inside).getByText(text).locator("visible=true").first().waitFor(),
  miss: ({ page, text, inside = "body" }) =>
    page.locator(inside).getByText(text).locator("visible=true").first().waitFor({ state: "hidden" }),
  read: ({ page, selector }) => page.locator(selector).evaluateAll((found) => found.map((each) => each.innerText)),
  focused: ({ page }) =>
    page.evaluate(
      () =>
        document.activeElement.innerText || document.activeElement.getAttribute("name") || document.activeElement.id,
    ),
  evaluate: ({ page, source }) => page.evaluate(source),
  offline: ({ page, isOffline }) => page.context().setOffline(isOffline),
  /** What a browser does when another tab is before this one. */
  hide: ({ page, isHidden }) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden),
  /** Let the time of the page pass at once, with all that is due in it. */
  pass: ({ page, seconds }) => page.clock.runFor(seconds * 1000),
  problems: ({ client }) => windows.get(client).problems.splice(0),
  requests: ({ client }) => windows.get(client).requests.splice(0),
  /** What axe-core finds wrong, with all its rules of WCAG 2.2 A and AA and its best practices. */
  axe: async ({ page }) => {
    await page.evaluate(axe);
    return page.evaluate(async () => {
      const { violations } = await axe.run();
      return violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`,
      );
    });
  },
  /** By how many pixels the page is wider than its window. */
  overflow: ({ page }) =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  shoot: ({ page, path }) => page.screenshot({ path }),
};

readline
  .createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    try {
      const result = await commands[command.do]({ ...command, page: windows.get(command.client)?.page });
      say({ id: command.id, result: command.do === "shoot" ? null : (result ?? null) });
    } catch (error) {
      say({ id: command.id, error: String(error.stack) });
    }
  })
  .on("close", async () => {
    await browser.close();
    process.exit(0);
  });
