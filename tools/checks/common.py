"""Shared code of the checks: tools, Python environments, processes, and `cargo local`."""

import argparse
import contextlib
import functools
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
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
REQUIREMENTS = Path(__file__).with_name("requirements")
# Its package.json says which Node.js the checks need.
NODE = Path(__file__).with_name("node")
WEB = ROOT / "tests/web"
PROVIDERS = ROOT / "tests/providers"
# How to install each program that a check may need.
INSTALL = {
    "cargo": "install Rust (https://rustup.rs)",
    "curl": "apt-get install curl",
    "gcc": "apt-get install gcc",
    "git": "apt-get install git",
    "npm": "install Node.js (https://nodejs.org)",
    "readelf": "apt-get install binutils",
    "strip": "apt-get install binutils",
}


def set_up():
    """Prepares this process. Every check calls this first.

    On SIGTERM, a check exits as if it had failed, so it also stops the processes that it started.
    The AWS settings are removed from the environment, so that no process uses a developer's account
    or waits for it.
    """
    # Messages appear immediately, and before the output of the next command.
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Shells start background jobs with SIGINT ignored, and child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("AWS_") and not name.startswith("AWS_LC_")]:
        del os.environ[name]


def parser(prog, doc, **options):
    """Creates an argument parser whose help shows `doc` with its line breaks."""
    raw = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=prog, description=doc, formatter_class=raw, **options)


# ---- Tools.


def require(*programs):
    """Ends the check if a program is missing, and says how to install it."""
    for program in programs:
        if not shutil.which(program):
            sys.exit(missing(program))


def missing(program):
    return f"{program} is missing: {INSTALL.get(str(program), 'install it')}"


def build_of_sam(folder):
    """Returns the folder with the output of `sam build`. Ends the check if there is none."""
    if not (Path(folder) / "template.yaml").exists():
        sys.exit(f"{folder} has no template.yaml: run `sam build` (docs/local.md, SAM by hand)")
    return folder


def call(*command, **options):
    """Runs a command and waits for it. Ends the check if it fails.

    The processes that the command started end with it.
    """
    if run(command, **options) != 0:
        sys.exit(f"failed: {shlex.join(map(str, command))}")


def output(*command):
    """Runs a command and returns its output. Ends the check if it fails."""
    with tempfile.TemporaryFile("w+") as stdout:
        call(*command, stdout=stdout)
        stdout.seek(0)
        return stdout.read()


def install(*packages):
    """Installs Debian packages if this process is root. Otherwise ends the check and names them."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"{packages[0]} is missing: apt-get install {' '.join(packages)}")
    print(f"installing {packages[0]}")
    call("apt-get", "update", "-qq", stdout=subprocess.DEVNULL)
    command = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *packages]
    call(*command, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def tracked(*paths):
    """Returns the files that git tracks, as paths from the root."""
    return output("git", "-C", str(ROOT), "ls-files", "-z", "--", *paths).split("\0")[:-1]


def environments():
    """Returns the names of all Python environments."""
    return sorted(file.stem for file in REQUIREMENTS.glob("*.in"))


def environment(name):
    """Creates the environment of requirements/NAME.txt and returns the folder of its commands.

    Each tool has its own environment, because the tools' dependencies conflict.
    """
    requirements, folder = REQUIREMENTS / f"{name}.txt", TARGET / "venvs" / name
    # The Python that made the environment may have been removed since.
    works = (folder / "bin/python").exists()
    if not works or not is_installed(requirements, folder / requirements.name):
        if not importlib.util.find_spec("ensurepip"):
            sys.exit("Python's venv is missing: apt-get install python3-venv")
        shutil.rmtree(folder, ignore_errors=True)
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check"]
        # The file is complete. If pip looked for dependencies, it would want a pin of its own for each extra.
        pip += ["--require-hashes", "--no-deps"]
        require_compiled(name)
        call(sys.executable, "-m", "venv", folder)
        call(*pip, "--requirement", requirements, stdout=sys.stderr)
        shutil.copy(requirements, folder)
    return folder / "bin"


def compile_requirements(name):
    """Writes NAME.txt from NAME.in, for every system. Versions that NAME.txt has already stay if they still fit."""
    options = "--quiet --universal --python-version 3.11 --generate-hashes --strip-extras".split()
    uv = [environment("uv") / "uv", "pip", "compile", *options]
    call(*uv, f"{name}.in", "--output-file", f"{name}.txt", cwd=REQUIREMENTS)


def require_compiled(name):
    """Ends the check if NAME.in has a requirement that NAME.txt was not compiled with."""
    compiled = (REQUIREMENTS / f"{name}.txt").read_text()
    for line in (REQUIREMENTS / f"{name}.in").read_text().lower().splitlines():
        pin = re.sub(r"\[.*\]", "", line)
        if not line.startswith("#") and not re.search(rf"^{re.escape(pin)}(?![\w.])", compiled, re.MULTILINE):
            sys.exit(f"{line} is not in requirements/{name}.txt: run tools/venv --compile {name}")


def in_environment(name):
    """Restarts the script with the Python of an environment, unless that Python already runs it."""
    python = environment(name) / "python"
    if not os.path.samefile(sys.prefix, python.parents[1]):
        os.execv(python, [str(python), os.path.abspath(SCRIPT), *sys.argv[1:]])


# Read here because the path may be relative, and checks change the working directory later.
SCRIPT = os.path.abspath(sys.argv[0])


def node_tools(folder=WEB):
    """Installs the packages of package-lock.json in a folder and returns the folder of their commands.

    From then on, the command `node` is new enough for them.
    """
    use_node()
    return node_packages(folder)


@functools.cache
def use_node():
    """Puts Node.js from npm into PATH if the machine's own is too old."""
    require("npm")
    needed = json.loads((NODE / "package.json").read_text())["engines"]["node"].removeprefix(">=")
    installed = output("node", "--version").strip().removeprefix("v").partition("-")[0]
    if [*map(int, installed.split("."))] < [*map(int, needed.split("."))]:
        folder = node_packages(NODE)
        if not (folder / "node").exists():
            sys.exit(f"Node.js {installed} is too old: install {needed} or later (https://nodejs.org)")
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def node_packages(folder):
    """Installs the packages of package-lock.json in a folder and returns the folder of their commands."""
    lock, modules = folder / "package-lock.json", folder / "node_modules"
    if not is_installed(lock, modules / lock.name):
        # With --ignore-scripts, no package runs its own install script.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        call("npm", "ci", "--prefix", folder, *options, stdout=sys.stderr)
        shutil.copy(lock, modules)
    return modules / ".bin"


def is_installed(requirements, copy):
    """Returns whether the packages of a file are installed, which a copy of the file shows.

    The copy is made last, so an interrupted installation is repeated.
    """
    return copy.exists() and copy.read_bytes() == requirements.read_bytes()


# ---- Processes.


class Process:
    """A process that runs during a `with` block and writes its output to the file `log`.

    It leads its own process group. At the end of the block the whole group is stopped, so no child
    process outlives it.
    """

    def __init__(self, name, command, log=None, end_with=signal.SIGTERM, **options):
        self.name = name
        self.end_with = end_with
        self.log = log
        with contextlib.ExitStack() as opened:
            if log:
                options["stdout"] = opened.enter_context(open(log, "wb"))
                options["stderr"] = subprocess.STDOUT
            options |= {"stdin": subprocess.DEVNULL, "start_new_session": True}
            try:
                self.process = subprocess.Popen(command, **options)
            except FileNotFoundError as error:
                sys.exit(missing(error.filename))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for signal_number, seconds in ((self.end_with, 15), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                try:
                    os.killpg(self.process.pid, signal_number)
                except ProcessLookupError:
                    return
                # Signal 0 only tests whether the group still exists. The poll reaps its leader.
                signal_number = 0
                time.sleep(0.05)
                self.process.poll()
        raise RuntimeError(f"{self.name} (process group {self.process.pid}) does not stop")

    def text(self):
        """Returns the output so far."""
        with open(self.log, errors="replace") as log:
            return log.read()

    def wait_until(self, ready, seconds=60):
        """Waits until `ready()` returns a true value, and returns it.

        Ends the check if that takes more than `seconds`, or if the process exits first.
        """
        deadline = time.monotonic() + seconds
        while not (result := ready()):
            if self.process.poll() is not None:
                sys.exit(f"{self.name} exited:\n{self.text()}")
            if time.monotonic() > deadline:
                sys.exit(f"{self.name} is not ready after {seconds} s:\n{self.text()}")
            time.sleep(0.1)
        return result

    def find(self, pattern):
        """Waits until the output matches `pattern`, and returns the match."""
        return self.wait_until(lambda: re.search(pattern, self.text(), re.MULTILINE))


def run(command, **options):
    """Runs a command and returns its exit status. The processes that it started end with it."""
    with Process(command[0], command, **options) as process:
        return process.process.wait()


def free_port():
    """Returns a port of 127.0.0.1 that is not in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answer(url):
    """Sends GET to a server. Returns the answer with any status, or None if there is no answer."""
    try:
        return urllib.request.urlopen(url, timeout=5)
    except urllib.error.HTTPError as error:
        return error
    except (urllib.error.URLError, ConnectionError):
        return None


# ---- The workspace.


def version():
    """Returns the version of the software, from Cargo.toml."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def end_to_end(part, *options, **environment):
    """Runs the end-to-end tests whose names contain `part`, and returns whether all passed."""
    # Every check enables all features, so the tests are compiled only once.
    command = "cargo test --workspace --locked --all-features --test end-to-end --".split()
    require("cargo")
    return run([*command, part, *options], env={**os.environ, **environment}) == 0


def executables():
    """Builds the functions and `cargo local` in debug mode and returns the executables by name."""
    # `cargo local` builds with the same options, so nothing is compiled twice.
    packages = ["local", *(folder.name for folder in (ROOT / "functions").iterdir())]
    build = "cargo build --bins --locked --message-format=json-render-diagnostics".split()
    messages = output(*build, *(f"--package={package}" for package in packages))
    built = map(json.loads, messages.splitlines())
    return {message["target"]["name"]: message["executable"] for message in built if message.get("executable")}


@contextlib.contextmanager
def cargo_local(log, *options):
    """Runs `cargo local` on free ports and yields the URLs of its API and of its tables."""
    ports = "--port 0 --dynamodb-port 0 --event-service-port 0".split()
    with Process("cargo local", [executables()["local"], *ports, *options], log) as stack:
        api = stack.find(r"^ready (.+)$")[1]
        yield api, stack.find(r"^tables +(.+)$")[1]
