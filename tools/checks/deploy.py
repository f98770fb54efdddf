"""the stack in an emulator of AWS, with the end-to-end tests at its URL

What is deployed is template.yaml, by CloudFormation: tables, key, roles, functions with their aliases,
the API with its routes. The functions are the real binaries, which ministack runs as processes of this
machine; they sign with its KMS, and each may do what its role allows, no more. Nothing listens but on
127.0.0.1. What the emulator does not have is left out, and said: gradual deployment, alarms on metric
math, conditions on kms: keys.
"""

import argparse
import contextlib
import json
import os
import shlex
import sys
import tempfile

from checks import samconfig
from checks.common import end_to_end, free_port, in_environment, run as run_command


def add_arguments(parser):
    parser.add_argument("--build", metavar="FOLDER", help="what sam build made, as .aws-sam/build [debug binaries]")
    help = "what to run against the stack [the end-to-end tests]"
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help=help)


def run(options):
    in_environment("ministack")
    from checks import emulator, sam_template

    with contextlib.ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="deploy-"))
        build = options.build or os.path.join(folder, "build")
        if not options.build:
            print("build (debug)")
            sam_template.debug_build(build)
        print("start ministack")
        started.enter_context(emulator.ministack(folder))
        event_service = f"127.0.0.1:{free_port()}"
        environment = samconfig.environment("local", [f"EventServiceUrl=http://{event_service}"])
        print("deploy")
        outputs = emulator.deploy(build, folder, environment)
        for name, value in outputs.items():
            print(f"  {name} = {value}")
        variables = {
            "DEPLOYED_URL": outputs["Url"],
            "CHATS_TABLE": outputs["ChatsTableName"],
            "TENANTS_TABLE": outputs["TenantsTableName"],
            "SERVICE_KEY_ID": outputs["ServiceKeyId"],
            "SERVICE_ACCOUNT": environment.parameters["ServiceAccount"],
            # Where the tests are to be the event service.
            "EVENT_SERVICE_ADDRESS": event_service,
        }
        print("checks")
        if options.command:
            ok = run_command(options.command, env={**os.environ, **variables}) == 0
        else:
            ok = end_to_end("deployed::", **variables)
        if not ok:
            for group, line in emulator.log_lines():
                print(group, line, file=sys.stderr)
            sys.exit(f"failed: {shlex.join(options.command) or 'the end-to-end tests of a deployed stack'}")
        if not options.command:
            check_logs(emulator)


def check_logs(emulator):
    """Each function tells of its requests in the log group that the template gave it."""
    answered = {group for group, line in emulator.log_lines() if '"request answered"' in line and json.loads(line)}
    functions = emulator.functions()
    groups = {function["LoggingConfig"]["LogGroup"] for function in functions}
    print(f"logs: {len(groups & answered)} of {len(functions)} functions")
    if not functions or answered != groups or len(groups) != len(functions):
        sys.exit(f"failed: requests are told of in {sorted(answered)}, not in {sorted(groups)}")
