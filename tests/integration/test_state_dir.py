# SPDX-License-Identifier: Apache-2.0
"""The state directory: entries left by a crash or reboot, foreign directories, atomic claims: engine-contract section 3,
security.md 2.26, 2.27. The names of nook's own fields are found by their values, not known here."""

import json
import os
import signal
import stat

import pytest

import look
from look import Proc, wait_until

BOOT_ID = open("/proc/sys/kernel/random/boot_id").read().strip()


def path_of(box):
    return os.path.join(box.nook.root, box.id, "state.json")


def change(box, old, new):
    """Replaces a value anywhere in state.json; it must have been there."""
    with open(path_of(box)) as f:
        state = json.load(f)
    hits = 0

    def walk(node):
        nonlocal hits
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(value, (dict, list)):
                walk(value)
            elif value == old or str(value) == str(old):
                node[key] = new if isinstance(value, str) is isinstance(new, str) else type(value)(new)
                hits += 1

    walk(state)
    assert hits, f"{old} is not in {state}"
    with open(path_of(box), "w") as f:
        json.dump(state, f)


def start_time(pid):
    return int(Proc(pid).stat()[19])


def test_boot_id_and_start_time_are_recorded(box):
    box.sleep().up()
    text = open(path_of(box)).read()
    assert BOOT_ID in text.replace("\\/", "/") and str(start_time(box.pid)) in text


@pytest.fixture
def rebooted(box):
    """The container's entry as after a reboot; its process is not its own any more (it still runs, as a stranger)."""
    box.sleep().up()
    box.old_pid = box.pid
    change(box, BOOT_ID, "11111111-2222-3333-4444-555555555555")
    yield box
    if Proc(box.old_pid).alive():
        os.kill(box.old_pid, signal.SIGKILL)


@pytest.fixture
def reused(box):
    """The entry of a dead container whose pid belongs to somebody else now."""
    box.sleep().up()
    box.old_pid = box.pid
    change(box, start_time(box.old_pid), start_time(box.old_pid) + 12345)
    yield box
    if Proc(box.old_pid).alive():
        os.kill(box.old_pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["rebooted", "reused"])
def test_dead_entry_is_stopped_and_harmless(request, kind):
    box = request.getfixturevalue(kind)
    assert box.status == "stopped" and box.state()["pid"] == 0
    box.nook("kill", box.id, "KILL").fails("container not running")
    assert Proc(box.old_pid).alive(), "a stranger's process was killed"
    box.exec("true").fails(rc=255)
    box.nook("start", box.id).fails()
    rows = {e["id"]: e for e in box.nook("list", "--format", "json").ok().json()}
    assert rows[box.id]["status"] == "stopped"


@pytest.mark.parametrize("kind", ["rebooted", "reused"])
def test_dead_entry_is_deleted(request, kind):
    box = request.getfixturevalue(kind)
    os.kill(box.old_pid, signal.SIGKILL)
    os.waitpid(box.old_pid, 0)
    box.delete()
    box.nothing_left()


def test_dead_entry_is_reclaimed_by_create(rebooted):
    """Proved dead and reclaimed, and said so (in the log, at warning)."""
    os.kill(rebooted.old_pid, signal.SIGKILL)
    os.waitpid(rebooted.old_pid, 0)
    log = rebooted.nook.tmp / "log"
    rebooted.nook.globals = ["--log-level", "warning", "--log", str(log), "--log-format", "json"]
    r = rebooted.try_create()
    if r.rc:
        r.fails("already exists")  # not reclaimed by itself: then delete must do it
        rebooted.nook("delete", rebooted.id).ok()
        r = rebooted.try_create()
    else:
        assert rebooted.id in log.read_text(), "said so"
    assert r.rc == 0, r
    assert rebooted.status == "created"


def test_half_made_entry_is_reclaimed_or_refused_clearly(box):
    """mkdir happened, the create died."""
    os.makedirs(os.path.join(box.nook.root, box.id))
    r = box.sleep().try_create()
    if r.rc:
        r.fails("already exists")
        box.nook("delete", "--force", box.id).silent()
        box.create()


def test_stopped_entry_is_never_reclaimed(box):
    """A container of this boot that has only stopped still belongs to its engine."""
    box.args("/bin/true").up().wait_status("stopped")
    box.nook("create", "--bundle", box.dir, box.id).fails("already exists")
    assert box.status == "stopped"


@pytest.mark.parametrize("kind", ["runc", "crun", "empty", "file", "link", "hidden"])
def test_foreign_entries_are_skipped(box, kind, tmp):
    """Roots are shared between runtimes in practice."""
    root = box.nook.root
    os.makedirs(os.path.join(root, "foreign") if kind != "hidden" else os.path.join(root, ".empty-directory"))
    d = os.path.join(root, "foreign")
    if kind == "runc":
        open(os.path.join(d, "state.json"), "w").write('{"id":"foreign","init_process_pid":1,"init_process_start":5,"created":"2026-01-01T00:00:00Z","config":{}}')
        os.mkfifo(os.path.join(d, "exec.fifo"))
    elif kind == "crun":
        open(os.path.join(d, "status"), "w").write('{"pid":1,"process-start-time":5,"bundle":"/x","rootfs":"/y"}')
    elif kind == "file":
        os.rmdir(d)
        open(d, "w").close()
    elif kind == "link":
        os.rmdir(d)
        os.symlink(tmp, d)
    box.sleep().up()
    assert box.nook("list", "-q").ok().out == box.id + "\n"
    rows = box.nook("list", "--format", "json").ok().json()
    assert [e["id"] for e in rows] == [box.id]
    if kind in ("runc", "crun"):
        box.nook("state", "foreign").fails()
        before = sorted(os.listdir(d))
        box.nook("kill", "foreign", "TERM").fails()
        box.nook("create", "--bundle", box.dir, "foreign").fails()
        assert sorted(os.listdir(d)) == before
        for name in before:
            os.unlink(os.path.join(d, name))
        os.rmdir(d)
    elif kind in ("file", "link"):
        os.unlink(d)


def test_claim_is_atomic(box):
    """Eight creates of the same id at once: one wins, the others say that it exists, and the winner's is whole."""
    box.sleep().write()
    runs = [box.nook.spawn("create", "--bundle", box.dir, box.id) for _ in range(8)]
    results = [r.wait() for r in runs]
    assert sorted(r.rc for r in results) == [0] + [1] * 7
    for r in results:
        if r.rc:
            assert "already exists" in r.err and r.err.count("\n") == 1, r
    assert box.status == "created"
    box.start()
    assert look.descendants() == [box.pid]


def test_create_and_delete_race(box):
    """State of every loser is clean afterwards."""
    box.args("/bin/true").write()
    for _ in range(10):
        run = box.nook.spawn("run", "--bundle", box.dir, box.id)
        box.nook("delete", "--force", box.id)
        run.wait()
        box.nook("delete", "--force", box.id).silent()
    box.nothing_left()


def test_modes(box):
    box.sleep().up()
    d = os.path.join(box.nook.root, box.id)
    assert stat.S_IMODE(os.stat(path_of(box)).st_mode) & 0o077 == 0
    for base, dirs, files in os.walk(d):
        for name in dirs + files:
            s = os.lstat(os.path.join(base, name))
            assert s.st_uid == 0 and (stat.S_ISLNK(s.st_mode) or not s.st_mode & 0o022), name


def test_no_temporaries(box):
    box.sleep().up()
    names = os.listdir(os.path.join(box.nook.root, box.id))
    assert not [n for n in names if "tmp" in n or n.endswith("~")], names


def test_umask_of_the_caller_does_not_matter(box):
    box.sleep().up(preexec=lambda: os.umask(0))
    assert stat.S_IMODE(os.stat(path_of(box)).st_mode) & 0o077 == 0
    box.stop().delete()


def test_strict_umask(box):
    box.sleep().up(preexec=lambda: os.umask(0o777))
    assert box.status == "running"
    assert box.exec("ls", "/dev/null").rc == 0


def test_config_copy_serves_delete(box, tmp):
    """Hooks of a container whose bundle is gone still run."""
    import shutil
    box.sleep().hook("poststop", "/bin/touch", ["touch", str(tmp / "ran")]).up()
    shutil.rmtree(box.dir)
    box.stop()
    box.nook("delete", box.id).silent()
    assert (tmp / "ran").exists()


def test_state_of_a_long_root(box, tmp):
    """sun_path has 108 bytes: a deep root still works, or is refused at once."""
    box.nook.root = str(tmp / ("d" * 100) / ("e" * 60))
    r = box.sleep().try_create()
    if r.rc:
        r.fails()
    else:
        box.start()
        assert box.status == "running"
        box.stop().delete()
    box.nothing_left()


def test_start_of_a_container_whose_init_died(box):
    """start never hangs on a dead init."""
    box.sleep().create()
    pid = box.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Proc(pid).alive())
    box.nook("start", box.id, timeout=5).fails("stopped")


def test_two_starts_at_once(box):
    box.sleep().create()
    runs = [box.nook.spawn("start", box.id) for _ in range(5)]
    codes = sorted(r.wait().rc for r in runs)
    assert codes == [0, 1, 1, 1, 1]
    assert box.status == "running"
