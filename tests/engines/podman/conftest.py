# SPDX-License-Identifier: Apache-2.0
"""podman on nook and on the reference, each with a storage of its own below the session's directory."""

import time
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import engine
import look

REPO = Path(__file__).resolve().parents[3]
DROP_IN = "/etc/containers/containers.conf.d/50-nook.conf"
SETTINGS = """
[containers]
netns = "none"
# rlimits cannot be raised in every sandbox, and podman's defaults would
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
{lists}
[engine.runtimes]
reference = ["{reference}"]
"""


class Podman(engine.Session):
    """`podman --runtime NAME`: nook by the name that its drop-in registers, the reference by one of ours."""

    def __init__(self, name, runtime, work, settings):
        # a runtime's error names it
        super().__init__(runtime, work, [(r"\b(nook|reference|runc|crun): ", "RUNTIME: ")])
        self.name, self.settings = name, settings
        self.flags = []
        self.used = set()  # the first words of the commands since the last reset

    def command(self, args):
        where = [f"--{key}={self.work}/{key}" for key in ("root", "runroot", "tmpdir")]
        self.used.add(args[0])
        if args[0] in ("run", "create") and "--cgroups=disabled" not in args:
            args = [args[0], f"--cgroup-parent={engine.CGROUP_PARENT}", *args[1:]]
        elif args[:2] == ["pod", "create"]:
            args = ["pod", "create", f"--cgroup-parent={engine.CGROUP_PARENT}", *args[2:]]
        return ["podman", *where, "--storage-driver=overlay", f"--runtime={self.name}", *self.flags, *args]

    def environ(self):
        return {"PATH": os.environ["PATH"], "HOME": "/root", "TERM": "xterm", "CONTAINERS_CONF": str(self.settings)}

    def leaves_something(self, args):
        return not (args[0] == "run" and "--rm" in args and not {"-d", "--detach"} & set(args))

    def reset(self):
        if "pod" in self.used:
            self("pod", "rm", "--all", "--force", "--time=0", compare=False)
        # podman itself now and then finds the shm of a container busy that it has just stopped, with any runtime.
        for _ in range(5):
            result = self("rm", "--all", "--force", "--time=0", compare=False)
            if result.code == 0:
                break
            time.sleep(0.5)
        assert result.code == 0, result
        self.used = set()

    def inspect(self, name, template):
        return self("inspect", "--format", template, name)


def read_drop_in(nook):
    """contrib/50-nook.conf.in as `make install` would install it; its two lists are podman's, too."""
    text = (REPO / "contrib/50-nook.conf.in").read_text().replace("@bindir@/nook", nook)
    lists = re.findall(r"^runtime_supports_\w+ = .*$", text, re.M)
    return text, "\n".join(lists).replace('"nook"', '"nook", "reference"')


@pytest.fixture(scope="session")
def drop_in(pytestconfig):
    """The registration of nook, where the distribution's podman looks for it (a private mount)."""
    text, _ = read_drop_in(pytestconfig.nook)
    os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
    Path(DROP_IN).write_text(text)
    return DROP_IN


@pytest.fixture(scope="session")
def podman(pytestconfig, work, image_tar):
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    pair = make_pair(pytestconfig.nook, pytestconfig.reference, work / "podman", image_tar)
    pair.show = pytestconfig.getoption("--show")
    yield pair
    close_pair(pair)


def write_settings(work, nook, reference):
    """A containers.conf that registers both."""
    settings = work / "containers.conf"
    _, lists = read_drop_in(nook)
    settings.write_text(SETTINGS.format(lists=lists, reference=reference) + f'nook = ["{nook}"]\n')
    return settings


def make_pair(nook, reference, work, image_tar):
    """A podman on each; `podman` fixture's work, also for the test of the harness itself."""
    work.mkdir()
    settings = write_settings(work, nook, reference)
    sides = []
    for name, runtime in (("nook", nook), ("reference", reference)):
        side = Podman(name, runtime, work / name[:4], settings)  # podman wants short paths
        subprocess.run(side.command(["import", "--quiet", str(image_tar), "img"]), env=side.environ(), check=True,
                       stdout=subprocess.DEVNULL)
        sides.append(side)
    return engine.Pair(*sides)


def close_pair(pair):
    for side in pair.sides:
        side.reset()
        # podman's own mount, it stays by design
        while subprocess.run(["umount", side.work / "root/overlay"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            pass
