# SPDX-License-Identifier: Apache-2.0
"""kill: every spelling of a signal, --all, races: OP-11, OP-12, engine-contract section 2."""

import os
import signal

import pytest

import look
from look import wait_until

SPELLINGS = {"TERM": 15, "SIGTERM": 15, "term": 15, "sigterm": 15, "SigTerm": 15, "15": 15, "USR1": 10, "SIGUSR1": 10, "usr1": 10, "HUP": 1,
             "1": 1, "WINCH": 28, "CHLD": 17, "CLD": 17, "IO": 29, "POLL": 29, "SYS": 31, "RTMIN": 34, "SIGRTMIN": 34, "RTMIN+3": 37, "SIGRTMIN+3": 37,
             "rtmin+1": 35, "RTMAX": 64, "RTMAX-2": 62, "SIGRTMAX-1": 63, "34": 34, "64": 64, "ABRT": 6, "IOT": 6, "CONT": 18, "PWR": 30, "STKFLT": 16}


@pytest.fixture
def listener(box):
    box.args("/bin/probe", "signals", "12").up().wait_text("ready")
    return box


def test_every_spelling(listener):
    want = ["ready"]
    for word, number in SPELLINGS.items():
        listener.nook("kill", listener.id, word).silent()
        want.append(f"signal {number}")  # one after the other: of two that wait the lower number would come first
        wait_until(lambda: listener.text().splitlines() == want, what=f"{word} = {number}: {listener.text()}")


def test_default_is_term(listener):
    listener.kill().wait_text("signal 15\n")


@pytest.mark.parametrize("word", ["NOPE", "0x9", "65", "-1", "99999999999", "", "SIG", "SIGSIGTERM", "TERM ", "RTMIN+31", "RTMAX-31", "RTMIN-1", "9x", "1.5"])
def test_unknown(listener, word):
    listener.nook("kill", "--", listener.id, word).fails(f'unknown signal "{word}"')
    assert "signal" not in listener.text()


def test_signal_zero(box):
    """kill(2)'s probe: accepted in silence, or an unknown signal; never harmful."""
    box.sleep().up()
    assert box.nook("kill", box.id, "0").rc in (0, 1)
    assert box.status == "running"


@pytest.mark.parametrize("flags", [["--all"], ["-a"], ["--all=true"], ["-all"]], ids=" ".join)
def test_all_reaches_every_process(box, flags):
    box.sh("probe signals 12 & probe signals 12 & wait; wait; exec probe sleep").up()
    wait_until(lambda: box.text().count("ready") == 2)
    box.nook("kill", *flags, box.id, "USR1").silent()
    wait_until(lambda: box.text().count("signal 10") == 2)


def test_without_all_only_init(box):
    box.sh("trap 'echo init' USR1; probe signals 12 & while :; do sleep 0.01; done").up().wait_text("ready")
    box.kill("USR1").wait_text("init")
    assert "signal 10" not in box.text()


def test_all_reaches_execd_processes(box, tmp):
    box.sleep().up()
    with open(tmp / "out", "w") as out:
        box.nook.spawn("exec", "-d", box.id, "/bin/probe", "signals", "12", stdout=out).wait()
    wait_until(lambda: "ready" in (tmp / "out").read_text())
    box.nook("kill", "--all", box.id, "USR1").silent()
    wait_until(lambda: "signal 10" in (tmp / "out").read_text())


def test_all_kill_on_stopped_is_success(box):
    """Rule 10."""
    box.args("/bin/true").up().wait_status("stopped")
    box.nook("kill", "--all", box.id, "9").silent()
    box.nook("kill", "-a", box.id, "KILL").silent()


def test_kill_of_shared_pidns_kills_the_whole_cgroup(box):
    """Pid namespace of the host: KILL to the container leaves no process of it."""
    box.no_namespace("pid").unmount("/proc", "/sys")
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.sh("probe sleep & probe daemon; exec probe sleep").up()
    wait_until(lambda: len((box.cg("pids") / "cgroup.procs").read_text().split()) == 3)
    box.kill("KILL")
    wait_until(lambda: (look.reap(), look.descendants() == [])[1], what="all processes to die")


def test_all_after_init_is_gone_kills_leftovers(box):
    """CRI-O: kill -a ID 9 after the exit, host pidns."""
    box.no_namespace("pid").unmount("/proc", "/sys")
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.sh("probe sleep & probe sleep & exit 0").up().wait_status("stopped")
    assert len(look.descendants()) >= 2
    box.nook("kill", "--all", box.id, "9").silent()
    wait_until(lambda: (look.reap(), look.descendants() == [])[1])
    box.delete()


def test_killed_while_created(box):
    box.sleep().create().kill("KILL").wait_status("stopped")
    box.nook("start", box.id).fails()
    box.delete()


def test_term_to_created(box):
    """Init waits for start with default dispositions; as PID 1 it is shielded from TERM, or dies: both are fine, no hang."""
    box.sleep().create().kill("TERM")
    assert box.status in ("created", "stopped")


def test_kill_races_with_exit(box):
    """ESRCH at any point is `container not running`, never something else."""
    for _ in range(20):
        box.args("/bin/true").up()
        r = box.nook("kill", box.id, "TERM")
        assert r.rc == 0 or "container not running" in r.err, r
        box.wait_status("stopped").delete()


def test_kills_at_once(box):
    box.args("/bin/probe", "signals", "12").up().wait_text("ready")
    for run in [box.nook.spawn("kill", box.id, str(34 + i)) for i in range(8)]:
        run.wait().silent()
    for i in range(8):
        box.wait_text(f"signal {34 + i}\n")


def test_pid_reuse_is_noticed(box):
    """A signal never reaches a process that has only the same number (2.27; see test_state_dir for the rest)."""
    box.sleep().up()
    pid = box.pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    box.nook("kill", box.id, "KILL").fails("container not running")


def test_frozen_container_is_killed(box):
    """KILL also thaws (v1)."""
    if "freezer" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    box.sleep().up()
    (box.cg("freezer") / "freezer.state").write_text("FROZEN")
    box.kill("KILL")
    box.wait_status("stopped").delete()
