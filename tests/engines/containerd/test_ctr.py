# SPDX-License-Identifier: Apache-2.0
"""containerd's own client, on the containerd that the tests' dockerd runs; shim options name the runtime."""

import os
import shutil

import pytest

import engine
from engine import scenario

ctr = scenario("ctr")
SOCKET = "/run/nook-docker/containerd/containerd.sock"


class Ctr(engine.Session):
    def __init__(self, name, runtime, work, tree):
        super().__init__(runtime, work, [(rf"\b{name}-c\b", "SIDE-c")])
        self.name, self.tree = name, self.work / "tree"
        shutil.copytree(tree, self.tree, symlinks=True)

    def command(self, args):
        return ["ctr", f"--address={SOCKET}", "--namespace=nook-tests", *args]

    def run(self, *command, options=(), name="c", **more):
        cgroup = f"--cgroup={engine.CGROUP_PARENT}/docker/{self.box(name)}"
        return self("run", f"--runc-binary={self.runtime}", cgroup, *options, "--rootfs", self.tree, self.box(name), *command, **more)

    def box(self, word="c"):
        return f"{self.name}-{word}"

    def reset(self):
        for box in self("containers", "list", "--quiet", compare=False).out.split():
            if box.startswith(self.name + "-"):
                self("tasks", "kill", "--signal=KILL", box, compare=False)
                self("tasks", "delete", "--force", box, compare=False)
                self("containers", "delete", box, compare=False)


@pytest.fixture(scope="session", name="ctr")
def pair(pytestconfig, daemon, image_tree):
    if not shutil.which("ctr") or not os.path.exists(SOCKET):
        pytest.skip("no containerd")
    sides = []
    for name, runtime in (("nook", pytestconfig.nook), ("reference", pytestconfig.reference)):
        sides.append(Ctr(name, runtime, daemon / f"ctr-{name}", image_tree))
    return engine.Pair(*sides, show=pytestconfig.getoption("--show"))


@ctr
def test_run(p):
    p.run("/bin/sh", "-c", "PATH=/bin; echo hello; id; exit 3", options=["--rm"])
    p.run("/bin/sh", "-c", "PATH=/bin; grep Cap /proc/self/status; ls /dev | grep -v core; cat /proc/self/limits", options=["--rm"])


@ctr
def test_failures(p):
    p.run("no-such-program", options=["--rm"])
    p.run("/etc", options=["--rm"])


@ctr
def test_task(p):
    p.run("/bin/sleep", "100", options=["-d"])
    p("tasks", "exec", "--exec-id=e1", p.box(), "/bin/sh", "-c", "echo in; exit 4")
    p("tasks", "exec", "--exec-id=e2", p.box(), "no-such-program")
    listed = p("tasks", "list", compare=False).out
    p.note("running", [line.split()[2] for line in listed.splitlines() if line.startswith(p.box())])
    p("tasks", "kill", "--signal=TERM", p.box())
    p("tasks", "kill", "--signal=KILL", p.box())
    p.until("tasks", "list", has=p.box())
    p("tasks", "delete", p.box(), show=False)
    p("containers", "delete", p.box())
