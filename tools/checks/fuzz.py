"""requests that Schemathesis makes of openapi.yaml, to `cargo local`

Valid requests and invalid ones are sent, one by one and in sequences along the document's links. Any
answer that the document does not allow is a failure. Options after `--` go to `schemathesis run`:
`tools/check fuzz -- --seed 7` repeats a run. What the stack says is in target/fuzz.log.
"""

import os

from checks.common import TARGET, call, cargo_local, environment, executables, output

SHORT = ["--seed", "1", "--max-examples", "50"]
LONG = ["--max-examples", "300"]


def add_arguments(parser):
    parser.add_argument("--short", action="store_true", help="less than a minute, the same requests each time")
    parser.add_argument("options", nargs="*", metavar="OPTION", help="an option of `schemathesis run`")


def run(options):
    schemathesis = environment("schemathesis") / "schemathesis"
    token = output(executables()["local"], "token", "--ttl", "86400").strip()
    with cargo_local(TARGET / "fuzz.log") as (api, _):
        command = [schemathesis, "--config-file", "tools/checks/schemathesis.toml", "run", "openapi.yaml", "--url", api]
        call(*command, *(SHORT if options.short else LONG), *options.options, env={**os.environ, "TOKEN": token})
