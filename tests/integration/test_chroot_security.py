# SPDX-License-Identifier: Apache-2.0
"""What is peculiar to the chroot isolation and to bare: security.md 1g. Ways out of a root that was entered by chroot(2),
and into the processes of the runtime, which a payload can see there. (Hostile roots: test_security, in each isolation.)"""

import json
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

import harness
import look
from look import Proc, wait_until

PIVOTED = ("chroot", "chroot+userns")
CHROOTED = ("chroot+no-pivot", "chroot+no-pivot+userns")
WITH_MOUNTS = (*PIVOTED, *CHROOTED)
pytestmark = pytest.mark.isolations(*WITH_MOUNTS, "bare")
isolations = pytest.mark.isolations

DOCKER = [f"CAP_{n}" for n in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
                               "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP")]
SYS_CHROOT = 1 << 18


def in_userns(box):
    return "user" in [n["type"] for n in box.linux["namespaces"]]


def words(text):
    """What the tool escape says: way -> word."""
    return dict(line.split(": ", 1) for line in text.splitlines())


@pytest.fixture
def mark():
    """The name of a file in the host's "/"."""
    name = f"nkt-mark-{os.getpid()}"
    path = Path("/", name)
    path.write_text("MARK")
    yield name
    path.unlink()


@pytest.fixture
def escape(box, tools):
    """The box, with the tool escape in it, and no no_new_privs in its way."""
    os.link(tools["escape"], box.rootfs / "bin/escape")
    box.process["noNewPrivileges"] = False
    return box


@pytest.fixture
def outsider():
    """outsider(COMMAND...) -> the pid of a process of the host that sleeps, started by that command."""
    started = []

    def make(*command):
        popen = subprocess.Popen([*command, "sleep", "1000"])
        started.append(popen)
        look.KNOWN.add(popen.pid)
        wait_until(lambda: Proc(popen.pid).text("comm") == "sleep\n", what="the host's process")
        return popen.pid

    yield make
    for popen in started:
        popen.kill()
        popen.wait()
        look.KNOWN.discard(popen.pid)


NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
USER_NAMESPACE = ("unshare", "-U", "--map-root-user")


def give_proc(box, host_mount):
    """bare mounts none: then the image has one, which is the worst that it can have."""
    if box.isolation == "bare":
        host_mount("proc", box.rootfs / "proc", "proc")


def members():
    """The container's own processes, from outside: without the supervisor."""
    look.reap()
    return [p for p in look.descendants() if Proc(p).alive() and not Proc(p).text("comm").startswith("nook-super")]


# -- the root ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("asks", ["few", "docker", "nothing"])
def test_no_way_out(escape, mark, asks):
    """With these capabilities; "nothing" means that the config has no such object, so root has all of them."""
    if asks == "docker":
        escape.caps(*DOCKER)
    elif asks == "nothing":
        del escape.process["capabilities"]
        if escape.isolation == "bare":  # it may mount, on the host: only what is no mount is tried
            assert escape.args("/bin/escape", "chroot", mark).run().ok().out == "double chroot: EPERM\n"
            return
    said = words(escape.args("/bin/escape", "out", mark).run().ok().out)
    assert len(said) == 11, said
    out = {way for way, word in said.items() if word.startswith("out")}
    if asks == "nothing" and escape.isolation == "chroot" and not in_userns(escape):
        out.discard("by /proc")  # all capabilities of the host's root: it may look into every process
    assert out == set(), said
    if asks != "nothing":
        assert said["double chroot"] == ("in" if asks == "docker" and not escape.flags and escape.isolation != "bare" else "EPERM"), said


@pytest.mark.parametrize("asks", ["few", "docker"])
def test_a_new_user_namespace_in_there(escape, mark, asks):
    """Works after pivot_root; after chroot(2) the kernel refuses it, for it would give CAP_SYS_CHROOT back."""
    escape.caps(*(DOCKER if asks == "docker" else harness.CAPS))
    said = words(escape.args("/bin/escape", "out", mark).run().ok().out)
    pivoted = escape.isolation == "chroot" and not escape.flags
    assert said["new user namespace"] == ("in" if pivoted else "EPERM"), said


@isolations(*WITH_MOUNTS)
def test_a_user_namespace_that_can_be_joined_does_not_lead_out(escape, mark, outsider):
    """Root without any capability has all of them in a user namespace that some other root process has made (another
    container, say): enough for a second chroot(2). Then there is nothing above the root."""
    other = outsider(*USER_NAMESPACE)
    escape.no_namespace("pid")
    said = words(escape.args("/bin/escape", "out", mark, str(other)).run().ok().out)
    assert said["another's user namespace"] == ("EPERM" if in_userns(escape) else "in"), said


def set_of(pid):
    return {name: int(Proc(pid).status(name), 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


@isolations(*CHROOTED, "bare")
@pytest.mark.parametrize("asks", ["all sets", "no object"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_cap_sys_chroot_is_in_no_set(escape, mark, asks, uid):
    """Whatever the config says; while the container waits for start, and in execs, too."""
    escape.process["user"] = {"uid": uid, "gid": uid}
    escape.caps("CAP_SYS_CHROOT", "CAP_NET_RAW", sets=("bounding", "effective", "permitted", "inheritable", "ambient"))
    if asks == "no object":
        del escape.process["capabilities"]
    escape.sleep().create()
    init, = members()
    assert not any(mask & SYS_CHROOT for mask in set_of(init).values()), set_of(init)
    escape.start()
    payload, = members()
    sets = set_of(payload)
    assert not any(mask & SYS_CHROOT for mask in sets.values()), sets
    if asks == "all sets":
        assert all(mask == 1 << 13 for mask in sets.values()), sets
    else:
        assert (sets["CapEff"] != 0) == (uid == 0) and sets["CapBnd"], sets
    said = words(escape.exec("/bin/escape", "out", mark, flags=["--cap", "CAP_SYS_CHROOT"]).ok().out)
    assert said["double chroot"] == "EPERM", said


@isolations(*CHROOTED, "bare")
def test_exec_by_file_has_no_cap_sys_chroot(escape, mark, tmp):
    del escape.process["capabilities"]
    escape.sleep().up()
    process = {"cwd": "/", "args": ["/bin/escape", "chroot", mark], "user": {"uid": 0, "gid": 0}}
    for capabilities in (None, {s: ["CAP_SYS_CHROOT"] for s in ("bounding", "effective", "permitted")}):
        if capabilities:
            process["capabilities"] = capabilities
        (tmp / "process.json").write_text(json.dumps(process))
        assert escape.nook("exec", "--process", tmp / "process.json", escape.id).ok().out == "double chroot: EPERM\n"


@isolations(*CHROOTED, "bare")
def test_hooks_inside_do_not_get_out(escape, mark):
    """startContainer hooks are programs of the image and run before the capabilities are cut down."""
    escape.hook("startContainer", "/bin/sh", ["sh", "-c", f"/bin/escape chroot {mark} > /tmp/said"])
    escape.args("/bin/true").run().ok()
    assert words((escape.rootfs / "tmp/said").read_text()) == {"double chroot": "EPERM"}
