# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the engine tests. The session lives in a private mount namespace with its own /run, /dev/shm and engine
configuration, and adopts orphans; at its end it is an error when a process, mount, cgroup or state directory is left."""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))
sys.path.insert(0, str(Path(__file__).parents[1] / "oci-validation"))

import engine  # noqa: E402
import look  # noqa: E402
from harness import find_nook  # noqa: E402
from host import HugetlbAsV1  # noqa: E402

REPO = Path(__file__).resolve().parents[2]
PRIVATE = ("/run", "/dev/shm", "/var/lib/containers", "/var/lib/cni")


def pytest_addoption(parser):
    parser.addoption("--nook", help="the runtime under test (default: $NOOK, then the build tree's)")
    parser.addoption("--reference", default=os.environ.get("NOOK_REFERENCE", "runc"),
                     help="the runtime that it is compared with (default: $NOOK_REFERENCE, then runc)")
    parser.addoption("--show", action="store_true", help="print what the reference did (with -s)")


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the engine tests need root", 4)
    nook = config.getoption("--nook")
    config.nook = os.path.abspath(nook) if nook else find_nook()
    config.reference = shutil.which(config.getoption("--reference"))
    if not config.nook or not os.access(config.nook, os.X_OK):
        pytest.exit("no nook: build it, or name it with --nook or $NOOK", 4)
    if not config.reference:
        pytest.exit(f"the reference runtime {config.getoption('--reference')} is not installed", 4)
    os.umask(0o022)
    look.unshare(look.CLONE_NEWNS)
    look.mount(None, "/", None, look.MS_REC | look.MS_PRIVATE)
    for path in PRIVATE:
        if os.path.isdir(path):
            look.mount("tmpfs", path, "tmpfs", 0, "mode=0755" if path != "/dev/shm" else "mode=1777")
    for path in ("/run/lock", "/run/user"):
        os.mkdir(path)
    private_copy("/etc/containers")
    config.hugetlb = None
    # Debian 12's crun refuses the hybrid layout, in which hugetlb belongs to the v2 hierarchy: it is taken away there.
    if "crun" in os.path.basename(config.reference) and HugetlbAsV1.is_needed():
        config.hugetlb = HugetlbAsV1("/run/nook-cgroups")
        why = config.hugetlb.take(10, [])
        if why:
            pytest.exit(why, 4)
        look.CGROUPS.update(look.cgroup_mounts())
    look.set_subreaper()


def private_copy(path):
    """A directory of configuration to which the tests may add."""
    copy = tempfile.mkdtemp(dir="/run")
    if os.path.isdir(path):
        shutil.copytree(path, copy, symlinks=True, dirs_exist_ok=True)
        look.mount("tmpfs", path, "tmpfs", 0, "mode=0755")
        shutil.copytree(copy, path, symlinks=True, dirs_exist_ok=True)


def pytest_unconfigure(config):
    left = config.hugetlb.give_back() if getattr(config, "hugetlb", None) else None
    if left:
        print(left, file=sys.stderr)


def pytest_report_header(config):
    return f"nook: {config.nook}, compared with {config.reference}"


@pytest.fixture(scope="session")
def work():
    """A directory with room for images; gone at the end."""
    path = Path(tempfile.mkdtemp(prefix="nke-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def image_tree(work):
    return engine.make_tree(work / "image")


@pytest.fixture(scope="session")
def image_tar(work, image_tree):
    subprocess.run(["tar", "-C", image_tree, "-cf", work / "image.tar", "."], check=True)
    return work / "image.tar"


@pytest.fixture(scope="session")
def daemon(pytestconfig, work):
    """A running dockerd; stopped at the end, with its containerd and what they mounted."""
    if not shutil.which("dockerd") or not shutil.which("docker"):
        pytest.skip("docker.io is not installed")
    folder = work / "docker"
    folder.mkdir()
    settings = folder / "daemon.json"
    settings.write_text(json.dumps({"runtimes": {"nook": {"path": pytestconfig.nook},
                                                 "reference": {"path": pytestconfig.reference}}}))
    with open(folder / "log", "w", encoding="utf-8") as log:
        child = subprocess.Popen(["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", f"--host={engine.DOCKER_HOST}",
                                  f"--config-file={settings}", f"--data-root={folder}/data", "--exec-root=/run/nook-docker",
                                  "--pidfile=/run/nook-docker.pid", "--storage-driver=vfs",
                                  "--exec-opt=native.cgroupdriver=cgroupfs"], stdout=log, stderr=log)
    look.KNOWN.add(child.pid)
    environ = {"PATH": os.environ["PATH"], "DOCKER_HOST": engine.DOCKER_HOST, "HOME": str(folder)}

    def answers():
        if child.poll() is not None:
            pytest.skip("dockerd does not run here: " + (folder / "log").read_text()[-300:])
        return subprocess.run(["docker", "info"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    look.wait_until(answers, timeout=30, what="dockerd")
    yield folder
    child.terminate()
    child.wait(timeout=30)


@pytest.fixture(scope="session", autouse=True)
def nothing_left(pytestconfig, work):
    before = {m.id for m in look.mounts()}
    yield
    look.wait_until(lambda: not live_children(), timeout=10, what="the engines' last processes to end")
    problems = []
    for path in glob.glob("/run/nook/*"):
        problems.append(f"state {path}")
    problems += [f"mount {m}" for m in look.mounts() if m.id not in before and "/netns/" not in m.target]
    problems += [f"cgroup {path}" for path in look.cgroups_named(engine.CGROUP_PARENT.lstrip("/"))
                 if not engine.is_engines_own(path)]
    engine.remove_cgroups()
    assert not problems, "left behind:\n" + "\n".join(problems)


def live_children():
    look.reap()
    return look.descendants()
