"""Creates a chat and posts a message to its room, with a token that this program signs.

    pip install 'pyjwt[crypto]'
    python first_chat.py 'reading circle'

docs/tenants.md shows how to get the tenant and its private key, library.pem.
"""

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

import jwt

if len(sys.argv) != 2:
    sys.exit("the scope is missing: first_chat.py 'reading circle'")
API = os.environ.get("API", "http://127.0.0.1:3000")
ISSUER, AUDIENCE = "iam.library.example.org", "library.example.org"
KEY = open("library.pem").read()
TRIES = 8


def token():
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "librarian", "exp": int(time.time()) + 300}
    return jwt.encode({**claims, "scope": "chats:create events:create"}, KEY, algorithm="ES256")


def send(path, body, key):
    """Sends a request once. Returns status, headers and JSON of the answer, whatever the status."""
    headers = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    request = urllib.request.Request(API + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=35) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


def post(path, body, key=None):
    """Sends a request, and repeats it for as long as that is safe and may help.

    A problem says so by `is_transient`. The gateway's own answers have only a message. Their outcome
    is unknown, like that of a lost connection, unless the status is 429. So post only what can be
    repeated at any time: a chat, or an event with a key.
    """
    for number in range(1, TRIES + 1):
        try:
            status, headers, answer = send(path, body, key)
            if not answer.get("is_transient", status in (429, 500, 503)):
                return status, answer
            seconds = headers.get("Retry-After")
        except (OSError, ValueError, http.client.HTTPException) as error:
            status, answer, seconds = 0, {"message": f"no answer from {API}: {error}"}, None
        # The gateway does not say how long to wait: first a second, then twice as long each time.
        pause = float(seconds or min(2 ** (number - 1), 30) * random.uniform(1, 1.5))
        if number < TRIES:
            print(f"{status} {answer.get('type') or answer.get('message')}, trying again in {pause:.0f} s", file=sys.stderr)
            time.sleep(pause)
    return status, answer


def fail(status, problem):
    """Ends the program. The operator finds the request by its id."""
    lines = [f"{status} {problem.get('type') or problem.get('message')}"]
    if "detail" in problem:
        lines.append(problem["detail"])
    lines += [f"{error['pointer']} {error['detail']}" for error in problem.get("errors", [])]
    if "request_id" in problem:
        lines.append(f"request {problem['request_id']}")
    sys.exit("\n".join(lines))


status, chat = post("/api/v1/chats", {"audience": AUDIENCE, "scope": sys.argv[1], "tags": {"shelf": 7}})
# A chat of this scope that has other tags will do as well. The problem has its chat_id.
if status != 201 and chat.get("type") != "chat_already_exists":
    fail(status, chat)
message = {"type": "message", "data": {"text": "Hello"}}
# A new key for each event, and the same one for each repeat.
status, answer = post(f"/api/v1/chats/{chat['chat_id']}/events", message, str(uuid.uuid4()))
if status != 201:
    fail(status, answer)
print(f"posted to chat {chat['chat_id']}")
