# SPDX-License-Identifier: Apache-2.0
"""The driver: starts nook as an engine would, makes bundles, and checks that nothing is left behind."""

import copy
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import array
import subprocess
import tempfile
import termios
import time
from pathlib import Path

import look
from look import SCALE, Proc, wait_until

REPO = Path(__file__).resolve().parents[2]
BUSYBOX = "/bin/busybox"
PATH_ENV = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APPLETS = """[ ash awk basename cat chgrp chmod chown chroot cmp cp cut date dd df dirname dmesg echo egrep env expr
false find fold free grep groups head hexdump hostname id ifconfig ionice ip kill link ln logname ls mkdir mkfifo
mknod mktemp mount mv nproc nslookup od pidof ping printf ps pwd readlink realpath
renice rm rmdir route sed seq setsid sh sha256sum sleep sort stat stty sync sysctl tail taskset tee test time timeout
touch tr true tty umount uname uniq unlink unshare usleep vi wc which whoami xargs yes""".split()
CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def find_nook():
    for path in (os.environ.get("NOOK"), "/tmp/build-lead/nook", REPO / "build" / "nook", REPO / "nook"):
        if path and os.access(path, os.X_OK):
            return str(Path(path).resolve())
    return None


def default_config():
    """What `runc spec` makes, without a terminal, with a writable root and ociVersion 1.3.0."""
    return {
        "ociVersion": "1.3.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [PATH_ENV, "TERM=xterm"],
            "cwd": "/",
            "capabilities": {"bounding": list(CAPS), "effective": list(CAPS), "permitted": list(CAPS)},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "nook-test",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
             "options": ["nosuid", "noexec", "nodev"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev", "ro"]},
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                            "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }


class Result:
    def __init__(self, args, rc, out, err):
        self.args_, self.rc, self.raw, self.err = args, rc, out, err.decode(errors="replace")

    @property
    def out(self):
        return self.raw.decode(errors="replace")

    def __repr__(self):
        return f"\n$ {' '.join(self.args_)}\nrc {self.rc}\nstdout: {self.out!r}\nstderr: {self.err!r}\n"

    def ok(self):
        assert self.rc == 0, self
        return self

    def silent(self):
        """Success without a word."""
        assert (self.rc, self.out, self.err) == (0, "", ""), self
        return self

    def fails(self, *texts, rc=1):
        """A failure as engine-contract rule 1 wants it: that code, one line on stderr with these texts, empty stdout."""
        assert self.rc == rc, self
        assert self.out == "", self
        assert self.err.endswith("\n") and self.err.count("\n") == 1, ("want exactly one line on stderr", self)
        for text in texts:
            assert text in self.err, (f"want {text!r}", self)
        return self

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return self.out.splitlines()


def whole(file):
    """What a file holds, without moving the offset that it shares with the processes that write to it."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


class Running:
    """A nook that runs in the background."""

    def __init__(self, args, popen, out, err):
        self.args, self.popen, self.out, self.err = args, popen, out, err

    @property
    def pid(self):
        return self.popen.pid

    def text(self):
        return whole(self.out).decode(errors="replace")

    def signal(self, sig):
        self.popen.send_signal(sig)

    def _wait(self, timeout):
        """As an engine does, waits for adopted children too: a PID namespace lives until its last zombie is gone. Not at
        once, so that a test can wait for an init itself."""
        if self.popen.returncode is not None:
            return self.popen.returncode
        end = time.monotonic() + timeout
        step = min(0.3, timeout)
        ended = os.pidfd_open(self.popen.pid)  # Popen.wait(timeout) sleeps between its looks
        try:
            poller = select.poll()
            poller.register(ended, select.POLLIN)
            while not poller.poll(step * 1000):
                if time.monotonic() > end:
                    return None
                look.reap()
                step = 0.05
        finally:
            os.close(ended)
        return self.popen.wait()

    def wait(self, timeout=10):
        rc = self._wait(timeout * SCALE)
        if rc is None:
            self.popen.kill()
            self.popen.wait()
            look.KNOWN.discard(self.popen.pid)
            raise AssertionError(f"$ {' '.join(self.args)}\nstill running after {timeout} s; stdout {self.text()!r}")
        look.KNOWN.discard(self.popen.pid)
        rc = 128 - rc if rc < 0 else rc
        out = err = b""
        if self.out:
            out = whole(self.out)
        if self.err:
            err = whole(self.err)
        return Result(self.args, rc, out, err)


class Nook:
    """Calls the binary with a private --root. Output goes to files: a container may keep create's stdout open."""

    def __init__(self, binary, root, tmp):
        self.binary, self.root, self.tmp = binary, str(root), tmp
        self.prefix, self.globals, self.env = [], [], {}
        self.use_root = True
        self.started = []

    def command(self, args):
        root = ["--root", self.root] if self.use_root else []
        return [*self.prefix, self.binary, *root, *self.globals, *map(str, args)]

    def environment(self, env):
        base = {k: v for k, v in os.environ.items() if k.split("_")[0] in ("ASAN", "UBSAN", "LSAN")}
        base["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        base.update(self.env)
        base.update(env or {})
        return {k: v for k, v in base.items() if v is not None}

    def spawn(self, *args, stdin=subprocess.DEVNULL, stdout=None, stderr=None, env=None, cwd=None, pass_fds=(),
              preexec=None, session=False, raw=False):
        command = [str(a) for a in args] if raw else self.command(args)
        out = tempfile.TemporaryFile(dir=self.tmp) if stdout is None else None
        err = tempfile.TemporaryFile(dir=self.tmp) if stderr is None else None
        popen = subprocess.Popen(command, stdin=stdin, stdout=stdout if out is None else out,
                                 stderr=stderr if err is None else err, env=self.environment(env), cwd=cwd or self.tmp,
                                 pass_fds=pass_fds, preexec_fn=preexec, start_new_session=session)
        look.KNOWN.add(popen.pid)
        running = Running(command, popen, out, err)
        self.started.append(running)
        return running

    def __call__(self, *args, input=None, timeout=10, **kw):
        if input is not None:
            stdin = tempfile.TemporaryFile(dir=self.tmp)
            stdin.write(input if isinstance(input, bytes) else input.encode())
            stdin.seek(0)
            kw["stdin"] = stdin
        running = self.spawn(*args, **kw)
        result = running.wait(timeout)
        self.started.remove(running)
        for f in (running.out, running.err):
            if f:
                f.close()
        return result

    def state_dirs(self):
        """Entries of the root that could be containers (our own caches begin with a dot)."""
        try:
            return sorted(n for n in os.listdir(self.root) if not n.startswith("."))
        except FileNotFoundError:
            return []


class Box:
    """A bundle and the id of its container."""

    def __init__(self, nook, id, dir, tools):
        self.nook, self.id, self.dir = nook, id, Path(dir)
        self.rootfs = self.dir / "rootfs"
        self.config = default_config()
        self.output = None
        self.isolation, self.flags = "oci", []
        self._build(tools)

    def _build(self, tools):
        for d in ("bin", "dev", "etc", "proc", "sys", "tmp", "root", "home", "mnt", "var", "run"):
            (self.rootfs / d).mkdir(parents=True, exist_ok=True)
        os.chmod(self.rootfs / "tmp", 0o1777)
        os.link(tools["busybox"], self.rootfs / "bin/busybox")
        os.link(tools["probe"], self.rootfs / "bin/probe")
        for name in APPLETS:
            os.symlink("busybox", self.rootfs / "bin" / name)
        (self.rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
        (self.rootfs / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")

    def isolate(self, name, policy="warn"):
        """oci, chroot or bare, and more by "+": no-pivot, userns, and host-dev ("chroot+no-pivot+userns")."""
        self.isolation, *more = name.split("+")
        if self.isolation != "oci":
            self.nook.globals = [f"--isolation={self.isolation}", f"--chroot-policy={policy}"]
        if "host-dev" in more:
            self.nook.globals.append("--chroot-dev=host")
        self.flags = ["--no-pivot"] if "no-pivot" in more else []
        if "userns" in more:
            self.userns()
            for base, _, _ in os.walk(self.rootfs):  # its root may make mount points there
                os.chown(base, 100000, 100000)
        return self

    # -- config ------------------------------------------------------------------------------------------------------
    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    @property
    def resources(self):
        return self.linux.setdefault("resources", {})

    def args(self, *args):
        self.process["args"] = list(args)
        return self

    def sh(self, script):
        return self.args("/bin/sh", "-c", script)

    def sleep(self):
        """A payload that stays until it is killed (as PID 1 it ignores SIGTERM)."""
        return self.args("/bin/probe", "sleep")

    def env(self, *words):
        self.process["env"] = [PATH_ENV, *words]
        return self

    def mount(self, destination, type=None, source=None, options=None, **more):
        entry = {"destination": destination, "type": type, "source": None if source is None else str(source),
                 "options": options, **more}
        self.config["mounts"].append({k: v for k, v in entry.items() if v is not None})
        return self

    def unmount(self, *destinations):
        self.config["mounts"] = [m for m in self.config["mounts"] if m["destination"] not in destinations]
        return self

    def namespace(self, type, path=None):
        """Adds or replaces a namespace."""
        self.no_namespace(type)
        self.linux["namespaces"].append({"type": type, **({"path": str(path)} if path else {})})
        return self

    def no_namespace(self, *types):
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] not in types]
        return self

    def userns(self, host=100000, size=65536):
        self.namespace("user")
        self.linux["uidMappings"] = [{"containerID": 0, "hostID": host, "size": size}]
        self.linux["gidMappings"] = [{"containerID": 0, "hostID": host, "size": size}]
        return self

    def caps(self, *names, sets=("bounding", "effective", "permitted")):
        self.process["capabilities"] = {s: list(names) for s in sets}
        return self

    def hook(self, kind, path="/bin/sh", args=None, **more):
        hook = {"path": str(path), **({"args": [str(a) for a in args]} if args is not None else {}), **more}
        self.config.setdefault("hooks", {}).setdefault(kind, []).append(hook)
        return self

    def write(self, config=None):
        config = self.config if config is None else config
        data = config if isinstance(config, (bytes, str)) else json.dumps(config)
        (self.dir / "config.json").write_bytes(data if isinstance(data, bytes) else data.encode())
        return self

    # -- verbs -------------------------------------------------------------------------------------------------------
    def try_create(self, *flags, **kw):
        if self.config is not None:
            self.write()
        self.output = self.nook.spawn("create", "--bundle", self.dir, *self.flags, *flags, self.id, **kw)
        return self.output.wait()

    def create(self, *flags, **kw):
        result = self.try_create(*flags, **kw)
        assert result.rc == 0, result
        return self

    def start(self):
        self.nook("start", self.id).silent()
        return self

    def up(self, *flags, **kw):
        """create and start."""
        return self.create(*flags, **kw).start()

    def run(self, *flags, timeout=10, **kw):
        """A foreground run."""
        if self.config is not None:
            self.write()
        return self.nook("run", "--bundle", self.dir, *self.flags, *flags, self.id, timeout=timeout, **kw)

    def spawn_run(self, *flags, **kw):
        self.write()
        return self.nook.spawn("run", "--bundle", self.dir, *self.flags, *flags, self.id, **kw)

    def exec(self, *args, flags=(), timeout=10, **kw):
        return self.nook("exec", *flags, self.id, *args, timeout=timeout, **kw)

    def state(self):
        return self.nook("state", self.id).ok().json()

    @property
    def status(self):
        return self.state()["status"]

    @property
    def pid(self):
        """Never 0: a test that kills what has ended already would kill itself."""
        state = self.state()
        assert state["pid"] > 0, state
        return state["pid"]

    @property
    def proc(self):
        return Proc(self.pid)

    def wait_status(self, status):
        wait_until(lambda: self.status == status, what=f"status {status}")
        return self

    def kill(self, *args):
        self.nook("kill", self.id, *args).silent()
        return self

    def stop(self):
        self.kill("KILL")
        return self.wait_status("stopped")

    def delete(self, *flags):
        self.nook("delete", *flags, self.id).silent()
        return self

    def text(self):
        """What the container of the last create has written."""
        return self.output.text()

    def wait_text(self, word):
        wait_until(lambda: word in self.text(), what=f"{word!r} in the container's output")
        return self

    def cg(self, controller):
        return look.cgroup_dir(self.pid, controller)

    def sees(self, script, *flags):
        """Output of a shell script run as the container's only program."""
        return self.sh(script).run(*flags).ok().out

    # -- assertions --------------------------------------------------------------------------------------------------
    def leftovers(self):
        out = []
        if self.id in self.nook.state_dirs():
            out.append(f"state directory {self.nook.root}/{self.id}")
        out += [f"cgroup {p}" for p in look.cgroups_named(self.id)]
        look.reap()
        out += [f"process {look.describe(p)}" for p in look.descendants()]
        out += [f"mount {m}" for m in look.mounts() if str(self.dir) in m.target or self.id in m.target]
        return out

    def nothing_left(self, patience=2):
        """No state, cgroup, mount or process of this container; killed processes get a moment to be gone."""
        end = time.monotonic() + patience * SCALE
        while self.leftovers() and time.monotonic() < end:
            time.sleep(0.005)
        left = self.leftovers()
        assert not left, left

    def refuse(self, *texts, pointers=(), patience=0.5, verb="create"):
        """create must fail with rc 1, one good line, and leave nothing."""
        before = {m.id for m in look.mounts()}
        result = self.try_create() if verb == "create" else self.run()
        result.fails(*texts)
        if pointers:
            assert any(mentions(result.err, p) for p in pointers), (f"want one of {pointers} in the message", result)
        self.nothing_left(patience)
        assert {m.id for m in look.mounts()} == before
        return result


def mentions(text, pointer):
    """Whether a message names a JSON pointer as a word of its own (not as a part of a longer pointer)."""
    at = text.find(pointer)
    while at >= 0:
        end = text[at + len(pointer):at + len(pointer) + 1]
        start = text[at - 1:at] if at else ""
        if not (end.isalnum() or end in ("_", "/") and end) and not start.isalnum():
            return True
        at = text.find(pointer, at + 1)
    return False


class ConsoleSocket:
    """What conmon, go-runc and buildah listen on (engine-contract 1.7)."""

    def __init__(self, tmp):
        self.path = str(Path(tmp) / f"console-{os.urandom(3).hex()}.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(5 * SCALE)

    def receive(self):
        """(data, [fd, ...], number of control messages) of the one message."""
        peer, _ = self.listener.accept()
        peer.settimeout(5 * SCALE)
        data, control, flags, _ = peer.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
        assert not flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)
        fds = array.array("i")
        for level, kind, payload in control:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(payload)
        assert peer.recv(1) == b"", "more than one message on the console socket"
        peer.close()
        return data, list(fds), len(control)

    def master(self):
        data, fds, n = self.receive()
        assert len(data) >= 1 and len(fds) == 1 and n == 1
        return fds[0]

    def close(self):
        self.listener.close()


def take_tty():
    """For a child on a terminal: leads a session whose terminal it is, as a shell does."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_pty(fd, until=None, timeout=5):
    """Reads a pty master until a word appears or the other side is gone."""
    data = b""
    end = time.monotonic() + timeout * SCALE
    while until is None or until not in data:
        left = end - time.monotonic()
        assert left > 0, f"no {until!r} on the terminal, only {data!r}"
        if not select.select([fd], [], [], left)[0]:
            continue
        try:
            chunk = os.read(fd, 4096)
        except OSError:  # EIO: no slave is open any more
            break
        if not chunk:
            break
        data += chunk
    assert until is None or until in data, f"no {until!r} on the terminal, only {data!r}"
    return data


def script(path, text):
    """An executable shell script of the host."""
    path = Path(path)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def clone_config(config):
    return copy.deepcopy(config)


def set_pointer(config, pointer, value):
    """Sets the member at a JSON pointer, making objects on the way; value ... deletes it."""
    parts = pointer.strip("/").split("/")
    node = config
    for part in parts[:-1]:
        if isinstance(node, list):
            node = node[int(part)]
        else:
            node = node.setdefault(part, {})
    last = parts[-1]
    if value is ...:
        del node[int(last) if isinstance(node, list) else last]
    elif isinstance(node, list):
        if last == "-" or int(last) == len(node):
            node.append(value)
        else:
            node[int(last)] = value
    else:
        node[last] = value


def remove_tree(path):
    """Removes a directory, but never what is mounted in it."""
    left = [m for m in look.mounts() if m.target == str(path) or m.target.startswith(str(path) + "/")]
    for m in reversed(left):
        look.umount(m.target)
    shutil.rmtree(path, ignore_errors=True)
    return left


def force_away(nook, ids, tag):
    """Deletes every container of a test by force; returns what was wrong and what is left."""
    wrong = []
    for running in nook.started:
        if running.popen.poll() is None:
            running.popen.kill()
            running.popen.wait()
        look.KNOWN.discard(running.popen.pid)
        for f in (running.out, running.err):
            if f:
                f.close()
    nook.use_root, nook.prefix, nook.globals, nook.env = True, [], [], {}
    for id in sorted(set(ids) | set(nook.state_dirs())):
        if not os.path.isdir(nook.root):
            break
        try:
            nook("delete", "--force", id, timeout=15).silent()
        except AssertionError as e:
            wrong.append(f"delete --force {id}: {e}")

    def left():
        look.reap()
        out = [f"state {n}" for n in nook.state_dirs()]
        out += [f"process {look.describe(p)}" for p in look.descendants()]
        out += [f"cgroup {p}" for p in look.cgroups_named(tag)]
        return out

    end = time.monotonic() + 2 * SCALE
    while left() and time.monotonic() < end:
        time.sleep(0.005)
    wrong += left()
    for pid in look.descendants():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    look.reap()
    for path in sorted(look.cgroups_named(tag), key=len, reverse=True):
        if os.path.isdir(path):
            look.remove_cgroup(path)
    return wrong
