"""Sends requests to `cargo local` that Schemathesis generates from openapi.yaml.

The requests are valid and invalid. They are sent one by one, and in sequences that follow the links
of openapi.yaml. Any answer that openapi.yaml does not allow is a failure.

Options after `--` are passed to `schemathesis run`. For example, `tools/check fuzz -- --seed 7`
repeats a run. The output of the stack is in target/fuzz.log.
"""

import os

from checks.common import TARGET, call, cargo_local, environment, executables, output

SHORT = ["--seed", "1", "--max-examples", "50"]
LONG = ["--max-examples", "300"]


def add_arguments(parser):
    parser.add_argument("--short", action="store_true", help="take under a minute, with the same requests each time")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="option of `schemathesis run`")


def run(options):
    schemathesis = environment("schemathesis") / "schemathesis"
    token = output(executables()["local"], "token", "--ttl", "86400").strip()
    with cargo_local(TARGET / "fuzz.log") as (api, _):
        command = [schemathesis, "--config-file", "tools/checks/schemathesis.toml", "run", "openapi.yaml", "--url", api]
        call(*command, *(SHORT if options.short else LONG), *options.options, env={**os.environ, "TOKEN": token})
