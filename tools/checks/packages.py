"""Makes the client packages for TypeScript and Python, installs them, and runs the calls in their READMEs.

The packages are in target/packages: an archive for npm and a wheel for pip. Their code is made from
openapi.yaml, and their metadata and READMEs are in tools/packages. The calls go to `cargo local`.
Both packages are marked as private, so nobody publishes them by mistake.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from checks.clients import generate_hey_api, generate_python_httpx
from checks.common import (
    ROOT, TARGET, WEB, call, cargo_local, environment, executables, node_tools, output, version,
)

BUILD = TARGET / "packages"
TOOLS = ROOT / "tools/packages"


def sources(language, metadata):
    """Copies the files of a package, puts the version into its metadata, and returns the folder."""
    folder = BUILD / language
    shutil.copytree(TOOLS / language, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    text = (folder / metadata).read_text()
    (folder / metadata).write_text(text.replace("0.0.0", version(), 1))
    return folder


def made(pattern):
    """Returns the one file that was made."""
    [file] = BUILD.glob(pattern)
    return file


def readme_call(language, block, file):
    """Writes the call in a package's README to a file."""
    [code] = re.findall(rf"^```{block}\n(.*?)^```$", (TOOLS / language / "README.md").read_text(), re.M | re.S)
    file.write_text(code)
    return file


def typescript(scratch):
    """Makes and installs the package. Returns the command that runs its call, and variables for it."""
    folder = sources("typescript", "package.json")
    generate_hey_api(folder / "src")
    call(node_tools() / "tsc", "--project", folder)
    call("npm", "pack", "--silent", "--pack-destination", BUILD, cwd=folder)
    (scratch / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    options = "--ignore-scripts --no-audit --no-fund --offline --silent".split()
    call("npm", "install", *options, made("*.tgz"), cwd=scratch)
    program = readme_call("typescript", "ts", scratch / "call.ts")
    strict = "--noEmit --strict --target es2023 --module nodenext --types node --typeRoots".split()
    call(node_tools() / "tsc", *strict, WEB / "node_modules/@types", program)
    return ["node", program], {}


def python(scratch):
    """Makes and installs the package. Returns the command that runs its call, and variables for it."""
    folder = sources("python", "pyproject.toml")
    package = folder / "src/chats_api_client"
    generate_python_httpx(package, "--meta", "none")
    # Type checkers only read the types of a package that has this file.
    (package / "py.typed").touch()
    call(environment("uv") / "uv", "build", "--quiet", "--offline", "--wheel", "--out-dir", BUILD, folder)
    # What the package needs is also needed by the tool that makes it.
    interpreter = environment("openapi-python-client") / "python"
    pip, path = [interpreter, "-m", "pip", "--disable-pip-version-check"], {"PYTHONPATH": str(scratch)}
    call(*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", scratch, made("*.whl"))
    call(*pip, "check", env={**os.environ, **path})
    return [interpreter, readme_call("python", "python", scratch / "call.py")], path


def run(_):
    token = output(executables()["local"], "token").strip()
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    printed = {}
    with tempfile.TemporaryDirectory() as temporary, cargo_local(TARGET / "packages.log") as (api, _):
        for make in (typescript, python):
            scratch = Path(temporary) / make.__name__
            scratch.mkdir()
            command, variables = make(scratch)
            with open(scratch / "printed", "w+") as file:
                call(*command, stdout=file, env={**os.environ, "API": api, "TOKEN": token, **variables})
            printed[make.__name__] = (scratch / "printed").read_text().strip()
    for file in (made("*.tgz"), made("*.whl")):
        print(f"{file.relative_to(TARGET.parent)}: {file.stat().st_size / 1000:.0f} kB")
    # Both create the same chat, so the second one finds the chat of the first.
    print("\n".join(f"{language}: {line}" for language, line in printed.items()))
    if len(set(printed.values())) != 1 or not printed["python"].endswith(" 201"):
        sys.exit("failed: the calls end in different ways")
