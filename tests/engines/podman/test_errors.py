# SPDX-License-Identifier: Apache-2.0
"""What podman makes of failures: exit codes 125, 126 and 127, and that nothing is left after them."""

import pytest

from engine import scenario

podman = scenario("podman")

# options, command; each with `run --rm`
FAILURES = {
    "not found": ([], ["no-such-program"]),
    "not found, absolute": ([], ["/no/such/program"]),
    "not found, relative": (["--workdir=/data"], ["./no-such-program"]),
    "empty": ([], [""]),
    "not executable": ([], ["/etc/not-executable"]),
    "not executable by the user": (["--user=app", "-v={work}/private:/p"], ["/p/program"]),
    "directory": ([], ["/etc"]),
    "a file as directory": ([], ["/etc/passwd/x"]),
    "entrypoint not found": (["--entrypoint=/no/entry"], ["true"]),
    "entrypoint": (["--entrypoint=[\"/bin/echo\", \"entry\"]"], ["word"]),
    "not in this PATH": (["--env=PATH=/no/where"], ["true"]),
    "unknown option": (["--no-such-option"], ["true"]),
    "no image": (["--pull=never", "--entrypoint=x"], None),
    "no workdir": (["--workdir=/etc/passwd/x"], ["true"]),
    "sysctl of the host": (["--sysctl=kernel.panic=1"], ["true"]),
    "sysctl that does not exist": (["--sysctl=net.no.such=1"], ["true"]),
    "sysctl with a host namespace": (["--network=host", "--sysctl=net.ipv4.ip_forward=1"], ["true"]),
    "unknown capability": (["--cap-add=no_such_thing"], ["true"]),
    "no device": (["--device=/dev/no-such"], ["true"]),
    "no volume source": (["-v=/no/such/source:/v"], ["true"]),
    "volume on proc": (["-v=/tmp:/proc"], ["true"]),
    "volume in proc": (["-v=/tmp:/proc/1"], ["true"]),
    "bad seccomp profile": (["--security-opt=seccomp=/etc/passwd"], ["true"]),
    "no user in passwd": (["--user=nobody-here"], ["true"]),
    "apparmor profile": (["--security-opt=apparmor=no-such-profile"], ["true"]),
    "cpus that are not there": (["--cpuset-cpus=1000"], ["true"]),
    "uid map without our uid": (["--uidmap=1:100000:10"], ["true"]),
}

# A failure of execve itself comes after `start`: text and code are the runtime's own, so only nook's are checked.
AT_EXEC = {"bad format": "/bin/bad-format", "no interpreter": "/bin/no-interpreter"}


@pytest.fixture(scope="module", autouse=True)
def private(request):
    for side in request.getfixturevalue("podman").sides:
        (side.work / "private").mkdir()
        program = side.work / "private/program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)


@pytest.mark.parametrize("name", FAILURES)
def test_failure(podman, name):
    options, command = FAILURES[name]

    def run(p):
        given = [option.replace("{work}", str(p.work)) for option in options]
        p("run", "--rm", "--name=c", *given, *(["img", *command] if command is not None else ["localhost/none"]))

    podman.compare(run)


@pytest.mark.parametrize("name", AT_EXEC)
def test_failure_at_exec(podman, name):
    def run(p):
        result = p("run", "--rm", "--name=c", "img", AT_EXEC[name], compare=False)
        p.note("failed with a message", bool(result.code and result.err))
        p.want(result, code=255, why="crun and runc give 1, a program's own most usual code")

    podman.compare(run)


def test_nothing_is_left_by_failures(podman):
    for side in podman.sides:
        assert side("ps", "-a", "--format={{.Names}}", compare=False).out == ""


@podman
def test_detached_failure(p):
    p("run", "-d", "--name=c", "img", "no-such-program", show=False)
    p("ps", "-a", "--format={{.Names}} {{.State}}")
    p("rm", "c")


@podman
def test_create_then_failing_start(p):
    p("create", "--name=c", "img", "no-such-program", show=False)
    p("start", "c")
    p("start", "--attach", "c")
    p("ps", "-a", "--format={{.Names}} {{.State}}")


@podman
def test_bad_runtime_flag(p):
    """podman's own 030-run.bats wants a failure that names the flag."""
    result = p("run", "--rm", "img", "true", compare=False)
    assert result.code == 0, result
    p.flags = ["--runtime-flag=no-such-flag"]
    try:
        result = p("run", "--rm", "img", "true", compare=False)
    finally:
        p.flags = []
    p.note("failed", result.code != 0)
    p.note("names the flag", "no-such-flag" in result.err)


@podman
def test_one_line_per_failure(p):
    """podman takes the runtime's JSON log as one object; with more of them it falls back to raw text."""
    result = p("run", "--rm", "img", "no-such-program", compare=False)
    lines = [line for line in result.err.splitlines() if line]
    p.note("lines", len(lines))
    p.note("raw JSON", '{"' in result.err)
