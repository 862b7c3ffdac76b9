# SPDX-License-Identifier: Apache-2.0
"""Texts that engines match on (engine-contract 2.1, 1.2 to 1.6), and messages that say what is wrong."""

import json
import os

import pytest

import harness
import look


@pytest.fixture
def logged(nook, tmp):
    """JSON log of the calls; record() is the only record."""
    nook.globals = ["--log", str(tmp / "log"), "--log-format", "json"]

    def record():
        lines = (tmp / "log").read_text().splitlines()
        assert len(lines) == 1, lines
        return json.loads(lines[0])

    return record


CASES = {
    "not in PATH": (["foo"], 'exec: "foo": executable file not found in $PATH: No such file or directory'),
    "absolute, missing": (["/no/x"], 'exec: "/no/x": stat /no/x: no such file or directory'),
    "directory": (["/etc"], 'exec: "/etc": permission denied: the path `/etc` is not a regular file: '
                            'Operation not permitted'),
    "not executable": (["/plain"], 'exec: "/plain": permission denied'),
    "empty argv[0]": ([""], 'exec: "": executable file not found in $PATH: No such file or directory'),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("verb", ["create", "run"])
def test_golden_create(box, logged, case, verb):
    args, text = CASES[case]
    (box.rootfs / "plain").write_text("data")
    box.args(*args)
    r = box.refuse(text, verb=verb)
    assert r.err.rstrip("\n").endswith(text)
    assert logged()["msg"].endswith(text) and logged()["level"] == "error"


@pytest.mark.parametrize("case", CASES)
def test_golden_exec(box, logged, case):
    args, text = CASES[case]
    (box.rootfs / "plain").write_text("data")
    box.sleep().up()
    r = box.exec(*args).fails(text, rc=255)
    assert r.err.rstrip("\n").endswith(text)
    assert logged()["msg"].endswith(text)


def test_golden_lookup_as_container_user(box):
    """A program that only root may run is refused to uid 1000, at create."""
    os.chmod(box.rootfs / "root", 0o755)
    target = box.rootfs / "root/tool"
    target.write_text("#!/bin/sh\n")
    target.chmod(0o700)
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.args("/root/tool").refuse('exec: "/root/tool": permission denied')


def test_golden_lookup_skips_unexecutable_in_path(box):
    """As execvp: a later directory of PATH wins over an earlier file without x."""
    (box.rootfs / "a").mkdir()
    (box.rootfs / "a/tool").write_text("no")
    (box.rootfs / "b").mkdir()
    harness.script(box.rootfs / "b/tool", "echo found\n")
    box.process["env"] = ["PATH=/a:/b:/bin"]
    r = box.args("tool").run()
    assert r.out == "found\n", r


def test_golden_exec_cwd_missing(box, logged):
    box.sleep().up()
    box.exec("/bin/true", flags=["--cwd", "/m"]).fails(
        'chdir to cwd ("/m") set in config.json failed: no such file or directory', rc=255)


def test_missing_cwd_is_created_by_create(box):
    """Both runc and crun do it, engines rely on it."""
    box.process["cwd"] = "/made/by/create"
    assert box.sees("pwd") == "/made/by/create\n"


def test_mount_type_clash(box, logged):
    (box.dir / "dir").mkdir()
    (box.rootfs / "file").write_text("x")
    box.mount("/file", "bind", box.dir / "dir", ["bind"])
    r = box.refuse()
    assert "the source is a directory, the destination a file" in r.err
    assert harness.mentions(r.err, "/mounts/6")


def test_missing_bind_source(box):
    box.mount("/mnt", "bind", "/no/such/source", ["bind"])
    r = box.refuse("/no/such/source", pointers=["/mounts/6"])
    assert "no such file or directory" in r.err.lower()


def test_kill_texts(box):
    box.args("/bin/true").up().wait_status("stopped")
    box.nook("kill", box.id, "TERM").fails("container not running")


def test_unknown_signal(box):
    box.sleep().up()
    box.nook("kill", box.id, "NOPE").fails('unknown signal "NOPE"')


def test_exec_stopped(box):
    box.args("/bin/true").up().wait_status("stopped")
    box.exec("true").fails("cannot exec in a stopped container", rc=255)


def test_delete_missing_text(nook, tag):
    """containerd takes `does not exist` as success."""
    nook("delete", f"{tag}-none").fails("does not exist")


@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete"])
def test_missing_container_says_no_such_file_nowhere(nook, tag, verb):
    """podman would turn it into 127."""
    r = nook(verb, f"{tag}-none").fails("container does not exist")
    assert "no such file" not in r.err.lower() and "not found" not in r.err.lower()


@pytest.mark.parametrize("pointer,value", [("/process/cwd", "x"), ("/linux/namespaces/0/type", "foo"),
                                           ("/mounts/0/destination", ""), ("/root/path", "missing")])
def test_config_errors_do_not_look_like_missing_programs(box, pointer, value):
    """Substrings that change the engines' exit code do not leak into other errors."""
    harness.set_pointer(box.config, pointer, value)
    r = box.refuse()
    assert "executable file not found" not in r.err and "permission denied" not in r.err.lower()


# -- what is found only at execve goes to the container's stderr, 255 --------------------------------------------------
EXECVE = {
    "no interpreter": ("#!/no/such/interpreter\n", "/no/such/interpreter"),
    "text": ("hello\n", None),
    "crlf": ("#!/bin/sh\r\necho\r\n", None),
    "foreign": (b"\x7fELF\x01\x01\x01" + b"\0" * 60, None),
    "empty": ("", None),
}


@pytest.mark.parametrize("case", EXECVE)
def test_execve_failures(box, case):
    """Either create/run refuses with a good text, or start succeeds, the message is on stderr and the code is 255."""
    data, word = EXECVE[case]
    path = box.rootfs / "tool"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(0o755)
    r = box.args("/tool").run()
    assert r.rc in (1, 255), r
    assert "/tool" in r.err and r.err.count("\n") == 1, r
    if word:
        assert word in r.err, r
    box.nothing_left()


def test_noexec_mount(box):
    (box.dir / "src").mkdir()
    harness.script(box.dir / "src/tool", "echo no\n")
    box.mount("/mnt", "bind", box.dir / "src", ["bind", "noexec"])
    r = box.args("/mnt/tool").run()
    assert r.rc in (1, 255) and "permission denied" in r.err.lower(), r
    box.nothing_left()


# -- log routes --------------------------------------------------------------------------------------------------------
def test_stderr_too_when_log_is_a_file(nook, tmp):
    """Rule 1"""
    nook.globals = ["--log", str(tmp / "log")]
    nook("state", "none").fails("container does not exist")
    assert "container does not exist" in (tmp / "log").read_text()


def test_error_in_the_child_is_one_record(box, logged):
    """A step that fails in the child is told once, by the parent."""
    (box.rootfs / "etc/file").write_text("x")
    box.mount("/etc/file", "tmpfs", "tmpfs")
    r = box.refuse(pointers=["/mounts/6"])
    assert logged()["msg"] in r.err


def test_failing_hook_is_one_record(box, logged):
    box.hook("createRuntime", args=["sh", "-c", "echo to-out; echo to-err >&2; exit 3"]).sleep()
    r = box.refuse("createRuntime hook #0", "exit status 3", "to-out", "to-err")
    assert logged()["msg"] in r.err


def test_message_is_one_line_even_if_the_name_is_not(box):
    box.args("/no\nsuch\x1b[31m").refuse()


def test_unwritable_root(nook, tag):
    nook.root = "/proc/nowhere"
    r = nook("state", f"{tag}-x")
    assert r.rc == 1 and r.err.count("\n") == 1


def test_root_is_a_file(box, tmp):
    (tmp / "file").touch()
    box.nook.root = str(tmp / "file")
    box.write()
    box.nook("create", "--bundle", box.dir, box.id).fails(str(tmp / "file"))
    box.nook.root = str(tmp / "r")


def test_exec_errors_are_255(box):
    """Pitfall 17: never 126 or 127."""
    box.sleep().up()
    for args in (["/no/such"], ["/etc"], [""]):
        assert box.exec(*args).rc == 255
    assert box.exec("sh", "-c", "exit 126").rc == 126
    assert look.descendants() == [box.pid]
