# SPDX-License-Identifier: Apache-2.0
"""A host with cgroup v2 alone (tests/vm is one): limits in its units, controllers handed down, delegation, the device
program, and systemd as the tree's other user. What holds everywhere is in test_cgroups."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import harness
import look
from look import CGROUPS, wait_until

pytestmark = pytest.mark.skipif(not look.V2_ONLY, reason="not a host with cgroup v2 alone")
TOP = CGROUPS.get("", Path("/sys/fs/cgroup"))


def value(path):
    return path.read_text().strip()


def up(box, **resources):
    box.resources.update(resources)
    return box.sleep().up()


def own_cgroup():
    return TOP / look.Proc(os.getpid()).cgroups()[""].lstrip("/")


# -- limits --------------------------------------------------------------------------------------------------------------
def test_memory_in_v2_units(box):
    """The config's swap is memory and swap together; v2's is swap alone."""
    up(box, memory={"limit": 64 << 20, "reservation": 32 << 20, "swap": 80 << 20})
    d = box.cg("memory")
    assert value(d / "memory.max") == str(64 << 20)
    assert value(d / "memory.low") == str(32 << 20)
    assert value(d / "memory.swap.max") == str(16 << 20)


def test_memory_unlimited(box):
    up(box, memory={"limit": -1, "swap": -1})
    d = box.cg("memory")
    assert value(d / "memory.max") == "max" and value(d / "memory.swap.max") == "max"


@pytest.mark.parametrize("member,setting", [("kernel", 1 << 24), ("kernelTCP", 1 << 24), ("swappiness", 50), ("disableOOMKiller", True)])
def test_what_only_v1_has_is_refused_by_name(box, member, setting):
    box.resources["memory"] = {"limit": 64 << 20, member: setting}
    box.refuse(member, "cgroup v2", pointers=[f"/linux/resources/memory/{member}"])


def test_useHierarchy_holds_anyway(box):
    up(box, memory={"limit": 64 << 20, "useHierarchy": True})
    assert value(box.cg("memory") / "memory.max") == str(64 << 20)


@pytest.mark.parametrize("shares,weight", [(2, "1"), (1024, "100"), (262144, "10000")])
def test_cpu_weight(box, shares, weight):
    up(box, cpu={"shares": shares})
    assert value(box.cg("cpu") / "cpu.weight") == weight


@pytest.mark.parametrize("cpu,text", [({"quota": 20000, "period": 50000}, "20000 50000"), ({"quota": 30000}, "30000 100000"),
                                      ({"quota": -1}, "max 100000"), ({"period": 50000}, "max 50000")], ids=str)
def test_cpu_bandwidth(box, cpu, text):
    up(box, cpu=cpu)
    assert value(box.cg("cpu") / "cpu.max") == text


def test_cpu_burst_and_idle(make_box):
    a, b = make_box(), make_box()
    up(a, cpu={"quota": 20000, "period": 50000, "burst": 10000})
    assert value(a.cg("cpu") / "cpu.max.burst") == "10000"
    up(b, cpu={"idle": 1})
    assert value(b.cg("cpu") / "cpu.idle") == "1"


def test_cpu_real_time_is_refused_by_name(box):
    box.resources["cpu"] = {"realtimeRuntime": 1000, "realtimePeriod": 1000000}
    box.refuse(pointers=["/linux/resources/cpu/realtimeRuntime", "/linux/resources/cpu/realtimePeriod"])


def test_cpuset(box):
    up(box, cpu={"cpus": "0", "mems": "0"})
    assert value(box.cg("cpuset") / "cpuset.cpus") == "0" and value(box.cg("cpuset") / "cpuset.mems") == "0"
    assert box.proc.status("Cpus_allowed_list") == "0"


def test_pids_limit_zero_lets_init_in(box):
    """clone3 into the cgroup is a fork, which a limit of none would refuse."""
    up(box, pids={"limit": 0})
    assert value(box.cg("pids") / "pids.max") == "0" and value(box.cg("pids") / "pids.current") == "1"


def test_oom_of_init_is_named(box):
    """memory.events tells why it died."""
    box.resources["memory"] = {"limit": 4096}
    r = box.sleep().try_create()
    r.fails("memory")
    box.nothing_left()


# -- controllers -----------------------------------------------------------------------------------------------------------
def test_statistics_are_there_without_limits(box):
    """Engines read them: every controller that the host has comes down to the container."""
    del box.linux["resources"]
    box.sleep().up()
    d = box.cg("memory")
    for name in ("memory.current", "memory.events", "pids.current", "cpu.stat", "io.stat"):
        assert (d / name).is_file(), name
    assert value(d / "pids.current") == "1" and int(value(d / "memory.current")) > 0


def test_deep_path_hands_controllers_down(box, tag):
    box.linux["cgroupsPath"] = f"/{tag}-p/q/{box.id}"
    up(box, pids={"limit": 33})
    assert value(box.cg("pids") / "pids.max") == "33"
    assert "pids" in value(TOP / f"{tag}-p/q/cgroup.subtree_control").split()
    box.stop().delete()
    for p in sorted(look.cgroups_named(tag), key=len, reverse=True):
        os.rmdir(p)


@pytest.fixture
def busy(tag, spawn):
    """A cgroup that holds a process of the host's."""
    d = TOP / f"{tag}-busy"
    d.mkdir()
    p = spawn("sleep", "1000")
    (d / "cgroup.procs").write_text(str(p.pid))
    yield d
    p.kill()
    p.wait()
    look.remove_cgroup(d)


def test_parent_that_holds_processes(box, busy):
    """No internal processes: the error says who is in the way."""
    box.linux["cgroupsPath"] = f"/{busy.name}/{box.id}"
    box.resources["pids"] = {"limit": 5}
    box.sleep().try_create().fails("pids", busy.name, "holds processes")
    assert not list(busy.glob(box.id))
    assert value(busy / "cgroup.subtree_control") == "" and value(busy / "cgroup.type") == "domain"


def test_frozen_parent_is_refused(box, tag):
    d = TOP / f"{tag}-frozen"
    d.mkdir()
    (d / "cgroup.freeze").write_text("1")
    try:
        box.linux["cgroupsPath"] = f"/{tag}-frozen/{box.id}"
        box.sleep().try_create().fails("frozen")
        assert not (d / box.id).exists()
    finally:
        look.remove_cgroup(d)


def test_init_is_born_in_its_cgroup(box, tag):
    """The container's parent is full but for one: a process that moved there would count twice for a moment, and
    nothing of nook's own is ever in it."""
    d = TOP / f"{tag}-one"
    d.mkdir()
    subprocess.run(["sh", "-c", f"echo +pids > {TOP}/cgroup.subtree_control"], check=True)
    (d / "pids.max").write_text("1")
    box.linux["cgroupsPath"] = f"/{tag}-one/{box.id}"
    box.sleep().up()
    assert value(d / "pids.peak") == "1" if (d / "pids.peak").exists() else value(d / "pids.current") == "1"
    box.stop().delete()
    look.remove_cgroup(d)


def test_parent_that_holds_processes_without_limits(box, busy):
    """Nothing needs to be handed down: the container runs beside them."""
    box.linux["cgroupsPath"] = f"/{busy.name}/{box.id}"
    box.sleep().up()
    assert box.exec("true").rc == 0 and value(busy / "cgroup.type") == "domain"
    box.stop().delete()
    assert not list(busy.glob(box.id))


def test_default_parent_goes_with_the_last_container(make_box):
    a, b = make_box(), make_box()
    a.sleep().up()
    b.sleep().up()
    assert (TOP / "nook").is_dir()
    a.stop().delete()
    assert b.cg("pids").is_dir()
    b.stop().delete()
    assert not (TOP / "nook").exists()


# -- exec ------------------------------------------------------------------------------------------------------------------
def writable_cgroup(box):
    box.namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw", "nosuid", "noexec", "nodev"])
    return box


INNER_INIT = "cd /sys/fs/cgroup; mkdir init; echo 1 > init/cgroup.procs; echo +pids > cgroup.subtree_control; echo ready; exec probe sleep"


def test_exec_into_a_container_that_handed_controllers_down(box):
    """As systemd or an engine in the container does: its top takes no process any more, so exec goes where init is."""
    writable_cgroup(box).sh(INNER_INIT).up()
    box.wait_text("ready")
    r = box.exec("cat", "/proc/self/cgroup").ok()
    assert r.out == "0::/init\n"
    box.kill("KILL").wait_status("stopped")
    box.delete()
    box.nothing_left()


def test_exec_into_a_sub_cgroup(box):
    writable_cgroup(box).sh("mkdir /sys/fs/cgroup/leaf; echo ready; exec probe sleep").up()
    box.wait_text("ready")
    assert box.exec("cat", "/proc/self/cgroup", flags=["--cgroup", "leaf"]).ok().out == "0::/leaf\n"


def test_exec_is_under_the_limits(box):
    up(box, pids={"limit": 2})
    r = box.exec("sh", "-c", "sleep 9 & sleep 9 & wait")
    assert r.rc != 0 and "fork" in r.err, r


# -- delegation (config-linux.md, "Cgroup ownership") --------------------------------------------------------------------
def test_delegated_to_the_containers_root(box):
    writable_cgroup(box.userns())
    os.chown(box.rootfs, 100000, 100000)
    box.sleep().up()
    d = box.cg("pids")
    mine = set(Path("/sys/kernel/cgroup/delegate").read_text().split())
    assert d.stat().st_uid == 100000
    for file in d.iterdir():
        assert file.stat().st_uid == (100000 if file.name in mine else 0), file
    r = box.exec("sh", "-c", "cd /sys/fs/cgroup; mkdir a && echo $$ > a/cgroup.procs && cat /proc/self/cgroup; echo 1 > pids.max")
    assert r.out == "0::/a\n" and "ermission denied" in r.err, r


def test_not_delegated_when_read_only(box):
    box.userns().namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"])
    os.chown(box.rootfs, 100000, 100000)
    box.sleep().up()
    assert box.cg("pids").stat().st_uid == 0


@pytest.mark.parametrize("option", ["ro", "rw"])
def test_user_namespace_without_a_cgroup_namespace(box, option):
    """The kernel mounts no cgroup2 there; the host's is bound, and whose it is does not change."""
    box.userns().mount("/sys/fs/cgroup", "cgroup", "cgroup", [option, "nosuid", "noexec", "nodev"])
    os.chown(box.rootfs, 100000, 100000)
    box.sleep().up()
    assert box.cg("pids").stat().st_uid == 0
    mount = box.proc.mount("/sys/fs/cgroup")
    assert mount.fstype == "cgroup2" and {option, "nosuid", "nodev", "noexec"} <= mount.opts
    r = box.exec("sh", "-c", "cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cgroup.procs | wc -l; mkdir /sys/fs/cgroup/x")
    assert r.rc == 1 and int(r.out) >= 1, r
    assert not (TOP / "x").exists()


def test_what_the_container_made_is_removed(box):
    writable_cgroup(box).sh("mkdir -p /sys/fs/cgroup/a/b/c; echo ready; exec probe sleep").up()
    box.wait_text("ready")
    d = box.cg("pids")
    assert (d / "a/b/c").is_dir()
    box.stop().delete()
    assert not d.exists()


# -- kill ------------------------------------------------------------------------------------------------------------------
CHAIN = "f() { (sleep 0.01; f) & }; f; f; f; echo ready; exec probe sleep"


def test_cgroup_kill_ends_a_fork_chain(box):
    """Without a PID namespace, and frozen besides."""
    box.no_namespace("pid").sh(CHAIN).up()
    box.wait_text("ready")
    (box.cg("pids") / "cgroup.freeze").write_text("1")
    begin = time.monotonic()
    box.delete("--force")
    assert time.monotonic() - begin < 2 * look.SCALE
    box.nothing_left()


def test_kill_all_reaches_inner_cgroups(box):
    writable_cgroup(box).no_namespace("pid").sh("mkdir /sys/fs/cgroup/a; sleep 1000 & echo $! > /sys/fs/cgroup/a/cgroup.procs; echo ready; exec probe sleep").up()
    box.wait_text("ready")
    box.kill("--all", "KILL")
    wait_until(lambda: "populated 0" in (TOP / f"nook/{box.id}/cgroup.events").read_text(), what="an empty cgroup")
    box.delete()


# -- devices ---------------------------------------------------------------------------------------------------------------
def with_mknod(box, *rules):
    box.caps("CAP_MKNOD")
    box.process["noNewPrivileges"] = False
    box.resources["devices"] = [{"allow": False, "access": "rwm"}, *rules]
    return box


def test_device_program_default_deny(box):
    out = with_mknod(box).sees("mknod /tmp/disk b 254 0 && probe open r /tmp/disk; mknod /tmp/kmsg c 1 11 && probe open r /tmp/kmsg; "
                               "probe open w /dev/null")
    assert out.split() == ["1", "1", "0"]


FUSE = {"type": "c", "major": 10, "minor": 229}


def test_device_program_access_bits(box):
    out = with_mknod(box, {"allow": True, **FUSE, "access": "r"}).sees("mknod /tmp/f c 10 229; probe open r /tmp/f; probe open w /tmp/f")
    assert out.split() == ["0", "1"]


def test_device_program_wildcards(box):
    rules = [{"allow": True, "type": "c", "major": 10, "access": "rw"}, {"allow": False, **FUSE, "access": "w"}]
    out = with_mknod(box, *rules).sees("mknod /tmp/f c 10 229; probe open r /tmp/f; probe open w /tmp/f; mknod /tmp/disk b 254 0; probe open r /tmp/disk")
    assert out.split() == ["0", "1", "1"]


def test_device_program_holds_for_exec(box):
    with_mknod(box).sleep().up()
    r = box.exec("sh", "-c", "mknod /tmp/kmsg c 1 11 && probe open r /tmp/kmsg").ok()
    assert r.out == "1\n"


# -- systemd ---------------------------------------------------------------------------------------------------------------
def has_systemd():
    return os.path.isdir("/run/systemd/system") and shutil.which("systemd-run")


def systemd_works(*args):
    subprocess.run(["systemd-run", "--quiet", "--wait", "--collect", *args, "true"], check=True, timeout=60 * look.SCALE)
    subprocess.run(["systemctl", "daemon-reload"], check=True, timeout=60 * look.SCALE)


def test_limits_survive_systemd(box):
    """systemd is the tree's other user: what it starts and reloads must not take a controller from under a container."""
    if not has_systemd():
        pytest.skip("no systemd here")
    up(box, cpu={"cpus": "0", "shares": 512}, memory={"limit": 64 << 20}, pids={"limit": 40}, hugepageLimits=[{"pageSize": "2MB", "limit": 4 << 20}])
    systemd_works()
    systemd_works("-p", "MemoryMax=100M", "-p", "AllowedCPUs=0")
    d = box.cg("pids")
    assert (value(d / "cpuset.cpus"), value(d / "cpu.weight") != "100", value(d / "memory.max"), value(d / "pids.max")) == \
        ("0", True, str(64 << 20), "40")
    assert value(d / "hugetlb.2MB.max") == str(4 << 20)
    assert box.exec("true").rc == 0


def test_systemd_manager_is_refused_by_name(box):
    box.write()
    box.nook.globals = ["--systemd-cgroup"]
    box.nook("create", "--bundle", box.dir, box.id).fails("systemd", "cgroupfs")
    box.nook.globals = []
    box.nothing_left()


def test_auto_picks_oci_without_a_word(box):
    box.nook.globals = ["--isolation=auto"]
    r = box.sh("echo yes").run()
    assert (r.rc, r.out, r.err) == (0, "yes\n", ""), r


def test_check_finds_nothing_missing(box):
    box.resources.update(pids={"limit": 9}, memory={"limit": 1 << 26}, cpu={"shares": 100, "cpus": "0"})
    box.namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro"])
    box.write()
    r = box.nook("check", "--bundle", box.dir, "--format=json").ok()
    assert [line for line in r.json()["lines"] if line["verdict"] != "works"] == []
    assert harness.mentions(r.out, "/linux/resources") or "/linux/resources" in r.out
