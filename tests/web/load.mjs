// Loads an API with the mix of requests in docs/scaling.md, as fast as it answers (`tools/check load`).
//
// Arguments: the URL of the API, a token, an audience, the number of chats, a file with the ids of rooms without a
// chat, the connections and the seconds. Prints a report as JSON.

import autocannon from "autocannon";
import { readFileSync } from "node:fs";
import { createHistogram, performance } from "node:perf_hooks";
import { randomUUID } from "node:crypto";

const [url, token, audience, chats, roomsFile, connections, seconds] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
const rooms = readFileSync(roomsFile, "utf8").trim().split("\n");
const scopes = Array.from({ length: Number(chats) }, (_, number) => `lesson ${number}`);
const ids = [];

function create(scope) {
  const tags = { subject: "math", lesson: scope };
  return { method: "POST", path: "/api/v1/chats", body: JSON.stringify({ audience, scope, tags }) };
}

function any(list) {
  return list[Math.floor(Math.random() * list.length)];
}

// Each kind of request: its share in percent, the one status that it is answered with, and how to make it.
const kinds = {
  "read-chat": { share: 40, status: 200, request: () => ({ method: "GET", path: `/api/v1/chats/${any(ids)}` }) },
  "read-chat-by-scope": {
    share: 25,
    status: 200,
    request: () => ({ method: "GET", path: `/api/v1/audiences/${audience}/chats/${encodeURIComponent(any(scopes))}` }),
  },
  "create-chat-event": {
    share: 20,
    status: 201,
    request: () => ({
      method: "POST",
      path: `/api/v1/chats/${any(ids)}/events`,
      body: JSON.stringify({ type: "message", data: { text: "a line of a lesson", from: randomUUID() } }),
    }),
  },
  "create-chat-event, with a key": {
    share: 10,
    status: 201,
    request: () => ({
      method: "POST",
      path: `/api/v1/chats/${any(ids)}/events`,
      headers: { ...headers, "idempotency-key": randomUUID() },
      body: JSON.stringify({ type: "message", data: { text: "a line of a lesson" } }),
    }),
  },
  "create-chat": { share: 4.5, status: 201, request: () => create(randomUUID()) },
  "convert-chat": {
    share: 0.5,
    status: 201,
    request: () => {
      const event_room_id = rooms.pop();
      if (!event_room_id) throw new Error("there are no rooms left to convert: run a shorter time");
      const body = JSON.stringify({ audience, scope: `room ${event_room_id}`, event_room_id });
      return { method: "POST", path: "/api/v1/chats/convert", body };
    },
  },
};

for (const kind of Object.values(kinds)) Object.assign(kind, { count: 0, others: {}, histogram: createHistogram() });

function anyKind() {
  let rest = Math.random() * 100;
  return Object.values(kinds).find((kind) => (rest -= kind.share) < 0) ?? kinds["read-chat"];
}

for (const scope of scopes) {
  const { path, ...request } = create(scope);
  const answer = await fetch(url + path, { ...request, headers });
  ids.push((await answer.json()).chat_id);
}

const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  requests: [
    {
      setupRequest: (request, context) => {
        context.kind = anyKind();
        context.started = performance.now();
        // A copy, because autocannon adds the length of the body to them.
        return { ...request, headers: { ...headers }, body: undefined, ...context.kind.request() };
      },
      onResponse: (status, body, context) => {
        const { kind, started } = context;
        kind.count += 1;
        kind.histogram.record(Math.max(1, Math.round((performance.now() - started) * 1000)));
        if (status !== kind.status) {
          kind.others[status] ??= { count: 0, first: body };
          kind.others[status].count += 1;
        }
      },
    },
  ],
});

const milliseconds = (microseconds) => microseconds / 1000;
console.log(
  JSON.stringify({
    seconds: result.duration,
    lost: result.errors + result.timeouts,
    kinds: Object.fromEntries(
      Object.entries(kinds).map(([name, { count, others, histogram }]) => [
        name,
        {
          count,
          others,
          milliseconds: [50, 99, 99.9, 100].map((percent) => milliseconds(histogram.percentile(percent))),
        },
      ]),
    ),
  }),
);
