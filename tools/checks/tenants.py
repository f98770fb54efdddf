"""Checks that tenants get in as docs/tenants.md says: with their own keys, libraries and providers.

Runs the commands of the page and the programs in docs/examples against `cargo local`. oidc-provider
plays the providers. Then the tokens of real libraries are sent, and a provider rotates its key while
requests run. That takes a minute, because an unknown key is looked for once a minute.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from checks import programs
from checks.common import PROVIDERS, ROOT, TARGET, cargo_local, environment, executables, install, node_tools, require

PAGE = ROOT / "docs/tenants.md"
BLOCK = re.compile(r"^```(sh|python|js)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCOPES = ["chats:create", "chats:read"]
# The providers of the page: the origin there, the paths of issuer, tokens and key set, and the tokens.
SHOWN = {
    "Auth0": (
        "https://school.eu.auth0.com",
        ("/", "/oauth/token", "/.well-known/jwks.json"),
        {"audience": "https://chats.example.org", "claims": {"permissions": SCOPES}},
    ),
    "Keycloak": (
        "https://sso.example.org",
        (
            "/realms/school",
            "/realms/school/protocol/openid-connect/token",
            "/realms/school/protocol/openid-connect/certs",
        ),
        {"audience": "chats", "claims": {}},
    ),
    "Okta": (
        "https://school.okta.com",
        ("/oauth2/default", "/oauth2/default/v1/token", "/oauth2/default/v1/keys"),
        {"audience": "api://default", "claims": {"scp": SCOPES}},
    ),
}
# Why some libraries' tokens can't be used: what the operator is told, or else the status of the answer.
REFUSED = {
    "PyJWT, HS256": 401,
    "joserfc, Ed25519": 401,
    "jose, Ed25519": 401,
    "jwcrypto, ES512": "it must be a public key of the type EC",
    "jose, ES512": "it must be a public key of the type EC",
    "WebCrypto, Ed25519": "its alg is not one of those",
}
# An added key works within this many seconds, and a little more for the requests themselves.
MOST_SECONDS = 60 + 5


class Provider:
    """A running oidc-provider."""

    def __init__(self, paths, options):
        names = ("issuer", "token", "jwks")
        self.paths = dict(zip(names, paths))
        argument = json.dumps({"paths": self.paths, **options})
        self.process = subprocess.Popen(
            ["node", PROVIDERS / "provider.mjs", argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self):
        self.origin = self.line("ready")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self, word):
        """Reads lines until one begins with a word, and returns the rest of it."""
        for line in self.process.stdout:
            if line.startswith(f"{word} "):
                return line.split()[1]
        sys.exit("the provider ended")

    def rotate(self):
        """Makes it sign with a new key. Returns how often its key set was fetched before."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.line("rotated"))

    def url(self, name):
        return self.origin + self.paths[name]

    def discovered(self, member):
        """Returns a member of the discovery document. There a tenant finds what the operator must know."""
        with urllib.request.urlopen(f"{self.origin}/.well-known/openid-configuration") as answer:
            return json.load(answer)[member]

    def token(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": "back-end",
            "client_secret": "a-secret",
            "scope": " ".join(SCOPES),
        }
        with urllib.request.urlopen(self.url("token"), urllib.parse.urlencode(form).encode()) as answer:
            return json.load(answer)["access_token"]


def create(api, token, audience, scope):
    """Creates a chat and returns the status of the answer."""
    body = json.dumps({"audience": audience, "scope": scope}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{api}/api/v1/chats", body, headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def sections():
    """Returns the code of the page: by heading, a list of languages and texts."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return {heading: BLOCK.findall(text) for heading, text in zip(parts[1::2], parts[2::2])}


def run_block(language, text, folder, **variables):
    """Runs a piece of code in a folder and returns the last line that it prints."""
    commands = {
        "sh": ["bash", "-euo", "pipefail", "-c", text],
        "python": [environment("tokens") / "python", "-c", text],
        "js": ["node", "--input-type=module", "--eval", text],
    }
    run = subprocess.run(
        commands[language], cwd=folder, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    )
    if run.returncode:
        sys.exit(f"failed:\n{text}")
    return run.stdout.strip().rpartition("\n")[2]


def check_page(api, tables, folder, providers):
    """Runs the commands of the page, and checks that each piece that sends a request ends with 201."""
    pages, sent = sections(), 0

    def run(language, text, **variables):
        for (origin, _, _), provider in zip(SHOWN.values(), providers):
            text = text.replace(origin, provider.origin)
        text = text.replace("http://127.0.0.1:3000", api).replace("http://127.0.0.1:8000", tables)
        last = run_block(language, text, folder, **variables)
        if "/api/v1/chats" in text:
            if last != "201":
                sys.exit(f"printed {last}, not 201:\n{text}")
            return 1
        return 0

    for heading in ["With your own keys", *(f"With {name}" for name in SHOWN)]:
        for language, text in pages[heading]:
            sent += run(language, text)
    for name, provider in zip(SHOWN, providers):
        variables = {"TOKEN_URL": provider.url("token"), "AUDIENCE": f"{name.lower()}.example.org"}
        for language, text in pages["In Python and Node.js"]:
            sent += run(language, text, **variables)
    # curl with own keys; curl, Python and Node.js with each provider.
    print(f"docs/tenants.md: {sent} chats created")
    if sent != 1 + 3 * len(SHOWN):
        sys.exit("failed: the page has other pieces than expected")


@functools.cache
def binary():
    return executables()["local"]


def local(*arguments):
    """Runs a command of `cargo local` and returns whether it succeeded, with what it printed."""
    run = subprocess.run([binary(), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return run.returncode == 0, run.stdout


def put_tenant(tables, file, issuer, audience, keys):
    """Writes the file of a tenant and puts it. Returns what is wrong with its keys, if anything is."""
    is_written, said = local("tenant", "new", file, "--issuer", issuer, "--audience", audience, "--keys", keys)
    if not is_written:
        return said
    is_put, said = local("tenant", "put", "--dynamodb-url", tables, file)
    if not is_put:
        sys.exit(f"failed: {said}")
    return None


def check_programs(api, folder):
    """Runs docs/examples with the tenant and the key that the page's commands have made in the folder."""
    made, token = local("token", "--tenant-file", folder / "library.toml", "--key", folder / "library.pem")
    if not made:
        sys.exit(f"failed: {token}")

    def create_chat(scope):
        if create(api, token.strip(), "library.example.org", scope) != 201:
            sys.exit("failed: the chat is not created")

    programs.check(api, folder, create_chat)


def check_libraries(api, tables, folder):
    """Puts a tenant for each library and algorithm, and sends its token."""
    scripts = ([environment("tokens") / "python", "-W", "ignore", "tokens.py"], ["node", "tokens.mjs"])
    lines = [subprocess.run(script, cwd=PROVIDERS, check=True, stdout=subprocess.PIPE) for script in scripts]
    cases = [json.loads(line) for run in lines for line in run.stdout.splitlines()]
    table = PAGE.read_text().partition("\n## Libraries\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in row.split("|")[1:3]] for row in table.splitlines() if row.startswith("| ")]
    # A row's algorithms are names with commas between them, or one name and an explanation.
    rows = {(library, algorithm.split()[0]) for library, algorithms in cells for algorithm in algorithms.split(",")}
    failed = []
    for number, case in enumerate(cases):
        name, expected = case["name"], REFUSED.get(case["name"], 201)
        keys, file = folder / f"{number}.keys", folder / f"{number}.toml"
        keys.write_text(case["keys"])
        fault = put_tenant(tables, file, case["issuer"], case["audience"], keys)
        if fault is None:
            outcome = create(api, case["token"], case["audience"], "libraries")
        else:
            outcome = expected if isinstance(expected, str) and expected in fault else fault
        print(f"  {name}: {outcome}")
        library, algorithm = name.split(", ")
        if not rows & {(library, algorithm), ("any", algorithm)}:
            failed.append(f"{name}: docs/tenants.md has no row for it")
        if outcome != expected:
            failed.append(f"{name}: {outcome}, expected {expected}")
    print(f"libraries: {len(cases)} tokens")
    if failed:
        sys.exit("\n".join(failed))


def check_rotation(api, provider, begun, audience):
    """Rotates the key of a provider while requests run. The set was fetched first at the time `begun`."""
    old = provider.token()
    if create(api, old, audience, "rotation") != 201:
        sys.exit("failed: the first token is rejected")
    fetches = provider.rotate()
    rotated, new, rejected, requests = time.monotonic(), provider.token(), 0, 0
    while create(api, new, audience, "rotation") != 201:
        rejected += 1
        # The old key is still published.
        if create(api, old, audience, "rotation") != 201:
            sys.exit("failed: a token of the old key is rejected")
        if time.monotonic() > rotated + MOST_SECONDS:
            sys.exit(f"failed: a new key is not known {MOST_SECONDS} s later")
        requests += 2
        time.sleep(0.2)
    seconds = time.monotonic() - rotated
    # This rotation is only asked for the count.
    more = provider.rotate() - fetches
    print(f"rotation: {requests} requests, {rejected} of them rejected until the key was known {seconds:.0f} s later")
    print(f"rotation: {more} fetches of the key set")
    if more != 1 or time.monotonic() - begun < 60:
        sys.exit("failed: the key set was fetched more often than once a minute")


def run(_):
    require("curl", "npm")
    if not shutil.which("jq"):
        install("jq")
    node_tools(PROVIDERS)
    environment("tokens")
    binary()
    # `cargo local` is an alias of this workspace, so its commands run below it.
    TARGET.mkdir(exist_ok=True)
    with contextlib.ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="tenants-", dir=TARGET)))
        # Node.js looks for packages in the folders above.
        os.symlink(PROVIDERS / "node_modules", folder / "node_modules")
        api, tables = started.enter_context(cargo_local(folder / "log"))
        providers = [started.enter_context(Provider(paths, options)) for _, paths, options in SHOWN.values()]
        check_page(api, tables, folder, providers)
        check_programs(api, folder)
        begun = time.monotonic()
        rotating = started.enter_context(
            Provider(("", "/token", "/jwks"), {"audience": "rotation.example.org", "claims": {}})
        )
        file = folder / "rotation.toml"
        issuer, keys = rotating.discovered("issuer"), rotating.discovered("jwks_uri")
        put_tenant(tables, file, issuer, "rotation.example.org", keys)
        if create(api, rotating.token(), "rotation.example.org", "rotation") != 201:
            sys.exit("failed: the provider's token is rejected")
        check_libraries(api, tables, folder)
        check_rotation(api, rotating, begun, "rotation.example.org")
