# SPDX-License-Identifier: Apache-2.0
"""The chroot isolation: the container's process and its helpers. CH-1, CH-4, CH-7 to CH-10, CR-1 to CR-8 of
chroot-isolation.md, D-3, D-4, D-6, D-7, D-10."""

import errno
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

import harness
import look
from look import Proc, wait_until
from test_process import caps_of, mask
from test_seccomp import ALLOW_FOR_SH, GETPRIORITY, SYSINFO, probe, profile, rule
from test_security import is_protected
from test_terminal import foreground, set_size, size_of  # noqa: F401, the first is a fixture

FIVE = ("bounding", "effective", "permitted", "inheritable", "ambient")


@pytest.fixture
def cbox(chroot_box):
    return chroot_box


@pytest.fixture
def tty_box(cbox):
    cbox.process["terminal"] = True
    return cbox


@pytest.fixture
def supervised(cbox):
    """Neither a PID namespace nor a cgroup: its pid is that of a supervisor."""
    cbox.no_namespace("pid")
    cbox.linux["resources"] = {}
    cbox.nook.globals += ["--cgroup-manager=disabled"]
    return cbox


def payload(box):
    """The only child of the supervisor."""
    return wait_until(lambda: [Proc(pid) for pid, parent in look.processes().items() if parent == box.pid], what="a payload")[0]


# -- CH-1, CR-3: rlimits ----------------------------------------------------------------------------------------------------------
LIMITS = {"AS": ("Max address space", 1 << 33), "CORE": ("Max core file size", 4 << 20), "CPU": ("Max cpu time", 7200),
          "DATA": ("Max data size", 4 << 30), "FSIZE": ("Max file size", 2 << 30), "LOCKS": ("Max file locks", 20),
          "MEMLOCK": ("Max locked memory", 1 << 16), "MSGQUEUE": ("Max msgqueue size", 2000), "NICE": ("Max nice priority", 0),
          "NOFILE": ("Max open files", 1024), "NPROC": ("Max processes", 2000), "RSS": ("Max resident set", 1 << 31),
          "RTPRIO": ("Max realtime priority", 0), "RTTIME": ("Max realtime timeout", 2000),
          "SIGPENDING": ("Max pending signals", 200), "STACK": ("Max stack size", 2 << 20)}


def test_ch_1_all_sixteen_rlimits(cbox):
    assert len(LIMITS) == 16
    cbox.process["rlimits"] = [{"type": f"RLIMIT_{t}", "soft": hard // 2, "hard": hard} for t, (_, hard) in LIMITS.items()]
    cbox.sleep().up()
    have = cbox.proc.limits()
    assert {t: have[name] for t, (name, _) in LIMITS.items()} == {t: (str(h // 2), str(h)) for t, (_, h) in LIMITS.items()}


def test_ch_1_any_other_name_is_fatal(cbox):
    cbox.process["rlimits"] = [{"type": "RLIMIT_BEER", "soft": 1, "hard": 1}]
    cbox.refuse("RLIMIT_BEER", pointers=["/process/rlimits/0/type", "/process/rlimits/0"])


def test_cr_3_a_limit_that_cannot_be_raised_says_from_what_to_what(cbox):
    cbox.nook.prefix = ["setpriv", "--bounding-set", "-sys_resource", "prlimit", "--nofile=300:400"]
    cbox.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 450, "hard": 500}]
    cbox.refuse("RLIMIT_NOFILE", "from 400 to 500", pointers=["/process/rlimits/0"])


def test_cr_3_a_raise_happens_while_privilege_lasts(cbox):
    """What is possible for nook's own limits is so for a payload that has no capabilities left, and another user."""
    cbox.nook.prefix = ["prlimit", "--nofile=100:900"]
    cbox.process.update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 900, "hard": 900}], user={"uid": 1000, "gid": 1000})
    cbox.caps().sleep().up()
    assert cbox.proc.limits()["Max open files"] == ("900", "900")


# -- CH-4 -------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [500, 1000])
def test_ch_4_oom_score_adj_is_there_before_the_payload(cbox, value):
    cbox.process["oomScoreAdj"] = value
    cbox.sleep().create()
    assert int(cbox.proc.text("oom_score_adj")) == value
    cbox.start()
    assert int(cbox.proc.text("oom_score_adj")) == value


def test_ch_4_its_failure_is_fatal(cbox):
    cbox.nook.prefix = ["setpriv", "--bounding-set", "-sys_resource"]
    cbox.process["oomScoreAdj"] = -500
    cbox.refuse(pointers=["/process/oomScoreAdj"])


# -- CH-7 -------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("member,lsm", [("apparmorProfile", "AppArmor"), ("selinuxLabel", "SELinux")])
def test_ch_7_a_label_that_cannot_be_applied_is_fatal(cbox, member, lsm):
    """Design section 4: also where that LSM is not there at all, which the model lets pass."""
    if Path("/sys/fs/selinux/enforce").exists() or Path("/sys/kernel/security/apparmor").exists():
        pytest.skip("there is an LSM here")
    cbox.process[member] = "some-profile"
    cbox.refuse(lsm, pointers=[f"/process/{member}"])


def test_ch_7_the_label_is_set_before_the_user_changes(cbox):
    """As far as it can be seen on a kernel without LSMs: in the plan. attr/exec is written by who still has privilege."""
    cbox.process["apparmorProfile"] = "some-profile"
    cbox.write()
    steps = [s["step"] for s in cbox.nook("explain", "--format=json", "-b", cbox.dir).ok().json()["final"]]
    assert steps.index("label") < steps.index("user") < steps.index("execve")


# -- CH-8, CH-9, D-3, D-6: capabilities -------------------------------------------------------------------------------------------
def test_ch_8_d_3_five_sets_exactly(cbox):
    """Names in any case. Inheritable and ambient are the config's, not emptied."""
    want = {"bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
            "inheritable": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_KILL"]}
    cbox.process["capabilities"] = {s: [n.lower() if i % 2 else n for i, n in enumerate(names)] for s, names in want.items()}
    cbox.process["user"] = {"uid": 1000, "gid": 1000}
    cbox.sleep().up()
    have = caps_of(cbox.proc)
    # execve gives a user's program what is ambient: capabilities(7).
    assert have == {"bounding": mask(want["bounding"]), "inheritable": mask(want["inheritable"]), "ambient": mask(["CAP_KILL"]),
                    "permitted": mask(["CAP_KILL"]), "effective": mask(["CAP_KILL"])}


def test_ch_8_an_unknown_name_is_a_warning(cbox, tmp):
    """Fatal in the model; since runtime-spec 1.1 it is to be ignored (design section 4), which is logged."""
    cbox.caps("CAP_KILL", "CAP_TO_FLY")
    cbox.nook.globals += ["--log", str(tmp / "log"), "--log-level=warning"]
    cbox.sleep().up()
    assert int(cbox.proc.status("CapBnd"), 16) == 1 << 5 and "CAP_TO_FLY" in (tmp / "log").read_text()


@pytest.mark.parametrize("caps", [[], ["CAP_KILL"]], ids=["none", "kill"])
def test_ch_9_the_last_steps_have_what_they_need(cbox, caps):
    """setgroups, setresuid, and a filter without no_new_privs, though the config leaves no capability for them."""
    cbox.process.update(user={"uid": 1000, "gid": 1001, "additionalGids": [5, 6]}, noNewPrivileges=False)
    profile(cbox, rule("sysinfo")).caps(*caps, sets=FIVE).sleep().up()
    proc = cbox.proc
    assert proc.status("Uid").split() == ["1000"] * 4 and proc.status("Gid").split() == ["1001"] * 4
    assert proc.status("Groups").split() == ["5", "6"] and proc.status("Seccomp") == "2"
    assert caps_of(proc) == {s: mask(caps) for s in FIVE}, "D-6: exactly the config's, and nothing that was kept for a while"


# -- CH-10, CR-1, D-4: the supervisor ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("uid", [0, 1000])
def test_ch_10_d_4_the_payload_dies_with_its_supervisor(supervised, uid):
    """Also another user's: a change of ids takes the parent-death signal away, so it is set after that."""
    supervised.process["user"] = {"uid": uid, "gid": uid}
    assert supervised.args("/bin/probe", "pdeathsig").run().ok().out == "9\n"
    supervised.sleep().up()
    init = payload(supervised)
    assert init.status("Uid").split()[0] == str(uid)
    os.kill(supervised.pid, signal.SIGKILL)
    wait_until(lambda: not init.alive(), what="the payload's end")


def test_ch_10_no_signal_where_the_pid_namespace_takes_care(cbox):
    assert cbox.args("/bin/probe", "pdeathsig").run().ok().out == "0\n"


def test_cr_1_the_helpers_run_from_a_binary_that_cannot_be_written(supervised, binary):
    supervised.sleep().create()
    for proc in (Proc(supervised.pid), payload(supervised)):
        assert is_protected(proc.pid, binary), proc.pid


def test_cr_1_the_supervisor_is_small_and_holds_nothing_of_the_host(supervised, sanitized):
    supervised.sleep().up()
    proc = Proc(supervised.pid)
    assert proc.status("Threads") == "1"
    if not sanitized:
        assert int(proc.status("VmRSS").split()[0]) < 4096
    for fd, target in proc.fds().items():
        allowed = target.startswith(("socket:", "anon_inode:", "pipe:", "/proc")) or target == "/dev/null"
        allowed |= target == f"{supervised.nook.root}/{supervised.id}"  # test_supervisor.py looks at how
        assert allowed, (fd, target)
    assert proc.environ() == []


# -- CR-2, D-10: environments ------------------------------------------------------------------------------------------------------
def test_cr_2_the_payload_has_exactly_the_environment_of_the_config(cbox):
    cbox.env("A=1", "EMPTY=", "A=2").sleep().up(env={"SECRET": "hunter2"})
    assert cbox.proc.environ() == [harness.PATH_ENV, "A=1", "EMPTY=", "A=2", "HOME=/root"]


@pytest.mark.parametrize("home", ["HOME=/mine", None])
def test_cr_2_home_is_added_when_it_is_absent(cbox, home):
    cbox.env(*[home] * bool(home)).sleep().up()
    assert [e for e in cbox.proc.environ() if e.startswith("HOME=")] == [home or "HOME=/root"]


@pytest.mark.parametrize("moment", ["created", "running"])
def test_cr_2_d_10_no_helper_has_the_callers_environment(supervised, moment):
    """A payload sees them all in the outer /proc."""
    supervised.sleep().create(env={"SECRET": "hunter2"})
    helpers = [Proc(supervised.pid)]
    if moment == "created":
        helpers.append(payload(supervised))
    else:
        supervised.start()
    for proc in helpers:
        text = (proc.dir / "environ").read_bytes()
        assert text.strip(b"\0") == b"", (proc.pid, text)


def test_d_10_a_payload_looks_for_the_secret_in_vain(cbox):
    """With the outer /proc it sees every process, while nook is at work and after."""
    cbox.no_namespace("pid").caps("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_DAC_OVERRIDE")
    cbox.sh("echo ready; while :; do cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep NKT_SECRET; done")
    cbox.up(env={"NKT_SECRET": "1"}).wait_text("ready")
    for _ in range(5):
        cbox.nook("state", cbox.id).ok()
        cbox.exec("true").ok()
    assert "NKT_SECRET" not in cbox.text()


# -- CR-4: the order ---------------------------------------------------------------------------------------------------------------
def test_cr_4_the_command_is_looked_up_with_the_containers_path(cbox):
    """Design section 4: at create, as the container's user, not at the very end as in the model."""
    (cbox.rootfs / "only").mkdir()
    os.link(cbox.rootfs / "bin/busybox", cbox.rootfs / "only/echo")
    cbox.process["env"] = ["PATH=/nothing:/only"]
    assert cbox.args("echo", "found").run().ok().out == "found\n"
    cbox.process["env"] = ["PATH=/nothing"]
    cbox.refuse('exec: "echo": executable file not found in $PATH')


def test_cr_4_the_command_and_the_cwd_are_the_users(cbox):
    """Both are looked at with the ids of the user, inside the root."""
    (cbox.rootfs / "mine").mkdir(mode=0o700)
    os.chown(cbox.rootfs / "mine", 1000, 1000)
    os.chmod(cbox.rootfs / "mine", 0o700)
    cbox.process.update(user={"uid": 1000, "gid": 1000}, cwd="/mine")
    cbox.caps().sleep().up()
    assert os.readlink(cbox.proc.dir / "cwd") == "/mine"
    cbox.stop().delete()
    os.chmod(cbox.rootfs / "mine", 0o755)
    (cbox.rootfs / "bin/roots").write_text("#!/bin/sh\n")
    os.chmod(cbox.rootfs / "bin/roots", 0o700)
    cbox.args("roots").refuse('exec: "roots": permission denied')


def test_cr_4_the_filter_comes_last(cbox):
    """It may forbid what the steps before it do."""
    cbox.process.update(user={"uid": 1000, "gid": 1000, "additionalGids": [5]}, noNewPrivileges=True)
    names = ["setresuid", "setresgid", "setgroups", "capset", "prctl", "chdir", "umask", "setsid", "chroot", "pivot_root"]
    assert probe(profile(cbox, rule(*names, action="SCMP_ACT_KILL_PROCESS")), "sys", GETPRIORITY, 0, 0)[1] == 0


# -- CR-5 --------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("groups", [[5, 27, 1], []])
def test_cr_5_groups_are_set_exactly(cbox, groups):
    cbox.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": groups}
    cbox.nook.prefix = ["setpriv", "--groups", "77,78"]
    cbox.sleep().up()
    assert [int(g) for g in cbox.proc.status("Groups").split()] == sorted(groups)


@pytest.mark.parametrize("asked", [[], [5]])
def test_cr_5_d_10_where_setgroups_is_denied_they_stay(cbox, asked):
    """No failure, and it is reported: what is not set, and what stays."""
    cbox.nook.prefix = ["setpriv", "--groups", "77,78", "unshare", "-Urm"]
    cbox.process["user"]["additionalGids"] = asked
    cbox.sleep().up()
    assert cbox.proc.status("Groups").split() == ["77", "78"]
    have = {entry["code"] for entry in cbox.state()["isolation"]["lost"]}
    assert "user.groups.kept" in have and ("user.groups.not-set" in have) == bool(asked)


def test_d_10_setgroups_is_denied_where_it_would_be_refused(cbox):
    """Without privilege a gid map can be written only after that."""
    cbox.nook.prefix = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]
    cbox.nook.globals += ["--cgroup-manager=disabled"]
    os.mkdir(cbox.nook.root, 0o700)
    os.chown(cbox.nook.root, 1000, 1000)
    cbox.linux["resources"] = {}
    cbox.sleep().up()
    assert cbox.proc.text("setgroups") == "deny\n"
    assert cbox.proc.text("gid_map").split() == ["0", "1000", "1"]
    assert {"ns.user.added"} <= {entry["code"] for entry in cbox.state()["isolation"]["lost"]}


# -- CR-6 --------------------------------------------------------------------------------------------------------------------------
def test_cr_6_unknown_system_calls_are_skipped_at_debug_level(cbox, tmp):
    cbox.nook.globals += ["--log", str(tmp / "log"), "--log-level=debug"]
    assert probe(profile(cbox, rule("no_such_syscall", "sysinfo")), "sys", SYSINFO) == (-1, errno.EPERM)
    line = next(line for line in (tmp / "log").read_text().splitlines() if "no_such_syscall" in line)
    assert "level=debug" in line


def test_cr_6_default_errno_ret(cbox):
    """Of a default that is an errno, for a call that no rule names."""
    profile(cbox, rule(*ALLOW_FOR_SH, action="SCMP_ACT_ALLOW"), default="SCMP_ACT_ERRNO", defaultErrnoRet=41)
    assert cbox.sh(f"probe sys {SYSINFO}").run().out.split() == ["-1", "41"]


def test_cr_6_several_equalities_on_one_argument_are_alternatives(cbox):
    args = [{"index": 0, "value": v, "op": "SCMP_CMP_EQ"} for v in (7, 8)]
    profile(cbox, rule("getpriority", errnoRet=99, args=args))
    out = cbox.sh(f"for v in 7 8 9; do probe sys {GETPRIORITY} $v 0; done").run().lines()
    assert out[:2] == ["-1 99", "-1 99"] and out[2] != "-1 99"


# -- CR-7: terminals ---------------------------------------------------------------------------------------------------------------
def test_cr_7_a_new_pty_that_controls_a_new_session(tty_box, console):
    tty_box.sleep().up("--console-socket", console.path)
    master = console.master()
    p = tty_box.proc
    assert set(p.fds().values()) == {"/dev/pts/0"} and sorted(p.fds()) == [0, 1, 2]
    s = p.stat()
    assert s[2] == s[3] == str(p.pid) and s[4] != "0", "leads its session, and has a controlling terminal"
    assert p.mount("/dev/console").root == "/0" and p.mount("/dev/console").fstype == "devpts"
    os.close(master)


def test_cr_7_d_7_sized_by_console_size(tty_box, console):
    tty_box.process["consoleSize"] = {"height": 17, "width": 71}
    tty_box.sleep().create("--console-socket", console.path)
    master = console.master()
    assert size_of(master) == (17, 71)
    os.close(master)


def test_cr_7_d_7_else_by_the_callers_and_it_follows(tty_box, foreground):  # noqa: F811
    """SIGWINCH goes through."""
    tty_box.sh("trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.01; done").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    assert b"33 99" in harness.read_pty(master, b"ready")
    set_size(master, 44, 111)
    run.signal(signal.SIGWINCH)
    harness.read_pty(master, b"44 111")
    tty_box.nook("kill", tty_box.id, "KILL").silent()
    assert run.wait().rc == 137


# -- CR-8, D-7: the end --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["pid namespace", "supervisor"])
@pytest.mark.parametrize("end,rc", [("exit 0", 0), ("exit 77", 77), ("exit 255", 255)])
def test_cr_8_exit_status(request, how, end, rc):
    box = request.getfixturevalue("supervised" if how == "supervisor" else "cbox")
    assert box.sh(end).run().rc == rc


@pytest.mark.parametrize("sig", ["KILL", "TERM", "SEGV"])
def test_cr_8_d_7_death_by_a_signal_is_128_and_its_number(supervised, sig):
    assert supervised.sh(f"kill -{sig} $$; sleep 5").run().rc == 128 + getattr(signal, f"SIG{sig}")


def test_d_7_the_waiter_sees_the_signal_itself(supervised):
    """What conmon waits for is the supervisor: it ends as the payload did."""
    supervised.sleep().up()
    pid = supervised.pid
    supervised.kill("USR1")
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGUSR1


# -- D-6 -----------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("nnp", [False, True])
def test_d_6_no_new_privs_with_and_without_a_filter(cbox, nnp, filtered):
    cbox.process["noNewPrivileges"] = nnp
    if filtered:
        profile(cbox, rule("sysinfo"))
    cbox.sleep().up()
    assert cbox.proc.status("NoNewPrivs") == str(int(nnp)) and cbox.proc.status("Seccomp") == "02"[filtered]


@pytest.mark.parametrize("uid", [0, 1000])
def test_d_6_without_capabilities_there_are_none(cbox, uid):
    cbox.process["user"] = {"uid": uid, "gid": uid}
    cbox.caps(sets=FIVE).sleep().up()
    assert caps_of(cbox.proc) == dict.fromkeys(FIVE, 0)


# -- D-7 -----------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["pid namespace", "supervisor"])
def test_d_7_no_descriptor_beyond_stdio(request, how):
    box = request.getfixturevalue("supervised" if how == "supervisor" else "cbox")
    read, write = os.pipe()
    os.set_inheritable(read, True)
    os.dup2(read, 77, inheritable=True)
    try:
        assert box.args("/bin/probe", "fds").run(pass_fds=(read, 77)).ok().out == "0 1 2 \n"
    finally:
        for fd in (read, write, 77):
            os.close(fd)


@pytest.mark.parametrize("how", ["pid namespace", "supervisor"])
def test_d_7_preserved_descriptors(request, how, tmp):
    """Descriptors 3 and 4, and no fifth: moved there by a shell that then executes nook."""
    box = request.getfixturevalue("supervised" if how == "supervisor" else "cbox")
    for n in (3, 4, 5):
        (tmp / str(n)).write_text(f"file {n}\n")
    box.nook.prefix = ["sh", "-c", f'exec 3<{tmp}/3 4<{tmp}/4 5<{tmp}/5; exec "$@"', "sh"]
    assert box.sh("cat <&3; cat <&4; probe fds").run("--preserve-fds", "2").ok().lines() == ["file 3", "file 4", "0 1 2 3 4 "]


@pytest.mark.parametrize("umask", [0o077, 0o002, None])
def test_d_7_umask(cbox, umask):
    if umask is not None:
        cbox.process["user"]["umask"] = umask
    cbox.mount("/mnt", "tmpfs", "t", ["mode=777"])
    cbox.sh("touch /mnt/f; mkdir /mnt/d; exec probe sleep").up()
    want = 0o022 if umask is None else umask
    made = wait_until(lambda: os.path.isdir(cbox.proc.root("/mnt/d")), what="/mnt/d") and os.stat(cbox.proc.root("/mnt/f"))
    assert stat.S_IMODE(made.st_mode) == 0o666 & ~want
    assert int(cbox.proc.status("Umask"), 8) == want


# -- docs/isolation.md, "Who is in reach" ----------------------------------------------------------------------------------------------
@pytest.fixture
def bystanders():
    """Processes of the host: root with its capabilities, root without any."""
    made = [subprocess.Popen(["sleep", "1000"]), subprocess.Popen(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "sleep", "1000"])]
    wait_until(lambda: int(Proc(made[1].pid).status("CapEff"), 16) == 0, what="setpriv")
    yield made
    for process in made:
        process.kill()
        process.wait()


def reached(box, process):
    """What of a process outside can be had through the outer /proc."""
    out = box.sh(f"cd /proc/{process.pid} && {{ [ -e root/bin ] && echo root; cat environ >/dev/null 2>&1 && echo environ; }}; true").run()
    return set(out.ok().lines())


@pytest.mark.parametrize("caps,userns,has,hasnt", [
    ([], False, set(), {"root", "environ"}), (["CAP_KILL"], False, set(), {"root", "environ"}),
    (["CAP_SYS_PTRACE"], False, {"root", "environ"}, {"root", "environ"}),
    ([], True, set(), set()), (["CAP_SYS_PTRACE"], True, set(), set())],
    ids=["root", "root with a capability", "tracer", "user namespace", "user namespace, tracer"])
@pytest.mark.parametrize("landlock", [False, True], ids=["without Landlock", "with Landlock"])
def test_who_is_in_reach(cbox, bystanders, tools, caps, userns, has, hasnt, landlock):
    """The limits that the documentation tells: a user namespace is what holds, or Landlock, where the config has a PID namespace.
    Without either the report says so when tracing is asked for."""
    if not landlock:
        cbox.nook.prefix = [tools["nosys"], "38", "444"]
    elif not userns and look.LANDLOCK_SCOPES:
        has = hasnt = set()
    cbox.caps(*caps)
    if userns:
        cbox.userns()
    assert (reached(cbox, bystanders[0]), reached(cbox, bystanders[1])) == (has, hasnt)
    cbox.sleep().create()
    told = {entry["code"] for entry in cbox.state()["isolation"]["lost"]}
    assert "proc.outer" in told and ("proc.outer.ptrace" in told) == bool(has)
