# SPDX-License-Identifier: Apache-2.0
"""Supervised containers (no PID namespace, no cgroup), and what proves from outside that nothing of one is left: the end of a
pipe that all of its processes hold, a word in their environment, and the descendants of this process, which is a subreaper."""

import os
import select
import signal
import time

import look
from look import SCALE, Proc

MARK = "NKT_MARK"
LIMIT = 2.0  # seconds from `kill` until nothing is left


def supervise(box, isolation="chroot"):
    """Makes it a container that gets a supervisor wherever it runs."""
    box.nook.globals = [f"--isolation={isolation}", "--chroot-policy=warn", "--cgroup-manager=disabled"]
    box.no_namespace("pid", "network", "ipc")
    box.linux.pop("resources", None)
    return box.env(f"{MARK}={box.id}")


class Witness:
    """A pipe for a container's stdout. Whoever lives and has not closed it keeps it open, at every moment: unlike a walk
    through /proc this misses nobody."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let_go()
        os.close(self.reader)

    def let_go(self):
        """Closes our own copy of the end that the container has."""
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1

    def _read(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.reader], [], [], left)[0]:
            return None
        data = os.read(self.reader, 4096)
        self.text += data
        return data

    def hear(self, word="up\n", timeout=10):
        deadline = time.monotonic() + timeout * SCALE
        while word.encode() not in self.text:
            assert self._read(deadline), f"no {word!r} from the container, only {self.text!r}"
        return self

    def ends(self, deadline):
        """Whether the last holder is gone by then."""
        self.let_go()
        while True:
            data = self._read(deadline)
            if not data:
                return data == b""


def environment(pid):
    """That of the first thread that has one: a process lives on without its first thread."""
    for name in (f"/proc/{pid}/environ", *(f"/proc/{pid}/task/{t}/environ" for t in threads(pid))):
        try:
            with open(name, "rb") as f:
                data = f.read()
            if data:
                return data
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return b""


def threads(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []


def marked(id):
    """Host pids of all processes with a container's mark."""
    word = f"{MARK}={id}".encode()
    return [pid for pid in look.processes() if word in environment(pid).split(b"\0")]


def left_of(box):
    """What is left of a container beyond its state, in words."""
    look.reap()
    place = getattr(box.nook, "place", None)
    pids = set(marked(box.id)) | set(look.descendants()) | set(place.left() if place else [])
    return [look.describe(pid) for pid in sorted(pids)]


def nothing_lives(box, witness, since, limit=LIMIT):
    """No process of the container is left within `limit` seconds of `since`."""
    deadline = since + limit * SCALE
    if not witness.ends(deadline):
        raise AssertionError(f"after {time.monotonic() - since:.2f} s somebody still holds the pipe: {left_of(box)}")
    while left := left_of(box):
        assert time.monotonic() < deadline, left
        time.sleep(0.002)
    return time.monotonic() - since


# ---------------------------------------------------------------------------------------------- the supervisor

def host_pid(box, pid):
    place = getattr(box.nook, "place", None)
    return place.host_pid(pid) if place else pid


def supervisor_of(box):
    """Its host pid: the pid that `state` tells."""
    return host_pid(box, box.state()["pid"])


def children_of(pid):
    return sorted(child for child, parent in look.processes().items() if parent == pid)


def program_of(supervisor):
    """The first child of a supervisor, which it is told of: orphans of that one become its children, too. A pid of its own
    PID namespace."""
    return int(look.Proc(supervisor).cmdline()[3])


def payload_of(box):
    """The host pid of the container's program."""
    supervisor = supervisor_of(box)
    payload = host_pid(box, program_of(supervisor))
    assert payload in children_of(supervisor), "the supervisor has lost its child"
    return payload


def await_end(box, pid):
    """Reaps an adopted process, as conmon would: its exit code, or minus the signal. pid: as `state` tells it."""
    place = getattr(box.nook, "place", None)
    return os.waitstatus_to_exitcode(place.wait(pid)) if place else reap(pid)


def reap(pid, timeout=10):
    deadline = time.monotonic() + timeout * SCALE
    while True:
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            return os.waitstatus_to_exitcode(status)
        assert time.monotonic() < deadline, f"{look.describe(pid)} does not end"
        time.sleep(0.001)


def kill_supervisor(box):
    """SIGKILL from outside; returns when it is gone."""
    pid = box.state()["pid"]
    os.kill(host_pid(box, pid), signal.SIGKILL)
    assert await_end(box, pid) == -signal.SIGKILL
