# SPDX-License-Identifier: Apache-2.0
"""docker, with nook and with the reference as runtimes of one daemon (../conftest.py)."""

import os

import pytest

import engine


class Docker(engine.Session):
    def __init__(self, name, runtime, work):
        super().__init__(runtime, work, [(rf"\b{name}-([ac])\b", r"SIDE-\1")])
        self.name = name

    def command(self, args):
        if args[0] in ("run", "create"):
            args = [args[0], f"--runtime={self.name}", f"--cgroup-parent={engine.CGROUP_PARENT}/docker",
                    f"--label=side={self.name}", *self.defaults(args), *args[1:]]
        return ["docker", *args]

    @staticmethod
    def defaults(args):
        """No network (it would need iptables), and rlimits that need no privilege."""
        network = [] if any(arg.startswith("--network") for arg in args) else ["--network=none"]
        ulimit = [] if any(arg.startswith("--ulimit") for arg in args) else ["--ulimit=nofile=1024:1024"]
        return network + ulimit

    def environ(self):
        return {"PATH": os.environ["PATH"], "HOME": str(self.work), "TERM": "xterm", "DOCKER_HOST": engine.DOCKER_HOST}

    def box(self, word="c"):
        """The name of a container; both sides share the daemon."""
        return f"{self.name}-{word}"

    def leaves_something(self, args):
        return not (args[0] == "run" and "--rm" in args and "-d" not in args)

    def reset(self):
        mine = self("ps", "-aq", f"--filter=label=side={self.name}", compare=False).out.split()
        if mine:
            self("rm", "--force", *mine, compare=False)


@pytest.fixture(scope="session")
def docker(pytestconfig, daemon, image_tar):
    sides = [Docker("nook", pytestconfig.nook, daemon / "n"), Docker("reference", pytestconfig.reference, daemon / "r")]
    assert sides[0]("import", image_tar, "img").code == 0
    yield engine.Pair(*sides, show=pytestconfig.getoption("--show"))
    for side in sides:
        side.reset()
