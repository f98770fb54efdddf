"""GET /api/v1/chats/{chat_id}"""

import json

from chats import read_chat, response, run


def handler(event):
    chat_id = event["pathParameters"]["chat_id"]
    chat = read_chat(chat_id)
    if not chat:
        return response(404, {"type": "chat_not_found"})
    return response(
        200,
        {
            "id": chat["scope"],
            "chat_id": chat_id,
            "audience": chat["audience"],
            "scope": chat["scope"],
            "tags": json.loads(chat["tags"]),
            "created_at": int(chat["created_at"]),
            "real_time": {"event_room_id": chat["event_room_id"]},
        },
    )


run(handler)
