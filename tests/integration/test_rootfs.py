# SPDX-License-Identifier: Apache-2.0
"""The root: readonly, propagation, pivot_root and --no-pivot, masked and readonly paths: ROOT-*, RFP-*, MSK-*, ROP-*."""

import os
import shutil

import pytest

import look
from look import Proc


def test_root2_absolute_path(box):
    box.config["root"]["path"] = str(box.rootfs)
    assert box.sees("ls -d /bin") == "/bin\n"


def test_root2_other_name(box):
    os.rename(box.rootfs, box.dir / "image")
    box.config["root"]["path"] = "./image/"
    assert box.sees("ls -d /bin") == "/bin\n"


def test_root2_link_to_the_root(box):
    os.rename(box.rootfs, box.dir / "image")
    os.symlink("image", box.rootfs)
    r = box.sh("ls -d /bin").run()  # the spec leaves it open: followed, or refused by name
    assert r.out == "/bin\n" or r.rc == 1 and "/root/path" in r.err, r


def test_root2_bundle_is_the_root(box):
    """root.path "." as the suite's default test has it."""
    for name in os.listdir(box.rootfs):
        os.rename(box.rootfs / name, box.dir / name)
    box.config["root"]["path"] = "."
    assert box.sees("ls -d /bin") == "/bin\n"


def test_root4_readonly(box):
    box.config["root"]["readonly"] = True
    box.mount("/mnt", "tmpfs", "t").sleep().up()
    assert "ro" in box.proc.mount("/").opts
    assert "rw" in box.proc.mount("/mnt").opts and "rw" in box.proc.mount("/dev").opts
    assert "Read-only" in box.exec("sh", "-c", "touch /x 2>&1; touch /mnt/x /dev/x").out
    assert "rw" in next(m for m in look.mounts() if m.target == "/").opts


def test_root4_writable_by_default(box):
    del box.config["root"]["readonly"]
    box.sh("echo data > /x").run().ok()
    assert (box.rootfs / "x").read_text() == "data\n"


def test_root4_readonly_and_missing_mountpoints(box):
    """Mount points are made before the root becomes read-only."""
    box.config["root"]["readonly"] = True
    box.mount("/new/place", "tmpfs", "t")
    assert box.sees("touch /new/place/x && echo yes") == "yes\n"


def test_root4_cannot_be_remounted_without_privilege(box):
    box.config["root"]["readonly"] = True
    assert box.sh("mount -o remount,rw / 2>&1 && touch /x").run().rc != 0


def test_root_on_a_readonly_filesystem(box, host_mount):
    """All mount points are there: nothing needs to be written."""
    host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    look.mount(None, box.rootfs, None, look.MS_REMOUNT | look.MS_BIND | look.MS_RDONLY)
    assert box.sees("echo yes") == "yes\n"


def test_root_on_tmpfs(box, tmp, host_mount):
    (tmp / "ram").mkdir()
    host_mount("ram", tmp / "ram", "tmpfs")
    shutil.copytree(box.rootfs, tmp / "ram/root", symlinks=True)
    box.config["root"]["path"] = str(tmp / "ram/root")
    assert box.sees("echo yes") == "yes\n"


def test_root_on_overlay(box, tmp, host_mount):
    for n in ("up", "work", "merged"):
        (tmp / n).mkdir()
    host_mount("overlay", tmp / "merged", "overlay", 0, f"lowerdir={box.rootfs},upperdir={tmp}/up,workdir={tmp}/work")
    box.config["root"]["path"] = str(tmp / "merged")
    box.sh("echo x > /written").run().ok()
    assert (tmp / "up/written").exists()


def test_root_is_shared_mount(box, host_mount):
    """pivot_root refuses a shared root: nook must make its own private one, and the host's stays shared."""
    host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    look.mount(None, box.rootfs, None, look.MS_SHARED)
    box.mount("/mnt", "tmpfs", "inner").sleep().up()
    assert not [m for m in look.mounts() if m.source == "inner"]
    assert next(m for m in look.mounts() if m.target == str(box.rootfs)).propagation == "shared"


def test_submounts_of_the_root_are_there(box, host_mount):
    """The rootfs is taken recursively."""
    host_mount("sub", box.rootfs / "mnt", "tmpfs")
    (box.rootfs / "mnt/file").write_text("seen")
    assert box.sees("cat /mnt/file") == "seen"


@pytest.mark.parametrize("flags", [[], ["--no-pivot"]], ids=["pivot", "no-pivot"])
def test_old_root_is_gone(box, tmp, flags):
    box.sleep().create(*flags)
    root = os.readlink(f"/proc/{box.pid}/root")
    assert root == "/"
    assert os.stat(f"/proc/{box.pid}/root/").st_ino == os.stat(box.rootfs).st_ino
    assert not os.path.exists(f"/proc/{box.pid}/root{tmp}")
    box.start()
    assert box.exec("ls", "/").out.split() == sorted(os.listdir(box.rootfs))


def test_no_pivot_from_a_ramdisk_like_root(box):
    assert box.sh("echo yes; ls /..").run("--no-pivot").out.split() == ["yes", *sorted(os.listdir(box.rootfs))]


def test_no_pivot_leaves_no_full_proc_to_find(box):
    """2.13: the host's proc and sysfs are unmounted or covered, so that a new user namespace cannot mount a full proc."""
    box.caps("CAP_SYS_ADMIN", "CAP_SYS_CHROOT")
    box.process["noNewPrivileges"] = False
    box.sleep().create("--no-pivot")
    assert len([m for m in box.proc.mounts() if m.fstype == "proc" and m.root == "/" and m.target == "/proc"]) <= 1
    foreign = [m for m in box.proc.mounts() if m.fstype in ("proc", "sysfs") and m.target not in ("/proc", "/sys")
               and not m.target.startswith(("/proc/", "/sys/"))]
    assert foreign == []


# -- rootfsPropagation -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("word,want", [("private", "private"), ("rprivate", "private"), ("slave", "slave"),
                                       ("rslave", "slave"), ("shared", "shared"), ("rshared", "shared"),
                                       ("unbindable", "unbindable"), ("runbindable", "unbindable"), (None, None)])
def test_rfp1(box, host_mount, word, want):
    host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    look.mount(None, box.rootfs, None, look.MS_SHARED)
    if word:
        box.linux["rootfsPropagation"] = word
    box.sleep()
    r = box.try_create()
    if word and word.startswith("r") and r.rc:
        return  # the spec names the four without r; refusing the others is legal
    assert r.rc == 0, r
    box.start()
    got = box.proc.mount("/").propagation
    if want == "slave":
        assert got in ("slave", "private")  # a slave of a mount without other peers shows as private
    elif want:
        assert got == want
    else:
        assert got != "shared"


def test_rfp2_slave_gets_host_mounts_and_gives_none(box, host_mount):
    host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    look.mount(None, box.rootfs, None, look.MS_SHARED)
    box.linux["rootfsPropagation"] = "slave"
    box.mount("/var", "tmpfs", "inner").sleep().up()
    assert not [m for m in look.mounts() if m.source == "inner"]
    host_mount("late", box.rootfs / "home", "tmpfs")
    assert [m for m in box.proc.mounts() if m.target == "/home" and m.source == "late"]


def test_rfp2_private_gets_none(box, host_mount):
    host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    look.mount(None, box.rootfs, None, look.MS_SHARED)
    box.linux["rootfsPropagation"] = "private"
    box.sleep().up()
    host_mount("late", box.rootfs / "home", "tmpfs")
    assert not [m for m in box.proc.mounts() if m.source == "late"]


# -- masked ------------------------------------------------------------------------------------------------------------
def test_msk1_file_and_directory(box):
    (box.rootfs / "secret").write_text("secret")
    (box.rootfs / "dir/sub").mkdir(parents=True)
    (box.rootfs / "dir/file").write_text("secret")
    box.linux["maskedPaths"] = ["/secret", "/dir", "/dir/file", "/no/such", "/proc/timer_list"]
    out = box.sees("cat /secret; ls -A /dir; touch /dir/x 2>&1; stat -c '%F %t:%T' /proc/timer_list")
    assert "secret" not in out
    assert "Read-only file system" in out and out.splitlines()[-1] == "character special file 1:3"


def test_msk1_two_directories_both_empty(box):
    """2.11: the second mask is as good as the first."""
    for n in "ab":
        (box.rootfs / n).mkdir()
        (box.rootfs / n / "file").write_text("x")
    box.linux["maskedPaths"] = ["/a", "/b", "/a"]
    assert box.sees("ls -A /a /b; touch /b/x 2>/dev/null || echo no") == "/a:\n\n/b:\nno\n"


def test_msk1_mask_is_not_undone_by_its_reader(box):
    box.linux["maskedPaths"] = ["/etc/passwd"]
    assert box.sees("cat /etc/passwd; umount /etc/passwd 2>/dev/null; cat /etc/passwd") == ""


def test_msk1_through_a_link_stays_inside(box, tmp):
    """A masked path that is a link in the image is resolved in the container's root, never in the host's."""
    (tmp / "host").write_text("host")
    os.symlink(tmp / "host", box.rootfs / "link")
    box.linux["maskedPaths"] = ["/link"]
    r = box.args("/bin/true").try_create()
    assert r.rc in (0, 1)
    assert (tmp / "host").read_text() == "host" and not [m for m in look.mounts() if m.target == str(tmp / "host")]


def test_msk1_in_exec_too(box):
    (box.rootfs / "secret").write_text("secret")
    box.linux["maskedPaths"] = ["/secret"]
    box.sleep().up()
    assert box.exec("cat", "/secret").out == ""


def test_rop1(box):
    (box.rootfs / "dir/sub").mkdir(parents=True)
    (box.rootfs / "file").write_text("x")
    box.linux["readonlyPaths"] = ["/dir", "/file", "/no/such"]
    out = box.sees("touch /dir/x 2>&1; touch /dir/sub/x 2>&1; echo y 2>&1 > /file; touch /free && echo free")
    assert out.count("Read-only") >= 2 and "free" in out
    assert (box.rootfs / "file").read_text() == "x"


def test_rop1_proc_paths(box):
    box.sleep().up()
    for path in ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger"):
        if os.path.exists(path):
            assert "ro" in box.proc.mount(path).opts, path


def test_rop1_keeps_the_other_flags(box):
    box.linux["readonlyPaths"] = ["/dev/shm"]
    box.sleep().up()
    assert {"ro", "nosuid", "nodev", "noexec"} <= box.proc.mount("/dev/shm").opts


def test_rop1_submounts(box, tmp):
    """A read-only path with a mount below it is read-only itself."""
    (tmp / "src").mkdir()
    (box.rootfs / "dir").mkdir()
    box.mount("/dir/sub", "bind", tmp / "src", ["bind"])
    box.linux["readonlyPaths"] = ["/dir"]
    assert box.sees("touch /dir/x 2>/dev/null && echo written; true") == ""


def test_masks_after_mounts(box, tmp):
    """A mount over a masked path does not unmask it: masks come last."""
    (tmp / "f").write_text("visible")
    box.mount("/m/f", "bind", tmp / "f", ["bind"])
    box.linux["maskedPaths"] = ["/m/f"]
    assert box.sees("cat /m/f") == ""


def test_stubs_are_not_left_over_nothing(box):
    """What is made in the rootfs for mounts is all that create leaves there."""
    before = {str(p) for p in box.rootfs.rglob("*")}
    box.args("/bin/true").run().ok()
    after = {str(p) for p in box.rootfs.rglob("*")}
    assert {os.path.relpath(p, box.rootfs) for p in after - before} <= {"dev/console", "run/notify"}
    assert Proc(os.getpid()).alive()


def test_missing_root_is_no_bind(box):
    box.config["root"]["path"] = "missing"
    said = box.refuse("cannot open the root", f"{box.dir}/missing", pointers={"/root/path"}).err
    assert "bind" not in said, said
