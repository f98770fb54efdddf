"""Loads the functions with the mix of docs/scaling.md, as fast as this machine bears.

autocannon sends the requests to `cargo local`, which runs release binaries of the functions. The
gateway, the tables and the event service are those of `cargo local`, built with optimization. All
of it shares the processors of this machine, so the rate says nothing about AWS. What it shows: no
request is answered with a status that the mix does not ask for, and no process keeps growing.

Prints the tables of docs/reliability.md.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path

from checks.common import ROOT, TARGET, WEB, Process, call, node_tools, output, require

AUDIENCE = "school.example.org"
CHATS = 1_000
# 0.5 % of the requests convert a room: enough for 10 minutes at 6,000 requests a second.
ROOMS = 20_000
# The processes of a function may grow by this part in the second half of the time. In the first half, those that
# read put the chats into their memory: after 5 minutes each one has nearly all of them.
GROWTH = 0.05
# What a request leaves behind in bytes, for a reason that is not ours (docs/reliability.md#load): 112 were measured.
TRACE_BYTES = 150


def add_arguments(parser):
    parser.add_argument("--minutes", type=float, default=10, help="how long [10]")
    parser.add_argument("--connections", type=int, default=16, help="requests at a time [16]")


def memory(stack):
    """Returns the resident memory of each function's process, in bytes, by name and process id."""
    sizes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
            if int(status["PPid"]) == stack and "VmRSS" in status:
                name = Path(os.readlink(folder / "exe")).name
                sizes[f"{name} {folder.name}"] = int(status["VmRSS"].split()[0]) * 1024
    return sizes


def rooms(data):
    """Puts rooms without a chat into the event service's journal, and returns a file with their ids."""
    ids = [str(uuid.uuid4()) for _ in range(ROOMS)]
    room = {"audience": AUDIENCE, "classroom_id": str(uuid.UUID(int=0)), "kind": "Webinar", "time": [0, None]}
    room |= {"preserve_history": True, "created_at": 0}
    with open(data / "event-service.jsonl", "w") as journal:
        journal.writelines(json.dumps({"room": {"id": id, **room}}) + "\n" for id in ids)
    file = data / "rooms"
    file.write_text("\n".join(ids))
    return file


def run(options):
    require("cargo")
    node_tools()
    call(*"cargo build --profile bench --locked --package local".split())
    call(*"cargo build --release --locked".split())
    local = TARGET / "release/local"
    seconds = round(options.minutes * 60)
    # The tables are files; here they are files in memory, as in the benchmarks.
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    samples, ended = [], threading.Event()
    with tempfile.TemporaryDirectory(prefix="load-", dir=folder) as data, tempfile.NamedTemporaryFile() as log:
        ids = rooms(Path(data))
        ports = "--port 0 --dynamodb-port 0 --event-service-port 0 --release --data".split()
        with Process("cargo local", [local, *ports, data], log.name) as stack:
            url = stack.find(r"^ready (.+)$")[1]
            token = output(local, "token").strip()
            arguments = [url, token, AUDIENCE, CHATS, ids, options.connections, seconds]
            script = ["node", "load.mjs", *map(str, arguments)]
            load = subprocess.Popen(script, cwd=WEB, stdout=subprocess.PIPE, text=True)
            sampling = threading.Thread(target=sample, args=(stack.process.pid, seconds / 50, samples, ended))
            sampling.start()
            printed, _ = load.communicate()
            ended.set()
            sampling.join()
    if load.returncode != 0:
        sys.exit("the load did not end well")
    sys.exit(not report(json.loads(printed), samples, options))


def sample(stack, seconds, samples, ended):
    while not ended.wait(seconds):
        samples.append(memory(stack))


def report(result, samples, options):
    total = sum(kind["count"] for kind in result["kinds"].values())
    commit = output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    print(f"{total:,} requests in {result['seconds']:.0f} s with {options.connections} at a time ({commit})\n")
    print("| request | count | p50, ms | p99, ms | p99.9, ms | longest, ms | other statuses |")
    print("|---|---|---|---|---|---|---|")
    ok = result["lost"] == 0
    for name, kind in result["kinds"].items():
        times = " | ".join(f"{time:.1f}" for time in kind["milliseconds"])
        others = ", ".join(f"{status}: {other['count']}" for status, other in kind["others"].items())
        print(f"| {name} | {kind['count']:,} | {times} | {others or 'none'} |")
        for status, other in kind["others"].items():
            print(f"first {status}: {other['first']}", file=sys.stderr)
        ok &= not kind["others"] and kind["count"] > 0
    print(f"\nLost or timed out: {result['lost']}\n")
    print("| function | processes | requests | after a quarter of the time, MB | after half of it, MB | at the end, MB |")
    print("|---|---|---|---|---|---|")
    points = [samples[len(samples) // 4], samples[len(samples) // 2], samples[-1]]
    processes = set.intersection(*map(set, points))
    for function in sorted({process.split()[0] for process in processes}):
        own = [process for process in processes if process.split()[0] == function]
        early, half, end = (sum(point[process] for process in own) for point in points)
        # A kind of request is named after its function.
        requests = sum(kind["count"] for name, kind in result["kinds"].items() if name.split(",")[0] == function)
        is_flat = end <= half * (1 + GROWTH) + requests / 2 * TRACE_BYTES
        sizes = " | ".join(f"{size / 1e6:.1f}" for size in (early, half, end))
        print(f"| {function} | {len(own)} | {requests:,} | {sizes}{'' if is_flat else ' (grows)'} |")
        ok &= is_flat
    print(f"\n{'ok' if ok else 'FAILED'}")
    return ok
