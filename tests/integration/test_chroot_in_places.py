# SPDX-License-Identifier: Apache-2.0
"""The chroot isolation's behaviours that only show where an outer engine has masked and locked things (place.py): CH-3, CH-15 to
CH-18, CH-28, CH-31, CH-32, CR-5, D-2, D-8 of chroot-isolation.md. test_chroot_places.py has whole lives of containers in there."""

import os
import signal

import pytest

import look
from look import Proc
from weaker import below, check_locked, lost, visible, write_fails

LEVELS = ["C", "F", "A"]
MASKED_DIRECTORIES = ["/proc/acpi", "/sys/firmware"]
MASKED_FILES = ["/proc/keys", "/proc/kcore", "/proc/timer_list"]


def in_places(*levels):
    return pytest.mark.parametrize("place", levels or LEVELS, indirect=True)


@pytest.fixture
def cbox(placed_box):
    """The default bundle, masks and all, as far as such places allow it."""
    placed_box.nook.globals = ["--isolation=chroot"]
    placed_box.linux["resources"] = {}
    return placed_box


def outer(place):
    return [m for m in visible(look.mounts(place.init)) if m.target.startswith(("/proc/", "/sys/"))]


@in_places()
def test_ch_16_ch_17_ch_18_the_outer_trees_with_all_that_is_on_them(cbox, place):
    """Nothing of what the engine has masked comes to light, and all is read-only whether it was outside or not."""
    cbox.linux.update(maskedPaths=[], readonlyPaths=[])
    cbox.sleep().create()
    inner = {(m.target, m.fstype, m.root) for m in cbox.proc.mounts()}
    want = {(m.target, m.fstype, m.root) for m in outer(place)}
    assert want and want <= inner, want - inner
    for top in ("/proc", "/sys"):
        assert {"ro", "nosuid", "nodev", "noexec"} <= cbox.proc.mount(top).opts
        for m in visible(below(cbox.proc.mounts(), top)):
            assert "ro" in m.opts, m
    for path in ("/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness"):
        assert write_fails(cbox.proc.root(path)) == "EROFS"
    assert write_fails(cbox.proc.root("/sys/fs/cgroup")) == "EROFS"


@in_places()
def test_ch_31_ch_32_ch_28_what_is_masked_or_read_only_already_stays(cbox, place):
    """No second mount on any of them."""
    existing = [p for p in MASKED_DIRECTORIES + MASKED_FILES if p in {m.target for m in outer(place)}]
    assert existing
    cbox.linux.update(maskedPaths=MASKED_DIRECTORIES + MASKED_FILES, readonlyPaths=["/proc/bus", "/proc/sys", "/proc/irq"])
    cbox.sleep().create()
    points = [m.target for m in cbox.proc.mounts()]
    assert {p: points.count(p) for p in existing} == dict.fromkeys(existing, 1)
    assert points.count("/proc/sys") == 1 and points.count("/proc/bus") == 1
    for path in existing:
        if path in MASKED_FILES:  # the engine's /dev/null, on a mount that is nodev now, as all of /proc
            with pytest.raises(PermissionError):
                cbox.proc.root(path).read_bytes()
            assert os.stat(cbox.proc.root(path)).st_rdev == os.makedev(1, 3)
        else:
            assert os.listdir(cbox.proc.root(path)) == [] and write_fails(cbox.proc.root(path)) == "EROFS"


@in_places()
def test_ch_29_what_the_place_does_not_mask_can_be(cbox, place):
    cbox.linux["maskedPaths"] = ["/proc/driver", "/proc/cpuinfo", "/sys/kernel"]
    cbox.sleep().create()
    assert os.listdir(cbox.proc.root("/proc/driver")) == os.listdir(cbox.proc.root("/sys/kernel")) == []
    assert cbox.proc.root("/proc/cpuinfo").read_bytes() == b""


@in_places()
def test_ch_15_d_8_an_own_dev_of_outer_nodes(cbox, place):
    cbox.sh("echo x > /dev/null && head -c 3 /dev/zero | wc -c; exec probe sleep").up().wait_text("3\n")
    assert cbox.proc.mount("/dev").fstype == "tmpfs"
    assert os.stat(cbox.proc.root("/dev/null")).st_rdev == os.makedev(1, 3)
    assert write_fails(cbox.proc.root("/dev/shm")) is None


@in_places()
def test_ch_15_d_8_the_whole_outer_dev(cbox, place):
    cbox.nook.globals += ["--chroot-dev=host"]
    cbox.sh("echo x > /dev/null && head -c 3 /dev/zero | wc -c; exec probe sleep").up().wait_text("3\n")
    dev = cbox.proc.mount("/dev")
    assert dev.fstype == "devtmpfs" and {"ro", "nosuid", "noexec"} <= dev.opts
    assert write_fails(cbox.proc.root("/dev")) == "EROFS"
    assert cbox.proc.mount("/dev/shm").dev != look.Proc(place.init).mount("/dev/shm").dev
    assert write_fails(cbox.proc.root("/dev/shm")) is None and os.listdir(cbox.proc.root("/dev/pts")) == ["ptmx"]


@in_places("C", "F")
def test_d_2_readonly_binds_of_locked_mounts(cbox, place, tmp):
    """/sys is nosuid, nodev, noexec, ro in there and so are its mounts, locked: a remount that forgot one would fail."""
    cbox.mount("/mnt", "bind", "/sys/fs/cgroup", ["rbind", "ro"]).sleep().create()
    assert check_locked(cbox.proc, "/mnt", ["ro"])


@in_places("C", "F")
def test_ch_27_a_locked_flag_cannot_be_asked_away(cbox, place):
    cbox.mount("/mnt", "bind", "/sys/fs/cgroup", ["rbind", "rw"]).sleep()
    cbox.try_create().fails("ro", "/mounts/6")


# -- ids ------------------------------------------------------------------------------------------------------------------------
def id_maps(box):
    """In the terms of nook, which is what the container's own namespace is made from: as the host reads them they are nested."""
    return [box.proc.text(name).split() for name in ("uid_map", "gid_map")]


@in_places("A")
def test_ch_3_without_cap_sys_admin_a_user_namespace_is_added(cbox, place):
    """Every id stays what it is."""
    cbox.sleep().create()
    assert cbox.proc.ns("user") != Proc(place.init).ns("user")
    assert id_maps(cbox) == [["0", "0", "4294967295"]] * 2
    assert ("ns.user.added", "/linux/namespaces") in lost(cbox)


@in_places("C", "F")
def test_ch_3_none_is_added_where_it_is_not_needed(cbox, place):
    cbox.sleep().create()
    assert cbox.proc.ns("user") == Proc(place.init).ns("user")


@in_places("F")
@pytest.mark.parametrize("half", ["both", "uidMappings", "gidMappings"])
def test_ch_3_ids_that_do_not_exist_cannot_be_mapped(cbox, place, half):
    """Refused by strict. With warn the one id that there is takes their place, and also fills a half that is missing."""
    for name in ["uidMappings", "gidMappings"] if half == "both" else [half]:
        cbox.linux[name] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    cbox.sleep()
    cbox.try_create().fails("id-maps.changed")
    cbox.nook.globals += ["--chroot-policy=warn"]
    cbox.create()
    assert id_maps(cbox) == [["0", "1000", "1"]] * 2
    assert cbox.proc.ns("user") != Proc(place.init).ns("user")


@in_places("F")
def test_ch_3_a_process_whose_id_does_not_exist(cbox, place):
    cbox.process["user"] = {"uid": 1000, "gid": 1000}
    cbox.sleep().try_create().fails("user.unmapped", "/process/user/uid")
    cbox.nook.globals += ["--chroot-policy=warn"]
    cbox.create()
    assert {("user.unmapped", "/process/user/uid"), ("user.unmapped", "/process/user/gid")} <= set(lost(cbox))
    assert cbox.proc.status("Uid").split() == ["1000"] * 4, "root in there, which is 1000 outside"
    cbox.start()
    result = cbox.exec("id", "-u").ok()
    assert result.out == "0\n", result
    assert cbox.exec("id", "-u", flags=("--user", "1000:1000")).ok().out == "0\n", "engines name the config's user"
    cbox.exec("id", "-u", flags=("--user", "1001:1001")).fails("1001", rc=255)


@in_places("F", "C")
def test_cr_5_groups_in_a_place(cbox, place):
    """Level C has the right to set them, F not."""
    cbox.process["user"]["additionalGids"] = [27]
    cbox.sleep().up()
    inside = cbox.proc.status("Groups").split()
    if place.level == "C":
        assert inside == ["100027"] and not [c for c, _ in lost(cbox) if c.startswith("user.groups")]
    else:
        assert inside == [] and ("user.groups.not-set", "/process/user/additionalGids") in lost(cbox)


@in_places()
def test_cr_2_d_10_no_secret_in_a_place(cbox, place):
    """The payload sees all processes of the place."""
    cbox.sh("echo ready; while :; do cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep NKT_SECRET; done")
    cbox.no_namespace("pid")
    cbox.up(env={"NKT_SECRET": "1"}).wait_text("ready")
    for _ in range(3):
        cbox.exec("true").ok()
    assert "NKT_SECRET" not in cbox.text()


@in_places()
@pytest.mark.parametrize("how", ["pid namespace", "supervisor"])
def test_cr_2_d_10_init_has_no_environment_of_the_callers(cbox, place, how):
    """While it waits for `start`; the host's root reads what the payload may not."""
    if how == "supervisor":
        cbox.no_namespace("pid")
    cbox.sleep().create(env={"NKT_SECRET": "1"})
    seen = [p for p in place.members() if b"nook" in (Proc(p).dir / "cmdline").read_bytes()]
    assert seen
    for pid in seen:
        assert b"NKT_SECRET" not in (Proc(pid).dir / "environ").read_bytes()


@in_places()
def test_d_9_a_read_only_bundle_runs_twice_in_a_place(cbox, place):
    cbox.sh("cat /etc/passwd | wc -l").write()
    before = sorted((str(p), os.lstat(p).st_ctime_ns) for p in cbox.dir.rglob("*"))
    cbox.config = None
    for _ in range(2):
        assert cbox.run().ok().out == "2\n"
    assert sorted((str(p), os.lstat(p).st_ctime_ns) for p in cbox.dir.rglob("*")) == before


@in_places()
@pytest.mark.parametrize("end", ["kill", "supervisor"])
def test_ch_10_cr_1_a_supervised_life(cbox, place, end):
    """Without a PID namespace and a cgroup of its own: by the supervisor, or without it, nothing is left."""
    cbox.no_namespace("pid").sh("setsid sh -c 'while :; do sleep 0.05 & wait; done' & echo up; exec probe sleep").up().wait_text("up")
    assert cbox.state()["isolation"]["kill"] == "supervisor"
    if end == "kill":
        cbox.kill("KILL").wait_status("stopped")
    else:  # the payload dies with it, and what is left is found by its namespaces
        os.kill(cbox.pid, signal.SIGKILL)
    cbox.nook("delete", "--force", cbox.id).silent()
    cbox.nothing_left()
