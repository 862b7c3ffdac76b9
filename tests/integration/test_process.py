# SPDX-License-Identifier: Apache-2.0
"""The program's process: user, groups, umask, capabilities, rlimits, env, cwd, args: spec-checklist section 7."""

import os
import signal
from pathlib import Path

import pytest

import harness
import look
from look import Proc

SETS = {"bounding": "CapBnd", "effective": "CapEff", "inheritable": "CapInh", "permitted": "CapPrm", "ambient": "CapAmb"}
NUMBERS = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7,
           "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13, "CAP_SYS_CHROOT": 18, "CAP_AUDIT_WRITE": 29}


def mask(names):
    return sum(1 << NUMBERS[n] for n in names)


def caps_of(proc):
    return {s: int(proc.status(key), 16) for s, key in SETS.items()}


# -- user --------------------------------------------------------------------------------------------------------------
def test_usr1_ids(box):
    box.process["user"] = {"uid": 1000, "gid": 2000}
    box.sleep().up()
    assert box.proc.status("Uid").split() == ["1000"] * 4 and box.proc.status("Gid").split() == ["2000"] * 4


def test_usr1_large_ids(box):
    box.process["user"] = {"uid": 4294967294, "gid": 2147483648, "additionalGids": [4294967294]}
    box.sleep().up()
    assert box.proc.status("Uid").split()[0] == "4294967294" and box.proc.status("Gid").split()[0] == "2147483648"
    assert box.proc.status("Groups").split() == ["4294967294"]


@pytest.mark.parametrize("umask", [0, 0o77, 0o22, 0o777])
def test_usr2_umask(box, umask):
    box.process["user"]["umask"] = umask
    box.sleep().up()
    assert int(box.proc.status("Umask"), 8) == umask


def test_usr2_umask_unset(box):
    """The caller's (spec) or 0022 (runc, crun): with a caller's 0022 both are the same."""
    box.sleep().up(preexec=lambda: os.umask(0o022))
    assert box.proc.status("Umask") == "0022"


def test_usr3_additional_groups_exact(box):
    box.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 1000, 77]}
    box.sleep().up(preexec=lambda: os.setgroups([4, 20, 27]))
    assert sorted(map(int, box.proc.status("Groups").split())) == [5, 77, 1000]


def test_usr3_callers_groups_are_dropped(box):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.sleep().up(preexec=lambda: os.setgroups([4, 20, 27]))
    assert box.proc.status("Groups").split() == []


def test_usr3_many_groups(box):
    gids = list(range(10000, 10300))
    box.process["user"]["additionalGids"] = gids
    box.sleep().up()
    assert sorted(map(int, box.proc.status("Groups").split())) == gids


def test_user_is_optional(box):
    del box.process["user"]
    r = box.sh("id -u").run()
    assert (r.rc, r.out) in ((0, "0\n"), (1, "")), r


# -- capabilities ------------------------------------------------------------------------------------------------------
def test_cap1_five_sets_exact_for_root(box):
    want = {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
            "effective": ["CAP_CHOWN", "CAP_KILL"], "inheritable": ["CAP_KILL", "CAP_SETUID"], "ambient": ["CAP_KILL"]}
    box.process["capabilities"] = want
    box.process["noNewPrivileges"] = False
    box.sleep().up()
    got = caps_of(box.proc)
    for s in ("bounding", "inheritable", "ambient"):
        assert got[s] == mask(want[s]), s
    # execve of root gives permitted = inheritable | bounding (capabilities(7)); never more than the bounding set
    assert got["permitted"] & ~mask(want["bounding"]) == 0


def test_cap1_non_root_has_ambient_only(box):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    names = ["CAP_KILL", "CAP_CHOWN"]
    box.process["capabilities"] = {"bounding": names, "permitted": names, "effective": names, "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    box.sleep().up()
    got = caps_of(box.proc)
    assert got == {"bounding": mask(names), "inheritable": mask(["CAP_KILL"]), "ambient": mask(["CAP_KILL"]),
                   "permitted": mask(["CAP_KILL"]), "effective": mask(["CAP_KILL"])}


def test_cap1_non_root_without_ambient_has_none(box):
    """CVE-2016-8867"""
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.caps("CAP_KILL", "CAP_CHOWN")
    box.sleep().up()
    got = caps_of(box.proc)
    assert (got["effective"], got["permitted"], got["ambient"], got["inheritable"]) == (0, 0, 0, 0)


def test_cap1_all_empty(box):
    box.caps()
    box.sleep().up()
    assert set(caps_of(box.proc).values()) == {0}


def test_cap1_inheritable_is_empty_unless_listed(box):
    box.caps("CAP_KILL").sleep().up()
    assert caps_of(box.proc)["inheritable"] == 0 and caps_of(box.proc)["ambient"] == 0


def test_cap2_unknown_name_is_a_warning(box, tmp):
    box.caps("CAP_TEST", "CAP_KILL", "KILL").sleep()
    r = box.try_create()
    assert r.rc == 0, r
    box.start()
    assert caps_of(box.proc)["bounding"] == mask(["CAP_KILL"])


def test_cap2_warning_is_in_the_debug_log(box, tmp):
    box.caps("CAP_TEST", "CAP_KILL").sleep()
    box.nook.globals = ["--log-level", "warning", "--log", str(tmp / "log"), "--log-format", "json"]
    r = box.try_create()
    assert r.rc == 0, r
    assert "CAP_TEST" in (tmp / "log").read_text()


def test_mount_label_without_selinux_is_a_warning(box, tmp):
    if Path("/sys/fs/selinux/enforce").exists():
        pytest.skip("SELinux is enabled here")
    box.linux["mountLabel"] = "system_u:object_r:container_file_t:s0"
    box.nook.globals = ["--log-level", "warning", "--log", str(tmp / "log")]
    box.sleep().up()
    assert "mountLabel" in (tmp / "log").read_text()


def test_cap3_ungrantable_is_dropped(box):
    """This host lacks CAP_SYS_RESOURCE, or the test drops one."""
    names = ["CAP_KILL", "CAP_NET_RAW"]
    box.caps(*names)
    box.process["capabilities"].update(inheritable=names, ambient=names)
    box.process["noNewPrivileges"] = False
    box.sleep()
    box.nook.prefix = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]
    r = box.try_create()
    assert r.rc == 0, r
    box.nook.prefix = []
    box.start()
    assert caps_of(box.proc)["bounding"] == mask(["CAP_KILL"])


def test_cap_object_absent(box):
    del box.process["capabilities"]
    r = box.args("/bin/true").run()
    assert r.rc == 0, r


# -- rlimits -----------------------------------------------------------------------------------------------------------
def test_rl1_all(box):
    wanted = {"RLIMIT_AS": ("Max address space", 1 << 32, 1 << 33), "RLIMIT_CORE": ("Max core file size", 3 << 20, 4 << 20),
              "RLIMIT_CPU": ("Max cpu time", 3600, 7200), "RLIMIT_DATA": ("Max data size", 3 << 30, 4 << 30),
              "RLIMIT_FSIZE": ("Max file size", 1 << 30, 2 << 30), "RLIMIT_LOCKS": ("Max file locks", 10, 20),
              "RLIMIT_MEMLOCK": ("Max locked memory", 1 << 16, 1 << 17), "RLIMIT_MSGQUEUE": ("Max msgqueue size", 1000, 2000),
              "RLIMIT_NICE": ("Max nice priority", 0, 0), "RLIMIT_NOFILE": ("Max open files", 512, 1024),
              "RLIMIT_NPROC": ("Max processes", 1000, 2000), "RLIMIT_RSS": ("Max resident set", 1 << 30, 1 << 31),
              "RLIMIT_RTPRIO": ("Max realtime priority", 0, 0), "RLIMIT_RTTIME": ("Max realtime timeout", 1000, 2000),
              "RLIMIT_SIGPENDING": ("Max pending signals", 100, 200), "RLIMIT_STACK": ("Max stack size", 1 << 20, 2 << 20)}
    box.process["rlimits"] = [{"type": t, "soft": s, "hard": h} for t, (_, s, h) in wanted.items()]
    box.sleep().up()
    limits = box.proc.limits()
    for t, (name, soft, hard) in wanted.items():
        assert limits[name] == (str(soft), str(hard)), t


def test_rl1_infinity(box):
    box.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 2**64 - 1}]
    box.sleep().up()
    assert box.proc.limits()["Max core file size"] == ("0", "unlimited")


def test_rl1_small_limits_do_not_break_nook_itself(box):
    """Limits come late: a file limit of 4 and an address space of 16 MiB hold for the program, not for the set-up."""
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 4, "hard": 4}, {"type": "RLIMIT_AS", "soft": 1 << 24, "hard": 1 << 24},
                              {"type": "RLIMIT_FSIZE", "soft": 0, "hard": 0}, {"type": "RLIMIT_NPROC", "soft": 1, "hard": 1}]
    box.sleep().up()
    assert box.proc.limits()["Max open files"] == ("4", "4")


def test_rl1_raise_needs_privilege_error_is_clear(box):
    if int(Proc(os.getpid()).status("CapEff"), 16) >> 24 & 1:
        pytest.skip("CAP_SYS_RESOURCE is here: raising works")
    hard = Proc(os.getpid()).limits()["Max open files"][1]
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": int(hard) + 1}]
    box.refuse(pointers=["/process/rlimits/0", "/process/rlimits/0/hard"])


def test_rlimits_unlisted_are_inherited(box):
    box.process["rlimits"] = []
    box.sleep().up()
    mine = Proc(os.getpid()).limits()
    assert box.proc.limits()["Max open files"] == mine["Max open files"]


# -- no_new_privs, oom -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [True, False, None])
def test_pr6_no_new_privs(box, value):
    box.process["noNewPrivileges"] = value
    if value is None:
        del box.process["noNewPrivileges"]
    box.sleep().up()
    assert box.proc.status("NoNewPrivs") == ("1" if value else "0")


@pytest.mark.parametrize("value", [500, 1000, 0])
def test_pr7_oom_score_adj(box, value):
    box.process["oomScoreAdj"] = value
    box.sleep().create()
    assert int(box.proc.text("oom_score_adj")) == value
    box.start()
    assert int(box.proc.text("oom_score_adj")) == value


def test_pr7_oom_score_adj_unset_is_inherited(box):
    def raise_score():
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write("123")
    box.sleep().up(preexec=raise_score)
    assert int(box.proc.text("oom_score_adj")) == 123


def test_pr7_lowering_without_privilege_is_an_error(box):
    if int(Proc(os.getpid()).status("CapEff"), 16) >> 24 & 1:
        pytest.skip("CAP_SYS_RESOURCE is here: lowering works")
    box.process["oomScoreAdj"] = -500
    box.refuse(pointers=["/process/oomScoreAdj"])


# -- cwd, env, args ----------------------------------------------------------------------------------------------------
def test_pr3_cwd(box):
    (box.rootfs / "work").mkdir()
    box.process["cwd"] = "/work"
    box.sleep().up()
    assert os.readlink(box.proc.dir / "cwd") == "/work"


def test_pr3_cwd_inside_a_mount(box):
    box.mount("/mnt", "tmpfs", "t")
    box.process["cwd"] = "/mnt"
    assert box.sees("pwd; touch x; ls /mnt") == "/mnt\nx\n"


def test_pr3_cwd_only_the_user_may_enter(box):
    """chdir after setuid must work too (NFS root squash's case)."""
    (box.rootfs / "home/user").mkdir()
    os.chown(box.rootfs / "home/user", 1000, 1000)
    os.chmod(box.rootfs / "home/user", 0o700)
    box.process.update(cwd="/home/user", user={"uid": 1000, "gid": 1000})
    assert box.sees("pwd") == "/home/user\n"


def test_pr3_cwd_the_user_may_not_enter(box):
    """Either refused, or entered with root's rights before; but never somewhere else."""
    (box.rootfs / "closed").mkdir(mode=0o700)
    box.process.update(cwd="/closed", user={"uid": 1000, "gid": 1000})
    r = box.sleep().try_create()
    if r.rc == 0:
        assert os.readlink(box.start().proc.dir / "cwd") == "/closed"
    else:
        r.fails("/closed")


def test_pr3_cwd_is_a_file(box):
    box.process["cwd"] = "/etc/passwd"
    box.refuse("/etc/passwd")


def test_pr4_env_exact(box):
    env = [harness.PATH_ENV, "A=1", "B=", "C=a=b", "UMLAUT=é", "HOME=/somewhere"]
    box.process["env"] = env
    box.sleep().up(env={"LEAK": "x"})
    assert box.proc.environ() == env


@pytest.mark.parametrize("uid,home", [(0, "/root"), (1000, "/home/user"), (4242, "/")])
def test_pr4_home_from_passwd(box, uid, home):
    box.process["user"] = {"uid": uid, "gid": 0}
    box.process["env"] = [harness.PATH_ENV]
    box.sleep().up()
    assert sorted(box.proc.environ()) == sorted([harness.PATH_ENV, f"HOME={home}"])


def test_pr4_home_of_the_config_wins(box):
    box.env("HOME=/mine")
    assert box.sees("echo $HOME") == "/mine\n"


@pytest.mark.parametrize("passwd", [None, "", "broken", "user:x:1000", ":::::::\n\n\nx", "user:x:1000:1000::/a:b:c\n"])
def test_pr4_odd_passwd(box, passwd):
    os.unlink(box.rootfs / "etc/passwd")
    if passwd is not None:
        (box.rootfs / "etc/passwd").write_text(passwd)
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.process["env"] = [harness.PATH_ENV]
    r = box.sh("echo $HOME").run()
    assert r.rc == 0 and r.out in ("/\n", "/a\n"), r


def test_pr4_env_of_the_caller_never_leaks(box):
    box.env().sleep().create(env={"SECRET_OF_CI": "x"})
    assert "SECRET_OF_CI" not in box.proc.text("environ")
    box.start()
    assert "SECRET_OF_CI" not in box.proc.text("environ")


def test_pr4_no_env_member(box):
    del box.process["env"]
    r = box.args("/bin/env").run()
    assert r.rc == 0 and all(line.split("=")[0] in ("HOME", "PATH") for line in r.lines()), r


def test_pr4_large_env(box):
    box.env(*[f"V{i}=" + "x" * 1000 for i in range(500)])
    box.sleep().up()
    assert len(box.proc.environ()) in (501, 502)


def test_pr5_bare_name_by_the_containers_path(box):
    (box.rootfs / "opt").mkdir()
    harness.script(box.rootfs / "opt/tool", 'echo "$0"\n')
    box.process["env"] = ["PATH=/nowhere:/opt:/bin"]
    assert box.args("tool").run().out == "/opt/tool\n"


def test_pr5_argv0_is_kept(box):
    box.args("sleep", "1000").up()
    assert box.proc.cmdline() == ["sleep", "1000"]


def test_pr5_relative_path_is_from_cwd(box):
    (box.rootfs / "work").mkdir()
    harness.script(box.rootfs / "work/tool", "echo relative\n")
    box.process["cwd"] = "/work"
    assert box.args("./tool").run().out == "relative\n"


def test_pr5_empty_path_element_is_cwd(box):
    (box.rootfs / "work").mkdir()
    harness.script(box.rootfs / "work/tool", "echo here\n")
    box.process.update(cwd="/work", env=["PATH=:/bin"])
    r = box.args("tool").run()
    assert r.rc == 1 or r.out == "here\n", r


def test_pr5_no_path_in_env(box):
    """execvp's default path."""
    box.process["env"] = ["A=1"]
    r = box.args("true").run()
    assert r.rc == 0, r


def test_pr5_many_and_long_arguments(box):
    args = ["/bin/echo", *["x" * 1000] * 100, "", "é"]
    r = box.args(*args).run()
    assert r.out == " ".join(args[1:]) + "\n"


def test_pr5_program_in_a_mount_of_the_config(box, tmp):
    (tmp / "src").mkdir()
    harness.script(tmp / "src/tool", "echo mounted\n")
    box.mount("/mnt", "bind", tmp / "src", ["bind", "ro"])
    assert box.args("/mnt/tool").run().out == "mounted\n"


def test_pr5_link_to_a_program(box):
    os.symlink("/bin/probe", box.rootfs / "prog")
    assert box.args("/prog", "fds").run().out == "0 1 2 \n"


def test_pr1_no_terminal_by_default(box):
    assert box.sh("tty").run().out == "not a tty\n"


# -- signals, groups of the process ------------------------------------------------------------------------------------
def test_signal_dispositions_and_mask_are_reset(box):
    """2.29: even when the caller ignores and blocks signals."""
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    box.sleep().up(preexec=ignore)
    p = box.proc
    assert {int(p.status(k), 16) for k in ("SigIgn", "SigBlk", "SigCgt")} == {0}


def test_pdeathsig_is_not_left(box):
    assert box.args("/bin/probe", "pdeathsig").run().out == "0\n"


def test_niceness_is_inherited_untouched(box):
    box.sleep().up()
    assert box.proc.stat()[16] == Proc(os.getpid()).stat()[16]


# -- keyring -----------------------------------------------------------------------------------------------------------
def keyring(box, *flags):
    return int(box.args("/bin/probe", "session-keyring").run(*flags).ok().out.split()[0])


def test_new_session_keyring(box, tools):
    import subprocess
    mine = int(subprocess.check_output([tools["probe"], "session-keyring"]).split()[0])
    theirs = keyring(box)
    assert theirs != mine
    assert keyring(box) != theirs, "a new one per container"


def test_no_new_keyring(box, tools):
    import subprocess
    mine = int(subprocess.check_output([tools["probe"], "session-keyring"]).split()[0])
    assert keyring(box, "--no-new-keyring") == mine


# -- stdio -------------------------------------------------------------------------------------------------------------
def test_stdio_pipes_belong_to_the_user(box):
    """Pitfall 16: `echo > /dev/stderr` works for a non-root user."""
    import subprocess
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.sh("echo via > /dev/stderr; echo out > /dev/stdout").write()
    p = subprocess.run(box.nook.command(["run", "--bundle", box.dir, box.id]), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10)
    assert (p.stdout, p.stderr) == (b"out\n", b"via\n")


def test_stdio_files_and_null_are_not_chowned(box, tmp):
    box.process["user"] = {"uid": 1000, "gid": 1000}
    before = os.stat("/dev/null")
    with open(tmp / "out", "w") as f:
        box.sh("echo x").write()
        box.nook.spawn("run", "--bundle", box.dir, box.id, stdout=f, stderr=f).wait()
    assert os.stat(tmp / "out").st_uid == 0 and (tmp / "out").read_text() == "x\n"
    after = os.stat("/dev/null")
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_stdin_closed(box):
    """A caller with closed standard descriptors must not make them point at something of nook's."""
    def close():
        os.close(0)
    r = box.sh("readlink /proc/self/fd/0 || echo closed").run(preexec=close)
    assert r.rc == 0 and (r.out.strip() in ("closed", "/dev/null")), r


def test_limits_of_this_host_are_unchanged(box):
    before = Proc(os.getpid()).limits()
    box.args("/bin/true").run().ok()
    assert Proc(os.getpid()).limits() == before
    assert look.descendants() == []
