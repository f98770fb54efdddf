"""Makes clients from openapi.yaml with the generators that people use, and runs them against `cargo local`.

Each client goes through the same scenario (tests/clients). It creates a chat with nested tags,
reads it by id and by scope, converts a room, posts an event with every kind of JSON as data, and
repeats all of that. It meets 400, 401, 404 and 409 as typed problems. Then it talks to a proxy that
plays a later version of the API: each answer has one attribute more, and problems have a new type.
At the end, the stand-in for the event service must hold exactly what was sent.

Clients that are named run, otherwise all of them. Generated code is in target/clients. There is none
for Java: what the clients for Java need is on Maven Central only, which no check uses.
"""

import json
import os
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from checks import common
from checks.common import (
    ROOT, TARGET, WEB, call, cargo_local, environment, executables, install, node_tools, output,
)
from checks.proxy import Proxy, serve

SCENARIOS = ROOT / "tests/clients"
BUILD = TARGET / "clients"
DOCUMENT = ROOT / "openapi.yaml"
AUDIENCE = "school.example.org"
TAGS = {"lesson": 7, "nested": {"list": [1, "two", None, True, {"deep": [[]]}], "empty": {}}}
TEXT = "text \u2028 \u00e9 \U0001f600"
DATA = [None, True, False, 0, -1.5, 9007199254740991, "", TEXT, [], {}, [None, [0], {"a": None}], TAGS]


# ---- Each of these generates a client, compiles it, and returns the command that runs its scenario.


def openapi_generator(language, folder, **properties):
    """Runs openapi-generator, which is written in Java. The package brings a Java of its own."""
    generator = environment("openapi-generator") / "openapi-generator-cli"
    command = [generator, "generate", "--generator-name", language, "--input-spec", DOCUMENT, "--output", folder]
    command += [f"--additional-properties={name}={value}" for name, value in properties.items()]
    # Its log is long, and says nothing if it succeeds.
    with open(BUILD / "openapi-generator.log", "a") as log:
        call(*command, stdout=log, stderr=log)


def python(folder):
    openapi_generator("python", folder / "generated")
    return ["env", f"PYTHONPATH={folder}/generated", environment("openapi-generator") / "python", folder / "scenario.py"]


def generate_python_httpx(generated, *options):
    tool = environment("openapi-python-client")
    # It formats what it made with ruff, which is beside it.
    path = {**os.environ, "PATH": f"{tool}:{os.environ['PATH']}"}
    call(tool / "openapi-python-client", "generate", "--path", DOCUMENT, "--output-path", generated, *options, env=path)
    return tool


def python_httpx(folder):
    tool = generate_python_httpx(folder / "generated")
    return ["env", f"PYTHONPATH={folder}/generated", tool / "python", folder / "scenario.py"]


def typescript_fetch(folder):
    openapi_generator("typescript-fetch", folder / "generated", importFileExtension=".js")
    return typescript(folder)


def openapi_fetch(folder):
    types = folder / "generated/chats.d.ts"
    call(node_tools() / "openapi-typescript", DOCUMENT, "--output", types, "--default-non-nullable=false")
    return typescript(folder)


def generate_hey_api(generated):
    command = [node_tools() / "openapi-ts", "--input", DOCUMENT, "--output", generated]
    call(*command, "--client", "@hey-api/client-fetch", "--no-log-file", stdout=open(os.devnull, "w"))


def hey_api(folder):
    generate_hey_api(folder / "generated")
    return typescript(folder)


def typescript(folder):
    """Checks the types of a scenario and of its generated client, and makes one file of them."""
    # Imports of packages are looked up from the scenario's folder upwards.
    packages = BUILD / "node_modules"
    if not packages.is_symlink():
        packages.symlink_to(WEB / "node_modules")
    for shared in ("variables.ts", "package.json"):
        shutil.copy(SCENARIOS / shared, BUILD)
    strict = "--noEmit --strict --target es2023 --module nodenext --types node".split()
    strict += ["--lib", "es2023,dom,dom.iterable", "--typeRoots", packages / "@types"]
    call(node_tools() / "tsc", *strict, folder / "scenario.ts")
    program = folder / "scenario.mjs"
    bundle = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning", f"--outfile={program}"]
    call(node_tools() / "esbuild", folder / "scenario.ts", *bundle)
    return ["node", program]


def go(folder):
    if not shutil.which("go"):
        install("golang-go")
    openapi_generator("go", folder / "generated", packageName="chats")
    # The generated client needs no other module, so nothing is downloaded.
    (folder / "generated/go.mod").write_text("module example.org/chats\n\ngo 1.19\n")
    shutil.rmtree(folder / "generated/test")
    offline = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    call("go", "build", "-o", "scenario", ".", cwd=folder, env=offline)
    return [folder / "scenario"]


def rust(folder):
    openapi_generator("rust", folder / "generated/openapi")
    return rust_program(folder, "openapi-generator")


def progenitor(folder):
    """Leaves out what progenitor can't read: it takes one type for all errors of an operation."""
    convert = "import json, sys, ruamel.yaml as y; json.dump(y.YAML(typ='safe').load(open(sys.argv[1])), sys.stdout)"
    document = json.loads(output(environment("openapi-python-client") / "python", "-c", convert, DOCUMENT))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    answers = [operation["responses"] for operation in operations] + [document["components"]["responses"]]
    for answer in (answer for answers_of_one in answers for answer in answers_of_one.values()):
        content = answer.get("content", {})
        if "application/problem+json" in content:
            content.pop("application/json", None)
    for operation in operations:
        for by_gateway in ("429", "431"):
            del operation["responses"][by_gateway]
    (folder / "generated").mkdir(exist_ok=True)
    (folder / "generated/chats.json").write_text(json.dumps(document))
    if not (folder / "generated/openapi").exists():
        openapi_generator("rust", folder / "generated/openapi")
    return rust_program(folder, "progenitor")


def rust_program(folder, name):
    target = BUILD / "rust-target"
    build = "cargo build --quiet --locked --bin".split()
    call(*build, name, cwd=folder, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return [target / "debug" / name]


# The name of each client: how it is made, and the folder of its scenario.
CLIENTS = {
    "python": (python, "python"),
    "python-httpx": (python_httpx, "python-httpx"),
    "typescript-fetch": (typescript_fetch, "typescript-fetch"),
    "openapi-fetch": (openapi_fetch, "openapi-fetch"),
    "hey-api": (hey_api, "hey-api"),
    "go": (go, "go"),
    "rust": (rust, "rust"),
    "progenitor": (progenitor, "rust"),
}


# ---- A later version of the API.


class LaterVersion(Proxy):
    """Changes each answer as a later version might."""

    def answer(self, body):
        status, headers, content = self.forward(body)
        changed = json.loads(content)
        for added_to in [changed, changed.get("real_time"), *changed.get("errors", [])]:
            if added_to is not None:
                added_to["new_attribute"] = {"new": [True]}
        if "type" in changed:
            changed["type"] = f"new_{changed['type']}"
        return status, headers, json.dumps(changed).encode()


# ---- The check.


def room_of(number):
    return f"00000000-0000-4000-8000-{number:012}"


def free_room(number):
    """Returns a room without a chat, as a line of the stand-in's journal."""
    room = {"id": room_of(number), "audience": AUDIENCE, "classroom_id": "00000000-0000-0000-0000-000000000000"}
    room.update(kind="Webinar", time=[0, None], preserve_history=True, created_at=0)
    return json.dumps({"room": room}) + "\n"


def read(api, token, scope):
    path = f"/api/v1/audiences/{AUDIENCE}/chats/{urllib.parse.quote(scope, safe='')}"
    request = urllib.request.Request(api + path, headers={"authorization": f"Bearer {token}"})
    return json.load(urllib.request.urlopen(request, timeout=10))


def faults(api, token, journal, name):
    """Compares what the API and the stand-in hold with what the scenario of a client has sent."""
    # Not `splitlines`, which also ends lines inside of texts.
    changes = [json.loads(line) for line in journal.read_text().split("\n") if line]
    chat = read(api, token, name)
    room = chat["real_time"]["event_room_id"]
    events = [change["event"] for change in changes if change.get("event", {}).get("room_id") == room]
    held = [(event["type"], json.loads(event["stored_data"])) for event in events]
    tags = [change["room"].get("tags") for change in changes if change.get("room", {}).get("id") == room]
    compared = {
        "the events": (held, [*(("message", data) for data in DATA), ("newer", 1)]),
        "the chat's tags": (chat["tags"], TAGS),
        "the room's tags": (tags, [TAGS]),
    }
    # As texts, because Python's 0, 0.0 and False are equal.
    texts = {what: [json.dumps(value, sort_keys=True) for value in values] for what, values in compared.items()}
    return [f"{what} are {actual} and not {sent}" for what, (actual, sent) in texts.items() if actual != sent]


def add_arguments(parser):
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(CLIENTS))


def run(options):
    chosen = options.clients or list(CLIENTS)
    if unknown := set(chosen) - set(CLIENTS):
        sys.exit(f"no such client: {', '.join(unknown)}")
    local = executables()["local"]
    shutil.rmtree(BUILD / "openapi-generator.log", ignore_errors=True)
    programs = {}
    for name in chosen:
        make, scenario = CLIENTS[name]
        folder = BUILD / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SCENARIOS / scenario, folder)
        print(f"making {name}")
        programs[name] = make(folder)
    tokens = {"TOKEN": [], "EXPIRED_TOKEN": ["--ttl", "-120"]}
    tokens = {variable: output(local, "token", *ttl).strip() for variable, ttl in tokens.items()}
    failed = []
    with tempfile.TemporaryDirectory() as data:
        journal = Path(data) / "event-service.jsonl"
        journal.write_text("".join(free_room(number) for number in range(len(chosen))))
        with cargo_local(TARGET / "clients.log", "--data", data) as (api, _):
            shared = {**os.environ, **tokens, "API": api, "NEWER_API": serve(LaterVersion, api=api)}
            shared.update(AUDIENCE=AUDIENCE, TAGS=json.dumps(TAGS), DATA=json.dumps(DATA))
            for number, name in enumerate(chosen):
                scope = f"client {name} 50% + \u00e9"
                if name == "rust":
                    # Its client sends a space in a path as `+`, which is a plus sign there ("Names in paths").
                    scope = scope.replace(" ", "_")
                status = common.run(programs[name], env={**shared, "NAME": scope, "ROOM": room_of(number)})
                found = ["its scenario failed"] if status else faults(api, tokens["TOKEN"], journal, scope)
                failed += found
                print("\n".join([f"{'WRONG' if found else 'ok'}: {name}", *found]))
    sys.exit(bool(failed))
