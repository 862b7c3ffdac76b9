# SPDX-License-Identifier: Apache-2.0
"""A container without a mount namespace of its own: its root is a mount of the host's. Exactly that mount goes with the
container, never one that the user has put at the same place, whenever create dies and whoever cleans up."""

import errno
import json
import os

import pytest

import look
from test_fallbacks import NR, SETS
from test_kill_create import STEP, steps, traced


@pytest.fixture(params=["plain directory", "bind of itself", "own file system"])
def box(request, make_box, host_mount, tools):
    """box.users: the user's own mounts at or below the root, by their numbers."""
    box = make_box()
    if request.param == "bind of itself":
        host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    elif request.param == "own file system":
        source = box.dir / "source"
        os.rename(box.rootfs, source)
        box.rootfs.mkdir()
        host_mount("t", box.rootfs, "tmpfs", 0, "mode=755")
        for name in os.listdir(source):
            os.system(f"cp -a {source}/{name} {box.rootfs}/")
    box.sleep().no_namespace("mount")
    box.config["mounts"] = []
    box.linux["maskedPaths"] = box.linux["readonlyPaths"] = []
    box.users = here(box)
    return box


def here(box):
    """Numbers of the mounts at or below the bundle."""
    return [m.id for m in look.mounts() if m.target.startswith(str(box.dir))]


def only_the_users(box):
    assert box.id not in box.nook.state_dirs() and not look.cgroups_named(box.id)
    look.reap()
    assert not look.descendants()
    assert here(box) == box.users


def away(box):
    box.nook("delete", "--force", box.id).silent()
    only_the_users(box)


def state_file(box):
    return os.path.join(box.nook.root, box.id, "state.json")


def add_mounts(box):
    (box.rootfs / "mnt/t").mkdir()
    box.mount("/proc", "proc", "proc").mount("/mnt/t", "tmpfs", "t").mount("/etc/passwd", "bind", box.dir / "config.json", ["bind"])


def test_life(box):
    add_mounts(box)
    box.create()
    assert len(here(box)) == len(box.users) + 4  # the root, /proc, /mnt/t, /etc/passwd
    assert os.readlink(f"/proc/{box.pid}/root") == str(box.rootfs)
    box.start()
    assert box.exec("cat", "/proc/1/cmdline").ok().out == "/bin/probe\0sleep\0"
    box.stop().delete()
    only_the_users(box)


def test_run(box):
    add_mounts(box)
    assert box.sees("readlink /proc/1/exe") == "/bin/busybox\n"
    only_the_users(box)


def test_refused_after_the_root_is_attached(box):
    box.mount("/mnt/none", "nosuchfs", "x")
    box.try_create().fails("nosuchfs")
    only_the_users(box)


def test_refused_by_the_executable(box):
    box.args("/bin/none").try_create().fails("no such file")
    only_the_users(box)


def test_parent_killed(box, tools):
    add_mounts(box)
    box.write()
    status, calls = traced(box, tools, 0, 0)
    assert status == 0
    assert len(here(box)) > len(box.users)
    away(box)
    for n in steps(calls[0], False):
        traced(box, tools, 0, n)
        away(box)


def test_child_killed(box, tools):
    """Before, while and after it attaches the root: create itself cleans up."""
    box.write()
    status, calls = traced(box, tools, 0, 0)
    away(box)
    for n in range(1, calls[1] + 1, STEP // 3):
        status, _ = traced(box, tools, 1, n)
        if os.waitstatus_to_exitcode(status) == 0:
            away(box)
        only_the_users(box)


def test_id_is_reclaimed(box, tools):
    """The next create with the same id finds the dead entry, and its mount."""
    box.write()
    _, calls = traced(box, tools, 0, 0)
    away(box)
    for n in steps(calls[0], False, 3):
        traced(box, tools, 0, n)
        look.wait_until(lambda: (look.reap(), not look.descendants())[1] or box.status == "created")
        box.try_create()
        away(box)


@pytest.mark.parametrize("name", ["mount API", "open_tree", "statx", "everything new", "mount API, statx"])
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_older_kernel(box, tools, name, code):
    """Without open_tree(2) the mount has no number before it is attached; without statx(2) numbers come from fdinfo."""
    calls = sorted({c for part in name.split(", ") for c in SETS[part]})
    prefix = [tools["nosys"], str(code), ",".join(NR[c] for c in calls)]
    box.nook.prefix = prefix
    box.up()
    assert len(here(box)) == len(box.users) + 1
    away(box)
    box.up()
    box.nook.prefix = []  # whoever deletes it may see more of the kernel
    away(box)
    box.nook.prefix = prefix
    box.args("/bin/none").try_create().fails("no such file")
    only_the_users(box)


@pytest.mark.parametrize("when", [5, 25, 45, 65, 85])
def test_older_kernel_child_killed(box, tools, when):
    prefix = [tools["nosys"], str(errno.ENOSYS), ",".join(NR[c] for c in SETS["mount API"])]
    box.write()
    box.nook.prefix = prefix
    status, calls = traced(box, tools, 0, 0)
    away(box)
    box.nook.prefix = prefix
    status, _ = traced(box, tools, 1, calls[1] * when // 100)
    if os.waitstatus_to_exitcode(status) == 0:
        away(box)
    only_the_users(box)


@pytest.mark.parametrize("what", ["missing", "truncated"])
def test_state_is_lost(box, what):
    """Then a mount that shows just what it covers counts as the container's."""
    box.up()
    path = state_file(box)
    text = open(path).read()
    os.unlink(path)
    if what == "truncated":
        with open(path, "w") as f:
            f.write(text[:text.index('"complete"')])
    away(box)


def test_users_mount_in_its_place(box, host_mount):
    """Somebody has unmounted the container's root and mounted another thing there."""
    box.up()
    look.umount(box.rootfs)
    assert here(box) == box.users
    host_mount("mine", box.rootfs, "tmpfs")
    box.users = here(box)
    away(box)


def test_users_mount_over_it(box):
    """It cannot be unmounted without the user's: said, and nothing is forgotten."""
    box.up()
    look.mount("mine", box.rootfs, "tmpfs")
    r = box.nook("delete", "--force", box.id).fails(str(box.rootfs), "something is mounted over it")
    assert box.id in box.nook.state_dirs(), r
    look.umount(box.rootfs)
    away(box)


def test_two_containers_on_one_root(box, make_box):
    other = make_box()
    other.config = json.loads(json.dumps(box.config))
    other.config["root"]["path"] = str(box.rootfs)
    box.up()
    other.up()
    other.nook("delete", "--force", other.id).silent()
    assert box.status == "running" and len(here(box)) == len(box.users) + 1
    away(box)


def test_numbers_of_another_boot(box):
    """They are counted anew then: what bears them now is somebody else's."""
    box.up()
    mounted = here(box)
    path = state_file(box)
    state = json.load(open(path))
    assert state["rootMount"] > 0
    pid = box.pid
    os.kill(pid, 9)
    look.wait_until(lambda: (look.reap(), not look.descendants())[1])
    state["bootId"] = "11111111-2222-3333-4444-555555555555"
    with open(path, "w") as f:
        json.dump(state, f)
    box.nook("delete", "--force", box.id).silent()
    assert here(box) == mounted
    look.umount(box.rootfs)
    only_the_users(box)


def test_root_is_a_link(box):
    os.symlink("rootfs", box.dir / "link")
    box.config["root"]["path"] = "link"
    box.up()
    assert len(here(box)) == len(box.users) + 1
    box.stop().delete()
    only_the_users(box)
