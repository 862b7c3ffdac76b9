# SPDX-License-Identifier: Apache-2.0
"""Bundles of podman and buildah in the places that the chroot isolation is for (place.py), from create to delete; and what each
level of isolation says where it cannot do what was asked."""

import hashlib
import json
import os
import re
import signal
import stat

import pytest

import engine_bundle
import look

INNER = ["C", "F", "A+userns"]
# The fields of podman's default bundle that no such place can give: refused, or with a warning left out.
REFUSED = {"/linux/sysctl/net.ipv4.ping_group_range", "/linux/resources/pids", "/linux/cgroupsPath"}


def in_places(*levels):
    return pytest.mark.parametrize("place", levels, indirect=True)


def bundles(*names):
    return pytest.mark.parametrize("engine_box", names or list(engine_bundle.VARIANTS), indirect=True)


def isolate(box, isolation, policy="warn"):
    box.nook.globals = [f"--isolation={isolation}", f"--chroot-policy={policy}"]
    return box


def writable(box, name):
    """A file, or the name of one to be, that the place can write."""
    folder = box.dir.parent / "out"
    folder.mkdir(exist_ok=True)
    box.nook.place.give(folder)
    return folder / name


def report_path(box):
    return writable(box, "report.json")


def codes(report):
    return {lost["code"] for lost in report["lost"]}


# ---------------------------------------------------------------------------------------------- run

LOOK_AROUND = """
[ "$(id -u):$(id -g)" = 0:0 ] || echo "ids: $(id)"
[ -x /bin/probe ] && [ ! -e /work ] && [ ! -e /lib ] || echo "not in the root"
for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo "no $d"; done
echo x >/dev/null || echo "null"
[ "$(head -c 4 /dev/zero | wc -c)" = 4 ] || echo "zero"
touch /dev/shm/nkt-$$ && rm /dev/shm/nkt-$$ || echo "shm"
[ -e /dev/pts/ptmx ] || echo "pts"
[ -r /proc/self/status ] || echo "proc"
mount -t tmpfs t /mnt 2>/dev/null && echo "may mount"
mkdir /sys/fs/cgroup/nkt 2>/dev/null && echo "cgroups are writable"
for f in sys/kernel/msgmax sysrq-trigger irq/default_smp_affinity; do
    [ ! -e /proc/$f ] || ! (: >>/proc/$f) 2>/dev/null || echo "$f is writable"
done
[ -z "$(cat /proc/keys /proc/timer_list /proc/kcore 2>/dev/null | head -c 1)" ] || echo "no masks"
[ "$(hostname)" = "$(cat /etc/hostname)" ] || [ "$SHARED" ] || echo "hostname $(hostname)"
echo "args: $*"
exit 3
"""


@in_places(*INNER, "A")
@bundles()
@pytest.mark.parametrize("isolation", ["chroot", "auto"])
def test_run(engine_box, place, isolation):
    box = isolate(engine_box, isolation)
    box.process["args"] = ["/bin/sh", "-c", LOOK_AROUND, "sh", "one", "two words"]
    if "uts" not in [n["type"] for n in box.linux["namespaces"]]:
        box.process["env"].append("SHARED=1")
    result = box.run("--report", report_path(box))
    assert (result.rc, result.out) == (3, "args: one two words\n"), result
    report = json.loads(report_path(box).read_text())
    assert report["level"] == "chroot" and report["asked"] == isolation
    if isolation == "chroot":
        assert result.err == "" and report["ociUnmet"] == []
    else:
        assert result.err.count("\n") == 1 and "warning: chroot isolation instead of oci: " in result.err, result
        assert report["ociUnmet"] and report["ociUnmet"][0]["needs"] in result.err, result
        for code in codes(report):
            assert code in result.err, (code, result)
    assert box.nook.state_dirs() == [] and not place.left()


@in_places("C", "A")
@bundles("podman-shared")
def test_the_isolation_by_environment(engine_box, place):
    box = engine_box.sh("echo here")
    box.nook.env = {"NOOK_ISOLATION": "chroot"}
    assert box.run().ok().out == "here\n"
    assert not place.left()


# ---------------------------------------------------------------------------------------------- create to delete

@in_places(*INNER, "A")
@pytest.mark.parametrize("engine_box, isolation", [
    ("podman", "chroot"), ("podman", "auto"), ("podman-pod", "auto"), ("podman-shared", "chroot"), ("podman-readonly", "chroot"),
    ("buildah", "chroot"), ("buildah-rootless", "auto")], indirect=["engine_box"])
def test_from_create_to_delete(engine_box, place, isolation):
    box = isolate(engine_box, isolation).sh("echo up; exec /bin/probe sleep")
    pid_file = writable(box, "pid")
    box.create("--pid-file", pid_file)
    box.nook.globals = []  # the rest knows it from the state
    state = box.state()
    assert state["status"] == "created" and state["isolation"]["level"] == "chroot"
    assert state["isolation"]["asked"] == isolation and state["isolation"]["rootEntry"] == "pivot_root"
    with open(pid_file) as f:
        assert f.read() == str(state["pid"])
    assert int(look.Proc(place.host_pid(state["pid"])).stat()[1]) == place.init, "no child of the caller's subreaper"
    box.start().wait_text("up")
    assert box.status == "running"

    result = box.exec("/bin/sh", "-c", "id -u; ls -d /bin/probe; cat /etc/hostname; echo; echo no >&2; exit 4")
    assert result.rc == 4 and result.err == "no\n", result
    assert result.lines()[:2] == ["0", "/bin/probe"] and len(result.lines()[2]) == 12
    box.nook("kill", box.id, "0").silent()
    assert box.status == "running"

    box.kill("KILL").wait_status("stopped")
    assert os.waitstatus_to_exitcode(place.wait(state["pid"])) == -signal.SIGKILL
    box.delete()
    box.nothing_left()


@in_places(*INNER)
@bundles("podman-shared")
@pytest.mark.parametrize("ending, status", [("exit 7", 7), ("trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done", 9),
                                            ("kill -USR1 $$; sleep 10", -signal.SIGUSR1)], ids=["exit", "trap", "signal"])
def test_the_adopter_sees_the_end(engine_box, place, ending, status):
    """What conmon reports is the status of the pid that create gave it."""
    if status < 0:
        engine_box.no_namespace("pid")  # as PID 1 it would ignore its own signal
    box = isolate(engine_box, "chroot").sh(ending).create()
    pid = box.state()["pid"]
    box.start()
    if "trap" in ending:
        box.wait_text("up").kill("TERM")
    assert os.waitstatus_to_exitcode(place.wait(pid)) == status
    box.wait_status("stopped").delete()
    box.nothing_left()


@in_places(*INNER, "A", "E")
@bundles("podman-shared")
def test_delete_force(engine_box, place):
    """With what has put itself out of init's way."""
    box = isolate(engine_box, "bare" if place.level == "E" else "chroot")
    if place.level == "E":
        # the shell wants one for what it runs in the background
        os.mknod(box.rootfs / "dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    box.sh("setsid sleep 1000 & (sleep 1000 & exec sleep 1000) & echo up; exec /bin/probe sleep").up().wait_text("up")
    look.wait_until(lambda: len(place.left()) >= 4, what="the processes")
    box.delete("--force")
    box.nothing_left()


# ---------------------------------------------------------------------------------------------- strict

@in_places(*INNER, "A")
@bundles("podman")
@pytest.mark.parametrize("isolation", ["chroot", "auto"])
def test_strict_refuses_and_names(engine_box, place, isolation):
    box = isolate(engine_box, isolation, "strict").sh("echo no")
    result = box.refuse("chroot isolation cannot apply this here", "--chroot-policy=warn", pointers=REFUSED)
    assert re.search(r"and 2 more \(nook check lists them\)", result.err), result
    assert not place.left()

    check = box.nook("check", "--bundle", box.dir, "--format", "json")
    assert check.rc == 1 and check.err == "", check
    lines = check.json()["lines"]
    assert {line["field"] for line in lines if line["verdict"] == "refused"} == REFUSED
    assert all(line["code"] and line["reason"] and line["mitigation"] for line in lines if line["verdict"] == "refused")
    text = box.nook("check", "--bundle", box.dir)
    assert text.rc == 1 and all(f"refused  {field}" in text.out for field in REFUSED), text
    box.nothing_left()


@in_places(*INNER, "A")
@bundles("podman-shared", "buildah", "buildah-rootless")
def test_strict_runs_what_one_asks_for_in_a_pod(engine_box, place):
    box = isolate(engine_box, "chroot", "strict").sh("echo here")
    check = box.write().nook("check", "--bundle", box.dir, "--format", "json").ok().json()
    assert not check["refused"] and check["isolation"] == "chroot"
    assert box.run().ok().out == "here\n"
    assert not place.left()


@in_places(*INNER)
@bundles("podman-pod")
def test_check_says_why_oci_cannot(engine_box):
    box = isolate(engine_box, "oci").write()
    check = box.nook("check", "--bundle", box.dir, "--format", "json")
    assert check.rc == 1, check
    refused = {line["field"]: line for line in check.json()["lines"] if line["verdict"] == "refused"}
    proc = [i for i, m in enumerate(box.config["mounts"]) if m["type"] == "proc"][0]
    assert refused[f"/mounts/{proc}"]["reason"] == "proc-too-revealing"
    assert "unmask" in refused[f"/mounts/{proc}"]["mitigation"]


# ---------------------------------------------------------------------------------------------- chroot(2) only

@in_places("E")
@bundles()
def test_bare_where_nothing_else_works(engine_box, place):
    box = isolate(engine_box, "bare").sh("id -u; ls -d /bin/probe /work /lib 2>/dev/null; grep CapBnd /proc/self/status; exit 3")
    result = box.run("--report", report_path(box))
    assert (result.rc, result.lines()) == (3, ["0", "/bin/probe"]), result
    report = json.loads(report_path(box).read_text())
    assert report["level"] == "bare" and report["rootEntry"] == "chroot"
    assert {"ns.mount.shared", "ns.pid.shared", "root.chroot", "capabilities.no-chroot"} <= codes(report)
    assert box.nook.state_dirs() == [] and not place.left()


@in_places("E")
@bundles("podman-shared")
def test_bare_from_create_to_delete(engine_box, place):
    box = isolate(engine_box, "bare").sh("echo up; exec /bin/probe sleep").create()
    box.nook.globals = []
    pid = box.state()["pid"]
    box.start().wait_text("up")
    assert box.status == "running" and box.state()["isolation"]["level"] == "bare"
    payload = [p for p in place.left() if look.Proc(p).cmdline() == ["/bin/probe", "sleep"]]
    assert len(payload) == 1
    for name in ("CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(look.Proc(payload[0]).status(name), 16) & 1 << 18 == 0, f"CAP_SYS_CHROOT in {name}"
    assert box.exec("/bin/sh", "-c", "ls -d /bin/probe /work; exit 4").rc == 4
    box.kill("KILL").wait_status("stopped")
    assert os.waitstatus_to_exitcode(place.wait(pid)) == -signal.SIGKILL
    box.delete()
    box.nothing_left()


@in_places("E")
@bundles("podman", "podman-shared", "buildah")
def test_auto_never_picks_bare(engine_box, place):
    box = isolate(engine_box, "auto").sh("echo no")
    box.refuse("neither oci nor chroot isolation is possible here", "mount namespaces are refused", "seccomp", "--isolation=bare")
    check = box.nook("check", "--bundle", box.dir, "--format", "json")
    assert check.rc == 1 and check.json()["isolation"] == "none" and check.json()["refused"], check
    assert not place.left()


@in_places("E")
@bundles("podman-shared")
def test_chroot_says_what_is_missing(engine_box, place):
    isolate(engine_box, "chroot").sh("echo no").refuse("namespace", "Operation not permitted")
    assert not place.left()


@in_places("E")
@bundles("podman")
def test_bare_is_strict_too(engine_box):
    isolate(engine_box, "bare", "strict").sh("echo no").refuse("bare isolation cannot apply this here")


# ---------------------------------------------------------------------------------------------- outside

@in_places("open")
@bundles()
def test_auto_is_oci_outside(engine_box):
    box = isolate(engine_box, "auto", "strict").sh("cat /proc/1/comm; exit 3")
    result = box.run("--report", report_path(box))
    assert (result.rc, result.err) == (3, ""), result
    assert "pid" not in [n["type"] for n in box.linux["namespaces"]] or result.out == "sh\n"
    report = json.loads(report_path(box).read_text())
    assert report["level"] == "oci" and report["lost"] == report["ociUnmet"] == []


# ---------------------------------------------------------------------------------------------- the bundle

def snapshot(top):
    """Everything that can be seen of a tree."""
    found = {}
    for base, dirs, files in os.walk(top):
        for name in [base, *(os.path.join(base, n) for n in dirs + files)]:
            s = os.lstat(name)
            content = None
            if stat.S_ISREG(s.st_mode):
                with open(name, "rb") as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            elif stat.S_ISLNK(s.st_mode):
                content = os.readlink(name)
            found[os.path.relpath(name, top)] = (s.st_mode, s.st_uid, s.st_gid, s.st_nlink, s.st_size, s.st_mtime_ns, content)
    return found


def once(box):
    """From create to delete, without writing config.json."""
    box.nook("create", "--bundle", box.dir, box.id).silent()
    box.start().wait_status("stopped").delete()


@in_places(*INNER, "A", "E")
@bundles("podman", "podman-readonly", "buildah")
def test_only_mount_points_are_made_in_a_bundle(engine_box, place):
    box = isolate(engine_box, "bare" if place.level == "E" else "chroot").sh("exit 0").write()
    before = snapshot(box.dir)
    once(box)
    after = snapshot(box.dir)
    wanted = {"rootfs" + m["destination"] for m in box.config["mounts"] if m["type"] == "bind"}
    assert {name for name in after if name not in before} <= wanted
    assert [name for name in before if name not in after] == []
    # Of what was there, only directories that got an entry have changed.
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {os.path.dirname(name) for name in wanted}
    if place.level == "E":
        assert before == after
    once(box)
    assert snapshot(box.dir) == after


@in_places(*INNER)
@bundles("podman", "podman-readonly", "buildah-rootless")
def test_a_read_only_bundle_runs_twice(engine_box, place):
    box = isolate(engine_box, "chroot").sh("echo here; exit 3")
    assert box.run().rc == 3  # makes the mount points
    before = snapshot(box.dir)
    place.run("mount", "--bind", box.dir, box.dir).ok()
    place.run("mount", "-o", "remount,bind,ro", box.dir).ok()
    assert place.run("touch", box.dir / "x").rc != 0
    for _ in range(2):
        result = box.nook("run", "--bundle", box.dir, box.id)
        assert (result.rc, result.out) == (3, "here\n"), result
        once(box)
    assert snapshot(box.dir) == before
    box.nothing_left()
