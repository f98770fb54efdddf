"""Runs the programs in docs/examples through a proxy that answers as the API does when it is busy."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

from checks.common import ROOT, environment
from checks.proxy import Proxy, serve

EXAMPLES = ROOT / "docs/examples"
BUSY = (429, {}, {"message": "Too Many Requests"})
# The request is carried out, but the answer is lost.
LOST = (503, {}, {"message": "Service Unavailable"})
# A program that never stops repeating is ended after this time. The waiting takes ten seconds.
SECONDS = 120


def problem(status, type, is_transient, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, headers, {"type": type, "is_transient": is_transient, "detail": "by the check", "request_id": "1"}


def in_progress(what):
    return problem(409, f"{what}_creation_in_progress", True, retry_after="2")


class BusyApi(Proxy):
    """Answers with the first of `prepared` for the kind of request while there are any. Records all requests."""

    def answer(self, body):
        kind = "event" if self.path.endswith("/events") else "chat"
        request = {"kind": kind, "time": time.monotonic(), "body": body, "key": self.headers["idempotency-key"]}
        self.requests.append(request)
        prepared = self.prepared.get(kind, [])
        status, headers, content = answer = prepared.pop(0) if prepared else (None, None, None)
        if answer is LOST or not status:
            request["forwarded"] = self.forward(body)
        if not status:
            return request["forwarded"]
        return status, {"content-type": "application/json", **headers}, json.dumps(content).encode()


def run(command, folder, api, scope, prepared):
    """Runs a program through a proxy. Returns its exit status, what it printed, and the requests by kind."""
    requests = []
    url = serve(BusyApi, api=api, prepared=prepared, requests=requests)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        done = subprocess.run(
            [*command, scope], cwd=folder, env={**os.environ, "API": url}, timeout=SECONDS, **pipes
        )
        status, printed = done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        status, printed = None, f"it runs for more than {SECONDS} s"
    sent = {kind: [request for request in requests if request["kind"] == kind] for kind in ("chat", "event")}
    return status, printed, sent


def faults_when_busy(program):
    """Each request is answered with 409 and 429, and then carried out without an answer, before it succeeds."""
    # 409 comes first, when a program that ignores Retry-After would wait for less.
    prepared = {kind: [in_progress(kind), BUSY, LOST] for kind in ("chat", "event")}
    status, printed, sent = program("busy", prepared)
    if status != 0:
        yield f"it failed: {printed}"
    for kind, requests in sent.items():
        if len(requests) != 4:
            yield f"{len(requests)} requests for one {kind}: {printed}"
            return
        if len({(request["body"], request["key"]) for request in requests}) != 1:
            yield f"a repeat of the {kind} has another body or key"
        waited = [later["time"] - request["time"] for request, later in zip(requests, requests[1:])]
        if waited[0] < 2 or waited[1] < 1 or waited[2] < 1:
            yield f"it did not wait long enough to repeat the {kind}: {waited}"
        replayed = [request["forwarded"][1].get("idempotent-replayed") for request in requests[2:]]
        if replayed != [None, "true"]:
            yield f"the {kind} was not created once and then found again"
    if not sent["event"][0]["key"]:
        yield "its event has no key"


def faults_when_taken(program):
    """The chat exists already, with other tags than the program's. A problem that is not transient is the end."""
    status, printed, sent = program("taken", {"event": [problem(500, "internal_error", False)]})
    if [len(requests) for requests in sent.values()] != [1, 1]:
        yield f"it repeated what can't succeed: {printed}"
    elif sent["chat"][0]["forwarded"][0] != 409:
        yield "the chat was not taken"
    if status == 0 or "internal_error" not in printed:
        yield f"it did not end with the problem: {printed}"
    status, printed, sent = program("taken", {})
    if status != 0 or [request["forwarded"][0] for request in sent["event"]] != [201]:
        yield f"it did not post to the chat that exists: {printed}"


def check(api, folder, create):
    """Runs all programs in a folder with the tenant's key. `create(scope)` creates a chat without tags."""
    commands = {
        "first_chat.py": [environment("tokens") / "python"],
        # Node.js looks for packages above the program, so a copy of it is in the folder.
        "first-chat.mjs": ["node"],
        "first-chat.sh": ["bash"],
    }
    if {file.name for file in EXAMPLES.iterdir()} != set(commands):
        sys.exit(f"failed: docs/examples has other programs than {', '.join(commands)}")

    def faults(name):
        copy = folder / name
        copy.write_text((EXAMPLES / name).read_text())
        create(f"{name} taken")

        def program(scope, prepared):
            return run([*commands[name], copy], folder, api, f"{name} {scope}", prepared)

        return [f"{name}: {fault}" for kind in (faults_when_busy, faults_when_taken) for fault in kind(program)]

    # They mostly wait.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = [fault for faults_of_one in pool.map(faults, commands) for fault in faults_of_one]
    print(f"docs/examples: {len(commands)} programs, {len(found) or 'no'} faults")
    if found:
        sys.exit("\n".join(found))
