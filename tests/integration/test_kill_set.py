# SPDX-License-Identifier: Apache-2.0
"""The kill set of containers without a PID namespace and a cgroup (chroot-isolation.md, K2 and K3): whatever their processes do,
none is left 2 s after `kill KILL` and `delete`, also when the supervisor has been killed before."""

import os
import re
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


def test_a_chain_among_many_new_processes(box):
    """One that forks and exits all the time, while others take the numbers that come next."""
    supervise(box)
    noise = box.nook.spawn("sh", "-c", "while :; do /bin/true; /bin/true & wait; done", raw=True)
    for _ in range(15):
        run_and_end(box, supervisor_gone, "chain")
    noise.popen.kill()
    noise.wait()


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
    def supervisor_gone_and_others_there(box):
        """Of whom it may have to say that it cannot look at them."""
        kill_supervisor(box)
        assert box.status == "running"
        box.nook("kill", box.id, "KILL").ok()
        box.nook("delete", box.id).ok()

    for end in (by_kill, supervisor_gone_and_others_there):
        run_and_end(box, end, *CORE, *UNSHARED)


# ---------------------------------------------------------------------------------------------- in places

def in_place(box, place):
    supervise(box, "bare" if place.level == "E" else "chroot").caps(*CAPS)
    box.nook.globals.remove("--cgroup-manager=disabled")  # there are none
    return box


@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_in_a_place(placed_box, place):
    box = in_place(placed_box, place)
    for end in ENDS:
        run_and_end(box, end, *PLACES[place.level])
    box.nothing_left()


@pytest.mark.parametrize("place", PLACES, indirect=True)
def test_a_lost_supervisor_in_a_place(placed_box, place):
    """Each alone: one must not be found for the sake of another."""
    box = in_place(placed_box, place)
    for word in PLACES[place.level]:
        if word not in ("setsid", "double", "hydra", "deep", "closed"):
            run_and_end(box, supervisor_gone, word)
    box.nothing_left()


# ---------------------------------------------------------------------------------------------- exec

def exec_detached(box, witness, *words):
    """Runs a shape in the running container; the pid of its mirror, as in the pid file."""
    pid_file = box.dir / "exec-pid"
    witness.text = b""
    box.exec("/bin/probe", "shape", *words, flags=["--detach", "--pid-file", pid_file], stdout=witness.writer,
             stderr=witness.writer).ok()
    witness.hear()
    return int(pid_file.read_text())


def supervisor_gone_with_execs(box):
    """The supervisors of execs notice it, and end all that they have by themselves."""
    kill_supervisor(box)
    wait_until(lambda: box.status == "stopped", kill_set.LIMIT, "the supervisors of execs to end")
    box.nook("kill", box.id, "KILL").fails("container not running")
    box.delete()


EXEC_ENDS = [by_kill, by_force, by_all, init_gone, supervisor_gone_with_execs, supervisor_gone_and_force]
each_end_of_execs = pytest.mark.parametrize("end", EXEC_ENDS, ids=[f.__name__ for f in EXEC_ENDS])


@pytest.fixture
def held():
    with Witness() as witness:
        yield witness


@pytest.fixture
def running(box, held):
    """A container whose program does nothing; what is exec'ed in it holds the same pipe."""
    return begin(shape(supervise(box).caps(*CAPS)), held)


def finish(box, witness, end):
    since = time.monotonic()
    end(box)
    nothing_lives(box, witness, since)


@each_end_of_execs
def test_exec(running, held, end):
    for words in (CORE, EVERYWHERE + OTHER_USER + UNSHARED):
        exec_detached(running, held, *words)
    finish(running, held, end)


@each_end_of_execs
def test_daemons_of_an_exec_that_has_ended(running, held, end):
    result = running.exec("/bin/probe", "shape", *CORE, "exit", 7, stdout=held.writer, stderr=held.writer)
    assert result.rc == 7
    wait_until(lambda: [p for p in kill_set.marked(running.id) if look.Proc(p).state() == "T"], what="the daemons to be left")
    assert running.status == "running"
    finish(running, held, end)


@each_end_of_execs
def test_exec_whose_mirror_is_killed(running, held, end):
    """Who kills the pid that exec has told means the program: that one dies, its daemons do not."""
    mirror = exec_detached(running, held, "daemon")
    supervisor, = children_of(mirror)
    program = kill_set.program_of(supervisor)
    os.kill(mirror, signal.SIGKILL)
    wait_until(lambda: not look.Proc(program).alive(), what="the program to die")
    assert len(kill_set.marked(running.id)) == 2 and running.status == "running"
    finish(running, held, end)


@pytest.mark.parametrize("end", [by_kill, by_force, by_all, supervisor_gone, supervisor_gone_and_force],
                         ids=["kill", "force", "all", "supervisor-gone", "supervisor-gone-and-force"])
def test_exec_whose_supervisor_is_killed(running, held, end):
    mirror = exec_detached(running, held, *CORE)
    supervisor, = children_of(mirror)
    os.kill(supervisor, signal.SIGKILL)
    assert kill_set.reap(mirror) == -signal.SIGKILL
    assert running.status == "running"
    finish(running, held, end)


def test_what_a_killed_supervisor_of_an_exec_left_outlives_the_program(running, held):
    """Then the container has not stopped."""
    mirror = exec_detached(running, held, "daemon")
    os.kill(children_of(mirror)[0], signal.SIGKILL)
    kill_set.reap(mirror)
    pid = running.state()["pid"]
    os.kill(payload_of(running), signal.SIGKILL)
    assert kill_set.reap(pid) == -signal.SIGKILL
    assert running.status == "running"
    finish(running, held, by_kill)


@each_end_of_execs
def test_exec_in_a_created_container(box, held, end):
    shape(supervise(box)).create(stdout=held.writer)
    exec_detached(box, held, *CORE)
    finish(box, held, end)


def test_execs_one_after_the_other(running, held):
    """As a health check does it; each leaves a daemon."""
    for _ in range(20):
        assert running.exec("/bin/probe", "shape", "daemon", "exit", 3, stdout=held.writer).rc == 3
    finish(running, held, by_kill)


def test_no_exec_into_what_ends(running, held):
    """Of many execs while it is killed, none is left behind, and each says what happened."""
    for _ in range(5):
        started = [running.nook.spawn("exec", "-d", running.id, "/bin/probe", "shape", "daemon", stdout=held.writer)
                   for _ in range(6)]
        since = time.monotonic()
        running.kill("KILL")
        for one in started:
            result = one.wait()
            assert result.rc in (0, 255), result
            assert result.rc == 0 or re.search("stopped container|has just ended|before the program ran|the process ended while", result.err), result
        running.delete()
        nothing_lives(running, held, since)
        held.__init__()
        running.create(stdout=held.writer).start()
        held.hear()
    finish(running, held, by_force)
