# SPDX-License-Identifier: Apache-2.0
"""The command line: engine-contract sections 0 and 2."""

import json
import os
import re
import socket
import stat
import subprocess
from datetime import datetime

import pytest

import look
from look import Proc, wait_until


# -- help, version, usage errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("flag", ["--version", "-v", "-version", "-V"])
def test_version(nook, flag):
    nook.use_root = False
    r = nook(flag).ok()
    first, *rest = r.lines()
    assert re.fullmatch(r"nook version \S+", first)
    assert not [line for line in rest if "version" in line], "Docker takes every line with that word"
    assert any(re.fullmatch(r"commit: \S+", line) for line in rest)
    assert any(re.fullmatch(r"spec: 1\.3\.\d+\S*", line) for line in rest)
    assert r.err == ""


@pytest.mark.parametrize("flag", ["--help", "-h", "-help", "help"])
def test_help(nook, flag):
    nook.use_root = False
    r = nook(flag).ok()
    for verb in ("create", "start", "state", "kill", "delete", "run", "exec", "list", "spec", "features"):
        assert re.search(rf"\b{verb}\b", r.out), verb
    assert r.err == ""


@pytest.mark.parametrize("verb", ["create", "start", "state", "kill", "delete", "run", "exec", "list", "spec", "features",
                                  "explain"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_verb(nook, verb, flag):
    r = nook(verb, flag).ok()
    assert verb in r.out and r.err == ""


def test_unknown_command(nook):
    nook("frobnicate").fails("frobnicate")


@pytest.mark.parametrize("args,word", [
    (["--frob", "list"], "frob"), (["list", "--frob"], "frob"), (["create", "--frob=1", "x"], "frob"),
    (["delete", "--frob", "x"], "frob"), (["-Q", "list"], "Q"), (["exec", "--frob", "x", "true"], "frob"),
    (["--log-format", "xml", "list"], "xml"), (["--root"], "root"), (["create", "--bundle"], "bundle"),
    (["create", "--preserve-fds", "many", "x"], "preserve-fds"), (["create", "--preserve-fds", "-1", "x"], "preserve-fds"),
    (["--cgroup-manager", "magic", "list"], "magic"), (["--isolation=vm", "list"], "vm"),
    (["list", "--format", "xml"], "xml"),
], ids=lambda v: " ".join(v) if isinstance(v, list) else v)
def test_usage_errors(nook, args, word):
    """rc 1 for all usage errors, the flag named on stderr, no usage text on stdout (exec: 255)."""
    nook.use_root = args[0] != "--root"
    nook(*args).fails(word, rc=255 if args[0] == "exec" else 1)


def test_global_option_behind_the_command(nook):
    nook("run", "--isolation=chroot", "c").fails("unknown flag --isolation", "write it before the command")


@pytest.mark.parametrize("args", [["state", "a", "b"], ["start", "a", "b"], ["create", "a", "b"], ["delete", "a", "b"],
                                  ["list", "a"], ["kill", "a", "9", "9"]], ids=" ".join)
def test_too_many_arguments(nook, args):
    nook(*args).fails()


# -- spellings of flags ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("flags", [["--bundle", "B"], ["--bundle=B"], ["-b", "B"], ["-b=B"], ["-bundle", "B"],
                                   ["-bundle=B"], ["--bundle", "/nowhere", "--bundle", "B"]], ids=" ".join)
def test_bundle_spellings(box, flags):
    box.sleep().write()
    flags = [f.replace("B", str(box.dir)) if not f.startswith("-b") or "=" in f else f for f in flags]
    box.nook("create", *flags, box.id).silent()
    assert box.state()["bundle"] == str(box.dir)


@pytest.mark.parametrize("style", ["--root R", "--root=R", "-root R", "-root=R"])
def test_root_spellings(box, style):
    box.nook.use_root = False
    box.sleep().write()
    words = style.replace("R", box.nook.root).split(" ")
    box.nook(*words, "create", "--bundle", box.dir, box.id).silent()
    assert box.id in os.listdir(box.nook.root)


def test_flags_after_the_id(box, tmp):
    box.sleep().write()
    box.nook("create", box.id, "--bundle", box.dir, "--pid-file", tmp / "p").silent()
    assert (tmp / "p").exists()
    box.nook("delete", box.id, "--force").silent()


@pytest.mark.parametrize("flag", ["--force", "-f", "-force", "--force=true"])
def test_force_spellings(box, flag):
    box.sleep().up().delete(flag)
    box.nothing_left()


def test_force_false_is_not_force(box):
    box.sleep().up()
    box.nook("delete", "--force=false", box.id).fails("not stopped")


@pytest.mark.parametrize("flags", [
    ["--debug"], ["--log-level", "error"], ["--log-level=debug"], ["--rootless=false"], ["--rootless", "auto"],
    ["--cgroup-manager", "cgroupfs"], ["--cgroup-manager=disabled"], ["--log-format", "text"], ["--log-format=json"],
    ["--isolation=oci"], ["--isolation", "oci"],
], ids=" ".join)
def test_global_flags_are_accepted(box, flags):
    box.args("/bin/true").write()
    r = box.nook(*flags, "run", "--bundle", box.dir, box.id)
    assert r.rc == 0, r


@pytest.mark.parametrize("flags", [["--no-pivot"], ["--no-new-keyring"], ["--no-subreaper"], ["-no-subreaper"],
                                   ["--preserve-fds", "0"], ["--preserve-fds=0"], ["--no-pivot=false"]], ids=" ".join)
@pytest.mark.parametrize("verb", ["create", "run"])
def test_create_flags_are_accepted(box, verb, flags):
    box.sleep() if verb == "create" else box.args("/bin/true")
    box.write()
    assert box.nook(verb, *flags, "--bundle", box.dir, box.id).rc == 0


def test_config_flag_of_crun(box):
    """-f/--config names another file of the bundle."""
    box.args("/bin/true").write()
    os.rename(box.dir / "config.json", box.dir / "other.json")
    assert box.nook("run", "--bundle", box.dir, "--config", "other.json", box.id).rc == 0


def test_quiet_success(box):
    """Rule 9: not a word from any verb."""
    box.sleep().write()
    for args in (["create", "--bundle", box.dir, box.id], ["start", box.id], ["kill", box.id, "KILL"]):
        box.nook(*args).silent()
    box.wait_status("stopped")
    box.nook("delete", box.id).silent()


# -- pid file ----------------------------------------------------------------------------------------------------------
def test_pid_file(box, tmp):
    box.sleep().create("--pid-file", tmp / "pid")
    text = (tmp / "pid").read_text()
    assert re.fullmatch(r"[1-9][0-9]*", text), "decimal, no newline"
    assert int(text) == box.pid


def test_pid_file_relative_to_cwd(box, tmp):
    (tmp / "work").mkdir()
    box.sleep().write()
    box.nook("create", "--bundle", box.dir, "--pid-file", "p", box.id, cwd=tmp / "work").silent()
    assert (tmp / "work/p").exists() and not (box.dir / "p").exists()


def test_pid_file_may_exist(box, tmp):
    (tmp / "pid").touch()
    box.sleep().create("--pid-file", tmp / "pid")
    assert int((tmp / "pid").read_text()) == box.pid


def test_no_pid_file_on_failure(box, tmp):
    box.args("/no/such/program").write()
    box.nook("create", "--bundle", box.dir, "--pid-file", tmp / "pid", box.id).fails()
    assert not (tmp / "pid").exists()


def test_pid_file_impossible(box):
    box.sleep().write()
    box.nook("create", "--bundle", box.dir, "--pid-file", "/no/such/dir/pid", box.id).fails("/no/such/dir")
    box.nothing_left()


def test_pid_file_no_temporary_left(box, tmp):
    (tmp / "p").mkdir()
    box.sleep().create("--pid-file", tmp / "p/pid")
    assert os.listdir(tmp / "p") == ["pid"]


def test_pid_file_of_foreground_run_appears_while_it_runs(box, tmp):
    run = box.sleep().spawn_run("--pid-file", tmp / "pid")
    wait_until(lambda: (tmp / "pid").exists() and (tmp / "pid").read_text())
    assert int((tmp / "pid").read_text()) == box.pid
    box.wait_status("running")
    box.nook("kill", box.id, "KILL").silent()
    assert run.wait().rc == 137


# -- run ---------------------------------------------------------------------------------------------------------------
def test_run_exit_code_and_cleanup(box):
    assert box.sh("exit 42").run().rc == 42
    box.nothing_left()


def test_run_signal_exit_code(box):
    run = box.sleep().spawn_run()
    wait_until(lambda: box.nook("state", box.id).rc == 0 and box.status == "running")
    os.kill(box.pid, 9)
    assert run.wait().rc == 137
    box.nothing_left()


def test_run_stdio_passes_through(box):
    box.sh("cat; echo err >&2").write()
    r = box.nook("run", "--bundle", box.dir, box.id, input="typed\n")
    assert (r.rc, r.out, r.err) == (0, "typed\n", "err\n")


def test_run_pipes_see_eof(box):
    """The end of the container closes the caller's pipes: nobody else holds them."""
    box.sh("echo one").write()
    p = subprocess.run(box.nook.command(["run", "--bundle", box.dir, box.id]), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=10)
    assert (p.returncode, p.stdout, p.stderr) == (0, b"one\n", b"")


def test_run_keep(box):
    assert box.sh("exit 3").run("--keep").rc == 3
    assert box.status == "stopped"
    box.delete()


def test_run_detach(box):
    box.sleep().run("--detach").silent()
    assert box.status == "running" and look.descendants() == [box.pid]
    box.stop().delete()


@pytest.mark.parametrize("sig", ["TERM", "HUP", "USR1", "WINCH", "INT", "QUIT", "CONT", "RTMIN"])
def test_run_forwards_signals(box, sig):
    import signal as s
    number = getattr(s, "SIG" + sig).value
    run = box.args("/bin/probe", "signals", "12").spawn_run()
    wait_until(lambda: "ready" in run.text())
    run.signal(number)
    wait_until(lambda: f"signal {number}\n" in run.text())
    run.signal(12)
    assert run.wait().rc == 0


def test_run_failure_reports_once(box, tmp):
    box.args("/no/such").write()
    box.nook.globals = ["--log", tmp / "log", "--log-format", "json"]
    box.nook.globals = [str(g) for g in box.nook.globals]
    box.nook("run", "--bundle", box.dir, box.id).fails("/no/such")
    assert len((tmp / "log").read_text().splitlines()) == 1
    box.nothing_left()


def test_run_does_not_wait_for_daemons_of_a_host_pidns_container(box):
    """runc's rule: run waits for init only, not for all children."""
    box.no_namespace("pid").unmount("/proc", "/sys").args("/bin/probe", "daemon")
    del box.linux["maskedPaths"], box.linux["readonlyPaths"]
    assert box.run().rc == 0
    box.nothing_left()


# -- logs --------------------------------------------------------------------------------------------------------------
def check_json_record(text, stderr):
    assert text.count("\n") == 1 and text.endswith("\n")
    record = json.loads(text)
    assert record["level"] == "error" and isinstance(record["msg"], str) and record["msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", record["time"])
    datetime.fromisoformat(record["time"][:19])
    assert record["msg"] in stderr
    return record


@pytest.mark.parametrize("args", [["state", "none"], ["start", "none"], ["kill", "none"], ["delete", "none"],
                                  ["create", "--bundle", "/nowhere", "none"], ["exec", "none", "true"]], ids=" ".join)
def test_json_log_has_one_record(nook, tmp, args):
    nook.globals = ["--log", str(tmp / "log"), "--log-format", "json"]
    r = nook(*args)
    r.fails(rc=255 if args[0] == "exec" else 1)
    check_json_record((tmp / "log").read_text(), r.err)


def test_json_log_of_config_error_has_origin(box, tmp):
    box.nook.globals = ["--log", str(tmp / "log"), "--log-format=json"]
    box.process["cwd"] = "relative"
    r = box.try_create().fails("/process/cwd")
    record = check_json_record((tmp / "log").read_text(), r.err)
    assert record["origin"] == "/process/cwd" and isinstance(record["code"], str)


def test_json_log_is_appended(nook, tmp):
    (tmp / "log").write_text('{"kept":1}\n')
    nook.globals = ["--log", str(tmp / "log"), "--log-format", "json"]
    nook("state", "none").fails()
    nook("state", "none").fails()
    lines = (tmp / "log").read_text().splitlines()
    assert len(lines) == 3 and json.loads(lines[0]) == {"kept": 1}


def test_text_log(nook, tmp):
    nook.globals = ["--log", str(tmp / "log"), "--log-format", "text"]
    nook("state", "none").fails()
    text = (tmp / "log").read_text()
    assert text.count("\n") == 1 and "container does not exist" in text


def test_log_with_file_prefix(nook, tmp):
    nook.globals = ["--log", f"file:{tmp}/log"]
    nook("state", "none").fails()
    assert "container does not exist" in (tmp / "log").read_text()


def test_log_impossible(nook):
    nook.globals = ["--log", "/no/such/dir/log"]
    nook("list").fails("/no/such/dir/log")


def test_success_writes_no_record(box, tmp):
    box.nook.globals = ["--log", str(tmp / "log"), "--log-format", "json"]
    box.sleep().up().stop().delete()
    assert not (tmp / "log").exists() or (tmp / "log").read_text() == ""


def test_debug_goes_to_the_log_as_json(box, tmp):
    box.nook.globals = ["--debug", "--log", str(tmp / "log"), "--log-format", "json"]
    box.args("/bin/true").run().ok()
    for line in (tmp / "log").read_text().splitlines():
        record = json.loads(line)
        assert record["level"] != "error" and record["time"] and "msg" in record


def test_log_survives_odd_bytes(nook, tmp):
    nook.globals = ["--log", str(tmp / "log"), "--log-format", "json"]
    r = nook("state", 'a"b\\c\x01\x7fé')
    assert r.rc == 1 and r.err.count("\n") == 1
    json.loads((tmp / "log").read_bytes().decode("utf-8"))


def test_json_log_invalid_utf8_argument(nook, tmp):
    nook.globals = ["--log", str(tmp / "log"), "--log-format", "json"]
    r = nook("state", os.fsdecode(b"a\xffb"))
    assert r.rc == 1
    json.loads((tmp / "log").read_bytes().decode("utf-8"))


# -- roots -------------------------------------------------------------------------------------------------------------
def test_default_root_empty_xdg_is_unset(nook, tag):
    """Rule 7: real root uses /run/nook, with XDG_RUNTIME_DIR unset, empty or set."""
    nook.use_root = False
    for xdg in (None, "", str(nook.tmp)):
        nook("state", f"{tag}-none", env={"XDG_RUNTIME_DIR": xdg}).fails("container does not exist")
    assert not (nook.tmp / "nook").exists()


def test_minimal_environment(box):
    """Rule 8: kill and delete run without PATH and HOME."""
    box.sleep().up()
    only = {"PATH": None, "XDG_RUNTIME_DIR": ""}
    box.nook("kill", box.id, "9", env=only).silent()
    box.wait_status("stopped")
    box.nook("delete", "--force", box.id, env=only).silent()


def test_root_is_made_with_parents(box, tmp):
    box.nook.root = str(tmp / "a/b/c")
    box.args("/bin/true").run().ok()
    assert (tmp / "a/b/c").is_dir()


def test_relative_root(box, tmp):
    box.nook.root = "rel"
    box.sleep().create()
    box.nook.root = str(tmp / "rel")
    assert box.id in os.listdir(box.nook.root)


# -- list, spec, features ----------------------------------------------------------------------------------------------
def test_list_table(box):
    box.sleep().up()
    header, row = box.nook("list").ok().lines()
    assert header.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    words = row.split()
    assert words[0] == box.id and words[1] == str(box.pid) and words[2] == "running" and words[3] == str(box.dir)


@pytest.mark.parametrize("flags", [["--format", "json"], ["--format=json"], ["-f", "json"]], ids=" ".join)
def test_list_json(make_box, flags):
    a, b = make_box(), make_box()
    a.config["annotations"] = {"k": "v"}
    a.sleep().up()
    b.sleep().create()
    r = a.nook("list", *flags).ok()
    assert r.out.rstrip("\n").count("\n") == 0
    entries = {e["id"]: e for e in r.json()}
    assert entries[a.id]["status"] == "running" and entries[b.id]["status"] == "created"
    assert entries[a.id]["annotations"] == {"k": "v"} and entries[a.id]["pid"] == a.pid


def test_list_quiet(make_box):
    a, b = make_box(), make_box()
    a.sleep().create()
    b.sleep().create()
    for flag in ("-q", "--quiet"):
        assert sorted(a.nook("list", flag).ok().lines()) == sorted([a.id, b.id])


def test_list_empty(nook):
    os.mkdir(nook.root)
    assert nook("list", "--format", "json").ok().json() in ([], None)
    assert nook("list", "-q").ok().out == ""
    assert nook("list").ok().lines()[0].split()[0] == "ID"


def test_list_missing_explicit_root(nook):
    nook("list").fails(nook.root)


def test_spec_writes_a_config_that_runs(box):
    os.unlink(box.dir / "config.json") if (box.dir / "config.json").exists() else None
    box.nook("spec", cwd=box.dir).silent()
    config = json.loads((box.dir / "config.json").read_text())
    assert config["process"]["capabilities"].get("inheritable", []) == [], "CVE-2022-29162"
    config["process"]["terminal"] = False
    config["process"]["args"] = ["/bin/echo", "from spec"]
    box.config = config
    r = box.run()
    assert (r.rc, r.out) == (0, "from spec\n"), r


def test_spec_does_not_overwrite(box):
    box.write("mine")
    box.nook("spec", cwd=box.dir).fails("config.json exists. Remove it first")
    assert (box.dir / "config.json").read_text() == "mine"


def test_spec_bundle_flag(box):
    box.nook("spec", "--bundle", box.dir).silent()
    assert (box.dir / "config.json").exists()


def test_spec_rootless(box):
    box.nook("spec", "--rootless", "-b", box.dir).silent()
    config = json.loads((box.dir / "config.json").read_text())
    assert "user" in [n["type"] for n in config["linux"]["namespaces"]] and config["linux"]["uidMappings"]


def test_features(nook):
    nook.use_root = False
    r = nook("features").ok()
    assert r.err == ""
    f = r.json()
    assert f["ociVersionMin"].startswith("1.0") and f["ociVersionMax"].startswith("1.3")
    assert set(f["hooks"]) == {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
    linux = f["linux"]
    assert {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"} == set(linux["namespaces"])
    assert {"CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE"} <= set(linux["capabilities"])
    assert linux["cgroup"]["v1"] is True and linux["cgroup"]["v2"] is True
    assert isinstance(linux["seccomp"]["enabled"], bool)
    assert "rro" in f["mountOptions"] and "size" not in f["mountOptions"]
    assert isinstance(linux["mountExtensions"]["idmap"]["enabled"], bool)


def test_features_list_what_an_isolation_may_not_give(nook):
    """As annotations, which are strings: the levels, the codes of reports, and those of them that strict refuses."""
    nook.use_root = False
    notes = nook("features").ok().json()["annotations"]
    assert notes["nook.isolation.levels"] == "oci,chroot,bare"
    codes, refused = (notes[f"nook.isolation.{name}"].split(",") for name in ("codes", "codes.refused"))
    assert len(codes) == len(set(codes)) and set(refused) < set(codes)
    assert {"ns.pid.shared", "proc.outer", "resources.not-applied"} <= set(codes)
    assert "resources.not-applied" in refused and "proc.outer" not in refused


@pytest.mark.parametrize("which", ["ociVersionMin", "ociVersionMax"])
def test_features_versions_are_accepted(box, which):
    """FEA-1"""
    box.config["ociVersion"] = box.nook("features").ok().json()[which]
    assert box.sees("echo yes") == "yes\n"


def test_features_mount_options_are_all_recognized(box):
    """FEA-6: each word passes as an option of a bind mount or of a tmpfs (no error of an unknown option)."""
    words = box.nook("features").ok().json()["mountOptions"]
    (box.dir / "src").mkdir()
    special = {"idmap", "ridmap", "tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow", "remount", "bind", "rbind"}
    for i, word in enumerate(w for w in words if w not in special):
        box.mount(f"/mnt/{i}", "bind", box.dir / "src", ["bind", word])
    box.args("/bin/true").run().ok()


def test_features_capabilities_are_recognized(box, tmp):
    names = box.nook("features").ok().json()["linux"]["capabilities"]
    box.caps(*names, sets=("bounding",)).sleep().create()
    want = Proc(os.getpid()).status("CapBnd")
    assert box.proc.status("CapBnd") == want


def test_features_needs_no_host(nook):
    """FEA-2: fixed at build time: the same without any cgroup, with an empty root."""
    nook.use_root = False
    here = nook("features").ok().json()
    nook.prefix = ["unshare", "-m", "sh", "-c", 'umount -l /sys/fs/cgroup; umount -l /sys; exec "$@"', "sh"]
    assert nook("features").ok().json() == here


# -- explain -----------------------------------------------------------------------------------------------------------
def test_explain_does_nothing(box):
    box.write()
    r = box.nook("explain", "-b", box.dir).ok()
    assert "/mounts/0" in r.out and r.err == ""
    box.nothing_left(patience=0)


def test_explain_json(box):
    box.write()
    data = box.nook("explain", "--bundle", box.dir, "--format", "json").ok().json()
    assert "/mounts/0" in json.dumps(data)


def test_explain_refuses_bad_config(box):
    box.process["cwd"] = "x"
    box.write()
    box.nook("explain", "-b", box.dir).fails("/process/cwd")


# -- NOTIFY_SOCKET -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["start", "run"])
@pytest.mark.parametrize("pidfds", [True, False], ids=["pidfds", "no pidfds"])
def test_notify_waits_until_it_is_ready(box, tmp, tools, verb, pidfds):
    """Or until the program ends; also on a kernel without pidfds."""
    if not pidfds:
        from test_fallbacks import NR, SETS
        box.nook.prefix = [tools["nosys"], "38", ",".join(NR[c] for c in (*SETS["pidfd"], "clone3"))]
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(tmp / "n"))
    env = {"NOTIFY_SOCKET": str(tmp / "n")}
    for end in ('read x; probe dgram "$NOTIFY_SOCKET" READY=1; exec probe sleep', "read x; exit 0"):
        r, w = os.pipe()
        box.sh(end).write()
        if verb == "start":
            box.create(env=env, stdin=r)
            run = box.nook.spawn("start", box.id, env=env)
        else:
            run = box.nook.spawn("run", "-d", "--bundle", box.dir, box.id, env=env, stdin=r)
        os.close(r)
        wait_until(lambda: '"running"' in box.nook("state", box.id).out)
        assert run._wait(0.3) is None, "it did not wait"
        os.write(w, b"go\n")
        assert run.wait().rc == 0
        os.close(w)
        box.nook("delete", "--force", box.id).silent()
    server.settimeout(5 * look.SCALE)
    assert "READY=1" in server.recv(4096).decode()
    server.close()


def test_notify_socket(box, tmp):
    """A unit of systemd that runs nook directly: start waits for READY=1 and passes it on with MAINPID."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(tmp / "n"))
    server.settimeout(5 * look.SCALE)
    box.sh('probe dgram "$NOTIFY_SOCKET" READY=1; exec probe sleep')
    env = {"NOTIFY_SOCKET": str(tmp / "n")}
    box.create(env=env)
    assert "NOTIFY_SOCKET=/run/notify/notify.sock" in box.proc.environ() or box.status == "created"
    box.nook("start", box.id, env=env).silent()
    got = server.recv(4096).decode()
    while "MAINPID=" not in got:
        got += "\n" + server.recv(4096).decode()
    assert "READY=1" in got and f"MAINPID={box.pid}" in got
    server.close()
