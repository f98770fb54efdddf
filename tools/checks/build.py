"""Checks the output of `sam build`: size, C library, features.

Every function must exist, have a zip below 5 MB, and run with the C library of Amazon Linux 2023.
All functions must be built for the same architecture. Crate features that only other packages of
the workspace enable must not get into the functions.
"""

import re
import sys
import tempfile
import zipfile
from pathlib import Path

from checks.common import ROOT, build_of_sam, output, require
from checks.features import enabled

# Limit for a function's zip. The zip is uploaded, and unpacked at each cold start.
MAX_ZIP_BYTES = 5_000_000
# The C library of Amazon Linux 2023.
MAX_GLIBC = (2, 34)


def add_arguments(parser):
    default = Path(".aws-sam/build")
    help = "output of sam build [%(default)s]"
    parser.add_argument("folder", nargs="?", type=Path, default=default, metavar="FOLDER", help=help)


def run(options):
    require("readelf", "cargo")
    build_of_sam(options.folder)
    functions = sorted(folder.name for folder in (ROOT / "functions").iterdir())
    # SAM compiles at the workspace's root, where cargo unifies the features of all packages.
    compiled, requested = enabled(), enabled(*(f"--package={function}" for function in functions))
    print(f"features: {len(compiled)} packages")
    faults = [f"only another package requests these features: {crate}" for crate in sorted(compiled ^ requested)]
    machines = set()
    for function in functions:
        # create-chat is CreateChatFunction.
        name = function.title().replace("-", "") + "Function"
        program = options.folder / name / "bootstrap"
        if not program.exists() or not program.stat().st_mode & 0o100:
            faults.append(f"{program} is missing or not executable")
            continue
        size = zip_size(program.parent)
        # readelf reads programs of any architecture.
        versions = re.findall(r"GLIBC_(\d+)\.(\d+)", output("readelf", "--version-info", "--wide", program))
        glibc = max((int(major), int(minor)) for major, minor in versions)
        machine = re.search(r"Machine: *(.+)", output("readelf", "--file-header", program))[1]
        machines.add(machine)
        print(f"{name}: zip {size} bytes, GLIBC_{glibc[0]}.{glibc[1]}, {machine}")
        if size >= MAX_ZIP_BYTES:
            faults.append(f"{name}: the zip must be smaller than {MAX_ZIP_BYTES} bytes")
        if glibc > MAX_GLIBC:
            faults.append(f"{name}: requires a newer C library than {MAX_GLIBC[0]}.{MAX_GLIBC[1]}")
    if len(machines) != 1:
        faults.append(f"the functions are built for {len(machines)} architectures, not for one")
    sys.exit("\n".join(f"  {fault}" for fault in faults) or None)


def zip_size(folder):
    """Zips the contents of a folder and returns the size of the zip in bytes."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in sorted(folder.rglob("*")):
                archive.write(part, part.relative_to(folder))
        return file.tell()
