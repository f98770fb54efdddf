"""The scenario of tools/check clients, with the client that openapi-python-client makes."""

import json
import os
from uuid import UUID

from chats_api_client import AuthenticatedClient
from chats_api_client.api.chats import convert_chat, create_chat, read_chat, read_chat_by_scope
from chats_api_client.api.events import create_chat_event
from chats_api_client.models import Chat, ChatInput, ChatInputTagsType0, ConversionInput, EventInput, Problem
from chats_api_client.types import UNSET

NAME, AUDIENCE = os.environ["NAME"], os.environ["AUDIENCE"]
TAGS, DATA = json.loads(os.environ["TAGS"]), json.loads(os.environ["DATA"])


def connect(url="API", token="TOKEN"):
    return AuthenticatedClient(base_url=os.environ[url], token=os.environ[token])


def problem(answer):
    assert isinstance(answer.parsed, Problem), answer
    return answer.status_code, answer.parsed


client = connect()
new = ChatInput(audience=AUDIENCE, scope=NAME, tags=ChatInputTagsType0.from_dict(TAGS))
chat = create_chat.sync(client=client, body=new)
assert isinstance(chat, Chat) and (chat.scope, chat.tags.to_dict()) == (NAME, TAGS), chat
again = create_chat.sync_detailed(client=client, body=new)
assert (again.parsed, again.headers["idempotent-replayed"]) == (chat, "true"), again
assert read_chat.sync(chat.chat_id, client=client) == chat
assert read_chat_by_scope.sync(AUDIENCE, NAME, client=client) == chat

conversion = ConversionInput(audience=AUDIENCE, scope=f"{NAME} converted", event_room_id=UUID(os.environ["ROOM"]))
assert str(convert_chat.sync(client=client, body=conversion).real_time.event_room_id) == os.environ["ROOM"]

for number, data in enumerate(DATA):
    for _ in range(2):
        event = EventInput(type_="message", data=data)
        key = f"event-{number}"
        created = create_chat_event.sync_detailed(chat.chat_id, client=client, body=event, idempotency_key=key)
        assert created.status_code == 201, created

status, invalid = problem(create_chat.sync_detailed(client=client, body=ChatInput(audience=AUDIENCE, scope="a\nb")))
assert (status, invalid.type_, invalid.errors[0].pointer) == (400, "invalid_payload", "/scope"), invalid
status, failed = problem(read_chat.sync_detailed(chat.chat_id, client=connect(token="EXPIRED_TOKEN")))
assert (status, failed.type_, failed.is_transient) == (401, "authentication_failed", False), failed
status, missing = problem(read_chat_by_scope.sync_detailed(AUDIENCE, "nothing", client=client))
assert (status, missing.type_, missing.status) == (404, "chat_not_found", 404), missing
status, taken = problem(create_chat.sync_detailed(client=client, body=ChatInput(audience=AUDIENCE, scope=NAME)))
assert (status, taken.type_, taken.chat_id) == (409, "chat_already_exists", chat.chat_id), taken
status, by_gateway = problem(read_chat_by_scope.sync_detailed(AUDIENCE, "a/b", client=client))
assert (status, by_gateway.type_, by_gateway["message"]) == (404, UNSET, "Not Found"), by_gateway

newer = connect("NEWER_API")
assert read_chat.sync(chat.chat_id, client=newer).scope == NAME
create_chat_event.sync(chat.chat_id, client=newer, body=EventInput(type_="newer", data=1))
status, unknown = problem(read_chat_by_scope.sync_detailed(AUDIENCE, "nothing", client=newer))
assert (status, unknown.type_, unknown.detail) == (404, "new_chat_not_found", missing.detail), unknown
