"""The scenario of tools/check clients, with the client that openapi-generator makes for Python."""

import json
import os

from openapi_client import ApiClient, ApiException, ChatInput, ChatsApi, Configuration, ConversionInput, EventInput, EventsApi

NAME, AUDIENCE = os.environ["NAME"], os.environ["AUDIENCE"]
TAGS, DATA = json.loads(os.environ["TAGS"]), json.loads(os.environ["DATA"])


def connect(url="API", token="TOKEN"):
    return ApiClient(Configuration(host=os.environ[url], access_token=os.environ[token]))


def problem(call, *arguments):
    try:
        call(*arguments)
    except ApiException as error:
        return error.status, error.data
    raise AssertionError("the call succeeded")


chats, events = ChatsApi(connect()), EventsApi(connect())
new = ChatInput(audience=AUDIENCE, scope=NAME, tags=TAGS)
chat = chats.create_chat(new)
assert (chat.scope, chat.tags) == (NAME, TAGS), chat
again = chats.create_chat_with_http_info(new)
assert (again.data, again.headers["idempotent-replayed"]) == (chat, "true"), again
assert chats.read_chat(chat.chat_id) == chat
assert chats.read_chat_by_scope(AUDIENCE, NAME) == chat

conversion = ConversionInput(audience=AUDIENCE, scope=f"{NAME} converted", event_room_id=os.environ["ROOM"])
assert str(chats.convert_chat(conversion).real_time.event_room_id) == os.environ["ROOM"]

for number, data in enumerate(DATA):
    for _ in range(2):
        event = EventInput(type="message", data=data)
        assert events.create_chat_event(chat.chat_id, event, idempotency_key=f"event-{number}") == {}

status, invalid = problem(chats.create_chat, ChatInput(audience=AUDIENCE, scope="a\nb"))
assert (status, invalid.type, invalid.errors[0].pointer) == (400, "invalid_payload", "/scope"), invalid
status, failed = problem(ChatsApi(connect(token="EXPIRED_TOKEN")).read_chat, chat.chat_id)
assert (status, failed.type, failed.is_transient) == (401, "authentication_failed", False), failed
status, missing = problem(chats.read_chat_by_scope, AUDIENCE, "nothing")
assert (status, missing.type, missing.status) == (404, "chat_not_found", 404), missing
status, taken = problem(chats.create_chat, ChatInput(audience=AUDIENCE, scope=NAME))
assert (status, taken.type, taken.chat_id) == (409, "chat_already_exists", chat.chat_id), taken
status, by_gateway = problem(chats.read_chat_by_scope, AUDIENCE, "a/b")
assert (status, by_gateway.type) == (404, None), by_gateway

newer = connect("NEWER_API")
assert ChatsApi(newer).read_chat(chat.chat_id).scope == NAME
EventsApi(newer).create_chat_event(chat.chat_id, EventInput(type="newer", data=1))
status, unknown = problem(ChatsApi(newer).read_chat_by_scope, AUDIENCE, "nothing")
assert (status, unknown.type, unknown.detail) == (404, "new_chat_not_found", missing.detail), unknown
