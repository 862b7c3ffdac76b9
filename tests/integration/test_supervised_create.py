# SPDX-License-Identifier: Apache-2.0
"""Making a supervised container: hooks, creates that fail and leave no supervisor, and what the verbs say when the supervisor has
died (chroot-isolation.md, K2 and K3)."""

import json
import os
import signal
import time

import pytest

import kill_set
import look
from kill_set import Witness, kill_supervisor, payload_of, supervise, supervisor_of
from look import Proc, wait_until

HOOKS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


@pytest.fixture
def hooked(box, tmp):
    """Every hook writes down the state that it gets and the namespace that it is in; the container's own write into its root."""
    supervise(box).sh("echo up; exec probe sleep")
    (tmp / "log").mkdir()
    for kind in HOOKS:
        # startContainer runs with the container's root
        place = "" if kind == "startContainer" else str(tmp / "log")
        box.hook(kind, "/bin/sh", ["sh", "-c", f"cat >{place}/{kind}.json; readlink /proc/self/ns/mnt >{place}/{kind}.ns"])
    return box


def told(box, tmp, kind):
    folder = box.rootfs if kind == "startContainer" else tmp / "log"
    return json.loads((folder / f"{kind}.json").read_text()), (folder / f"{kind}.ns").read_text().strip()


def has_run(box, tmp, kind):
    return ((box.rootfs if kind == "startContainer" else tmp / "log") / f"{kind}.ns").exists()


def test_hooks(hooked, tmp):
    hooked.create()
    payload, ours = payload_of(hooked), Proc(os.getpid()).ns("mnt")
    inside = Proc(payload).ns("mnt")
    assert [k for k in HOOKS if has_run(hooked, tmp, k)] == HOOKS[:3]
    hooked.start().wait_text("up")
    assert [k for k in HOOKS if has_run(hooked, tmp, k)] == HOOKS[:5]
    hooked.kill("KILL").delete()
    for kind, status, namespace in zip(HOOKS, ["created"] * 4 + ["running", "stopped"], [ours, ours, inside, inside, ours, ours]):
        state, where = told(hooked, tmp, kind)
        assert (state["id"], state["status"], where) == (hooked.id, status, namespace), kind
        # What a hook is for is in the namespaces of the program: a network, a mount.
        assert state.get("pid", 0) == (0 if kind == "poststop" else payload), kind
    hooked.nothing_left(0)


def test_hooks_of_run(hooked, tmp):
    hooked.sh("exit 4")
    assert hooked.run().rc == 4
    assert all(has_run(hooked, tmp, kind) for kind in HOOKS)
    hooked.nothing_left(0)


@pytest.mark.parametrize("kind", HOOKS[:5])
def test_a_hook_that_fails(box, tmp, kind):
    """The container goes, its supervisor with it; poststop has run."""
    supervise(box).sleep().hook("poststop", "/bin/touch", ["touch", tmp / "poststop"])
    box.hook(kind, "/bin/false")
    if kind in HOOKS[:3]:
        box.refuse(kind)
    else:
        box.create()
        assert box.nook("start", box.id).rc == 1
        wait_until(lambda: not box.nook.state_dirs(), what="the container to be destroyed")
    box.nothing_left()
    assert (tmp / "poststop").exists()


def test_what_a_hook_leaves_in_the_background(box):
    """A child of startContainer's is the container's; one of createRuntime's is not."""
    supervise(box).sleep()
    box.hook("createRuntime", "/bin/sh", ["sh", "-c", "sleep 54401 >/dev/null 2>&1 &"])
    box.hook("startContainer", "/bin/sh", ["sh", "-c", "sleep 54402 >/dev/null 2>&1 &"])
    box.up()

    def sleeping():
        return {Proc(p).cmdline()[1]: p for p in look.descendants() if Proc(p).cmdline()[:1] == ["sleep"]}

    wait_until(lambda: set(sleeping()) == {"54401", "54402"}, what="what the hooks leave")
    box.kill("KILL")
    outer = sleeping()
    assert set(outer) == {"54401"}
    os.kill(outer["54401"], signal.SIGKILL)
    box.delete()
    box.nothing_left()


# ---------------------------------------------------------------------------------------------- creates that fail

def no_program(box):
    box.args("/no/such/program")


def no_cwd(box):
    (box.rootfs / "file").touch()
    box.process["cwd"] = "/file"


def no_mount(box):
    box.mount("/mnt", "bind", "/no/such/source", ["bind"])


def no_root(box):
    os.rename(box.rootfs, box.dir / "other")


def bad_option(box):
    box.mount("/mnt", "tmpfs", "t", ["size=nonsense"])


def bad_rlimit(box):
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 1 << 40}]


FAILURES = [no_program, no_cwd, no_mount, no_root, bad_option, bad_rlimit]


@pytest.mark.parametrize("userns", [False, True], ids=["", "userns"])
@pytest.mark.parametrize("verb", ["create", "run"])
@pytest.mark.parametrize("break_it", FAILURES, ids=[f.__name__ for f in FAILURES])
def test_no_supervisor_is_left(box, break_it, verb, userns):
    supervise(box).sleep()
    if userns:
        box.userns()
    break_it(box)
    with Witness() as out, Witness() as err:
        result = box.write().nook(verb, "--bundle", box.dir, box.id, stdout=out.writer, stderr=err.writer)
        assert result.rc == 1
        # Whoever called it reads these to the end before anything else.
        assert out.ends(time.monotonic() + 0.5) and err.ends(time.monotonic() + 0.5)
        assert out.text == b"" and err.text.count(b"\n") == 1, err.text
        alive = [look.describe(p) for p in look.descendants() if Proc(p).alive()]
        assert not alive, alive
    box.nothing_left(0.5)


def test_why_it_failed_is_always_said(box):
    """However fast it was: the supervisor may have reaped init before anybody else has looked."""
    supervise(box).sleep()
    bad_option(box)
    box.write()
    for _ in range(40):
        box.nook("create", "--bundle", box.dir, box.id).fails(f"/mounts/{len(box.config['mounts']) - 1}")


def test_a_program_that_cannot_be_executed(box):
    """As with every isolation the container has started and stopped."""
    (box.rootfs / "bin/bad").write_bytes(b"no program")
    (box.rootfs / "bin/bad").chmod(0o755)
    supervise(box).args("/bin/bad").create().start()
    box.wait_status("stopped").delete()
    box.nothing_left(0)


@pytest.mark.parametrize("args", [["/no/such"], ["sh", "-c", "exit 0"]], ids=["no-program", "bad-cwd"])
def test_no_supervisor_of_a_failed_exec_is_left(box, args):
    supervise(box).sleep().up()
    flags = ["--cwd", "/bin/sh"] if args[0] == "sh" else []
    for detach in ([], ["--detach"]):
        assert box.exec(*args, flags=[*flags, *detach]).rc == 255
        ours = sorted([supervisor_of(box), payload_of(box)])
        wait_until(lambda: (look.reap(), sorted(look.descendants()) == ours)[1], what="its supervisors to end")


# ---------------------------------------------------------------------------------------------- a supervisor that has died

@pytest.fixture
def orphaned(box):
    """Its supervisor has died, and a daemon of its program lives."""
    supervise(box).args("/bin/probe", "shape", "daemon")
    with Witness() as witness:
        box.create(stdout=witness.writer).start()
        witness.hear()
        payload = payload_of(box)
        kill_supervisor(box)
        wait_until(lambda: not Proc(payload).alive(), what="the program to die")
        yield box
        for pid in kill_set.marked(box.id):
            os.kill(pid, signal.SIGKILL)


HINT = "its supervisor has died and has left processes behind: delete --force ends them"


def test_state_follows_what_lives(orphaned):
    assert orphaned.status == "running"
    assert [c["status"] for c in orphaned.nook("list", "--format", "json").json()] == ["running"]
    daemon, = kill_set.marked(orphaned.id)
    os.kill(daemon, signal.SIGKILL)
    orphaned.wait_status("stopped")
    orphaned.delete()
    orphaned.nothing_left(0)


def test_start_says_so(orphaned):
    orphaned.nook("start", orphaned.id).fails("cannot start a container that has stopped", HINT)


@pytest.mark.parametrize("flags", [[], ["--detach"]], ids=["", "detach"])
def test_exec_says_so(orphaned, flags):
    orphaned.nook("exec", *flags, orphaned.id, "true").fails("cannot exec in a stopped container", HINT, rc=255)
    assert len(kill_set.left_of(orphaned)) == 1


@pytest.mark.parametrize("flags", [[], ["--all"]], ids=["", "all"])
def test_kill_says_so(orphaned, flags):
    orphaned.nook("kill", *flags, orphaned.id, "TERM").fails("container not running", HINT)
    orphaned.nook("kill", *flags, orphaned.id, "KILL").silent()
    assert orphaned.status == "stopped" and not kill_set.left_of(orphaned)


def test_delete_refuses(orphaned):
    orphaned.nook("delete", orphaned.id).fails("not stopped: running", "delete --force kills it first")
    assert len(kill_set.left_of(orphaned)) == 1
    orphaned.delete("--force")
    orphaned.nothing_left(0)


@pytest.mark.parametrize("place", ["E"], indirect=True)
def test_what_cannot_be_looked_at_is_told(placed_box, place):
    """Without CAP_SYS_PTRACE and namespaces, who has changed its ids is out of sight: then the end cannot be proved."""
    box = supervise(placed_box, "bare").caps("CAP_SETUID", "CAP_SETGID").args("/bin/probe", "shape", "user")
    box.nook.globals.remove("--cgroup-manager=disabled")
    with Witness() as witness:
        for lost in (False, True):
            witness.text = b""
            box.create(stdout=witness.writer).start()
            witness.hear()
            if not lost:
                box.kill("KILL").delete()  # without a word: its supervisor has proved it
                continue
            kill_supervisor(box)
            daemon, = kill_set.marked(box.id)
            result = box.nook("delete", box.id)
            assert (result.rc, result.out) == (0, "") and result.err.count("\n") == 1, result
            assert "its supervisor was killed, and 1 processes cannot be looked at here" in result.err, result
            os.kill(daemon, signal.SIGKILL)
    box.nothing_left()


@pytest.mark.parametrize("place", ["E"], indirect=True)
def test_what_passes_is_not_told(placed_box, place):
    """Others that change their ids there, and execute something, are out of sight for a moment only."""
    box = supervise(placed_box, "bare").args("/bin/probe", "shape", "daemon")
    box.nook.globals.remove("--cgroup-manager=disabled")
    change = "import os, time; os.setuid(1000); time.sleep(0.003)"
    noise = box.nook.spawn("sh", "-c", f"while :; do /usr/bin/python3 -ISc '{change}'; done", raw=True)
    for _ in range(20):
        with Witness() as witness:
            box.create(stdout=witness.writer).start()
            witness.hear()
            kill_supervisor(box)
            box.delete("--force")
            assert witness.ends(time.monotonic() + 2 * look.SCALE)
    noise.popen.kill()
    noise.wait()
    wait_until(lambda: not place.left(), what="the others to end")


def test_create_refuses_the_id(orphaned):
    orphaned.try_create().fails("container with given ID already exists")


def test_a_program_that_lives_on_is_signalled(box):
    """One that has taken care not to die with its supervisor: kill finds it by what was written down at create."""
    supervise(box).args("/bin/probe", "shape", "no-pdeathsig", "daemon")
    with Witness() as witness:
        box.create(stdout=witness.writer).start()
        witness.hear()
        payload = payload_of(box)
        kill_supervisor(box)
        assert box.status == "running" and Proc(payload).alive()
        box.kill("TERM")
        wait_until(lambda: not Proc(payload).alive(), what="the program to die of it")
        box.nook("kill", box.id, "TERM").fails("container not running", HINT)
        since = time.monotonic()
        box.delete("--force")
        kill_set.nothing_lives(box, witness, since)


@pytest.mark.parametrize("verb", ["kill", "delete"])
def test_of_run_in_the_foreground(box, verb):
    """It ends as if the program had been killed, and cleans up what the supervisor cannot any more."""
    run = supervise(box).args("/bin/probe", "shape", "daemon", "chain").spawn_run()
    wait_until(lambda: "up" in run.text())
    if verb == "kill":
        os.kill(supervisor_of(box), signal.SIGKILL)
    else:
        box.delete("--force")
    assert run.wait().rc == 137
    box.nothing_left(0)


def test_of_run_keep(box):
    run = supervise(box).args("/bin/probe", "shape", "daemon").spawn_run("--keep")
    wait_until(lambda: "up" in run.text())
    os.kill(supervisor_of(box), signal.SIGKILL)
    assert run.wait().rc == 137
    # Nobody has deleted it, and nobody has killed its daemon.
    assert box.status == "running"
    box.nook("delete", box.id).fails("not stopped: running")
    box.kill("KILL").delete()
    box.nothing_left(0)


def test_one_that_does_not_answer(box):
    """Stopped by somebody: asked to kill, it is continued; what cannot be continued does not keep us for ever."""
    supervise(box).args("/bin/probe", "shape", "daemon")
    with Witness() as witness:
        box.create(stdout=witness.writer).start()
        witness.hear()
        os.kill(supervisor_of(box), signal.SIGSTOP)
        since = time.monotonic()
        box.kill("KILL")
        assert box.status == "stopped"
        box.delete()
        kill_set.nothing_lives(box, witness, since)


def test_another_container_of_the_same_root(make_box):
    """What one has left is told from what lives in the other."""
    first, second = supervise(make_box()), supervise(make_box())
    second.config["root"]["path"] = str(first.rootfs)
    for box in (first, second):
        box.args("/bin/probe", "shape", "daemon")
    with Witness() as one, Witness() as other:
        first.create(stdout=one.writer).start()
        second.create(stdout=other.writer).start()
        one.hear(), other.hear()
        kill_supervisor(first)
        kill_supervisor(second)
        first.delete("--force")
        assert one.ends(time.monotonic() + 2) and second.status == "running"
        assert [look.Proc(p).cmdline()[0] for p in kill_set.marked(second.id)] == ["/bin/probe"]
        second.delete("--force")
        assert other.ends(time.monotonic() + 2)
    first.nothing_left(0)
