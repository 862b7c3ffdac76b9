# SPDX-License-Identifier: Apache-2.0
"""What `run` does to the host's mounts and cgroups around a test: the mount namespace, the cgroups that the suite leaves, and
hugetlb, which the suite can read from a v1 hierarchy only."""

import ctypes
import errno
import os
import time

CLONE_NEWNS = 0x20000
MS_MOVE, MS_REC, MS_PRIVATE = 0x2000, 0x4000, 1 << 18
SETTLE_WAIT = 5  # seconds until the kernel has done what was asked for
LIBC = ctypes.CDLL(None, use_errno=True)
# The only two cgroup paths that the suite ever asks for, the deepest first; the second one's parents are its, too.
SUITE_CGROUPS = ("testdir/cgrouptest/container", "testdir/cgrouptest", "testdir", "cgrouptest")


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2); 0 or errno."""
    words = [word.encode() if word is not None else None for word in (source, target, kind, data)]
    failed = LIBC.mount(*words[:3], ctypes.c_ulong(flags), words[3]) < 0
    return ctypes.get_errno() if failed else 0


def umount(target):
    LIBC.umount2(target.encode(), 0)


def private_mounts():
    """A mount namespace for this process. None, or why there is none."""
    failed = ctypes.get_errno() if LIBC.unshare(CLONE_NEWNS) < 0 else mount(None, "/", flags=MS_REC | MS_PRIVATE)
    return f"cannot make a private mount namespace: {os.strerror(failed)}" if failed else None


def mounts():
    """(mount point, type, options) of each mount that this process sees, the first first."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return [(fields[1], fields[2], fields[3].split(",")) for fields in map(str.split, file)]


def read_text(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def within(seconds, done):
    """Asks done() again and again; whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def remove_suite_cgroups():
    """Returns the paths that were removed, and for each directory that could not be, a line that says why."""
    removed, stuck = set(), []
    for top in [point for point, kind, _ in mounts() if kind in ("cgroup", "cgroup2")]:
        for path in SUITE_CGROUPS:
            directory = os.path.join(top, path)
            if not os.path.isdir(directory):
                continue

            def gone(directory=directory, path=path):
                try:
                    os.rmdir(directory)
                    removed.add(path)
                except FileNotFoundError:
                    pass
                except OSError:
                    return False
                return True

            if not within(SETTLE_WAIT, gone):
                pids = read_text(os.path.join(directory, "cgroup.procs")).split()
                below = [entry.name for entry in os.scandir(directory) if entry.is_dir()]
                stuck.append(f"{directory} cannot be removed; processes in it: {' '.join(pids) or 'none'}, "
                             f"cgroups below it: {' '.join(below) or 'none'}")
    return sorted(removed), stuck


class HugetlbAsV1:
    """The suite reads limits from v1 hierarchies only. In the hybrid layout hugetlb is a controller of the v2 one; this
    moves it, mounted in the mount namespace of this process, to where the suite looks: beside the first v1 mount.

    The host must not see a new directory there: other programs take each one for a hierarchy, and write their
    containers' cgroups into it. So the folder of the mounts is replaced by one of our own, in this namespace only.

    The kernel moves a controller only while no cgroup uses it, and gives it back to v2 only when the last mount goes at
    a moment when the hierarchy has no cgroup but its root, not even one that was removed and is not quite gone: else
    it stays in a hierarchy that nobody has mounted (then /proc/cgroups has a number, and cgroup.controllers lacks it).
    """

    def __init__(self, stage):
        first = next(point for point, kind, _ in mounts() if kind == "cgroup")
        self.folder, self.stage = os.path.dirname(first), stage
        self.point = os.path.join(self.folder, "hugetlb")

    @staticmethod
    def is_needed():
        v1 = [options for _, kind, options in mounts() if kind == "cgroup"]
        return bool(v1) and not any("hugetlb" in options for options in v1) and bool(HugetlbAsV1.facts())

    @staticmethod
    def facts():
        """(hierarchy, number of its cgroups), or None: the kernel has no hugetlb."""
        for fields in map(str.split, read_text("/proc/cgroups").splitlines()):
            if fields[0] == "hugetlb":
                return int(fields[1]), int(fields[2])
        return None

    @staticmethod
    def users():
        """The v2 cgroups that keep it from being moved."""
        found = []
        for top in [point for point, kind, _ in mounts() if kind == "cgroup2"]:
            for directory, _, _ in os.walk(top):
                if directory != top and "hugetlb" in read_text(os.path.join(directory, "cgroup.controllers")).split():
                    found.append(directory)
        return found

    def mount(self):
        """0 or errno."""
        return mount("hugetlb", self.point, "cgroup", data="hugetlb")

    def replace_folder(self):
        """Returns errno. The mounts are moved, so that they stay the same ones and are listed once."""
        os.makedirs(self.stage)
        failed = mount("cgroup", self.stage, "tmpfs", data="mode=755")
        points = {point for point, _, _ in mounts()}
        for entry in os.scandir(self.folder):
            twin = os.path.join(self.stage, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), twin)
            elif entry.path in points:
                os.mkdir(twin)
                failed = failed or mount(entry.path, twin, flags=MS_MOVE)
        os.makedirs(os.path.join(self.stage, "hugetlb"))
        return failed or mount(self.stage, self.folder, flags=MS_MOVE)

    def take(self, patience, stop):
        """Waits for `patience` seconds while it is in use, or until `stop` is not empty. None, or why it cannot be done."""
        failed = self.replace_folder()
        if failed:
            return f"cannot replace {self.folder} in the test's mount namespace: {os.strerror(failed)}"

        def settled():
            nonlocal failed
            failed = self.mount()
            return bool(stop) or failed != errno.EBUSY

        within(patience, settled)
        if not failed:
            return None
        why = f"cannot mount the cgroup v1 hierarchy of hugetlb: {os.strerror(failed)}"
        if failed != errno.EBUSY:
            return why
        return (f"{why}. It has been in use for {patience:g} s, now by {', '.join(self.users()) or 'an unseen cgroup'}; "
                "end whose containers these are, or run this without them")

    def give_back(self):
        """None, or what is left."""
        def returned():
            within(SETTLE_WAIT, lambda: self.facts()[1] == 1)
            umount(self.point)
            if within(0.2, lambda: self.facts()[0] == 0):
                return True
            self.mount()  # a cgroup was still on its way out
            return False

        done = within(SETTLE_WAIT, returned)
        umount(self.point)
        return None if done else ("hugetlb has not come back to cgroup v2: a cgroup is left in its v1 hierarchy, or another "
                                  "mount namespace has it mounted")
