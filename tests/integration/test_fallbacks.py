# SPDX-License-Identifier: Apache-2.0
"""Old and locked-down kernels: basic scenarios while system calls fail with ENOSYS or EPERM (tools/nosys.c). Fixes get
lost in fallbacks, so hostile roots are tried there too (security.md, test conventions)."""

import errno
import os
import re

import pytest

import harness
import look
import programs
from look import Proc

pytestmark = pytest.mark.isolations("oci", "chroot", "chroot+no-pivot")

def numbers():
    """Names of system calls -> numbers, from the kernel's header."""
    out = {}
    for name, number in re.findall(r"#define __NR_(\w+) (\d+)", programs.syscalls_header().read_text()):
        out.setdefault(name, number)
    return out


NR = numbers()
SETS = {
    "openat2": ["openat2"],
    "mount API": ["open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "move_mount", "mount_setattr"],
    "mount_setattr": ["mount_setattr"],
    "fsopen": ["fsopen", "fsmount", "fsconfig"],
    "open_tree": ["open_tree"],
    "clone3": ["clone3"],
    "pidfd": ["pidfd_open", "pidfd_send_signal", "pidfd_getfd"],
    "close_range": ["close_range"],
    "memfd_create": ["memfd_create"],
    "statx": ["statx"],
    "faccessat2": ["faccessat2"],
    "keyctl": ["keyctl", "add_key", "request_key"],
    "everything new": ["openat2", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "move_mount", "mount_setattr", "clone3", "pidfd_open",
                       "pidfd_send_signal", "pidfd_getfd", "close_range", "faccessat2"],
}
CODES = {"ENOSYS": errno.ENOSYS, "EPERM": errno.EPERM}


@pytest.fixture(params=[f"{code} {name}" for name in SETS for code in CODES])
def blocked(request, box, tools):
    code, name = request.param.split(" ", 1)
    missing = [n for n in SETS[name] if n not in NR]
    if missing:
        pytest.skip(f"the kernel headers here do not know {missing}")
    box.nook.prefix = [tools["nosys"], str(CODES[code]), ",".join(NR[n] for n in SETS[name])]
    box.nook.blocked = name
    return box


@pytest.fixture(params=["openat2", "mount API", "clone3", "everything new"])
def old(request, box, tools):
    box.nook.prefix = [tools["nosys"], str(errno.ENOSYS), ",".join(NR[n] for n in SETS[request.param] if n in NR)]
    box.nook.blocked = request.param
    return box


def test_life(blocked, tmp):
    """Mounts of all kinds, masks, seccomp, user, exec, kill, delete."""
    box = blocked
    (tmp / "src").mkdir()
    (tmp / "src/file").write_text("bound")
    box.mount("/mnt/new/dir", "bind", tmp / "src", ["rbind", "ro"]).mount("/mnt/t", "tmpfs", "t", ["size=64k", "nosuid"])
    (box.rootfs / "secret").write_text("secret")
    box.linux["maskedPaths"] = ["/secret", "/proc/timer_list"]
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    box.config["root"]["readonly"] = True
    box.sh("cat /mnt/new/dir/file; cat /secret; cat /proc/sys/net/ipv4/ip_forward; readlink /dev/ptmx; exec probe sleep").create()
    pid = box.pid
    assert Proc(pid).stat()[1] == str(os.getpid())
    box.start().wait_text("pts/ptmx")
    assert box.text() == "bound1\npts/ptmx\n"
    p = box.proc
    assert "ro" in p.mount("/").opts and "ro" in p.mount("/mnt/new/dir").opts and "nosuid" in p.mount("/mnt/t").opts
    assert "ro" in p.mount("/proc/sys" if box.isolation == "oci" else "/proc").opts
    assert sorted(p.fds()) == [0, 1, 2]
    r = box.exec("sh", "-c", "echo in; exit 3")
    assert (r.rc, r.out) == (3, "in\n"), r
    box.stop().delete()
    box.nothing_left()


def test_run(blocked):
    assert blocked.sees("echo yes") == "yes\n"


def test_userns(old):
    old.userns()
    assert old.sees("id -u; cat /proc/self/uid_map").split() == ["0", "0", "100000", "65536"]


def test_delete_force(old):
    old.sleep().up()
    old.nook("delete", "--force", old.id).silent()
    old.nothing_left()


def test_pid_file_detach_exec(old, tmp):
    old.sleep().up()
    old.nook("exec", "-d", "--pid-file", tmp / "pid", old.id, "sleep", "1000").silent()
    assert Proc((tmp / "pid").read_text()).stat()[1] == str(os.getpid())


def test_terminal(old, console):
    old.process["terminal"] = True
    old.sh("tty; exec probe sleep").up("--console-socket", console.path)
    master = console.master()
    harness.read_pty(master, b"/dev/pts/0")
    os.close(master)


def test_recursive_options_work_or_are_refused(old, tmp, host_mount):
    """Without mount_setattr rro cannot be done atomically: done otherwise, or refused by name; never dropped."""
    src = tmp / "src"
    src.mkdir()
    host_mount("outer", src, "tmpfs")
    (src / "sub").mkdir()
    host_mount("inner", src / "sub", "tmpfs")
    old.mount("/mnt", "bind", src, ["rbind", "rro"])
    r = old.sleep().try_create()
    if r.rc:
        r.fails("/mounts/6")
        old.nothing_left()
    else:
        assert "ro" in old.proc.mount("/mnt").opts and "ro" in old.proc.mount("/mnt/sub").opts


def test_cve_2019_5736_exe(old, binary):
    from test_security import is_protected
    old.sleep().create()
    assert is_protected(old.pid, binary)


def test_joined_namespaces(old, make_box):
    other = make_box()
    other.sleep().up()
    for kind, name in (("network", "net"), ("ipc", "ipc"), ("pid", "pid")):
        old.namespace(kind, f"/proc/{other.pid}/ns/{name}")
    old.sleep().up()
    assert old.proc.ns("net") == other.proc.ns("net") and old.proc.ns("pid") == other.proc.ns("pid")


def picture(path):
    return sorted((str(p), os.lstat(p).st_mode, os.lstat(p).st_uid) for p in path.rglob("*"))


@pytest.mark.parametrize("recipe", ["mount", "file", "dev", "device", "cwd", "mask", "dots", "console", "proc"])
def test_hostile_roots(old, tmp, console, recipe):
    """The userspace walker of paths has the same semantics as openat2."""
    box, out = old, tmp / "OUT"
    out.mkdir()
    (out / "ptmx").write_text("marker")
    (tmp / "src").write_text("source")
    os.symlink(out, box.rootfs / "esc")
    os.symlink("../" * 12 + str(out)[1:], box.rootfs / "esc2")
    before, flags = picture(out), []
    if recipe == "mount":
        box.mount("/esc/d/e", "tmpfs", "t").mount("/esc2/x/y", "tmpfs", "t")
    elif recipe == "file":
        box.mount("/esc/f", "bind", tmp / "src", ["bind"])
    elif recipe == "dev":
        box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
        os.rmdir(box.rootfs / "dev")
        os.symlink(out, box.rootfs / "dev")
    elif recipe == "device":
        box.linux["devices"] = [{"path": "/esc/dev0", "type": "c", "major": 1, "minor": 3}]
    elif recipe == "cwd":
        box.process["cwd"] = "/esc/made/here"
    elif recipe == "mask":
        box.linux["maskedPaths"] = ["/esc", "/esc/ptmx"]
        box.linux["readonlyPaths"] = ["/esc2"]
    elif recipe == "dots":
        box.mount("/new/../../../OUT/x", "tmpfs", "t").mount("/esc/../../x", "tmpfs", "t")
    elif recipe == "console":
        box.unmount("/dev", "/dev/shm", "/dev/mqueue")
        (box.rootfs / "dev/pts").mkdir()
        os.symlink(out / "made", box.rootfs / "dev/console")
        box.process["terminal"] = True
        flags = ["--console-socket", console.path]
    elif recipe == "proc":
        (box.rootfs / "bad").mkdir()
        os.rmdir(box.rootfs / "proc")
        os.symlink("/bad", box.rootfs / "proc")
    r = box.sleep().try_create(*flags)
    if r.rc:
        r.fails()
        box.nothing_left()
    else:
        assert recipe != "proc"
        box.start()
    assert picture(out) == before and (out / "ptmx").read_text() == "marker"
    assert not [m for m in look.mounts() if str(out) in m.target]


def test_links_inside_the_root_still_work(old):
    os.symlink("/var/lib", old.rootfs / "link")
    os.symlink("../link/x", old.rootfs / "home/rel")
    old.mount("/link/deep", "tmpfs", "t").mount("/home/rel", "tmpfs", "t")
    out = old.sees("cut -d' ' -f5 /proc/self/mountinfo")
    assert "/var/lib/deep" in out.split() and "/var/lib/x" in out.split()


def test_a_loop_of_links_is_an_error(old):
    os.symlink("b", old.rootfs / "a")
    os.symlink("a", old.rootfs / "b")
    old.mount("/a/x", "tmpfs", "t")
    old.refuse("/mounts/6")


def test_dev_nodes(old):
    assert old.sees("stat -c '%F %t:%T' /dev/null") == "character special file 1:3\n"
