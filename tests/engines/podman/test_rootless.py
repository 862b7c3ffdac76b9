# SPDX-License-Identifier: Apache-2.0
"""podman as an ordinary user with subordinate ids: the runtime runs as root of podman's user namespace and makes none."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import engine
import look
from podman.conftest import Podman, write_settings
from podman.test_run import DEVICES, MOUNTS, STATUS

rootless = engine.scenario("rootless")
UID = 61777


class Rootless(Podman):
    def command(self, args):
        if args[0] in ("run", "create"):
            args = [args[0], *args[1:]]
        return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "podman", f"--root={self.work}/root",
                f"--runroot={self.work}/run", "--storage-driver=vfs", f"--runtime={self.name}", *args]

    def environ(self):
        return {**super().environ(), "HOME": str(self.work), "XDG_RUNTIME_DIR": f"/run/user/{self.name}"}

    def __call__(self, *args, **options):
        os.chdir("/")  # podman wants to be able to come back to where it started
        return super().__call__(*args, **options)


def add_to(path, line):
    """Adds a line to a file of /etc, in this mount namespace only."""
    copy = Path("/run") / ("nook-" + os.path.basename(path))
    copy.write_text((Path(path).read_text() if os.path.exists(path) else "") + line + "\n")
    if not os.path.exists(path):
        pytest.skip(f"no {path}")
    look.mount(str(copy), path, None, look.MS_BIND)


@pytest.fixture(scope="module", name="rootless")
def pair(pytestconfig, work, image_tar):
    if not all(map(shutil.which, ("podman", "newuidmap", "setpriv"))):
        pytest.skip("podman, newuidmap or setpriv is not installed")
    files = {"/etc/passwd": f"nook-user:x:{UID}:{UID}::/tmp:/bin/sh", "/etc/group": f"nook-user:x:{UID}:",
             "/etc/subuid": "nook-user:200000:65536", "/etc/subgid": "nook-user:200000:65536"}
    base = work / "rl"
    base.mkdir()
    nook = shutil.copy(pytestconfig.nook, str(base / "nook.bin"))  # a clone may lie in /root, where no user comes
    settings = write_settings(base, nook, pytestconfig.reference)
    sides, added = [], []
    try:
        for path, line in files.items():
            add_to(path, line)
            added.append(path)
        for name, runtime in (("nook", nook), ("reference", pytestconfig.reference)):
            side = Rootless(name, runtime, base / name[:4], settings)
            for path in (side.work, Path(f"/run/user/{name}")):
                path.mkdir(exist_ok=True)
                os.chown(path, UID, UID)
            done = side("import", "--quiet", image_tar, "img")
            if done.code:
                pytest.skip(f"rootless podman does not run here: {done.err}")
            sides.append(side)
        yield engine.Pair(*sides, show=pytestconfig.getoption("--show"))
    finally:
        for side in sides:
            side.reset()
            pause = Path(f"/run/user/{side.name}/libpod/tmp/pause.pid")
            if pause.exists():
                os.kill(int(pause.read_text()), signal.SIGKILL)
        for path in added:
            subprocess.run(["umount", "-l", path], check=False)


@rootless
def test_run(p):
    p("run", "--rm", "img", "sh", "-c", "id; cat /proc/self/uid_map; touch /x && echo written; exit 3")
    p("run", "--rm", "img", "sh", "-c", STATUS)
    p("run", "--rm", "--hostname=h", "img", "sh", "-c", DEVICES + ";" + MOUNTS)


@rootless
def test_user(p):
    p("run", "--rm", "--user=app", "img", "sh", "-c", "id; touch /home/app/x && ls -ln /home/app/x | cut -c1-10")
    p("run", "--rm", "--userns=keep-id", "img", "sh", "-c", "id -u; cat /proc/self/uid_map")


@rootless
def test_namespaces(p):
    p("run", "--rm", "--network=none", "img", "ip", "-o", "-4", "address")
    p("run", "--rm", "--network=host", "img", "readlink", "/proc/self/ns/net")
    p("run", "--rm", "--read-only", "img", "sh", "-c", "touch /x; touch /tmp/x && echo tmp")


@rootless
def test_failures(p):
    p("run", "--rm", "img", "no-such-program")
    p("run", "--rm", "img", "/etc/not-executable")


@rootless
def test_life(p):
    p("run", "-d", "--name=c", "img", "trap", show=False)
    p.until("logs", "c", has="ready")
    p("exec", "c", "sh", "-c", "id; " + STATUS)
    p("exec", "--user=app", "c", "id")
    p("stop", "c")
    p("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", "c")
    p("rm", "c")


@rootless
def test_volume_and_terminal(p):
    (p.work / "volume").mkdir()
    os.chown(p.work / "volume", UID, UID)
    p("run", "--rm", f"-v={p.work}/volume:/v", "img", "sh", "-c", "touch /v/x && ls -ln /v/x | cut -c1-10")
    p.tty("run", "--rm", "-it", "img", "sh", "-c", "tty; read -p 'name? ' x; echo hello $x", keys=[("name?", b"Ann\r")])
