"""Starts a Docker engine for `sam local` and builds the image that the functions run in.

This is for machines without an engine or a registry, mostly in CI. The image contains this
machine's C library, not that of Amazon Linux 2023. `tools/check build` checks that the functions do
not require a newer C library than Lambda has.
"""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from checks.common import Process, install, output, require

# Containers reach this machine at this address. Nothing else is likely to use this private network.
BRIDGE = "172.31.77.1/24"
IMAGE = "lambda-stand-in"


@contextlib.contextmanager
def engine(folder):
    """Provides a running Docker engine and yields the options of `sam local` that select the image.

    Uses the engine of this machine if there is one. Otherwise starts one that keeps its files in
    `folder`.
    """
    if shutil.which("docker") and is_running():
        print("  uses the engine of this machine")
        yield []
        return
    if not (shutil.which("dockerd") and shutil.which("docker")):
        install("docker.io")
    print("  starts an engine")
    os.makedirs(folder)
    # Containers have no access to other networks, so the firewall's rules stay unchanged.
    paths = f"--host unix://{folder}/docker.sock --pidfile {folder}/pid"
    paths += f" --data-root {folder}/data --exec-root {folder}/exec"
    network = f"--bip {BRIDGE} --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false"
    with Process("dockerd", ["dockerd", *paths.split(), *network.split()], f"{folder}/log") as process:
        os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
        process.wait_until(is_running)
        make_image(Path(folder) / "root")
        yield ["--invoke-image", IMAGE, "--skip-pull-image"]


def is_running():
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def make_image(root):
    """Builds the image.

    It contains the commands that SAM builds its own image with (sh, mv, chmod), and the libraries
    that the functions are linked to. These are the compiler's library and all parts of the C
    library, including those that only programs for older versions still name.
    """
    require("gcc")
    for folder in "bin dev proc sys tmp etc opt var/task var/runtime var/rapid".split():
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    libraries = set()
    for program in map(shutil.which, ("sh", "mv", "chmod")):
        shutil.copy(program, root / "bin")
        libraries.update(re.findall(r"/\S+", output("ldd", program)))
    for library in "libgcc_s.so.1 libc.so.6 libm.so.6 libdl.so.2 libresolv.so.2 librt.so.1 libpthread.so.0".split():
        libraries.add(os.path.abspath(output("gcc", f"-print-file-name={library}").strip()))
    for library in libraries:
        # Each library keeps its path, because the loader of this machine looks for it there.
        copy = root / library.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, copy)
    variables = "ENV PATH=/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime"
    packed = subprocess.Popen(["tar", "--create", "--directory", root, "."], stdout=subprocess.PIPE)
    command = ["docker", "import", "--change", "WORKDIR /var/task", "--change", variables, "-", IMAGE]
    subprocess.run(command, stdin=packed.stdout, stdout=subprocess.DEVNULL, check=True)
    if packed.wait() != 0:
        raise RuntimeError("tar failed")
