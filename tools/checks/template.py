"""Lints template.yaml for each environment of samconfig.toml and scans it for security.

For each environment, the SAM CLI validates and lints the template. Then cfn-lint checks the
translated template with that environment's values, in all combinations of its conditions. This
finds faults that prevent a deployment but are not visible before the translation, for example
circular dependencies between translated resources. As in CloudFormation, a value is an error if the
template has no such parameter or does not allow the value. Finally, checkov looks for security
problems (tools/checks/checkov.yaml).
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

# CloudFormation accepts templates up to this size in a request. Longer ones must go through S3.
MAX_BYTES = 51_200
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
    check_size()
    for name in ENVIRONMENTS:
        report(f"sam validate --lint, {name}", sam / "sam", "validate", "--lint", "--config-env", name)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(translated(name))
            file.flush()
            # W2001 reports unused parameters. The translation has already resolved some of them.
            report(f"cfn-lint, translated for {name}", sam / "cfn-lint", "--ignore-checks", "W2001", "--", file.name)
    report("checkov", checkov / "checkov", "--config-file", "tools/checks/checkov.yaml")


def report(name, *command):
    """Runs a command and prints the last line of its output. If it fails, ends the check."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{name}: FAILED\n{result.stdout}")
    last = result.stdout.strip().rpartition("\n")[2]
    print(f"{name}: ok" + (f" ({last})" if last else ""))


def check_size():
    """Checks the size of the packaged template, which has no comments but more white space."""
    from samcli.yamlhelper import yaml_dump, yaml_parse

    with open("template.yaml") as file:
        size = len(yaml_dump(yaml_parse(file.read())).encode())
    print(f"size of the packaged template: {size} of {MAX_BYTES} bytes")
    if size > MAX_BYTES:
        sys.exit(f"template.yaml is too long: {size} of {MAX_BYTES} bytes when packaged")


def translated(name):
    """Returns the plain CloudFormation for an environment, as JSON."""
    from checks import sam_template

    template = sam_template.read()
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
