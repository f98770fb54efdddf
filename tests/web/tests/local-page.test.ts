// The page that `cargo local` serves at `/_local`, read in Chromium as a person does.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { launch } from "./support/browser.js";
import { root, startStack, token, type Stack } from "./support/stack.js";

/** Screenshots of what the tests saw, for a person to look at. */
const pictures = join(root, "tests/web/build/pictures");
const CHAT = "8266d9a3-cb64-5cac-a760-dd3300c2e437";

let stack: Stack;
let browser: Browser;
let page: Page;
/** Errors in the console, and requests to other origins. */
let complaints: string[];

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  mkdirSync(pictures, { recursive: true });
  const headers = { authorization: `Bearer ${await token()}`, "content-type": "application/json" };
  // A browser would take these tags for HTML, if the page did not set them as text.
  const tags = { lesson: "<img src=x onerror=alert(1)>" };
  const create = { audience: "school.example.org", scope: "math 7", tags };
  await post("/api/v1/chats", headers, create);
  await post(`/api/v1/chats/${CHAT}/events`, headers, { type: "message", data: { text: "Hello" } });
  await post("/api/v1/chats", headers, { ...create, scop: "x" });
  await fetch(`${stack.url}/api/v1/chats/${CHAT}`);
  await fetch(`${stack.url}/api/v1/nowhere`);
});

after(async () => {
  await browser.close();
  await stack.stop();
});

beforeEach(async () => {
  complaints = [];
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  page.on("request", (request) => {
    if (!request.url().startsWith(`${stack.url}/_local`) && !request.url().startsWith("data:")) {
      complaints.push(`request to ${request.url()}`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") {
      complaints.push(`console: ${message.text()}`);
    }
  });
  await page.goto(`${stack.url}/_local`);
  await page.getByText("running", { exact: true }).waitFor();
});

afterEach(async () => {
  await page.close();
  assert.deepEqual(complaints, []);
});

async function post(path: string, headers: Record<string, string>, body: unknown): Promise<void> {
  await fetch(`${stack.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

/** The part of a section that opens and closes and whose summary contains `text`. */
function part(section: string, text: string): Locator {
  return page.locator(`#${section} details`).filter({ has: page.locator("summary").filter({ hasText: text }) }).first();
}

test("shows each request with its log lines, also what the gateway refused", async () => {
  const created = part("requests", "create-chat cold");
  assert.match((await created.locator("summary").textContent()) ?? "", /^201 POST \/api\/v1\/chats /);
  await created.locator("summary").click();
  await created.getByText('"message": "request answered"').waitFor();
  await part("requests", "authentication failed").waitFor();
  await part("requests", "no route has this method and this path").waitFor();
});

test("shows items, rooms and events, and shows tags as text", async () => {
  const item = part("tables", `chat#${CHAT}`);
  await item.locator("summary").click();
  await item.locator("pre").getByText("<img src=x onerror=alert(1)>").waitFor();
  const room = part("rooms", "1 event");
  await room.locator("summary").first().click();
  await room.getByText('{"text":"Hello"}').waitFor();
  assert.equal(await page.locator("img").count(), 0);
});

test("follows the stack, and what is open stays open", async () => {
  const opened = part("requests", "no route has this method and this path");
  await opened.locator("summary").click();
  await fetch(`${stack.url}/api/v1/elsewhere`);
  await part("requests", "/api/v1/elsewhere").waitFor();
  assert.equal(await page.locator("#requests details[open]").count(), 1);
});

test("has a token of each demo tenant that works", async () => {
  const tokens = page.locator("#tokens .token code");
  await tokens.first().waitFor();
  assert.equal(await tokens.count(), 3);
  const authorization = `Bearer ${await tokens.first().textContent()}`;
  const read = await fetch(`${stack.url}/api/v1/chats/${CHAT}`, { headers: { authorization } });
  assert.equal(read.status, 200);
});

for (const [device, width] of [["desktop", 1280], ["phone", 390]] as const) {
  for (const colorScheme of ["light", "dark"] as const) {
    test(`fits a ${device} in ${colorScheme} colours`, async () => {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await part("requests", "create-chat cold").locator("summary").click();
      await page.locator("#tokens .token code").first().waitFor();
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.equal(widths[0], widths[1]);
      await page.screenshot({ path: join(pictures, `local-${device}-${colorScheme}.png`), fullPage: true });
    });
  }
}
