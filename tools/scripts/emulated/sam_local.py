"""Runs the functions in containers, as `sam local` does, against the tables and the event service of a running `cargo local`.

Each sample event in events/ gets the answer that the tests promise (`sam local invoke`), and so does each route over HTTP
(`sam local start-api`). Docker is used if it runs here, with the image that Amazon publishes; if it does not, an engine of our own
is started, with a stand-in for the image (tools/scripts/sam-docker). Everything that is started here is ended here.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import debug_build
from processes import Process, free_port, run, set_up, step

ROOT = debug_build.ROOT
# With all features, as other checks of this kind: the tests are then compiled once for all of them.
CHECKS = "cargo test --workspace --locked --all-features --test end-to-end -- --test-threads 1 sam_local::".split()
IMAGE = "lambda-stand-in"


def main():
    arguments = argparse.ArgumentParser(prog="tools/scripts/sam-local-check", description=__doc__.split("\n")[0])
    arguments.add_argument("--build", metavar="FOLDER", help="what sam build made, e.g. .aws-sam/build [default: debug binaries]")
    arguments = arguments.parse_args()
    set_up()
    os.environ.update({"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"})

    with contextlib.ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="sam-local-check-"))
        with step("build (debug)"):
            _, binaries = debug_build.build(os.path.join(folder, "build"))
        build = arguments.build or os.path.join(folder, "build")
        with step("Docker"):
            image = started.enter_context(docker(os.path.join(folder, "docker")))
            inspect = "docker network inspect bridge --format".split() + ["{{(index .IPAM.Config 0).Gateway}}"]
            address = subprocess.run(inspect, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        with step("cargo local"):
            ports = "--port 0 --dynamodb-port 0 --event-service-port 0 --also-listen".split()
            local = Process("cargo local", [binaries["local"], *ports, address], os.path.join(folder, "local.log"))
            started.enter_context(local).wait_until(lambda: re.search(r"^ready ", local.text(), re.MULTILINE))
        options = [
            *("--template", os.path.join(build, "template.yaml")),
            *("--env-vars", os.path.join(ROOT, "target/local/sam-environment.json")),
            *("--parameter-overrides", "Architecture=x86_64"),
            *image,
        ]
        with step("sam local start-api"):
            url = started.enter_context(api(options, folder))
        with step("checks"):
            environment = {"SAM_LOCAL_OPTIONS": " ".join(options), "SAM_LOCAL_URL": url}
            status = run(CHECKS, cwd=ROOT, env={**os.environ, **environment})
        if status != 0:
            for log in ("local.log", "api.log"):
                with open(os.path.join(folder, log), errors="replace") as text:
                    print(f"{log}:\n{text.read()}", file=sys.stderr)
            sys.exit(f"failed: {' '.join(CHECKS)}")


@contextlib.contextmanager
def docker(folder):
    """A Docker that answers; options of `sam local` that name the image to use."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        print("  this machine's")
        yield []
        return
    print("  tools/scripts/sam-docker")
    script = os.path.join(ROOT, "tools/scripts/sam-docker")
    subprocess.run([script, "start", folder], check=True)
    os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    try:
        yield ["--invoke-image", IMAGE, "--skip-pull-image"]
    finally:
        subprocess.run([script, "stop", folder], check=True)


@contextlib.contextmanager
def api(options, folder):
    """A running `sam local start-api`; its URL."""
    port = free_port()
    command = ["sam", "local", "start-api", "--host", "127.0.0.1", "--port", str(port), "--warm-containers", "LAZY", *options]
    # It takes its containers away when it is interrupted.
    with Process("sam local", command, os.path.join(folder, "api.log"), end_with=signal.SIGINT) as process:
        url = f"http://127.0.0.1:{port}"

        def answers():
            try:
                return urllib.request.urlopen(url, timeout=5)
            except urllib.error.HTTPError as error:
                return error
            except (urllib.error.URLError, ConnectionError):
                return None

        process.wait_until(answers)
        yield url


if __name__ == "__main__":
    main()
