# SPDX-License-Identifier: Apache-2.0
"""Restricted places: what the inside of an unprivileged pod or CI job allows, rebuilt on one machine (root).

    with place.Place("C", tmp, tools) as pod:
        pod.run("id", "-u")                       # a harness.Result
        subprocess.run([*pod.prefix, "ls", "/"])  # the same; stdio, environment, cwd, signals, exit code go through

A place lives from start to close: all commands run in the same namespaces, as children of a process that stays there and
adopts their orphans, as conmon or a shim would. Files below `tmp` have the same names inside and outside; a place's root may be
another user outside (`owner`): hand directories over with `give`. pids are a place's own: `host_pid` translates them."""

import fcntl
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import harness
import look

TOOLS = Path(__file__).parent / "tools"
NS_GET_PARENT = 0xB702

# Docker's default capabilities: neither SYS_ADMIN nor SYS_RESOURCE nor NET_ADMIN.
DOCKER_CAPS = """chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod
audit_write setfcap""".split()
BOUNDED = ["setpriv", "--bounding-set", ",".join(["-all", *(f"+{c}" for c in DOCKER_CAPS)])]
OWN_RUN = ["sh", "-c", 'mount -t tmpfs -o mode=755 tmpfs /run; exec "$@"', "place"]

# What a pod's processes went through after the engine had made its mounts; the uid that their root has outside.
LEVELS = {
    "open": (None, 0),  # no place at all
    "C": (["{place}", "idmap", "0:100000:65536", "unshare", "-m", "-i", "-u", *OWN_RUN], 100000),
    "F": (["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--no-new-privs", "unshare", "-Urm", *OWN_RUN],
          1000),
    "A": (BOUNDED, 0),
    "A+userns": ([*BOUNDED, "unshare", "-Urm", *OWN_RUN], 0),
    "E": (["{pod_filter}", *BOUNDED], 0),  # as Docker does it: loaded while it may be without no_new_privs
}


def mounts_of(paths):
    """Mount points, outer ones first, without which these paths would not be visible below a bind of / alone."""
    table = look.mounts()
    found = []
    for path in paths:
        real = os.path.realpath(path)
        for m in table:
            if m.target != "/" and (real + "/").startswith(m.target + "/") and m.target not in found:
                found.append(m.target)
    return sorted(found, key=len)


class Place:
    """One place, from start to close."""

    def __init__(self, level, tmp, tools, masks=True, visible=(), setup=""):
        """tmp: a directory of the test, short (a socket is made in it). visible: further paths of the host that are wanted in
        there though they may be on other file systems than /. masks=False: the same place with an unmasked /proc. setup: shell
        commands that change the place before it is closed, with its root as the working directory."""
        self.level, self.tmp, self.tools, self.masks = level, Path(tmp), tools, masks
        self.chain, self.owner = LEVELS[level]
        self.visible, self.setup = [tmp, *tools.values(), *visible], setup
        self.outer = self.init = self.control = self.namespace = None
        self.socket = str(self.tmp / f"place-{os.urandom(3).hex()}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Makes the place."""
        if self.level == "open":
            return self
        root = Path(self.socket + ".root")
        root.mkdir()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with listener, theirs, open(self.socket + ".log", "w+b") as log:
            listener.bind(self.socket)
            listener.listen(32)
            pass_fds = (listener.fileno(), theirs.fileno())
            command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--ipc", "--uts",
                       str(TOOLS / "place.sh"), str(root), "01"[self.masks], "\n".join(mounts_of(self.visible)), self.setup,
                       *(word.format(**self.tools) for word in self.chain),
                       self.tools["place"], "serve", *map(str, pass_fds)]
            self.outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=pass_fds,
                                          cwd="/", start_new_session=True)
            look.KNOWN.add(self.outer.pid)
            theirs.close()
            self.control.settimeout(10 * look.SCALE)
            try:
                ready = self.control.recv(5)
                assert ready == b"ready", f"no place {self.level}: {harness.whole(log).decode(errors='replace')}"
            except BaseException:
                self.close()
                raise
        self.init, = (pid for pid, parent in look.processes().items() if parent == self.outer.pid)
        self.namespace = os.stat(f"/proc/{self.init}/ns/pid").st_ino
        return self

    def close(self):
        """Ends the place with all that is in it; every mount goes with the last process."""
        if not self.outer:
            return
        members = []
        for pid in self.members():
            try:
                members.append(os.pidfd_open(pid))
            except ProcessLookupError:
                pass
        self.control.close()
        self.outer.kill()  # --kill-child: PID 1 dies with it, and all of the namespace with PID 1
        self.outer.wait()
        look.KNOWN.discard(self.outer.pid)
        self.outer = self.init = None
        look.reap()
        for fd in members:
            look.wait_until(lambda: gone(fd), what=f"the last processes of place {self.level} to end")
            os.close(fd)

    # -- commands --------------------------------------------------------------------------------------------------------
    @property
    def prefix(self):
        """What makes of a command line one that runs in the place."""
        if self.level != "open":
            return [self.tools["place"], "call", self.socket]
        return ["unshare", "-m", "sh", "-ec", f'(cd /; {self.setup}); exec "$@"', "place"] if self.setup else []

    def run(self, *args, timeout=20, **kw):
        args = [str(a) for a in args]
        kw = {"stdin": subprocess.DEVNULL, "cwd": self.tmp} | kw
        done = subprocess.run([*self.prefix, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=timeout * look.SCALE, **kw)
        rc = 128 - done.returncode if done.returncode < 0 else done.returncode
        return harness.Result(args, rc, done.stdout, done.stderr)

    def sh(self, script, *args, **kw):
        return self.run("sh", "-c", script, "sh", *args, **kw)

    def wait(self, pid, timeout=10):
        """The wait status of an orphan that the place has adopted (pid: the place's), when it has ended."""
        done = subprocess.run([self.tools["place"], "await", self.socket, str(pid)], stdout=subprocess.PIPE, check=True,
                              timeout=timeout * look.SCALE)
        return int(done.stdout)

    # -- files -----------------------------------------------------------------------------------------------------------
    def give(self, *paths):
        """Makes the place's root the owner of what belongs to our root, as if the place had made it."""
        for path in paths:
            for base, dirs, files in os.walk(path):
                for name in (base, *(os.path.join(base, n) for n in dirs + files)):
                    self._give_one(name)
            self._give_one(path)
        return self

    def _give_one(self, path):
        have = os.lstat(path)
        if not self.owner or have.st_uid >= 65536 or have.st_uid == self.owner:
            return
        if stat.S_ISREG(have.st_mode) and have.st_nlink > 1:
            return  # a tool of the session, linked into a bundle
        shift = self.level == "C"
        os.lchown(path, self.owner + have.st_uid * shift, self.owner + have.st_gid * shift)
        if not stat.S_ISLNK(have.st_mode):
            os.chmod(path, stat.S_IMODE(have.st_mode))  # chown takes set-id bits away

    # -- processes -------------------------------------------------------------------------------------------------------
    def members(self):
        """Host pids of all processes of the place, those of nested PID namespaces too; the resident process is the first."""
        if not self.init:
            return []
        # Not by parent: who is just being adopted would be missed.
        return [self.init] + [pid for pid in look.processes() if pid != self.init and is_below(pid, self.namespace)]

    def left(self):
        """Host pids of what runs in the place beyond the resident process: nothing, unless a command is under way or has
        left something behind. Zombies do not count."""
        return [pid for pid in self.members()[1:] if look.Proc(pid).alive()]

    def host_pid(self, pid):
        """The pid that a process of the place (pid: the place's) has outside."""
        if self.level == "open":
            return pid
        for candidate in self.members():
            try:
                numbers = look.Proc(candidate).status("NSpid").split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if len(numbers) > 1 and numbers[1] == str(pid):
                return candidate
        raise ProcessLookupError(f"no process {pid} in place {self.level}")


def is_below(pid, namespace):
    """Whether a process is in the PID namespace with this inode number, or in one that descends from it."""
    try:
        fd = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    except OSError:
        return False
    while os.fstat(fd).st_ino != namespace:
        try:
            parent = fcntl.ioctl(fd, NS_GET_PARENT)
        except PermissionError:  # our own
            return False
        finally:
            os.close(fd)
        fd = parent
    os.close(fd)
    return True


def gone(pidfd):
    """Whether a process has ended (nobody but its parent can see it any more, if at all)."""
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return True
    look.reap()
    return False


class PlacedNook(harness.Nook):
    """The driver of harness.py, in a place. Everything but the prefix is as outside; the state root is given to the place."""

    def __init__(self, place, binary, root, tmp):
        super().__init__(binary, root, tmp)
        self.place = place
        Path(root).mkdir(mode=0o700, exist_ok=True)
        place.give(root)

    def spawn(self, *args, raw=False, **kw):
        # Not by self.prefix, which the clean-up resets.
        command = [*self.place.prefix, *(map(str, args) if raw else self.command(args))]
        return super().spawn(*command, raw=True, **kw)


class PlacedBox(harness.Box):
    """A bundle of harness.py whose files belong to the place's root, and the container made of it in there."""

    def write(self, config=None):
        super().write(config)
        self.nook.place.give(self.dir)
        return self

    @property
    def pid(self):
        """As the host sees it, so that Proc(pid) can look."""
        return self.nook.place.host_pid(super().pid)

    def leftovers(self):
        return super().leftovers() + [f"process {look.describe(p)}" for p in self.nook.place.left()]


class EngineBox(PlacedBox):
    """A copy of a bundle that an engine made (engine_bundle.Made), and the container made of it in there."""

    def __init__(self, nook, id, dir, made):
        super().__init__(nook, id, dir, None)
        self.config = made.copy(dir)
        self.write()

    def _build(self, tools):
        self.dir.mkdir()
