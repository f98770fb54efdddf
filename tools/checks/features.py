"""Checks the features of crates: compiled once for all commands, and tested as deployed.

`cargo local`, `cargo test --workspace` and the tools must enable the same features of each crate
from the registry, because cargo compiles a crate again for each set of features. Where the
functions under test have features that the deployed ones lack, each one must be known to change
nothing that the functions use.
"""

import sys

from checks.common import ROOT, output

# The packages whose commands a developer runs.
COMMANDS = ["local", "benchmarks", "simulation"]

# Features that the functions have under test and not when they are deployed, with the reason why that is no difference.
TESTED_ONLY = {
    "aws-config": {
        "credentials-process": "ways to log in that only the default chain tries",
        "sso": "the same",
    },
    "bitflags": {"std": "an implementation of Error"},
    "getrandom": {"std": "the same", "sys_rng": "a type for the crate rand"},
    "hyper": {"server": "the server"},
    "hyper-util": {"server": "the server", "service": "the server"},
    "idna": {"default": "a name for features that are enabled anyway"},
    "mio": {"default": "a name for the other", "log": "lines of debugging"},
    "num-bigint": {"std": "an implementation of Error"},
    "num-integer": {"std": "the same"},
    "num-traits": {"default": "the same", "std": "the same"},
    "serde_core": {"default": "a name for features that are enabled anyway"},
    "tokio": {
        "full": "a name for the following",
        "io-std": "standard input and output",
        "parking_lot": "other locks inside tokio",
        "process": "child processes",
        "signal": "signals",
        "signal-hook-registry": "the same",
        "test-util": "a clock that can be paused",
    },
    "tower": {"log": "lines of debugging", "make": "a trait", "tracing": "the same"},
    "tower-http": {
        "cors": "a layer",
        "default": "nothing",
        "set-header": "a layer",
        "trace": "a layer",
        "tracing": "the same",
    },
    "uuid": {"v7": "another kind of id"},
}


def check():
    functions = [f"--package={folder.name}" for folder in (ROOT / "functions").iterdir()]
    tested, deployed = enabled("--workspace", edges="normal,build,dev"), enabled(*functions)
    faults = []
    for name in COMMANDS:
        for crate, features in sorted(enabled(f"--package={name}", *functions) - tested):
            faults.append(f"{crate} is compiled for {name} with other features than for the tests: {features}")
    unseen = {(name, feature) for name, reasons in TESTED_ONLY.items() for feature in reasons}
    for crate, features in sorted(deployed - tested):
        name = crate.split()[0]
        differing = {other for with_them, others in tested if with_them == crate for other in others} - set(features)
        for feature in sorted(differing):
            unseen.discard((name, feature))
            if feature not in TESTED_ONLY.get(name, {}):
                faults.append(f"{crate} has the feature {feature} in the tests and not when it is deployed")
    faults += [f"TESTED_ONLY has {name}/{feature}, which is no difference" for name, feature in sorted(unseen)]
    print(f"features: {len(tested)} crates")
    sys.exit("\n".join(f"  {fault}" for fault in faults) or None)


def enabled(*packages, edges="normal,build"):
    """Returns the crates of registries that cargo compiles, each with its enabled features."""
    command = ["cargo", "tree", "--locked", "--edges", edges, "--prefix", "none", "--format", "{p}|{f}"]
    lines = (line.removesuffix(" (*)").split("|") for line in output(*command, *packages).splitlines() if line)
    return {(crate, tuple(features.split(","))) for crate, features in lines if "(/" not in crate}
