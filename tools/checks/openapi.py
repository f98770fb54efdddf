"""Lints openapi.yaml with the rules of tools/checks/redocly.yaml and tools/checks/spectral.yaml.

Warnings count as failures. The end-to-end tests (tests/end-to-end/support/contract.rs) and
`tools/check fuzz` check that the API behaves as openapi.yaml says.
"""

import os

from checks.common import call, node_tools


STRICT = ["--fail-severity", "hint", "--fail-on-unmatched-globs"]


def run(_):
    os.environ.update({"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"})
    call(node_tools() / "spectral", "lint", "openapi.yaml", "--ruleset", "tools/checks/spectral.yaml", *STRICT)
    call(node_tools() / "redocly", "lint", "chats", "--config", "tools/checks/redocly.yaml", "--lint-config", "error")
