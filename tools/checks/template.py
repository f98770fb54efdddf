"""template.yaml in each environment of samconfig.toml: lint, security scan

In each environment, the SAM CLI validates and lints the template, and cfn-lint looks at what the
transform makes of it with that environment's values, in all combinations of its conditions: a template
that lint alone passes can still be one that can't deploy, for example because of a circle that only the
translated resources have. Values that the template has no parameter for, or does not allow, are an
error, as in CloudFormation. checkov looks for what is insecure (tools/checks/checkov.yaml).
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

# What CloudFormation takes as a text; a longer template has to go through S3.
MOST_BYTES = 51_200
ENVIRONMENTS = ["local", "dev", "staging", "prod"]


def add_arguments(parser):
    parser.add_argument("--print", metavar="ENVIRONMENT", help="only print the translated template", dest="printed")


def run(options):
    # Nothing here calls AWS; the tools want a region all the same.
    os.environ.update({"AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0"})
    in_environment("sam")
    # For each function it says that a feature toggle of AWS's own is not there.
    logging.disable()
    if options.printed:
        print(translated(options.printed))
        return
    sam, checkov = environment("sam"), environment("checkov")
    report("cfn-lint, template.yaml", sam / "cfn-lint", "template.yaml")
    size()
    for name in ENVIRONMENTS:
        report(f"sam validate --lint, {name}", sam / "sam", "validate", "--lint", "--config-env", name)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(translated(name))
            file.flush()
            # The transform has used up some parameters.
            report(f"cfn-lint, translated for {name}", sam / "cfn-lint", "--ignore-checks", "W2001", "--", file.name)
    report("checkov", checkov / "checkov", "--config-file", "tools/checks/checkov.yaml")


def report(name, *command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{name}: FAILED\n{result.stdout}")
    last = result.stdout.strip().rpartition("\n")[2]
    print(f"{name}: ok" + (f" ({last})" if last else ""))


def size():
    """As packaging writes the template: without comments, with more white space."""
    from samcli.yamlhelper import yaml_dump, yaml_parse

    with open("template.yaml") as file:
        size = len(yaml_dump(yaml_parse(file.read())).encode())
    print(f"its size when packaged: {size} of {MOST_BYTES} bytes")
    if size > MOST_BYTES:
        sys.exit("template.yaml is too long")


def translated(name):
    """The plain CloudFormation for an environment."""
    from checks import sam_template

    template = sam_template.read()
    given = samconfig.environment(name).parameters
    values = {name: value_of(name, parameter, given) for name, parameter in template["Parameters"].items()}
    if unknown := given.keys() - values.keys():
        sys.exit(f"samconfig.toml, {name}: the template has no parameter {', '.join(sorted(unknown))}")
    # All that packaging changes about a function is its place.
    for function in sam_template.functions(template).values():
        function["Properties"]["CodeUri"] = "s3://bucket/key"
    return json.dumps(sam_template.translate(template, values), indent=2, default=str)


def value_of(name, parameter, given):
    value = given.get(name, parameter.get("Default"))
    if value is None:
        sys.exit(f"{name} has neither a value nor a default")
    allowed = [str(value) for value in parameter.get("AllowedValues", [value])]
    if str(value) not in allowed or not re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)):
        sys.exit(f"{name} may not be {value}")
    # As CloudFormation hands lists to the transform.
    return value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
