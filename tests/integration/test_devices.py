# SPDX-License-Identifier: Apache-2.0
"""Device nodes: spec-checklist section 9 (DEV-*). cgroup rules are in test_cgroups."""

import os
import stat

import pytest

import look


def listed(box, *devices, rules=True):
    box.linux["devices"] = list(devices)
    if rules:
        box.resources["devices"] = []
    return box


def test_dev1_to_7_nodes(box):
    listed(box,
           {"path": "/dev/c1", "type": "c", "major": 10, "minor": 666, "fileMode": 0o660, "uid": 5, "gid": 6},
           {"path": "/dev/b1", "type": "b", "major": 8, "minor": 666, "fileMode": 0o606, "uid": 0, "gid": 0},
           {"path": "/dev/u1", "type": "u", "major": 1, "minor": 5},
           {"path": "/dev/p1", "type": "p", "fileMode": 0o644, "uid": 7, "gid": 8},
           {"path": "/foo/deep/dev0", "type": "c", "major": 1, "minor": 3, "fileMode": 0o777},
           {"path": "/dev/p2", "type": "p", "major": 8, "minor": 666})
    out = box.sees("for f in /dev/c1 /dev/b1 /dev/u1 /dev/p1 /foo/deep/dev0 /dev/p2; do "
                   "stat -c '%n %F %t:%T %a %u:%g' $f; done").splitlines()
    assert out[0] == "/dev/c1 character special file a:29a 660 5:6"
    assert out[1] == "/dev/b1 block special file 8:29a 606 0:0"
    assert out[2].startswith("/dev/u1 character special file 1:5")
    assert out[3] == "/dev/p1 fifo 0:0 644 7:8"
    assert out[4] == "/foo/deep/dev0 character special file 1:3 777 0:0"
    assert out[5].startswith("/dev/p2 fifo 0:0")


def test_dev6_mode_is_umask_proof(box):
    listed(box, {"path": "/dev/c1", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666})
    box.write()
    r = box.sh("stat -c %a /dev/c1").run(preexec=lambda: os.umask(0o077))
    assert r.out == "666\n", r


def test_dev8_same_numbers_twice(box):
    listed(box, *[{"path": f"/dev/n{i}", "type": "c", "major": 1, "minor": 3} for i in range(2)])
    assert box.sees("ls /dev/n0 /dev/n1") == "/dev/n0\n/dev/n1\n"


def test_dev4_matching_node_in_the_image_is_fine(box):
    os.mknod(box.rootfs / "node", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    listed(box, {"path": "/node", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640})
    assert box.sees("stat -c '%F %t:%T' /node") == "character special file 1:3\n"


@pytest.mark.parametrize("kind", ["file", "directory", "other numbers", "fifo"])
def test_dev4_what_does_not_match_is_an_error(box, kind):
    path = box.rootfs / "node"
    if kind == "file":
        path.write_text("x")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    listed(box, {"path": "/node", "type": "c", "major": 1, "minor": 3})
    box.refuse(pointers=["/linux/devices/0", "/linux/devices/0/path"])


def test_dev10_defaults(box):
    want = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
    out = box.sees("cd /dev; stat -c '%n %F %t:%T %a' " + " ".join(want))
    for line, (name, (major, minor)) in zip(out.splitlines(), want.items()):
        assert line == f"{name} character special file {major:x}:{minor:x} 666"


def test_dev10_defaults_work_under_default_deny(box):
    out = box.sees("echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; "
                   "echo x > /dev/full; echo rc $?")
    assert out.split() == ["3", "2", "rc", "1"]


def test_dev9_unlisted_node_is_not_usable(box):
    """Default deny: mknod is allowed by the default rules, opening is not."""
    box.caps("CAP_MKNOD")
    box.process["noNewPrivileges"] = False
    out = box.sees("mknod /tmp/disk b 254 0 && probe open r /tmp/disk; mknod /tmp/kmsg c 1 11 && probe open r /tmp/kmsg")
    assert out.split() == ["1", "1"] or not look.has_controller("devices")


def test_dev9_allowed_by_rule(box):
    box.resources["devices"] = [{"allow": False, "access": "rwm"},
                                {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}]
    listed(box, {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229}, rules=False)
    out = box.sees("probe open r /dev/fuse; probe open w /dev/fuse")
    assert out.split() == ["0", "1"]


def test_dev11_no_console_without_terminal(box):
    assert box.sees("ls /dev/console 2>/dev/null; true") == ""


def test_dev12_ptmx(box):
    out = box.sees("readlink /dev/ptmx; stat -L -c '%F %t:%T' /dev/ptmx")
    assert out == "pts/ptmx\ncharacter special file 5:2\n"


def test_dev_directory_holds_nothing_else(box):
    names = set(box.sees("ls -A /dev").split())
    assert names == {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "fd", "stdin",
                     "stdout", "stderr"} | ({"core"} & names)


def test_no_dev_mount_uses_the_images_dev(box):
    """Nodes and links are made in the image's /dev, and a second container on it works too."""
    box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    for _ in range(2):
        assert box.sees("stat -c '%F %t:%T' /dev/null; readlink /dev/fd") == "character special file 1:3\n/proc/self/fd\n"


def test_default_listed_by_the_config_again(box):
    listed(box, {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o622, "uid": 0, "gid": 0})
    assert box.sees("stat -c '%t:%T' /dev/null") == "1:3\n"
