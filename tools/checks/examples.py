"""the commands in README.md and docs/local.md answer what is shown

Runs the commands (```console) against `cargo local` and compares. What differs in each run (times, ids
of requests and of new rooms) is not compared. In the texts, `(the same)` stands for the lines of the
answer before that are not written out above it, and `(and so on..)` for any lines.
"""

import re
import subprocess
import sys
import tempfile

from checks.common import ROOT, call, cargo_local, need

# In this order, on one stack: what the first creates, the second reads.
TEXTS = ["README.md", "docs/local.md"]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The room that `cargo local` puts there to be converted.
KNOWN_ROOM = "6f1c2b0a-3d4e-4f50-8a6b-7c8d9e0f1a2b"
DIFFERS = [
    re.compile(r'(?<="created_at":)\d+'),
    re.compile(r'(?<="request_id":")[^"]+'),
    re.compile(rf'(?<="event_room_id":")(?!{KNOWN_ROOM})[0-9a-f-]{{36}}(?=")'),
    re.compile(r"(?<=^apigw-requestid: ).*", re.MULTILINE),
    re.compile(r"(?<=^date: ).*", re.MULTILINE),
]
END = "---- end of an answer"


def examples():
    """Each command, with the lines of its answer."""
    for text in TEXTS:
        for block in BLOCK.findall((ROOT / text).read_text()):
            for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *answer = example.rstrip("\n").split("\n")
                yield command, answer


def same_each_time(text):
    for pattern in DIFFERS:
        text = pattern.sub("*", text)
    return text.rstrip("\n").split("\n") if text.strip() else []


def run(_):
    need("curl")
    shown = list(examples())
    # The examples call it: built first, so that its compiler says nothing between them.
    call("cargo", "local", "token", stdout=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile() as log, cargo_local(log.name) as (api, tables):
        # One shell, which keeps the variables.
        script = "".join(f"{command}\nprintf '\\n%s\\n' '{END}'\n" for command, _ in shown)
        script = script.replace("http://127.0.0.1:3000", api).replace("http://127.0.0.1:8000", tables)
        script = script.replace("curl ", "curl --silent ")
        said = subprocess.run(["bash"], input=script, stdout=subprocess.PIPE, text=True).stdout
    *answers, rest = said.replace("\r", "").split(f"\n{END}\n")
    if rest or len(answers) != len(shown):
        sys.exit(f"{len(shown)} examples, {len(answers)} answers: the shell ended before the last")
    before, failed = [], 0
    for (command, lines), answer in zip(shown, answers):
        answer = same_each_time(answer)
        expected = same_each_time("\n".join(lines))
        compared = answer
        if expected and expected[-1] == "(the same)":
            expected[-1:] = before[len(expected) - 1 :]
        elif expected and expected[-1].startswith("(and so on"):
            expected.pop()
            compared = answer[: len(expected)]
        is_right = compared == expected
        failed += not is_right
        print(("ok: " if is_right else "WRONG: ") + command)
        if not is_right:
            print("  shown:   " + "\n           ".join(expected) + "\n  answers: " + "\n           ".join(answer))
        before = answer
    print(f"{len(shown)} examples, {failed or 'none'} wrong")
    sys.exit(bool(failed))
