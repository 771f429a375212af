// The chat of examples/chat with two people, each with a browser of their own: `node chat_pages.mjs CHROMIUM URL [FOLDER]`.
// With a folder, pictures of the pages are written there. Exits with 0 and says "done" if everything was as it should be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [, , executablePath, url, folder] = process.argv;
const browsers = await Promise.all([0, 1].map(() => chromium.launch({ executablePath, args: ["--no-sandbox"] })));
const problems = [];

async function enter(browser, name, viewport) {
  const page = await browser.newPage({ viewport });
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => problems.push(`${name}: ${error}`));
  page.on("console", (message) => {
    // A 401 of /me says that nobody is logged in, a 422 that a name is blank.
    if (message.type() === "error" && !/401|422/.test(message.text())) problems.push(`${name}: ${message.text()}`);
  });
  await page.goto(url);
  await page.getByLabel("Your name").fill("   ");
  await page.getByRole("button", { name: "Enter" }).click();
  await page.getByText("That did not work: name: String should have at least 1 character").waitFor();
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.getByText("online", { exact: true }).waitFor();
  return page;
}

const say = async (page, text) => {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
};
const texts = async (page) => {
  const shown = await page.locator("#messages li:not(.note)").allTextContents();
  return shown.map((text) => text.replace(/^.*?, \d+:\d+( [AP]M)?/, ""));
};
const heard = (page, text) => page.locator("#messages li", { hasText: text }).first().waitFor();

try {
  const ann = await enter(browsers[0], "Ann", { width: 1000, height: 640 });
  const bob = await enter(browsers[1], "<img src=x onerror=alert(1)>", { width: 360, height: 640 });

  // Presence: each sees the other, whose name stays a text.
  await ann.getByRole("button", { name: "<img src=x" }).waitFor();
  await bob.getByRole("button", { name: "Ann" }).waitFor();

  // Typing, and messages.
  await bob.getByLabel("Message", { exact: true }).pressSequentially("hi");
  await ann.getByText("<img src=x onerror=alert(1)> is typing").waitFor();
  await say(bob, "hello Ann");
  await heard(ann, "hello Ann");
  await say(ann, "<b>hello</b> you");
  await heard(bob, "<b>hello</b> you");

  // Offline: what was said meanwhile comes afterwards, in order, once.
  await bob.getByRole("button", { name: "Go offline" }).click();
  await ann.getByText("has left").waitFor();
  for (const text of ["one", "two", "three"]) await say(ann, text);
  await heard(ann, "three");
  assert.deepEqual(await texts(bob), ["hello Ann", "<b>hello</b> you"]);
  await bob.getByRole("button", { name: "Go online" }).click();
  await heard(bob, "three");
  await say(ann, "four");
  await heard(bob, "four");
  assert.deepEqual(await texts(bob), ["hello Ann", "<b>hello</b> you", "one", "two", "three", "four"]);

  // Private messages, seen by nobody else; also one that was written while he was away.
  const isAway = ann.getByRole("complementary").getByRole("button", { name: "<img src=x" });
  await isAway.click();
  await bob.getByRole("button", { name: "Go offline" }).click();
  await isAway.waitFor({ state: "detached" });
  await say(ann, "between us");
  await bob.getByRole("button", { name: "Go online" }).click();
  await bob.getByRole("navigation").getByRole("button", { name: "Ann" }).click();
  await heard(bob, "between us");
  assert.deepEqual(await texts(bob), ["between us"]);
  await say(bob, "a secret");
  await heard(ann, "a secret");

  // Somebody who is on a button stays there while messages come.
  await bob.getByRole("navigation").getByRole("button", { name: "#music" }).focus();
  await say(ann, "look");
  await heard(bob, "look");
  assert.equal(await bob.evaluate(() => document.activeElement.textContent), "#music");

  // A page that is loaded anew has its private messages.
  await bob.reload();
  await bob.getByRole("navigation").getByRole("button", { name: "Ann" }).click();
  await heard(bob, "look");
  assert.deepEqual(await texts(bob), ["between us", "a secret", "look"]);

  // Another room has other messages.
  await ann.getByRole("button", { name: "#music" }).click();
  await ann.getByRole("heading", { name: "#music" }).waitFor();
  assert.deepEqual(await texts(ann), []);

  // It can be used without eyes, and nothing is wider than a telephone.
  await bob.evaluate(readFileSync("node_modules/axe-core/axe.min.js", "utf8"));
  const { violations } = await bob.evaluate(() => axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`), []);
  assert.ok(await bob.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  if (folder) {
    await ann.getByRole("button", { name: "#general" }).click();
    await heard(ann, "four");
    await bob.getByRole("navigation").getByRole("button", { name: "#general" }).click();
    await heard(bob, "four");
    for (const [name, page] of Object.entries({ wide: ann, narrow: bob })) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${folder}/chat-${name}-${colorScheme}.png` });
      }
    }
  }
  assert.deepEqual(problems, []);
  console.log("done");
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
}
