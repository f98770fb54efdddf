// The scenario of tools/check clients, with the client that openapi-generator makes for TypeScript (fetch).

import assert from "node:assert/strict";
import { ChatsApi, Configuration, EventsApi, ProblemFromJSON, ResponseError, type Problem } from "./generated/index.js";
import { DATA, TAGS, variable } from "../variables.js";

const [scope, audience] = [variable("NAME"), variable("AUDIENCE")];

function connect(url = "API", token = "TOKEN"): Configuration {
  return new Configuration({ basePath: variable(url), accessToken: variable(token) });
}

async function problem(call: Promise<unknown>): Promise<[number, Problem]> {
  const error = await call.catch((error: unknown) => error);
  assert.ok(error instanceof ResponseError, String(error));
  return [error.response.status, ProblemFromJSON(await error.response.json())];
}

const [chats, events] = [new ChatsApi(connect()), new EventsApi(connect())];
const chatInput = { audience, scope, tags: TAGS };
const chat = await chats.createChat({ chatInput });
assert.deepEqual([chat.scope, chat.tags], [scope, TAGS]);
const again = await chats.createChatRaw({ chatInput });
assert.equal(again.raw.headers.get("idempotent-replayed"), "true");
assert.deepEqual(await again.value(), chat);
assert.deepEqual(await chats.readChat({ chatId: chat.chatId }), chat);
assert.deepEqual(await chats.readChatByScope({ audience, scope }), chat);

const conversion = { audience, scope: `${scope} converted`, eventRoomId: variable("ROOM") };
assert.equal((await chats.convertChat({ conversionInput: conversion })).realTime.eventRoomId, variable("ROOM"));

for (const [number, data] of DATA.entries()) {
  for (let time = 0; time < 2; time += 1) {
    const eventInput = { type: "message", data };
    const idempotencyKey = `event-${number}`;
    assert.deepEqual(await events.createChatEvent({ chatId: chat.chatId, eventInput, idempotencyKey }), {});
  }
}

const [status, invalid] = await problem(chats.createChat({ chatInput: { audience, scope: "a\nb" } }));
assert.deepEqual([status, invalid.type, invalid.errors?.[0]?.pointer], [400, "invalid_payload", "/scope"]);
const expired = new ChatsApi(connect("API", "EXPIRED_TOKEN"));
const [unauthorized, failed] = await problem(expired.readChat({ chatId: chat.chatId }));
assert.deepEqual([unauthorized, failed.type, failed.isTransient], [401, "authentication_failed", false]);
const [notFound, missing] = await problem(chats.readChatByScope({ audience, scope: "nothing" }));
assert.deepEqual([notFound, missing.type, missing.status], [404, "chat_not_found", 404]);
const [conflict, taken] = await problem(chats.createChat({ chatInput: { audience, scope } }));
assert.deepEqual([conflict, taken.type, taken.chatId], [409, "chat_already_exists", chat.chatId]);
const [byGateway, nothing] = await problem(chats.readChatByScope({ audience, scope: "a/b" }));
assert.deepEqual([byGateway, nothing.type], [404, undefined]);

const newer = connect("NEWER_API");
assert.equal((await new ChatsApi(newer).readChat({ chatId: chat.chatId })).scope, scope);
await new EventsApi(newer).createChatEvent({ chatId: chat.chatId, eventInput: { type: "newer", data: 1 } });
const [newStatus, unknown] = await problem(new ChatsApi(newer).readChatByScope({ audience, scope: "nothing" }));
assert.deepEqual([newStatus, unknown.type, unknown.detail], [404, "new_chat_not_found", missing.detail]);
