# SPDX-License-Identifier: Apache-2.0
"""The deterministic recipes of security.md 1a to 1f and those of section 2 that can be checked here, in each isolation in
which they say something. OUT is a host directory that must stay clean; a hostile rootfs may be refused or contained, never
obeyed. (CVE-2016-9962 and CVE-2024-21626 are in test_fds, 1d's identities in test_exec and test_process, TIOCSTI in
test_terminal; what is peculiar to the chroot isolation is in test_chroot_security.)"""

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest

import harness
import look
from look import Proc, wait_until

WITH_MOUNTS = ("oci", "chroot", "chroot+no-pivot", "chroot+userns")
pytestmark = pytest.mark.isolations(*WITH_MOUNTS, "bare")
with_mounts = pytest.mark.isolations(*WITH_MOUNTS)
in_oci = pytest.mark.isolations("oci")  # it is about what only full isolation has


class Out:
    """A host directory with a marker; clean() proves that nobody touched it."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        (path / "marker").write_text("marker")
        (path / "ptmx").write_text("marker")
        for p in (path, path / "marker", path / "ptmx"):
            p.chmod(0o777)  # it is not for want of permission that nothing happens
        self.before = self.picture()

    def picture(self):
        def one(p):
            s = os.lstat(p)
            return (str(p), s.st_mode, s.st_uid, s.st_gid, s.st_rdev, s.st_mtime_ns if stat.S_ISREG(s.st_mode) else 0,
                    p.read_bytes() if stat.S_ISREG(s.st_mode) else None)
        return [one(self.path), *sorted(one(p) for p in self.path.rglob("*"))]

    def clean(self):
        assert self.picture() == self.before


@pytest.fixture
def out(tmp):
    o = Out(tmp / "OUT")
    yield o
    o.clean()


def settle(box, *flags, **kw):
    """create; then start if it was not refused. Returns whether it runs."""
    r = box.try_create(*flags, **kw)
    if r.rc:
        r.fails()
        box.nothing_left(0.5)
        return False
    box.nook("start", box.id).silent()
    return True


def no_dev(box, pts=False):
    """The image's own /dev is used."""
    return box.unmount("/dev", "/dev/shm", "/dev/mqueue", *([] if pts else ["/dev/pts"]))


# -- 1a ------------------------------------------------------------------------------------------------------------------
def is_protected(pid, binary):
    mine, theirs = os.stat(binary), os.stat(f"/proc/{pid}/exe")
    if (mine.st_dev, mine.st_ino) != (theirs.st_dev, theirs.st_ino):
        return True
    fd = os.open(f"/proc/{pid}/exe", os.O_RDONLY)
    try:
        return bool(os.fstatvfs(fd).f_flag & os.ST_RDONLY)
    finally:
        os.close(fd)


def test_cve_2019_5736_exe_of_created(box, binary):
    box.sleep().create()
    assert is_protected(box.pid, binary)


def test_cve_2019_5736_exe_of_created_in_userns(box, binary):
    box.userns().sleep().create()
    assert is_protected(box.pid, binary)


def test_cve_2019_5736_self_exe_entrypoint(box, binary):
    before = hashlib.sha256(open(binary, "rb").read()).hexdigest()
    harness.script(box.rootfs / "evil", "")
    (box.rootfs / "evil").write_text("#!/proc/self/exe\n")
    box.args("/evil").run()
    box.sh("while :; do (exec 3</proc/1/exe) 2>/dev/null; (exec 4>>/proc/1/exe) 2>/dev/null; done").up()
    for _ in range(20):
        box.exec("/evil")
        box.exec("true")
    assert hashlib.sha256(open(binary, "rb").read()).hexdigest() == before


def test_cve_2019_5736_write_through_exe(box, binary):
    """A container process with root's rights cannot open the waiting init's executable for writing."""
    before = hashlib.sha256(open(binary, "rb").read()).hexdigest()
    box.caps("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE").sleep().create()
    r = box.exec("sh", "-c", "echo x >> /proc/1/exe")
    assert r.rc != 0
    assert hashlib.sha256(open(binary, "rb").read()).hexdigest() == before


NAMES = ["dev/null", "dev/zero", "dev/full", "dev/random", "dev/urandom", "dev/tty", "dev/console", "dev/ptmx", "dev/fd", "dev/stdin", "dev/stdout",
         "dev/stderr", "dev/core", "dev/pts", "dev/shm", "dev/mqueue", "run/notify", "run/notify/notify.sock", "etc/hosts", "etc/resolv.conf", "etc/hostname",
         "run/.containerenv", ".dockerenv", "proc", "sys", "work"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("to", ["new", "marker"])
def test_cve_2025_24965_every_name_as_a_link(box, out, tmp, name, to):
    """Each name that a runtime makes in the rootfs is a link to the host."""
    path = box.rootfs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    os.symlink(out.path / to, path)
    (tmp / "src").write_text("source")
    no_dev(box)
    box.process["cwd"] = "/work"
    for f in ("hosts", "resolv.conf", "hostname"):
        if name == f"etc/{f}":
            box.mount(f"/etc/{f}", "bind", tmp / "src", ["bind"])
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(tmp / "n"))
    box.args("/bin/true").run(env={"NOTIFY_SOCKET": str(tmp / "n")} if "notify" in name else None)
    server.close()
    out.clean()
    box.nothing_left()


# -- 1b ------------------------------------------------------------------------------------------------------------------
def test_cve_2019_16884_fake_proc_by_bind(box, tmp):
    """A volume on /proc: files of that name must not be taken for procfs."""
    fake = tmp / "fake"
    (fake / "self/attr").mkdir(parents=True)
    (fake / "self/fd").mkdir()
    (fake / "self/attr/exec").write_text("untouched")
    for n in range(3, 10):
        (fake / f"self/fd/{n}").write_text("untouched")
    os.symlink("self", fake / "thread-self")
    box.unmount("/proc").mount("/proc", "bind", fake, ["rbind"])
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    fd = os.open("/", os.O_RDONLY)
    os.dup2(fd, 60, inheritable=True)
    if settle(box.args("/bin/probe", "fds"), pass_fds=(60,)):
        wait_until(lambda: box.text())
        assert box.text() == "0 1 2 \n", "a descriptor leaked"
    os.close(fd)
    os.close(60)
    assert {p.read_text() for p in fake.rglob("*") if p.is_file() and not p.is_symlink()} == {"untouched"}


@with_mounts
@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("target", ["/bad", "bad", "../../bad", "/bad/"])
def test_cve_2019_19921_proc_is_a_link(box, name, target):
    (box.rootfs / "bad").mkdir()
    os.rmdir(box.rootfs / name)
    os.symlink(target, box.rootfs / name)
    box.refuse(pointers=["/mounts/0"] if name == "proc" else ["/mounts/5"])
    assert os.listdir(box.rootfs / "bad") == []


@with_mounts
def test_cve_2025_52881_fake_proc_sys(box, tmp):
    """A sysctl is never written into a file that lies over /proc/sys."""
    fake = tmp / "fake"
    (fake / "net/ipv4").mkdir(parents=True)
    (fake / "net/ipv4/ip_forward").write_text("untouched")
    box.mount("/proc/sys", "bind", fake, ["bind"])
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    box.linux["readonlyPaths"] = []
    if settle(box.sleep()):
        value = subprocess.check_output(["nsenter", "-t", str(box.pid), "-n", "cat", "/proc/sys/net/ipv4/ip_forward"])
        assert value == b"1\n"
    assert (fake / "net/ipv4/ip_forward").read_text() == "untouched"


@with_mounts
@pytest.mark.parametrize("destination", ["/proc/self", "/proc/sys/kernel", "/proc/1", "/proc/self/fd", "/proc/thread-self", "/proc/sysrq-trigger"])
def test_nothing_is_mounted_inside_proc(box, tmp, destination):
    (tmp / "src").mkdir()
    box.mount(destination, "bind", tmp / "src", ["bind"])
    box.refuse(pointers=["/mounts/6", "/mounts/6/destination"])


@with_mounts
@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "uptime", "stat", "loadavg", "swaps", "diskstats"])
def test_lxcfs_files_may_be_mounted_inside_proc(box, tmp, name):
    if not os.path.exists(f"/proc/{name}"):
        pytest.skip(f"this kernel has no /proc/{name}")
    (tmp / "f").write_text("from lxcfs")
    box.mount(f"/proc/{name}", "bind", tmp / "f", ["bind", "ro"])
    assert box.sees(f"cat /proc/{name}") == "from lxcfs"


# -- 1c ------------------------------------------------------------------------------------------------------------------
def test_cve_2021_30465_shape(box, tmp):
    """V on /v, W on /v/d where V holds d -> a host path; x of W is a link to /: nothing of the host shows at /z."""
    for n in ("V", "W", "H"):
        (tmp / n).mkdir()
    mark = f"nkt-mark-{os.getpid()}"
    with open(f"/{mark}", "w") as f:
        f.write("MARK")
    try:
        os.symlink(tmp / "H", tmp / "V/d")
        os.symlink("/", tmp / "W/x")
        box.mount("/v", "bind", tmp / "V", ["bind"]).mount("/v/d", "bind", tmp / "W", ["bind"])
        box.mount("/z", "bind", tmp / "H", ["bind"])
        r = box.sh(f"cat /z/{mark} /z/x/{mark} /v/d/x/{mark}; ls /z").run()
        assert "MARK" not in r.out
        assert os.listdir(tmp / "H") == []
    finally:
        os.unlink(f"/{mark}")


@pytest.mark.parametrize("link", ["absolute", "relative", "via proc", "chain", "dangling", "trailing slash"])
@pytest.mark.parametrize("kind", ["tmpfs", "file"])
def test_cve_2024_45310_mountpoint_through_a_link(box, out, tmp, link, kind):
    """Missing mount points are made in the rootfs or not at all."""
    target = {"absolute": str(out.path), "relative": "../../OUT", "via proc": f"/proc/self/root{out.path}", "chain": "esc2",
              "dangling": str(out.path / "not/there"), "trailing slash": str(out.path) + "/"}[link]
    os.symlink(target, box.rootfs / "esc")
    os.symlink(str(out.path), box.rootfs / "esc2")
    (tmp / "src").write_text("source")
    if kind == "tmpfs":
        box.mount("/esc/d/e", "tmpfs", "t")
    else:
        box.mount("/esc/f", "bind", tmp / "src", ["bind"])
    settle(box.sleep())
    out.clean()


def test_cve_2024_45310_last_component_is_a_link(box, out, tmp):
    """crun's form: only the last component."""
    (tmp / "src").write_text("source")
    os.symlink(out.path / "made", box.rootfs / "f")
    os.symlink(out.path / "made2", box.rootfs / "d")
    box.mount("/f", "bind", tmp / "src", ["bind"]).mount("/d", "tmpfs", "t")
    settle(box.sleep())
    out.clean()


@pytest.mark.parametrize("destination", ["/../../OUT/x", "/a/../../../OUT/x", "/new/../../../OUT/x", "/esc/../x"])
def test_cve_2024_45310_dots(box, out, destination):
    os.symlink(out.path, box.rootfs / "esc")
    box.mount(destination, "tmpfs", "t")
    settle(box.sleep())
    out.clean()


@with_mounts
def test_dangling_link_inside_the_root_works(box):
    os.symlink("/target/dir", box.rootfs / "link")
    box.mount("/link", "tmpfs", "t")
    r = box.sh("grep -q ' /target/dir ' /proc/self/mountinfo && echo yes").run()
    assert r.out == "yes\n", r


def test_image_path_is_a_fifo(box):
    """2.3: no hang on what is opened."""
    os.rmdir(box.rootfs / "mnt")
    os.mkfifo(box.rootfs / "mnt")
    box.mount("/mnt", "tmpfs", "t")
    begin = time.monotonic()
    settle(box.sleep())
    assert time.monotonic() - begin < 5 * look.SCALE


@with_mounts
@pytest.mark.parametrize("what", ["link", "file", "directory", "other device", "fifo", "missing"])
def test_cve_2025_31133_dev_null_of_the_image(box, what):
    """Masks come from a real null device, whatever the image calls /dev/null."""
    null = box.rootfs / "dev/null"
    if what == "link":
        os.symlink("/proc/version", null)
    elif what == "file":
        null.write_text("regular")
    elif what == "directory":
        null.mkdir()
    elif what == "fifo":
        os.mkfifo(null)
    elif what == "other device":
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    no_dev(box).linux["maskedPaths"] = ["/proc/timer_list", "/etc/passwd"]
    box.sh("stat -c '%F %t:%T' /proc/timer_list /etc/passwd > /tmp/r; exec probe sleep")
    if settle(box):
        wait_until(lambda: (box.rootfs / "tmp/r").exists() and (box.rootfs / "tmp/r").read_text().count("\n") == 2)
        assert set((box.rootfs / "tmp/r").read_text().splitlines()) == {"character special file 1:3"}


@with_mounts
@pytest.mark.parametrize("ptmx", ["host node", "link", "none"])
def test_cve_2025_52565_pts_of_the_image(box, console, ptmx):
    """No devpts mount; the image's /dev/pts holds links: /dev/console is a real pty, or the create is refused."""
    pts = box.rootfs / "dev/pts"
    pts.mkdir()
    for n in range(10):
        os.symlink("/proc/version", pts / str(n))
    if ptmx == "host node":
        os.mknod(pts / "ptmx", 0o666 | stat.S_IFCHR, os.makedev(5, 2))
    elif ptmx == "link":
        os.symlink("/dev/pts/../ptmx", pts / "ptmx")
    no_dev(box)
    box.process["terminal"] = True
    box.sh("stat -c '%F %t' /dev/console > /tmp/r; exec probe sleep")
    if settle(box, "--console-socket", console.path):
        wait_until(lambda: (box.rootfs / "tmp/r").exists() and (box.rootfs / "tmp/r").read_text())
        assert (box.rootfs / "tmp/r").read_text() == "character special file 88\n"


@pytest.mark.parametrize("target", ["absolute", "relative", "deep relative"])
def test_cve_2026_41579_dev_is_a_link(box, out, target):
    no_dev(box)
    os.rmdir(box.rootfs / "dev")
    os.symlink({"absolute": str(out.path), "relative": "../../OUT", "deep relative": "../" * 12 + str(out.path)[1:]}[target], box.rootfs / "dev")
    settle(box.sleep())
    out.clean()


@pytest.mark.parametrize("with_pts", [True, False])
def test_cve_2026_41579_dev_is_a_link_with_terminal(box, out, console, with_pts):
    no_dev(box, pts=with_pts)
    os.rmdir(box.rootfs / "dev")
    os.symlink(str(out.path), box.rootfs / "dev")
    box.process["terminal"] = True
    settle(box.sleep(), "--console-socket", console.path)
    out.clean()


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("target", ["made", "marker"])
def test_cve_2026_88264_console_is_a_link(box, out, console, readonly, target):
    """devpts is mounted, /dev is the image's."""
    no_dev(box, pts=True)
    (box.rootfs / "dev/pts").mkdir()
    os.symlink(out.path / target, box.rootfs / "dev/console")
    box.config["root"]["readonly"] = readonly
    box.process["terminal"] = True
    settle(box.sleep(), "--console-socket", console.path)
    out.clean()


@pytest.mark.parametrize("uid", [0, 1000])
def test_cve_2026_88265_stdio_and_a_hostile_null(box, tmp, uid):
    """Pipes as stdio, the image's /dev/null is a link to a bound host file: it is neither written nor chowned."""
    f = tmp / "F"
    f.write_text("content")
    no_dev(box).mount("/mnt/f", "bind", f, ["bind"])
    os.symlink("/mnt/f", box.rootfs / "dev/null")
    box.process["user"] = {"uid": uid, "gid": uid}
    box.sh("echo HELLO").write()
    p = subprocess.run(box.nook.command(["run", "--bundle", box.dir, *box.flags, box.id]), input=b"in", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
    assert p.returncode in (0, 1) and (p.returncode or p.stdout == b"HELLO\n")
    assert f.read_text() == "content" and os.stat(f).st_uid == 0


def test_cve_2026_88265_null_stdio(box, tmp):
    """The same when the caller's stdio is /dev/null, which nook may want to reopen inside."""
    f = tmp / "F"
    f.write_text("content")
    no_dev(box).mount("/mnt/f", "bind", f, ["bind"])
    os.symlink("/mnt/f", box.rootfs / "dev/null")
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.sh("echo HELLO; echo ERR >&2").write()
    box.nook.spawn("run", "--bundle", box.dir, *box.flags, box.id, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()
    assert f.read_text() == "content" and os.stat(f).st_uid == 0


@with_mounts
def test_cve_2026_115521_readonly_root_and_fake_proc(box):
    """No proc mount; the image has /proc/{self,thread-self}/fd/N links to a tmpfs: the root is read-only all the same."""
    box.unmount("/proc").mount("/other", "tmpfs", "t")
    box.linux.update(maskedPaths=[], readonlyPaths=["/etc"])
    box.config["root"]["readonly"] = True
    for who in ("self", "thread-self", "1"):
        d = box.rootfs / "proc" / who / "fd"
        d.mkdir(parents=True)
        for n in range(3, 64):
            os.symlink("/other", d / str(n))
    box.sh("touch /x 2>/dev/null && echo WRITTEN; touch /etc/x 2>/dev/null && echo WRITTEN; echo end")
    r = box.run()
    assert r.rc == 1 or r.out == "end\n", r
    assert not (box.rootfs / "x").exists() and not (box.rootfs / "etc/x").exists()


@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
def test_masks_through_links_stay_inside(box, out, name):
    os.symlink(out.path, box.rootfs / "esc")
    os.symlink(out.path / "marker", box.rootfs / "esc2")
    os.symlink("../" * 12 + str(out.path)[1:], box.rootfs / "esc3")
    box.linux[name] = ["/esc", "/esc2", "/esc3/marker", "/esc/marker"]
    settle(box.sleep())
    assert (out.path / "marker").read_text() == "marker"
    assert not [m for m in look.mounts() if str(out.path) in m.target]


def test_devices_through_links_stay_inside(box, out):
    os.symlink(out.path, box.rootfs / "esc")
    box.linux["devices"] = [{"path": "/esc/dev0", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}]
    settle(box.sleep())
    out.clean()


def test_device_over_a_link_to_a_host_file(box, out):
    os.symlink(out.path / "marker", box.rootfs / "dev0")
    box.linux["devices"] = [{"path": "/dev0", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 1000}]
    settle(box.sleep())
    out.clean()


def test_cwd_through_links_stays_inside(box, out):
    os.symlink(out.path, box.rootfs / "esc")
    box.process["cwd"] = "/esc/made/here"
    settle(box.sleep())
    out.clean()


def test_program_through_links_stays_inside(box, tmp):
    harness.script(tmp / "host-tool", "echo HOST\n")
    os.symlink(tmp / "host-tool", box.rootfs / "tool")
    r = box.args("/tool").run()
    assert "HOST" not in r.out and r.rc == 1


def test_root_path_link_swap_does_not_matter_after_create(box, out):
    box.sleep().create()
    os.rename(box.rootfs, box.dir / "old")
    os.symlink(out.path, box.rootfs)
    box.start()
    assert box.exec("ls", "/").out.split() == sorted(os.listdir(box.dir / "old"))


@pytest.mark.parametrize("n", range(4))
def test_race_of_a_mount_target(box, out, tmp, tools, n):
    """A short form of the race tests: another process swaps a directory with a link to the host while creates run."""
    shared = tmp / "V"
    (shared / "d").mkdir(parents=True)
    for p in (shared, shared / "d"):
        p.chmod(0o777)
    os.symlink(out.path, shared / "l")
    pid = os.fork()
    if pid == 0:
        libc = look.libc
        a, b = str(shared / "d").encode(), str(shared / "l").encode()
        while True:
            libc.renameat2(-100, a, -100, b, 2)
    look.KNOWN.add(pid)
    try:
        box.mount("/v", "bind", shared, ["bind"]).mount("/v/d/made/here", "tmpfs", "t")
        for _ in range(15):
            box.args("/bin/true").run()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        look.KNOWN.discard(pid)
    out.clean()


# -- 1e ------------------------------------------------------------------------------------------------------------------
@with_mounts
@pytest.mark.parametrize("cgroupns", [True, False])
@pytest.mark.parametrize("userns", [True, False])
def test_cve_2023_25809_sys_is_readonly_with_all_submounts(box, cgroupns, userns):
    if cgroupns:
        box.namespace("cgroup")
    if userns:
        box.userns()
    box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])
    box.sleep()
    if not settle(box):
        return
    for m in box.proc.mounts():
        if m.target == "/sys" or m.target.startswith("/sys/"):
            assert "ro" in m.opts, m
    out = box.exec("sh", "-c", "for d in /sys /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/x 2>/dev/null && echo MADE $d; done; echo end").out
    assert out == "end\n"


@with_mounts
def test_sys_bind_fallback_is_readonly(box):
    """Host network namespace in a user namespace: sysfs cannot be mounted anew; a bind of the host's must be ro throughout."""
    box.userns().no_namespace("network")
    if settle(box.sleep()):
        for m in box.proc.mounts():
            if m.target == "/sys" or m.target.startswith("/sys/"):
                assert "ro" in m.opts, m


def test_sysctl_core_pattern_is_not_written(box):
    with open("/proc/sys/kernel/core_pattern") as f:
        value = f.read().strip()
    for key in ("kernel.core_pattern", "kernel/core_pattern", "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern", "net..kernel.core_pattern"):
        box.linux["sysctl"] = {key: value}
        box.refuse()


# -- passwd, group (1g) ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["fifo", "link to a fifo", "device", "directory", "link outside"])
def test_cve_2024_9676_passwd(box, tmp, what):
    for n in ("passwd", "group"):
        path = box.rootfs / "etc" / n
        os.unlink(path)
        if what == "fifo":
            os.mkfifo(path)
        elif what == "link to a fifo":
            os.mkfifo(box.rootfs / f"etc/{n}.fifo")
            os.symlink(f"{n}.fifo", path)
        elif what == "device":
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        elif what == "directory":
            path.mkdir()
        else:
            (tmp / n).write_text("root:x:0:0::/stolen:/bin/sh\n")
            os.symlink(tmp / n, path)
    begin = time.monotonic()
    box.process["env"] = [harness.PATH_ENV]
    r = box.sh("echo $HOME").run()
    assert (r.rc, r.out) == (0, "/\n"), r
    assert time.monotonic() - begin < 5 * look.SCALE


def test_cve_2024_9676_endless_passwd(box, sanitized):
    path = box.rootfs / "etc/passwd"
    os.truncate(path, 1 << 30)
    box.process["env"] = [harness.PATH_ENV]
    if not sanitized:  # AddressSanitizer needs terabytes of addresses
        box.nook.prefix = ["prlimit", f"--as={64 << 20}"]
    begin = time.monotonic()
    assert box.sh("echo $HOME").run().rc == 0
    assert time.monotonic() - begin < 5 * look.SCALE


# -- section 2 -----------------------------------------------------------------------------------------------------------
def test_caller_environment_is_not_visible_while_created(box):
    """1g, CVE-2021-3602's lesson in oci mode: crun shows it."""
    box.sleep().create(env={"CI_SECRET": "hunter2"})
    assert b"hunter2" not in (box.proc.dir / "environ").read_bytes()
    assert b"hunter2" not in (box.proc.dir / "cmdline").read_bytes()
    assert box.exec("sh", "-c", "cat /proc/1/environ 2>/dev/null | grep -c hunter2").out in ("0\n", "")


def test_exec_environment_is_not_visible(box):
    box.sh("while :; do cat /proc/[0-9]*/environ 2>/dev/null; done").up()
    for _ in range(30):
        box.exec("true", env={"CI_SECRET": "hunter2"})
    assert "hunter2" not in box.text()


def test_no_nss_in_the_container(box):
    """2.24: hostile libraries and switches of the image are never loaded."""
    for d in ("lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu"):
        (box.rootfs / d).mkdir(parents=True, exist_ok=True)
        for n in ("libnss_files.so.2", "libnss_evil.so.2", "libc.so.6", "libseccomp.so.2", "libcap.so.2"):
            (box.rootfs / d / n).write_text("not a library")
    (box.rootfs / "etc/nsswitch.conf").write_text("passwd: evil\ngroup: evil\n")
    (box.rootfs / "etc/ld.so.preload").write_text("/lib/libnss_evil.so.2\n")
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO"}]}
    r = box.args("/bin/probe", "fds").run()
    assert (r.rc, r.out) == (0, "0 1 2 \n"), r


def test_propagation_of_the_host_is_unchanged(box, tmp, host_mount):
    """2.14"""
    (tmp / "s").mkdir()
    host_mount("s", tmp / "s", "tmpfs")
    look.mount(None, tmp / "s", None, look.MS_SHARED)
    before = [(m.id, m.target, m.propagation) for m in look.mounts()]
    box.mount("/mnt", "bind", tmp / "s", ["bind"])
    box.args("/bin/true").run().ok()
    assert [(m.id, m.target, m.propagation) for m in look.mounts()] == before


def test_init_is_not_dumpable_while_created(box):
    """2.15: a process of the container with the same uid cannot look into the waiting init."""
    box.userns().sleep().create()
    assert os.lstat(f"/proc/{box.pid}/environ").st_uid == 0
    r = box.exec("ls", "/proc/1/fd")
    assert r.rc != 0 or r.out == ""


@in_oci
def test_container_sees_no_process_of_the_host(box):
    box.sleep().up()
    pids = [int(p) for p in box.exec("ls", "/proc").out.split() if p.isdigit()]
    assert pids and max(pids) < 50


def test_no_abstract_socket(box):
    """1h, containerd CVE-2020-15257"""
    before = set(open("/proc/net/unix").read().split("\n"))
    box.sleep().create()
    new = set(open("/proc/net/unix").read().split("\n")) - before
    assert not [line for line in new if line.split() and line.split()[-1].startswith("@")]


def test_start_socket_is_not_reachable_from_inside(box):
    """The state directory is not in the container; root inside cannot start it by itself."""
    box.sleep().create()
    r = box.exec("ls", "-a", box.nook.root)
    assert r.rc != 0


def test_annotations_do_not_weaken(box):
    """2.32: annotations of crun's and runc's kind change nothing."""
    box.config["annotations"] = {"run.oci.keep_original_groups": "1", "run.oci.seccomp_fail_unknown_syscall": "1", "run.oci.hooks.stdout": "/tmp/nkt-evil",
                                 "run.oci.handler": "krun", "run.oci.mount_context_type": "x", "org.systemd.property.X": "y"}
    r = box.sh("id -G").run(preexec=lambda: os.setgroups([4, 20, 27]))
    assert r.out == "0\n" and not os.path.exists("/tmp/nkt-evil")


@in_oci
def test_binary_is_hardened(binary):
    """2.31: PIE, relro, now, a non-executable stack."""
    text = subprocess.check_output(["readelf", "-hlWd", binary], text=True, stderr=subprocess.DEVNULL)
    assert "DYN (" in text and "GNU_RELRO" in text
    assert "NOW" in text or "static-pie" in subprocess.check_output(["file", binary], text=True)
    stack = next(line for line in text.splitlines() if "GNU_STACK" in line)
    assert "RWE" not in stack


def test_host_state_after_a_hostile_run(box, out):
    """All at once: the host's device nodes, cgroups and mounts are as before."""
    nodes = {n: os.stat(f"/dev/{n}") for n in ("null", "zero", "ptmx", "tty")}
    no_dev(box)
    for n in ("null", "ptmx", "console", "tty"):
        os.symlink(out.path / "ptmx", box.rootfs / "dev" / n)
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.sh("echo x").run()
    for n, old in nodes.items():
        new = os.stat(f"/dev/{n}")
        assert (new.st_mode, new.st_uid, new.st_gid, new.st_rdev) == (old.st_mode, old.st_uid, old.st_gid, old.st_rdev)
    assert json.dumps(sorted(look.cgroups_named(box.id))) == "[]"
    assert Proc(os.getpid()).alive()
