# SPDX-License-Identifier: Apache-2.0
"""nook as an ordinary user of the host, with one id mapped: without a cgroup of its own, and in cgroups that systemd
delegated. The tests with systemd run in tests/vm."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

import look

UID = 61777
SETPRIV = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all"]


def forbids_userns():
    done = subprocess.run([*SETPRIV, "unshare", "-Ur", "true"], stderr=subprocess.DEVNULL, check=False)
    return done.returncode != 0


pytestmark = pytest.mark.skipif(not shutil.which("setpriv") or forbids_userns(), reason="users may not make user namespaces here")
with_systemd = pytest.mark.skipif(not (look.V2_ONLY and os.path.isdir("/run/systemd/system")), reason="not a host with systemd and cgroup v2")


def map_one(box, uid):
    """A config as `nook spec --rootless` makes it."""
    box.namespace("user")
    box.linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    box.linux["gidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    box.linux.pop("resources", None)
    for mount in box.config["mounts"]:
        if mount["type"] == "devpts":
            mount["options"].remove("gid=5")
    return box


def give(box, tmp, uid):
    """A state root and a binary that the user can reach."""
    program = tmp / "nook"
    shutil.copy(box.nook.binary, program)
    box.nook.binary = str(program)
    box.nook.root = str(tmp / "mine/r")
    (tmp / "mine").mkdir()
    os.chown(tmp / "mine", uid, uid)
    return box


@pytest.fixture
def ubox(box, tmp):
    """A bundle, and nook as the user."""
    map_one(give(box, tmp, UID), UID)
    box.nook.prefix = SETPRIV
    return box


def test_run_without_a_cgroup(ubox):
    r = ubox.sh("id -u; hostname; cat /proc/self/uid_map").run()
    assert r.rc == 0 and r.err == "" and r.out.split() == ["0", "nook-test", "0", str(UID), "1"], r


def test_life_of_a_container(ubox):
    ubox.sleep().up()
    assert ubox.status == "running" and ubox.exec("id", "-u").ok().out == "0\n"
    ubox.stop().delete()
    ubox.nothing_left()


def test_limit_without_delegation_is_refused(ubox):
    ubox.resources["pids"] = {"limit": 20}
    r = ubox.sleep().try_create()
    r.fails("cgroup")
    assert "Delegate=" in r.err or not look.V2_ONLY, r
    ubox.nothing_left()


def test_check_without_delegation(ubox):
    ubox.resources["pids"] = {"limit": 20}
    ubox.write()
    r = ubox.nook("check", "--bundle", ubox.dir, "--format=json")
    assert r.rc == 1 and "/linux/resources" in {line["field"] for line in r.json()["lines"] if line["verdict"] == "refused"}, r


def test_auto_takes_full_isolation_where_it_works(ubox):
    ubox.nook.globals = ["--isolation=auto"]
    r = ubox.sh("echo $$").run()
    assert (r.rc, r.out, r.err) == (0, "1\n", ""), r


def test_auto_without_a_user_namespace_in_the_config(ubox):
    """root's config, as a user: one line of warning, and the level is in the state."""
    ubox.no_namespace("user")
    del ubox.linux["uidMappings"], ubox.linux["gidMappings"]
    ubox.nook.globals = ["--isolation=auto"]
    r = ubox.sh("id -u").run()
    assert r.rc == 0 and r.out == "0\n" and r.err.count("\n") <= 1, r


# -- delegated by systemd ------------------------------------------------------------------------------------------------
SEES = "cat /proc/self/cgroup /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max"


def limited(box):
    box.resources.update(pids={"limit": 21}, memory={"limit": 64 << 20})
    return box.namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"])


def service(user, *properties):
    return ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--uid={user.pw_uid}", f"--gid={user.pw_gid}",
            *[f"--property={p}" for p in properties], "--"]


@pytest.fixture
def user():
    """systemd starts nothing for a user that has no name."""
    try:
        return pwd.getpwnam("user")
    except KeyError:
        return pytest.skip("no user of that name")


@pytest.fixture
def limited_box(box, tmp, user):
    return limited(map_one(give(box, tmp, user.pw_uid), user.pw_uid))


@with_systemd
def test_delegated_service(limited_box, user):
    limited_box.nook.prefix = service(user, "Delegate=yes", "DelegateSubgroup=caller")
    r = limited_box.sh(SEES).run(timeout=30)
    assert r.rc == 0 and r.out.split() == ["0::/", "21", str(64 << 20)], r


@with_systemd
def test_delegated_service_that_sits_in_the_way(limited_box, user):
    """The caller is in the delegated cgroup itself, so nothing can be handed on below it: the error says what to do."""
    limited_box.nook.prefix = service(user, "Delegate=yes")
    r = limited_box.sh(SEES).run(timeout=30)
    assert r.rc == 1 and "cgroup" in r.err and "DelegateSubgroup=" in r.err, r


@with_systemd
def test_users_own_manager(limited_box, user):
    """systemd-run --user --scope, as podman without root does it. In systemd's mount namespace: /run/user/UID is a mount
    that is made with the manager, and does not come to ours, which is private."""
    box = limited_box
    subprocess.run(["systemctl", "start", f"user@{user.pw_uid}.service"], check=True, timeout=60 * look.SCALE)
    box.nook.prefix = ["nsenter", "--mount=/proc/1/ns/mnt", "--", "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                       "--clear-groups", "--inh-caps=-all", "env", f"XDG_RUNTIME_DIR=/run/user/{user.pw_uid}",
                       "systemd-run", "--user", "--scope", "--quiet", "--collect"]
    try:
        r = box.sh(SEES).run(timeout=30)
        assert r.rc == 0 and r.out.split() == ["0::/", "21", str(64 << 20)], r
        assert not [p for p in Path("/sys/fs/cgroup/user.slice").rglob(f"*{box.id}*")]
    finally:
        subprocess.run(["systemctl", "stop", f"user@{user.pw_uid}.service"], check=True, timeout=60 * look.SCALE)
