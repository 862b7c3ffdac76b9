# SPDX-License-Identifier: Apache-2.0
"""Bundle, lifecycle, state and operations: spec-checklist sections 1 to 4."""

import json
import os
import signal
import stat
import time
from datetime import datetime, timezone

import pytest

import look
from look import Proc, wait_until

STATE_KEYS = {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"}


# -- section 1 ---------------------------------------------------------------------------------------------------------
def test_bnd1_no_config(box):
    box.config = None
    r = box.refuse("config.json")
    assert "JSON specification file config.json not found" in r.err


def test_bnd1_no_bundle_directory(box, nook):
    nook("create", "--bundle", box.dir / "nowhere", box.id).fails()
    box.nothing_left()


def test_bnd2_bundle_may_be_renamed_before_create(box):
    moved = box.dir.with_name("moved")
    os.rename(box.dir, moved)
    box.dir, box.rootfs = moved, moved / "rootfs"
    assert box.sees("echo here") == "here\n"


@pytest.mark.parametrize("data", [
    b'{"ociVersion":"1.3.0","hostname":"\xff\xfe"}', b'{"ociVersion":"1.3.0","ociVersion":"1.3.0"}', b"", b"[]", b"{",
    b'{"ociVersion":"1.3.0"} x', b"null", b'"x"',
], ids=["bad-utf8", "duplicate", "empty", "array", "cut", "trailing", "null", "string"])
def test_gen1_config_is_one_json_object(box, data):
    box.write(data)
    box.config = None
    box.refuse()


def test_gen1_duplicate_name_deep_inside(box):
    text = json.dumps(box.config).replace('"cwd": "/"', '"cwd": "/", "cwd": "/tmp"')
    assert text.count('"cwd"') == 2
    box.write(text)
    box.config = None
    box.refuse("cwd")


@pytest.mark.parametrize("version", ["1.0.0", "1.0.0-rc5", "1.0.2-dev", "1.1.0+dev", "1.2.1", "1.3.0"])
def test_gen3_older_versions_are_accepted(box, version):
    box.config["ociVersion"] = version
    assert box.sees("echo yes") == "yes\n"


def add_unknown(node):
    if isinstance(node, dict):
        for value in list(node.values()):
            add_unknown(value)
        node["org.example.unknown"] = 1
    elif isinstance(node, list):
        for value in node:
            add_unknown(value)


def test_gen4_unknown_members_everywhere_are_ignored(box):
    box.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                            "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO", "args": [
                                {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]}
    box.sleep().hook("poststop", "/bin/true")
    add_unknown(box.config)
    box.up()
    assert box.status == "running"
    box.stop().delete()


def test_gen7_failed_create_leaves_nothing_after_side_effects(box):
    """The last mount fails, when cgroup, namespaces and other mounts exist already."""
    box.mount("/mnt", "no_such_filesystem", "none")
    box.refuse("no_such_filesystem", pointers=["/mounts/6"])


def test_gen10_other_platforms_have_no_effect(box):
    box.config.update(windows={"layerFolders": ["x"]}, solaris={"milestone": "x"}, vm={"kernel": {"path": "/k"}},
                      zos={"namespaces": []}, freebsd={"jail": {}})
    box.process.update(commandLine="evil.exe")
    box.process["user"]["username"] = "nobody"
    assert box.sees("id -u") == "0\n"


# -- section 2 ---------------------------------------------------------------------------------------------------------
def test_lif2_program_not_run_by_create(box):
    box.sh("touch /ran; exec probe sleep").create()
    assert not (box.rootfs / "ran").exists()
    assert box.status == "created"
    box.start()
    wait_until(lambda: (box.rootfs / "ran").exists())


def test_lif3_config_edits_have_no_effect(box):
    box.sh("echo $WHO; exec probe sleep").env("WHO=first").create()
    box.env("WHO=second").args("/bin/false").write()
    box.start().wait_text("first")
    os.unlink(box.dir / "config.json")
    assert box.status == "running"
    box.stop().delete()


def test_lif3_bundle_gone_after_create(box):
    box.sleep().up()
    os.rename(box.dir, box.dir.with_name("elsewhere"))
    box.stop().delete()


def test_lif9_delete_undoes_create(box):
    box.sleep().up().stop().delete()
    box.nothing_left(patience=0)
    box.nook("state", box.id).fails("container does not exist")


@pytest.mark.parametrize("script,code", [("exit 0", 0), ("exit 7", 7), ("kill -SEGV $$; sleep 9", None)])
def test_lif11_process_ends_by_itself(box, script, code):
    box.sh(f"sh -c '{script}'; exit $?" if code is None else script).up().wait_status("stopped")
    assert box.state()["pid"] == 0
    box.delete()


def test_lif11_killed_from_outside(box):
    box.sleep().up()
    os.kill(box.pid, signal.SIGKILL)
    box.wait_status("stopped").delete()


# -- section 3 ---------------------------------------------------------------------------------------------------------
def test_state_of_every_moment(box, tmp):
    pidfile = tmp / "pid"
    box.config["annotations"] = {"org.example.a": "1", "empty": ""}
    before = datetime.now(timezone.utc)
    box.sleep().create("--pid-file", pidfile)
    created = box.state()
    assert set(created) == STATE_KEYS
    assert created["ociVersion"].split(".")[0] == "1"
    assert created["id"] == box.id and created["status"] == "created"
    assert created["pid"] == int(pidfile.read_text()) and Proc(created["pid"]).alive()
    assert created["bundle"] == str(box.dir) and created["rootfs"] == str(box.rootfs)
    assert created["annotations"] == {"org.example.a": "1", "empty": ""}
    moment = datetime.fromisoformat(created["created"].replace("Z", "+00:00")[:26].rstrip("+0:") + "+00:00")
    assert abs((moment - before).total_seconds()) < 20 and created["created"].endswith("Z")
    box.start()
    running = box.state()
    assert running == {**created, "status": "running"}
    box.stop()
    stopped = box.state()
    assert stopped == {**created, "status": "stopped", "pid": 0}
    box.delete()


def open_writer(fifo):
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # fails until there is a reader
    except OSError:
        return None


def test_st3_creating_while_create_runs(box, tmp):
    """A createRuntime hook holds create up: state says creating (design section 4), not created."""
    gate = tmp / "gate"
    os.mkfifo(gate)
    box.sleep().hook("createRuntime", args=["sh", "-c", f"cat {gate} >/dev/null"]).write()
    running = box.nook.spawn("create", "--bundle", box.dir, box.id)
    try:
        fd = wait_until(lambda: open_writer(gate), what="the hook to run")
        state = box.state()
        assert state["status"] == "creating"
        assert box.nook("start", box.id).rc == 1
        os.close(fd)
    finally:
        running.wait().silent()
    assert box.status == "created"


def test_st6_relative_bundle(box, tmp):
    box.sleep().write()
    box.nook("create", "--bundle", box.dir.name, box.id, cwd=tmp).silent()
    assert box.state()["bundle"] == str(box.dir)


def test_st6_bundle_defaults_to_cwd(box):
    box.sleep().write()
    box.nook("create", box.id, cwd=box.dir).silent()
    assert box.state()["bundle"] == str(box.dir)


def test_st7_no_annotations(box):
    box.sleep().create()
    assert box.state().get("annotations") in (None, {})


def test_state_of_stopped_is_stable(box):
    box.args("/bin/true").up().wait_status("stopped")
    first = box.nook("state", box.id).ok().raw
    box.nook("kill", box.id, "TERM").fails("container not running")
    assert box.nook("state", box.id).ok().raw == first


def test_zombie_counts_as_stopped(box):
    """This process is the parent of init and has not waited for it."""
    box.args("/bin/true").up()
    pid = box.state()["pid"]
    if pid:
        wait_until(lambda: Proc(pid).state() == "Z")
    assert box.status == "stopped"
    box.delete()


# -- section 4 ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["state", "create", "start", "kill", "delete", "run", "exec"])
def test_no_id(nook, verb):
    nook(verb).fails(rc=255 if verb == "exec" else 1)


@pytest.mark.parametrize("verb", [["state"], ["start"], ["kill"], ["delete"], ["exec", "true"]])
def test_unknown_id(nook, tag, verb):
    args = [verb[0], f"{tag}-none", *verb[1:]]
    nook(*args).fails("container does not exist", rc=255 if verb[0] == "exec" else 1)


BAD_IDS = ["", ".", "..", "../x", "a/b", "/", "/abs", "a b", "a\nb", "x" * 300, "ä", "a:b", "a*", "a\tb", "a;b", "a$b"]


@pytest.mark.parametrize("id", BAD_IDS, ids=repr)
@pytest.mark.parametrize("verb", ["create", "run"])
def test_op4_invalid_id(box, id, verb):
    box.write()
    before = {str(p) for p in box.dir.parent.rglob("*")} if verb == "create" else None
    box.nook(verb, "--bundle", box.dir, id).fails()
    assert box.nook.state_dirs() == []
    if before:
        after = {str(p) for p in box.dir.parent.rglob("*")}
        assert {p for p in after - before if not p.startswith(box.nook.root)} == set()
    box.nothing_left()


@pytest.mark.parametrize("id", ["-x", ".hidden"])
def test_op4_id_with_odd_first_character(box, id):
    """security.md 2.26: [A-Za-z0-9_+-] first; a leading dash comes after --."""
    box.write()
    r = box.nook("create", "--bundle", box.dir, "--", id)
    if id.startswith("."):
        r.fails()
        assert box.nook.state_dirs() == []
    else:
        assert r.rc in (0, 1), r
        box.nook("delete", "--force", "--", id).ok()


@pytest.mark.parametrize("suffix", ["_", "+", ".x", "-", "A0"])
def test_op4_valid_id(make_box, suffix):
    box = make_box("v" + suffix)
    assert box.args("/bin/true").run().rc == 0


def test_op4_longest_id(make_box, tag):
    box = make_box("x" * (255 - len(tag) - 1))
    assert len(box.id) == 255
    r = box.sleep().try_create()
    if r.rc == 0:  # fits: then the whole life must work
        box.start().stop().delete()
    else:
        r.fails()
    box.nothing_left()


def test_op4_duplicate_id_leaves_the_first_alone(box):
    box.sleep().up()
    before = box.state()
    box.nook("create", "--bundle", box.dir, box.id).fails("already exists")
    box.nook("run", "--bundle", box.dir, box.id).fails("already exists")
    assert box.state() == before and Proc(before["pid"]).alive()


def test_op5_environment_is_complete_after_create(box):
    box.args("/bin/probe", "sleep").create()
    p = box.proc
    assert {m.target for m in p.mounts()} >= {"/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/sys"}
    assert p.root("/proc/sys/kernel/hostname").read_text().strip() != ""
    assert all(p.ns(n) != Proc(os.getpid()).ns(n) for n in ("mnt", "uts", "ipc", "net", "pid"))


def test_op9_start_twice(box):
    box.sleep().up()
    before = box.state()
    box.nook("start", box.id).fails("cannot start an already running container")
    assert box.state() == before


def test_op9_start_stopped(box):
    box.args("/bin/true").up().wait_status("stopped")
    box.nook("start", box.id).fails("cannot start a container that has stopped")


def test_op10_create_without_process(box):
    del box.config["process"]
    box.create()
    assert box.status == "created"
    box.nook("start", box.id).fails()


def test_op11_kill_reaches_the_process(box):
    box.args("/bin/probe", "signals", "12").up().wait_text("ready")
    box.kill("10").wait_text("signal 10")
    box.kill("USR2").wait_text("signal 12").wait_status("stopped")


def test_op12_kill_stopped(box):
    box.args("/bin/true").up().wait_status("stopped")
    before = box.state()
    box.nook("kill", box.id, "KILL").fails("container not running")
    assert box.state() == before


def test_op12_kill_created(box):
    box.sleep().create().stop().delete()


def test_op14_delete_of_created_is_refused(box):
    """Design section 4: as the spec says, not as runc does."""
    box.sleep().create()
    before = box.state()
    box.nook("delete", box.id).fails("created")
    assert box.state() == before and Proc(before["pid"]).alive()
    box.start()


def test_op14_delete_of_running_is_refused(box):
    box.sleep().up()
    before = box.state()
    box.nook("delete", box.id).fails(f"cannot delete container {box.id} that is not stopped: running")
    assert box.state() == before and Proc(before["pid"]).alive()


def test_op16_foreign_cgroup_survives_delete(box, tag):
    """A cgroup that was there before is not removed (delete_only_create_resources of the suite)."""
    name = f"{tag}-foreign"
    dirs = [top / name for top in set(look.CGROUPS.values())]
    for d in dirs:
        d.mkdir()
    try:
        box.linux["cgroupsPath"] = f"/{name}/{box.id}"
        box.sleep().up()
        assert box.cg("pids") == look.CGROUPS.get("pids", look.CGROUPS.get("")) / name / box.id
        box.stop().delete()
        assert all(d.is_dir() for d in dirs)
        assert not [d for d in dirs if (d / box.id).exists()]
    finally:
        for d in dirs:
            look.remove_cgroup(d)


def test_op16_premade_own_cgroup_survives_delete(box, tag):
    name = f"{tag}-premade"
    top = look.CGROUPS.get("pids", look.CGROUPS.get(""))
    (top / name).mkdir()
    try:
        box.linux["cgroupsPath"] = f"/{name}"
        box.sleep().up().stop().delete()
        assert (top / name).is_dir()
    finally:
        look.remove_cgroup(top / name)


def test_op16_joined_netns_survives_delete(box, tmp, host_mount):
    other = tmp / "netns"
    other.touch()
    pid = os.fork()
    if pid == 0:
        look.unshare(0x40000000)
        signal.pause()
    try:
        wait_until(lambda: Proc(pid).ns("net") != Proc(os.getpid()).ns("net"))
        host_mount(f"/proc/{pid}/ns/net", other, None, look.MS_BIND)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    inode = os.stat(other).st_ino
    box.namespace("network", other).sleep().up()
    assert os.stat(box.proc.dir / "ns/net").st_ino == inode
    box.stop().delete()
    assert os.stat(other).st_ino == inode


def test_op17_id_is_reusable(box):
    for _ in range(3):
        box.args("/bin/true").up().wait_status("stopped").delete()


# -- FD, SYM ----------------------------------------------------------------------------------------------------------
def test_sym1_links_in_dev(box):
    out = box.sees("cd /dev; for l in fd stdin stdout stderr ptmx core; do echo $l $(readlink $l); done")
    links = dict(line.split(" ", 1) for line in out.splitlines() if " " in line)
    assert links["fd"] == "/proc/self/fd"
    assert [links[n] for n in ("stdin", "stdout", "stderr")] == [f"/proc/self/fd/{n}" for n in range(3)]
    assert links["ptmx"] == "pts/ptmx"


def test_sym1_no_proc_no_links(box):
    """The source does not exist after the mounts: the links are not required and must not hinder."""
    box.unmount("/proc")
    del box.linux["maskedPaths"], box.linux["readonlyPaths"]
    assert box.sees("echo yes") == "yes\n"


def test_create_holds_no_helper_and_no_stderr(box, tmp):
    """Rule 5: after create only init is left, a child of the subreaper, and nobody else holds the caller's pipes."""
    box.sleep().write()
    r, w = os.pipe()
    run = box.nook.spawn("create", "--bundle", box.dir, box.id, stderr=w, stdout=w)
    run.wait()
    os.close(w)
    pid = box.pid
    assert look.descendants() == [pid]
    assert Proc(pid).stat()[1] == str(os.getpid()), "init must be the subreaper's child"
    box.start().stop()
    look.reap()
    assert os.read(r, 100) == b""  # EOF: nobody else has it
    os.close(r)


def test_exit_code_reaches_the_subreaper(box):
    box.sh("exit 42").create()
    pid = box.pid
    box.start()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 42


def test_pid_in_foreign_pidns_parent(box):
    """ST-5: the pid is the runtime's view, not the container's."""
    box.sleep().up()
    assert box.proc.status("NSpid").split()[0] == str(box.pid)
    assert box.proc.status("NSpid").split()[-1] == "1"


def test_state_and_list_are_fast_on_a_frozen_moment(box):
    """No verb waits without limit: state, list and kill of a created container return at once."""
    box.sleep().create()
    begin = time.monotonic()
    box.state()
    box.nook("list").ok()
    assert time.monotonic() - begin < 2 * look.SCALE


def test_state_dir_is_private(box):
    box.sleep().create()
    mode = stat.S_IMODE(os.stat(os.path.join(box.nook.root, box.id)).st_mode)
    assert mode & 0o066 == 0, oct(mode)
    assert stat.S_IMODE(os.stat(box.nook.root).st_mode) & 0o066 == 0
