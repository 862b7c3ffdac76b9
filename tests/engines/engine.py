# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario with an engine on nook and on the reference runtime at the same time, and compares what was seen.

A scenario is a function of one argument, a Session: every engine command it runs is recorded (arguments, exit code,
stdout, kind of error), and the two records must be equal after what differs by nature (ids, paths, times) is masked."""

import difflib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

import look

BUSYBOX = "/bin/busybox"
# Containers' cgroups go here, so that the leak check at the end sees ours only.
CGROUP_PARENT = f"/nook-engines-{os.getpid()}"
DOCKER_HOST = "unix:///run/nook-docker.sock"  # of the tests' own daemon
LIMIT = 30 * look.SCALE  # seconds for one engine command


def make_tree(root):
    """A root filesystem of busybox: two users, files that cannot be executed, a symlink."""
    for name in "bin etc tmp root home/app proc sys dev run var/tmp data usr/bin".split():
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for applet in subprocess.check_output([BUSYBOX, "--list"], text=True).split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\napp:x:1000:\nextra:x:2000:app\n")
    os.chown(root / "home/app", 1000, 1000)
    (root / "tmp").chmod(0o1777)
    (root / "data/file").write_text("from the image\n")
    (root / "link-to-data").symlink_to("/data")
    scripts = {"etc/not-executable": ("#!/bin/sh\necho no\n", 0o644), "bin/bad-format": ("no program\n", 0o755),
               "bin/no-interpreter": ("#!/no/such/interpreter\n", 0o755),
               "bin/trap": ("#!/bin/sh\ntrap 'echo got TERM; exit 7' TERM\ntrap 'echo got USR1' USR1\n"
                            "trap 'echo got HUP' HUP\necho ready\nwhile :; do sleep 0.05; done\n", 0o755)}
    for name, (text, mode) in scripts.items():
        (root / name).write_text(text)
        (root / name).chmod(mode)
    return root


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        return f"{' '.join(map(str, self.args))} -> {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Session:
    """One engine bound to one runtime. Subclasses say how a command line is made."""

    # What an engine says about the kind of a failure; the runtime's own words are free, the kind is not.
    KINDS = re.compile("OCI permission denied|attempted to invoke a command that was not found|OCI runtime error", re.I)

    def __init__(self, runtime, work, masks=()):
        self.runtime, self.work = runtime, Path(work)
        self.masks = list(masks)  # (pattern, replacement) of this side, applied to what it printed
        self.log, self.log_errors = [], ""
        self.is_nook = self.dirty = False
        self.work.mkdir(parents=True, exist_ok=True)

    # -- what a subclass defines
    def command(self, args):
        raise NotImplementedError

    def environ(self):
        return dict(os.environ)

    def leaves_something(self, args):
        """Whether reset() is needed after this command: true, unless a subclass knows better."""
        del args
        return True

    def reset(self):
        """Removes all containers; called after each scenario that may have left one."""

    # -- for scenarios
    def __call__(self, *args, stdin="", compare=True, show=True, limit=LIMIT):
        """Runs one engine command. compare=False: its result is the scenario's own business; show=False: only the code
        is compared."""
        args = [str(a) for a in args]
        self.dirty |= self.leaves_something(args)
        done = subprocess.run(self.command(args), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", env=self.environ(), timeout=limit, check=False)
        result = Result(args, done.returncode, done.stdout, done.stderr)
        if compare:
            self.record(result, show)
        return result

    def tty(self, *args, keys=(), size=(24, 80), limit=LIMIT, compare=True):
        """The same on a terminal of its own. keys: pairs (text to wait for, what to do then): bytes are typed, a tuple
        (rows, columns) is a new size of the window, a callable is called."""
        args = [str(a) for a in args]
        self.dirty |= self.leaves_something(args)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        child = subprocess.Popen(self.command(args), stdin=slave, stdout=slave, stderr=slave, env=self.environ(),
                                 start_new_session=True,
                                 preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        seen, todo, deadline = b"", list(keys), time.monotonic() + limit
        while True:
            if time.monotonic() > deadline:
                child.kill()
                child.wait()
                raise AssertionError(f"{args}: no end within {limit} s; terminal shows {seen!r}")
            if select.select([master], [], [], 0.05)[0]:
                try:
                    data = os.read(master, 4096)
                except OSError:  # EIO: the last holder of the other side has closed it
                    break
                if not data:
                    break
                seen += data
            if todo and todo[0][0].encode() in seen:
                action = todo.pop(0)[1]
                if callable(action):
                    action()
                elif isinstance(action, bytes):
                    os.write(master, action)
                else:
                    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *action, 0, 0))
                    os.killpg(child.pid, signal.SIGWINCH)
        os.close(master)
        result = Result(["(tty)", *args], child.wait(), seen.decode(errors="replace"), "")
        if compare:
            self.record(result, True)
        return result

    def note(self, what, value):
        """Puts something the scenario found out itself into the record."""
        self.log.append(f"{what}: {self.mask(str(value))}")

    def want(self, result, code=None, out=None, why=""):
        """For the few cases in which nook decides otherwise than the reference (say why): nook's own is asserted."""
        assert why
        if self.is_nook:
            assert code is None or result.code == code, f"want exit code {code} ({why}), got {result!r}"
            assert out is None or out in result.out + result.err, f"want {out!r} ({why}), got {result!r}"

    def until(self, *args, has, limit=10):
        """Repeats a command until its stdout has a text."""
        return look.wait_until(lambda: has in self(*args, compare=False).out, timeout=limit,
                               what=f"{has!r} in the output of {args}")

    def mask(self, text):
        text = text.replace(str(self.work), "DIR").replace(self.runtime, "RUNTIME")
        for pattern, replacement in self.masks:
            text = re.sub(pattern, replacement, text)
        text = re.sub(r"\b[0-9a-f]{64}\b", "ID64", text)
        return re.sub(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{12}\b", "ID12", text)

    def record(self, result, show):
        lines = [f"$ {self.mask(' '.join(result.args))}", f"exit code {result.code}"]
        if show:
            lines += ["| " + line for line in self.mask(result.out).splitlines()]
        if result.code and show:
            kinds = sorted({kind.lower() for kind in self.KINDS.findall(result.err)})
            lines += ["error: " + ", ".join(kinds)] if kinds else []
        self.log += lines
        self.log_errors = result.err


class Pair:
    """Both sides of an engine; compare() is the test."""

    def __init__(self, nook, reference, show=False):
        self.sides, self.show = (nook, reference), show
        # not when another runtime stands in for nook, to try the tests themselves
        nook.is_nook = os.path.basename(nook.runtime).startswith("nook")

    def compare(self, scenario):
        failures = {}

        def one(side):
            side.log, side.log_errors = [], ""
            try:
                scenario(side)
            except BaseException as error:  # pylint: disable=broad-except
                failures[side] = error
                side.dirty = True
            if side.dirty:
                try:
                    side.reset()
                    side.dirty = False
                except BaseException as error:  # pylint: disable=broad-except
                    failures.setdefault(side, error)

        threads = [threading.Thread(target=one, args=(side,)) for side in self.sides]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reap_orphans()
        nook, reference = self.sides
        if self.show:
            print("\n".join(reference.log))
        if reference in failures and nook not in failures:
            raise AssertionError(f"only the reference fails: {failures[reference]}") from failures[reference]
        if nook in failures:
            raise failures[nook]
        if nook.log != reference.log:
            diff = difflib.unified_diff(reference.log, nook.log, "reference", "nook", lineterm="", n=4)
            raise AssertionError("nook differs from the reference:\n" + "\n".join(diff)
                                 + f"\nlast stderr with nook: {nook.log_errors}\nwith the reference: {reference.log_errors}")
        left = state_of(nook.work)
        assert not left, f"nook's state is left: {left}"


def state_of(work):
    """Directories in nook's default root whose files name a path below work."""
    found = []
    for directory in Path("/run/nook").glob("*"):
        for file in directory.glob("*.json"):
            if str(work) in file.read_text(errors="replace"):
                found.append(str(directory))
                break
    return found


def scenario(fixture):
    """Decorator: makes a pytest test, with that fixture (a Pair), of a function of a Session."""
    def decorate(function):
        def test(request):
            request.getfixturevalue(fixture).compare(function)
        test.__name__, test.__doc__ = function.__name__, function.__doc__
        return test
    return decorate


def reap_orphans():
    """Waits for adopted children that are dead. No subprocess of a Session runs at that moment."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def is_engines_own(path):
    """podman leaves the parent, conmon's and the pods' cgroups behind, with every runtime; a container's is nook's."""
    return bool(re.fullmatch(r"(/conmon|/docker|/[0-9a-f]{64})?", path.split(CGROUP_PARENT, 1)[1]))


def remove_cgroups():
    for path in sorted(look.cgroups_named(CGROUP_PARENT.lstrip("/")), reverse=True):
        look.remove_cgroup(path)
