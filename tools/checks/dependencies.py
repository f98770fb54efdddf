"""Checks the crates in Cargo.lock with cargo-deny: licences, sources, and second versions.

The rules and the reasons for exceptions are in tools/deny.toml. cargo downloads crates of other
systems that it does not have yet, because their licences are part of its metadata.
"""

from checks.common import call, environment, require


def add_arguments(parser):
    help = "also look for known vulnerabilities, which downloads the RustSec database"
    parser.add_argument("--advisories", action="store_true", help=help)


def run(options):
    require("cargo")
    checks = ["licenses", "sources", "bans", *["advisories"] * options.advisories]
    call(environment("deny") / "cargo-deny", "--config", "tools/deny.toml", "--locked", "check", *checks)
