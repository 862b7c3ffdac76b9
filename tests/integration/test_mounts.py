# SPDX-License-Identifier: Apache-2.0
"""Mounts: order, kinds, every option of spec-checklist section 6 but idmap, ridmap and tmpcopyup (MO-32 to 34)."""

import os
import stat

import pytest

import look
from look import Proc


def tmpfs(box, *options):
    return box.mount("/mnt", "tmpfs", "tmpfs", list(options)).sleep().up().proc.mount("/mnt")


# -- MNT-* -------------------------------------------------------------------------------------------------------------
def test_mnt1_listed_order(box, tmp):
    for n in ("one", "two", "three"):
        (tmp / n).mkdir()
        (tmp / n / "name").write_text(n)
    box.mount("/mnt", "bind", tmp / "one", ["bind"]).mount("/mnt", "bind", tmp / "two", ["bind"])
    box.mount("/mnt/deep", "tmpfs", "deep").mount("/var", "bind", tmp / "three", ["bind"])
    assert box.sees("cat /mnt/name /var/name; grep -q ' /mnt/deep ' /proc/self/mountinfo && echo deep") == "twothreedeep\n"


def test_mnt1_later_mount_hides_earlier(box):
    box.mount("/mnt/a", "tmpfs", "hidden").mount("/mnt", "tmpfs", "top")
    assert box.sees("ls /mnt") == ""


def test_mnt2_relative_destination(box):
    box.mount("data", "tmpfs", "data")
    r = box.sh("grep -q ' /data ' /proc/self/mountinfo").run()
    assert r.rc == 0, r


def test_mnt2_destination_is_made(box):
    box.mount("/some/new/dir", "tmpfs", "t")
    assert box.sees("stat -c '%a %u' /some/new; grep -q ' /some/new/dir ' /proc/self/mountinfo && echo yes") == "755 0\nyes\n"


def test_mnt2_file_destination_is_made(box, tmp):
    (tmp / "f").write_text("content")
    box.mount("/new/dir/file", "bind", tmp / "f", ["bind"])
    assert box.sees("cat /new/dir/file") == "content"


@pytest.mark.parametrize("destination", ["/mnt/", "//mnt", "/./mnt", "/var/../mnt", "/mnt/."])
def test_mnt2_odd_spellings(box, destination):
    box.mount(destination, "tmpfs", "t")
    assert box.sees("grep -q ' /mnt ' /proc/self/mountinfo && echo yes") == "yes\n"


def test_mnt2_through_a_link_inside_the_root(box):
    os.symlink("/var", box.rootfs / "link")
    box.mount("/link/here", "tmpfs", "t")
    assert box.sees("grep -q ' /var/here ' /proc/self/mountinfo && echo yes") == "yes\n"


def test_mnt3_relative_source(box):
    (box.dir / "data").mkdir()
    (box.dir / "data/x").write_text("from the bundle")
    box.mount("/mnt", "bind", "data", ["bind"])
    assert box.sees("cat /mnt/x") == "from the bundle"


@pytest.mark.parametrize("type", ["bind", "none", None, "dummy"])
@pytest.mark.parametrize("option", ["bind", "rbind"])
def test_mnt4_bind_by_option_whatever_the_type(box, tree, type, option):
    box.mount("/mnt", type, tree, [option])
    out = box.sh("cat /mnt/file /mnt/sub/file 2>/dev/null").run().out
    assert out == ("outerinner" if option == "rbind" else "outer")


def test_mnt4_bind_of_a_file_socket_fifo(box, tmp):
    import socket
    (tmp / "f").write_text("file")
    os.mkfifo(tmp / "p")
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(tmp / "s"))
    for n in "fps":
        box.mount(f"/mnt/{n}", "bind", tmp / n, ["bind"])
    assert box.sees("stat -c %F /mnt/f /mnt/p /mnt/s").splitlines() == ["regular file", "fifo", "socket"]
    s.close()


def test_mnt5_kinds(box):
    box.mount("/mnt/r", "ramfs", "ramfs").mount("/mnt/t", "tmpfs", "tmpfs").mount("/mnt/p", "proc", "proc")
    box.sleep().up()
    assert [box.proc.mount(f"/mnt/{n}").fstype for n in "rtp"] == ["ramfs", "tmpfs", "proc"]


def test_mnt5_overlay(box, tmp):
    for n in ("lower", "upper", "work"):
        (tmp / n).mkdir()
    (tmp / "lower/x").write_text("lower")
    box.mount("/mnt", "overlay", "overlay", [f"lowerdir={tmp}/lower", f"upperdir={tmp}/upper", f"workdir={tmp}/work"])
    assert box.sees("cat /mnt/x; echo more > /mnt/y") == "lower"
    assert (tmp / "upper/y").read_text() == "more\n"


def test_mnt6_data(box):
    m = tmpfs(box, "size=128k", "nr_inodes=50", "mode=1750", "uid=3", "gid=4")
    assert {"size=128k", "nr_inodes=50", "mode=1750", "uid=3", "gid=4"} <= m.sopts


def test_mnt10_cgroup(box):
    box.namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])
    box.sleep().up()
    below = [m for m in box.proc.mounts() if m.target.startswith("/sys/fs/cgroup")]
    assert below and all({"ro", "nosuid", "noexec", "nodev"} <= m.opts for m in below), below
    if "pids" in look.CGROUPS:
        assert [m for m in below if m.target == "/sys/fs/cgroup/pids"]
        assert str(box.pid) in (box.cg("pids") / "cgroup.procs").read_text().split()
        out = box.exec("sh", "-c", "cat /sys/fs/cgroup/pids/cgroup.procs; touch /sys/fs/cgroup/pids/x || echo refused").out
        assert "1" in out.split() and "refused" in out


def test_mnt10_cgroup_without_cgroup_namespace_shows_own_subtree(box):
    box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])
    controller = "pids" if "pids" in look.CGROUPS else ""
    r = box.sh("cat /sys/fs/cgroup/pids/cgroup.procs" if controller else "cat /sys/fs/cgroup/cgroup.procs").run()
    assert r.rc == 0 and "1" in r.out.split(), r


def test_mnt10_cgroup_rw(box):
    box.namespace("cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rw"])
    if "pids" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    assert box.sees("mkdir /sys/fs/cgroup/pids/inner && ls -d /sys/fs/cgroup/pids/inner; rmdir /sys/fs/cgroup/pids/inner") \
        == "/sys/fs/cgroup/pids/inner\n"


# -- MO-* --------------------------------------------------------------------------------------------------------------
def test_mo1_defaults(box):
    m = tmpfs(box, "defaults")
    assert "rw" in m.opts and not {"nosuid", "nodev", "noexec"} & m.opts
    assert not [o for o in m.sopts if "defaults" in o]


FLAG_PAIRS = [("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("noatime", "atime"),
              ("nodiratime", "diratime"), ("nosymfollow", "symfollow")]


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
@pytest.mark.parametrize("on,off", FLAG_PAIRS)
def test_mo_flag_and_its_opposite(box, tmp, kind, on, off):
    (tmp / "src").mkdir()
    for i, options in enumerate(([on], [on, off], [off, on], [off])):
        box.mount(f"/mnt/{i}", kind, tmp / "src" if kind == "bind" else "tmpfs",
                  [*(["bind"] if kind == "bind" else []), *options])
    box.sleep().up()
    p = box.proc
    assert [on in p.mount(f"/mnt/{i}").opts for i in range(4)] == [True, False, True, False]


@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_mo_all_flags_together(box, tmp, kind):
    (tmp / "src").mkdir()
    words = ["ro", "nosuid", "nodev", "noexec", "nodiratime", "noatime"]
    box.mount("/mnt", kind, tmp / "src" if kind == "bind" else "t", [*(["bind"] if kind == "bind" else []), *words])
    box.sleep().up()
    assert set(words) <= box.proc.mount("/mnt").opts


def test_mo2_readonly_tmpfs_refuses_writes(box):
    box.mount("/mnt", "tmpfs", "t", ["ro"])
    assert "Read-only file system" in box.sees("touch /mnt/x 2>&1; true")


def test_mo3_suid_program_in_nosuid_mount(box, tmp):
    """The flag works, it is not only shown."""
    (tmp / "src").mkdir()
    target = tmp / "src/probe"
    target.write_bytes((box.rootfs / "bin/probe").read_bytes())
    os.chown(target, 33, 33)
    os.chmod(target, 0o6755)
    box.process["noNewPrivileges"] = False
    box.mount("/m1", "bind", tmp / "src", ["bind", "nosuid"]).mount("/m2", "bind", tmp / "src", ["bind"])
    lines = box.sees("/m1/probe ids; /m2/probe ids").splitlines()
    assert lines[0].split()[1] == "0" and lines[2].split()[1] == "33"


@pytest.mark.parametrize("word,present", [("sync", True), ("async", False), ("dirsync", True)])
def test_mo6_mo7_sync(box, word, present):
    m = tmpfs(box, word)
    assert (("sync" if word == "async" else word) in m.sopts) is present


def test_mo10_mo11_atime_modes(box):
    rows = {"relatime": "relatime", "norelatime": None, "strictatime": None, "nostrictatime": "relatime",
            "noatime": "noatime"}
    for i, word in enumerate(rows):
        box.mount(f"/mnt/{i}", "tmpfs", "t", [word])
    box.sleep().up()
    for i, (word, shown) in enumerate(rows.items()):
        opts = box.proc.mount(f"/mnt/{i}").opts
        if word == "norelatime":
            continue  # the kernel's default is relatime: clearing the flag asks for no mode
        assert ({"relatime", "noatime"} & opts) == ({shown} if shown else set()), (word, opts)


def test_mo13_lazytime(box):
    assert "lazytime" in tmpfs(box, "lazytime").sopts


@pytest.mark.parametrize("word", ["nolazytime", "silent", "loud", "mand", "nomand", "iversion", "noiversion"])
def test_mo_accepted_words(box, word):
    """Accepted, and not passed to the file system as data (tmpfs refuses unknown data)."""
    r = box.mount("/mnt", "tmpfs", "t", [word]).args("/bin/true").run()
    if word == "iversion":
        assert r.rc in (0, 1), r  # the kernel refuses MS_I_VERSION for some file systems
    else:
        assert r.rc == 0, r


def test_mo16_nosymfollow_works(box, tmp):
    (tmp / "src").mkdir()
    os.symlink("/etc/passwd", tmp / "src/link")
    box.mount("/mnt", "bind", tmp / "src", ["bind", "nosymfollow"])
    assert "Too many levels" in box.sees("cat /mnt/link 2>&1; true")


def test_mo17_remount(box):
    box.mount("/mnt", "tmpfs", "t", ["nosuid"]).mount("/mnt", "tmpfs", "t", ["remount", "ro", "nosuid"])
    box.sleep().up()
    found = [m for m in box.proc.mounts() if m.target == "/mnt"]
    assert len(found) == 1 and {"ro", "nosuid"} <= found[0].opts | found[0].sopts


def test_mo17_remount_bind(box, tmp):
    (tmp / "src").mkdir()
    box.mount("/mnt", "bind", tmp / "src", ["bind"]).mount("/mnt", "none", "none", ["remount", "bind", "ro"])
    box.sleep().up()
    found = [m for m in box.proc.mounts() if m.target == "/mnt"]
    assert len(found) == 1 and "ro" in found[0].opts
    assert "rw" in next(m for m in look.mounts() if m.target == "/").opts, "the host's mount stays writable"


def test_mo18_bind_is_not_recursive(box, tree):
    box.mount("/m1", "bind", tree, ["bind"]).mount("/m2", "bind", tree, ["rbind"])
    box.sleep().up()
    targets = {m.target for m in box.proc.mounts()}
    assert "/m2/sub" in targets and "/m1/sub" not in targets


PROPAGATION = ["private", "shared", "slave", "unbindable"]


@pytest.mark.parametrize("word", PROPAGATION)
@pytest.mark.parametrize("recursive", [False, True])
def test_mo19_to_22_propagation(box, tree, word, recursive):
    look.mount(None, tree, None, look.MS_SHARED | look.MS_REC)
    box.mount("/mnt", "bind", tree, ["rbind", ("r" if recursive else "") + word]).sleep().up()
    p = box.proc
    assert p.mount("/mnt").propagation == {"shared": "shared"}.get(word, word)
    if recursive:
        assert p.mount("/mnt/sub").propagation == word
    else:
        assert p.mount("/mnt/sub").propagation != word or word in ("private", "slave")


def test_propagation_of_a_tmpfs(box):
    box.mount("/mnt", "tmpfs", "t", ["shared"]).sleep().up()
    assert box.proc.mount("/mnt").propagation == "shared"


def test_rslave_bind_receives_host_mounts(box, tree, host_mount):
    look.mount(None, tree, None, look.MS_SHARED | look.MS_REC)
    box.mount("/mnt", "bind", tree, ["rbind", "rslave"]).sleep().up()
    (tree / "later").mkdir()
    host_mount("later", tree / "later", "tmpfs")
    assert box.proc.mount("/mnt/later").source == "later"


def test_private_bind_receives_no_host_mounts(box, tree, host_mount):
    look.mount(None, tree, None, look.MS_SHARED | look.MS_REC)
    box.mount("/mnt", "bind", tree, ["rbind", "rprivate"]).sleep().up()
    (tree / "later").mkdir()
    host_mount("later", tree / "later", "tmpfs")
    assert not [m for m in box.proc.mounts() if m.target == "/mnt/later"]


RECURSIVE = [("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnoatime", "noatime"),
             ("rnodiratime", "nodiratime"), ("rnosymfollow", "nosymfollow")]


@pytest.mark.parametrize("word,flag", RECURSIVE)
def test_mo23_to_31_recursive(box, tree, word, flag):
    box.mount("/mnt", "bind", tree, ["rbind", word]).sleep().up()
    assert flag in box.proc.mount("/mnt").opts and flag in box.proc.mount("/mnt/sub").opts
    mine = {m.target: m for m in look.mounts()}
    assert flag not in mine[str(tree)].opts and flag not in mine[str(tree / "sub")].opts, "the host's mounts are untouched"


@pytest.mark.parametrize("words,flag", [(["rrw"], "ro"), (["rsuid"], "nosuid"), (["rdev"], "nodev"), (["rexec"], "noexec"),
                                        (["ratime"], "noatime"), (["rdiratime"], "nodiratime"),
                                        (["rsymfollow"], "nosymfollow")])
def test_mo23_to_31_recursive_clear(box, tree, host_mount, words, flag):
    bits = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024, "nodiratime": 2048, "nosymfollow": 256}
    look.mount(None, tree / "sub", None, look.MS_REMOUNT | look.MS_BIND | bits[flag])
    box.mount("/mnt", "bind", tree, ["rbind", *words]).sleep().up()
    assert flag not in box.proc.mount("/mnt/sub").opts
    look.mount(None, tree / "sub", None, look.MS_REMOUNT | look.MS_BIND)


@pytest.mark.parametrize("word,shown", [("rrelatime", "relatime"), ("rstrictatime", None)])
def test_mo29_mo30_recursive_atime(box, tree, word, shown):
    box.mount("/mnt", "bind", tree, ["rbind", word]).sleep().up()
    for target in ("/mnt", "/mnt/sub"):
        assert ({"relatime", "noatime"} & box.proc.mount(target).opts) == ({shown} if shown else set())


@pytest.mark.parametrize("word", ["rnorelatime", "rnostrictatime"])
def test_mo29_mo30_accepted(box, tree, word):
    box.mount("/mnt", "bind", tree, ["rbind", word]).args("/bin/true").run().ok()


def test_mo23_rro_refuses_writes_in_submount(box, tree):
    box.mount("/m1", "bind", tree, ["rbind", "rro"]).mount("/m2", "bind", tree, ["rbind", "ro"])
    out = box.sees("touch /m1/sub/a 2>&1; touch /m2/a 2>&1; touch /m2/sub/b && echo written")
    assert out.count("Read-only") == 2 and "written" in out


# -- what must not happen -----------------------------------------------------------------------------------------------
def test_readonly_bind_is_readonly(box, tmp):
    (tmp / "src").mkdir()
    box.mount("/mnt", "bind", tmp / "src", ["bind", "ro"])
    assert "Read-only" in box.sees("touch /mnt/x 2>&1; true")
    assert os.listdir(tmp / "src") == []


def test_data_on_a_bind_does_not_touch_the_host(box, tree):
    """2.9 says refuse, spec-checklist's point 7 says ignore with a warning: either, but the host's mount stays."""
    before = next(m for m in look.mounts() if m.target == str(tree)).sopts
    r = box.mount("/mnt", "bind", tree, ["bind", "size=1k"]).args("/bin/true").run()
    assert r.rc in (0, 1)
    assert next(m for m in look.mounts() if m.target == str(tree)).sopts == before


def test_bind_keeps_flags_of_the_source(box, tree):
    """A bind without words for it does not lose nosuid,nodev of a source that has them when made read-only."""
    look.mount(None, tree, None, look.MS_REMOUNT | look.MS_BIND | look.MS_NOSUID | look.MS_NODEV)
    box.mount("/mnt", "bind", tree, ["bind", "ro"]).sleep().up()
    assert {"ro", "nosuid", "nodev"} <= box.proc.mount("/mnt").opts


def test_source_and_destination_in_the_same_file_system(box):
    box.mount("/mnt", "bind", box.rootfs / "etc", ["bind"])
    assert "root:" in box.sees("cat /mnt/passwd")


def test_fifty_mounts(box, tmp):
    (tmp / "src").mkdir()
    for i in range(50):
        box.mount(f"/mnt/{i}", "bind", tmp / "src", ["bind"])
    assert box.sees("grep -c ' /mnt/' /proc/self/mountinfo") == "50\n"


def test_long_names(box, tmp):
    deep = tmp / "/".join(["d" * 200] * 8)
    os.makedirs(deep)
    (deep / "f").write_text("deep")
    box.mount("/mnt", "bind", deep, ["bind"])
    assert box.sees("cat /mnt/f") == "deep"


def test_names_with_spaces_and_bytes(box, tmp):
    src = tmp / "a b\tc\\d,e:é"
    src.mkdir()
    (src / "f").write_text("odd")
    box.mount("/mnt/x y,z", "bind", src, ["bind", "ro"])
    assert box.sees("cat '/mnt/x y,z/f'") == "odd"
    assert Proc(os.getpid()).alive()


def test_shm_is_1777(box):
    assert box.sees("stat -c %a /dev/shm") == "1777\n"


def test_proc_shows_the_container(box):
    out = box.args("/bin/cat", "/proc/1/cmdline").run().out
    assert out == "/bin/cat\0/proc/1/cmdline\0"


def test_mountpoint_stub_modes(box):
    """What nook creates in the rootfs is plain: directories 0755, files not executable, owned by root."""
    box.mount("/stub/dir", "tmpfs", "t").args("/bin/true").run().ok()
    s = os.stat(box.rootfs / "stub/dir")
    assert stat.S_IMODE(s.st_mode) == 0o755 and s.st_uid == 0
