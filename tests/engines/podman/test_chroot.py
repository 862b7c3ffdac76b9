# SPDX-License-Identifier: Apache-2.0
"""podman on nook's chroot isolation, without a PID namespace and cgroups: what a supervisor looks after. For podman it is a container
as the reference's is."""

import pytest

import engine
import look

OPTIONS = ["--pid=host"]
LONG = (54321, 54322, 54323)  # seconds that nobody else sleeps
STATE = "{{.State.Status}} {{.State.ExitCode}} {{.State.Running}}"


@pytest.fixture
def chroot(podman):
    side = podman.sides[0]
    # podman's own --cgroups=disabled demands a PID namespace.
    side.flags = [f"--runtime-flag={flag}" for flag in ("isolation=chroot", "chroot-policy=warn", "cgroup-manager=disabled")]
    yield podman
    side.flags = []


scenario = engine.scenario("chroot")


@scenario
def test_run(p):
    for script in ("echo out; echo err >&2", "exit 7", "kill -TERM $$", "kill -KILL $$", "setsid sleep 1000 & exit 3"):
        p("run", "--rm", *OPTIONS, "img", "sh", "-c", script)
    p("run", "--rm", "-i", *OPTIONS, "img", "cat", stdin="typed\n")
    p("run", "--rm", "--user=app", *OPTIONS, "img", "sh", "-c", "id; exit 4")
    p("run", "--rm", *OPTIONS, "img", "no-such-program")


def test_it_is_supervised(chroot):
    p = chroot.sides[0]
    p("run", "-d", "--name=c", *OPTIONS, "img", "sleep", "100", compare=False)
    pid = int(p("inspect", "--format={{.State.Pid}}", "c", compare=False).out)
    assert look.Proc(pid).cmdline()[0] == "nook-supervisor"
    assert [look.Proc(child).cmdline() for child, parent in look.processes().items() if parent == pid] == [["sleep", "100"]]
    p.reset()


@scenario
def test_lifecycle(p):
    p("run", "-d", "--name=c", *OPTIONS, "img", "trap")
    p.until("logs", "c", has="ready")
    p("kill", "--signal=USR1", "c", show=False)
    p.until("logs", "c", has="got USR1")
    p.inspect("c", STATE)
    p("exec", "c", "sh", "-c", "echo in; exit 9")
    p("exec", "c", "sh", "-c", "kill -TERM $$")
    p("exec", "-d", "c", "sleep", "1000")
    p("stop", "c", show=False)
    p("logs", "c")
    p.inspect("c", STATE)
    p("start", "c", show=False)
    p("kill", "c", show=False)
    p("wait", "c")
    p.inspect("c", STATE)
    p("rm", "c", show=False)


def sleepers():
    found = []
    for pid in look.processes():
        try:
            if look.Proc(pid).cmdline() in [["sleep", str(n)] for n in LONG]:
                found.append(look.describe(pid))
        except OSError:
            pass
    return found


def test_daemons_end_with_it(chroot):
    """Those of the program, and of what is exec'ed."""
    p = chroot.sides[0]
    script = f"setsid sleep {LONG[0]} & echo ready; exec sleep {LONG[1]}"
    p("run", "-d", "--name=c", *OPTIONS, "img", "sh", "-c", script, compare=False)
    p.until("logs", "c", has="ready")
    assert p("exec", "c", "sh", "-c", f"setsid sleep {LONG[2]} >/dev/null 2>&1 & exit 5", compare=False).code == 5
    assert len(sleepers()) == 3
    p("rm", "--force", "--time=0", "c", compare=False)
    assert not sleepers()
    p.reset()
