# SPDX-License-Identifier: Apache-2.0
"""One bundle, run and looked at from inside (tools/answers.c) and from outside: a flat map of question -> answer."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import termios

import harness
import look
from look import Proc, wait_until

NAMESPACES = ("mnt", "pid", "net", "ipc", "uts", "cgroup", "user", "time")
UNSHARE = {"net": "-n", "ipc": "-i", "uts": "-u", "pid": "-p", "cgroup": "-C", "time": "-T", "mnt": "-m"}
ALWAYS_ASKED = ("/", "/tmp", "/root", "/etc/passwd", "/proc", "/proc/sys", "/proc/sys/kernel/hostname",
                "/proc/sys/net/ipv4/ip_forward", "/proc/self/oom_score_adj", "/sys", "/sys/kernel", "/sys/class/net",
                "/sys/fs/cgroup", "/dev")
STATUS = """Umask Uid Gid Groups NStgid SigBlk SigIgn CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters
Speculation_Store_Bypass SpeculationIndirectBranch Cpus_allowed_list Mems_allowed_list CoreDumping THP_enabled""".split()
FILES = ("oom_score_adj", "loginuid", "coredump_filter", "timens_offsets", "uid_map", "gid_map", "setgroups", "comm")
STAT = {"exit-signal": 35, "priority": 15, "nice": 16, "policy": 38}  # look.Proc.stat()
LIMITS = """pids.max memory.limit_in_bytes memory.soft_limit_in_bytes memory.swappiness memory.max memory.low memory.swap.max
cpu.shares cpu.cfs_quota_us cpu.cfs_period_us cpu.weight cpu.max cpuset.cpus cpuset.mems devices.list blkio.weight
hugetlb.2MB.limit_in_bytes""".split()


class Outside:
    """What of the host both runs of a test share: foreign namespaces, a mount with a peer group, open files."""

    def __init__(self, tmp, host_mount):
        self.tmp, self.host_mount, self.stack, self.kept = tmp, host_mount, contextlib.ExitStack(), {}

    def once(self, name, make):
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def foreign(self, kind):
        """pid of a process with a namespace of its own."""
        return self.once(f"ns {kind}", lambda: self._foreign(kind))

    def _foreign(self, kind):
        fork = ["--fork", "--kill-child"] if kind in ("pid", "time") else []
        p = subprocess.Popen(["unshare", UNSHARE[kind], *fork, "sleep", "1000"])
        look.KNOWN.add(p.pid)
        self.stack.callback(look.KNOWN.discard, p.pid)
        self.stack.callback(p.wait)
        self.stack.callback(p.kill)
        children = Proc(p.pid).dir / "task" / str(p.pid) / "children"
        pid = int(wait_until(lambda: children.read_text().split())[0]) if fork else p.pid
        wait_until(lambda: Proc(pid).ns(kind) != Proc(os.getpid()).ns(kind))
        wait_until(lambda: Proc(pid).cmdline()[:1] == ["sleep"])
        return pid

    def shared(self):
        """A directory whose mount is shared, with a mount below it."""
        def make():
            top = self.tmp / "shared"
            top.mkdir()
            self.host_mount("outer", top, "tmpfs")
            look.mount(None, top, None, look.MS_SHARED)
            (top / "below").mkdir()
            self.host_mount("below", top / "below", "tmpfs", look.MS_NOSUID)
            return top
        return self.once("shared", make)

    def descriptors(self, n):
        """Open files of this process, to be passed on."""
        def make():
            (self.tmp / "passed").write_text("passed")
            fds = [os.open(self.tmp / "passed", os.O_RDONLY) for _ in range(n)]
            for fd in fds:
                self.stack.callback(os.close, fd)
            return fds
        return self.once("descriptors", make)

    def notify(self):
        def make():
            listener = self.stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            listener.bind(str(self.tmp / "notify"))
            return self.tmp / "notify"
        return self.once("notify", make)

    def close(self):
        self.stack.close()


class Bundle(harness.Box):
    """A root with the few programs that are needed here."""

    def _build(self, tools):
        for d in ("bin", "dev", "etc", "proc", "sys", "tmp", "root", "mnt", "var", "run"):
            (self.rootfs / d).mkdir(parents=True)
        os.chmod(self.rootfs / "tmp", 0o1777)
        for name, path in (("sh", tools["busybox"]), ("answers", tools["answers"])):
            os.link(path, self.rootfs / "bin" / name)
        (self.rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")


class Setup:
    """A bundle that is made anew, at the same place and with the same id, for each isolation."""

    def __init__(self, nook, id, tmp, tools, outside):
        self.nook, self.tmp, self.outside = nook, tmp, outside
        for name in ("bundle", "src"):
            if (tmp / name).exists():
                shutil.rmtree(tmp / name)
        self.src = tmp / "src"
        self.src.mkdir()
        self.box = Bundle(nook, id, tmp / "bundle", tools)
        self.box.args("/bin/answers", "stay")
        self.flags, self.globals, self.env, self.execs = [], [], {}, []
        self.paths, self.contents = list(ALWAYS_ASKED), []
        self.terminal = None    # "socket" or "foreground"
        self.files = []         # descriptors that become 3, 4, ...
        self.joined = set()     # namespaces
        self.afterwards = dict  # more answers, after delete

    def join(self, type, kind):
        """A namespace by path."""
        pid = self.outside.foreign(kind)
        self.joined.add(Proc(pid).ns(kind))
        self.box.namespace(type, f"/proc/{pid}/ns/{kind}")
        return self

    def ask(self, *paths):
        self.paths += paths
        return self

    def content(self, *paths):
        self.contents += paths
        return self

    def exec(self, *flags, args=("/bin/answers",), process=None, tty=False):
        self.execs.append((flags, args, process, tty))
        return self

    def pass_fds(self, n):
        self.files = self.outside.descriptors(n)
        return self

    def write_questions(self):
        linux = self.box.config.get("linux", {})
        asked = self.paths + [m["destination"] for m in self.box.config.get("mounts", [])]
        asked += linux.get("maskedPaths", []) + linux.get("readonlyPaths", []) + [d["path"] for d in linux.get("devices", [])]
        lines = [f"path {p}" for p in dict.fromkeys(map(os.path.normpath, asked))] + [f"content {p}" for p in self.contents]
        (self.box.rootfs / "etc/questions").write_text("\n".join(lines) + "\n")


# ---------------------------------------------------------------- from inside
def parse(text):
    assert "end=end" in text, text
    out = {}
    for line in text.replace("\r\n", "\n").splitlines():
        key, _, value = line.partition("=")
        if key == "keyring":  # its name ends with the time of creation
            value = re.sub(r":\d{4}-\d\d-\d\dT[^;]*Z$", "", value)
        out[key] = value
    return out


# ---------------------------------------------------------------- from outside
def namespaces(proc, joined):
    host = Proc(os.getpid())
    for kind in NAMESPACES:
        its = proc.ns(kind)
        yield f"ns:{kind}", "host" if its == host.ns(kind) else "joined" if its in joined else "own"


def mounts(proc):
    """Each mount by its place and its number there, the topmost first, for one may be stacked on another."""
    seen = {}
    for m in reversed(proc.mounts()):
        n = seen[m.target] = seen.get(m.target, 0) + 1
        for name in ("root", "fstype", "source", "propagation"):
            yield f"mount:{m.target}#{n}:{name}", str(getattr(m, name))
        for name in ("opts", "sopts"):
            yield f"mount:{m.target}#{n}:{name}", ",".join(sorted(getattr(m, name)))


def of_the_process(proc):
    for key in STATUS:
        value = proc.status(key)
        yield f"out:{key}", str(len(value.split())) if key == "NStgid" else str(value)
    for name in FILES:
        with contextlib.suppress(FileNotFoundError):
            yield f"out:{name}", " ".join(proc.text(name).split())
    fields = proc.stat()
    for name, n in STAT.items():
        yield f"out:{name}", fields[n]
    yield "out:tty", str(fields[4] != "0")
    yield "out:fds", " ".join(map(str, sorted(proc.fds())))
    yield "out:cmdline", " ".join(proc.cmdline())
    yield "out:environ", " ".join(proc.environ())
    for name in ("cwd", "exe"):
        yield f"out:{name}", os.readlink(proc.dir / name)


def cgroups(proc):
    for controller, path in proc.cgroups().items():
        if controller not in look.CGROUPS:  # mounted elsewhere, and perhaps for a moment
            continue
        yield f"cgroup:{controller}:path", path
        for name in LIMITS:
            if name.startswith(controller) or not controller:
                with contextlib.suppress(FileNotFoundError):
                    yield f"cgroup:{controller}:{name}", (look.cgroup_dir(proc.pid, controller) / name).read_text().strip()


def flat(name, value):
    if isinstance(value, (dict, list)) and value:
        for k, v in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(f"{name}:{k}", v)
    else:
        yield name, str(value)


def what_is_left(top):
    """Of the bundle, after delete."""
    for base, dirs, names in os.walk(top):
        for name in dirs + names:
            path = os.path.join(base, name)
            st = os.lstat(path)
            text = os.readlink(path) if stat.S_ISLNK(st.st_mode) else ""
            yield f"left:{path[len(str(top)):]}", f"{st.st_mode:o} {st.st_uid}:{st.st_gid} {text}"


# ---------------------------------------------------------------- the run
def take_tty():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def place(files):
    """In the child: these descriptors become 3, 4, ..."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in files]
    for n, fd in enumerate(high, 3):
        os.dup2(fd, n, inheritable=True)
        os.close(fd)


class Run:
    def __init__(self, setup):
        self.s, self.box, self.master = setup, setup.box, None

    def _on_a_terminal(self, *args):
        """A nook in the foreground, as under a shell."""
        master, slave = os.openpty()
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 33, 99, 0, 0))
        running = self.s.nook.spawn(*args, stdin=slave, stdout=slave, stderr=slave, preexec=take_tty)
        os.close(slave)
        return running, master

    def _create(self, flags):
        """What is said of it before start."""
        first = range(3, 3 + len(self.s.files))
        kw = {"pass_fds": first, "env": self.s.env, "preexec": lambda: place(self.s.files)}
        if self.s.terminal == "socket":
            console = harness.ConsoleSocket(self.s.tmp)
            self.box.create(*flags, "--console-socket", console.path, **kw)
            self.master = console.master()
            console.close()
        else:
            self.box.create(*flags, **kw)
        created = dict(flat("created", self._state()))
        self.box.start()
        return created

    def _run(self, flags):
        self.box.write()
        _, self.master = self._on_a_terminal("run", "--bundle", self.box.dir, *flags, self.box.id)
        return {}

    def _state(self):
        state = self.box.state()
        for name in ("pid", "isolation", "created"):
            state.pop(name, None)
        return state

    def _said(self):
        if self.master is not None:
            return parse(harness.read_pty(self.master, b"end=end\r\n").decode())
        self.box.wait_text("end=end\n")
        return parse(self.box.text())

    def _payload(self, pid):
        """The recorded process, or its child if it is a supervisor."""
        if Proc(pid).cmdline()[:1] == ["/bin/answers"]:
            return Proc(pid)
        children = [Proc(p) for p, parent in look.processes().items() if parent == pid]
        leaders = [p for p in children if p.state() is not None and os.getsid(p.pid) == p.pid]
        assert len(leaders) == 1, leaders
        return leaders[0]

    def _from_outside(self, pid):
        proc = self._payload(pid)
        parts = [namespaces(proc, self.s.joined), mounts(proc), of_the_process(proc), cgroups(proc),
                 flat("state", self._state())]
        return {k: v for part in parts for k, v in part}

    def _exec(self, flags, args, process, tty):
        if process is not None:
            (self.s.tmp / "process.json").write_text(json.dumps(process))
            flags, args = (*flags, "--process", self.s.tmp / "process.json"), ()
        if not tty:
            return parse(self.box.exec(*args, flags=flags).ok().out)
        running, master = self._on_a_terminal("exec", "--tty", *flags, self.box.id, *args)
        text = harness.read_pty(master, b"end=end\r\n").decode()
        assert running.wait().rc == 0
        os.close(master)
        return parse(text)

    def answers(self, *flags):
        pid_file = self.s.tmp / "pid"
        flags = [*self.s.flags, "--pid-file", pid_file, *flags]
        self.s.write_questions()
        host = [vars(m) for m in look.mounts()]
        out = self._run(flags) if self.s.terminal == "foreground" else self._create(flags)
        out.update(self._said())
        out.update(self._from_outside(int(pid_file.read_text())))
        for i, e in enumerate(self.s.execs):
            out.update({f"exec{i}:{k}": v for k, v in self._exec(*e).items()})
        self.box.delete("--force")
        if self.master is not None:
            os.close(self.master)
        assert [vars(m) for m in look.mounts()] == host, "the host's mounts have changed"
        out.update(what_is_left(self.box.dir))
        out.update(self.s.afterwards())
        return out
