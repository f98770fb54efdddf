"""what `sam build` made: size, C library, features

Each function is there, its zip is below 5 MB, it runs with the C library of Amazon Linux 2023, and all
are for the same machine. No feature that only something else asks for gets into them.
"""

import re
import sys
import tempfile
import zipfile
from pathlib import Path

from checks.common import ROOT, need, output

# What is uploaded, and unpacked at each cold start: bytes of a function's zip.
MOST_BYTES = 5_000_000
# The C library of Amazon Linux 2023.
NEWEST_GLIBC = (2, 34)


def add_arguments(parser):
    default = Path(".aws-sam/build")
    parser.add_argument("folder", nargs="?", type=Path, default=default, metavar="FOLDER", help="[%(default)s]")


def run(options):
    need("readelf")
    functions = sorted(folder.name for folder in (ROOT / "functions").iterdir())
    # What is compiled at the workspace's root, as SAM does it, and what the functions ask for.
    compiled, asked_for = features(), features(*(f"--package={function}" for function in functions))
    print(f"features: {len(compiled)} packages")
    faults = [f"something else than the functions asks for {line}" for line in sorted(compiled ^ asked_for)]
    machines = set()
    for function in functions:
        # create-chat is CreateChatFunction.
        name = function.title().replace("-", "") + "Function"
        program = options.folder / name / "bootstrap"
        if not program.exists() or not program.stat().st_mode & 0o100:
            faults.append(f"{program} is missing, or can't be executed")
            continue
        size = zipped(program.parent)
        # Works for programs of any architecture.
        versions = re.findall(r"GLIBC_(\d+)\.(\d+)", output("readelf", "--version-info", "--wide", program))
        glibc = max((int(major), int(minor)) for major, minor in versions)
        machine = re.search(r"Machine: *(.+)", output("readelf", "--file-header", program))[1]
        machines.add(machine)
        print(f"{name}: zip {size} bytes, GLIBC_{glibc[0]}.{glibc[1]}, {machine}")
        if size >= MOST_BYTES:
            faults.append(f"{name}: the zip must be smaller than {MOST_BYTES} bytes")
        if glibc > NEWEST_GLIBC:
            faults.append(f"{name}: it asks for a newer C library than {NEWEST_GLIBC[0]}.{NEWEST_GLIBC[1]}")
    if len(machines) != 1:
        faults.append(f"the functions are for {len(machines)} kinds of machine")
    sys.exit("\n".join(f"  {fault}" for fault in faults) or None)


def features(*packages):
    tree = output(*"cargo tree --locked --edges normal,build --prefix none --format".split(), "{p} {f}", *packages)
    return {line.removesuffix(" (*)") for line in tree.splitlines() if line}


def zipped(folder):
    """The size of the zip of what is in a folder."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in sorted(folder.rglob("*")):
                archive.write(part, part.relative_to(folder))
        return file.tell()
