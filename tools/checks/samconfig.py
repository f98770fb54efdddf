"""How an environment is deployed, as samconfig.toml says. Nothing else here reads that file, but SAM."""

import hashlib
import sys
import tomllib
from dataclasses import dataclass

from checks.common import ROOT, tracked

# What cargo reads to build the functions (with their tests, which stand beside the code), and what
# declares their settings.
CODE = ["Cargo.lock", "Cargo.toml", ".cargo", "functions", "shared", "template.yaml"]


@dataclass
class Environment:
    stack: str
    capabilities: list
    tags: dict
    parameters: dict


def environment(name, given=()):
    """The environment `name`, with the parameter values `given` (NAME=VALUE) in the place of its own,
    and `Release`, which every deployment needs."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    try:
        stack = config[name]["global"]["parameters"]["stack_name"]
        deploy = config[name]["deploy"]["parameters"]
        overrides, tags, capabilities = deploy["parameter_overrides"], deploy["tags"], deploy["capabilities"]
    except KeyError as missing:
        sys.exit(f"samconfig.toml does not say how to deploy {name}: {missing} is missing")
    parameters = pairs([*overrides, *given])
    return Environment(stack, capabilities, pairs(tags), {"Release": release(parameters), **parameters})


def pairs(texts):
    """`NAME=VALUE` texts as a dictionary. The last of a name counts."""
    if wrong := [text for text in texts if "=" not in text]:
        sys.exit(f"{wrong[0]} is not NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def release(parameters):
    """A hash of all that a version of the functions is made of, 64 hexadecimal digits.

    These are the files that go into the binaries and template.yaml, as they are in this folder now, and
    the parameter values. So the same code with the same values publishes no new version, and a changed
    value alone does. Only files that git tracks count, and not the compiler: a newer one alone is no
    release.
    """
    values = {name: (ROOT / name).read_bytes() for name in tracked(*CODE)}
    hashed = hashlib.sha256()
    for part in (values, {name: value.encode() for name, value in parameters.items()}):
        for name, value in sorted(part.items()):
            # A hash per value, so that no two lists of names and values read the same.
            hashed.update(f"{name}\0{hashlib.sha256(value).hexdigest()}\n".encode())
    return hashed.hexdigest()
