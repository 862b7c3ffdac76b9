# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/isolation.md: podman and buildah in places where their own runtimes cannot make a container (place.py), with
nook's chroot isolation. Their storage is in the place's own /run; nothing of the host's is touched."""

import shutil
import subprocess

import pytest

import harness

REGISTRATION = harness.REPO / "contrib/50-nook.conf.in"
STORAGE = ["--root=/run/s", "--runroot=/run/r", "--storage-driver=vfs"]
PODMAN = ["podman", *STORAGE, "--tmpdir=/run/t", "--cgroup-manager=cgroupfs", "--events-backend=file"]
LIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]  # those of podman's own cannot be had in every sandbox
IN_A_POD = ["--cgroups=disabled", "--network=host", *LIMITS]
CHROOT = ["--runtime=nook", "--runtime-flag=isolation=chroot"]

pytestmark = [pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed"),
              pytest.mark.parametrize("place", ["C", "F", "A"], indirect=True)]


class Pod:
    """Engines in a place."""

    def __init__(self, place, tmp, nook, rootfs):
        self.place, self.tmp = place, tmp
        conf = REGISTRATION.read_text().replace("@bindir@/nook", nook)
        # One lock file for each place: the shared memory of /dev/shm is the host's.
        (tmp / "containers.conf").write_text(conf.replace("[engine]", '[engine]\nlock_type = "file"', 1))
        self.env = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/run", "TMPDIR": "/run",
                    "CONTAINERS_CONF": str(tmp / "containers.conf"), "BUILDAH_RUNTIME": nook}
        subprocess.run(["tar", "-C", rootfs, "-cf", tmp / "image.tar", "."], check=True)
        (tmp / "image.tar").chmod(0o644)
        self(*PODMAN, "import", "-q", tmp / "image.tar", "localhost/img").ok()

    def __call__(self, *args, **more):
        return self.place.run(*args, env={**self.env, **more}, timeout=60)

    def podman(self, *args):
        return self(*PODMAN, *CHROOT, *args)


@pytest.fixture
def pod(placed_box, place, tmp):
    tmp.chmod(0o777)
    return Pod(place, tmp, placed_box.nook.binary, placed_box.rootfs)


def test_podman_run_exec_stop(pod):
    own = pod(*PODMAN, "--runtime=nook", "run", "--rm", *IN_A_POD, "localhost/img", "id", "-u")
    assert own.rc == 126 and "a fresh proc" in own.err, "full isolation does not work in there"
    assert pod.podman("run", "--rm", *IN_A_POD, "localhost/img", "id", "-u").ok().out == "0\n"
    assert pod.podman("run", "--rm", *IN_A_POD, "localhost/img", "sh", "-c", "exit 7").rc == 7
    pod.podman("run", "-d", "--name=x", *IN_A_POD, "localhost/img", "/bin/probe", "sleep").ok()
    assert pod.podman("exec", "x", "cat", "/etc/hostname").ok().out.strip()
    pod.podman("stop", "-t", "1", "x").ok()
    assert pod.podman("ps", "-a", "--format={{.Status}}").ok().out.startswith("Exited (137)")
    pod.podman("rm", "x").ok()


def test_podman_with_a_network_of_its_own(pod):
    """/sys shows the outer network all the same: it is the outer /sys."""
    script = "tail -n +3 /proc/net/dev | cut -d: -f1"
    out = pod.podman("run", "--rm", "--cgroups=disabled", "--network=none", *LIMITS, "localhost/img", "sh", "-c", script).ok().out
    assert out.split() == ["lo"]


@pytest.mark.skipif(not shutil.which("buildah"), reason="buildah is not installed")
@pytest.mark.parametrize("by", ["flags", "environment"])
def test_buildah_builds(pod, by):
    (pod.tmp / "Containerfile").write_text("FROM localhost/img\nRUN echo built by $(id -u) > /built; cat /built\n")
    flags = ["--isolation=oci", "--runtime-flag=isolation=chroot"] if by == "flags" else []
    env = {} if flags else {"BUILDAH_ISOLATION": "oci", "NOOK_ISOLATION": "chroot"}
    build = pod("buildah", *STORAGE, "build", "--network=host", *LIMITS, *flags, "-f", pod.tmp / "Containerfile", "-t", "localhost/out",
                pod.tmp, **env).ok()
    assert "built by 0\n" in build.out
    assert pod.podman("run", "--rm", *IN_A_POD, "localhost/out", "cat", "/built").ok().out == "built by 0\n"
