# SPDX-License-Identifier: Apache-2.0
"""`docker --runtime nook` beside `docker --runtime runc`: containerd's shim is a caller of its own kind."""

import pytest

from engine import scenario
from podman.test_run import DEVICES, DEVICE_RULES, MASKED, MOUNTS, SECCOMP, STATUS

docker = scenario("docker")
CGROUP = "for c in {}; do echo $c $(cat /sys/fs/cgroup/$c); done"

RUNS = {
    "exit code": ([], "exit 42"),
    "streams": ([], "echo out; echo err >&2; seq 1 20000 | md5sum"),
    "status": ([], STATUS),
    "environment": (["--env=A=b", "--hostname=box"], "env | sort; hostname; id; pwd; cat /proc/self/limits"),
    "mounts": ([], MOUNTS),
    "devices": ([], DEVICES + ";" + DEVICE_RULES),
    "masked": ([], MASKED),
    "seccomp": ([], SECCOMP),
    "seccomp unconfined": (["--security-opt=seccomp=unconfined"], STATUS),
    "no new privileges": (["--security-opt=no-new-privileges"], STATUS),
    "user": (["--user=app", "--group-add=3000"], "id; " + STATUS),
    "capabilities": (["--cap-drop=all", "--cap-add=net_raw"], STATUS),
    "read-only": (["--read-only"], "touch /x"),
    "tmpfs": (["--tmpfs=/scratch:size=2m"], "df -k /scratch | tail -1 | awk '{print $2}'"),
    "volume": (["-v={work}:/v:ro"], "touch /v/x; " + MOUNTS),
    "memory": (["--memory=64m"], CGROUP.format("memory/memory.limit_in_bytes")),
    "cpu": (["--cpus=0.5", "--cpuset-cpus=0"], CGROUP.format("cpu/cpu.cfs_quota_us cpuset/cpuset.cpus")),
    "pids": (["--pids-limit=50"], CGROUP.format("pids/pids.max")),
    "shm": (["--shm-size=3m"], "df -k /dev/shm | tail -1 | awk '{print $2}'"),
    "sysctl": (["--sysctl=net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward"),
    "ulimit": (["--ulimit=nofile=100:200"], "ulimit -n; ulimit -Hn"),
    "host namespaces": (["--pid=host", "--ipc=host", "--uts=host", "--network=host"],
                        "readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/pid"),
    "init": (["--init"], "ps -o comm; exit 3"),
    "device": (["--device=/dev/fuse"], DEVICES),
    "workdir": (["--workdir=/made/new"], "pwd"),
}

FAILURES = {"not found": "no-such-program", "absolute": "/no/such", "not executable": "/etc/not-executable", "directory": "/etc"}


@pytest.mark.parametrize("name", RUNS)
def test_run(docker, name):
    options, command = RUNS[name]
    docker.compare(lambda p: p("run", "--rm", *(["--hostname=h"] if "host" not in name and "--hostname=box" not in options else []),
                               *(option.replace("{work}", str(p.work)) for option in options), "img", "sh", "-c", command))


@pytest.mark.parametrize("name", FAILURES)
def test_failure(docker, name):
    docker.compare(lambda p: p("run", "--rm", "img", FAILURES[name]))


@docker
def test_detached(p):
    p("run", "-d", f"--name={p.box()}", "img", "trap", show=False)
    p.until("logs", p.box(), has="ready")
    p("exec", p.box(), "sh", "-c", "id; exit 4")
    p("exec", "-i", p.box(), "cat", stdin="typed\n")
    p("exec", "--user=app", "--env=A=b", "--workdir=/data", p.box(), "sh", "-c", "id; echo $A; pwd; " + STATUS)
    p("exec", p.box(), "no-such-program", show=False)  # the text is the runtime's
    p("exec", "-d", p.box(), "sleep", "100")
    p("kill", "--signal=USR1", p.box())
    p.until("logs", p.box(), has="USR1")
    p("stop", p.box())
    p("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", p.box())
    p("start", p.box())
    p("rm", "--force", p.box())


@docker
def test_privileged(p):
    """Where root lacks a capability runc refuses; a warning is what the spec wants since 1.1."""
    result = p("run", "--rm", "--privileged", "img", "sh", "-c", STATUS + "; mount -t tmpfs x /tmp && echo mounted", compare=False)
    p.want(result, code=0, out="mounted", why="runc cannot start it where CAP_SYS_RESOURCE is missing")


@docker
def test_stdin(p):
    p("run", "--rm", "-i", "img", "cat", stdin="line one\nline two\n")


@docker
def test_terminal(p):
    p.tty("run", "--rm", "-it", "img", "sh", "-c", "tty; stty size; read -p 'name? ' x; echo hello $x; exit 3", size=(30, 90),
          keys=[("name?", b"Ann\r")])


@docker
def test_exec_terminal(p):
    p("run", "-d", f"--name={p.box()}", "img", "trap", show=False)
    p.tty("exec", "-it", p.box(), "sh", "-c", "tty; read -p 'name? ' x; echo hello $x", keys=[("name?", b"Ann\r")])


@docker
def test_container_namespaces(p):
    p("run", "-d", f"--name={p.box('a')}", "--ipc=shareable", "img", "sleep", "100", show=False)
    p("run", "--rm", f"--pid=container:{p.box('a')}", f"--ipc=container:{p.box('a')}", f"--network=container:{p.box('a')}", "img",
      "ps", "-o", "comm")


@docker
def test_out_of_memory(p):
    p("run", f"--name={p.box()}", "--memory=24m", "img", "tail", "/dev/zero")
    p("inspect", "--format={{.State.OOMKilled}}", p.box())


@docker
def test_restart(p):
    p("run", "-d", f"--name={p.box()}", "img", "sh", "-c", "echo run; exec sleep 100", show=False)
    p.until("logs", p.box(), has="run")
    p("restart", "--time=0", p.box())
    p("kill", p.box())
    p("wait", p.box())


@pytest.mark.xfail(reason="nook has no ps yet", raises=AssertionError)
@docker
def test_top(p):
    p("run", "-d", f"--name={p.box()}", "img", "sleep", "100", show=False)
    p("top", p.box(), show=False)


@pytest.mark.xfail(reason="nook has no pause, resume and update yet", raises=AssertionError)
@docker
def test_pause_and_update(p):
    p("run", "-d", f"--name={p.box()}", "--memory=64m", "img", "sleep", "100", show=False)
    p("pause", p.box())
    p("unpause", p.box())
    p("update", "--memory=96m", "--memory-swap=128m", p.box())
