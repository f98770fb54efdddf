"""Checks that scripts say what to do if a tool, a variable, a credential or a build is missing.

Runs each of them in a copy of the repository, without the thing. It must fail with one sentence that
says what is missing, and without a traceback. Nothing is deployed: there are no credentials.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checks.common import ROOT, TARGET, call, environment, tracked

# Where AWS is looked for, and no credentials are found.
NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
# The programs that the scripts start.
PROGRAMS = "awk bash cargo curl dirname env git npm readelf sh".split()
# These are only looked for, so any program can stand in for them.
STAND_INS = "aws jq".split()
# A command, the program that is missing, the variables, and what the message must contain.
CASES = [
    ("deployment/keep-release stack folder", "aws", {}, "aws is missing: install the AWS command line"),
    ("deployment/remove-preview 1", "jq", {}, "jq is missing: apt-get install jq"),
    ("deployment/remove-preview one", None, {}, "one is not a number"),
    ("deployment/roll-back stack folder", None, {}, "folder contains no earlier release"),
    ("deployment/deploy nowhere", None, {}, "samconfig.toml has no environment nowhere: it has "),
    ("deployment/deploy dev", "git", {}, "git is missing: apt-get install git"),
    ("deployment/deploy dev", None, {}, "has no template.yaml: run `sam build`"),
    ("deployment/smoke-test http://127.0.0.1:1", None, {}, "the environment variable CHATS_TOKEN is missing"),
    ("deployment/smoke-test chats-dev", None, {}, "chats-dev is not an http(s) URL"),
    (
        "deployment/smoke-test http://127.0.0.1:1",
        None,
        {"CHATS_TOKEN": "t", "CHATS_AUDIENCE": "a"},
        "no answer to POST http://127.0.0.1:1/api/v1/chats: ",
    ),
    ("deployment/smoke-test stack audience", None, {}, "You must specify a region. Set AWS_PROFILE"),
    (
        "deployment/smoke-test stack audience",
        None,
        {"AWS_DEFAULT_REGION": "eu-central-1"},
        "Unable to locate credentials. Set AWS_PROFILE",
    ),
    ("deployment/service-key dev", None, {}, "sign in to the account of dev"),
    ("tools/venv nothing", None, {}, "invalid choice: 'nothing'"),
    ("tools/check build", None, {}, "has no template.yaml: run `sam build`"),
    ("tools/check deploy --build nowhere", None, {}, "nowhere has no template.yaml: run `sam build`"),
    ("tools/check sam-local --build nowhere", None, {}, "nowhere has no template.yaml: run `sam build`"),
    ("tools/check coverage", None, {}, "OPENAPI_SEEN is missing"),
    ("tools/check docs", "git", {}, "git is missing: apt-get install git"),
    ("tools/check openapi", "npm", {}, "npm is missing: install Node.js"),
    ("tools/check examples", "curl", {}, "curl is missing: apt-get install curl"),
    ("tools/check load", "cargo", {}, "cargo is missing: install Rust"),
]


def run(_):
    # The copy has no environments of its own.
    environment("smoke-tenant")
    faults = []
    with tempfile.TemporaryDirectory(prefix="scripts-") as folder:
        copy = Path(folder) / "copy"
        for name in tracked("deployment", "tools/check", "tools/checks", "tools/venv", "functions", "samconfig.toml"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        (copy / "target").symlink_to(TARGET)
        call("git", "init", "--quiet", copy)
        for command, program, variables, expected in CASES:
            path = programs_without(program, Path(folder) / f"without {program}")
            fault = fault_of(command.split(), copy, {"PATH": path, "HOME": folder, **NOWHERE, **variables}, expected)
            what = f"{command} {' '.join(variables)}" + (f" without {program}" if program else "")
            print(f"{'WRONG' if fault else 'ok'}: {what}")
            faults += [f"{what}: {fault}"] if fault else []
    print(f"{len(CASES)} cases, {len(faults) or 'none'} wrong")
    sys.exit("\n".join(faults) or None)


def programs_without(program, folder):
    """Makes a folder with links to the programs that the scripts use, but one, and returns it."""
    folder.mkdir(exist_ok=True)
    # Python is the one that runs this check.
    found = {name: shutil.which(name) for name in PROGRAMS} | {name: shutil.which("true") for name in STAND_INS}
    found["python3"] = sys.executable
    for name, path in found.items():
        if name != program and path and not (folder / name).is_symlink():
            (folder / name).symlink_to(path)
    return str(folder)


def fault_of(command, folder, variables, expected):
    """Returns what is wrong with how a command fails, or None."""
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60)
    said = result.stdout + result.stderr
    if result.returncode == 0:
        return "it succeeds"
    if "Traceback" in said or expected not in said:
        return f"it should say {expected!r}, but says\n{said}"
    return None
