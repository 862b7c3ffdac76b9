# SPDX-License-Identifier: Apache-2.0
"""Descriptors: nothing of the host leaks; --preserve-fds, LISTEN_FDS: FD-1, FD-2, rule 15 of the pitfalls, 2.16."""

import os
import socket
import subprocess

import pytest

from look import wait_until

pytestmark = pytest.mark.isolations("oci", "chroot", "chroot+no-pivot", "bare")
no_supervisor = pytest.mark.isolations("oci", "chroot", "chroot+no-pivot")  # state's pid is the payload's


@pytest.fixture
def open_fds():
    """open_fds(n, ...) -> opens files of this process at exactly these numbers, inheritable."""
    made = []

    def make(*numbers, path="/"):
        for n in numbers:
            fd = os.open(path, os.O_RDONLY)
            os.dup2(fd, n, inheritable=True)
            os.close(fd)
            made.append(n)
        return tuple(numbers)

    yield make
    for fd in made:
        os.close(fd)


def test_fd1_leaked_descriptors_are_closed(box, open_fds):
    fds = open_fds(60, 61, 75, 900)
    r = box.args("/bin/probe", "fds").run(pass_fds=fds)
    assert r.out == "0 1 2 \n", r


@no_supervisor
def test_fd1_by_create(box, open_fds):
    fds = open_fds(60, 75)
    box.sleep().create(pass_fds=fds)
    targets = box.proc.fds()
    assert "/" not in targets.values(), targets
    box.start()
    assert sorted(box.proc.fds()) == [0, 1, 2]


@no_supervisor
def test_created_holds_only_a_few_known_things(box):
    """2.16: an allowlist of what init may hold while it waits: stdio, sockets or pipes of its own, nothing of the host's
    file systems but anonymous things."""
    box.sleep().create()
    for fd, target in box.proc.fds().items():
        if fd > 2:
            assert target.startswith(("socket:", "pipe:", "anon_inode:")) or target in ("/dev/null", "/proc", "/"), (fd, target)
            if target == "/":
                assert os.stat(box.proc.dir / "fd" / str(fd)).st_ino == os.stat(box.rootfs).st_ino


def test_exec_leaks_nothing(box, open_fds):
    box.sleep().up()
    fds = open_fds(60, 75)
    assert box.exec("/bin/probe", "fds", pass_fds=fds).out == "0 1 2 \n"


@pytest.mark.isolations("oci", "chroot", "chroot+userns")
def test_nook_in_exec_holds_no_host_directory_past_the_join(box, open_fds):
    """CVE-2016-9962's recipe: processes of the container look for the host's MARK through every /proc/PID of theirs."""
    box.caps("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH")
    box.process["noNewPrivileges"] = False
    mark = f"/nkt-mark-{os.getpid()}"
    with open(mark, "w") as f:
        f.write("MARK\n")
    try:
        # only the shell's own words, which are quick: the window is short
        box.sh(f"while :; do for p in /proc/[0-9]*; do for f in $p/root $p/cwd $p/fd/*; do "
               f"[ -e $f{mark} ] && read x < $f{mark} && echo $x by ${{f##*/}}; done; done; done").up()
        fds = open_fds(60)
        for _ in range(100):
            assert box.exec("true", pass_fds=fds).rc == 0
        assert sorted(set(box.text().splitlines())) == []
    finally:
        os.unlink(mark)


# -- preserve ------------------------------------------------------------------------------------------------------------
def spawn_with(box, contents, *flags, verb="run", env=None):
    """nook with pipes of these contents at 3, 4, ...; None leaves a hole. (rc, stdout, stderr)"""
    box.write()
    args = ["run", "--bundle", box.dir, *box.flags, *flags, box.id] if verb == "run" else verb

    def setup():
        os.closerange(3, 190)
        for i, text in enumerate(contents):
            r, w = os.pipe()
            os.write(w, (text or "").encode())
            os.close(w)
            high = 200 + i
            os.dup2(r, high)
            os.close(r)
        for i, text in enumerate(contents):
            os.dup2(200 + i, 3 + i, inheritable=True)
            os.close(200 + i)
            if text is None:
                os.close(3 + i)

    out = open(box.nook.tmp / "out", "w+b")
    err = open(box.nook.tmp / "err", "w+b")
    command = box.nook.command(args)
    if env:
        command = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]  # as systemd and conmon set it
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, close_fds=False,
                         env=box.nook.environment(env), preexec_fn=setup)
    rc = p.wait(10)
    out.seek(0)
    err.seek(0)
    return rc, out.read().decode(), err.read().decode()


def test_preserve_exactly_n(box):
    box.sh("probe fds; cat <&3; cat <&4")
    rc, out, err = spawn_with(box, ["three", "four", "five"], "--preserve-fds", "2")
    assert (rc, out) == (0, "0 1 2 3 4 \nthreefour"), err


def test_preserve_none_by_default(box):
    box.args("/bin/probe", "fds")
    rc, out, err = spawn_with(box, ["three", "four"])
    assert (rc, out) == (0, "0 1 2 \n"), err


def test_preserve_with_holes(box):
    """podman --preserve-fd=9,40 gives N=38 with holes: no error, and they stay closed."""
    box.args("/bin/probe", "fds")
    rc, out, err = spawn_with(box, [None, "four", None, "six", None], "--preserve-fds", "5")
    assert (rc, out) == (0, "0 1 2 4 6 \n"), err


def test_preserve_more_than_there_are(box):
    box.args("/bin/probe", "fds")
    rc, out, err = spawn_with(box, ["three"], "--preserve-fds=100")
    assert (rc, out) == (0, "0 1 2 3 \n"), err


def test_preserve_in_exec(box):
    box.sleep().up()
    rc, out, err = spawn_with(box, ["three", "four"], verb=["exec", "--preserve-fds", "1", box.id, "/bin/probe", "fds"])
    assert (rc, out) == (0, "0 1 2 3 \n"), err


def test_preserve_survives_create_and_start(box):
    box.sh("cat <&3; exec probe sleep")
    box.write()
    rc, out, err = spawn_with(box, ["content"], verb=["create", "--preserve-fds", "1", "--bundle", box.dir, *box.flags, box.id])
    assert rc == 0, err
    box.start()
    wait_until(lambda: "content" in (box.nook.tmp / "out").read_text())


@pytest.mark.parametrize("n,preserve,want", [(1, 0, "0 1 2 3 "), (2, 2, "0 1 2 3 4 "), (1, 3, "0 1 2 3 4 5 ")])
def test_listen_fds(box, n, preserve, want):
    """podman: LISTEN_FDS=n in the caller's environment and --preserve-fds n name the same descriptors; the larger counts."""
    box.env(f"LISTEN_FDS={n}").args("/bin/probe", "fds")
    flags = ["--preserve-fds", str(preserve)] if preserve else []
    rc, out, err = spawn_with(box, ["a", "b", "c", "d"], *flags, env={"LISTEN_FDS": str(n)})
    assert rc == 0, err
    got = out.strip().split()
    if preserve > n:
        # runc and crun add the two up; only n == preserve must count once
        assert got in (want.split(), [str(i) for i in range(3 + preserve + n)][:7])
    else:
        assert got == want.split()


def test_listen_pid_inside_is_1(box):
    box.args("/bin/env")
    rc, out, err = spawn_with(box, ["a"], env={"LISTEN_FDS": "1"})
    assert rc == 0, err
    env = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    assert env.get("LISTEN_FDS") == "1" and env.get("LISTEN_PID") == "1"


@pytest.mark.parametrize("value", ["x", "-1", "", "99999999999", "1x"])
def test_bad_listen_fds_is_no_catastrophe(box, value):
    box.args("/bin/probe", "fds")
    rc, out, err = spawn_with(box, ["a"], env={"LISTEN_FDS": value})
    assert rc == 1 or out == "0 1 2 \n", (rc, out, err)


def test_engine_sync_pipes_in_the_environment_are_ignored(box):
    """conmon's stale _OCI_SYNCPIPE numbers."""
    box.args("/bin/env")
    r = box.run(env={"_OCI_SYNCPIPE": "3", "_OCI_STARTPIPE": "4", "_OCI_ATTACHPIPE": "5"})
    assert r.rc == 0 and "_OCI" not in r.out


# -- cwd and argv through descriptors (CVE-2024-21626) -----------------------------------------------------------------------
@pytest.mark.isolations("oci", "chroot+no-pivot")
@pytest.mark.parametrize("n", range(3, 41))
def test_cwd_through_a_descriptor(box, open_fds, n):
    """The caller leaks fd 9 = /; the config's cwd is /proc/self/fd/N."""
    fds = open_fds(60, path="/")
    mark = f"/nkt-mark-{os.getpid()}"
    with open(mark, "w") as f:
        f.write("MARK")
    try:
        box.process["cwd"] = f"/proc/self/fd/{60 if n == 40 else n}"
        r = box.sh(f"cat ../../..{mark} .{mark}; ls -d /proc/self/cwd/nkt-mark* 2>/dev/null").run(pass_fds=fds)
        assert "MARK" not in r.out and "nkt-mark" not in r.out, r
    finally:
        os.unlink(mark)


def test_exec_cwd_through_a_link(box, open_fds):
    fds = open_fds(60, path="/")
    for n in (*range(3, 12), 60):
        os.symlink(f"/proc/self/fd/{n}", box.rootfs / f"w{n}")
    mark = f"/nkt-mark-{os.getpid()}"
    with open(mark, "w") as f:
        f.write("MARK")
    try:
        box.sleep().up()
        for n in (*range(3, 12), 60):
            r = box.exec("sh", "-c", f"cat ../../..{mark} .{mark}", flags=["--cwd", f"/w{n}"], pass_fds=fds)
            assert "MARK" not in r.out, r
            if r.rc == 255:
                assert r.err.count("\n") == 1
    finally:
        os.unlink(mark)


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8, 9, 10, 60])
def test_argv0_through_a_descriptor(box, open_fds, n):
    fds = open_fds(60, path="/bin/true")
    box.args(f"/proc/self/fd/{n}").write()
    r = box.nook("run", "--bundle", box.dir, *box.flags, box.id, pass_fds=fds)
    assert r.rc in (1, 255) and r.err, r
    box.nothing_left()


def test_unix_sockets_of_the_caller_are_not_kept(box):
    a, b = socket.socketpair()
    os.set_inheritable(b.fileno(), True)
    box.sleep().up(pass_fds=(b.fileno(),))
    b.close()
    a.settimeout(3)
    assert a.recv(1) == b"", "nobody has the other end"
    a.close()
