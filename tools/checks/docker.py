"""A Docker engine of its own for `sam local`, and an image to run the functions in: for machines (CI,
mostly) that have neither an engine nor a registry.

The image is made of this machine's own C library, not of Amazon Linux 2023's: that the functions ask
for no newer one than Lambda has is for `tools/check build` to say.
"""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from checks.common import Process, install, need, output

# Where containers reach this machine: a private network that nothing else is likely to use.
BRIDGE = "172.31.77.1/24"
IMAGE = "lambda-stand-in"


@contextlib.contextmanager
def engine(folder):
    """A Docker that answers: this machine's, or one that keeps all it has in `folder`. The options of
    `sam local` that name the image to use."""
    if shutil.which("docker") and answers():
        print("  this machine's")
        yield []
        return
    if not (shutil.which("dockerd") and shutil.which("docker")):
        install("docker.io")
    print("  one of our own")
    os.makedirs(folder)
    # Containers get no way out into the network, so no rule of the firewall is touched.
    places = f"--host unix://{folder}/docker.sock --pidfile {folder}/pid"
    places += f" --data-root {folder}/data --exec-root {folder}/exec"
    network = f"--bip {BRIDGE} --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false"
    with Process("dockerd", ["dockerd", *places.split(), *network.split()], f"{folder}/log") as process:
        os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
        process.wait_until(answers)
        make_image(Path(folder) / "root")
        yield ["--invoke-image", IMAGE, "--skip-pull-image"]


def answers():
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def make_image(root):
    """What SAM builds its image with (sh, mv, chmod) and what functions' programs are linked to: the
    compiler's library and all parts that the C library once had, which programs for older ones name."""
    need("gcc")
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
        # At their own paths, which is where the loader of this machine looks for them.
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    variables = "ENV PATH=/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime"
    packed = subprocess.Popen(["tar", "--create", "--directory", root, "."], stdout=subprocess.PIPE)
    command = ["docker", "import", "--change", "WORKDIR /var/task", "--change", variables, "-", IMAGE]
    subprocess.run(command, stdin=packed.stdout, stdout=subprocess.DEVNULL, check=True)
    if packed.wait() != 0:
        raise RuntimeError("tar failed")
