"""Reads the settings of an environment from samconfig.toml.

Only this module and SAM read that file.
"""

import hashlib
import sys
import tomllib
from dataclasses import dataclass

from checks.common import ROOT, tracked

# The files that cargo builds the functions from, and the template that declares their settings. The
# functions' unit tests are among these files, because they are next to the code.
CODE = ["Cargo.lock", "Cargo.toml", ".cargo", "functions", "shared", "template.yaml"]


@dataclass
class Environment:
    stack: str
    region: str
    capabilities: list
    tags: dict
    parameters: dict


def environment(name, overrides=()):
    """Returns the environment `name`.

    `overrides` are NAME=VALUE texts. They replace the environment's own parameter values. The
    parameters returned include `Release`, which every deployment needs.
    """
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if name not in config:
        names = ", ".join(key for key, value in config.items() if isinstance(value, dict) and "deploy" in value)
        sys.exit(f"samconfig.toml has no environment {name}: it has {names}")
    try:
        common = config[name]["global"]["parameters"]
        stack, region = common["stack_name"], common["region"]
        deploy = config[name]["deploy"]["parameters"]
        values, tags, capabilities = deploy["parameter_overrides"], deploy["tags"], deploy["capabilities"]
    except KeyError as missing:
        sys.exit(f"samconfig.toml can't deploy the environment {name}: {missing} is missing")
    parameters = pairs([*values, *overrides])
    return Environment(stack, region, capabilities, pairs(tags), {"Release": release(parameters), **parameters})


def pairs(texts):
    """Converts `NAME=VALUE` texts to a dictionary. The last value of a repeated name counts."""
    if wrong := [text for text in texts if "=" not in text]:
        sys.exit(f"{wrong[0]} is not NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def release(parameters):
    """Returns a hash of everything that defines a version of the functions, as 64 hex digits.

    It covers the current content of the files that the binaries are built from, template.yaml, and
    the parameter values. The same code with the same values therefore publishes no new version. A
    changed value alone does. Files that git does not track are not included. Neither is the
    compiler, so a newer compiler alone makes no new release.
    """
    values = {name: (ROOT / name).read_bytes() for name in tracked(*CODE)}
    hashed = hashlib.sha256()
    for part in (values, {name: value.encode() for name, value in parameters.items()}):
        for name, value in sorted(part.items()):
            # Values are hashed one by one, so that different lists never produce the same input.
            hashed.update(f"{name}\0{hashlib.sha256(value).hexdigest()}\n".encode())
    return hashed.hexdigest()
