# SPDX-License-Identifier: Apache-2.0
"""buildah run and buildah build with `--isolation oci` on nook and on the reference."""

import os
import shutil

import pytest

import engine
from engine import scenario

buildah = scenario("buildah")
FILE = """FROM img
RUN id && pwd && grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
RUN echo built > /data/built && mkdir -p /made/deep && ln -s built /data/link
ENV WORD=said
USER app
WORKDIR /home/app
RUN id && pwd && echo $WORD > word && cat word
USER root
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && ls /scratch
RUN ls -A /scratch; cat /data/built; ls -l /data | grep -c link; stat -c '%U %n' /home/app/word
"""


class Buildah(engine.Session):
    CONTAINER = "work"

    def __init__(self, runtime, work):
        super().__init__(runtime, work, [(r"\b(nook|runc|crun): ", "RUNTIME: "), (r"/libpod-\w+", "/SIDE")])
        self.settings = self.work / "containers.conf"
        self.settings.write_text('[containers]\nnetns = "none"\n'
                                 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')

    def command(self, args):
        verb, rest = args[0], args[1:]
        if verb in ("run", "bud"):
            rest = [f"--runtime={self.runtime}", "--isolation=oci", "--network=none", *rest]
        if verb in ("from", "bud"):
            # buildah takes that as the container's own cgroup
            rest = [f"--cgroup-parent={engine.CGROUP_PARENT}/libpod-{self.work.name}", *rest]
        return ["buildah", f"--root={self.work}/root", f"--runroot={self.work}/run", "--storage-driver=overlay", verb, *rest]

    def environ(self):
        return {"PATH": os.environ["PATH"], "HOME": "/root", "TERM": "xterm", "CONTAINERS_CONF": str(self.settings),
                "TMPDIR": str(self.work)}

    def reset(self):
        self("rm", "--all", compare=False)

    def run(self, *args, **options):
        """In a working container that reset() removes."""
        *given, program = [list(arg) if isinstance(arg, (list, tuple)) else arg for arg in args]
        if self.CONTAINER not in self("containers", "--format={{.ContainerName}}", compare=False).out.split():
            assert self("from", f"--name={self.CONTAINER}", "img", compare=False).code == 0
        return self("run", *given, self.CONTAINER, "--", *program, **options)


@pytest.fixture(scope="session", name="buildah")
def pair(pytestconfig, work, image_tar):
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    sides = []
    for name, runtime in (("nook", pytestconfig.nook), ("ref", pytestconfig.reference)):
        side = Buildah(runtime, work / "buildah" / name)
        side("from", "--name=base", "scratch")
        assert side("add", "base", image_tar, "/").code == 0
        assert side("commit", "--quiet", "base", "img").code == 0
        side.reset()
        sides.append(side)
    yield engine.Pair(*sides, show=pytestconfig.getoption("--show"))
    for side in sides:
        os.system(f"umount -l {side.work}/root/overlay 2> /dev/null")


@buildah
def test_run(p):
    p.run(["echo", "hello"])
    p.run(["sh", "-c", "exit 3"])
    p.run(["sh", "-c", "id; pwd; env | sort; hostname | wc -l; umask; ps -o comm"])
    p.run(["cat"], stdin="to cat\n")
    p.run(["sh", "-c", "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; cut -d: -f2- /proc/self/cgroup | sort"])
    p.run("--user=app", ["sh", "-c", "id; echo $HOME; pwd"])
    p.run("--workingdir=/data", ["cat", "file"])
    p.run("--env=A=b", ["sh", "-c", "echo $A"])
    p.run("--cap-drop=CAP_CHOWN", ["chown", "app", "/data"])
    p.run("--cap-add=CAP_SYS_ADMIN", ["mount", "-t", "tmpfs", "none", "/tmp"])


@buildah
def test_run_keeps_what_was_written(p):
    p.run(["sh", "-c", "echo first > /data/kept"])
    p.run(["cat", "/data/kept"])


@buildah
def test_volumes(p):
    (p.work / "volume").mkdir(exist_ok=True)
    (p.work / "volume/file").write_text("of the host\n")
    p.run(f"--volume={p.work}/volume:/v", ["sh", "-c", "cat /v/file; echo x > /v/new"])
    p.run(f"--volume={p.work}/volume:/v:ro", ["sh", "-c", "cat /v/new; echo x > /v/newer"])
    p.run("--mount=type=tmpfs,dst=/t,tmpfs-size=1m", ["sh", "-c", "touch /t/x; df -k /t | tail -1 | awk '{print $2}'"])


@buildah
def test_failures(p):
    p.run(["no-such-program"])
    p.run(["/etc/not-executable"])
    p.run("--user=nobody-here", ["true"])
    p.run(["sh", "-c", "kill -KILL $$; echo alive"])


@buildah
def test_terminal(p):
    """The size is looked at late: buildah sets it when the program may run already, and a fast runtime's would see none."""
    p.run(["true"])
    p.tty("run", "--terminal", p.CONTAINER, "--", "sh", "-c", "tty; read -p 'name? ' x; stty size; echo hello $x",
          size=(30, 90), keys=[("name?", b"Ann\r")])


@buildah
def test_build(p):
    context = p.work / "context"
    context.mkdir(exist_ok=True)
    (context / "Containerfile").write_text(FILE)
    p("bud", "--quiet", "--no-cache", "--tag=built", "--logfile=" + str(p.work / "log"), context, show=False)
    p.note("log", (p.work / "log").read_text())
    p("rmi", "built", compare=False)


@buildah
def test_build_fails(p):
    context = p.work / "context"
    context.mkdir(exist_ok=True)
    (context / "Containerfile").write_text("FROM img\nRUN exit 9\n")
    p("bud", "--no-cache", "--tag=built", context)
