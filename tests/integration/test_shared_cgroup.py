# SPDX-License-Identifier: Apache-2.0
"""A cgroup that somebody else is in, was in before, or comes into later. runc (since 1.2) refuses one that is not empty;
what is sent to "all of the container" never reaches others."""

import os

import pytest

import harness
import look
from look import CGROUPS, Proc, wait_until

TOPS = sorted(set(CGROUPS.values()))


@pytest.fixture
def shared(tag):
    """shared(sub=""): makes the cgroup /TAG-shared (and one below it) in every hierarchy and gives its path."""

    def make(sub=""):
        for top in TOPS:
            d = top / f"{tag}-shared{sub}"
            d.mkdir(parents=True, exist_ok=True)
            if top == CGROUPS.get("cpuset"):
                for p in reversed([d, *d.parents][:len(d.parts) - len(top.parts)]):
                    for name in ("cpuset.cpus", "cpuset.mems"):
                        (p / name).write_text((top / name).read_text())
        return f"/{tag}-shared{sub}"

    yield make
    for path in sorted(look.cgroups_named(tag), key=len, reverse=True):
        look.remove_cgroup(path)


@pytest.fixture
def stranger(spawn):
    """stranger(path): a process of the host's in that cgroup of every hierarchy."""

    def start(path=None):
        p = spawn("sleep", "1000")
        for top in TOPS if path else []:
            (top / path.lstrip("/") / "cgroup.procs").write_text(str(p.pid))
        return p

    return start


def unharmed(p):
    return p.poll() is None and Proc(p.pid).state() in "SR"


def still_there(path):
    return all((top / path.lstrip("/")).is_dir() for top in TOPS)


def test_used_cgroup_is_refused(box, shared, stranger):
    path = shared()
    p = stranger(path)
    box.linux["cgroupsPath"] = path
    box.sleep()
    r = box.try_create().fails(f"{path} already holds processes", f"{p.pid} (sleep) is in it", "--cgroup-parent")
    assert harness.mentions(r.err, "/linux/cgroupsPath")
    assert unharmed(p) and still_there(path) and box.id not in box.nook.state_dirs()
    box.nook("delete", "--force", box.id).silent()
    assert unharmed(p)


def test_used_below_is_refused(box, shared, stranger):
    """The cgroup of a parent: on v1 its own list of processes is empty."""
    inner = shared("/inner")
    p = stranger(inner)
    box.linux["cgroupsPath"] = inner.rsplit("/", 1)[0]
    box.sleep().try_create().fails("already holds processes", f"{p.pid} (sleep)")
    assert unharmed(p) and still_there(inner)


def test_of_another_container_is_refused(make_box, tag):
    """As two builds with one --cgroup-parent ask for it."""
    a, b = make_box(), make_box()
    for x in (a, b):
        x.linux["cgroupsPath"] = f"/{tag}-both"
        x.sleep()
    a.up()
    b.try_create().fails("already holds processes", f"{a.pid} (")
    b.nook("delete", "--force", b.id).silent()
    assert a.status == "running"
    a.stop().delete()
    b.up()  # one after the other is fine
    b.nook("delete", "--force", b.id).silent()
    assert not look.cgroups_named(tag)


@pytest.mark.parametrize("there", [False, True], ids=["new", "there before"])
def test_at_the_same_moment_at_most_one_gets_it(make_box, tag, shared, there):
    boxes = [make_box() for _ in range(4)]
    path = f"/{tag}-shared"
    for x in boxes:
        x.linux["cgroupsPath"] = path
        x.sleep().write()
    for _ in range(12):
        if there:
            shared()
        runs = [x.nook.spawn("create", "--bundle", x.dir, x.id) for x in boxes]
        results = [r.wait() for r in runs]
        got = [x for x, r in zip(boxes, results) if r.rc == 0]
        assert len(got) <= 1, results
        for r in results:
            if r.rc:
                r.fails(path)
        for x in got:
            assert x.status == "created"
            assert (look.cgroup_dir(x.pid, "pids") / "cgroup.procs").read_text().split() == [str(x.pid)]
        for x in boxes:
            x.nook("delete", "--force", x.id).silent()
        assert bool(look.cgroups_named(tag)) == there


def test_while_another_create_is_at_work_in_it(make_box, tag, tmp):
    a, b = make_box(), make_box()
    for x in (a, b):
        x.linux["cgroupsPath"] = f"/{tag}-both"
        x.sleep()
    os.mkfifo(tmp / "fifo")
    a.hook("createRuntime", harness.script(tmp / "hook", f"read x < {tmp}/fifo\n")).write()
    run = a.nook.spawn("create", "--bundle", a.dir, a.id)
    wait_until(lambda: look.cgroups_named(f"{tag}-both"))
    b.try_create().fails(f"/{tag}-both is just being taken by another container")
    (tmp / "fifo").write_text("go\n")
    assert run.wait().rc == 0 and a.status == "created"
    b.try_create().fails("already holds processes")


@pytest.fixture
def guest(box, shared):
    """A container in an empty cgroup that was there before."""
    box.cgroup = shared()
    box.linux["cgroupsPath"] = box.cgroup
    return box


def gone(box, p):
    assert unharmed(p) and still_there(box.cgroup)
    assert box.id not in box.nook.state_dirs()
    wait_until(lambda: (look.reap(), not look.descendants())[1])


@pytest.mark.parametrize("moment", ["created", "running", "stopped"])
def test_delete_force_spares_who_came_later(guest, stranger, moment):
    guest.sleep().create()
    if moment != "created":
        guest.start()
    p = stranger(guest.cgroup)
    if moment == "stopped":
        guest.stop()
    guest.nook("delete", "--force", guest.id).silent()
    gone(guest, p)


def test_plain_delete_spares_who_came_later(guest, stranger):
    guest.sleep().up()
    p = stranger(guest.cgroup)
    guest.stop().delete()
    gone(guest, p)


def test_run_spares_who_came_later(guest, stranger):
    guest.sh("echo up; read x; exit 3").write()
    r, w = os.pipe()
    run = guest.nook.spawn("run", "--bundle", guest.dir, guest.id, stdin=r)
    os.close(r)
    wait_until(lambda: "up" in run.text())
    p = stranger(guest.cgroup)
    os.close(w)
    assert run.wait().rc == 3
    gone(guest, p)


@pytest.mark.parametrize("signal", ["KILL", "TERM", "USR1"])
def test_kill_all_spares_who_came_later(guest, stranger, signal):
    """Every process of the container gets it, also one that exec brought in, and one in a PID namespace below."""
    guest.caps("CAP_SYS_ADMIN")
    guest.sh("unshare -p -f probe signals 12 & probe signals 12 & wait; wait; exec probe sleep").up()
    execd = guest.nook.spawn("exec", guest.id, "probe", "signals", "12")
    wait_until(lambda: guest.text().count("ready") == 2 and "ready" in execd.text())
    p = stranger(guest.cgroup)
    guest.nook("kill", "--all", guest.id, signal).silent()
    if signal == "KILL":
        guest.wait_status("stopped")
    else:
        number = {"TERM": 15, "USR1": 10}[signal]
        wait_until(lambda: guest.text().count(f"signal {number}") == 2 and f"signal {number}" in execd.text(), what=guest.text())
    assert unharmed(p)
    guest.nook("delete", "--force", guest.id).silent()
    execd.wait()
    gone(guest, p)


def test_kill_all_of_a_stopped_one(guest, stranger):
    guest.args("/bin/true").up().wait_status("stopped")
    p = stranger(guest.cgroup)
    guest.nook("kill", "--all", guest.id, "KILL").silent()
    assert unharmed(p)
    guest.delete()
    gone(guest, p)


def test_frozen_one_is_thawed_and_goes(guest, stranger):
    if "freezer" not in CGROUPS:
        pytest.skip("a cgroup v1 test")
    guest.sleep().up()
    p = stranger(guest.cgroup)
    (guest.cg("freezer") / "freezer.state").write_text("FROZEN")
    guest.nook("delete", "--force", guest.id, timeout=8).silent()
    wait_until(lambda: unharmed(p))
    gone(guest, p)


def test_roll_back_spares_who_came_meanwhile(guest, stranger, tmp):
    p = stranger()
    move = "\n".join(f"echo {p.pid} > {top}{guest.cgroup}/cgroup.procs" for top in TOPS)
    guest.hook("createRuntime", harness.script(tmp / "move", move + "\n")).hook("createRuntime", "/bin/false")
    guest.sleep().try_create().fails("/bin/false")
    gone(guest, p)


def test_in_a_cgroup_of_its_own_everything_goes(box, stranger, tag):
    """What create made is the container's, whoever is in it: delete --force would not get it away else."""
    path = f"/{tag}-own"
    box.linux["cgroupsPath"] = path
    box.sleep().up()
    p = stranger(path)
    box.nook("delete", "--force", box.id).silent()
    assert p.wait(5) == -9 and not look.cgroups_named(tag)


def test_without_a_pid_namespace_the_cgroup_decides(guest):
    """It was empty when the container got it, and nothing else says who belongs to the container."""
    guest.no_namespace("pid").unmount("/proc", "/sys")
    guest.linux.update(maskedPaths=[], readonlyPaths=[])
    guest.sh("probe sleep & probe daemon; exit 0").up().wait_status("stopped")
    assert look.descendants()
    guest.nook("delete", "--force", guest.id).silent()
    wait_until(lambda: (look.reap(), not look.descendants())[1])
    assert still_there(guest.cgroup)
