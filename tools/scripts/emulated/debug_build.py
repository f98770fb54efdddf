"""debug_build.py FOLDER: what `sam build` makes, with debug binaries: the template and a folder for each function.

`sam build` compiles for release, which takes minutes; this takes as long as `cargo build`, which a developer has just run anyway.
"""

import json
import os
import subprocess
import sys

from samtranslator.yaml_helper import yaml_parse

ROOT = os.path.abspath(os.path.join(__file__, *[".."] * 4))


def executables():
    """Builds the workspace and returns its executables by name."""
    # With the features that `cargo local` and the tests build with, so that nothing is compiled twice.
    command = ["cargo", "build", "--workspace", "--bins", "--locked", "--message-format=json-render-diagnostics"]
    messages = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    built = map(json.loads, messages.splitlines())
    return {message["target"]["name"]: message["executable"] for message in built if message.get("executable")}


def functions(template):
    """The functions of a template as read from YAML, by logical id."""
    resources = template["Resources"].items()
    return {name: resource for name, resource in resources if resource["Type"] == "AWS::Serverless::Function"}


def build(folder):
    """Writes template and functions to `folder`. Returns the path of the template and all executables by name."""
    binaries = executables()
    with open(os.path.join(ROOT, "template.yaml")) as file:
        template = yaml_parse(file.read())
    for name, function in functions(template).items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        binary = binaries[function["Metadata"]["BuildProperties"]["Binary"]]
        # Without debug information they are a third of the size, which is copied around a lot.
        subprocess.run(["strip", "-o", os.path.join(folder, name, "bootstrap"), binary], check=True)
        function["Properties"]["CodeUri"] = name
    # JSON is YAML, too.
    path = os.path.join(folder, "template.yaml")
    with open(path, "w") as file:
        json.dump(template, file, indent=2, default=str)
    return path, binaries


if __name__ == "__main__":
    print(build(sys.argv[1])[0])
