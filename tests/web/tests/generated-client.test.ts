// A client that is generated from openapi.yaml makes every call, and distinguishes the errors by their types.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import createClient, { type Client } from "openapi-fetch";
import type { components, operations, paths } from "../generated/chats.js";
import { startStack, token, type Stack } from "./support/stack.js";

const audience = "school.example.org";

let stack: Stack;
let client: Client<paths>;

before(async () => {
  stack = await startStack();
  client = clientWith(await token());
});

after(() => stack.stop());

function clientWith(token: string): Client<paths> {
  return createClient<paths>({ baseUrl: stack.url, headers: { authorization: `Bearer ${token}` } });
}

type Chat = components["schemas"]["Chat"];

async function createChat(scope: string, tags?: Chat["tags"]): Promise<Chat> {
  const { data, error } = await client.POST("/api/v1/chats", {
    body: { audience, scope, ...(tags && { tags }) },
  });
  assert.equal(error, undefined);
  assert.ok(data);
  return data;
}

/** The JSON of all answers of an operation except its success. */
type Failure<Operation extends keyof operations> = {
  [Status in keyof operations[Operation]["responses"]]: Status extends 200 | 201
    ? never
    : operations[Operation]["responses"][Status] extends { content: infer Content }
      ? Content[keyof Content]
      : never;
}[keyof operations[Operation]["responses"]];

/** What a caller does about a failure of createChat. The compiler checks that no type is forgotten. */
function remedy(failure: Failure<"createChat">): string {
  if ("message" in failure) {
    return `the gateway says ${failure.message}`;
  }
  switch (failure.type) {
    case "invalid_payload":
      return `fix ${(failure.errors ?? []).map((violation) => violation.pointer).join(" and ")}`;
    case "authentication_failed":
      return "send a valid token";
    case "access_denied":
      return "ask for the permission";
    case "chat_already_exists":
      return `read ${failure.chat_id}`;
    case "payload_too_large":
    case "unsupported_media_type":
      return failure.detail;
    case "chat_creation_in_progress":
    case "service_unavailable":
    case "event_service_timeout":
      return "repeat";
    case "event_service_failed":
      return failure.is_transient ? "repeat" : "report";
    case "internal_error":
      return "report";
    default:
      return failure satisfies never;
  }
}

async function remedyOf(body: components["schemas"]["NewChat"], by = client): Promise<string> {
  const { error } = await by.POST("/api/v1/chats", { body });
  assert.ok(error);
  return remedy(error);
}

test("creates a chat and repeats the request", async () => {
  const body = { audience, scope: "math 7", tags: { lesson: 7 } };
  const first = await client.POST("/api/v1/chats", { body });
  assert.equal(first.response.status, 201);
  assert.deepEqual(first.data?.tags, body.tags);
  assert.equal(first.response.headers.get("location"), `/api/v1/chats/${first.data.chat_id}`);
  assert.equal(first.response.headers.get("idempotent-replayed"), null);
  const second = await client.POST("/api/v1/chats", { body });
  assert.deepEqual(second.data, first.data);
  assert.equal(second.response.headers.get("idempotent-replayed"), "true");
});

test("reads a chat by id and by scope", async () => {
  // The scope has characters that a client must encode.
  const chat = await createChat("Класс 7 + 50% #1");
  const byId = await client.GET("/api/v1/chats/{chat_id}", { params: { path: { chat_id: chat.chat_id } } });
  assert.deepEqual([byId.response.status, byId.data], [200, chat]);
  const byScope = await client.GET("/api/v1/audiences/{audience}/chats/{scope}", {
    params: { path: { audience, scope: chat.scope } },
  });
  assert.deepEqual([byScope.response.status, byScope.data], [200, chat]);
});

test("creates an event", async () => {
  const { chat_id } = await createChat("events");
  const { data, response } = await client.POST("/api/v1/chats/{chat_id}/events", {
    params: { path: { chat_id } },
    body: { type: "message", data: { text: "Hello" }, is_persistent: true },
  });
  assert.deepEqual([response.status, data], [201, {}]);
});

test("creates an event once per idempotency key", async () => {
  const { chat_id } = await createChat("events with a key");
  const send = (text: string) =>
    client.POST("/api/v1/chats/{chat_id}/events", {
      params: { path: { chat_id }, header: { "Idempotency-Key": "hello-1" } },
      body: { type: "message", data: { text }, is_persistent: true },
    });
  for (const replayed of [null, "true"]) {
    const { data, response } = await send("Hello");
    assert.deepEqual([response.status, data], [201, {}]);
    assert.equal(response.headers.get("idempotent-replayed"), replayed);
  }
  const { error } = await send("Good bye");
  assert.ok(error && !("message" in error));
  assert.deepEqual([error.type, error.is_transient], ["idempotency_key_reused", false]);
});

test("converts a room", async () => {
  // The local stack provides this room for a conversion.
  const event_room_id = "6f1c2b0a-3d4e-4f50-8a6b-7c8d9e0f1a2b";
  const { data, response } = await client.POST("/api/v1/chats/convert", {
    body: { audience, scope: "physics 7", event_room_id },
  });
  assert.equal(response.status, 201);
  assert.deepEqual(data?.real_time, { event_room_id });
});

test("finds the remedy for each failure", async () => {
  const { chat_id } = await createChat("taken", { lesson: 1 });
  assert.equal(await remedyOf({ audience, scope: "taken" }), `read ${chat_id}`);
  assert.equal(await remedyOf({ audience: "", scope: "a\nb" }), "fix /audience and /scope");
  assert.match(await remedyOf({ audience, scope: "large", tags: { text: "x".repeat(16_384) } }), /^tags must have/);
  assert.equal(await remedyOf({ audience: "clinic.example.org", scope: "x" }), "ask for the permission");
  const expired = clientWith(await token("--ttl", "-120"));
  assert.equal(await remedyOf({ audience, scope: "x" }, expired), "send a valid token");
});

test("distinguishes a missing chat from a missing path", async () => {
  const read = async (scope: string) => {
    const { error } = await client.GET("/api/v1/audiences/{audience}/chats/{scope}", {
      params: { path: { audience, scope } },
    });
    assert.ok(error);
    return "message" in error ? error.message : error.type;
  };
  assert.equal(await read("nothing"), "chat_not_found");
  // With an encoded slash the path is a different one, which only the gateway can answer.
  assert.equal(await read("a/b"), "Not Found");
});
