"""Checks that the commands in README.md and docs/local.md print the output shown there.

Runs the commands (```console) against `cargo local` and compares the output. Times, request ids and
the ids of new rooms are ignored, because they differ in every run. In the documents, `(the same)`
stands for the remaining lines of the previous output, and `(and so on..)` stands for any lines.
"""

import re
import subprocess
import sys
import tempfile

from checks.common import ROOT, call, cargo_local, require

# The order matters. Both documents use the same stack, and the second reads what the first creates.
DOCUMENTS = ["README.md", "docs/local.md"]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The room that `cargo local` creates for the example of a conversion.
KNOWN_ROOM = "6f1c2b0a-3d4e-4f50-8a6b-7c8d9e0f1a2b"
VARYING = [
    re.compile(r'(?<="created_at":)\d+'),
    re.compile(r'(?<="request_id":")[^"]+'),
    re.compile(rf'(?<="event_room_id":")(?!{KNOWN_ROOM})[0-9a-f-]{{36}}(?=")'),
    re.compile(r"(?<=^apigw-requestid: ).*", re.MULTILINE),
    re.compile(r"(?<=^date: ).*", re.MULTILINE),
]
SEPARATOR = "---- end of the output"


def examples():
    """Yields each command with the lines of the output shown."""
    for document in DOCUMENTS:
        for block in BLOCK.findall((ROOT / document).read_text()):
            for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *lines = example.rstrip("\n").split("\n")
                yield command, lines


def comparable_lines(text):
    """Replaces everything that differs in every run, and splits the text into lines."""
    for pattern in VARYING:
        text = pattern.sub("*", text)
    return text.rstrip("\n").split("\n") if text.strip() else []


def run(_):
    require("curl")
    shown = list(examples())
    # The examples run this command. Building it first keeps the compiler's messages out of them.
    call("cargo", "local", "token", stdout=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile() as log, cargo_local(log.name) as (api, tables):
        # All commands run in one shell, because later ones use the variables of earlier ones.
        script = "".join(f"{command}\nprintf '\\n%s\\n' '{SEPARATOR}'\n" for command, _ in shown)
        script = script.replace("http://127.0.0.1:3000", api).replace("http://127.0.0.1:8000", tables)
        script = script.replace("curl ", "curl --silent ")
        printed = subprocess.run(["bash"], input=script, stdout=subprocess.PIPE, text=True).stdout
    *outputs, rest = printed.replace("\r", "").split(f"\n{SEPARATOR}\n")
    if rest or len(outputs) != len(shown):
        sys.exit(f"the shell ended too early: {len(shown)} examples, but {len(outputs)} outputs")
    previous, failed = [], 0
    for (command, lines), output in zip(shown, outputs):
        actual = comparable_lines(output)
        expected = comparable_lines("\n".join(lines))
        compared = actual
        if expected and expected[-1] == "(the same)":
            expected[-1:] = previous[len(expected) - 1 :]
        elif expected and expected[-1].startswith("(and so on"):
            expected.pop()
            compared = actual[: len(expected)]
        is_right = compared == expected
        failed += not is_right
        print(("ok: " if is_right else "WRONG: ") + command)
        if not is_right:
            print("  shown:   " + "\n           ".join(expected) + "\n  printed: " + "\n           ".join(actual))
        previous = actual
    print(f"{len(shown)} examples, {failed or 'none'} wrong")
    sys.exit(bool(failed))
