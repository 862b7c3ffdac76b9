# SPDX-License-Identifier: Apache-2.0
"""What is peculiar to the chroot isolation and to bare: security.md 1g. Ways out of a root that was entered by chroot(2),
and into the processes of the runtime, which a payload can see there. (Hostile roots: test_security, in each isolation.)"""

import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

import harness
import look
from look import Proc, wait_until
from test_fallbacks import NR, SETS

PIVOTED = ("chroot", "chroot+userns")
CHROOTED = ("chroot+no-pivot", "chroot+no-pivot+userns")
WITH_MOUNTS = (*PIVOTED, *CHROOTED)
pytestmark = pytest.mark.isolations(*WITH_MOUNTS, "bare")
isolations = pytest.mark.isolations

DOCKER = [f"CAP_{n}" for n in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
                               "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP")]
SYS_CHROOT = 1 << 18
TIOCGPTPEER = 0x5441  # Python's termios does not have it


def in_userns(box):
    return "user" in [n["type"] for n in box.linux["namespaces"]]


def words(text):
    """What the tool escape says: way -> word."""
    return dict(line.split(": ", 1) for line in text.splitlines())


@pytest.fixture
def mark():
    """The name of a file in the host's "/"."""
    name = f"nkt-mark-{os.getpid()}"
    path = Path("/", name)
    path.write_text("MARK")
    yield name
    path.unlink()


@pytest.fixture
def escape(box, tools):
    """The box, with the tool escape in it, and no no_new_privs in its way."""
    os.link(tools["escape"], box.rootfs / "bin/escape")
    box.process["noNewPrivileges"] = False
    return box


@pytest.fixture
def outsider():
    """outsider(COMMAND...) -> the pid of a process of the host that sleeps, started by that command."""
    started = []

    def make(*command):
        popen = subprocess.Popen([*command, "sleep", "1000"])
        started.append(popen)
        look.KNOWN.add(popen.pid)
        wait_until(lambda: Proc(popen.pid).text("comm") == "sleep\n", what="the host's process")
        return popen.pid

    yield make
    for popen in started:
        popen.kill()
        popen.wait()
        look.KNOWN.discard(popen.pid)


NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
USER_NAMESPACE = ("unshare", "-U", "--map-root-user")


def give_proc(box, host_mount):
    """bare mounts none: then the image has one, which is the worst that it can have."""
    if box.isolation == "bare":
        host_mount("proc", box.rootfs / "proc", "proc")


def members():
    """The container's own processes, from outside: without the supervisor."""
    look.reap()
    return [p for p in look.descendants() if Proc(p).alive() and not Proc(p).text("comm").startswith("nook-super")]


# -- the root ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("asks", ["few", "docker", "nothing"])
def test_no_way_out(escape, mark, asks):
    """With these capabilities; "nothing" means that the config has no such object, so root has all of them."""
    if asks == "docker":
        escape.caps(*DOCKER)
    elif asks == "nothing":
        del escape.process["capabilities"]
        if escape.isolation == "bare":  # it may mount, on the host: only what is no mount is tried
            assert escape.args("/bin/escape", "chroot", mark).run().ok().out == "double chroot: EPERM\n"
            return
    said = words(escape.args("/bin/escape", "out", mark).run().ok().out)
    assert len(said) == 11, said
    out = {way for way, word in said.items() if word.startswith("out")}
    if asks == "nothing" and escape.isolation == "chroot" and not in_userns(escape):
        out.discard("by /proc")  # all capabilities of the host's root: it may look into every process
    assert out == set(), said
    if asks != "nothing":
        assert said["double chroot"] == ("in" if asks == "docker" and not escape.flags and escape.isolation != "bare" else "EPERM"), said


@pytest.mark.parametrize("asks", ["few", "docker"])
def test_a_new_user_namespace_in_there(escape, mark, asks):
    """Works after pivot_root; after chroot(2) the kernel refuses it, for it would give CAP_SYS_CHROOT back."""
    escape.caps(*(DOCKER if asks == "docker" else harness.CAPS))
    said = words(escape.args("/bin/escape", "out", mark).run().ok().out)
    pivoted = escape.isolation == "chroot" and not escape.flags
    assert said["new user namespace"] == ("in" if pivoted else "EPERM"), said


def block(box, tools, code, *names):
    """These system calls fail for nook."""
    box.nook.prefix = [tools["nosys"], str(code), ",".join(NR[n] for n in names)]


@isolations(*WITH_MOUNTS)
@pytest.mark.parametrize("calls", ["new calls", "old calls"])
def test_a_user_namespace_that_can_be_joined_does_not_lead_out(escape, mark, outsider, tools, calls):
    """Root without any capability has all of them in a user namespace that some other root process has made (another
    container, say): enough for a second chroot(2). Then there is nothing above the root."""
    other = outsider(*USER_NAMESPACE)
    escape.no_namespace("pid")
    if calls == "old calls":
        block(escape, tools, errno.ENOSYS, *SETS["mount API"])
    said = words(escape.args("/bin/escape", "out", mark, str(other)).run().ok().out)
    assert said["another's user namespace"] == ("EPERM" if in_userns(escape) else "in"), said


def set_of(pid):
    return {name: int(Proc(pid).status(name), 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


@isolations(*CHROOTED, "bare")
@pytest.mark.parametrize("asks", ["all sets", "no object"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_cap_sys_chroot_is_in_no_set(escape, mark, asks, uid):
    """Whatever the config says; while the container waits for start, and in execs, too."""
    escape.process["user"] = {"uid": uid, "gid": uid}
    escape.caps("CAP_SYS_CHROOT", "CAP_NET_RAW", sets=("bounding", "effective", "permitted", "inheritable", "ambient"))
    if asks == "no object":
        del escape.process["capabilities"]
    escape.sleep().create()
    init, = members()
    assert not any(mask & SYS_CHROOT for mask in set_of(init).values()), set_of(init)
    escape.start()
    payload, = members()
    sets = set_of(payload)
    assert not any(mask & SYS_CHROOT for mask in sets.values()), sets
    if asks == "all sets":
        assert all(mask == 1 << 13 for mask in sets.values()), sets
    else:
        assert (sets["CapEff"] != 0) == (uid == 0) and sets["CapBnd"], sets
    said = words(escape.exec("/bin/escape", "out", mark, flags=["--cap", "CAP_SYS_CHROOT"]).ok().out)
    assert said["double chroot"] == "EPERM", said


@isolations(*CHROOTED, "bare")
def test_exec_by_file_has_no_cap_sys_chroot(escape, mark, tmp):
    del escape.process["capabilities"]
    escape.sleep().up()
    process = {"cwd": "/", "args": ["/bin/escape", "chroot", mark], "user": {"uid": 0, "gid": 0}}
    for capabilities in (None, {s: ["CAP_SYS_CHROOT"] for s in ("bounding", "effective", "permitted")}):
        if capabilities:
            process["capabilities"] = capabilities
        (tmp / "process.json").write_text(json.dumps(process))
        assert escape.nook("exec", "--process", tmp / "process.json", escape.id).ok().out == "double chroot: EPERM\n"


@isolations(*CHROOTED, "bare")
def test_hooks_inside_do_not_get_out(escape, mark):
    """startContainer hooks are programs of the image and run before the capabilities are cut down."""
    escape.hook("startContainer", "/bin/sh", ["sh", "-c", f"/bin/escape chroot {mark} > /tmp/said"])
    escape.args("/bin/true").run().ok()
    assert words((escape.rootfs / "tmp/said").read_text()) == {"double chroot": "EPERM"}


# -- the runtime's processes -----------------------------------------------------------------------------------------------
SECRET = {"CI_TOKEN": "hunter2"}
# Names the files of /proc that hold it, and those of the reader itself, which hold another word: so it can read at all.
GREP = r'cd /proc; grep -l "[h]unter2" [0-9]*/environ [0-9]*/cmdline 2>/dev/null; grep -q "[c]ontrol" self/environ && echo end'
SHARED = "chroot+userns", "chroot", "bare"  # the way into the root makes no difference to these


def searcher(box, host_mount, caps):
    give_proc(box, host_mount)
    box.caps(*caps)
    return box.env("CONTROL=control").sh(GREP)


@isolations(*SHARED)
@pytest.mark.parametrize("caps", [harness.CAPS, [*DOCKER, "CAP_SYS_PTRACE"]], ids=["few", "ptrace"])
@pytest.mark.parametrize("image", ["swapped", "re-executed", "on a read-only mount"])
def test_cve_2021_3602_the_callers_environment_by_run(box, host_mount, tools, image, caps):
    """However nook keeps its own binary out of reach. (With CAP_SYS_PTRACE and without a user namespace the payload may read
    every environ: there must be nothing to read.)"""
    if image == "re-executed":  # open_tree and the PR_SET_MM of prctl are not there
        block(box, tools, errno.ENOSYS, "open_tree")
    elif image == "on a read-only mount":
        box.nook.prefix = ["unshare", "-m", "sh", "-ec", 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; exec "$@"', "sh"]
    assert searcher(box, host_mount, caps).run(env=SECRET).out == "end\n"


@isolations(*SHARED)
@pytest.mark.parametrize("caps", [harness.CAPS, [*DOCKER, "CAP_SYS_PTRACE"]], ids=["few", "ptrace"])
def test_cve_2021_3602_the_callers_environment_by_create(box, make_box, host_mount, caps):
    """Of another container that waits for start, and, after it, of its supervisor."""
    waiting = make_box().isolate(box.isolation).sleep()
    waiting.no_namespace("pid")
    if box.isolation == "chroot":
        waiting.nook.globals.append("--cgroup-manager=disabled")
    waiting.create(env=SECRET)
    searcher(box, host_mount, caps)
    assert box.run(env=SECRET).out == "end\n"
    waiting.start()
    again = box.run(env=SECRET)
    assert again.out == "end\n", again


@isolations(*SHARED)
@pytest.mark.parametrize("caps", [harness.CAPS, [*DOCKER, "CAP_SYS_PTRACE"]], ids=["few", "ptrace"])
def test_cve_2021_3602_the_callers_environment_by_exec(box, host_mount, caps):
    searcher(box, host_mount, caps).sleep().up()
    assert box.exec("/bin/sh", "-c", GREP, env=SECRET).out == "end\n"


def meddler(box, host_mount):
    """A payload that waits for pids in /tmp/pids and tries to get into each."""
    give_proc(box, host_mount)
    box.no_namespace("pid")  # the numbers are those that kill(2) and ptrace(2) take
    return box.sh("echo up; until read pids 2>/dev/null </tmp/pids; do usleep 20000; done; for p in $pids; do echo pid: $p; escape into $p; done")


def tell(box, *pids):
    (box.rootfs / "tmp/pids.new").write_text(" ".join(map(str, pids)) + "\n")
    os.rename(box.rootfs / "tmp/pids.new", box.rootfs / "tmp/pids")


def attempts(text):
    """pid -> way -> word"""
    out = {}
    for line in text.splitlines():
        way, word = line.split(": ", 1)
        if way == "pid":
            now = out.setdefault(int(word), {})
        else:
            now[way] = word
    return out


def worked(said):
    return {way for way, word in said.items() if word == "ok"}


def runtime_processes():
    """pid -> name, of all that nook runs for this test."""
    table, me = look.processes(), os.getpid()
    found = {}
    for pid in table:
        parent = pid
        while parent in table and parent != me:
            parent = table[parent]
        name = Proc(pid).text("comm").strip() if parent == me and pid != me and Proc(pid).alive() else ""
        if name.startswith("nook"):
            found[pid] = name
    return found


@isolations(*SHARED)
@pytest.mark.parametrize("caps,kill", [("few", "cgroup"), ("few", "supervisor"), ("docker", "cgroup"), ("docker", "supervisor"),
                                       ("as many", "cgroup")])
def test_the_runtimes_processes_cannot_be_entered(escape, make_box, host_mount, caps, kill):
    """nook in `run` and in `exec`, an init that waits for start, supervisors: none can be traced, read or written, whatever the
    payload may do within; and it cannot signal those that it may not see in a PID namespace."""
    box = meddler(escape, host_mount)
    if caps == "as many":  # the kernel lets one trace who has no more capabilities
        box.nook.prefix = ["setpriv", "--bounding-set=-sys_ptrace"]
        del box.process["capabilities"]
    else:
        box.caps(*(DOCKER if caps == "docker" else harness.CAPS))
    if kill == "supervisor":
        box.nook.globals.append("--cgroup-manager=disabled")
        del box.linux["resources"]
    waiting = make_box()
    waiting.config, waiting.flags = harness.clone_config(box.config), box.flags
    if in_userns(box):
        waiting.userns(host=200000)
    waiting.create()
    run = box.spawn_run()
    wait_until(lambda: "up\n" in run.text(), what="the payload")
    exec_ = box.nook.spawn("exec", box.id, "/bin/sh", "-c", "echo up; exec probe sleep")
    wait_until(lambda: "up\n" in exec_.text(), what="the exec")
    targets = runtime_processes()
    assert run.pid in targets and exec_.pid in targets and "nook-init" in targets.values(), targets
    supervised = kill == "supervisor" or box.isolation == "bare"
    assert ("nook-supervisor" in targets.values()) == supervised, targets
    tell(box, *targets)
    said = attempts(run.wait().out.removeprefix("up\n"))
    assert set(said) == set(targets)
    allowed = set() if in_userns(box) or supervised and look.LANDLOCK_SCOPES else {"signal"}
    if caps == "as many":
        allowed |= {"environ", "maps"}  # CAP_PERFMON reads those of every process
    for pid, ways in said.items():
        assert len(ways) == 11 and worked(ways) <= allowed, (targets[pid], ways)


# -- terminals (1f) --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["run", "exec"])
def test_a_terminal_is_always_a_new_one(box, console, verb):
    """Also where there is no devpts in the container: it is one of the outer devpts, but no terminal of the caller's."""
    look_at = "test -t 0 && test -t 1 && test -t 2 && echo terminal; probe fds; echo end; exec probe sleep"
    before = set(os.listdir("/dev/pts"))
    if verb == "run":
        box.process["terminal"] = True
        box.sh(look_at).up("--console-socket", console.path)
    else:
        box.sleep().up()
        box.nook("exec", "--tty", "--detach", "--console-socket", console.path, box.id, "/bin/sh", "-c", look_at).silent()
    master = console.master()
    lines = harness.read_pty(master, b"end").decode().split("\r\n")
    assert lines[:2] == ["terminal", "0 1 2 "], lines
    # By the file system that its other end is on: others open terminals of the outer devpts at the same time.
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    is_outer = os.fstat(slave).st_dev == os.stat("/dev/pts").st_dev
    assert is_outer == (box.isolation == "bare")
    assert not is_outer or os.path.basename(os.readlink(f"/proc/self/fd/{slave}")) not in before
    os.close(slave)
    os.close(master)


def test_the_callers_terminal_is_out_of_reach(box, host_mount):
    """On the payload's stdio, as the outer /dev/tty, and by number."""
    give_proc(box, host_mount)
    if box.isolation == "bare":
        os.mknod(box.rootfs / "dev/tty", 0o666 | stat.S_IFCHR, os.makedev(5, 0))
    box.sh("probe tiocsti; probe open rw /dev/tty; probe sys 124 0; echo $$ end").write()
    master, slave = os.openpty()
    run = box.nook.spawn("run", "--bundle", box.dir, *box.flags, box.id, stdin=slave, stdout=slave, stderr=slave, preexec=harness.take_tty)
    os.close(slave)
    lines = harness.read_pty(master, b"end").decode().split("\r\n")
    assert run.wait().rc == 0
    assert lines[0] in ("-1 1", "-1 25") and lines[1] == "6", lines  # EPERM or ENOTTY; ENXIO: no controlling terminal
    session, pid = lines[2].split()[0], lines[3].split()[0]
    assert session == pid, "it leads its session"
    os.close(master)


# -- what is read-only -------------------------------------------------------------------------------------------------------
HOST_DEV = ("chroot+host-dev", "chroot+host-dev+userns", "chroot+host-dev+no-pivot")
OWN_IN_DEV = ("/dev/pts", "/dev/shm", "/dev/mqueue")


def is_mask(m):
    return m.root == "/null" or (m.fstype == "tmpfs" and "ro" in m.sopts)


@isolations(*WITH_MOUNTS, *HOST_DEV)
def test_borrowed_trees_are_read_only_with_all_that_is_in_them(box, host_mount, tmp):
    """As mountinfo has it, and when a root that nothing else stops tries to write: in each mount, those too that were made
    outside below /proc, /sys and /dev before."""
    for place in ("/proc/fs", "/sys/fs/bpf", "/dev/shm"):
        host_mount("nkt-outer", place, "tmpfs")
    box.caps(*DOCKER).sleep().up()
    payload, = members()
    top = ("/proc", "/sys", "/dev") if "--chroot-dev=host" in box.nook.globals else ("/proc", "/sys")
    found = [m for m in Proc(payload).mounts() if m.target.startswith(tuple(t + "/" for t in top)) or m.target in top]
    assert {"/proc", "/proc/fs", "/sys", "/sys/fs/bpf"} <= {m.target for m in found}
    borrowed = [m for m in found if not is_mask(m) and not (m.target in OWN_IN_DEV and "rw" in m.opts)]
    assert all({"ro", "nosuid", "noexec"} <= m.opts for m in borrowed), [m for m in borrowed if "ro" not in m.opts]
    assert len([m for m in found if m.target in OWN_IN_DEV and "rw" in m.opts]) <= 3
    places = sorted({m.target for m in borrowed} - set(OWN_IN_DEV))
    script = "for d in \"$@\"; do mkdir $d/nkt 2>/dev/null && echo MADE $d; for f in $d/*; do test -f $f && test ! -L $f && (: >>$f) 2>/dev/null && echo OPENED $f; done; done; echo end"
    said = box.exec("/bin/sh", "-c", script, "sh", *places, timeout=30).out
    assert said == "end\n", said


@isolations(*HOST_DEV)
def test_outer_terminals_and_queues_are_not_in_the_outer_dev(box):
    """They are covered, or it does not begin: the config's own mount there may be one that fails."""
    master, slave = os.openpty()
    number = os.path.basename(os.ttyname(slave))
    box.unmount(*OWN_IN_DEV)
    assert box.sees("ls /dev/pts") == "ptmx\n"
    box.mount("/dev/pts", "devpts", "devpts", ["newinstance", "bogus=1"])
    box.refuse("devpts", pointers=["/mounts/3"])
    os.close(master)
    os.close(slave)
    assert number.isdigit()


@isolations(*PIVOTED, "chroot+no-pivot")
@pytest.mark.parametrize("options", [["bind", "ro"], ["rbind", "ro"], ["bind", "ro", "nosuid", "nodev", "noexec"]])
def test_a_read_only_bind_is_so_with_all_below(box, host_mount, tmp, options):
    """And what comes along with a bind that the config does not call recursive has no more rights than the bind."""
    src = tmp / "src"
    src.mkdir()
    host_mount("outer", src, "tmpfs")
    (src / "sub").mkdir()
    host_mount("inner", src / "sub", "tmpfs")
    (src / "sub/file").write_text("untouched")
    for path in (src, src / "sub", src / "sub/file"):
        path.chmod(0o777)
    box.mount("/mnt", "bind", src, options).sh("for f in /mnt/x /mnt/sub/x /mnt/sub/file; do (: >>$f) 2>/dev/null && echo $f; done; echo end; exec probe sleep").up()
    box.wait_text("end")
    payload, = members()
    for place in ("/mnt", "/mnt/sub"):
        assert set(options) - {"bind", "rbind"} <= Proc(payload).mount(place).opts, place
    assert box.text() == "end\n" and os.listdir(src / "sub") == ["file"]


# -- the image -----------------------------------------------------------------------------------------------------------------
@isolations(*WITH_MOUNTS, "chroot+host-dev")
@pytest.mark.parametrize("name", ["proc", "sys", "dev"])
@pytest.mark.parametrize("what", ["link inside", "link outside", "file", "dangling link"])
def test_where_the_outer_trees_go_must_be_a_directory(box, tmp, name, what):
    """Refused with a word that says what is wrong, nothing left."""
    os.rmdir(box.rootfs / name)
    (tmp / "OUT").mkdir()
    if what == "file":
        (box.rootfs / name).write_text("")
    else:
        os.symlink({"link inside": "/tmp", "link outside": tmp / "OUT", "dangling link": "nowhere"}[what], box.rootfs / name)
    box.refuse(f"/{name}", "Not a directory" if what == "file" else "symbolic link")
    assert os.listdir(tmp / "OUT") == os.listdir(box.rootfs / "tmp") == []
    assert (box.rootfs / name).is_file() if what == "file" else os.path.islink(box.rootfs / name)


@isolations(*WITH_MOUNTS)
@pytest.mark.parametrize("kind", ["tmpfs", "file", "directory"])
def test_a_volume_through_a_link_of_the_image_stays_inside(box, tmp, kind):
    """/esc -> OUT, mounted at /esc/made/here: made below the root, where OUT's path leads in there."""
    out = tmp / "OUT"
    out.mkdir()
    out.chmod(0o777)
    os.symlink(out, box.rootfs / "esc")
    (tmp / "dir").mkdir()
    (tmp / "file").write_text("bound")
    if kind == "tmpfs":
        box.mount("/esc/made/here", "tmpfs", "t")
    else:
        box.mount("/esc/made/here", "bind", tmp / ("file" if kind == "file" else "dir"), ["bind"])
    said = box.sees(f"cut -d' ' -f5 /proc/self/mountinfo; ls -d {out}/made/here")
    assert f"{out}/made/here" in said.splitlines(), said
    assert os.listdir(out) == []


@isolations(*WITH_MOUNTS)
def test_masks_and_read_only_paths_are_found_inside(box, tmp):
    """By a link of the image that leads to a path of the host: what has that name in there is meant."""
    (tmp / "secret").write_text("of the host")
    inside = box.rootfs / str(tmp).lstrip("/")
    inside.mkdir(parents=True)
    (inside / "secret").write_text("of the image")
    (inside / "plain").write_text("of the image")
    os.symlink(tmp / "secret", box.rootfs / "masked")
    os.symlink("../" * 9 + str(tmp).lstrip("/") + "/plain", box.rootfs / "fixed")
    box.linux["maskedPaths"] = ["/masked"]
    box.linux["readonlyPaths"] = ["/fixed"]
    assert box.sees(f"cat {tmp}/secret; (: >>{tmp}/plain) 2>/dev/null && echo written; cat {tmp}/plain") == "of the image"
    assert (tmp / "secret").read_text() == "of the host"
    assert not [m for m in look.mounts() if m.target.startswith(str(tmp))]


@isolations(*WITH_MOUNTS)
def test_an_outer_device_is_bound_inside(box, session_dir, tmp):
    """linux.devices are outer nodes here: one whose place in the image is behind a link to the host."""
    node = session_dir / f"node{os.getpid()}"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(10, 200))
    out = tmp / "OUT"
    out.mkdir()
    out.chmod(0o777)
    try:
        os.symlink(out, box.rootfs / str(session_dir).lstrip("/"))
        box.linux["devices"] = [{"path": str(node), "type": "c", "major": 10, "minor": 200, "fileMode": 0o600, "uid": 1000}]
        assert box.sees(f"stat -c %t:%T {out}/{node.name}") == "a:c8\n"
        assert os.listdir(out) == []
        s = os.stat(node)
        assert (stat.S_IMODE(s.st_mode), s.st_uid) == (0o644, 0), "the outer node is as it was"
    finally:
        node.unlink()


# -- outer processes -----------------------------------------------------------------------------------------------------------
@isolations(*WITH_MOUNTS)
@pytest.mark.parametrize("caps", ["few", "docker"])
def test_the_outer_init_cannot_be_looked_into(box, caps):
    box.caps(*(DOCKER if caps == "docker" else harness.CAPS)).sh("for n in root cwd fd ns; do ls /proc/1/$n/ >/dev/null && echo $n; done; readlink /proc/1/exe; echo end")
    said = box.run()
    assert said.out == ("end\n" if in_userns(box) else "fd\nns\nend\n") and said.err.count("Permission denied") >= 2, said


@isolations(*PIVOTED, "bare")
@pytest.mark.parametrize("who", [NO_CAPABILITIES, USER_NAMESPACE], ids=["no capabilities", "user namespace"])
@pytest.mark.parametrize("pids", ["own pids", "shared pids"])
def test_who_is_reachable_outside(escape, host_mount, outsider, mark, who, pids):
    """A process of the host with the payload's uid and no more capabilities, or in a user namespace that this uid has made. The
    config that asks for a PID namespace does not reach it, by Landlock; nor one with a user namespace. Without either it can be
    entered, as the report says."""
    pid = outsider(*who)
    give_proc(escape, host_mount)
    if pids == "shared pids":
        escape.no_namespace("pid")
    escape.sh(f"escape into {pid}; escape out {mark} {pid} | grep /proc")
    report = escape.dir.parent / "report.json"
    said = words(escape.run("--report", report).ok().out)
    effects = {f["code"]: f["effect"] for f in json.loads(report.read_text())["lost"]}
    if in_userns(escape) or look.LANDLOCK_SCOPES and (pids == "own pids" or escape.isolation == "bare"):
        assert worked(said) == set() and said["by /proc"] == "in", said
    else:
        assert {"ptrace", "root", "environ"} <= worked(said) and said["by /proc"] == "out by the other", said
    if escape.isolation != "bare":
        assert "are in reach, unless Landlock keeps them apart" in effects["proc.outer"]
    elif pids == "own pids":
        assert "traced as far as their ids" in effects["ns.pid.shared"]


@pytest.mark.skipif(not look.LANDLOCK_SCOPES, reason="this kernel's Landlock does not scope signals")
@isolations("chroot", "bare")
def test_a_payload_that_kills_all_kills_its_own(box):
    """As many entrypoints end: kill(-1), which would reach each process outside that has our uid. (Tried in a PID namespace
    around nook, where it could do no harm to anybody but the witness.)"""
    if box.isolation == "chroot":
        box.no_namespace("pid")
        box.nook.globals.append("--cgroup-manager=disabled")
        del box.linux["resources"]
    box.nook.prefix = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
                       'sleep 1000 & "$@"; [ "$(cut -d" " -f3 /proc/$!/stat)" = S ] && echo witness', "sh"]
    said = box.sh("trap : TERM; probe sleep & usleep 300000; kill -TERM -1; wait; echo end").run()
    assert said.out == "end\nwitness\n", said


# -- what is bound (CVE-2024-1753, -9407, -9675, -11218) -----------------------------------------------------------------------
@isolations("oci", *PIVOTED)
@pytest.mark.parametrize("option", ["bind-propagation=x", "bind-propagation=shared,source=/", "source=/", "src=/", "lowerdir=/,upperdir=/tmp",
                                    "ro,rw", "rshared ", " ro", "RO", "ro,", ",", "size=1k", "private,shared", "../..", "id=../..", "remount,rw"])
def test_what_is_no_option_does_nothing(box, tmp, option):
    """Option text of a build file: no word of it counts by being split or passed on, and the log says so."""
    (tmp / "src").mkdir()
    (tmp / "src/file").write_text("bound")
    box.nook.globals += ["--log", tmp / "log", "--log-level", "warning"]
    box.mount("/mnt", "bind", tmp / "src", ["rbind", "rprivate", option])
    look_in = "cat /mnt/file; ls /mnt; grep ' /mnt ' /proc/self/mountinfo | wc -l"
    result = box.sh(look_in).run()
    if result.rc:
        result.fails("/mounts/6")
        box.nothing_left()
    else:
        assert result.out == "boundfile\n1\n", result
        assert "means nothing to a bind mount" in (tmp / "log").read_text()


@pytest.mark.parametrize("where", ["destination", "source", "options"])
def test_a_nul_is_refused(box, tmp, where):
    (tmp / "src").mkdir()
    entry = {"destination": "/mnt", "type": "bind", "source": str(tmp / "src"), "options": ["rbind", "ro"]}
    entry[where] = ["rbind", "ro\0,source=/"] if where == "options" else entry[where] + "\0/../../.."
    box.config["mounts"].append(entry)
    box.refuse(pointers=[f"/mounts/6/{where}", f"/mounts/6/{where}/1"])


@isolations("oci", *PIVOTED)
@pytest.mark.parametrize("what", ["directory", "file"])
@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_src_nofollow(box, tmp, what, propagation):
    """Opened by path, or cloned at once, which sources of a shared root are."""
    box.linux["rootfsPropagation"] = propagation
    (tmp / "secret").mkdir()
    (tmp / "secret/file").write_text("secret")
    target = tmp / "secret" / ("file" if what == "file" else "")
    os.symlink(target, tmp / "link")
    box.mount("/mnt/x", "bind", tmp / "link", ["rbind", "src-nofollow"])
    box.refuse("symbolic link, and src-nofollow", pointers=["/mounts/6"])
    box.config["mounts"][-1]["source"] = str(target)
    assert box.sees("cat /mnt/x" if what == "file" else "cat /mnt/x/file") == "secret"


@isolations("oci", "chroot")
def test_cve_2024_11218_a_source_that_is_swapped(box, tmp):
    """300 times, while another build exchanges it with a link to what is not to be seen: never that. src-nofollow."""
    (tmp / "given").mkdir()
    (tmp / "given/file").write_text("given")
    (tmp / "secret").mkdir()
    (tmp / "secret/file").write_text("secret")
    os.symlink(tmp / "secret", tmp / "link")
    pid = os.fork()
    if pid == 0:
        while True:
            look.libc.renameat2(-100, str(tmp / "given").encode(), -100, str(tmp / "link").encode(), 2)
    look.KNOWN.add(pid)
    seen = {"given": 0, "refused": 0}
    try:
        box.mount("/mnt", "bind", tmp / "given", ["rbind", "src-nofollow"]).sh("cat /mnt/file").write()
        for _ in range(300):
            result = box.nook("run", "--bundle", box.dir, box.id)
            if result.rc:
                result.fails("/mounts/6")
            seen[result.out or "refused"] += 1
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        look.KNOWN.discard(pid)
    assert seen["given"] > 20 and seen["refused"] > 20, seen


# -- clean-up, the bundle, the binary ---------------------------------------------------------------------------------------------
@isolations(*WITH_MOUNTS)
@pytest.mark.parametrize("verb", ["run", "delete", "delete --force"])
def test_stubs_that_became_links_are_not_followed(box, tmp, verb):
    """CVE-2024-23652: what nook made in the rootfs for mounts, the payload (by a volume that shows the rootfs, say) replaces by
    links: nothing outside is touched when the container goes."""
    out = tmp / "OUT"
    (out / "sub").mkdir(parents=True)
    for path in (out / "here", out / "sub/file", out / "file"):
        path.write_text("marker")
    for path in (out, out / "sub", *out.rglob("*")):
        path.chmod(0o777)
    before = sorted((str(p), os.lstat(p).st_mode, os.lstat(p).st_mtime_ns) for p in out.rglob("*"))
    (tmp / "src").write_text("source")
    box.mount("/made/here", "bind", tmp / "src", ["bind"]).mount("/made2/sub", "tmpfs", "t").mount("/made3/file", "bind", tmp / "src", ["bind"])
    box.mount("/image", "bind", box.rootfs, ["bind"])
    swap = "for d in made made2 made3; do mv /image/$d /image/$d.old && ln -s " + str(out) + " /image/$d || echo failed; done; echo end"
    if verb == "run":
        assert box.sees(swap) == "end\n"
    else:
        box.sh(swap + "; exec probe sleep").up().wait_text("end")
        assert box.text() == "end\n"
        if verb == "delete":
            box.stop()
        box.delete(*verb.split()[1:])
    assert {os.readlink(box.rootfs / d) for d in ("made", "made2", "made3")} == {str(out)}
    assert sorted((str(p), os.lstat(p).st_mode, os.lstat(p).st_mtime_ns) for p in out.rglob("*")) == before
    box.sh("echo again").run()
    assert sorted((str(p), os.lstat(p).st_mode, os.lstat(p).st_mtime_ns) for p in out.rglob("*")) == before


def test_nothing_is_written_into_the_bundle(box, tmp):
    """But mount points in the root, once: by a whole life with hooks, execs, a terminal's loss and a failure."""
    def picture():
        return {str(p): (os.lstat(p).st_mode, os.lstat(p).st_ino, os.lstat(p).st_size, os.lstat(p).st_mtime_ns) for p in box.dir.rglob("*")}

    report = tmp / "report"
    box.mount("/mnt", "tmpfs", "t").hook("poststop", "/bin/true").sh("exec probe sleep")
    box.args("/no/such").run().fails()  # makes what is missing
    box.sh("exec probe sleep").write()
    before = picture()
    box.nook("create", "--bundle", box.dir, *box.flags, "--report", report, "--pid-file", tmp / "pid", box.id).silent()
    box.start()
    box.exec("true").ok()
    box.stop().delete()
    assert picture() == before and report.exists()


@pytest.mark.parametrize("blocked,works", [(["open_tree"], True), (["open_tree", "memfd_create"], False), (["memfd_create"], True)],
                         ids=["open_tree", "both", "memfd_create"])
def test_cve_2019_5736_where_the_binary_cannot_be_protected(box, tools, blocked, works):
    """By a clone of its mount or by a sealed copy; where neither can be had nothing runs."""
    block(box, tools, errno.EPERM, *blocked)
    if not works:
        box.sleep().refuse("read-only image of the binary")
        return
    box.sleep().create()
    init, = members()
    fd = os.open(f"/proc/{init}/exe", os.O_RDONLY)
    sealed = os.readlink(f"/proc/{init}/exe").startswith("/memfd:")
    assert sealed or os.fstatvfs(fd).f_flag & os.ST_RDONLY
    os.close(fd)


@isolations("bare")
def test_exec_goes_into_the_root_that_was_made(box, tmp):
    """Without CAP_SYS_PTRACE a root is found by its path, if the payload has another user: it must be the one of create."""
    box.nook.prefix = ["setpriv", "--bounding-set=-sys_ptrace"]
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.sleep().up()
    assert box.exec("cat", "/etc/group").ok().out.startswith("root:x:0:\nuser")
    os.rename(box.rootfs, box.dir / "old")
    (tmp / "OUT/bin").mkdir(parents=True)
    os.symlink(tmp / "OUT", box.rootfs)
    box.exec("cat", "/etc/group").fails("is not the root of container", rc=255)
    box.rootfs.unlink()
    os.rename(box.dir / "old", box.rootfs)
    assert box.exec("true").rc == 0


# -- where the isolation is for ---------------------------------------------------------------------------------------------------
def in_places(*levels):
    return pytest.mark.parametrize("place", levels, indirect=True)


@pytest.fixture
def pod(placed_box, tools):
    """A box with the tool escape, in the test's place, in the isolation that the place is for."""
    os.link(tools["escape"], placed_box.rootfs / "bin/escape")
    placed_box.process["noNewPrivileges"] = False
    return placed_box.isolate("bare" if placed_box.nook.place.level == "E" else "chroot")


@in_places("C", "F", "A+userns", "A", "E")
@pytest.mark.parametrize("flags", [[], ["--no-pivot"]], ids=["pivot", "no-pivot"])
@pytest.mark.parametrize("caps", ["few", "docker"])
def test_no_way_out_in_places(pod, place, mark, flags, caps):
    pod.flags = flags
    pod.caps(*(DOCKER if caps == "docker" else harness.CAPS))
    said = words(pod.args("/bin/escape", "out", mark).run().ok().out)
    assert len(said) == 11 and not any(word.startswith("out") for word in said.values()), said
    if flags or place.level == "E":
        assert said["double chroot"] == said["new user namespace"] == "EPERM", said


@in_places("C", "F", "A+userns", "A")
@pytest.mark.parametrize("pids", ["own pids", "shared pids"])
def test_the_callers_environment_in_places(pod, pids):
    """CVE-2021-3602, where it was found."""
    if pids == "shared pids":
        pod.no_namespace("pid")
    pod.caps(*DOCKER, "CAP_SYS_PTRACE").env("CONTROL=control").sh(GREP)
    assert pod.run(env=SECRET).ok().out == "end\n"
    pod.sh("exec probe sleep").up(env=SECRET)
    assert pod.exec("/bin/sh", "-c", GREP, env=SECRET).out == "end\n"
    pod.delete("--force")


@in_places("C", "F", "A+userns", "A")
def test_the_runtimes_processes_in_places(pod, place):
    """Without a PID namespace of the container: nook and its supervisor, by the numbers that the place has for them."""
    pod.caps(*DOCKER)
    meddler(pod, None)
    run = pod.spawn_run()
    wait_until(lambda: "up\n" in run.text(), what="the payload")
    targets = {}
    for pid in place.left():
        name = os.path.basename(Proc(pid).cmdline()[0])  # not comm, which names the image that it was executed from
        if name.startswith("nook"):
            targets[int(Proc(pid).status("NSpid").split()[1])] = name
    assert {"nook", "nook-supervisor"} <= set(targets.values()), targets
    tell(pod, *targets)
    said = attempts(run.wait().out.removeprefix("up\n"))
    assert set(said) == set(targets)
    for pid, ways in said.items():
        assert len(ways) == 11 and worked(ways) <= (set() if look.LANDLOCK_SCOPES else {"signal"}), (targets[pid], ways)


@pytest.mark.parametrize("rules", ["by cgroup", "lost"])
def test_device_nodes_of_the_image(box, rules):
    """An image that was unpacked by root may bring nodes. Where no cgroup keeps from what the config denies they cannot be used;
    bare cannot do that, and refuses unless it is to go on without."""
    (box.rootfs / "x").mkdir()
    node = box.rootfs / "x/zero"
    os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    node.chmod(0o666)
    box.mount("/tmp", "tmpfs", "t")
    if rules == "lost":
        box.nook.globals.append("--cgroup-manager=disabled")
    said = box.sh("probe open rw /x/zero; probe open rw /dev/zero").run().ok().out
    if box.isolation == "bare":
        assert said.startswith("0\n")
        box.nook.globals = ["--isolation=bare", "--cgroup-manager=disabled"]
        box.config["mounts"] = []
        del box.linux["maskedPaths"], box.linux["readonlyPaths"]
        box.no_namespace("network").refuse("resources.devices.not-applied", pointers=["/linux/resources/devices"])
    else:
        assert said == (f"{errno.EACCES}\n0\n" if rules == "lost" else "0\n0\n"), said
