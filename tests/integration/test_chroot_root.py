# SPDX-License-Identifier: Apache-2.0
"""The chroot isolation: the container's root and what is mounted in it. Part 1 of chroot-isolation.md, CH-12 to CH-27, and
D-2, D-8 of part 3. What is read-only is looked up in mountinfo and tried, submounts included."""

import errno
import os
import stat

import pytest

import look
from look import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_SHARED
from test_fallbacks import NR
from weaker import below, check_locked, lost, visible, write_fails

MS_NOATIME, MS_NODIRATIME, MS_RELATIME, MS_STRICTATIME, MS_SYNCHRONOUS, MS_UNBINDABLE = 1 << 10, 1 << 11, 1 << 21, 1 << 24, 16, 1 << 17
TREES = {"/proc": "proc", "/sys": "sysfs"}
FULL = {"/proc": "/proc/bus", "/sys": "/sys/kernel/debug"}  # directories of the outer trees that a mount may go on
PLAIN = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]


@pytest.fixture
def cbox(chroot_box):
    chroot_box.linux.update(maskedPaths=[], readonlyPaths=[])
    return chroot_box


@pytest.fixture
def hbox(cbox):
    """With the outer /dev."""
    cbox.nook.globals += ["--chroot-dev=host"]
    return cbox


def without(box, tools, *calls):
    """nook runs where these system calls do not exist."""
    box.nook.prefix = [tools["nosys"], str(errno.ENOSYS), ",".join(NR[c] for c in calls)]
    return box


# -- CH-12, CH-13, CH-27, D-2: flags ----------------------------------------------------------------------------------------------
HELD = [("nosuid", MS_NOSUID), ("nodev", MS_NODEV), ("noexec", MS_NOEXEC), ("noatime", MS_NOATIME), ("nodiratime", MS_NODIRATIME),
        ("relatime", MS_RELATIME), ("ro", MS_RDONLY)]


@pytest.mark.parametrize("blocked", [(), ("mount_setattr",)], ids=["", "old kernel"])
@pytest.mark.parametrize("word,flag", HELD, ids=[row[0] for row in HELD])
def test_ch_12_flags_that_a_source_has_are_kept(cbox, tools, tmp, host_mount, word, flag, blocked):
    """Also by the remounts of a kernel without mount_setattr, which set all flags anew: they are read by statfs before."""
    (tmp / "s").mkdir()
    host_mount("s", tmp / "s", "tmpfs", flag)
    cbox.mount("/mnt", "bind", tmp / "s", ["rbind", "ro" if word != "ro" else "nosuid"])
    if blocked:
        without(cbox, tools, *blocked)
    cbox.sleep().create()
    assert {word, "ro"} <= cbox.proc.mount("/mnt").opts
    assert write_fails(cbox.proc.root("/mnt")) == "EROFS"


def test_ch_12_synchronous_is_of_the_superblock_and_kept(cbox, tmp, host_mount):
    (tmp / "s").mkdir()
    host_mount("s", tmp / "s", "tmpfs", MS_SYNCHRONOUS)
    cbox.mount("/mnt", "bind", tmp / "s", ["rbind", "ro"]).sleep().create()
    assert "sync" in cbox.proc.mount("/mnt").sopts


@pytest.mark.parametrize("blocked", [(), ("mount_setattr",), ("open_tree", "move_mount", "fsopen", "mount_setattr")],
                         ids=["", "no mount_setattr", "no mount API"])
def test_ch_13_d_8_readonly_binds_are_so_with_their_submounts(cbox, tools, tree, blocked):
    if blocked:
        without(cbox, tools, *blocked)
    cbox.mount("/mnt", "bind", tree, ["rbind", "ro", "nosuid"]).sleep().create()
    assert check_locked(cbox.proc, "/mnt", ["ro"]) == ["/mnt", "/mnt/sub"]
    assert "nosuid" in cbox.proc.mount("/mnt").opts
    assert write_fails(cbox.proc.root("/mnt/file")) == "EROFS"
    assert write_fails(tree) is None and write_fails(tree / "sub") is None, "the host's own are as they were"


def locked_source(box, tmp, flags):
    """A source whose flags are locked for nook, which is root of a new user namespace."""
    (tmp / "s").mkdir()
    box.nook.prefix = ["unshare", "-m", "sh", "-ec",
                       f'mount -t tmpfs -o {flags} s {tmp}/s; exec unshare -Urm "$@"', "sh"]
    return tmp / "s"


@pytest.mark.parametrize("blocked", [(), ("mount_setattr",)], ids=["", "old kernel"])
def test_d_2_readonly_keeps_locked_flags(cbox, tools, tmp, blocked):
    """A remount that forgets one of them is refused by the kernel."""
    source = locked_source(cbox, tmp, "nosuid,nodev,noexec,noatime")
    if blocked:
        cbox.nook.prefix += [tools["nosys"], str(errno.ENOSYS), ",".join(NR[c] for c in blocked)]
    cbox.mount("/mnt", "bind", source, ["rbind", "ro"]).sleep().create()
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= cbox.proc.mount("/mnt").opts
    assert write_fails(cbox.proc.root("/mnt")) == "EROFS"


@pytest.mark.parametrize("option,flag", [("exec", "noexec"), ("dev", "nodev"), ("suid", "nosuid"), ("rw", "ro")])
def test_ch_27_what_was_asked_for_and_cannot_be_is_fatal(cbox, tmp, option, flag):
    """Says what was asked for, or what is in the way."""
    cbox.mount("/mnt", "bind", locked_source(cbox, tmp, flag), ["rbind", option]).sleep()
    cbox.refuse(flag, pointers=["/mounts/6"])


def test_ch_27_what_came_back_is_looked_at(cbox, tmp, host_mount):
    """The kernel takes the change of the mount, but its file system stays read-only: said in both words."""
    (tmp / "s").mkdir()
    host_mount("s", tmp / "s", "tmpfs", MS_RDONLY)
    cbox.mount("/mnt", "bind", tmp / "s", ["rbind", "rw", "nodev"]).sleep()
    cbox.refuse('asked to be "', 'nodev', 'came to be "ro,nodev"', pointers=["/mounts/6"])


def test_ch_27_flags_nobody_names_need_not_be_so(cbox, tmp):
    cbox.mount("/mnt", "bind", locked_source(cbox, tmp, "noexec,nosuid"), ["rbind", "nodev"]).sleep().create()
    assert {"noexec", "nosuid", "nodev"} <= cbox.proc.mount("/mnt").opts


# -- CH-15: /dev --------------------------------------------------------------------------------------------------------------
def test_ch_15_dev_is_bound_read_only_with_chroot_dev_host(hbox, host_mount):
    """All of it, with a submount; devices stay usable."""
    host_mount("nkt", "/dev/shm", "tmpfs")
    os.rmdir(hbox.rootfs / "dev")
    hbox.unmount("/dev/shm").args("/bin/sh", "-c", "echo gone > /dev/null && head -c 4 /dev/zero | wc -c; exec probe sleep")
    hbox.up().wait_text("4\n")
    dev = hbox.proc.mount("/dev")
    assert dev.dev == f"{os.major(os.stat('/dev').st_dev)}:{os.minor(os.stat('/dev').st_dev)}" and dev.root == "/"
    assert {"ro", "nosuid", "noexec"} <= dev.opts and "nodev" not in dev.opts
    assert write_fails(hbox.proc.root("/dev")) == "EROFS"
    with pytest.raises(OSError) as refused:
        os.mknod(hbox.proc.root("/dev/nkt"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
    assert refused.value.errno == errno.EROFS
    assert stat.S_IMODE(os.stat(hbox.rootfs / "dev").st_mode) == 0o755, "the missing target was made"
    outer = next(m for m in hbox.proc.mounts() if m.source == "nkt")
    assert "ro" in outer.opts, "what the outer /dev has mounted is read-only, too"
    assert ("dev.host", "/mounts/1") in lost(hbox)


def test_d_8_in_the_outer_dev_what_must_be_writable_is_fresh(hbox):
    """Whether the config lists it or not: in the outer devpts are the host's terminals."""
    hbox.unmount("/dev/pts", "/dev/shm").sleep().create()
    for path in ("/dev/pts", "/dev/shm"):
        inner = hbox.proc.mount(path)
        assert inner.dev not in {m.dev for m in look.mounts()}, "not the outer one"
        assert "rw" in inner.opts
    assert write_fails(hbox.proc.root("/dev/shm")) is None
    assert os.listdir(hbox.proc.root("/dev/pts")) == ["ptmx"]


def test_ch_15_an_own_dev_is_made_of_the_outer_nodes(cbox):
    """The default, and the difference to the model: a tmpfs, in which are the six plain devices, bound, and no others."""
    cbox.sleep().create()
    proc = cbox.proc
    assert proc.mount("/dev").fstype == "tmpfs" and write_fails(proc.root("/dev")) is None
    for path in PLAIN:
        m = proc.mount(path)
        assert m.root == path.removeprefix("/dev") and {"nosuid", "noexec"} <= m.opts, m
        assert os.stat(proc.root(path)).st_rdev == os.stat(path).st_rdev
    inside = set(os.listdir(proc.root("/dev")))
    assert inside == {p[5:] for p in PLAIN} | {"fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm", "mqueue"}
    assert os.readlink(proc.root("/dev/ptmx")) == "pts/ptmx"


def test_ch_15_dev_is_added_when_the_config_has_none(cbox):
    cbox.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue").sleep().create()
    assert [cbox.proc.mount(p).fstype for p in ("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")] == ["tmpfs", "devpts", "tmpfs", "mqueue"]
    assert os.stat(cbox.proc.root("/dev/null")).st_rdev == os.makedev(1, 3)
    assert ("dev.added", "default:/dev") in lost(cbox)


# -- CH-16 to CH-19: /proc and /sys -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("blocked", [(), ("mount_setattr",), ("open_tree", "move_mount", "fsopen", "mount_setattr")],
                         ids=["", "no mount_setattr", "no mount API"])
@pytest.mark.parametrize("path", TREES)
def test_ch_16_ch_17_proc_and_sys_are_the_outer_ones_and_locked(cbox, tools, host_mount, path, blocked):
    """CH-16 /proc, CH-17 /sys, each with a submount that is writable outside; CH-18 for all of them. By mountinfo and by trying."""
    host_mount("nkt", FULL[path], "tmpfs")
    if blocked:
        without(cbox, tools, *blocked)
    cbox.sleep().create()
    assert os.stat(cbox.proc.root(path)).st_dev == os.stat(path).st_dev, "the outer one"
    assert cbox.proc.mount(path).fstype == TREES[path]
    tree = check_locked(cbox.proc, path)
    assert FULL[path] in tree
    assert write_fails(FULL[path]) is None, "it was writable, and is outside"


def test_ch_16_what_is_in_proc_cannot_be_written(cbox):
    """Neither a setting of the kernel nor a process's."""
    cbox.sleep().create()
    for path in ("/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness", f"/proc/{os.getpid()}/oom_score_adj", "/proc/mtrr"):
        if not os.path.exists(path):
            continue
        assert write_fails(cbox.proc.root(path)) == "EROFS", path
    assert os.path.exists(cbox.proc.root(f"/proc/{os.getpid()}")), "the outer pids"
    assert ("proc.outer", "/mounts/0") in lost(cbox) and ("sys.outer", "/mounts/5") in lost(cbox)


def test_ch_18_every_outer_mount_below_sys_is_there(cbox):
    cbox.sleep().create()
    outer = {m.target for m in visible(below(look.mounts(), "/sys"))}
    assert len(outer) > 3, "this host has cgroups below /sys"
    assert set(check_locked(cbox.proc, "/sys")) == outer


@pytest.mark.parametrize("userns", [False, True], ids=["", "userns"])
def test_ch_18_even_one_that_cannot_be_bound_outside(cbox, host_mount, userns):
    """Skipped in the model. In the container's own mount namespace all is private by then, and so can be bound."""
    host_mount("nkt", FULL["/sys"], "tmpfs")
    look.mount(None, FULL["/sys"], None, MS_UNBINDABLE)
    if userns:
        cbox.userns()
    cbox.sleep().create()
    assert FULL["/sys"] in check_locked(cbox.proc, "/sys")
    assert cbox.proc.mount(FULL["/sys"]).source == "nkt", "not what it hides"


@pytest.mark.parametrize("path", TREES)
def test_ch_16_ch_17_a_missing_target_is_made(cbox, path):
    os.rmdir(cbox.rootfs / path[1:])
    cbox.sleep().create()
    assert cbox.proc.mount(path).fstype == TREES[path]
    assert stat.S_IMODE(os.stat(cbox.rootfs / path[1:]).st_mode) == 0o755


def test_ch_16_ch_17_only_where_the_config_has_them(cbox):
    """The model has them always; an isolation of a runtime mounts what it is told to."""
    cbox.unmount("/proc", "/sys").sleep().create()
    assert not below(cbox.proc.mounts(), "/proc") and not below(cbox.proc.mounts(), "/sys")


def test_ch_19_cgroup_mounts_are_there_already(cbox):
    """What /sys has of them, once, read-only."""
    cbox.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw"]).namespace("cgroup").sleep().create()
    inner = [m for m in visible(below(cbox.proc.mounts(), "/sys/fs/cgroup"))]
    assert {m.target for m in inner} == {m.target for m in visible(below(look.mounts(), "/sys/fs/cgroup"))}
    assert all("ro" in m.opts for m in inner)
    assert ("cgroup.mount.skipped", "/mounts/6") in lost(cbox)


def test_d_8_nothing_is_stacked(cbox):
    """One recursive bind a tree: no point has more mounts than it has outside."""
    cbox.linux["readonlyPaths"] = ["/proc/sys", "/proc/bus", "/proc/irq", "/sys/fs"]
    cbox.mount("/sys/fs/cgroup", "cgroup").sleep().create()
    inner = [m.target for m in cbox.proc.mounts()]
    outer = [m.target for m in look.mounts()]
    for point in set(inner):
        allowed = outer.count(point) if point.startswith(("/proc", "/sys")) else 1
        assert inner.count(point) <= max(allowed, 1), point
    assert "/proc/sys" not in inner, "CH-28: it is read-only already"


# -- CH-20, CH-26: new file systems -----------------------------------------------------------------------------------------------
def test_ch_20_other_types_are_refused_or_skipped(cbox, tmp):
    """Skipped in the model; here only with --chroot-policy=warn, and with a log line."""
    cbox.mount("/mnt", "ramfs", "r").sleep()
    cbox.refuse("mount.type.skipped", pointers=["/mounts/6"])
    cbox.nook.globals += ["--chroot-policy=warn", "--log", str(tmp / "log"), "--log-level=warning"]
    cbox.create()
    assert not below(cbox.proc.mounts(), "/mnt")
    assert lost(cbox)["mount.type.skipped", "/mounts/6"]["refused"] is True
    assert "mount.type.skipped at /mounts/6" in (tmp / "log").read_text()


def test_ch_26_tmpfs_is_real_with_all_options_and_private(cbox):
    cbox.mount("/mnt", "tmpfs", "t", ["size=64k", "mode=1770", "nr_inodes=20", "noexec", "nodev", "noatime"]).sleep().create()
    m = cbox.proc.mount("/mnt")
    assert m.fstype == "tmpfs" and {"size=64k", "mode=1770", "nr_inodes=20"} <= m.sopts
    assert {"noexec", "nodev", "noatime"} <= m.opts and m.propagation == "private"
    assert write_fails(cbox.proc.root("/mnt")) is None and os.listdir(cbox.rootfs / "mnt") == []


def test_ch_26_overlay_is_real_with_all_options_and_private(cbox, tmp, host_mount):
    (tmp / "o").mkdir()
    host_mount("o", tmp / "o", "tmpfs")  # an overlay cannot be the upper layer of one
    for name in ("lower", "upper", "work"):
        (tmp / "o" / name).mkdir()
    (tmp / "o/lower/below").write_text("from below\n")
    cbox.mount("/mnt", "overlay", "overlay", [f"lowerdir={tmp}/o/lower,upperdir={tmp}/o/upper,workdir={tmp}/o/work", "nodev"])
    cbox.sh("cat /mnt/below; echo new > /mnt/above; exec probe sleep").up().wait_text("from below")
    m = cbox.proc.mount("/mnt")
    assert m.fstype == "overlay" and "nodev" in m.opts and m.propagation == "private"
    look.wait_until((tmp / "o/upper/above").exists, what="a file in the upper layer")
    assert not (tmp / "o/lower/above").exists()


# -- CH-21 to CH-23: targets ------------------------------------------------------------------------------------------------------
def test_ch_21_the_source_decides_what_the_target_is(cbox, tmp):
    (tmp / "dir").mkdir()
    (tmp / "file").write_text("bound\n")
    cbox.mount("/mnt/d", "bind", tmp / "dir", ["rbind"]).mount("/mnt/f", "bind", tmp / "file", ["rbind"]).sleep().create()
    assert os.path.isdir(cbox.proc.root("/mnt/d")) and cbox.proc.root("/mnt/f").read_text() == "bound\n"


@pytest.mark.parametrize("kind", ["tmpfs", "overlay", "bind"])
def test_ch_21_a_file_is_no_place_for_a_directory(cbox, tmp, kind):
    (cbox.rootfs / "mnt/f").write_text("")
    (tmp / "dir").mkdir()
    options = {"tmpfs": [], "overlay": [f"lowerdir={tmp}/dir:{tmp}"], "bind": ["rbind"]}[kind]
    cbox.mount("/mnt/f", kind, tmp / "dir", options).sleep()
    cbox.refuse("/mnt/f", pointers=["/mounts/6"])


def test_ch_21_d_9_a_missing_source_is_fatal(cbox, tmp):
    cbox.mount("/mnt", "bind", tmp / "absent", ["rbind"]).sleep()
    cbox.refuse(str(tmp / "absent"), pointers=["/mounts/6"])
    assert not (tmp / "absent").exists()


@pytest.mark.parametrize("link", ["/inner", "../../../../inner", "/mnt/hop"])
def test_ch_22_a_link_at_the_target_is_evaluated_inside(cbox, tmp, link):
    (tmp / "dir").mkdir()
    (cbox.rootfs / "inner").mkdir()
    os.symlink("/inner", cbox.rootfs / "mnt/hop")
    os.symlink(link, cbox.rootfs / "mnt/l")
    cbox.mount("/mnt/l", "bind", tmp / "dir", ["rbind"]).sleep().create()
    assert cbox.proc.mount("/inner").root.endswith(str(tmp / "dir"))
    assert not [m for m in look.mounts() if m.target == "/inner"] and not os.path.exists("/inner")


def test_ch_23_a_missing_target_is_made(cbox, tmp):
    (tmp / "file").write_text("")
    cbox.mount("/a/b/c", "tmpfs", "t").mount("/x/y/f", "bind", tmp / "file", ["rbind"]).sleep().create()
    modes = [stat.S_IMODE(os.stat(cbox.rootfs / p).st_mode) for p in ("a", "a/b", "a/b/c", "x", "x/y")]
    assert modes == [0o755] * 5
    made = os.stat(cbox.rootfs / "x/y/f")
    assert stat.S_ISREG(made.st_mode) and made.st_size == 0 and stat.S_IMODE(made.st_mode) == 0o644


# -- CH-24, CH-25: options of binds ---------------------------------------------------------------------------------------------
PAIRS = [("ro", "rw", "ro"), ("nosuid", "suid", "nosuid"), ("nodev", "dev", "nodev"), ("noexec", "exec", "noexec")]


@pytest.mark.parametrize("on,off,flag", PAIRS, ids=[p[0] for p in PAIRS])
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_ch_24_the_last_word_wins(cbox, tmp, kind, on, off, flag):
    (tmp / "s").mkdir()
    first = ["rbind"] if kind == "bind" else []
    for where, words in (("/mnt/set", [off, on]), ("/mnt/clear", [on, off])):
        cbox.mount(where, kind, tmp / "s", first + words)
    cbox.sleep().create()
    assert flag in cbox.proc.mount("/mnt/set").opts and flag not in cbox.proc.mount("/mnt/clear").opts


def test_ch_24_a_named_flag_is_cleared_from_what_the_source_has(cbox, tmp, host_mount):
    """"important": it is not only not set, it is taken away."""
    (tmp / "s").mkdir()
    host_mount("s", tmp / "s", "tmpfs", MS_NOEXEC | MS_NOSUID)
    cbox.mount("/mnt", "bind", tmp / "s", ["rbind", "exec"]).sleep().create()
    assert "noexec" not in cbox.proc.mount("/mnt").opts and "nosuid" in cbox.proc.mount("/mnt").opts


@pytest.mark.parametrize("word", ["bind", "rbind"])
def test_ch_25_binds_are_recursive_and_private(cbox, tree, host_mount, word):
    look.mount(None, tree, None, MS_SHARED)
    cbox.mount("/mnt", "bind", tree, [word]).sleep().create()
    assert [m.target for m in below(cbox.proc.mounts(), "/mnt")] == ["/mnt", "/mnt/sub"]
    assert {m.propagation for m in below(cbox.proc.mounts(), "/mnt")} == {"private"}
    (tree / "later").mkdir()
    host_mount("later", tree / "later", "tmpfs")
    assert "/mnt/later" not in {m.target for m in cbox.proc.mounts()}
    assert (("mount.recursive", "/mounts/6") in lost(cbox)) == (word == "bind")


def test_ch_25_slaves_are_honoured(cbox, tree, host_mount):
    """Part 4: propagation private and slave."""
    look.mount(None, tree, None, MS_SHARED)
    cbox.mount("/mnt", "bind", tree, ["rbind", "rslave"]).sleep().create()
    assert cbox.proc.mount("/mnt").propagation == "slave"
    (tree / "later").mkdir()
    host_mount("later", tree / "later", "tmpfs")
    assert cbox.proc.mount("/mnt/later").source == "later"


@pytest.mark.parametrize("what", ["a mount", "the root"])
def test_ch_25_shared_is_refused_or_reported(cbox, tree, what):
    code, field = ("mount.propagation.private", "/mounts/6") if what == "a mount" else ("root.propagation", "/linux/rootfsPropagation")
    look.mount(None, tree, None, MS_SHARED)
    cbox.mount("/mnt", "bind", tree, ["rbind", *["rshared"] * (what == "a mount")]).sleep()
    if what == "the root":
        cbox.linux["rootfsPropagation"] = "shared"
    cbox.refuse(code, pointers=[field])
    cbox.nook.globals += ["--chroot-policy=warn"]
    cbox.create()
    assert {m.propagation for m in cbox.proc.mounts()} == {"private"}
    assert (code, field) in lost(cbox)
