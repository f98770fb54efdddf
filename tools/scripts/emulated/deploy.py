"""Deploys the stack into ministack, an emulator of AWS, and runs the end-to-end checks against it.

What is deployed is template.yaml, by CloudFormation: tables, key, roles, functions with their aliases, the API with its routes.
The functions are the real binaries, which ministack runs as processes of this machine; they sign with its KMS, and each may do
what its role allows, no more. Nothing listens but on 127.0.0.1, and everything that is started here is ended here.

What the emulator does not have is left out, and said: gradual deployment, alarms on metric math, conditions on kms: keys.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.exceptions import WaiterError
from samtranslator.yaml_helper import yaml_parse

import debug_build
from processes import Process, free_port, run, set_up, step
from translation import translate

BUCKET = "packages"
# The emulator's own account: with these credentials everything is allowed.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
# With all features, as other checks of this kind: the tests are then compiled once for all of them.
CHECKS = "cargo test --workspace --locked --all-features --test end-to-end -- deployed::".split()


def main():
    arguments = argparse.ArgumentParser(prog="tools/scripts/deploy-emulated", description=__doc__.split("\n")[0])
    arguments.add_argument("--build", metavar="FOLDER", help="what sam build made, e.g. .aws-sam/build [default: debug binaries]")
    arguments.add_argument("command", nargs=argparse.REMAINDER, help="what to run against the stack [default: the end-to-end checks]")
    arguments = arguments.parse_args()
    set_up()
    os.environ.update(CREDENTIALS)

    with contextlib.ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="deploy-emulated-"))
        build = arguments.build
        if build is None:
            build = os.path.join(folder, "build")
            with step("build (debug)"):
                debug_build.build(build)
        with step("start ministack"):
            os.environ["AWS_ENDPOINT_URL"] = started.enter_context(ministack(folder))
        event_service = f"127.0.0.1:{free_port()}"
        config = configuration([f"EventServiceUrl=http://{event_service}"])
        with step("deploy"):
            outputs = deploy(build, folder, config)
        for name, value in outputs.items():
            print(f"  {name} = {value}")
        environment = {
            "DEPLOYED_URL": outputs["Url"],
            "CHATS_TABLE": outputs["ChatsTableName"],
            "TENANTS_TABLE": outputs["TenantsTableName"],
            "SERVICE_KEY_ID": outputs["ServiceKeyId"],
            "SERVICE_ACCOUNT": config["parameters"]["ServiceAccount"],
            # Where the checks are to be the event service.
            "EVENT_SERVICE_ADDRESS": event_service,
        }
        with step("checks"):
            command = arguments.command or CHECKS
            status = run(command, cwd=debug_build.ROOT, env={**os.environ, **environment})
        if status != 0:
            for group, line in log_lines():
                print(group, line, file=sys.stderr)
            sys.exit(f"failed: {' '.join(command)}")
        if not arguments.command:
            with step("logs"):
                check_logs()


@contextlib.contextmanager
def ministack(folder):
    """A running ministack; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    home = os.path.join(folder, "ministack")
    os.makedirs(home)
    environment = {
        "PATH": os.environ["PATH"],
        # It keeps unpacked functions and its own bookkeeping in temporary files.
        "HOME": home,
        "TMPDIR": home,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # The name in the URL of a deployed API, which it knows its requests by.
        "MINISTACK_HOST": "localhost",
        # Functions inherit this, and have only what their roles allow.
        "AWS_ENDPOINT_URL": url,
        "AUTH": "true",
        # A listener that nothing here needs.
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        **CREDENTIALS,
    }
    command = [os.path.join(os.path.dirname(sys.executable), "ministack")]
    with Process("ministack", command, os.path.join(home, "log"), env=environment, cwd=home) as process:

        def answers():
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                return urllib.request.urlopen(f"{url}/_ministack/health", timeout=5).status == 200

        process.wait_until(answers)
        yield url


def configuration(values):
    """How samconfig.toml deploys the environment `local`, with these parameter values (`NAME=VALUE`) in the place of its own."""
    with open(os.path.join(debug_build.ROOT, "samconfig.toml"), "rb") as file:
        local = tomllib.load(file)["local"]
    # As a deployment does it: the release is made of code and values.
    release = [os.path.join(debug_build.ROOT, "deployment/release"), "local", *values]
    release = subprocess.run(release, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    settings = local["deploy"]["parameters"]
    return {
        "stack": local["global"]["parameters"]["stack_name"],
        "capabilities": settings["capabilities"],
        "tags": pairs(settings["tags"]),
        "parameters": pairs([*settings["parameter_overrides"], *values, f"Release={release}"]),
    }


def pairs(texts):
    """`NAME=VALUE` texts as a dictionary; the last of a name counts."""
    return dict(text.split("=", 1) for text in texts)


def deploy(build, folder, config):
    """Deploys what is in `build`, and returns the stack's outputs."""
    with open(os.path.join(build, "template.yaml")) as file:
        template = yaml_parse(file.read())
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, function in debug_build.functions(template).items():
        package = os.path.join(folder, f"{name}.zip")
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(os.path.join(build, function["Properties"]["CodeUri"], "bootstrap"), "bootstrap")
        s3.upload_file(package, BUCKET, f"{name}.zip")
        function["Properties"]["CodeUri"] = f"s3://{BUCKET}/{name}.zip"

    plain, left_out = translate(template, config["parameters"])
    print("  left out, since the emulator does not have it:")
    for what in left_out:
        print(f"    {what}")
    cloudformation, stack = boto3.client("cloudformation"), config["stack"]
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(plain, default=str, separators=(",", ":")),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in config["parameters"].items()],
        Capabilities=config["capabilities"],
        Tags=[{"Key": key, "Value": value} for key, value in config["tags"].items()],
    )
    try:
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError:
        for event in reversed(cloudformation.describe_stack_events(StackName=stack)["StackEvents"]):
            if "FAILED" in event["ResourceStatus"]:
                print(event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason"), file=sys.stderr)
        raise
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    print(f"  {len(resources)} resources")
    [deployed] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}


def check_logs():
    """Each function tells of its requests in the log group that the template gave it."""
    answered = {group for group, line in log_lines() if '"request answered"' in line and json.loads(line)}
    functions = boto3.client("lambda").list_functions()["Functions"]
    groups = {function["LoggingConfig"]["LogGroup"] for function in functions}
    print(f"  {len(groups & answered)} of {len(functions)} functions")
    if not functions or answered != groups or len(groups) != len(functions):
        sys.exit(f"failed: requests are told of in {sorted(answered)}, not in {sorted(groups)}")


def log_lines():
    """What the functions wrote, with the log group that has it."""
    logs = boto3.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for event in logs.filter_log_events(logGroupName=name)["events"]:
            yield name, event["message"].rstrip()


if __name__ == "__main__":
    main()
