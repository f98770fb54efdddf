// The page that `cargo local` serves at `/`, read and tried out in Chromium as a person does.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, test } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { parse } from "yaml";
import { launch } from "./support/browser.js";
import { serve } from "./support/site.js";
import { root, run, startStack, token, type Stack } from "./support/stack.js";

interface Operation {
  summary: string;
  responses: Record<string, unknown>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; examples: Record<string, { value: { type?: string } }> };
}

const document = parse(readFileSync(join(root, "openapi.yaml"), "utf8")) as Document;
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

/** Screenshots of what the tests saw, for a person to look at. */
const pictures = join(root, "tests/web/build/pictures");

let stack: Stack;
let browser: Browser;
let page: Page;
/** The origin of the page. */
let served: string;
/** Events that must not happen while a page is read: requests to other origins, errors in the console. */
let complaints: string[];

before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  mkdirSync(pictures, { recursive: true });
});

after(async () => {
  await browser.close();
  await stack.stop();
});

beforeEach(async () => {
  complaints = [];
  page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  page.setDefaultTimeout(20_000);
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== served && protocol !== "data:" && protocol !== "blob:") {
      complaints.push(`request to ${request.url()}`);
    }
  });
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") {
      complaints.push(`console: ${message.text()}`);
    }
  });
});

afterEach(async () => {
  await page.close();
  assert.deepEqual(complaints, []);
});

async function read(url: string): Promise<void> {
  served = new URL(url).origin;
  await page.goto(url);
  await link("Introduction").waitFor();
}

function link(name: string): Locator {
  const sidebar = page.getByRole("complementary", { name: "Sidebar for Chats API" });
  // The link of an operation ends with its method.
  return sidebar.getByRole("link", { name: new RegExp(`^${name}( HTTP Method: [A-Z]+)?$`) });
}

/** Goes to an operation through the sidebar and returns its section of the page. */
async function open(summary: string): Promise<Locator> {
  await link(summary).click();
  const section = page.getByRole("region", { name: summary, exact: true });
  await section.getByRole("list", { name: "Responses" }).waitFor();
  return section;
}

async function picture(name: string): Promise<void> {
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

test("shows all operations and all schemas in the sidebar", async () => {
  await read(stack.url);
  assert.equal(operations.length, 5);
  for (const name of [...operations.map(({ summary }) => summary), ...Object.keys(document.components.schemas)]) {
    await link(name).waitFor();
  }
  await picture("introduction");
});

test("shows all answers of each operation, and their headers", async () => {
  await read(stack.url);
  for (const { summary, responses } of operations) {
    const section = await open(summary);
    for (const status of Object.keys(responses)) {
      await section.getByRole("button", { name: new RegExp(`^${status}\\b`) }).waitFor();
    }
  }
  const created = (await open("Create a chat")).getByRole("list", { name: "Responses" }).getByRole("listitem").first();
  await created.getByRole("button", { name: /^201\b/ }).click();
  await created.getByRole("button", { name: "Headers" }).click();
  for (const header of ["Location", "Idempotent-Replayed", "Apigw-Requestid"]) {
    await created.getByText(header, { exact: true }).last().waitFor();
  }
  await picture("operation");
});

test("shows what to do about each error", async () => {
  await read(stack.url);
  const types = new Set(Object.values(document.components.examples).flatMap(({ value }) => value.type ?? []));
  assert.equal(types.size, 20);
  const table = page.getByRole("table").filter({ hasText: "what to do" });
  for (const type of types) {
    await table.getByText(type, { exact: true }).waitFor();
  }
});

test("shows the claims of a token as a table, and says that a token is filled in", async () => {
  await read(stack.url);
  const table = page.getByRole("table").filter({ hasText: "header kid" });
  assert.deepEqual(await table.getByRole("columnheader").allTextContents(), ["claim", "value"]);
  for (const claim of ["header alg", "iss", "aud", "sub", "exp"]) {
    await table.getByRole("cell", { name: claim, exact: true }).waitFor();
  }
  await page.getByText("has such a token filled in").waitFor();
  await table.scrollIntoViewIfNeeded();
  await picture("token");
});

test("sends no header that the reader did not choose", async () => {
  const headersOfCreator = { authorization: `Bearer ${await token()}`, "content-type": "application/json" };
  const body = JSON.stringify({ audience: "school.example.org", scope: "math 7", tags: { lesson: 7 } });
  await fetch(`${stack.url}/api/v1/chats`, { method: "POST", headers: headersOfCreator, body });
  await read(stack.url);
  const section = await open("Read a chat by id");
  await section.getByRole("button", { name: "Test Request" }).click();
  const client = page.getByRole("dialog", { name: "API Client" });
  const sent = page.waitForRequest((request) => request.url().includes("/api/v1/chats/"));
  await client.getByRole("button", { name: /^Send get request/ }).click();
  const request = await sent;
  const headers = await request.allHeaders();
  assert.match(request.url(), /\/8266d9a3-cb64-5cac-a760-dd3300c2e437$/);
  assert.equal(headers["traceparent"], undefined);
  assert.match(headers["authorization"] ?? "", /^Bearer eyJ/);
  await picture("try");
});

test("creates a chat with the token that it provides, and shows the chat", async () => {
  await read(stack.url);
  const section = await open("Create a chat");
  await section.getByRole("button", { name: "Test Request" }).click();
  const client = page.getByRole("dialog", { name: "API Client" });
  assert.match(await client.getByRole("textbox", { name: "Bearer Token" }).inputValue(), /^eyJ/);
  await client.getByRole("button", { name: /^Send post request/ }).click();
  const response = client.getByRole("region", { name: "Response" });
  await response.getByRole("link", { name: "201 Created" }).waitFor();
  await response.getByText('"8266d9a3-cb64-5cac-a760-dd3300c2e437"').waitFor();
  await picture("created");
});

test("works as a static site, which has no token", async () => {
  const folder = join(root, "tests/web/build/site");
  await run("reference", folder);
  const site = await serve(folder);
  await page.setViewportSize({ width: 1200, height: 640 });
  await read(site.url);
  const section = await open("Create a chat");
  // `tools/check web --picture` copies this one into the documents.
  await picture("readme");
  await section.getByRole("button", { name: "Test Request" }).click();
  const client = page.getByRole("dialog", { name: "API Client" });
  assert.equal(await client.getByRole("textbox", { name: "Bearer Token" }).inputValue(), "");
  site.stop();
});
