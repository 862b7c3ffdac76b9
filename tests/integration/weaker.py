# SPDX-License-Identifier: Apache-2.0
"""Looking at containers of the chroot isolation from outside: what their report says, and what can really be written."""

import errno
import os
import stat

KEPT = ("ro", "nosuid", "nodev", "noexec")


def report(box):
    """What `state` says of the isolation."""
    return box.state()["isolation"]


def lost(box):
    """(code, field) -> the entry of the report."""
    return {(entry["code"], entry["field"]): entry for entry in report(box)["lost"]}


def codes(box):
    return {entry["code"] for entry in report(box)["lost"]}


def write_fails(path):
    """The name of the errno with which writing to a file, or making one in a directory, fails; None: it can be done. `path`: of
    the container's, through /proc/PID/root."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            name = os.path.join(path, f"nkt-{os.getpid()}")
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            os.unlink(name)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError as e:
        # Nothing in the way but our own ids, which the file system's user namespace does not have.
        return None if e.errno == errno.EOVERFLOW else errno.errorcode[e.errno]
    return None


def below(mounts, top):
    """The mounts at and below a path."""
    return [m for m in mounts if m.target == top or m.target.startswith(top.rstrip("/") + "/")]


def visible(mounts):
    """Those that no other mount of the list covers."""
    table = {m.id: m for m in mounts}

    def carriers(m):
        while m.parent in table and m.parent != m.id:
            m = table[m.parent]
            yield m

    def covers(other, m):
        on_top = other.target == m.target and m in carriers(other)
        above = other.target != m.target and m.target.startswith(other.target.rstrip("/") + "/")
        return on_top or (above and other not in carriers(m))

    return [m for m in mounts if not any(covers(other, m) for other in mounts)]


def check_locked(proc, top, flags=KEPT):
    """Every mount of the tree has the flags by mountinfo, and nothing can be written to any of them. Returns the mount points."""
    tree = visible(below(proc.mounts(), top))
    assert tree, f"no mount at {top}"
    for m in tree:
        assert set(flags) <= m.opts, m
        path = proc.root(m.target)
        if m.fstype == "proc":  # in which nobody can make files; its files are for the tests to try
            continue
        if stat.S_ISDIR(os.stat(path).st_mode):
            assert write_fails(path) == "EROFS", m
    return [m.target for m in tree]
