// The platform's own client, @ulms/api-clients, reads chats and creates events from a page with another origin.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import type { Outcome, Read } from "./platform-client/page.js";
import { launch } from "./support/browser.js";
import { startStack, token, type Stack } from "./support/stack.js";

const audience = "school.example.org";
const scope = "math 7";

let stack: Stack;
let platform: Server;
let browser: Browser;
let page: Page;
let chat: unknown;
let teacher: string;

before(async () => {
  [stack, browser, teacher] = await Promise.all([startStack(), launch(), token()]);
  platform = await servePage();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(platform.address() as AddressInfo).port}/`);
  const created = await fetch(`${stack.url}/api/v1/chats`, {
    method: "POST",
    headers: { authorization: `Bearer ${teacher}`, "content-type": "application/json" },
    body: JSON.stringify({ audience, scope, tags: { lesson: 7 } }),
  });
  assert.equal(created.status, 201);
  chat = await created.json();
});

after(async () => {
  await browser.close();
  await stack.stop();
  platform.close();
});

/** Serves the page on a port of its own, and so with an origin of its own. */
async function servePage(): Promise<Server> {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL("platform-client/page.js", import.meta.url))],
    bundle: true,
    format: "iife",
    platform: "browser",
    write: false,
  });
  const html = `<!doctype html><link rel="icon" href="data:,"><script>${bundled.outputFiles[0]?.text}</script>`;
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8").end(html);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function read(changes: Partial<Read> = {}): Promise<Outcome> {
  return page.evaluate((request) => window.read(request), { url: stack.url, token: teacher, audience, scope, ...changes });
}

/** The `type` of the error that the client throws. */
async function thrownType(changes: Partial<Read>): Promise<unknown> {
  const outcome = await read(changes);
  assert.ok("thrown" in outcome, JSON.stringify(outcome));
  return (outcome.thrown as { type?: unknown }).type;
}

test("reads a chat after a preflight", async () => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const requests: string[] = [];
  devtools.on("Network.requestWillBeSent", ({ request }) => requests.push(`${request.method} ${request.url}`));
  assert.deepEqual(await read(), { chat });
  const url = `${stack.url}/api/v1/audiences/school.example.org/chats/math%207`;
  // Sorted, because they may be reported in another order than they are sent.
  assert.deepEqual(requests.sort(), [`GET ${url}`, `OPTIONS ${url}`]);
  await devtools.detach();
});

test("reads a chat with the client's options in the query", async () => {
  assert.deepEqual(await read({ options: { include: ["tags"], page: 2 } }), { chat });
});

test("distinguishes errors by their types", async () => {
  assert.equal(await thrownType({ scope: "nothing" }), "chat_not_found");
  assert.equal(await thrownType({ token: await token("--ttl", "-120") }), "authentication_failed");
  assert.equal(await thrownType({ token: "none" }), "authentication_failed");
  assert.equal(await thrownType({ token: await token("--tenant", "clinic") }), "access_denied");
  assert.equal(await thrownType({ token: await token("--scope", "chats:create") }), "access_denied");
  assert.equal(await thrownType({ scope: "x".repeat(256) }), "invalid_parameter");
});

test("creates an event once per idempotency key", async () => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const replays: unknown[] = [];
  devtools.on("Network.responseReceived", ({ response }) => {
    if (response.status === 201) {
      replays.push(response.headers["idempotent-replayed"]);
    }
  });
  const { chat_id } = chat as { chat_id: string };
  const send = (data: unknown) =>
    page.evaluate((event) => window.send(event), { url: stack.url, token: teacher, chatId: chat_id, key: "hello-1", data });
  assert.deepEqual(await send({ text: "Hello" }), { answer: {} });
  assert.deepEqual(await send({ text: "Hello" }), { answer: {} });
  const other = await send({ text: "Good bye" });
  assert.ok("thrown" in other, JSON.stringify(other));
  assert.equal((other.thrown as { type?: unknown }).type, "idempotency_key_reused");
  assert.deepEqual(replays, [undefined, "true"]);
  await devtools.detach();
});

test("receives all members of an error", async () => {
  const outcome = await read({ scope: "nothing" });
  assert.ok("thrown" in outcome);
  const { request_id, ...rest } = outcome.thrown as Record<string, unknown>;
  assert.match(String(request_id), /./);
  assert.deepEqual(rest, {
    type: "chat_not_found",
    title: "Chat not found",
    status: 404,
    detail: "No chat has this id, or this audience and scope.",
    is_transient: false,
  });
});
