"""What several checks need: tools and their environments, processes, and a running `cargo local`."""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
REQUIREMENTS = Path(__file__).with_name("requirements")
WEB = ROOT / "tests/web"
# Where what is not installed comes from.
INSTALL = {
    "cargo": "install Rust (https://rustup.rs)",
    "curl": "apt-get install curl",
    "gcc": "apt-get install gcc",
    "git": "apt-get install git",
    "npm": "install Node.js 20.19 or later (https://nodejs.org)",
    "readelf": "apt-get install binutils",
    "strip": "apt-get install binutils",
}


def set_up():
    """What every check does first.

    A check that is told to end does so like one that fails: what it started ends with it. And it
    has no AWS in its environment, so that nothing reaches, or waits for, a developer's account.
    """
    # What is said is seen at once, and before what a command says then.
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # A script in the background inherits that it is to be ignored, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("AWS_") and not name.startswith("AWS_LC_")]:
        del os.environ[name]


def parser(prog, doc, **options):
    raw = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=prog, description=doc, formatter_class=raw, **options)


# ---- Tools.


def need(*programs):
    """Ends the check with one line if a program is missing."""
    for program in programs:
        if not shutil.which(program):
            sys.exit(f"{program} is missing: {INSTALL[program]}")


def call(*command, **options):
    """Runs a command to its end, and ends the check if it fails. Nothing that it started stays."""
    need(*{command[0]} & INSTALL.keys())
    if run(command, **options) != 0:
        sys.exit(f"failed: {shlex.join(map(str, command))}")


def output(*command):
    """What a command prints. Ends the check if it fails."""
    with tempfile.TemporaryFile("w+") as said:
        call(*command, stdout=said)
        said.seek(0)
        return said.read()


def install(*packages):
    """Installs packages of Debian, as root. Anybody else is told to."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"{packages[0]} is missing: apt-get install {' '.join(packages)}")
    print(f"installing {packages[0]}")
    call("apt-get", "update", "-qq", stdout=subprocess.DEVNULL)
    command = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages]
    call(*command, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def tracked(*paths):
    """The files that git tracks, by their paths from the root."""
    return output("git", "-C", str(ROOT), "ls-files", "-z", "--", *paths).split("\0")[:-1]


def environments():
    return sorted(file.stem for file in REQUIREMENTS.glob("*.txt"))


def environment(name):
    """The folder of the commands of requirements/NAME.txt.

    One environment per tool, because their dependencies contradict each other.
    """
    wanted, folder = REQUIREMENTS / f"{name}.txt", TARGET / "venvs" / name
    if not is_installed(wanted, folder / wanted.name):
        if not importlib.util.find_spec("ensurepip"):
            sys.exit("Python's venv is missing: apt-get install python3-venv")
        shutil.rmtree(folder, ignore_errors=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
        call(sys.executable, "-m", "venv", folder)
        call(*pip, "--requirement", wanted, stdout=sys.stderr)
        shutil.copy(wanted, folder)
    return folder / "bin"


def in_environment(name):
    """Goes on with the Python of an environment: starts the script again, unless this is that one."""
    python = environment(name) / "python"
    if not os.path.samefile(sys.prefix, python.parents[1]):
        os.execv(python, [str(python), os.path.abspath(SCRIPT), *sys.argv[1:]])


# Before anyone changes the working directory.
SCRIPT = os.path.abspath(sys.argv[0])


def node_tools():
    """The folder of the commands of tests/web/package-lock.json: one set for all that is in Node.js."""
    need("npm")
    wanted, modules = WEB / "package-lock.json", WEB / "node_modules"
    if not is_installed(wanted, modules / wanted.name):
        # No package runs a script of its own.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        call("npm", "ci", "--prefix", WEB, *options, stdout=sys.stderr)
        shutil.copy(wanted, modules)
    return modules / ".bin"


def is_installed(wanted, copy):
    """The copy of a list is made last, so what was left half installed is installed again."""
    return copy.exists() and copy.read_bytes() == wanted.read_bytes()


# ---- Processes.


class Process:
    """A process that runs for the time of a `with` block and writes to the file `log`.

    It leads a group of its own, which is ended by its id, so that nothing that it started outlives it.
    """

    def __init__(self, name, command, log=None, end_with=signal.SIGTERM, **options):
        self.name = name
        self.end_with = end_with
        self.log = log
        with contextlib.ExitStack() as opened:
            if log:
                options["stdout"] = opened.enter_context(open(log, "wb"))
                options["stderr"] = subprocess.STDOUT
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for kind, seconds in ((self.end_with, 15), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                try:
                    os.killpg(self.process.pid, kind)
                except ProcessLookupError:
                    return
                # Then only asked whether anything of the group is left, itself reaped.
                kind = 0
                time.sleep(0.05)
                self.process.poll()
        raise RuntimeError(f"{self.name} (process group {self.process.pid}) does not end")

    def text(self):
        """What it wrote so far."""
        with open(self.log, errors="replace") as log:
            return log.read()

    def wait_until(self, ready, seconds=60):
        """Waits until `ready()` returns something, which is returned. Ends the check if that takes
        longer, or if the process ends first."""
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            if self.process.poll() is not None:
                sys.exit(f"{self.name} ended:\n{self.text()}")
            if time.monotonic() > deadline:
                sys.exit(f"{self.name} is not ready after {seconds} s:\n{self.text()}")
            time.sleep(0.1)
        return found

    def find(self, pattern):
        """Waits until it wrote what `pattern` matches; the match."""
        return self.wait_until(lambda: re.search(pattern, self.text(), re.MULTILINE))


def run(command, **options):
    """Runs a command and returns its exit status. Nothing that it started stays."""
    with Process(command[0], command, **options) as process:
        return process.process.wait()


def free_port():
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answer(url):
    """Whatever a server answers to GET; None if it does not."""
    try:
        return urllib.request.urlopen(url, timeout=5)
    except urllib.error.HTTPError as error:
        return error
    except (urllib.error.URLError, ConnectionError):
        return None


# ---- The workspace.


def end_to_end(part, *options, **environment):
    """Runs the end-to-end tests whose names begin with `part`; whether all passed."""
    # With all features, as all checks of this kind: the tests are then compiled once.
    command = "cargo test --workspace --locked --all-features --test end-to-end --".split()
    need("cargo")
    return run([*command, part, *options], env={**os.environ, **environment}) == 0


def executables():
    """Builds the workspace in debug mode and returns its executables by name."""
    # The same as `cargo local` builds, so that nothing is compiled twice.
    messages = output(*"cargo build --workspace --bins --locked --message-format=json-render-diagnostics".split())
    built = map(json.loads, messages.splitlines())
    return {message["target"]["name"]: message["executable"] for message in built if message.get("executable")}


@contextlib.contextmanager
def cargo_local(log, *options):
    """A running `cargo local` on free ports. The URLs of its API and of its tables."""
    ports = "--port 0 --dynamodb-port 0 --event-service-port 0".split()
    with Process("cargo local", [executables()["local"], *ports, *options], log) as stack:
        api = stack.find(r"^ready (.+)$")[1]
        yield api, stack.find(r"^tables +(.+)$")[1]
