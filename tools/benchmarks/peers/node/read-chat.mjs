// GET /api/v1/chats/{chat_id}

import { readChat, route } from './chats.mjs';
import { run } from './runtime.mjs';

await run(
  route('chats:read', readChat, async (event, chat) => [
    200,
    {
      id: chat.scope.S,
      chat_id: event.pathParameters.chat_id,
      audience: chat.audience.S,
      scope: chat.scope.S,
      tags: chat.tags && JSON.parse(chat.tags.S),
      created_at: Number(chat.created_at.N),
      real_time: { event_room_id: chat.event_room_id.S },
    },
  ]),
);
