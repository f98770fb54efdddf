"""Lints template.yaml for each environment of samconfig.toml and scans it for security.

For each environment, the SAM CLI validates and lints the template. Then cfn-lint checks the
translated template with that environment's values, in all combinations of its conditions. This
finds faults that prevent a deployment but are not visible before the translation, for example
circular dependencies between translated resources. As in CloudFormation, a value is an error if the
template has no such parameter or does not allow the value. All of that is done once more with a
sixth route, which must fit, too. Finally, checkov looks for security problems
(tools/checks/checkov.yaml).
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile

from checks import samconfig
from checks.common import environment, in_environment

# CloudFormation's limits of a template. `sam deploy` hands it over through S3, as it is and translated.
MAX_BYTES = 1_000_000
MAX_RESOURCES = 500
ENVIRONMENTS = ["local", "dev", "staging", "prod"]


def add_arguments(parser):
    help = "only print the translated template for ENVIRONMENT"
    parser.add_argument("--print", metavar="ENVIRONMENT", help=help, dest="printed")


def run(options):
    # The tools require a region, although none of them calls AWS.
    os.environ.update({"AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0"})
    in_environment("sam")
    # For each function, the translator warns that an internal feature toggle of AWS is missing.
    logging.disable()
    if options.printed:
        print(translated(options.printed))
        return
    sam, checkov = environment("sam"), environment("checkov")
    report("cfn-lint, template.yaml", sam / "cfn-lint", "template.yaml")
    for name in ENVIRONMENTS:
        report(f"sam validate --lint, {name}", sam / "sam", "validate", "--lint", "--config-env", name)
        lint(sam, name, translated(name))
    with_a_sixth_route = translated("prod", add_route)
    lint(sam, "prod with a sixth route", with_a_sixth_route)
    check_size(with_a_sixth_route)
    report("checkov", checkov / "checkov", "--config-file", "tools/checks/checkov.yaml")


def report(name, *command):
    """Runs a command and prints the last line of its output. If it fails, ends the check."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{name}: FAILED\n{result.stdout}")
    last = result.stdout.strip().rpartition("\n")[2]
    print(f"{name}: ok" + (f" ({last})" if last else ""))


def lint(sam, name, template):
    """Lints translated templates in all combinations of their conditions."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(template)
        file.flush()
        # W2001 reports unused parameters. The translation has already resolved some of them.
        report(f"cfn-lint, translated for {name}", sam / "cfn-lint", "--ignore-checks", "W2001", "--", file.name)


def check_size(template):
    """Checks that a translated template is within CloudFormation's limits. It is larger than the packaged one."""
    size, resources = len(template.encode()), len(json.loads(template)["Resources"])
    print(f"with a sixth route: {size} of {MAX_BYTES} bytes, {resources} of {MAX_RESOURCES} resources")
    if size > MAX_BYTES or resources > MAX_RESOURCES:
        sys.exit("a sixth route does not fit into template.yaml")


def add_route(template):
    """Adds a route `close-chat` with all that belongs to a route, copied from `read-chat`."""
    resources = template["Resources"]
    parts = {name: resources[name] for name in resources if re.fullmatch("ReadChat(Function|Logs|Role|CanaryAlarm)", name)}
    copied = json.dumps(parts, default=str).replace("ReadChat", "CloseChat").replace("read-chat", "close-chat")
    copied = json.loads(copied)
    copied["CloseChatFunction"]["Properties"]["Events"]["Route"]["Properties"]["Path"] += "/closing"
    resources.update(copied)


def translated(name, change=lambda template: None):
    """Returns the plain CloudFormation for an environment, after a change of the template, as JSON."""
    from checks import sam_template

    template = sam_template.read()
    change(template)
    given = samconfig.environment(name).parameters
    values = {name: value_of(name, parameter, given) for name, parameter in template["Parameters"].items()}
    if unknown := given.keys() - values.keys():
        sys.exit(f"samconfig.toml, {name}: the template has no parameter {', '.join(sorted(unknown))}")
    # Packaging changes only the location of a function's code.
    for function in sam_template.functions(template).values():
        function["Properties"]["CodeUri"] = "s3://bucket/key"
    return json.dumps(sam_template.translate(template, values), indent=2, default=str)


def value_of(name, parameter, given):
    """Returns the value of a parameter, or its default. Ends the check if it is not allowed."""
    value = given.get(name, parameter.get("Default"))
    if value is None:
        sys.exit(f"{name} has neither a value nor a default")
    allowed = [str(value) for value in parameter.get("AllowedValues", [value])]
    if str(value) not in allowed or not re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)):
        sys.exit(f"{name} must not be {value}")
    # CloudFormation passes lists to the translator in this form.
    return value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
