"""Tests signing with the KMS of moto, an emulator of AWS (tests/end-to-end/kms.rs)."""

import sys
import tempfile

from checks.common import Process, end_to_end, environment


def run(_):
    with tempfile.NamedTemporaryFile() as log:
        command = [environment("moto") / "moto_server", "--host", "127.0.0.1", "--port", "0"]
        with Process("moto", command, log.name) as moto:
            url = moto.find(r"http://127\.0\.0\.1:\d+")[0]
            sys.exit(not end_to_end("kms::", MOTO_URL=url))
