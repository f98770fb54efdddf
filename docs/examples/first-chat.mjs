// Creates a chat and posts a message to its room, with a token that this program signs.
//
//     npm install jose
//     node first-chat.mjs 'reading circle'
//
// docs/tenants.md shows how to get the tenant and its private key, library.pem.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SignJWT, importPKCS8 } from "jose";

const scope = process.argv[2];
if (!scope) {
  console.error("the scope is missing: first-chat.mjs 'reading circle'");
  process.exit(1);
}
const api = process.env.API ?? "http://127.0.0.1:3000";
const [issuer, audience] = ["iam.library.example.org", "library.example.org"];
const privateKey = await importPKCS8(readFileSync("library.pem", "utf8"), "ES256");
const tries = 8;

function token() {
  return new SignJWT({ scope: "chats:create events:create" })
    .setProtectedHeader({ alg: "ES256" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject("librarian")
    .setExpirationTime("5 minutes")
    .sign(privateKey);
}

// Sends a request, and repeats it for as long as that is safe and may help.
//
// A problem says so by `is_transient`. The gateway's own answers have only a message. Their outcome is unknown, like
// that of a lost connection, unless the status is 429. So post only what can be repeated at any time: a chat, or an
// event with a key.
async function post(path, body, key) {
  let last;
  for (let number = 1; number <= tries; number += 1) {
    let seconds;
    try {
      const answer = await fetch(api + path, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${await token()}`,
          "Content-Type": "application/json",
          ...(key && { "Idempotency-Key": key }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(35_000),
      });
      last = { status: answer.status, ...(await answer.json()) };
      if (!(last.is_transient ?? [429, 500, 503].includes(last.status))) return last;
      seconds = answer.headers.get("retry-after");
    } catch (error) {
      last = { status: 0, message: `no answer from ${api}: ${error.cause ?? error}` };
    }
    // The gateway does not say how long to wait: first a second, then twice as long each time.
    const pause = Number(seconds ?? Math.min(2 ** (number - 1), 30) * (1 + Math.random() / 2));
    if (number < tries) {
      console.error(`${last.status} ${last.type ?? last.message}, trying again in ${pause.toFixed()} s`);
      await sleep(pause * 1000);
    }
  }
  return last;
}

// Ends the program. The operator finds the request by its id.
function fail({ status, type, message, detail, errors = [], request_id }) {
  const violations = errors.map((error) => `${error.pointer} ${error.detail}`);
  const lines = [`${status} ${type ?? message}`, detail, ...violations, request_id && `request ${request_id}`];
  console.error(lines.filter(Boolean).join("\n"));
  process.exit(1);
}

const chat = await post("/api/v1/chats", { audience, scope, tags: { shelf: 7 } });
// A chat of this scope that has other tags will do as well. The problem has its chat_id.
if (chat.status !== 201 && chat.type !== "chat_already_exists") fail(chat);
const message = { type: "message", data: { text: "Hello" } };
// A new key for each event, and the same one for each repeat.
const event = await post(`/api/v1/chats/${chat.chat_id}/events`, message, randomUUID());
if (event.status !== 201) fail(event);
console.log(`posted to chat ${chat.chat_id}`);
