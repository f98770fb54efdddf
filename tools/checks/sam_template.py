"""template.yaml as a tool reads it. Needs the SAM translator, so `sam` or `ministack` as environment."""

import json
import os
import subprocess
from pathlib import Path

from checks.common import ROOT, executables, need
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """SAM's short names of AWS's managed policies, of which the template has none."""

    @staticmethod
    def load():
        return {}


def read(path=ROOT / "template.yaml"):
    return yaml_parse(Path(path).read_text())


def functions(template):
    """The functions of a template, by logical id."""
    resources = template["Resources"].items()
    return {name: resource for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"}


def translate(template, parameters):
    """The plain CloudFormation that AWS makes of a template with these parameter values."""
    return transform(template, parameters, NoManagedPolicies)


def debug_build(folder):
    """Writes to `folder` what `sam build` makes, but with debug binaries: the template and a folder
    per function. `sam build` compiles for release, which takes minutes."""
    need("strip")
    binaries = executables()
    template = read()
    for name, function in functions(template).items():
        os.makedirs(os.path.join(folder, name))
        binary = binaries[function["Metadata"]["BuildProperties"]["Binary"]]
        # Without debug information they are a third of the size, which is copied around a lot.
        subprocess.run(["strip", "-o", os.path.join(folder, name, "bootstrap"), binary], check=True)
        function["Properties"]["CodeUri"] = name
    # JSON is YAML, too.
    with open(os.path.join(folder, "template.yaml"), "w") as file:
        json.dump(template, file, indent=2, default=str)
