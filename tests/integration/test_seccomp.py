# SPDX-License-Identifier: Apache-2.0
"""seccomp: actions, errno, arguments, architectures, flags, newer system calls, cache: spec-checklist section 13.
The probed calls are harmless and used by nobody else: sysinfo (99), getpriority (140), sched_getscheduler (145)."""

import errno
import os
import stat
import subprocess

import pytest

from look import wait_until

SYSINFO, GETPRIORITY, GETPPID = 99, 140, 110


def profile(box, *rules, default="SCMP_ACT_ALLOW", **more):
    box.linux["seccomp"] = {"defaultAction": default, "syscalls": list(rules), **more}
    return box


def rule(*names, action="SCMP_ACT_ERRNO", **more):
    return {"names": list(names), "action": action, **more}


def probe(box, *args):
    """(return, errno) of one system call in the container."""
    r = box.args("/bin/probe", *map(str, args)).run()
    assert r.rc == 0, r
    return tuple(map(int, r.out.split()))


def code(box, *args):
    """Exit code of the probe: 128 + signal if it was killed."""
    return box.args("/bin/probe", *map(str, args)).run().rc


def test_no_seccomp(box):
    box.sleep().up()
    assert box.proc.status("Seccomp") == "0"


def test_mode_is_filter(box):
    profile(box, rule("sysinfo")).sleep().up()
    assert box.proc.status("Seccomp") == "2" and box.proc.status("Seccomp_filters") == "1"


def test_sec3_errno_defaults_to_eperm(box):
    assert probe(profile(box, rule("sysinfo")), "sys", SYSINFO) == (-1, errno.EPERM)


@pytest.mark.parametrize("number", [0, 1, 77, 4094])
def test_sec3_errno_ret(box, number):
    got = probe(profile(box, rule("sysinfo", errnoRet=number)), "sys", SYSINFO)
    assert got == ((0, 0) if number == 0 else (-1, number))


def test_sec3_default_errno_ret(box):
    """Everything that the probe, a static glibc program, and nook's way to it need is allowed."""
    allowed = rule("read", "write", "writev", "open", "openat", "close", "fstat", "newfstatat", "mmap", "munmap", "mprotect", "brk",
                   "execve", "exit", "exit_group", "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "uname",
                   "readlink", "readlinkat", "getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "ioctl", "futex", "lseek", "getuid",
                   "getgid", "geteuid", "getegid", "setuid", "setgid", "setgroups", "setresuid", "setresgid", "capset", "capget", "prctl", "chdir", "fchdir",
                   "getcwd", "fcntl", "dup", "dup2", "dup3", "poll", "ppoll", "recvmsg", "recvfrom", "sendmsg", "sendto", "accept4", "umask", "fchown",
                   "getpid", "gettid", "setsid", "statx", "sched_yield", "restart_syscall", "wait4", "kill", "faccessat", "access", action="SCMP_ACT_ALLOW")
    got = probe(profile(box, allowed, default="SCMP_ACT_ERRNO", defaultErrnoRet=41), "sys", SYSINFO)
    assert got == (-1, 41)


@pytest.mark.parametrize("nnp", [True, False])
def test_default_profile_of_the_suite_has_no_new_calls(box, nnp):
    """Harness facts of section 15: after the filter no close_range, openat2, faccessat2, clone3, pidfd_open, keyctl or
    mount_setattr may be needed."""
    box.process["noNewPrivileges"] = nnp
    names = ["close_range", "openat2", "faccessat2", "clone3", "pidfd_open", "keyctl", "mount_setattr", "move_mount", "open_tree", "fsopen",
             "pivot_root", "unshare", "setns", "mount", "umount2", "sethostname"]
    assert probe(profile(box, rule(*names, action="SCMP_ACT_KILL_PROCESS")), "sys", GETPRIORITY, 0, 0)[1] == 0


def test_order_with_nnp(box):
    """2.17: with noNewPrivileges the filter is the last step: it may forbid setresuid, capset and prctl."""
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.process["noNewPrivileges"] = True
    names = ["setresuid", "setresgid", "setgroups", "capset", "prctl", "setuid", "setgid", "chdir", "setrlimit", "umask"]
    assert probe(profile(box, rule(*names, action="SCMP_ACT_KILL_PROCESS")), "sys", GETPRIORITY, 0, 0)[1] == 0


def test_order_without_nnp(box):
    """Without it, loaded while privileged: an unprivileged user is filtered all the same."""
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.process["noNewPrivileges"] = False
    profile(box, rule("sysinfo")).sleep().up()
    assert box.proc.status("Seccomp") == "2" and box.proc.status("NoNewPrivs") == "0"


@pytest.mark.parametrize("action,want", [("SCMP_ACT_KILL", 159), ("SCMP_ACT_KILL_PROCESS", 159), ("SCMP_ACT_KILL_THREAD", 159),
                                         ("SCMP_ACT_TRAP", 159)])
def test_sec2_killing_actions(box, action, want):
    box.process["rlimits"].append({"type": "RLIMIT_CORE", "soft": 0, "hard": 0})
    assert code(profile(box, rule("sysinfo", action=action)), "sys", SYSINFO) == want


def test_sec2_trace_without_a_tracer_is_enosys(box):
    assert probe(profile(box, rule("sysinfo", action="SCMP_ACT_TRACE")), "sys", SYSINFO) == (-1, errno.ENOSYS)


def test_sec2_log_allows(box):
    got = probe(profile(box, rule("getpriority", action="SCMP_ACT_LOG")), "sys", GETPRIORITY, 0, 0)
    assert got[1] == 0


def test_sec2_allow_with_default_errno_and_first_match(box):
    profile(box, rule("sysinfo", errnoRet=5), rule("getpriority", errnoRet=6))
    r = box.sh("probe sys 99; probe sys 140").run()
    assert r.out == "-1 5\n-1 6\n", r


@pytest.mark.parametrize("op,value,two,hits", [
    ("SCMP_CMP_EQ", 7, None, [7]), ("SCMP_CMP_NE", 7, None, [6, 8, 1 << 40]), ("SCMP_CMP_LT", 7, None, [0, 6]),
    ("SCMP_CMP_LE", 7, None, [0, 6, 7]), ("SCMP_CMP_GE", 7, None, [7, 8, 1 << 40]), ("SCMP_CMP_GT", 7, None, [8, 1 << 40]),
    ("SCMP_CMP_MASKED_EQ", 0xF0, 0x20, [0x20, 0x2F, 0x1_0000_0020]), ("SCMP_CMP_EQ", (1 << 40) + 7, None, [(1 << 40) + 7]),
    ("SCMP_CMP_EQ", 2**64 - 1, None, [2**64 - 1]),
])
def test_sec8_operators(box, op, value, two, hits):
    arg = {"index": 1, "value": value, "op": op, **({"valueTwo": two} if two is not None else {})}
    profile(box, rule("getpriority", errnoRet=99, args=[arg]))
    values = [0, 6, 7, 8, 0x20, 0x2F, 0x1_0000_0020, 1 << 40, (1 << 40) + 7, 2**64 - 1]
    out = box.sh("; ".join(f"probe sys 140 9 {v}" for v in values)).run().ok().lines()
    got = [v for v, line in zip(values, out) if line == "-1 99"]
    extra = {"SCMP_CMP_NE": lambda v: v != 7, "SCMP_CMP_LT": lambda v: v < 7, "SCMP_CMP_LE": lambda v: v <= 7,
             "SCMP_CMP_GE": lambda v: v >= 7, "SCMP_CMP_GT": lambda v: v > 7,
             "SCMP_CMP_MASKED_EQ": lambda v: v & 0xF0 == 0x20, "SCMP_CMP_EQ": lambda v: v == value}[op]
    assert got == [v for v in values if extra(v)] and set(hits) <= set(got)


def test_sec8_two_conditions_are_anded(box):
    profile(box, rule("getpriority", errnoRet=99, args=[{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
                                                        {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}]))
    out = box.sh("probe sys 140 1 2; probe sys 140 1 3; probe sys 140 9 2").run().lines()
    assert out[0] == "-1 99" and "99" not in out[1] + out[2]


def test_sec8_two_rules_are_ored(box):
    profile(box, *[rule("getpriority", errnoRet=99, args=[{"index": 0, "value": v, "op": "SCMP_CMP_EQ"}]) for v in (7, 8)])
    out = box.sh("probe sys 140 7 0; probe sys 140 8 0; probe sys 140 9 0").run().lines()
    assert out[:2] == ["-1 99", "-1 99"] and out[2] != "-1 99"


def test_sec8_same_argument_twice(box):
    """libseccomp allows one comparison per argument and rule: runc and crun make it alternatives; an error is fine too."""
    profile(box, rule("getpriority", errnoRet=99, args=[{"index": 0, "value": 7, "op": "SCMP_CMP_EQ"},
                                                        {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]))
    r = box.sh("probe sys 140 7 0; probe sys 140 8 0; probe sys 140 9 0").run()
    assert r.rc == 1 and "/linux/seccomp" in r.err or r.lines()[:2] == ["-1 99", "-1 99"] and r.lines()[2] != "-1 99", r


def test_tiocsti_rule_hits_with_high_bits(box):
    """1f, CVE-2019-10063: the kernel looks at 32 bits of ioctl's request, so must a MASKED_EQ rule."""
    profile(box, rule("ioctl", errnoRet=99, args=[{"index": 1, "value": 0xFFFFFFFF, "valueTwo": 0x5412, "op": "SCMP_CMP_MASKED_EQ"}]))
    out = box.sh(f"probe sys 16 0 {0x5412}; probe sys 16 0 {0x1_0000_5412}").run().lines()
    assert out == ["-1 99", "-1 99"]


def test_unknown_names_are_ignored(box):
    """Profiles name calls of other architectures and kernels."""
    assert probe(profile(box, rule("no_such_syscall", "sysinfo")), "sys", SYSINFO) == (-1, 1)


def test_names_of_newer_calls_than_the_profile_get_enosys(box):
    """Design section 4: with a default of EPERM, a call newer than all of the profile's fails with ENOSYS."""
    profile(box, rule("sysinfo", "getpriority", action="SCMP_ACT_ALLOW"))
    base = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1}
    everything = ALLOW_FOR_SH
    box.linux["seccomp"] = {**base, "syscalls": [rule(*everything, action="SCMP_ACT_ALLOW")]}
    out = box.sh("probe sys 9999; probe sys 99; probe sys 470").run()
    assert out.rc == 0, out
    lines = out.lines()
    assert lines[0] == f"-1 {errno.ENOSYS}", "9999 is newer than everything"
    assert lines[1] == "-1 1", "an old call keeps the default action"


ALLOW_FOR_SH = """read write writev open openat close fstat stat lstat newfstatat mmap munmap mprotect brk execve exit exit_group arch_prctl
set_tid_address set_robust_list rseq prlimit64 uname readlink readlinkat getrandom rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend ioctl
futex lseek getuid getgid geteuid getegid setuid setgid setgroups setresuid setresgid capset capget prctl chdir fchdir getcwd fcntl dup dup2 dup3 poll
ppoll recvmsg recvfrom sendmsg sendto accept accept4 umask fchown getpid gettid getppid setsid statx wait4 vfork fork clone clone3 kill faccessat
access getpgrp getpgid setpgid pipe pipe2 sigaltstack getdents64 sched_yield restart_syscall close_range times""".split()


def test_enosys_does_not_replace_an_allow_default(box):
    """With a default of ALLOW an unknown number reaches the kernel, which says ENOSYS itself; a denied one stays denied."""
    r = profile(box, rule("sysinfo", errnoRet=13)).sh("probe sys 9999; probe sys 99").run()
    assert r.out == "-1 38\n-1 13\n"


# -- architectures -----------------------------------------------------------------------------------------------------
def have_ia32(tools):
    return subprocess.run([tools["probe"], "i386", "20"], stdout=subprocess.DEVNULL).returncode == 0


def test_sec5_i386_listed(box, tools):
    if not have_ia32(tools):
        pytest.skip("this kernel has no IA32 emulation (int 0x80 faults)")
    profile(box, rule("sysinfo", errnoRet=55), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    assert probe(box, "i386", 116) == (-1, 55)


def test_sec5_i386_unlisted_is_killed(box, tools):
    if not have_ia32(tools):
        pytest.skip("this kernel has no IA32 emulation (int 0x80 faults)")
    profile(box, rule("sysinfo"), architectures=["SCMP_ARCH_X86_64"])
    assert code(box, "i386", 116) == 159


def test_sec5_x32_is_not_a_way_around(box):
    """x32 numbers of a filtered call do not reach the kernel's function."""
    profile(box, rule("sysinfo", errnoRet=55), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
    r = box.args("/bin/probe", "sys", str(0x40000000 | SYSINFO)).run()
    assert r.rc == 159 or r.out in ("-1 55\n", "-1 38\n"), r


def test_sec5_native_only(box):
    profile(box, rule("sysinfo"), architectures=["SCMP_ARCH_X86_64"])
    assert probe(box, "sys", SYSINFO) == (-1, 1)


def test_sec5_foreign_architectures_are_accepted(box):
    names = """X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64
               RISCV64""".split()
    little = ["X86", "X86_64", "X32", "ARM", "AARCH64", "RISCV64", "PPC64LE", "MIPSEL", "MIPSEL64"]
    assert set(little) < set(names)
    profile(box, rule("sysinfo"), architectures=["SCMP_ARCH_" + n for n in little])
    assert probe(box, "sys", SYSINFO) == (-1, 1)


# -- flags -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("flag", ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])
def test_sec6_flags(box, flag):
    assert probe(profile(box, rule("sysinfo"), flags=[flag]), "sys", SYSINFO) == (-1, 1)


def test_sec6_empty_flags(box):
    assert probe(profile(box, rule("sysinfo"), flags=[]), "sys", SYSINFO) == (-1, 1)


@pytest.mark.parametrize("flag,spec", [("SECCOMP_FILTER_FLAG_LOG", False), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", True), (None, False)])
def test_sec6_spec_allow_is_seen(box, flag, spec):
    profile(box, rule("sysinfo"), **({"flags": [flag]} if flag else {}))
    box.sleep().up()
    state = box.proc.status("Speculation_Store_Bypass")
    if state in (None, "not vulnerable", "unknown", "vulnerable"):
        pytest.skip(f"this CPU's state is {state!r}: it does not depend on the flag")
    assert ("force mitigated" not in state) or not spec


# -- exec, cache -------------------------------------------------------------------------------------------------------
def test_exec_is_filtered_too(box):
    profile(box, rule("sysinfo", errnoRet=9)).sleep().up()
    assert box.exec("/bin/probe", "sys", "99").ok().out == "-1 9\n"


def test_exec_of_a_process_file_is_filtered_too(box, tmp):
    import json
    profile(box, rule("sysinfo", errnoRet=9)).sleep().up()
    (tmp / "p.json").write_text(json.dumps({"cwd": "/", "args": ["/bin/probe", "sys", "99"], "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"]}))
    assert box.nook("exec", "--process", tmp / "p.json", box.id).ok().out == "-1 9\n"


def cache_files(box):
    d = os.path.join(box.nook.root, ".seccomp")
    return {n: os.path.join(d, n) for n in os.listdir(d)} if os.path.isdir(d) else {}


def test_cache_gives_the_same_filter(box):
    """The second run takes the compiled filter from the cache; both behave the same."""
    profile(box, rule("sysinfo", errnoRet=9))
    assert probe(box, "sys", SYSINFO) == (-1, 9)
    first = cache_files(box)
    assert len(first) == 1
    assert stat.S_IMODE(os.stat(os.path.dirname(*first.values())).st_mode) == 0o700
    assert probe(box, "sys", SYSINFO) == (-1, 9)
    assert cache_files(box) == first


def test_cache_key_knows_every_detail(box):
    for number in (9, 10):
        assert probe(profile(box, rule("sysinfo", errnoRet=number)), "sys", SYSINFO) == (-1, number)
    assert probe(profile(box, rule("sysinfo", errnoRet=10), flags=["SECCOMP_FILTER_FLAG_LOG"]), "sys", SYSINFO) == (-1, 10)
    args = [{"index": 0, "value": 5, "op": "SCMP_CMP_EQ"}]
    assert probe(profile(box, rule("getpriority", errnoRet=10, args=args)), "sys", GETPRIORITY, 5, 0) == (-1, 10)
    args[0]["op"] = "SCMP_CMP_NE"
    assert probe(profile(box, rule("getpriority", errnoRet=10, args=args)), "sys", GETPRIORITY, 5, 0)[1] != 10
    assert len(cache_files(box)) >= 4


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "zeros", "huge", "directory", "fifo", "link"])
def test_damaged_cache_never_weakens(box, tmp, damage):
    """A damaged entry is compiled anew or refused; never loaded as no filter."""
    profile(box, rule("sysinfo", errnoRet=9))
    assert probe(box, "sys", SYSINFO) == (-1, 9)
    path = list(cache_files(box).values())[0]
    data = open(path, "rb").read()
    os.unlink(path)
    if damage == "directory":
        os.mkdir(path)
    elif damage == "fifo":
        os.mkfifo(path)
    elif damage == "link":
        (tmp / "evil").write_bytes(data)
        os.symlink(tmp / "evil", path)
    else:
        new = {"empty": b"", "cut": data[:len(data) // 2], "garbage": b"\xff" * len(data), "zeros": b"\0" * len(data),
               "huge": data * 5000}[damage]
        with open(path, "wb") as f:
            f.write(new)
    r = box.args("/bin/probe", "sys", "99").run()
    assert r.out == "-1 9\n" or r.rc == 1, r


def test_cache_directory_not_writable_is_no_error(box):
    """Without a cache it is only slower."""
    os.makedirs(box.nook.root, exist_ok=True)
    open(os.path.join(box.nook.root, ".seccomp"), "w").close()
    assert probe(profile(box, rule("sysinfo", errnoRet=9)), "sys", SYSINFO) == (-1, 9)


def test_no_cache_temporaries_left(box):
    profile(box, rule("sysinfo", errnoRet=9))
    probe(box, "sys", SYSINFO)
    assert all("tmp" not in n for n in cache_files(box))


def test_large_profile(box):
    """podman's default has some 400 names."""
    path = "/usr/share/containers/seccomp.json"
    if not os.path.exists(path):
        pytest.skip("podman's default profile is not installed (golang-github-containers-common)")
    import json
    p = json.load(open(path))
    rules = [{k: v for k, v in r.items() if k in ("names", "action", "args", "errnoRet") and v is not None} for r in p["syscalls"]
             if not r.get("excludes") and (not r.get("includes") or "amd64" in r["includes"].get("arches", []))]
    box.linux["seccomp"] = {"defaultAction": p["defaultAction"], "defaultErrnoRet": p.get("defaultErrnoRet", 1), "syscalls": rules,
                            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]}
    assert box.sees("echo fine; probe sys 9999") == "fine\n-1 38\n"


def test_state_fd_is_not_left_open(box):
    profile(box, rule("sysinfo")).sleep().up()
    assert sorted(box.proc.fds()) == [0, 1, 2]
    wait_until(lambda: box.status == "running")
