"""Tests the pages of the local stack and the platform client in Chromium.

The tests are in tests/web and run against `cargo local`. Screenshots of the page are written to
tests/web/build/pictures. One of them is in the README: --picture renews it. To use another browser
executable, set CHROMIUM.
"""

import os
import shutil

from checks.common import ROOT, WEB, call, executables, install, node_tools


def add_arguments(parser):
    parser.add_argument("--picture", action="store_true", help="write docs/images/reference-page.png")


def run(options):
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    if not any(name and shutil.which(name) for name in names):
        install("chromium", "fonts-dejavu-core")
    # Building first keeps the tests from waiting for the compiler.
    executables()
    node_tools()
    shutil.rmtree(WEB / "build", ignore_errors=True)
    for script in ("compile", "test"):
        call("npm", "run", "--silent", script, cwd=WEB)
    if options.picture:
        shutil.copy(WEB / "build/pictures/readme.png", ROOT / "docs/images/reference-page.png")
