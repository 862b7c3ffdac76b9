# SPDX-License-Identifier: Apache-2.0
"""The supervisor of a container without a PID namespace and a cgroup: signals through it, the end that it shows, what of it can be
seen from outside, and who can reach it (chroot-isolation.md, K2; CR-8, CR-10, CH-10, D-4)."""

import fcntl
import os
import re
import shutil
import signal
import time

import pytest

import harness
import kill_set
import look
from kill_set import Witness, children_of, payload_of, supervise, supervisor_of
from look import Proc, wait_until

EPERM = 1
SYS_KILL = {"x86_64": 62, "aarch64": 129}[os.uname().machine]
LANDLOCK_CALLS = "444,445,446"
LAST = 64  # ends `probe signals`
SIGNALS = [s for s in range(1, LAST) if s not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, 32, 33)]


@pytest.fixture
def listener(box):
    """A program that tells each signal that it gets, and a child of it that does."""
    supervise(box).sh(f"probe signals {LAST} & exec probe signals {LAST}").up()
    wait_until(lambda: box.text().count("ready") == 2)
    return box


def heard(box, number):
    return box.text().splitlines().count(f"signal {number}")


def hears(box, number, times):
    wait_until(lambda: heard(box, number) == times, what=f"signal {number}, {times} times: {box.text()}")


# ---------------------------------------------------------------------------------------------- signals

def test_kill_reaches_the_program_only(listener):
    for number in SIGNALS:
        listener.kill(str(number))
        hears(listener, number, 1)
    listener.kill("--all", "CONT")  # whatever came before it has arrived by now
    hears(listener, signal.SIGCONT, 3)
    assert all(heard(listener, number) == 1 for number in SIGNALS if number != signal.SIGCONT)


def test_all_reaches_everybody(listener, tmp):
    with open(tmp / "out", "w+b") as out:
        listener.exec("sh", "-c", "probe signals 12 & exec probe signals 12", flags=["-d"], stdout=out).ok()
        wait_until(lambda: harness.whole(out).count(b"ready") == 2)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGRTMIN + 3):
            listener.kill("--all", str(int(number)))
            hears(listener, int(number), 2)
            wait_until(lambda n=int(number): harness.whole(out).count(f"signal {n}\n".encode()) == 2, what="those of the exec")


def test_what_the_recorded_pid_is_sent_is_passed_on(listener):
    pid = supervisor_of(listener)
    for number in SIGNALS:
        os.kill(pid, number)
        hears(listener, number, 1)
    assert listener.status == "running"


def test_what_a_mirror_is_sent_is_passed_on(listener, tmp):
    with open(tmp / "out", "w+b") as out:
        listener.exec("probe", "signals", 12, flags=["-d", "--pid-file", tmp / "pid"], stdout=out).ok()
        wait_until(lambda: b"ready" in harness.whole(out))
        mirror = int((tmp / "pid").read_text())
        os.kill(mirror, signal.SIGUSR1)
        wait_until(lambda: b"signal 10\n" in harness.whole(out))
        os.kill(mirror, signal.SIGUSR2)
        assert kill_set.reap(mirror) == 0
        assert b"signal 12\n" in harness.whole(out)
    assert heard(listener, 10) == heard(listener, 12) == 0


def test_stop_and_continue(listener):
    payload = payload_of(listener)
    child, = children_of(payload)
    supervisor = supervisor_of(listener)
    listener.kill("STOP")
    wait_until(lambda: Proc(payload).state() == "T")
    assert Proc(child).state() in ("R", "S") and listener.status == "running"
    listener.kill("--all", "STOP")
    wait_until(lambda: Proc(child).state() == "T")
    assert Proc(supervisor).state() in ("R", "S")
    listener.kill("CONT")
    wait_until(lambda: Proc(payload).state() in ("R", "S"))
    assert Proc(child).state() == "T"
    listener.kill("--all", "CONT")
    wait_until(lambda: Proc(child).state() in ("R", "S"))


def test_signals_of_a_created_container(box):
    supervise(box).sleep().create()
    pid = box.state()["pid"]
    box.kill("0")
    assert box.status == "created"
    box.kill("TERM")
    assert kill_set.reap(pid) == -signal.SIGTERM
    assert box.status == "stopped"


def test_kill_of_a_created_container(box):
    supervise(box).sleep().create()
    box.kill("KILL").wait_status("stopped").delete()
    box.nothing_left()


def test_kill_of_a_stopped_container(box):
    supervise(box).sh("exit 0").up().wait_status("stopped")
    box.nook("kill", box.id, "TERM").fails("container not running")
    box.nook("kill", "--all", box.id, "KILL").silent()
    box.nook("kill", "--all", box.id, "TERM").silent()


# ---------------------------------------------------------------------------------------------- the end

ENDS = [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", -15), ("kill -KILL $$", -9), ("kill -USR1 $$", -10),
        ("kill -34 $$", -34), ("kill -SEGV $$", -11)]


@pytest.mark.parametrize("script, status", ENDS, ids=[e[0] for e in ENDS])
def test_the_recorded_pid_ends_as_the_program_does(box, script, status):
    supervise(box).sh(script).create()
    pid = box.state()["pid"]
    box.start()
    assert kill_set.reap(pid) == status
    assert box.status == "stopped"


@pytest.mark.parametrize("script, status", ENDS, ids=[e[0] for e in ENDS])
def test_a_mirror_ends_as_its_program_does(box, tmp, script, status):
    supervise(box).sleep().up()
    box.exec("sh", "-c", f"sleep 0.1; {script}", flags=["-d", "--pid-file", tmp / "pid"]).ok()
    assert kill_set.reap(int((tmp / "pid").read_text())) == status
    assert box.exec("sh", "-c", script).rc == (128 - status if status < 0 else status)
    assert box.status == "running"


@pytest.mark.parametrize("script, status", ENDS, ids=[e[0] for e in ENDS])
def test_run_ends_as_the_program_does(box, script, status):
    result = supervise(box).sh(f"probe daemon; echo out; {script}").run()
    assert (result.rc, result.out) == (128 - status if status < 0 else status, "out\n")
    box.nothing_left(0)


def test_run_passes_signals_on(box):
    run = supervise(box).args("/bin/probe", "signals", "12").spawn_run()
    wait_until(lambda: "ready" in run.text())
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
        run.signal(number)
        wait_until(lambda n=int(number): f"signal {n}\n" in run.text())
    run.signal(signal.SIGUSR2)
    assert run.wait().rc == 0
    box.nothing_left()


def test_keep(box):
    assert supervise(box).sh("probe daemon; exit 3").run("--keep").rc == 3
    assert box.status == "stopped" and not kill_set.left_of(box)
    box.delete()


def take_tty():
    os.setsid()
    fcntl.ioctl(0, 0x540E, 0)  # TIOCSCTTY


def test_interrupt_on_a_terminal(box):
    supervise(box).sh("trap 'echo got; exit 5' INT; echo up; while :; do sleep 0.01; done").write()
    box.process["terminal"] = True
    box.write()
    master, slave = os.openpty()
    run = box.nook.spawn("run", "--bundle", box.dir, box.id, stdin=slave, stdout=slave, stderr=slave, preexec=take_tty)
    os.close(slave)
    harness.read_pty(master, b"up")
    os.write(master, b"\x03")
    harness.read_pty(master, b"got")
    assert run.wait().rc == 5
    os.close(master)
    box.nothing_left()


def test_interrupt_without_a_terminal_in_the_container(box):
    """^C is for nook, which passes it on; the supervisor and the program have sessions of their own."""
    supervise(box).sh("trap 'exit 5' INT; echo up; while :; do sleep 0.01; done").write()
    master, slave = os.openpty()
    run = box.nook.spawn("run", "--bundle", box.dir, box.id, stdin=slave, stdout=slave, stderr=slave, preexec=take_tty)
    os.close(slave)
    harness.read_pty(master, b"up")
    os.write(master, b"\x03")
    assert run.wait().rc == 5
    os.close(master)
    box.nothing_left()


# ---------------------------------------------------------------------------------------------- dying with the supervisor

def plain(box):
    return box


def user(box):
    box.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [10]}
    return box


def ambient(box):
    box.caps("CAP_KILL", "CAP_NET_BIND_SERVICE", sets=("bounding", "effective", "permitted", "inheritable", "ambient"))
    return user(box)


def no_caps(box):
    return user(box.caps())


def no_section(box):
    del box.process["capabilities"]
    return user(box)


def new_privileges(box):
    box.process["noNewPrivileges"] = False
    return user(box)


def filtered(box):
    box.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO"}]}
    return new_privileges(box)


def userns(box):
    return box.userns()


def userns_user(box):
    return user(box.userns())


def userns_without_root(box):
    box.namespace("user")
    for name in ("uidMappings", "gidMappings"):
        box.linux[name] = [{"containerID": 1000, "hostID": 101000, "size": 1}]
    user(box)
    box.process["user"].pop("additionalGids")
    return box


def bare(box):
    box.nook.globals[0] = "--isolation=bare"
    return user(box)


KINDS = [plain, user, ambient, no_caps, no_section, new_privileges, filtered, userns, userns_user, userns_without_root, bare]


@pytest.mark.parametrize("kind", KINDS, ids=[f.__name__ for f in KINDS])
@pytest.mark.parametrize("when", ["created", "running", "exec"])
def test_the_program_dies_with_its_supervisor(box, tmp, kind, when):
    kind(supervise(box)).sleep().create()
    if when != "created":
        box.start()
    pid = box.state()["pid"]
    program = payload_of(box)
    if when == "exec":
        box.exec("/bin/probe", "sleep", flags=["-d", "--pid-file", tmp / "pid"]).ok()
        mirror = int((tmp / "pid").read_text())
        pid, = children_of(mirror)
        program, = children_of(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Proc(program).alive(), 1, "the program to die")
    if when == "exec":
        assert kill_set.reap(mirror) == -signal.SIGKILL
        assert box.status == "running"
        return
    kill_set.reap(pid)
    wait_until(lambda: box.status == "stopped")
    box.delete()
    box.nothing_left(0)


# ---------------------------------------------------------------------------------------------- from outside

SECRET = "of-the-caller-1f7d"


@pytest.fixture
def secretive(box, tmp):
    """A running container whose creator had a secret in its environment, descriptors, and a directory of its own."""
    (tmp / "cwd").mkdir()
    with open(tmp / "leak", "w") as leak:
        supervise(box).sleep().create("--pid-file", tmp / "pid", env={"SECRET": SECRET}, pass_fds=[leak.fileno()], cwd=tmp / "cwd")
    return box.start()


def test_who_it_is(secretive, tmp):
    pid = secretive.state()["pid"]
    assert (tmp / "pid").read_text() == str(pid)
    assert look.processes()[pid] == os.getpid(), "no child of the caller's subreaper"
    p = Proc(pid)
    assert p.cmdline()[:2] == ["nook-supervisor", secretive.id] and p.text("comm") == "nook-supervisor\n"
    assert p.environ() == [] and os.readlink(p.dir / "cwd") == "/"
    assert p.stat()[3] == p.stat()[2] == str(pid), "no session and group of its own"
    assert p.stat()[4] == "0", "it has a terminal"
    assert p.status("Threads") == "1"
    assert p.limits()["Max core file size"] == ("0", "0")


def test_it_is_outside(secretive):
    p, payload = Proc(secretive.pid), Proc(payload_of(secretive))
    for kind in ("mnt", "uts", "user", "pid", "net", "ipc"):
        assert p.ns(kind) == Proc(os.getpid()).ns(kind), kind
    assert payload.ns("mnt") != p.ns("mnt") and payload.ns("uts") != p.ns("uts")
    assert os.stat(p.dir / "root").st_ino == os.stat("/").st_ino != os.stat(payload.dir / "root").st_ino


def test_it_holds_nothing_of_the_callers(secretive):
    fds = Proc(secretive.pid).fds()
    assert [fds.pop(n) for n in range(3)] == ["/dev/null"] * 3
    # Its socket, and the directory from which it takes that when nothing is left.
    state = [n for n, target in fds.items() if target == f"{secretive.nook.root}/{secretive.id}"]
    assert len(state) == 1 and int(Proc(secretive.pid).text(f"fdinfo/{state[0]}").split()[3], 8) & os.O_PATH
    del fds[state[0]]
    kinds = sorted(re.sub(r"\d+", "N", target) for target in fds.values())
    assert kinds == ["/proc", "/proc/N/task/N/children", "anon_inode:[signalfd]", "socket:[N]"]


def test_it_is_small(secretive, sanitized):
    p = Proc(secretive.pid)
    own = int(p.status("RssAnon").split()[0])
    # With sanitizers or shared libraries it is another program.
    if not sanitized and "libc.so" not in p.text("maps"):
        assert own < 300 and int(p.status("VmRSS").split()[0]) < 3000 and int(p.status("VmSize").split()[0]) < 8000


def memory_of(pid):
    """All that can be read of it."""
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            begin, end = (int(n, 16) for n in line.split()[0].split("-"))
            # A sanitizer's shadow of all memory is no memory of its own.
            if line.split()[1].startswith("r") and "[v" not in line and end - begin < 1 << 30:
                mem.seek(begin)
                try:
                    found += mem.read(end - begin)
                except OSError:
                    pass
    return found


def test_no_secret_of_the_callers_in_it(secretive):
    memory = memory_of(secretive.pid)
    assert b"nook-supervisor" in memory and secretive.id.encode() in memory
    assert SECRET.encode() not in memory
    payload = payload_of(secretive)
    assert SECRET.encode() not in memory_of(payload) + kill_set.environment(payload)


def test_its_image_cannot_be_written(secretive):
    exe = f"/proc/{secretive.pid}/exe"
    with open(exe, "rb") as image:
        sealed = False
        try:
            sealed = fcntl.fcntl(image, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
        except OSError:
            pass
        assert sealed or os.fstatvfs(image.fileno()).f_flag & os.ST_RDONLY
    with pytest.raises(OSError):
        open(exe, "r+b")
    with pytest.raises(OSError):
        os.truncate(exe, 0)


@pytest.fixture
def rootless_box(box, session_dir):
    """Of a user without any privilege, on the open host."""
    copy = session_dir / "nook"  # the build tree may be in a directory that only we can enter
    if not copy.exists():
        shutil.copy(box.nook.binary, copy)
    box.nook.binary = str(copy)
    box.nook.prefix = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    os.mkdir(box.nook.root)
    for path in (box.nook.root, box.dir, box.rootfs):
        os.chown(path, 1000, 1000)
    return supervise(box)


LOOKS = "for f in environ maps mem exe root/ fd/0; do cat /proc/$PPID/$f; done; echo end; exec probe sleep"


def test_it_is_not_dumpable(rootless_box):
    """Its files in /proc are root's then, not its user's; and the program, which is that user, may not look at it."""
    with Witness() as witness:
        rootless_box.sh(LOOKS).up(stdout=witness.writer)
        witness.hear("end\n")
        pid, payload = supervisor_of(rootless_box), payload_of(rootless_box)
        assert Proc(pid).status("Uid").split()[0] == Proc(payload).status("Uid").split()[0] == "1000"
        for name in ("environ", "maps", "mem", "fd"):
            assert os.stat(f"/proc/{pid}/{name}").st_uid == 0, name
            assert os.stat(f"/proc/{payload}/{name}").st_uid == 1000, name
        said = harness.whole(rootless_box.output.err).decode()
        assert witness.text == b"end\n" and said.count("Permission denied") == 6, (witness.text, said)


@pytest.mark.parametrize("end", ["KILL", "supervisor"])
def test_kill_set_of_a_user_without_privilege(rootless_box, end):
    rootless_box.args("/bin/probe", "shape", "daemon", "chain", "stopped", "nested")
    with Witness() as witness:
        rootless_box.up(stdout=witness.writer)
        witness.hear()
        since = time.monotonic()
        if end == "supervisor":
            kill_set.kill_supervisor(rootless_box)
            assert rootless_box.status == "running"
        rootless_box.kill("KILL").delete()
        kill_set.nothing_lives(rootless_box, witness, since)


def test_it_lets_go_of_stdio(box):
    """Engines read create's stdout and stderr to the end: who keeps them open is the program alone."""
    supervise(box).args("/bin/probe", "shape", "close-all").write()
    with Witness() as out, Witness() as err:
        box.create(stdout=out.writer, stderr=err.writer).start()
        assert out.ends(time.monotonic() + 2 * look.SCALE) and err.ends(time.monotonic() + 2 * look.SCALE)
        assert box.status == "running"


def test_exec_lets_go_of_stdio(box):
    supervise(box).sleep().up()
    with Witness() as out, Witness() as err:
        box.exec("/bin/probe", "shape", "close-all", flags=["-d"], stdout=out.writer, stderr=err.writer).ok()
        assert out.ends(time.monotonic() + 2 * look.SCALE) and err.ends(time.monotonic() + 2 * look.SCALE)


def test_the_supervisors_of_an_exec(box, tmp):
    """The mirror and the one below it are as the container's is."""
    supervise(box).sleep().up()
    box.exec("/bin/probe", "sleep", flags=["-d", "--pid-file", tmp / "pid"], env={"SECRET": SECRET}).ok()
    mirror = int((tmp / "pid").read_text())
    for pid in (mirror, *children_of(mirror)):
        p = Proc(pid)
        assert p.cmdline()[0] == "nook-supervisor" and p.environ() == []
        assert p.stat()[3] == str(pid) and p.ns("mnt") == Proc(os.getpid()).ns("mnt")
        assert [p.fds()[n] for n in range(3)] == ["/dev/null"] * 3
        assert SECRET.encode() not in memory_of(pid)


# ---------------------------------------------------------------------------------------------- who can reach it

def attempts(box, *pids, flags=(), **kw):
    """What kill(PID, 0) says to a process of the container: [errno, ...]."""
    found = []
    for pid in pids:
        result = box.exec("/bin/probe", "sys", SYS_KILL, pid, 0, flags=flags, **kw).ok()
        found.append(int(result.out.split()[1]))
    return found


def attempts_of_the_program(box, *pids):
    """The same of its program, which waits for them."""
    (box.rootfs / "pids").write_text("".join(f"{pid}\n" for pid in pids))
    os.rename(box.rootfs / "pids", box.rootfs / "go")
    wait_until(lambda: "end" in box.text(), what="the program's answers")
    return [int(line.split()[1]) for line in box.text().splitlines() if line != "end"]


ASKING = f"until [ -e /go ]; do sleep 0.01; done; for p in $(cat /go); do probe sys {SYS_KILL} $p 0; done; echo end; exec probe sleep"


@pytest.fixture
def outsider():
    """A process of root's outside."""
    with harness.subprocess.Popen(["sleep", "60"]) as p:
        look.KNOWN.add(p.pid)
        yield p.pid
        p.kill()
    look.KNOWN.discard(p.pid)


def codes(box, report):
    return {lost["code"] for lost in harness.json.loads(report.read_text())["lost"]}


def up_with_report(box, tmp):
    box.up("--report", tmp / "report")
    return codes(box, tmp / "report")


@pytest.mark.parametrize("nnp", [True, False])
def test_signals_stay_inside(box, tmp, outsider, nnp):
    """By Landlock: it needs no_new_privs, or CAP_SYS_ADMIN, which nook has here."""
    supervise(box).sh(ASKING)
    box.process["noNewPrivileges"] = nnp
    assert "supervisor.exposed" not in up_with_report(box, tmp)
    supervisor, payload = supervisor_of(box), payload_of(box)
    assert attempts_of_the_program(box, supervisor, outsider, payload) == [EPERM, EPERM, 0]
    # Who was let in from outside may signal the program: exec is used for that.
    assert attempts(box, payload) == [0]


def without_landlock(box, tools):
    box.nook.prefix = [tools["nosys"], "38", LANDLOCK_CALLS]
    return box


def test_without_landlock_it_is_exposed_and_said_to_be(box, tools, tmp, outsider):
    without_landlock(supervise(box), tools).sh(ASKING)
    assert "supervisor.exposed" in up_with_report(box, tmp)
    exposed, = (lost for lost in box.state()["isolation"]["lost"] if lost["code"] == "supervisor.exposed")
    assert exposed["reason"] == "no-landlock" and "user namespace" in exposed["mitigation"]
    assert attempts_of_the_program(box, supervisor_of(box), outsider) == [0, 0]


def test_other_ids_are_as_good(box, tools, tmp, outsider):
    without_landlock(supervise(box).userns(), tools).sh(ASKING)
    assert "supervisor.exposed" not in up_with_report(box, tmp)
    supervisor = supervisor_of(box)
    assert attempts_of_the_program(box, supervisor, outsider) == [EPERM, EPERM]
    assert attempts(box, supervisor, outsider) == [EPERM, EPERM]


@pytest.mark.parametrize("nnp", [True, False])
@pytest.mark.parametrize("place", ["E"], indirect=True)
def test_signals_in_a_pod(placed_box, place, nnp):
    """Without CAP_SYS_ADMIN it takes no_new_privs, and the report says so."""
    box = supervise(placed_box, "bare").sh(ASKING)
    box.nook.globals.remove("--cgroup-manager=disabled")
    box.process["noNewPrivileges"] = nnp
    box.up()
    lost = {entry["code"]: entry for entry in box.state()["isolation"]["lost"]}
    assert ("supervisor.exposed" in lost) == (not nnp)
    if not nnp:
        assert lost["supervisor.exposed"]["reason"] == "no-new-privileges"
    pid = box.state()["pid"]
    wanted = EPERM if nnp else 0
    assert attempts_of_the_program(box, pid, 1) == [wanted, wanted]
