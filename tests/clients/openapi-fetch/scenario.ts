// The scenario of tools/check clients, with openapi-fetch and the types that openapi-typescript makes.

import assert from "node:assert/strict";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./generated/chats.js";
import { DATA, TAGS, variable } from "../variables.js";

const [scope, audience] = [variable("NAME"), variable("AUDIENCE")];

function connect(url = "API", token = "TOKEN"): Client<paths> {
  return createClient<paths>({ baseUrl: variable(url), headers: { authorization: `Bearer ${variable(token)}` } });
}

type Schemas = components["schemas"];
type Failure = Schemas["Problem"] | Schemas["GatewayAnswer"];

async function problem(
  call: Promise<{ error?: Failure; response: Response }>,
): Promise<[number, Schemas["Problem"]]> {
  const { error, response } = await call;
  assert.ok(error && !("message" in error));
  return [response.status, error];
}

const client = connect();
const body = { audience, scope, tags: TAGS };
const { data: chat } = await client.POST("/api/v1/chats", { body });
assert.ok(chat);
assert.deepEqual([chat.scope, chat.tags], [scope, TAGS]);
const { chat_id } = chat;
const again = await client.POST("/api/v1/chats", { body });
assert.deepEqual([again.data, again.response.headers.get("idempotent-replayed")], [chat, "true"]);
const byId = { params: { path: { chat_id } } };
const byScope = (scope: string) => ({ params: { path: { audience, scope } } });
assert.deepEqual((await client.GET("/api/v1/chats/{chat_id}", byId)).data, chat);
assert.deepEqual((await client.GET("/api/v1/audiences/{audience}/chats/{scope}", byScope(scope))).data, chat);

const conversion = { audience, scope: `${scope} converted`, event_room_id: variable("ROOM") };
const converted = await client.POST("/api/v1/chats/convert", { body: conversion });
assert.equal(converted.data?.real_time.event_room_id, variable("ROOM"));

for (const [number, data] of DATA.entries()) {
  for (let time = 0; time < 2; time += 1) {
    const created = await client.POST("/api/v1/chats/{chat_id}/events", {
      params: { path: { chat_id }, header: { "Idempotency-Key": `event-${number}` } },
      body: { type: "message", data },
    });
    assert.deepEqual([created.response.status, created.data], [201, {}]);
  }
}

const [status, invalid] = await problem(client.POST("/api/v1/chats", { body: { audience, scope: "a\nb" } }));
assert.deepEqual([status, invalid.type, invalid.errors?.[0]?.pointer], [400, "invalid_payload", "/scope"]);
const [unauthorized, failed] = await problem(connect("API", "EXPIRED_TOKEN").GET("/api/v1/chats/{chat_id}", byId));
assert.deepEqual([unauthorized, failed.type, failed.is_transient], [401, "authentication_failed", false]);
const nothing = byScope("nothing");
const [notFound, missing] = await problem(client.GET("/api/v1/audiences/{audience}/chats/{scope}", nothing));
assert.deepEqual([notFound, missing.type, missing.status], [404, "chat_not_found", 404]);
const [conflict, taken] = await problem(client.POST("/api/v1/chats", { body: { audience, scope } }));
assert.deepEqual([conflict, taken.type, taken.chat_id], [409, "chat_already_exists", chat_id]);
const byGateway = await client.GET("/api/v1/audiences/{audience}/chats/{scope}", byScope("a/b"));
assert.deepEqual([byGateway.response.status, byGateway.error], [404, { message: "Not Found" }]);

const newer = connect("NEWER_API");
assert.equal((await newer.GET("/api/v1/chats/{chat_id}", byId)).data?.scope, scope);
await newer.POST("/api/v1/chats/{chat_id}/events", { ...byId, body: { type: "newer", data: 1 } });
const [newStatus, unknown] = await problem(newer.GET("/api/v1/audiences/{audience}/chats/{scope}", nothing));
assert.deepEqual([newStatus, unknown.type, unknown.detail], [404, "new_chat_not_found", missing.detail]);
