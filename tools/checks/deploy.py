"""Deploys the stack into an emulator of AWS and runs the end-to-end tests at its URL.

The emulator is ministack. Its CloudFormation deploys template.yaml: the tables, the key, the roles,
the functions with their aliases, and the API with its routes. ministack runs the real binaries of
the functions as processes on this machine. They sign with its KMS, and each function may do only
what its role allows. Everything listens on 127.0.0.1 only. The stack is also what deployment/service-key
is tested with.

The emulator does not support gradual deployment, alarms on metric math, or conditions on kms: keys.
They are left out, and the check lists them.
"""

import argparse
import contextlib
import json
import os
import shlex
import sys
import tempfile

from checks import samconfig, service_key
from checks.common import build_of_sam, end_to_end, free_port, in_environment, run as run_command


def add_arguments(parser):
    parser.add_argument("--build", metavar="FOLDER", help="output of sam build, as in .aws-sam/build [debug binaries]")
    help = "command to run against the stack [the end-to-end tests]"
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help=help)


def run(options):
    if options.build:
        build_of_sam(options.build)
    in_environment("ministack")
    from checks import emulator, sam_template

    with contextlib.ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="deploy-"))
        build = options.build or os.path.join(folder, "build")
        if not options.build:
            print("build (debug)")
            sam_template.debug_build(build)
        event_service = f"127.0.0.1:{free_port()}"
        environment = samconfig.environment("local", [f"EventServiceUrl=http://{event_service}"])
        print("start ministack")
        started.enter_context(emulator.ministack(folder, environment.region))
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
            # The tests play the event service at this address.
            "EVENT_SERVICE_ADDRESS": event_service,
        }
        print("checks")
        service_key.check(environment.stack, environment.parameters, outputs["ServiceKeyId"])
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
    """Checks that each function logs its requests to the log group that the template gives it."""
    answered = {group for group, line in emulator.log_lines() if '"request answered"' in line and json.loads(line)}
    functions = emulator.functions()
    groups = {function["LoggingConfig"]["LogGroup"] for function in functions}
    print(f"logs: {len(groups & answered)} of {len(functions)} functions")
    if not functions or answered != groups or len(groups) != len(functions):
        sys.exit(f"failed: requests are logged to {sorted(answered)}, expected {sorted(groups)}")
