# SPDX-License-Identifier: Apache-2.0
"""The kill set of containers without a PID namespace and a cgroup (chroot-isolation.md, K2 and K3): whatever their processes do,
none is left 2 s after `kill KILL` and `delete`, also when the supervisor has been killed before."""

import os
import signal
import time

import pytest

import kill_set
import look
from kill_set import Witness, children_of, kill_supervisor, nothing_lives, payload_of, supervise
from look import wait_until

# What probe's `shape` makes. Those that a program can make anywhere; and those that need rights in the place.
EVERYWHERE = """setsid double daemon chain respawned stopped deaf hydra deep subreaper leaderless closed renamed""".split()
OTHER_USER = ["user"]
UNSHARED = "mounts uts mounts-uts pids nested".split()
CORE = ["setsid", "double", "daemon", "chain", "stopped", "deaf"]
CAPS = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]
PLACES = {"C": EVERYWHERE + OTHER_USER + UNSHARED, "F": EVERYWHERE + UNSHARED, "A": EVERYWHERE + OTHER_USER + UNSHARED,
          "E": EVERYWHERE}


def shape(box, *words):
    return box.args("/bin/probe", "shape", *map(str, words))


def begin(box, witness):
    """Runs it; returns when all of its processes are there."""
    box.create(stdout=witness.writer).start()
    witness.hear()
    return box


# ---------------------------------------------------------------------------------------------- ways to end it

def by_kill(box):
    box.kill("KILL")
    box.delete()


def by_force(box):
    box.delete("--force")


def by_all(box):
    box.kill("--all", "KILL")
    box.delete()


def init_gone(box):
    """The program ends by itself, and that is all that happens: its supervisor does the rest."""
    os.kill(payload_of(box), signal.SIGKILL)
    box.wait_status("stopped")
    box.nook("kill", box.id, "KILL").fails("container not running")
    box.delete()


def supervisor_gone(box):
    kill_supervisor(box)
    assert box.status == "running"
    box.kill("KILL")
    assert box.status == "stopped"
    box.delete()


def supervisor_gone_and_force(box):
    kill_supervisor(box)
    box.delete("--force")


ENDS = [by_kill, by_force, by_all, init_gone, supervisor_gone, supervisor_gone_and_force]
each_end = pytest.mark.parametrize("end", ENDS, ids=[f.__name__ for f in ENDS])


def run_and_end(box, end, *words):
    """Seconds from the first thing done to end it until nothing was left."""
    shape(box, *words)
    with Witness() as witness:
        begin(box, witness)
        since = time.monotonic()
        end(box)
        took = nothing_lives(box, witness, since)
    assert box.nook.state_dirs() == []
    return took


# ---------------------------------------------------------------------------------------------- on the open host

@each_end
@pytest.mark.parametrize("word", EVERYWHERE + OTHER_USER + UNSHARED)
def test_shape(box, word, end):
    run_and_end(supervise(box).caps(*CAPS), end, word)


def in_a_row(box, end, times):
    longest = 0
    for _ in range(times):
        longest = max(longest, run_and_end(box, end, *CORE))
    print(f"{times} times: {longest * 1000:.0f} ms at most")


@pytest.mark.parametrize("end", [by_kill, init_gone, supervisor_gone], ids=["kill", "init-gone", "supervisor-gone"])
def test_100_in_a_row(box, end):
    in_a_row(supervise(box), end, 100)


@pytest.mark.slow
@each_end
def test_1000_in_a_row(box, end):
    in_a_row(supervise(box), end, 1000)


@each_end
def test_all_shapes_at_once(box, end):
    run_and_end(supervise(box).caps(*CAPS), end, *EVERYWHERE, *OTHER_USER, *UNSHARED)


@each_end
def test_many(box, end):
    run_and_end(supervise(box), end, "setsid", 100, "daemon", 100, "chain", 4)


@each_end
def test_a_program_of_another_user(box, end):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    run_and_end(supervise(box), end, *CORE, "nested")


@each_end
def test_a_user_namespace_of_its_own(box, end):
    run_and_end(supervise(box).userns().caps(*CAPS), end, *CORE, *OTHER_USER, *UNSHARED)


@each_end
def test_a_program_that_changes_its_ids(box, end):
    """It is not dumpable any more, and the kernel has taken its parent-death signal back."""
    run_and_end(supervise(box).caps(*CAPS), end, "as-user", "daemon")


@pytest.mark.parametrize("end", [supervisor_gone, supervisor_gone_and_force], ids=["kill", "force"])
def test_a_program_that_does_not_die_with_its_supervisor(box, end):
    run_and_end(supervise(box), end, "no-pdeathsig", "setsid")


@pytest.mark.parametrize("end", [by_kill, by_force, supervisor_gone, supervisor_gone_and_force],
                         ids=["kill", "force", "supervisor-gone", "supervisor-gone-and-force"])
def test_a_stopped_program(box, end):
    shape(supervise(box), "daemon")
    with Witness() as witness:
        begin(box, witness)
        payload = payload_of(box)
        box.kill("STOP")
        wait_until(lambda: look.Proc(payload).state() == "T", what="the program to stop")
        assert box.status == "running"
        since = time.monotonic()
        end(box)
        nothing_lives(box, witness, since)


@each_end
def test_bare_on_the_open_host(box, end):
    run_and_end(supervise(box, "bare"), end, *EVERYWHERE)


def test_joined_namespaces_are_no_mark(make_box):
    """Two containers in one UTS namespace, as in a pod: the end of one, however it comes, is not the other's."""
    first, second = supervise(make_box()), supervise(make_box())
    for box in (first, second):
        shape(box, *CORE)
        del box.config["hostname"]
    with Witness() as one, Witness() as other:
        begin(first, one)
        second.namespace("uts", f"/proc/{payload_of(first)}/ns/uts")
        begin(second, other)
        since = time.monotonic()
        kill_supervisor(second)
        second.kill("KILL").delete()
        assert other.ends(since + kill_set.LIMIT * look.SCALE)
        assert not one.ends(time.monotonic() + 0.05) and first.status == "running"
        supervisor_gone(first)
        nothing_lives(first, one, since)


def test_without_ptrace(box):
    """In an engine's default pod there is no CAP_SYS_PTRACE: nobody may look at init, which is not dumpable."""
    supervise(box).caps("CAP_SYS_ADMIN")
    box.nook.prefix = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    for end in (by_kill, supervisor_gone):
        run_and_end(box, end, *CORE, *UNSHARED)


# ---------------------------------------------------------------------------------------------- in places

@pytest.mark.parametrize("end", [by_kill, init_gone, supervisor_gone], ids=["kill", "init-gone", "supervisor-gone"])
@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_in_a_place(placed_box, place, end):
    """Each shape, and then all of them at once."""
    box = supervise(placed_box, "bare" if place.level == "E" else "chroot").caps(*CAPS)
    box.nook.globals.remove("--cgroup-manager=disabled")  # there are none
    words = PLACES[place.level]
    for chosen in [[word] for word in words] + [words]:
        run_and_end(box, end, *chosen)
        box.nothing_left()
