"""Reads and translates template.yaml.

Needs the SAM translator, which the environments `sam` and `ministack` contain.
"""

import json
import os
import subprocess
from pathlib import Path

from checks.common import ROOT, executables, require
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """Replaces SAM's list of the managed policies of AWS. The template uses none of them."""

    @staticmethod
    def load():
        return {}


def read(path=ROOT / "template.yaml"):
    """Parses a template, including the short forms of CloudFormation's functions."""
    return yaml_parse(Path(path).read_text())


def functions(template):
    """Returns the functions of a template by logical id."""
    resources = template["Resources"].items()
    return {name: resource for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"}


def translate(template, parameters):
    """Translates a template with these parameter values to plain CloudFormation, as AWS does."""
    return transform(template, parameters, NoManagedPolicies)


def debug_build(folder):
    """Writes the template and one folder per function to `folder`, as `sam build` does.

    The binaries are debug builds. `sam build` compiles in release mode, which takes minutes.
    """
    require("strip")
    binaries = executables()
    template = read()
    for name, function in functions(template).items():
        os.makedirs(os.path.join(folder, name))
        binary = binaries[function["Metadata"]["BuildProperties"]["Binary"]]
        # Binaries without debug information have a third of the size. They are copied often.
        subprocess.run(["strip", "-o", os.path.join(folder, name, "bootstrap"), binary], check=True)
        function["Properties"]["CodeUri"] = name
    # JSON is valid YAML.
    with open(os.path.join(folder, "template.yaml"), "w") as file:
        json.dump(template, file, indent=2, default=str)
