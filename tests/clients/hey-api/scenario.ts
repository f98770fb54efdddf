// The scenario of tools/check clients, with the client that @hey-api/openapi-ts makes.

import assert from "node:assert/strict";
import { createClient, type Client } from "./generated/client/index.js";
import { convertChat, createChat, createChatEvent, readChat, readChatByScope } from "./generated/sdk.gen.js";
import type { GatewayAnswer, Problem } from "./generated/types.gen.js";
import { DATA, TAGS, variable } from "../variables.js";

const [scope, audience] = [variable("NAME"), variable("AUDIENCE")];

function connect(url = "API", token = "TOKEN"): Client {
  return createClient({ baseUrl: variable(url), auth: () => variable(token) });
}

async function problem(
  call: Promise<{ error?: Problem | GatewayAnswer | undefined; response?: Response | undefined }>,
): Promise<[number | undefined, Problem]> {
  const { error, response } = await call;
  assert.ok(error && !("message" in error));
  return [response?.status, error];
}

const client = connect();
const body = { audience, scope, tags: TAGS };
const { data: chat } = await createChat({ client, body });
assert.ok(chat);
assert.deepEqual([chat.scope, chat.tags], [scope, TAGS]);
const again = await createChat({ client, body });
assert.deepEqual([again.data, again.response?.headers.get("idempotent-replayed")], [chat, "true"]);
const path = { chat_id: chat.chat_id };
assert.deepEqual((await readChat({ client, path })).data, chat);
assert.deepEqual((await readChatByScope({ client, path: { audience, scope } })).data, chat);

const conversion = { audience, scope: `${scope} converted`, event_room_id: variable("ROOM") };
assert.equal((await convertChat({ client, body: conversion })).data?.real_time.event_room_id, variable("ROOM"));

for (const [number, data] of DATA.entries()) {
  for (let time = 0; time < 2; time += 1) {
    const headers = { "Idempotency-Key": `event-${number}` };
    const created = await createChatEvent({ client, path, headers, body: { type: "message", data } });
    assert.deepEqual([created.response?.status, created.data], [201, {}]);
  }
}

const [status, invalid] = await problem(createChat({ client, body: { audience, scope: "a\nb" } }));
assert.deepEqual([status, invalid.type, invalid.errors?.[0]?.pointer], [400, "invalid_payload", "/scope"]);
const [unauthorized, failed] = await problem(readChat({ client: connect("API", "EXPIRED_TOKEN"), path }));
assert.deepEqual([unauthorized, failed.type, failed.is_transient], [401, "authentication_failed", false]);
const nothing = { audience, scope: "nothing" };
const [notFound, missing] = await problem(readChatByScope({ client, path: nothing }));
assert.deepEqual([notFound, missing.type, missing.status], [404, "chat_not_found", 404]);
const [conflict, taken] = await problem(createChat({ client, body: { audience, scope } }));
assert.deepEqual([conflict, taken.type, taken.chat_id], [409, "chat_already_exists", chat.chat_id]);
const byGateway = await readChatByScope({ client, path: { audience, scope: "a/b" } });
assert.deepEqual([byGateway.response?.status, byGateway.error], [404, { message: "Not Found" }]);

const newer = connect("NEWER_API");
assert.equal((await readChat({ client: newer, path })).data?.scope, scope);
await createChatEvent({ client: newer, path, body: { type: "newer", data: 1 } });
const [newStatus, unknown] = await problem(readChatByScope({ client: newer, path: nothing }));
assert.deepEqual([newStatus, unknown.type, unknown.detail], [404, "new_chat_not_found", missing.detail]);
