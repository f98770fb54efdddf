// POST /api/v1/chats/{chat_id}/events

import { SignJWT, importPKCS8 } from 'jose';
import { readCachedChat, route } from './chats.mjs';
import { run } from './runtime.mjs';

const [label, ...audience] = process.env.SERVICE_ACCOUNT.split('.');
const key = await importPKCS8(process.env.SERVICE_KEY, 'ES256');
let token = { text: undefined, until: 0 };

async function serviceToken() {
  if (token.until < Date.now()) {
    const claims = new SignJWT().setProtectedHeader({ alg: 'ES256' }).setSubject(label).setAudience(audience.join('.'));
    const text = await claims.setIssuer(audience.join('.')).setExpirationTime('5m').sign(key);
    token = { text, until: Date.now() + 240_000 };
  }
  return token.text;
}

await run(
  route('events:create', readCachedChat, async (event, chat) => {
    const { type, set = type, label, attribute, data, is_claim = false, is_persistent = true } = JSON.parse(event.body);
    const response = await fetch(`${process.env.EVENT_SERVICE_URL}/api/v1/rooms/${chat.event_room_id.S}/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await serviceToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ type, set, label, attribute, data, is_claim, is_persistent }),
    });
    await response.arrayBuffer();
    return response.status === 201 ? [201, {}] : [502, { type: 'event_service_failed' }];
  }),
);
