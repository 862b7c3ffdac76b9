# SPDX-License-Identifier: Apache-2.0
"""cgroups through cgroupfs on v1, hybrid and v2: spec-checklist section 10. Values are read from the host."""

import os

import pytest

import harness
import look
from look import CGROUPS, Proc, wait_until

V1 = [c for c in CGROUPS if c]


def need(controller):
    if not look.has_controller(controller):
        pytest.skip(f"this host has no {controller} controller")


def v1(controller):
    if controller not in CGROUPS:
        pytest.skip(f"the {controller} controller is not on cgroup v1 here")


def value(path):
    return path.read_text().strip()


def up(box, **resources):
    box.resources.update(resources)
    return box.sleep().up()


# -- paths -------------------------------------------------------------------------------------------------------------
def test_cg1_absolute_path_in_every_hierarchy(box, tag):
    box.linux["cgroupsPath"] = f"/{tag}-p/inner/{box.id}"
    box.sleep().up()
    paths = box.proc.cgroups()
    for c, top in CGROUPS.items():
        if c in paths and c != "name=systemd":
            assert paths[c] == f"/{tag}-p/inner/{box.id}", c
            assert str(box.pid) in (top / paths[c].lstrip("/") / "cgroup.procs").read_text().split()
    box.stop().delete()
    for p in sorted(look.cgroups_named(tag), key=len, reverse=True):
        os.rmdir(p)  # parents may stay: they are no longer ours to judge, but must be empty


def test_cg2_relative_path_is_stable(make_box, tag):
    a = make_box()
    seen = []
    for _ in range(2):
        a.linux["cgroupsPath"] = f"{tag}-rel/x"
        a.sleep().up()
        seen.append(a.proc.cgroups()["pids" if "pids" in CGROUPS else ""])
        a.stop().delete()
    assert seen[0] == seen[1] and seen[0].endswith(f"/{tag}-rel/x") or seen[0].endswith(f"{tag}-rel/x")
    for p in sorted(look.cgroups_named(tag), key=len, reverse=True):
        os.rmdir(p)


def test_cg3_default_path(box):
    box.sleep().up()
    path = box.proc.cgroups()["pids" if "pids" in CGROUPS else ""]
    assert path == (f"/nook/{box.id}" if look.V2_ONLY else f"/nook-{box.id}")
    assert Proc(os.getpid()).cgroups() != box.proc.cgroups()


def test_cg3_every_hierarchy_is_left(box):
    """Init is in none of the caller's own cgroups where a controller is (conmon reads them)."""
    box.sleep().up()
    mine, theirs = Proc(os.getpid()).cgroups(), box.proc.cgroups()
    for c in V1:
        if c != "name=systemd":
            assert theirs[c] != mine[c], c


def test_cgroup_is_there_when_create_returns_and_until_delete(box):
    box.sleep().create()
    d = box.cg("pids")
    assert str(box.pid) in (d / "cgroup.procs").read_text().split()
    box.start().stop()
    assert d.is_dir(), "pitfall 7: conmon reads it after the end"
    box.delete()
    assert not d.exists()


def test_children_of_init_are_in_it(box):
    box.sh("sleep 1000 & exec sleep 1000").up()
    d = box.cg("pids")
    wait_until(lambda: len((d / "cgroup.procs").read_text().split()) == 2)


def test_cg8_cg9_no_chown(box):
    box.userns().namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw"])
    box.sleep().up()
    if "pids" in CGROUPS:
        assert os.stat(box.cg("pids")).st_uid == 0


def test_cg6_frozen_cgroup_is_refused_or_thawed(box, tag):
    """A leftover frozen cgroup never makes create hang."""
    v1("freezer")
    d = CGROUPS["freezer"] / f"{tag}-frozen"
    d.mkdir()
    (d / "freezer.state").write_text("FROZEN")
    try:
        box.linux["cgroupsPath"] = f"/{tag}-frozen"
        r = box.sleep().try_create()
        if r.rc == 0:
            box.start()
            assert box.status == "running"
            box.stop().delete("--force")
        else:
            r.fails()
    finally:
        look.remove_cgroup(d)


def test_missing_pieces_of_a_shared_parent(make_box, tag):
    """Two containers below one parent: deleting one leaves the other and the parent."""
    a, b = make_box(), make_box()
    for x in (a, b):
        x.linux["cgroupsPath"] = f"/{tag}-parent/{x.id}"
        x.sleep().up()
    a.stop().delete()
    assert b.cg("pids").is_dir() and Proc(b.pid).alive()
    b.stop().delete()
    for p in sorted(look.cgroups_named(tag), key=len, reverse=True):
        os.rmdir(p)


def test_cgroup_manager_disabled(box):
    """podman --cgroups=disabled: init stays in the caller's cgroups."""
    box.nook.globals = ["--cgroup-manager", "disabled"]
    box.linux.pop("resources", None)
    box.sleep().up()
    assert box.proc.cgroups() == Proc(os.getpid()).cgroups()
    box.stop().delete()


def test_inner_cgroups_of_the_container_are_removed(box):
    """Rule: delete removes what the container made below its cgroup."""
    box.sleep().up()
    made = []
    for c in V1:
        inner = box.cg(c) / "inner/deeper"
        if c != "name=systemd" and box.id in str(inner):
            inner.mkdir(parents=True)
            made.append(inner)
    box.stop().delete()
    assert not [p for p in made if p.exists()]


# -- pids --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("limit,text", [(7, "7"), (-1, "max"), (0, "0")])
def test_pid1_limit(box, limit, text):
    need("pids")
    if limit == 0:
        box.resources["pids"] = {"limit": 0}
        r = box.sleep().try_create()
        if r.rc == 0:
            assert value(box.cg("pids") / "pids.max") == "0"
        return
    up(box, pids={"limit": limit})
    got = value(box.cg("pids") / "pids.max")
    assert got == text


def test_pid1_limit_works(box):
    need("pids")
    up(box, pids={"limit": 4})
    r = box.exec("sh", "-c", "sleep 9 & sleep 9 & sleep 9 & sleep 9 & wait")
    assert r.rc != 0 and "fork" in r.err


# -- memory ------------------------------------------------------------------------------------------------------------
def test_mem1_to_mem3(box):
    v1("memory")
    up(box, memory={"limit": 64 << 20, "reservation": 32 << 20, "swap": 128 << 20})
    d = box.cg("memory")
    assert value(d / "memory.limit_in_bytes") == str(64 << 20)
    assert value(d / "memory.soft_limit_in_bytes") == str(32 << 20)
    if (d / "memory.memsw.limit_in_bytes").exists():
        assert value(d / "memory.memsw.limit_in_bytes") == str(128 << 20)


@pytest.mark.parametrize("member,setting,file,text", [("swappiness", 50, "memory.swappiness", "50"), ("useHierarchy", True, "memory.use_hierarchy", "1"),
                                                      ("disableOOMKiller", True, "memory.oom_control", "oom_kill_disable 1"),
                                                      ("kernelTCP", 64 << 20, "memory.kmem.tcp.limit_in_bytes", str(64 << 20)),
                                                      ("checkBeforeUpdate", True, "memory.limit_in_bytes", str(64 << 20))])
def test_mem4_to_mem8_applied_or_refused_by_name(box, member, setting, file, text):
    v1("memory")
    box.resources["memory"] = {"limit": 64 << 20, member: setting}
    r = box.sleep().try_create()
    if r.rc:
        assert harness.mentions(r.err, f"/linux/resources/memory/{member}"), r
        box.nothing_left()
    else:
        assert text in value(box.cg("memory") / file)


def test_mem1_unlimited(box):
    v1("memory")
    up(box, memory={"limit": -1, "swap": -1})
    assert int(value(box.cg("memory") / "memory.limit_in_bytes")) > 1 << 50


def test_mem3_swap_alone_with_limit_equal(box):
    v1("memory")
    up(box, memory={"limit": 32 << 20, "swap": 32 << 20})
    assert value(box.cg("memory") / "memory.memsw.limit_in_bytes") == str(32 << 20)


def test_mem4_kernel_is_tolerated_or_refused_by_name(box):
    v1("memory")
    box.resources["memory"] = {"kernel": 64 << 20}
    r = box.sleep().try_create()
    if r.rc:
        assert harness.mentions(r.err, "/linux/resources/memory/kernel"), r
        box.nothing_left()


def test_memory_limit_kills(box):
    need("memory")
    box.resources["memory"] = {"limit": 8 << 20, "swap": 8 << 20}
    r = box.sh("x=$(head -c 50000000 /dev/zero | tr '\\0' x); echo ${#x}").run()
    assert r.rc != 0 and "50000000" not in r.out


def test_smallest_memory_limit_is_small(box):
    """crun starts in 320 KiB, runc in 4 MiB: 1 MiB must do."""
    need("memory")
    box.resources["memory"] = {"limit": 1 << 20}
    assert box.args("/bin/probe", "fds").run().rc == 0


# -- cpu, cpuset ---------------------------------------------------------------------------------------------------------
def test_cpu1_cpu2(box):
    v1("cpu")
    up(box, cpu={"shares": 512, "quota": 20000, "period": 50000})
    d = box.cg("cpu")
    assert (value(d / "cpu.shares"), value(d / "cpu.cfs_quota_us"), value(d / "cpu.cfs_period_us")) == ("512", "20000", "50000")


def test_cpu2_quota_without_period_and_none(box):
    v1("cpu")
    up(box, cpu={"quota": -1})
    assert value(box.cg("cpu") / "cpu.cfs_quota_us") == "-1"


def test_cpu2_small_quota_large_period(box):
    """Order of the two writes: quota 1000 with period 1000000."""
    v1("cpu")
    up(box, cpu={"quota": 1000, "period": 1000000})
    assert value(box.cg("cpu") / "cpu.cfs_period_us") == "1000000" and value(box.cg("cpu") / "cpu.cfs_quota_us") == "1000"


def test_cpu3_burst(box):
    v1("cpu")
    box.resources["cpu"] = {"quota": 20000, "period": 50000, "burst": 10000}
    r = box.sleep().try_create()
    if r.rc:
        assert "/linux/resources/cpu" in r.err, r
    else:
        assert value(box.cg("cpu") / "cpu.cfs_burst_us") == "10000"


def test_cpu4_realtime(box):
    """Applied, or refused by name (a kernel without RT group scheduling)."""
    v1("cpu")
    box.resources["cpu"] = {"realtimeRuntime": 1000, "realtimePeriod": 1000000}
    r = box.sleep().try_create()
    if r.rc:
        assert "/linux/resources/cpu" in r.err, r
        box.nothing_left()
    else:
        assert value(box.cg("cpu") / "cpu.rt_runtime_us") == "1000"


def test_cpu6_idle(box):
    v1("cpu")
    box.resources["cpu"] = {"idle": 1}
    r = box.sleep().try_create()
    if r.rc:
        assert "/linux/resources/cpu" in r.err, r
    else:
        assert value(box.cg("cpu") / "cpu.idle") == "1"


def test_cpu5_cpuset(box):
    v1("cpuset")
    up(box, cpu={"cpus": "0", "mems": "0"})
    assert box.proc.status("Cpus_allowed_list") == "0"
    assert value(box.cg("cpuset") / "cpuset.cpus") == "0"


def test_cpu5_cpuset_unset_inherits_the_parents(box, tag):
    """A new v1 cpuset is empty and takes no process: all levels are filled."""
    v1("cpuset")
    box.linux["cgroupsPath"] = f"/{tag}-set/a/b"
    box.sleep().up()
    assert value(box.cg("cpuset") / "cpuset.cpus") == value(CGROUPS["cpuset"] / "cpuset.cpus")
    box.stop().delete()
    for p in sorted(look.cgroups_named(tag), key=len, reverse=True):
        os.rmdir(p)


def test_cpu_shares_zero_is_unset(box):
    v1("cpu")
    up(box, cpu={"shares": 0})
    assert box.status == "running"


# -- hugetlb -------------------------------------------------------------------------------------------------------------
def test_ht1_ht2(box):
    need("hugetlb")
    up(box, hugepageLimits=[{"pageSize": "2MB", "limit": 4 << 20}])
    d = box.cg("hugetlb")
    if "hugetlb" in CGROUPS:
        assert value(d / "hugetlb.2MB.limit_in_bytes") == str(4 << 20)
        assert value(d / "hugetlb.2MB.rsvd.limit_in_bytes") == str(4 << 20)
    else:
        assert value(d / "hugetlb.2MB.max") == str(4 << 20) and value(d / "hugetlb.2MB.rsvd.max") == str(4 << 20)


def test_ht_hybrid_unified_hierarchy_is_cleaned(box):
    if not ("" in CGROUPS and V1):
        pytest.skip("not a hybrid host")
    up(box, hugepageLimits=[{"pageSize": "2MB", "limit": 0}])
    d = box.cg("hugetlb")
    assert box.id in str(d)
    box.stop().delete()
    assert not d.exists()


# -- devices -------------------------------------------------------------------------------------------------------------
def test_cd1_order_of_the_list(box):
    """Deny all, the config's rules in their order, then the defaults."""
    v1("devices")
    mine = [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}, {"allow": True, "type": "b", "major": 8, "minor": 0, "access": "rw"},
            {"allow": True, "type": "c", "major": 10, "minor": 200, "access": "r"}]
    up(box, devices=[{"allow": False, "access": "rwm"}, *mine])
    lines = value(box.cg("devices") / "devices.list").splitlines()
    assert lines[:3] == ["c 10:229 rwm", "b 8:0 rw", "c 10:200 r"]
    for default in ("c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 136:* rwm", "c 5:2 rwm"):
        assert default in lines, lines
    assert "a *:* rwm" not in lines


def test_cd2_wildcards(box):
    v1("devices")
    up(box, devices=[{"allow": False}, {"allow": True, "type": "c", "major": 10, "access": "rw"}, {"allow": True, "type": "b", "access": "m"}])
    lines = value(box.cg("devices") / "devices.list").splitlines()
    assert "c 10:* rw" in lines and "b *:* m" in lines


def test_cd1_later_rule_wins(box):
    need("devices") if not look.V2_ONLY else None
    box.caps("CAP_MKNOD")
    box.process["noNewPrivileges"] = False
    box.resources["devices"] = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
                                {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "w"}]
    out = box.sees("mknod /tmp/f c 10 229 && chmod 666 /tmp/f; probe open r /tmp/f; probe open w /tmp/f")
    assert out.split() == ["0", "1"]


def test_cd_allow_all(box):
    box.resources["devices"] = [{"allow": True, "access": "rwm"}]
    box.sleep().up()
    if "devices" in CGROUPS:
        assert value(box.cg("devices") / "devices.list") == "a *:* rwm"


def test_cd_no_rules_at_all(box):
    """Without a list: still no access to what is not listed (runc's default deny), or at least no failure."""
    del box.linux["resources"]
    assert box.sees("echo x > /dev/null && echo fine") == "fine\n"


# -- exec, kill, other fields ----------------------------------------------------------------------------------------------
def test_exec_joins_every_cgroup(box):
    up(box, pids={"limit": 50})
    r = box.exec("cat", "/proc/self/cgroup").ok()
    inside = dict(line.split(":", 2)[1:] for line in r.lines())
    assert inside == box.proc.cgroups()


def test_no_cgroup_needed_and_none_writable(box):
    """No resources asked: go on without cgroups when they cannot be made (read-only cgroupfs)."""
    del box.linux["resources"]
    box.sh("echo yes").write()
    box.nook.prefix = ["unshare", "-m", "sh", "-c", 'for m in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,ro $m 2>/dev/null; done; exec "$@"', "sh"]
    r = box.run()
    assert (r.rc, r.out) == (0, "yes\n"), r
    box.nook.prefix = []
    box.nothing_left()


def test_cgroup_needed_and_none_writable(box):
    need("pids")
    box.resources["pids"] = {"limit": 5}
    box.args("/bin/true").write()
    box.nook.prefix = ["unshare", "-m", "sh", "-c", 'for m in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,ro $m 2>/dev/null; done; exec "$@"', "sh"]
    box.nook("create", "--bundle", box.dir, box.id).fails("cgroup")
    box.nook.prefix = []
    box.nothing_left()


def test_no_cgroupfs_mounted(box):
    del box.linux["resources"]
    box.sh("echo yes").write()
    box.nook.prefix = ["unshare", "-m", "sh", "-c", 'umount -R /sys/fs/cgroup; exec "$@"', "sh"]
    r = box.run()
    assert (r.rc, r.out) == (0, "yes\n"), r
    box.nook.prefix = []
    box.nothing_left()


def test_failure_after_the_cgroup_is_made_removes_it(box):
    """The pids limit is fine, the memory value is refused by the kernel."""
    need("memory")
    box.resources["pids"] = {"limit": 5}
    box.resources["cpu"] = {"cpus": "4095"}
    box.refuse(pointers=["/linux/resources/cpu/cpus"])
