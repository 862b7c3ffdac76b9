# SPDX-License-Identifier: Apache-2.0
"""podman exec, and terminals of run and exec."""

from engine import scenario
from podman.test_run import SECCOMP, STATUS

podman = scenario("podman")


def running(p, *options):
    p("run", "-d", "--name=c", *options, "img", "trap")
    p.until("logs", "c", has="ready")


@podman
def test_exec(p):
    running(p)
    p("exec", "c", "echo", "hello")
    p("exec", "c", "sh", "-c", "echo out; echo err >&2; exit 9")
    p("exec", "c", "sh", "-c", "kill -TERM $$")
    p("exec", "c", "sh", "-c", "seq 1 20000 | md5sum")
    p("exec", "-i", "c", "cat", stdin="to cat\n")
    p("exec", "c", "cat", stdin="not passed\n")
    p("exec", "c", "sh", "-c", "ps -o comm,args | grep -E '[P]ID|[t]rap' | sort -u")
    p("exec", "c", "sh", "-c", "ls /proc/self/fd | wc -l; cut -d: -f2- /proc/self/cgroup | sort; cat /proc/self/limits")
    p("exec", "c", "sh", "-c", "for n in /proc/self/ns/*; do test $(readlink $n) = $(readlink /proc/1/ns/${n##*/}) ||"
      " echo other $n; done")


@podman
def test_exec_environment(p):
    running(p, "--env=FROM_RUN=1", "--workdir=/data")
    p("exec", "--env=FROM_EXEC=2", "c", "sh", "-c", "env | sort; pwd")
    p("exec", "--workdir=/tmp", "c", "pwd")
    p("exec", "--user=app", "c", "sh", "-c", "id; echo $HOME; umask")
    p("exec", "--user=1000:2000", "c", "id")
    p("exec", "--user=5555", "c", "id")
    p("exec", "--user=nobody-here", "c", "id", show=False)
    p("exec", "--preserve-fds=0", "c", "true")


@podman
def test_exec_privileges(p):
    running(p, "--cap-drop=chown", "--security-opt=no-new-privileges")
    p("exec", "c", "sh", "-c", STATUS)
    p("exec", "--user=app", "c", "sh", "-c", STATUS)
    p("exec", "--privileged", "c", "sh", "-c", STATUS)
    p("exec", "c", "sh", "-c", SECCOMP)


@podman
def test_exec_of_a_user_container(p):
    running(p, "--user=app", "--cap-add=net_raw", "--group-add=3000")
    p("exec", "c", "sh", "-c", "id;" + STATUS)
    p("exec", "--user=root", "c", "sh", "-c", "id;" + STATUS)


@podman
def test_exec_in_a_user_namespace(p):
    running(p, "--uidmap=0:100000:5000")
    p("exec", "c", "sh", "-c", "id; cat /proc/self/uid_map; touch /data/x; ls -ln /data/x | cut -d' ' -f1-20 | wc -l;" + STATUS)
    p("exec", "--user=app", "c", "id")
    p("exec", "c", "sh", "-c", "stat -c '%u %g' /dev /dev/pts /dev/shm; echo x > /dev/shm/x && rm /dev/shm/x")


@podman
def test_exec_in_other_namespaces(p):
    running(p, "--pid=host", "--network=host", "--ipc=host", "--uts=host")
    p("exec", "c", "sh", "-c", "readlink /proc/self/ns/net /proc/self/ns/pid; echo hello")


@podman
def test_exec_errors(p):
    running(p)
    p("exec", "c", "no-such-program")
    p("exec", "c", "/no/such/program")
    p("exec", "c", "/etc/not-executable")
    p.want(p("exec", "c", "/etc", compare=False), 126, why="runc of Debian 12 gives 255; podman's e2e wants 126")
    p("exec", "--workdir=/no/such", "c", "true", show=False)
    p("exec", "--workdir=/etc/passwd", "c", "true", show=False)
    p("exec", "no-such-container", "true", show=False)
    p("stop", "c")
    p("exec", "c", "true", show=False)


@podman
def test_exec_detached(p):
    running(p)
    p("exec", "--detach", "c", "sh", "-c", "echo done > /data/done; sleep 100", show=False)
    p.until("exec", "c", "cat", "/data/done", has="done")
    p("exec", "c", "sh", "-c", "ps -o args | grep -c '[s]leep 100'")
    p("stop", "c")


@podman
def test_exec_survives_nothing(p):
    """What exec started dies with the container."""
    running(p)
    p("exec", "--detach", "c", "sleep", "100", show=False)
    p("rm", "--force", "--time=0", "c")
    p("ps", "-a", "--format={{.Names}}")


@podman
def test_exec_terminal(p):
    running(p)
    p.tty("exec", "-it", "c", "sh", "-c", "tty; stty size; echo $TERM; test -t 0 && test -t 2 && echo terminal", size=(33, 99))
    p.tty("exec", "-it", "c", "sh", "-c", "read -p 'name? ' x; echo hello $x", keys=[("name?", b"Ann\r")])
    p.tty("exec", "-it", "c", "sh", "-c", "echo ready; cat; echo over", keys=[("ready", b"\x04")])
    p("exec", "-t", "c", "sh", "-c", "test -t 1 && echo terminal")


@podman
def test_terminal(p):
    p.tty("run", "--rm", "-it", "img", "sh", "-c", "tty; stty size; echo $TERM; stat -c '%F %a' /dev/console; ls /dev/pts;"
          "echo ok > /dev/tty", size=(33, 99))
    p.tty("run", "--rm", "-it", "img", "sh", "-c", "read -p 'name? ' x; echo hello $x; exit 3", keys=[("name?", b"Ann\r")])
    p.tty("run", "--rm", "-it", "--user=app", "img", "sh", "-c", "echo x > /dev/tty; stat -c %u /dev/pts/0; tty")
    p.tty("run", "--rm", "-it", "--uidmap=0:100000:5000", "img", "sh", "-c", "tty; echo y > /dev/tty; stat -c %u /dev/console")


@podman
def test_terminal_interrupt(p):
    p.tty("run", "--rm", "-it", "img", "sh", "-c", "trap 'echo got INT; exit 4' INT; echo ready; while :; do sleep 0.05; done",
          keys=[("ready", b"\x03")])


@podman
def test_terminal_resize(p):
    p.tty("run", "--rm", "-it", "img", "sh", "-c",
          "stty size; echo ready; while [ \"$(stty size)\" != '50 132' ]; do sleep 0.05; done; echo resized; sleep 1",
          keys=[("ready", (50, 132))])


@podman
def test_terminal_without_one(p):
    """-t with pipes for stdio: podman makes the terminal all the same."""
    p("run", "--rm", "-t", "img", "sh", "-c", "test -t 0 && test -t 1 && echo terminal; ls -l /dev/console | cut -c1-10")
    p("run", "-d", "-t", "--name=c", "img", "sh", "-c", "tty; echo lines; exit 6")
    p("wait", "c")
    p("logs", "c")


@podman
def test_attach(p):
    p("create", "-i", "--name=c", "img", "sh", "-c", "read x; echo got $x; exit 8")
    p("start", "--attach", "--interactive", "c", stdin="typed\n")
