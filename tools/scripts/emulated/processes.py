"""Processes that a script starts, and ends with everything that they started."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time


@contextlib.contextmanager
def step(name):
    """Says what is being done, and how long it took."""
    print(f"{name}:", flush=True)
    start = time.monotonic()
    yield
    print(f"  {time.monotonic() - start:.1f} s", flush=True)


def set_up():
    """What each script here does first.

    It leaves as it should when it is told to end, too: so that what it started is ended. And it takes AWS out of the environment:
    nothing that it starts may reach, or wait for, an account of the developer's.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # A script in the background inherits that it is to be ignored, and what it starts would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A process that runs as long as the `with` block. It leads a group of its own, which is ended by its id, so that what it
    started does not outlive it. What it writes goes to the file `log`, if there is one."""

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
            try:
                os.killpg(self.process.pid, kind)
            except ProcessLookupError:
                return
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                # Reaped as soon as it is over: what is left of the group is then what it started.
                self.process.poll()
                try:
                    os.killpg(self.process.pid, 0)
                except ProcessLookupError:
                    return
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} (process group {self.process.pid}) does not end")

    def text(self):
        """What it wrote so far."""
        with open(self.log, errors="replace") as log:
            return log.read()

    def wait_until(self, ready, seconds=60):
        """Waits until `ready()` returns something, which is returned.

        Fails if the process ends first, or takes longer than this many seconds.
        """
        deadline = time.monotonic() + seconds
        while True:
            if found := ready():
                return found
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended:\n{self.text()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} is not ready after {seconds} s:\n{self.text()}")
            time.sleep(0.1)


def run(command, **options):
    """Runs a command and returns its exit status. Nothing that it started stays."""
    with Process(command[0], command, **options) as process:
        return process.process.wait()
