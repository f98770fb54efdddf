"""POST /api/v1/chats/{chat_id}/events"""

import json
import os

import urllib3
from chats import read_cached_chat, response, run

http = urllib3.PoolManager()


def handler(event):
    chat = read_cached_chat(event["pathParameters"]["chat_id"])
    if not chat:
        return response(404, {"type": "chat_not_found"})
    body = json.loads(event["body"])
    url = f"{os.environ['EVENT_SERVICE_URL']}/api/v1/rooms/{chat['event_room_id']}/events"
    answer = http.request("POST", url, json={"set": body["type"], **body})
    return response(201, {}) if answer.status == 201 else response(502, {"type": "event_service_failed"})


run(handler)
