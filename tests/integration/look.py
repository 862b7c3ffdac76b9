# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a container from outside: /proc/PID, mountinfo, cgroups, descendants of this process."""

import ctypes
import errno
import os
import re
import signal
import time
from pathlib import Path

SCALE = float(os.environ.get("NOOK_TEST_TIMEOUT_SCALE", "1"))
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE, MS_SHARED, MS_SLAVE = 0x1000, 0x4000, 1 << 18, 1 << 20, 1 << 19
MS_REMOUNT, MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 32, 1, 2, 4, 8
MNT_DETACH = 2


# ABI 6, Linux 6.12: a domain that scopes signals, whose processes also cannot trace others.
LANDLOCK_SCOPES = libc.syscall(444, None, 0, 1) >= 6


def wait_until(probe, timeout=5.0, what="a condition"):
    """Polls in short steps until probe() is true; its value is returned."""
    end = time.monotonic() + timeout * SCALE
    step = 0.001
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < end, f"waited {timeout} s in vain for {what}"
        time.sleep(step)
        step = min(step * 1.5, 0.02)


def _check(ret, what):
    if ret < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags):
    _check(libc.unshare(flags), "unshare")


def mount(source, target, fstype=None, flags=0, data=None):
    enc = lambda s: None if s is None else os.fsencode(s)
    _check(libc.mount(enc(source), enc(target), enc(fstype), ctypes.c_ulong(flags), enc(data)), f"mount {target}")


def umount(target, flags=MNT_DETACH):
    _check(libc.umount2(os.fsencode(target), flags), f"umount {target}")


def set_subreaper(on=True):
    _check(libc.prctl(36, int(on), 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


class Mount:
    """One line of mountinfo (proc_pid_mountinfo(5))."""

    def __init__(self, line):
        left, right = line.rstrip("\n").split(" - ", 1)
        f, g = left.split(" "), right.split(" ")
        unescape = lambda s: re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), s)
        self.id, self.parent, self.dev = int(f[0]), int(f[1]), f[2]
        self.root, self.target = unescape(f[3]), unescape(f[4])
        self.opts, self.tags = set(f[5].split(",")), f[6:]
        self.fstype, self.source, self.sopts = g[0], unescape(g[1]), set(g[2].split(","))

    @property
    def propagation(self):
        words = {t.split(":")[0] for t in self.tags}
        if "unbindable" in words:
            return "unbindable"
        return "shared" if "shared" in words else "slave" if "master" in words else "private"

    def __repr__(self):
        return f"<{self.id} {self.root} on {self.target} {','.join(sorted(self.opts))} {self.tags} {self.fstype}>"


def mounts(pid="self"):
    with open(f"/proc/{pid}/mountinfo") as f:
        return [Mount(line) for line in f]


class Proc:
    """A process, as the host's /proc shows it."""

    def __init__(self, pid):
        self.pid = int(pid)
        self.dir = Path(f"/proc/{self.pid}")

    def text(self, name):
        return (self.dir / name).read_text()

    def status(self, key):
        for line in self.text("status").splitlines():
            if line.startswith(key + ":"):
                return line.split(":", 1)[1].strip()
        return None

    def ns(self, kind):
        return os.readlink(self.dir / "ns" / kind)

    def mounts(self):
        return mounts(self.pid)

    def mount(self, target):
        """The topmost mount at a path of the container."""
        found = [m for m in self.mounts() if m.target == target]
        assert found, f"no mount at {target}: {self.mounts()}"
        return found[-1]

    def limits(self):
        out = {}
        for line in self.text("limits").splitlines()[1:]:
            words = re.split(r"\s{2,}", line.strip())
            out[words[0]] = (words[1], words[2])
        return out

    def environ(self):
        return [e.decode() for e in (self.dir / "environ").read_bytes().split(b"\0") if e]

    def cmdline(self):
        return [e.decode() for e in (self.dir / "cmdline").read_bytes().split(b"\0")[:-1]]

    def fds(self):
        out = {}
        for fd in os.listdir(self.dir / "fd"):
            try:
                out[int(fd)] = os.readlink(self.dir / "fd" / fd)
            except FileNotFoundError:
                pass
        return out

    def cgroups(self):
        """Controller (or "" for the v2 hierarchy) -> path."""
        out = {}
        for line in self.text("cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            for c in controllers.split(","):
                out[c] = path
        return out

    def stat(self):
        """Fields of /proc/PID/stat from number 3 (state) on, so that [0] is the state."""
        return self.text("stat").rpartition(")")[2].split()

    def state(self):
        try:
            return self.stat()[0]
        except (FileNotFoundError, ProcessLookupError):
            return None

    def alive(self):
        return self.state() not in (None, "Z", "X")

    def root(self, path):
        """A path inside the container, by the magic link of its root (for plain paths without symbolic links)."""
        return self.dir / "root" / str(path).lstrip("/")


def cgroup_mounts():
    """Controller (or "" for v2, or "name=systemd") -> mount point of its hierarchy in the host."""
    out = {}
    for m in mounts():
        if m.fstype == "cgroup2":
            out[""] = Path(m.target)
        elif m.fstype == "cgroup":
            for opt in m.sopts - {"rw", "ro", "xattr", "clone_children"}:
                out[opt] = Path(m.target)
    return out


CGROUPS = cgroup_mounts()
V2_ONLY = set(CGROUPS) == {""}


def unified_controllers():
    return (CGROUPS[""] / "cgroup.controllers").read_text().split() if "" in CGROUPS else []


def has_controller(name):
    return name in CGROUPS or name in unified_controllers()


def cgroup_dir(pid, controller):
    """The host directory of a process's cgroup of that controller."""
    paths = Proc(pid).cgroups()
    if controller in paths and controller in CGROUPS:
        return CGROUPS[controller] / paths[controller].lstrip("/")
    return CGROUPS[""] / paths[""].lstrip("/")


def cgroups_named(word):
    """Every cgroup directory of the host whose path contains a word."""
    found = []

    def walk(path, depth):
        with os.scandir(path) as entries:
            for e in entries:
                if e.is_dir(follow_symlinks=False):
                    if word in e.path:
                        found.append(e.path)
                    if depth:
                        try:
                            walk(e.path, depth - 1)
                        except FileNotFoundError:
                            pass

    for top in set(CGROUPS.values()):
        walk(top, 4)
    return found


def remove_cgroup(path):
    """Kills and removes a cgroup and what is below it."""
    for base, _, _ in os.walk(path, topdown=False):
        for name in ("freezer.state", "cgroup.freeze"):
            try:
                (Path(base) / name).write_text("THAWED" if name == "freezer.state" else "0")
            except OSError:
                pass
        try:
            for pid in (Path(base) / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            pass

        def gone():
            try:
                os.rmdir(base)
            except FileNotFoundError:
                return True
            except OSError as e:
                reap()
                return e.errno != errno.EBUSY
            return True

        wait_until(gone, what=f"rmdir {base}")


def processes():
    """pid -> parent pid, of every process of this machine."""
    out = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    out[int(name)] = int(f.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return out


# Children that belong to the test itself (subprocess.Popen); descendants() leaves them and what is below them out.
KNOWN = set()


def descendants():
    """Live descendants of this process, which is a subreaper: what a runtime has left behind ends up here."""
    table = processes()
    me = os.getpid()
    found = []
    for pid in table:
        p = pid
        while p in table and p != me and p not in KNOWN:
            p = table[p]
        if p == me and pid != me:
            found.append(pid)
    return found


def reap():
    """Waits for the dead among our adopted children (not for Popen's own)."""
    me = os.getpid()
    for pid, parent in processes().items():
        if parent == me and pid not in KNOWN:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def describe(pid):
    try:
        p = Proc(pid)
        return f"{pid} {p.cmdline()} state {p.state()} parent {p.stat()[1]}"
    except OSError:
        return f"{pid} (gone)"
