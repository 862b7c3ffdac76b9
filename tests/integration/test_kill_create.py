# SPDX-License-Identifier: Apache-2.0
"""create killed by SIGKILL at each of its system calls in turn: its own process, and its children. Afterwards
`delete --force ID` exits 0 and nothing is left; when a child is killed, create itself must clean up and say so.
tools/killat.c counts the calls of each process exactly. Every STEP-th call by default, each with --slow."""

import os
import subprocess

import pytest

import kill_set
import look
from look import wait_until

STEP = 7


def traced(box, tools, who, at, verb="create", *flags):
    """Runs a verb under killat; (wait status of nook, calls of each process)."""
    report = box.nook.tmp / "report"
    args = {"create": ["create", "--bundle", box.dir, *flags, box.id], "start": ["start", box.id], "delete": ["delete", "--force", box.id],
            "exec": ["exec", "-d", box.id, "sleep", "1000"], "run": ["run", "--bundle", box.dir, box.id]}[verb]
    command = [tools["killat"], str(report), str(who), str(at), *box.nook.command(args)]
    box.nook(*command, raw=True, timeout=20)
    words = list(map(int, report.read_text().split()))
    return words[0], words[1:]


def configure(box, kind):
    box.sleep()
    box.resources["pids"] = {"limit": 50}
    if kind == "rich":
        box.userns().namespace("cgroup")
        (box.rootfs / "mnt/new").mkdir()
        (box.rootfs / "etc/x").touch()
        box.namespace("time")
        box.mount("/mnt/new", "tmpfs", "t", ["ro"]).mount("/etc/x", "bind", box.dir / "config.json", ["bind", "ro"])
        box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
        box.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO"}]}
        box.config["root"]["readonly"] = True
    elif kind in ("hooks", "supervised-hooks"):
        for name in ("createRuntime", "createContainer", "poststop"):
            box.hook(name, "/bin/true")
    if kind == "chroot":
        box.nook.globals = ["--isolation=chroot", "--chroot-policy=warn"]
    elif kind.startswith("supervised"):
        kill_set.supervise(box)
    if kind == "supervised-userns":
        box.userns()
    return box.write()


def count(box, tools, verb="create"):
    status, calls = traced(box, tools, 0, 0, verb)
    assert status == 0, f"the undisturbed {verb} failed under ptrace: {status}"
    return calls


def away(box):
    r = box.nook("delete", "--force", box.id, timeout=10)
    assert (r.rc, r.out, r.err) == (0, "", ""), r
    box.nothing_left()


def steps(total, slow, offset=0):
    return range(1 + (0 if slow else offset % STEP), total + 1, 1 if slow else STEP)


def kill_parent_everywhere(box, tools, kind, slow):
    configure(box, kind)
    calls = count(box, tools)
    away(box)
    failures = []
    for n in steps(calls[0], slow):
        status, _ = traced(box, tools, 0, n)
        if status != 9 and status != 0:  # 0: fewer calls this time, create was complete
            failures.append((n, f"wait status {status}"))
        try:
            away(box)
        except AssertionError as e:
            failures.append((n, str(e)[:600]))
            clear(box)
    assert not failures, f"{len(failures)} of {calls[0]} system calls of create: {failures[:5]}"


def kill_child_everywhere(box, tools, kind, slow, who=1):
    configure(box, kind)
    calls = count(box, tools)
    away(box)
    if len(calls) <= who:
        pytest.skip(f"create has no process number {who}")
    failures = []
    for n in steps(calls[who], slow, 3):
        status, seen = traced(box, tools, who, n)
        code = os.waitstatus_to_exitcode(status)
        try:
            if code == 0:
                # killed while it waited for start, or not reached: the container is there, whole or stopped
                assert box.nook("state", box.id).rc == 0
            else:
                assert code == 1, f"exit {code}"
                box.nothing_left()  # create has cleaned up by itself
            away(box)
        except AssertionError as e:
            failures.append((n, str(e)[:600]))
            clear(box)
    assert not failures, f"{len(failures)} of {calls[who]} system calls of process {who}: {failures[:5]}"


def clear(box):
    """By force, so that the next round starts clean."""
    for pid in look.descendants():
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    wait_until(lambda: (look.reap(), not look.descendants())[1])
    subprocess.run(["rm", "-rf", os.path.join(box.nook.root, box.id)], check=True)
    for p in sorted(look.cgroups_named(box.id), key=len, reverse=True):
        if os.path.isdir(p):
            look.remove_cgroup(p)


KINDS = ["plain", "rich", "hooks", "chroot", "supervised", "supervised-hooks", "supervised-userns"]


@pytest.mark.parametrize("kind", KINDS)
def test_parent_killed(box, tools, kind):
    kill_parent_everywhere(box, tools, kind, False)


@pytest.mark.parametrize("kind", KINDS)
def test_child_killed(box, tools, kind):
    kill_child_everywhere(box, tools, kind, False)


@pytest.mark.parametrize("kind", ["supervised", "supervised-userns"])
def test_init_below_the_supervisor_killed(box, tools, kind):
    kill_child_everywhere(box, tools, kind, False, 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_parent_killed_at_each_call(box, tools, kind):
    kill_parent_everywhere(box, tools, kind, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", [1, 2, 3])
def test_child_killed_at_each_call(box, tools, kind, who):
    kill_child_everywhere(box, tools, kind, True, who)


@pytest.mark.parametrize("kind", ["plain", "supervised"])
def test_create_again_after_a_killed_one(box, tools, kind):
    """Without a delete in between: the id is reclaimed, or refused with a clear text; never a half-made mixture."""
    configure(box, kind)
    calls = count(box, tools)
    away(box)
    for n in steps(calls[0], False, 5):
        traced(box, tools, 0, n)
        wait_until(lambda: (look.reap(), True)[1])
        r = box.try_create()
        if r.rc == 0:
            box.start()
            assert box.status == "running"
        else:
            r.fails("already exists")
        away(box)


@pytest.mark.parametrize("kind", ["plain", "supervised"])
def test_start_killed(box, tools, kind):
    configure(box, kind)
    box.create()
    calls = count(box, tools, "start")
    away(box)
    for n in range(1, calls[0] + 1, 3):
        box.create()
        traced(box, tools, 0, n, "start")
        assert box.status in ("created", "running")
        away(box)


@pytest.mark.parametrize("kind", ["plain", "supervised"])
def test_delete_killed(box, tools, kind):
    """A killed delete --force is finished by the next one."""
    configure(box, kind)
    box.up()
    calls = count(box, tools, "delete")
    box.nothing_left()
    for n in range(1, calls[0] + 1, 4):
        box.up()
        traced(box, tools, 0, n, "delete")
        away(box)


@pytest.mark.parametrize("kind", ["plain", "supervised"])
def test_exec_killed(box, tools, kind):
    """The container does not notice; no joined process is left behind it, but the program if it was reached."""
    configure(box, kind)
    box.up()
    calls = count(box, tools, "exec")
    for who in (0, 1) if kind == "plain" else range(len(calls)):
        last = calls[min(who, len(calls) - 1)]
        for n in (*range(1, last + 1, 5), last):  # at a supervisor's last one the program is about to be executed
            traced(box, tools, who, n, "exec")
            assert box.status == "running"
            try:
                wait_until(lambda: only_programs(box), 3, f"exec's processes to go (process {who}, call {n})")
            except AssertionError as e:
                raise AssertionError(f"{e}: {[look.describe(p) for p in look.descendants()]}") from e
    away(box)


def only_programs(box):
    """Of all execs the program is left, or nothing; where there are supervisors, each program has its two."""
    look.reap()
    words = [look.Proc(p).cmdline()[:1] for p in look.descendants() if p != box.pid and look.Proc(p).alive()]
    programs, supervisors = words.count(["sleep"]), words.count(["nook-supervisor"])
    payload = words.count(["/bin/probe"])
    return len(words) == programs + supervisors + payload and supervisors == (2 * programs if payload else 0)


@pytest.mark.parametrize("kind", ["plain", "supervised"])
def test_foreground_run_killed(box, tools, kind):
    """SIGKILL to run: delete --force cleans up."""
    configure(box, kind)
    box.args("/bin/true").write()
    calls = count(box, tools, "run")
    away(box)
    for n in steps(calls[0], False):
        traced(box, tools, 0, n, "run")
        away(box)


def test_killed_create_is_seen_by_list_and_state(box, tools):
    """No verb stumbles over what a killed create left."""
    configure(box, "plain")
    calls = count(box, tools)
    away(box)
    for n in steps(calls[0], False, 2):
        traced(box, tools, 0, n)
        if os.path.isdir(box.nook.root):
            r = box.nook("list", "--format", "json")
            assert r.rc == 0, r
        r = box.nook("state", box.id)
        assert r.rc in (0, 1) and (r.rc == 0 or r.err.count("\n") == 1), r
        if r.rc == 0:
            assert r.json()["status"] in ("creating", "created", "stopped")
        away(box)


def test_pdeathsig_of_the_engine(box):
    """conmon sets PDEATHSIG=KILL on the runtime: create dies with its caller and is cleaned up by delete --force."""
    box.sleep().hook("createRuntime", "/bin/sleep", ["sleep", "1000"]).write()
    run = box.nook.spawn("create", "--bundle", box.dir, box.id)
    wait_until(lambda: box.id in box.nook.state_dirs() and look.cgroups_named(box.id))
    run.popen.kill()
    run.popen.wait()
    look.KNOWN.discard(run.popen.pid)
    for p in look.descendants():
        if look.Proc(p).cmdline()[:1] == ["sleep"]:
            os.kill(p, 9)  # the hook is the engine's program
    away(box)
