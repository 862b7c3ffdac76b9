# SPDX-License-Identifier: Apache-2.0
"""The chroot isolation: masked and read-only paths, hostile roots, and the bundle. CH-28 to CH-32, D-5, D-7 (root.readonly) and
D-9 of chroot-isolation.md."""

import os

import pytest

import look
from look import MS_BIND, MS_NOSUID, MS_RDONLY, MS_REMOUNT
from test_chroot_root import cbox, without  # noqa: F401, the first is a fixture
from weaker import check_locked, write_fails


# -- CH-28: read-only paths -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("blocked", [(), ("mount_setattr",)], ids=["", "old kernel"])
def test_ch_28_readonly_paths(cbox, tools, tree, blocked):
    """Through links, with submounts, with the flags that are there; a missing one is skipped."""
    look.mount(None, tree, None, MS_REMOUNT | MS_BIND | MS_NOSUID)
    os.symlink("mnt", cbox.rootfs / "link")
    if blocked:
        without(cbox, tools, *blocked)
    cbox.mount("/mnt", "bind", tree, ["rbind"])
    cbox.linux["readonlyPaths"] = ["/link", "/etc", "/absent", "/etc/passwd"]
    cbox.sleep().create()
    assert check_locked(cbox.proc, "/mnt", ["ro"])[:2] == ["/mnt", "/mnt/sub"]
    assert "nosuid" in cbox.proc.mount("/mnt").opts
    assert write_fails(cbox.proc.root("/mnt/file")) == "EROFS"
    assert check_locked(cbox.proc, "/etc", ["ro"])[0] == "/etc"
    assert write_fails(cbox.proc.root("/etc/passwd")) == "EROFS" and write_fails(cbox.proc.root("/tmp")) is None


def test_ch_28_what_is_read_only_already_stays_as_it_is(cbox):
    cbox.linux["readonlyPaths"] = ["/proc/sys", "/proc/sys/vm/swappiness", "/proc/bus", "/sys/fs"]
    cbox.sleep().create()
    for path in cbox.linux["readonlyPaths"]:
        assert path not in {m.target for m in cbox.proc.mounts()}
    assert write_fails(cbox.proc.root("/proc/sys/vm/swappiness")) == write_fails(cbox.proc.root("/sys/fs")) == "EROFS"


# -- CH-29 to CH-32: masked paths -------------------------------------------------------------------------------------------------
def test_ch_29_ch_31_masked_directories_are_one_empty_one(cbox):
    for name in ("one", "two"):
        (cbox.rootfs / name).mkdir()
        (cbox.rootfs / name / "secret").write_text("s")
    cbox.linux["maskedPaths"] = ["/one", "/two", "/proc/bus"]
    cbox.sleep().create()
    masks = [cbox.proc.mount(p) for p in cbox.linux["maskedPaths"]]
    assert len({m.dev for m in masks}) == 1 and masks[0].fstype == "tmpfs"
    for m in masks:
        assert {"ro", "nosuid", "nodev", "noexec"} <= m.opts
        assert os.listdir(cbox.proc.root(m.target)) == [] and write_fails(cbox.proc.root(m.target)) == "EROFS"


def test_ch_30_a_missing_path_is_skipped(cbox):
    cbox.linux["maskedPaths"] = ["/absent", "/absent/deep", "/etc/passwd/deep", "/proc/no-such-thing"]
    cbox.sleep().create()
    assert not [m for m in cbox.proc.mounts() if m.target in cbox.linux["maskedPaths"]]


@pytest.mark.parametrize("why", ["loop", "name"])
def test_ch_30_another_error_is_fatal(cbox, why):
    os.symlink("b", cbox.rootfs / "a")
    os.symlink("a", cbox.rootfs / "b")
    cbox.linux["maskedPaths"] = ["/a" if why == "loop" else "/" + "n" * 300]
    cbox.sleep().refuse("mask", pointers=["/linux/maskedPaths/0"])


def test_ch_31_a_directory_that_is_masked_already_stays(cbox, host_mount):
    """As an outer engine's: empty and read-only."""
    host_mount("nkt", "/proc/bus", "tmpfs", MS_RDONLY)
    cbox.linux["maskedPaths"] = ["/proc/bus"]
    cbox.sleep().create()
    assert [m.source for m in cbox.proc.mounts() if m.target == "/proc/bus"] == ["nkt"]


def test_ch_31_one_that_only_looks_so_is_masked(cbox, host_mount):
    """Read-only, a tmpfs, but something is in it."""
    host_mount("nkt", "/proc/bus", "tmpfs")
    os.mkdir("/proc/bus/something")
    look.mount(None, "/proc/bus", None, MS_REMOUNT | MS_RDONLY)
    cbox.linux["maskedPaths"] = ["/proc/bus"]
    cbox.sleep().create()
    assert cbox.proc.mount("/proc/bus").source != "nkt" and os.listdir(cbox.proc.root("/proc/bus")) == []
    assert write_fails(cbox.proc.root("/proc/bus")) == "EROFS"


def test_ch_32_a_masked_file_is_dev_null(cbox):
    (cbox.rootfs / "secret").write_text("s3cret")
    cbox.linux["maskedPaths"] = ["/secret", "/proc/keys"]
    cbox.sleep().create()
    for path in cbox.linux["maskedPaths"]:
        assert os.stat(cbox.proc.root(path)).st_rdev == os.makedev(1, 3) and cbox.proc.root(path).read_bytes() == b""
    cbox.proc.root("/secret").write_text("lost")
    assert (cbox.rootfs / "secret").read_text() == "s3cret"


def test_ch_32_a_file_that_is_masked_already_stays(cbox, host_mount):
    host_mount("/dev/null", "/proc/keys", None, MS_BIND)
    cbox.linux["maskedPaths"] = ["/proc/keys"]
    cbox.sleep().create()
    mine = [m for m in cbox.proc.mounts() if m.target == "/proc/keys"]
    assert len(mine) == 1 and "ro" in mine[0].opts, "the outer mask, read-only with all of /proc"


# -- D-5: hostile roots -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/proc", "/sys", "/dev"])
@pytest.mark.parametrize("dev", ["nook", "host"])
def test_d_5_an_image_whose_proc_sys_or_dev_is_a_link_is_refused(cbox, path, dev):
    os.rmdir(cbox.rootfs / path[1:])
    os.symlink("/etc", cbox.rootfs / path[1:])
    cbox.nook.globals += [f"--chroot-dev={dev}"]
    cbox.sleep().refuse(path, "symbolic link")


@pytest.mark.parametrize("what", ["mount", "mask", "readonly", "device"])
def test_d_5_inner_links_are_evaluated_inside(cbox, tmp, what):
    """A component in the middle that leads to /etc, or up and out: the host's is not touched."""
    outside = tmp / "out"
    outside.mkdir()
    (outside / "deep").mkdir()
    os.symlink(f"../../../../../../../../..{outside}", cbox.rootfs / "mnt/up")
    (cbox.rootfs / str(outside)[1:] / "deep").mkdir(parents=True)
    if what == "mount":
        cbox.mount("/mnt/up/deep/made", "tmpfs", "nkt")
    elif what == "device":
        cbox.linux["devices"] = [{"path": "/mnt/up/deep/null", "type": "c", "major": 1, "minor": 3}]
    else:
        cbox.linux[{"mask": "maskedPaths", "readonly": "readonlyPaths"}[what]] = ["/mnt/up/deep"]
    cbox.sleep().create()
    assert os.listdir(outside / "deep") == [] and not [m for m in look.mounts() if m.target.startswith(str(outside))]
    assert write_fails(outside / "deep") is None
    assert cbox.proc.mount(f"{outside}/deep" + {"mount": "/made", "device": "/null"}.get(what, ""))


# -- D-9: the bundle --------------------------------------------------------------------------------------------------------------
def picture(path):
    """Everything below a directory, with what changes when it is written to."""
    out = {}
    for base, dirs, files in os.walk(path):
        for name in [".", *dirs, *files]:
            full = os.path.join(base, name)
            st = os.lstat(full)
            out[full] = (st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
    return out


@pytest.mark.parametrize("flags", [[], ["--no-pivot"]], ids=["pivot_root", "chroot"])
def test_d_9_nothing_is_written_into_the_bundle(cbox, flags):
    (cbox.rootfs / "secret").mkdir()
    cbox.linux.update(maskedPaths=["/secret", "/proc/keys"], readonlyPaths=["/etc"])
    cbox.sh("true").write()
    for path in ("dev", "proc", "sys"):
        assert (cbox.rootfs / path).is_dir()
    before = picture(cbox.dir)
    cbox.config = None
    for _ in range(2):
        cbox.run(*flags).ok()
    assert picture(cbox.dir) == before


@pytest.mark.parametrize("dev", ["nook", "host"])
def test_d_9_a_read_only_bundle_works_twice(cbox, host_mount, dev):
    cbox.linux.update(maskedPaths=["/etc/group", "/proc/bus"], readonlyPaths=["/etc"])
    cbox.nook.globals += [f"--chroot-dev={dev}"]
    cbox.sh("cat /etc/passwd | wc -l; ls /dev/null; touch /tmp/x 2>&1").write()
    host_mount(cbox.dir, cbox.dir, None, MS_BIND)
    look.mount(None, cbox.dir, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    cbox.config = None
    for _ in range(2):
        out = cbox.run().out
        assert out.startswith("2\n/dev/null\n") and "Read-only file system" in out
    assert cbox.nook.state_dirs() == []


def test_d_7_root_readonly_is_honoured(cbox):
    """With what is mounted in it left as it is."""
    cbox.config["root"]["readonly"] = True
    cbox.mount("/mnt", "tmpfs", "t").sleep().create()
    assert "ro" in cbox.proc.mount("/").opts
    assert write_fails(cbox.proc.root("/")) == write_fails(cbox.proc.root("/etc/passwd")) == "EROFS"
    assert write_fails(cbox.proc.root("/mnt")) is None and write_fails(cbox.proc.root("/dev/shm")) is None
