"""tests/web: reference page, platform client and generated client, in Chromium

The tests run against `cargo local`. The TypeScript client is generated anew from openapi.yaml. Pictures of
the page are in tests/web/build/pictures afterwards. CHROMIUM names another executable of the browser.
"""

import os
import shutil

from checks.common import WEB, call, executables, install, node_tools


def run(_):
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    if not any(name and shutil.which(name) for name in names):
        install("chromium", "fonts-dejavu-core")
    # So that no test waits for the compiler.
    executables()
    node_tools()
    for folder in ("build", "generated"):
        shutil.rmtree(WEB / folder, ignore_errors=True)
    for script in ("generate", "compile", "test"):
        call("npm", "run", "--silent", script, cwd=WEB)
