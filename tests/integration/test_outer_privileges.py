# SPDX-License-Identifier: Apache-2.0
"""What needs privileges outside of the container's user namespace: limits, oom_score_adj, time offsets - in a new one, in
one that is joined, and for exec."""

import json
import os
import subprocess

import pytest

import look

SHOW = "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj"


def configure(box, soft, hard, score):
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}]
    box.process["oomScoreAdj"] = score
    return box.sh(SHOW)


@pytest.fixture
def owner():
    """A process that holds a user namespace open."""
    with subprocess.Popen(["unshare", "--user", "sleep", "60"]) as p:
        look.KNOWN.add(p.pid)
        look.wait_until(lambda: os.readlink(f"/proc/{p.pid}/ns/user") != os.readlink("/proc/self/ns/user"))
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{p.pid}/{name}", "w") as f:
                f.write("0 100000 65536")
        yield p
        p.kill()
    look.KNOWN.discard(p.pid)


def test_new_user_namespace(box):
    assert configure(box.userns(), 77, 88, 123).run().ok().lines() == ["77", "88", "123"]


def test_joined_user_namespace(box, owner):
    box.namespace("user", f"/proc/{owner.pid}/ns/user")
    assert configure(box, 77, 88, 123).run().ok().lines() == ["77", "88", "123"]


@pytest.mark.parametrize("userns", [False, True], ids=["host", "userns"])
def test_set_up_needs_more_than_the_program_may_have(box, userns):
    if userns:
        box.userns()
    assert configure(box, 6, 6, 0).run().ok().lines()[:2] == ["6", "6"]


@pytest.mark.parametrize("userns", [False, True], ids=["host", "userns"])
def test_exec(box, tmp, userns):
    if userns:
        box.userns()
    box.sleep().up()
    process = dict(configure(box, 77, 88, 123).process)
    (tmp / "process.json").write_text(json.dumps(process))
    assert box.exec(flags=("--process", tmp / "process.json")).ok().lines() == ["77", "88", "123"]


def test_the_runtime_keeps_its_own_score(box, tmp):
    """Hooks of the runtime's namespaces, and who waits in the foreground, are no part of the container."""
    box.process["oomScoreAdj"] = 500
    box.hook("createRuntime", "/bin/sh", ["sh", "-c", f"cat /proc/self/oom_score_adj >{tmp}/score"])
    box.args("/bin/true").run().ok()
    with open("/proc/self/oom_score_adj") as f:
        assert (tmp / "score").read_text() == f.read()


@pytest.mark.parametrize("userns", [False, True], ids=["host", "userns"])
def test_time_offsets(box, userns):
    if userns:
        box.userns()
    box.namespace("time").linux["timeOffsets"] = {"boottime": {"secs": 1000000000}}
    with open("/proc/uptime") as f:
        up = float(f.read().split()[0])
    seen = float(box.sees("cat /proc/uptime").split()[0])
    assert 0 <= seen - up - 1e9 < 60


@pytest.mark.parametrize("destination", ["/dev", "/dev/", "//dev", "/dev/."])
def test_a_bound_dev_of_the_host_is_left_alone(box, destination):
    """Default devices and links are for the container's own /dev."""
    dev = box.dir / "hostdev"
    dev.mkdir()
    (dev / "ptmx").touch()
    box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue").mount(destination, "bind", dev, ["bind"])
    box.args("/bin/true").run().ok()
    assert os.listdir(dev) == ["ptmx"] and not (dev / "ptmx").is_symlink()
