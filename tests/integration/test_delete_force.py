# SPDX-License-Identifier: Apache-2.0
"""delete --force in every situation of pitfall 11 (engine-contract section 6): exit 0, no word, nothing left."""

import os
import shutil
import signal
import subprocess

import pytest

import look
from look import Proc, wait_until


def force(box):
    box.nook("delete", "--force", box.id, timeout=15).silent()
    box.nothing_left()


def state_file(box):
    return os.path.join(box.nook.root, box.id, "state.json")


def test_unknown_id(nook, tag):
    """Rule 10"""
    nook("delete", "--force", f"{tag}-none").silent()
    os.makedirs(nook.root, exist_ok=True)
    nook("delete", "--force", f"{tag}-none").silent()


@pytest.mark.parametrize("id", ["../x", "a/b", "", "."])
def test_invalid_id_touches_nothing(nook, tmp, id):
    (tmp / "x").mkdir()
    os.makedirs(os.path.join(nook.root, "keep"))
    nook("delete", "--force", id)
    assert (tmp / "x").is_dir() and os.path.isdir(os.path.join(nook.root, "keep"))
    os.rmdir(os.path.join(nook.root, "keep"))


@pytest.mark.parametrize("moment", ["created", "running", "stopped"])
def test_every_status(box, moment):
    box.sleep().create()
    if moment != "created":
        box.start()
    if moment == "stopped":
        box.stop()
    force(box)


def test_twice(box):
    box.sleep().up()
    force(box)
    force(box)


@pytest.mark.parametrize("what", ["missing", "empty", "garbage", "truncated", "directory", "wrong types", "fifo", "huge", "binary"])
@pytest.mark.parametrize("moment", ["created", "running"])
def test_state_file_is_bad(box, moment, what):
    """The processes are found by the cgroup."""
    box.sleep().create()
    if moment == "running":
        box.start()
    path = state_file(box)
    text = open(path).read()
    os.unlink(path)
    if what == "directory":
        os.mkdir(path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what != "missing":
        data = {"empty": "", "garbage": "{]", "truncated": text[:len(text) // 2], "huge": "[" * 5000000, "binary": "\0" * 1000,
                "wrong types": '{"pid":"x","status":5,"bundle":[]}'}[what]
        with open(path, "w") as f:
            f.write(data)
    force(box)


def test_state_file_is_missing_and_the_cgroup_is_named_by_the_config(box, tag):
    """The copy of config.json in the state directory tells it."""
    box.linux["cgroupsPath"] = f"/{tag}-own/{box.id}"
    box.sleep().up()
    os.unlink(state_file(box))
    box.nook("delete", "--force", box.id, timeout=15).silent()
    wait_until(lambda: (look.reap(), not look.descendants())[1], what="the container to be gone")
    assert not look.cgroups_named(box.id)
    for p in look.cgroups_named(tag):
        os.rmdir(p)


@pytest.mark.parametrize("name", ["config.json", "start.sock"])
def test_other_files_of_the_state_directory_are_missing(box, name):
    box.sleep().create()
    path = os.path.join(box.nook.root, box.id, name)
    if os.path.lexists(path):
        os.unlink(path)
    force(box)


def test_everything_in_the_state_directory_is_missing(box):
    box.sleep().up()
    d = os.path.join(box.nook.root, box.id)
    for name in os.listdir(d):
        p = os.path.join(d, name)
        shutil.rmtree(p) if os.path.isdir(p) and not os.path.islink(p) else os.unlink(p)
    force(box)


def test_odd_things_in_the_state_directory(box, tmp):
    """Removed without following links."""
    box.sleep().up()
    (tmp / "precious").mkdir()
    (tmp / "precious/file").write_text("keep")
    d = os.path.join(box.nook.root, box.id)
    os.symlink(tmp / "precious", os.path.join(d, "link"))
    os.makedirs(os.path.join(d, "sub/sub"))
    os.mkfifo(os.path.join(d, "sub/fifo"))
    force(box)
    assert (tmp / "precious/file").read_text() == "keep"


def test_bundle_gone(box):
    box.sleep().up()
    shutil.rmtree(box.dir)
    force(box)


def test_root_gone(box):
    box.sleep().up()
    shutil.rmtree(box.nook.root)
    box.nook("delete", "--force", box.id).silent()
    for d in look.cgroups_named(box.id):
        look.remove_cgroup(d)  # nothing in the world says any more what belonged to it, but the default cgroup's name


def test_cgroup_gone(box):
    box.sleep().up()
    pid = box.pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for d in look.cgroups_named(box.id):
        os.rmdir(d)
    force(box)


def test_cgroup_partly_gone(box):
    box.sleep().up().stop()
    look.reap()
    os.rmdir(look.cgroups_named(box.id)[0])
    force(box)


def test_frozen(box):
    if "freezer" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    box.sleep().up()
    (box.cg("freezer") / "freezer.state").write_text("FROZEN")
    force(box)


def test_frozen_inner_cgroup(box):
    if "freezer" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    box.sh("probe sleep & exec probe sleep").up()
    d = box.cg("freezer")
    wait_until(lambda: len((d / "cgroup.procs").read_text().split()) == 2)
    (d / "in").mkdir()
    child = next(p for p in (d / "cgroup.procs").read_text().split() if p != str(box.pid))
    (d / "in/cgroup.procs").write_text(child)
    (d / "in/freezer.state").write_text("FROZEN")
    force(box)


def test_shared_pidns_processes_left_without_init(box):
    box.no_namespace("pid").unmount("/proc", "/sys")
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.sh("probe sleep & probe daemon; exit 0").up().wait_status("stopped")
    assert look.descendants()
    force(box)


def test_plain_delete_of_stopped_with_processes_left(box):
    """The same by the plain delete, which engines call after the exit."""
    box.no_namespace("pid").unmount("/proc", "/sys")
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.sh("probe sleep & probe daemon; exit 0").up().wait_status("stopped")
    box.delete()
    box.nothing_left()


def test_fork_bomb(box):
    box.resources["pids"] = {"limit": 60}
    box.args("/bin/probe", "bomb").up()
    wait_until(lambda: len((box.cg("pids") / "cgroup.procs").read_text().split()) > 20)
    force(box)


def test_fork_bomb_in_the_hosts_pidns(box):
    """No pid namespace whose end kills them all: freeze, or kill until none is left."""
    box.no_namespace("pid").unmount("/proc", "/sys")
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.resources["pids"] = {"limit": 40}
    box.args("/bin/probe", "bomb").up()
    wait_until(lambda: len((box.cg("pids") / "cgroup.procs").read_text().split()) > 10)
    force(box)


def test_processes_in_inner_cgroups(box):
    if "pids" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    box.no_namespace("pid").unmount("/proc", "/sys")
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.sh("probe sleep & exec probe sleep").up()
    d = box.cg("pids")
    wait_until(lambda: len((d / "cgroup.procs").read_text().split()) == 2)
    (d / "deep/er").mkdir(parents=True)
    for pid in (d / "cgroup.procs").read_text().split():
        (d / "deep/er/cgroup.procs").write_text(pid)
    force(box)


def test_init_is_a_zombie(box):
    box.args("/bin/true").up()
    force(box)


def test_init_moved_out_of_its_cgroup(box):
    """By hand, as delete_only_create_resources does."""
    box.sleep().up()
    for c, top in look.CGROUPS.items():
        if c in box.proc.cgroups():
            (top / "cgroup.procs").write_text(str(box.pid))
    force(box)


@pytest.mark.parametrize("init_lives", [True, False])
def test_process_from_outside_in_its_cgroups(box, init_lives):
    """It does not end with init and the PID namespace, so the cgroups have to be looked at, too."""
    box.sleep().up()
    outsider = subprocess.Popen(["sleep", "1000"])
    try:
        for c, path in Proc(box.pid).cgroups().items():
            if box.id in path:
                (look.CGROUPS[c] / path.lstrip("/") / "cgroup.procs").write_text(str(outsider.pid))
        if not init_lives:
            box.stop()
        force(box)
        assert not Proc(outsider.pid).alive()
    finally:
        outsider.kill()
        outsider.wait()


def test_init_with_a_process_that_ignores_everything(box):
    box.args("/bin/probe", "signals", "64").up()
    force(box)


def test_init_is_stopped_or_traced(box):
    box.sleep().up()
    os.kill(box.pid, signal.SIGSTOP)
    wait_until(lambda: Proc(box.pid).state() == "T")
    force(box)


def test_joined_namespaces(make_box):
    a, b = make_box(), make_box()
    a.sleep().up()
    for kind, name in (("pid", "pid"), ("network", "net"), ("ipc", "ipc")):
        b.namespace(kind, f"/proc/{a.pid}/ns/{name}")
    b.sleep().up()
    b.nook("delete", "--force", b.id).silent()
    assert Proc(a.pid).alive() and a.status == "running"
    assert b.id not in b.nook.state_dirs() and not look.cgroups_named(b.id)


def test_while_create_runs(box, tmp):
    """create hangs in a hook; delete --force of that id ends it all."""
    box.sleep().hook("createRuntime", "/bin/sleep", ["sleep", "1000"]).write()
    run = box.nook.spawn("create", "--bundle", box.dir, box.id)
    wait_until(lambda: any(in_bundle(p, box) for p in look.processes()), what="the hook to run")
    r = box.nook("delete", "--force", box.id, timeout=15)
    assert r.rc == 0, r
    for p in look.processes():
        if in_bundle(p, box):
            os.kill(p, signal.SIGKILL)
    assert run.wait().rc == 1
    box.nothing_left()


def in_bundle(pid, box):
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(box.dir) and Proc(pid).cmdline()[:1] == ["sleep"]
    except OSError:
        return False


def test_delete_of_half_made_state_directory(nook, tag):
    """A directory with the id and nothing in it: a create killed at once."""
    os.makedirs(os.path.join(nook.root, f"{tag}-half"))
    nook("delete", "--force", f"{tag}-half").silent()
    assert nook.state_dirs() == []


def test_many_at_once(make_box):
    boxes = [make_box().sleep() for _ in range(6)]
    for b in boxes:
        b.up()
    runs = [b.nook.spawn("delete", "--force", b.id) for b in boxes]
    for run in runs:
        run.wait().silent()
    for b in boxes:
        b.nothing_left()


def test_same_id_at_once(box):
    box.sleep().up()
    runs = [box.nook.spawn("delete", "--force", box.id) for _ in range(5)]
    for run in runs:
        run.wait(15).silent()
    box.nothing_left()
