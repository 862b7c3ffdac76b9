# SPDX-License-Identifier: Apache-2.0
"""exec: flags, process file, detach, exit codes, namespaces, capabilities, states: engine-contract section 2."""

import json
import os
import signal
import time

import pytest

import harness
import look
from look import Proc, wait_until

NUMBERS = {"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10, "CAP_NET_RAW": 13, "CAP_AUDIT_WRITE": 29}


@pytest.fixture
def up(box):
    return box.sleep().up()


def process_file(tmp, **more):
    p = {"cwd": "/", "args": ["true"], "env": [harness.PATH_ENV], "user": {"uid": 0, "gid": 0}, **more}
    path = tmp / f"p{len(os.listdir(tmp))}.json"
    path.write_text(json.dumps(p))
    return path


def test_output_and_code(up):
    r = up.exec("sh", "-c", "echo out; echo err >&2; exit 17")
    assert (r.rc, r.out, r.err) == (17, "out\n", "err\n")


@pytest.mark.parametrize("code", [0, 1, 126, 127, 255])
def test_codes_pass(up, code):
    assert up.exec("sh", "-c", f"exit {code}").rc == code


def test_killed_by_a_signal(up):
    assert up.exec("sh", "-c", "kill -KILL $$").rc == 137


def test_stdin(up):
    assert up.exec("cat", input="typed").out == "typed"


def test_namespaces_and_root_are_the_containers(up):
    up.nook("exec", "-d", up.id, "sleep", "1000").silent()
    pid = next(p for p in look.descendants() if Proc(p).cmdline()[:1] == ["sleep"])
    for n in ("mnt", "pid", "net", "uts", "ipc", "cgroup", "user"):
        assert Proc(pid).ns(n) == up.proc.ns(n), n
    assert os.stat(f"/proc/{pid}/root/").st_ino == os.stat(up.rootfs).st_ino


def test_exec_with_all_namespaces(box):
    box.userns().namespace("cgroup")
    box.namespace("time")
    box.sleep().up()
    box.nook("exec", "-d", box.id, "sleep", "1000").silent()
    pid = next(p for p in look.descendants() if Proc(p).cmdline()[:1] == ["sleep"])
    for n in ("mnt", "pid", "net", "uts", "ipc", "cgroup", "user", "time"):
        assert Proc(pid).ns(n) == box.proc.ns(n), n


def test_environment_is_the_configs(box):
    box.env("A=1", "HOME=/h").sleep().up()
    assert sorted(box.exec("env", env={"LEAK": "1"}).out.split()) == sorted([harness.PATH_ENV, "A=1", "HOME=/h"])


@pytest.mark.parametrize("flags", [["--env", "A=2"], ["-e", "A=2"], ["--env=A=2"], ["-e=A=2"], ["-e", "A=1", "-e", "A=2"]], ids=" ".join)
def test_env(box, flags):
    box.env("A=0").sleep().up()
    assert box.exec("sh", "-c", "echo $A", flags=flags).out == "2\n"


def test_env_many(up):
    assert up.exec("sh", "-c", "echo $A$B", flags=["-e", "A=x=y", "--env", "B= z"]).out == "x=y z\n"


@pytest.mark.parametrize("flags", [["--cwd", "/etc"], ["--cwd=/etc"], ["-cwd", "/etc"]], ids=" ".join)
def test_cwd(up, flags):
    assert up.exec("pwd", flags=flags).out == "/etc\n"


def test_cwd_default_is_the_configs(box):
    box.process["cwd"] = "/etc"
    box.sleep().up()
    assert box.exec("pwd").out == "/etc\n"


def test_cwd_relative_is_an_error(up):
    up.exec("pwd", flags=["--cwd", "etc"]).fails("etc", rc=255)


@pytest.mark.parametrize("flags,want", [(["--user", "1000"], "1000 0"), (["-u", "1000:2000"], "1000 2000"), (["--user=7:8"], "7 8"),
                                        (["-u", "0:0"], "0 0"), (["-u=1"], "1 0")], ids=lambda v: str(v))
def test_user(up, flags, want):
    r = up.exec("/bin/probe", "ids", flags=flags).ok()
    ids = r.lines()[0].split()
    assert f"{ids[0]} {ids[3]}" == want and len(set(ids[:3])) == 1 and len(set(ids[3:])) == 1


def test_user_default_is_the_configs(box):
    box.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [55]}
    box.sleep().up()
    assert box.exec("sh", "-c", "id -u; id -g; id -G").out == "1000\n1001\n1001 55\n"


@pytest.mark.parametrize("user", ["4294967295", "4294967296", "-1", "1x", "99999999999999999999", "", ":", "1:", ":1", "root", "1:x", "1:4294967295",
                                  " 1", "+1", "0x1", "1:2:3"])
def test_bad_user(up, user):
    """CVE-2026-30892, CVE-2024-40635"""
    up.exec("id", flags=["--user", user]).fails(rc=255)


def test_user_number_is_never_a_name(box):
    (box.rootfs / "etc/passwd").write_text("1:x:0:0::/:/bin/sh\nroot:x:0:0::/root:/bin/sh\n")
    box.sleep().up()
    assert box.exec("/bin/probe", "ids", flags=["-u", "1"]).out.split()[0] == "1"


def test_additional_gids(up):
    out = up.exec("/bin/probe", "ids", flags=["-u", "1000:1000", "-g", "5", "--additional-gids", "6"]).out.splitlines()[1]
    assert sorted(out.split()) == ["5", "6"]


@pytest.mark.parametrize("gid", ["-1", "x", "4294967295"])
def test_bad_additional_gid(up, gid):
    up.exec("id", flags=["--additional-gids", gid]).fails(rc=255)


def test_groups_are_exact(up):
    r = up.exec("/bin/probe", "ids", flags=["-u", "1000:1000"], preexec=lambda: os.setgroups([4, 20, 27]))
    assert r.out.splitlines()[1].split() == []


def test_home(up):
    assert up.exec("sh", "-c", "echo $HOME").out == "/root\n"
    assert up.exec("sh", "-c", "echo $HOME", flags=["-u", "1000"]).out == "/home/user\n"


def caps(text):
    return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines()}


def test_cap_adds_to_three_sets_only(box):
    """CVE-2022-29162: never inheritable, ambient only if it is inheritable already."""
    box.caps("CAP_CHOWN").sleep().up()
    got = caps(box.exec("grep", "Cap", "/proc/self/status", flags=["--cap", "CAP_KILL"]).ok().out)
    assert got["CapInh"] == got["CapAmb"] == 0
    assert got["CapBnd"] == got["CapEff"] == got["CapPrm"] == 1 << 0 | 1 << 5


def test_cap_of_empty_container(box):
    box.caps().sleep().up()
    got = caps(box.exec("grep", "Cap", "/proc/self/status", flags=["-c", "CAP_KILL"]).ok().out)
    assert got["CapInh"] == got["CapAmb"] == 0 and got["CapBnd"] == 1 << 5


def test_caps_default_is_the_configs(box):
    box.caps("CAP_CHOWN", "CAP_NET_RAW").sleep().up()
    got = caps(box.exec("grep", "Cap", "/proc/self/status").ok().out)
    assert got["CapBnd"] == got["CapEff"] == got["CapPrm"] == 1 << 0 | 1 << 13


def test_unknown_cap(up):
    r = up.exec("true", flags=["--cap", "CAP_BOGUS"])
    assert r.rc in (0, 255)


@pytest.mark.parametrize("config", [True, False])
@pytest.mark.parametrize("flags", [[], ["--no-new-privs"]])
def test_no_new_privs(box, config, flags):
    box.process["noNewPrivileges"] = config
    box.sleep().up()
    out = box.exec("grep", "NoNewPrivs", "/proc/self/status", flags=flags).out
    assert out.split()[1] == ("1" if config or flags else "0")


def test_rlimits_umask_oom_are_the_configs(box):
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]
    box.process["oomScoreAdj"] = 333
    box.process["user"]["umask"] = 0o27
    box.sleep().up()
    out = box.exec("sh", "-c", "grep 'open files' /proc/self/limits; cat /proc/self/oom_score_adj; umask").out
    assert out.split()[3:5] == ["77", "88"] and out.split()[-2:] == ["333", "0027"]


def test_detach_and_pid_file(up, tmp):
    up.nook("exec", "--detach", "--pid-file", tmp / "pid", up.id, "sleep", "1000").silent()
    text = (tmp / "pid").read_text()
    p = Proc(text)
    assert text.isdigit() and p.cmdline() == ["sleep", "1000"]
    assert p.stat()[1] == str(os.getpid()), "rule 4: the subreaper's child"
    assert sorted(look.descendants()) == sorted([up.pid, int(text)]), "rule 5: no helper stays"


def test_detached_exit_code(up, tmp):
    up.nook("exec", "-d", "--pid-file", tmp / "pid", up.id, "sh", "-c", "exit 33").silent()
    _, status = os.waitpid(int((tmp / "pid").read_text()), 0)
    assert os.waitstatus_to_exitcode(status) == 33


def test_pid_file_of_foreground(up, tmp):
    run = up.nook.spawn("exec", "--pid-file", tmp / "pid", up.id, "sleep", "1000")
    wait_until(lambda: (tmp / "pid").exists() and (tmp / "pid").read_text())
    os.kill(int((tmp / "pid").read_text()), signal.SIGTERM)
    assert run.wait().rc == 143


def test_no_pid_file_on_failure(up, tmp):
    up.nook("exec", "-d", "--pid-file", tmp / "pid", up.id, "/no/such").fails(rc=255)
    assert not (tmp / "pid").exists()
    assert look.descendants() == [up.pid]


def test_detached_holds_no_pipe_when_redirected(up):
    """conmon's exec: the process has the pipes, nook itself leaves nobody behind."""
    r, w = os.pipe()
    run = up.nook.spawn("exec", "-d", up.id, "sh", "-c", "echo done", stdout=w, stderr=w)
    os.close(w)
    run.wait()
    data = b""
    while chunk := os.read(r, 100):
        data += chunk
    assert data == b"done\n"
    os.close(r)


@pytest.mark.parametrize("sig", ["TERM", "INT", "USR1", "HUP"])
def test_foreground_forwards_signals(up, sig):
    number = getattr(signal, "SIG" + sig).value
    run = up.nook.spawn("exec", up.id, "/bin/probe", "signals", "12")
    wait_until(lambda: "ready" in run.text())
    run.signal(number)
    wait_until(lambda: f"signal {number}\n" in run.text())
    run.signal(12)
    assert run.wait().rc == 0


# -- process file ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("flag", ["--process F", "--process=F", "-p F", "-process F"])
def test_process_file(up, tmp, flag):
    path = process_file(tmp, args=["sh", "-c", "pwd; id -u; echo $B; umask"], cwd="/etc", env=[harness.PATH_ENV, "B=2"],
                        user={"uid": 5, "gid": 6, "additionalGids": [7], "umask": 0o7})
    r = up.nook("exec", *flag.replace("F", str(path)).split(), up.id).ok()
    assert r.out == "/etc\n5\n2\n0007\n"


def test_process_file_ignores_command_and_flags(up, tmp):
    """Pitfall 13"""
    path = process_file(tmp, args=["id", "-u"], user={"uid": 5, "gid": 5})
    assert up.nook("exec", "--process", path, "--user", "99", up.id, "echo", "no").ok().out == "5\n"


def test_process_file_everything(up, tmp):
    path = process_file(tmp, args=["/bin/sh", "-c", "grep -E 'Cap(Bnd|Eff)|NoNew' /proc/self/status; grep 'open files' /proc/self/limits; cat /proc/self/oom_score_adj"],
                        capabilities={s: ["CAP_KILL"] for s in ("bounding", "effective", "permitted")}, noNewPrivileges=True,
                        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 33, "hard": 44}], oomScoreAdj=444)
    out = up.nook("exec", "--process", path, up.id).ok().out.split()
    assert int(out[out.index("CapBnd:") + 1], 16) == 1 << 5 and out[out.index("NoNewPrivs:") + 1] == "1"
    assert "33" in out and "44" in out and out[-1] == "444"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"args":[]}', '{"args":["true"],"cwd":"x"}', '{"cwd":"/"}', '{"args":["true"],"cwd":"/","args":["x"]}',
                                  '{"args":["true"],"cwd":"/","user":{"uid":-1,"gid":0}}'])
def test_bad_process_file(up, tmp, text):
    (tmp / "p.json").write_text(text)
    up.nook("exec", "--process", tmp / "p.json", up.id).fails(rc=255)


def test_missing_process_file(up):
    up.nook("exec", "--process", "/no/such.json", up.id).fails("/no/such.json", rc=255)


def test_relative_process_file(up, tmp):
    path = process_file(tmp, args=["echo", "yes"])
    assert up.nook("exec", "--process", path.name, up.id, cwd=tmp).ok().out == "yes\n"


# -- command ---------------------------------------------------------------------------------------------------------------
def test_flags_after_the_id_belong_to_the_command(up):
    assert up.exec("echo", "--user", "7", "-d", "--").out == "--user 7 -d --\n"


def test_double_dash_before_the_command(up):
    r = up.nook("exec", "--", up.id, "echo", "x")
    assert r.out == "x\n", r


def test_no_command(up):
    up.nook("exec", up.id).fails(rc=255)


def test_lookup_by_the_containers_path(box):
    (box.rootfs / "opt").mkdir()
    harness.script(box.rootfs / "opt/tool", "echo tool\n")
    box.process["env"] = ["PATH=/opt:/bin"]
    box.sleep().up()
    assert box.exec("tool").out == "tool\n"


def test_lookup_by_the_path_of_env_flag(box):
    (box.rootfs / "opt").mkdir()
    harness.script(box.rootfs / "opt/tool", "echo tool\n")
    box.sleep().up()
    assert box.exec("tool", flags=["-e", "PATH=/opt:/bin"]).out == "tool\n"


# -- states ----------------------------------------------------------------------------------------------------------------
def test_in_created(box):
    """Pitfall 13"""
    box.sleep().create()
    assert box.exec("echo", "early").out == "early\n"
    assert box.status == "created"


def test_after_stop(box):
    box.sleep().up().stop()
    box.exec("true").fails("cannot exec in a stopped container", rc=255)


def test_exec_process_dies_with_the_container(up, tmp):
    up.nook("exec", "-d", "--pid-file", tmp / "pid", up.id, "sleep", "1000").silent()
    pid = int((tmp / "pid").read_text())
    up.kill("KILL")
    wait_until(lambda: not Proc(pid).alive())


def test_init_that_changed_its_root_or_mounts(box):
    """Mounts made by the container are seen."""
    box.caps("CAP_SYS_ADMIN")
    box.process["noNewPrivileges"] = False
    box.sh("mount -t tmpfs inner /mnt && touch /mnt/flag; exec probe sleep").up()
    wait_until(lambda: box.exec("ls", "/mnt").out == "flag\n")


def test_cgroup_flag(up):
    """An existing sub-cgroup of the container."""
    if "pids" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    (up.cg("pids") / "sub").mkdir()
    out = up.exec("cat", "/proc/self/cgroup", flags=["--cgroup", "pids:sub"]).ok().out
    assert f"{up.proc.cgroups()['pids']}/sub" in out


def test_cgroup_that_takes_nobody(up):
    """A cpuset without CPUs: the kernel only says "No space left on device"."""
    if "cpuset" not in look.CGROUPS:
        pytest.skip("a cgroup v1 test")
    (up.cg("cpuset") / "bare").mkdir()
    said = up.exec("true", flags=["--cgroup", "cpuset:bare"]).fails("enter the cgroup", rc=255).err
    assert "/bare: No space left on device" in said and "has no CPUs or no memory nodes" in said


@pytest.mark.parametrize("path", ["../..", "../../", "/../..", "pids:../..", "a/../../..", "no-such"])
def test_cgroup_flag_cannot_leave(up, path):
    """1e; crun 1.28 lets it escape."""
    up.exec("true", flags=["--cgroup", path]).fails(rc=255)


def test_sixteen_at_once(up):
    runs = [up.nook.spawn("exec", up.id, "sh", "-c", f"echo {i}; exit {i}") for i in range(16)]
    for i, run in enumerate(runs):
        r = run.wait()
        assert (r.rc, r.out) == (i, f"{i}\n"), r
    assert look.descendants() == [up.pid]


def test_session_keyring_is_the_containers(box, tools):
    import subprocess
    mine = subprocess.check_output([tools["probe"], "session-keyring"]).split()[0].decode()
    box.sh("probe session-keyring; exec probe sleep").up().wait_text(" 0\n")
    theirs = box.text().split()[0]
    got = box.exec("/bin/probe", "session-keyring").ok().out.split()[0]
    assert got != mine and got == theirs


def test_fast(up):
    """No polling sleeps: thirty in a row take well below a tenth of a second each."""
    begin = time.monotonic()
    for _ in range(30):
        assert up.exec("true").rc == 0
    assert time.monotonic() - begin < 3 * look.SCALE


def test_ignore_paused_flag_is_accepted(up):
    assert up.exec("true", flags=["--ignore-paused"]).rc == 0


@pytest.mark.parametrize("flags", [["--process-label", "x:y:z:s0"], ["--apparmor", "no-such-profile"]], ids=" ".join)
def test_labels_without_their_lsm_are_errors(up, flags):
    """Design section 4: a security property that cannot be applied."""
    if os.path.isdir("/sys/kernel/security/apparmor") or os.path.isdir("/sys/fs/selinux"):
        pytest.skip("an LSM is here")
    up.exec("true", flags=flags).fails(rc=255)
