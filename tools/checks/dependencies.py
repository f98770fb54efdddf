"""Checks the crates in Cargo.lock: licences, sources, second versions, and features.

cargo-deny checks the first three. Its rules and the reasons for exceptions are in tools/deny.toml.
cargo downloads crates of other systems that it does not have yet, because their licences are part
of its metadata. The rules for features are in tools/checks/features.py.
"""

from checks import features
from checks.common import call, environment, require


def add_arguments(parser):
    help = "also look for known vulnerabilities, which downloads the RustSec database"
    parser.add_argument("--advisories", action="store_true", help=help)


def run(options):
    require("cargo")
    checks = ["licenses", "sources", "bans", *["advisories"] * options.advisories]
    call(environment("deny") / "cargo-deny", "--config", "tools/deny.toml", "--locked", "check", *checks)
    features.check()
