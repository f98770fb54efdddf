// Code of both routes: table reads, authentication, and one log line per request.

import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';

const MINUTE = 60_000;

const table = new DynamoDBClient({ endpoint: process.env.DYNAMODB_URL || undefined });

function remember(read) {
  const kept = new Map();
  return async (key) => {
    const known = kept.get(key);
    if (known && known.until > Date.now()) return known.value;
    const value = await read(key);
    if (value) kept.set(key, { value, until: Date.now() + MINUTE });
    return value;
  };
}

async function get(name, key, consistent) {
  const request = new GetItemCommand({ TableName: name, Key: key, ConsistentRead: consistent });
  return (await table.send(request)).Item;
}

const tenant = remember(async (issuer) => {
  const item = await get(process.env.TENANTS_TABLE, { issuer: { S: issuer } }, true);
  if (!item) return undefined;
  const document = JSON.parse(item.document.S);
  return { ...document, key: createLocalJWKSet({ keys: document.keys }) };
});

export const readChat = (chatId) => get(process.env.CHATS_TABLE, { pk: { S: `chat#${chatId}` } }, false);
export const readCachedChat = remember(readChat);

// Verifies the token. Returns the tenant and the account's permissions.
async function authenticate(event) {
  const token = (event.headers.authorization ?? '').replace(/^Bearer /, '');
  const known = await tenant(decodeJwt(token).iss);
  const options = { audience: known.token_audiences, algorithms: ['ES256'] };
  const { payload } = await jwtVerify(token, known.key, options);
  return { known, permissions: payload.scope.split(' ') };
}

// Wraps `handler`: it is called only for accounts with `permission` in the chat's audience.
export function route(permission, find, handler) {
  return async (event) => {
    const begun = performance.now();
    const { known, permissions } = await authenticate(event);
    const chat = await find(event.pathParameters.chat_id);
    let statusCode = 404;
    let body = { type: 'chat_not_found' };
    if (chat && known.audiences[chat.audience.S]) {
      [statusCode, body] = permissions.includes(permission)
        ? await handler(event, chat)
        : [403, { type: 'access_denied' }];
    }
    const line = { level: 'INFO', message: 'request answered', status: statusCode, duration: performance.now() - begun };
    console.log(JSON.stringify({ timestamp: new Date().toISOString(), request_id: event.requestContext.requestId, ...line }));
    return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  };
}
