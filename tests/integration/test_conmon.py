# SPDX-License-Identifier: Apache-2.0
"""The real conmon above a supervised container, called as podman calls it: what it reports is the program's exit code or signal, for
the container and for what is exec'ed in it (CR-8)."""

import json
import os
import shutil
import signal

import pytest

import harness
import kill_set
import look
from kill_set import supervise
from look import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("conmon"), reason="conmon is not installed")


class Conmon:
    """A conmon on nook. Each call has its files in a directory of that name."""

    def __init__(self, tmp, nook):
        self.tmp, self.nook, self.id = tmp / "conmon", nook, None

    def __call__(self, box, name, *more):
        """What it said over the sync pipe, as to podman: the pid, or what failed."""
        folder, self.id = self.tmp / name, box.id
        (folder / "exits").mkdir(parents=True)
        reader, writer = os.pipe()
        command = ["conmon", "--api-version", 1, "--cid", box.id, "--cuuid", box.id, "--name", name, "--runtime", self.nook.binary,
                   "--bundle", box.dir, "--container-pidfile", folder / "pid", "--conmon-pidfile", folder / "conmon-pid",
                   "--exit-dir", folder / "exits", "--log-path", f"k8s-file:{folder / 'log'}", "--log-level", "error",
                   "--socket-dir-path", folder, "--full-attach",
                   *(word for arg in ["--root", self.nook.root, *self.nook.globals] for word in ("--runtime-arg", arg)), *more]
        started = self.nook.spawn(*command, raw=True, env={"_OCI_SYNCPIPE": str(writer)}, pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said = json.loads(pipe.readline())
        started.wait()
        return said

    def exit_code(self, name):
        """From the exit file, once it is there."""
        path = self.tmp / name / "exits" / self.id
        wait_until(path.exists, what=f"conmon's exit file of {name}")
        return int(path.read_text())

    def log(self, name):
        """Lines of the program's output; conmon has ended then."""
        pid = int((self.tmp / name / "conmon-pid").read_text())
        wait_until(lambda: (look.reap(), not look.Proc(pid).alive())[1], what="conmon to end")
        return [line.split(" ", 3)[3] for line in (self.tmp / name / "log").read_text().splitlines()]


@pytest.fixture
def conmon(tmp, nook):
    return Conmon(tmp, nook)


ENDS = [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -USR1 $$", 138)]
each_end = pytest.mark.parametrize("script, code", ENDS, ids=[e[0] for e in ENDS])


def create(box, conmon, *more):
    said = conmon(box.write(), "main", *more)
    assert said["data"] == box.state()["pid"] == int((conmon.tmp / "main/pid").read_text())
    return box


@each_end
def test_exit_code(box, conmon, script, code):
    create(supervise(box).sh(f"probe daemon; echo out; {script}"), conmon).start()
    assert conmon.exit_code("main") == code
    assert conmon.log("main") == ["out"]
    assert box.status == "stopped"
    box.delete()
    box.nothing_left()


@pytest.mark.parametrize("how", ["nook", "supervisor", "program", "delete", "conmon's timeout"])
def test_killed(box, conmon, how):
    more = ["--timeout", 1] if "timeout" in how else []
    create(supervise(box).args("/bin/probe", "shape", "daemon", "stopped", "setsid"), conmon, *more).start()
    wait_until(lambda: "up" in (conmon.tmp / "main/log").read_text(), what="the program's processes")
    if how == "nook":
        box.kill("KILL")
    elif how == "supervisor":
        os.kill(box.state()["pid"], signal.SIGKILL)
    elif how == "program":
        os.kill(kill_set.payload_of(box), signal.SIGKILL)
    elif how == "delete":
        box.delete("--force")
    assert conmon.exit_code("main") == (-1 if more else 137)  # which is what conmon says of a timeout
    box.nook("delete", "--force", box.id).silent()
    box.nothing_left()
    assert conmon.log("main") == ["up"]


def test_a_signal_that_the_program_handles(box, conmon):
    create(supervise(box).sh("trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.01; done"), conmon).start()
    wait_until(lambda: "up" in (conmon.tmp / "main/log").read_text())
    box.kill("TERM")
    assert conmon.exit_code("main") == 9 and conmon.log("main") == ["up", "got"]


def test_with_a_terminal(box, conmon):
    box.process["terminal"] = True
    create(supervise(box).sh("tty; exit 4"), conmon, "--terminal").start()
    assert conmon.exit_code("main") == 4 and conmon.log("main") == ["/dev/pts/0"]
    box.delete()


def test_a_create_that_fails(box, conmon):
    """conmon reads create's stderr to the end, and waits for all of its children: none may be left."""
    said = conmon(supervise(box).args("/no/such/program").write(), "main")
    assert said["data"] == -1 and "no such file or directory" in said["message"].lower(), said
    box.nothing_left()


def run_in(box, conmon, name, script):
    process = box.dir / "process.json"
    process.write_text(json.dumps({**box.process, "args": ["/bin/sh", "-c", script]}))
    return conmon(box, name, "--exec", "--exec-process-spec", process)


@each_end
def test_exec(box, conmon, script, code):
    create(supervise(box).sleep(), conmon).start()
    said = run_in(box, conmon, "exec", f"probe daemon; echo out; sleep 0.1; {script}")
    assert said["data"] == int((conmon.tmp / "exec/pid").read_text())
    assert conmon.exit_code("exec") == code and conmon.log("exec") == ["out"]
    assert box.status == "running"
    box.kill("KILL")
    assert conmon.exit_code("main") == 137
    box.delete()
    box.nothing_left()


def test_exec_that_is_killed_with_the_container(box, conmon):
    create(supervise(box).sleep(), conmon).start()
    run_in(box, conmon, "exec", "probe daemon; exec probe sleep")
    box.kill("KILL")
    assert conmon.exit_code("main") == conmon.exit_code("exec") == 137
    box.delete()
    box.nothing_left()


def test_exec_that_fails(box, conmon):
    create(supervise(box).sleep(), conmon).start()
    process = box.dir / "process.json"
    process.write_text(json.dumps({**box.process, "args": ["/no/such/program"]}))
    said = conmon(box, "exec", "--exec", "--exec-process-spec", process)
    assert said["data"] < 0, said
    assert kill_set.children_of(kill_set.supervisor_of(box)) == [kill_set.payload_of(box)] and box.status == "running"
