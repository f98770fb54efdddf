"""openapi.yaml, by the rules of tools/checks/redocly.yaml

A warning is a failure. Whether the API does what the file says is shown by the end-to-end tests
(tests/end-to-end/support/contract.rs) and by `tools/check fuzz`.
"""

import os

from checks.common import call, node_tools


def run(_):
    os.environ.update({"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"})
    call(node_tools() / "redocly", "lint", "chats", "--config", "tools/checks/redocly.yaml", "--lint-config", "error")
