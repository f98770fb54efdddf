"""Tests every function and every route in containers, with `sam local`.

Each sample event in events/ must get the answer that the tests expect (`sam local invoke`). So must
each route over HTTP (`sam local start-api`). If Docker runs on this machine, the check uses it,
with Amazon's published image. Otherwise the check starts an engine, with a substitute for the
image.
"""

import contextlib
import os
import signal
import sys
import tempfile

from checks import docker
from checks.common import (
    Process, answer, build_of_sam, cargo_local, end_to_end, environment, free_port, in_environment, output,
)


def add_arguments(parser):
    parser.add_argument("--build", metavar="FOLDER", help="output of sam build, as in .aws-sam/build [debug binaries]")


def run(options):
    if options.build:
        build_of_sam(options.build)
    in_environment("sam")
    from checks import sam_template

    os.environ.update({"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"})
    os.environ["PATH"] = f"{environment('sam')}:{os.environ['PATH']}"
    with contextlib.ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="sam-local-"))
        build = options.build or os.path.join(folder, "build")
        if not options.build:
            print("build (debug)")
            sam_template.debug_build(build)
        print("Docker")
        image = started.enter_context(docker.engine(os.path.join(folder, "docker")))
        inspect = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"]
        logs = [os.path.join(folder, "local.log"), os.path.join(folder, "api.log")]
        print("cargo local")
        started.enter_context(cargo_local(logs[0], "--also-listen", output(*inspect).strip()))
        sam_options = [
            *("--template", os.path.join(build, "template.yaml")),
            *("--env-vars", "target/local/sam-environment.json"),
            *("--parameter-overrides", "Architecture=x86_64"),
            *image,
        ]
        print("sam local start-api")
        url = started.enter_context(api(sam_options, logs[1]))
        print("checks")
        variables = {"SAM_LOCAL_OPTIONS": " ".join(sam_options), "SAM_LOCAL_URL": url}
        if not end_to_end("sam_local::", "--test-threads", "1", **variables):
            for log in logs:
                with open(log, errors="replace") as text:
                    print(f"{log}:\n{text.read()}", file=sys.stderr)
            sys.exit("failed: the end-to-end tests of sam local")


@contextlib.contextmanager
def api(options, log):
    """Runs `sam local start-api` and yields its URL."""
    port = free_port()
    command = f"sam local start-api --host 127.0.0.1 --port {port} --warm-containers LAZY".split() + options
    # It removes its containers when it is interrupted.
    with Process("sam local", command, log, end_with=signal.SIGINT) as process:
        url = f"http://127.0.0.1:{port}"
        process.wait_until(lambda: answer(url))
        yield url
