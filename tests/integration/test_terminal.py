# SPDX-License-Identifier: Apache-2.0
"""Terminals: console socket, foreground pty, resize, exec -t: PR-1, PR-2, DEV-11, engine-contract 1.7."""

import fcntl
import os
import signal
import stat
import struct
import termios

import pytest

import harness
import look
from look import Proc


def size_of(fd):
    rows, cols, _, _ = struct.unpack("4H", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))
    return rows, cols


def set_size(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", rows, cols, 0, 0))


@pytest.fixture
def tty_box(box):
    box.process["terminal"] = True
    return box


@pytest.fixture
def foreground(box):
    """foreground(*args) -> (Running, master): a nook on a terminal of its own, as under a shell."""
    masters = []

    def make(*args, rows=33, cols=99):
        master, slave = os.openpty()
        masters.append(master)
        set_size(master, rows, cols)
        run = box.nook.spawn(*args, stdin=slave, stdout=slave, stderr=slave, preexec=harness.take_tty)
        os.close(slave)
        return run, master

    yield make
    for m in masters:
        os.close(m)


# -- console socket ------------------------------------------------------------------------------------------------------
def test_pr1_console_socket(tty_box, console):
    tty_box.sh("tty; readlink /proc/self/fd/2; exec probe sleep").create("--console-socket", console.path)
    data, fds, n = console.receive()
    assert len(data) >= 1 and len(data) < 4096 and len(fds) == 1 and n == 1
    master = fds[0]
    assert os.isatty(master) or stat.S_ISCHR(os.fstat(master).st_mode)
    tty_box.start()
    text = harness.read_pty(master, b"/dev/pts/0\r\n/dev/pts/0")
    assert text.count(b"/dev/pts/0") == 2
    os.close(master)


def test_master_is_of_the_containers_devpts(tty_box, console):
    tty_box.sleep().create("--console-socket", console.path)
    master = console.master()
    assert os.fstat(master).st_dev == os.stat(tty_box.proc.root("/dev/pts/0").parent / "ptmx").st_dev
    os.close(master)


def test_dev11_console_is_the_pty(tty_box, console):
    tty_box.sh("stat -c '%F %t' /dev/console; echo to-console > /dev/console; exec probe sleep").up("--console-socket", console.path)
    master = console.master()
    text = harness.read_pty(master, b"to-console")
    assert b"character special file 88" in text  # major 136
    m = tty_box.proc.mount("/dev/console")
    assert m.fstype == "devpts" and m.root == "/0"
    os.close(master)


def test_pr1_stdio_and_session(tty_box, console):
    tty_box.sleep().up("--console-socket", console.path)
    master = console.master()
    p = tty_box.proc
    assert set(p.fds().values()) == {"/dev/pts/0"} and sorted(p.fds()) == [0, 1, 2]
    s = p.stat()
    assert s[2] == s[3] == str(p.pid), "leads its session"
    assert s[4] != "0", "has a controlling terminal"
    os.close(master)


def test_pr2_console_size(tty_box, console):
    tty_box.process["consoleSize"] = {"height": 17, "width": 71}
    tty_box.sh("stty size; exec probe sleep").create("--console-socket", console.path)
    master = console.master()
    assert size_of(master) == (17, 71), "set before the master is sent"
    tty_box.start()
    harness.read_pty(master, b"17 71")
    os.close(master)


def test_pr2_console_size_ignored_without_terminal(box):
    box.process["consoleSize"] = {"height": 17, "width": 71}
    assert box.sees("echo fine") == "fine\n"


def test_create_replaces_the_callers_stdio(tty_box, console):
    """engine-contract 1.4: stdout+stderr of create are read to EOF: the pty took over before create returns."""
    tty_box.sleep().write()
    r, w = os.pipe()
    run = tty_box.nook.spawn("create", "--bundle", tty_box.dir, "--console-socket", console.path, tty_box.id, stdout=w, stderr=w)
    os.close(w)
    assert run.wait().rc == 0
    assert os.read(r, 100) == b""
    os.close(r)
    os.close(console.master())


def test_terminal_owner_is_the_user(tty_box, console):
    tty_box.process["user"] = {"uid": 1000, "gid": 1000}
    tty_box.sh("echo x > /dev/pts/0; stat -c %u /dev/pts/0; exec probe sleep").up("--console-socket", console.path)
    master = console.master()
    harness.read_pty(master, b"x\r\n1000")
    os.close(master)



def test_terminal_without_socket_is_an_error(tty_box):
    tty_box.sleep().refuse("console")


def test_run_detached_terminal_without_socket_is_an_error(tty_box):
    tty_box.sleep().write()
    tty_box.nook("run", "--detach", "--bundle", tty_box.dir, tty_box.id).fails("console")
    tty_box.nothing_left()


def test_socket_without_terminal_is_an_error_or_ignored(box, console):
    """runc refuses it."""
    box.sleep().write()
    box.nook("create", "--bundle", box.dir, "--console-socket", console.path, box.id).fails("console")
    box.nothing_left()


@pytest.mark.parametrize("path", ["/no/such/socket", "/etc/passwd", "/tmp/" + "x" * 200])
def test_bad_console_socket(tty_box, path):
    tty_box.sleep().write()
    tty_box.nook("create", "--bundle", tty_box.dir, "--console-socket", path, tty_box.id).fails(path[:50])
    tty_box.nothing_left()


def test_relative_console_socket(tty_box, console, tmp):
    tty_box.sleep().create("--console-socket", os.path.basename(console.path), cwd=tmp)
    os.close(console.master())


def test_no_devpts_mount(tty_box, console):
    """Refused, or a working pty; never something else on /dev/console."""
    tty_box.unmount("/dev/pts")
    r = tty_box.sleep().try_create("--console-socket", console.path)
    if r.rc:
        r.fails()
        tty_box.nothing_left()


def test_readonly_root_with_terminal(tty_box, console):
    tty_box.config["root"]["readonly"] = True
    tty_box.sh("tty; exec probe sleep").up("--console-socket", console.path)
    master = console.master()
    harness.read_pty(master, b"/dev/pts/0")
    os.close(master)


def test_terminal_in_userns(tty_box, console):
    tty_box.userns().sh("tty; id -u; exec probe sleep").up("--console-socket", console.path)
    master = console.master()
    harness.read_pty(master, b"/dev/pts/0\r\n0")
    os.close(master)


# -- foreground ----------------------------------------------------------------------------------------------------------
def test_foreground_run(tty_box, foreground):
    tty_box.sh("tty; stty size; read x; echo got $x; exit 5").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    text = harness.read_pty(master, b"33 99")
    assert b"/dev/pts/0" in text
    os.write(master, b"word\n")
    harness.read_pty(master, b"got word")
    assert run.wait().rc == 5


def test_pr2_console_size_in_the_foreground(tty_box, foreground):
    """The first size that the program sees, whatever nook does meanwhile; the caller's comes with SIGWINCH."""
    tty_box.process["consoleSize"] = {"height": 17, "width": 71}
    tty_box.sh("stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.01; done").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    assert b"17 71" in harness.read_pty(master, b"ready")
    run.signal(signal.SIGWINCH)
    harness.read_pty(master, b"33 99")
    assert run.wait().rc == 3


def test_foreground_resize(tty_box, foreground):
    tty_box.sh("trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    harness.read_pty(master, b"ready")
    set_size(master, 44, 111)
    run.signal(signal.SIGWINCH)
    harness.read_pty(master, b"44 111")
    tty_box.nook("kill", tty_box.id, "KILL").silent()
    assert run.wait().rc == 137


def test_foreground_control_c(tty_box, foreground):
    """The outer terminal is raw: ^C goes through to the inner one, which makes SIGINT of it."""
    tty_box.sh("trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.01; done").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    harness.read_pty(master, b"ready")
    os.write(master, b"\x03")
    harness.read_pty(master, b"interrupted")
    assert run.wait().rc == 9


def test_foreground_restores_the_terminal(tty_box, foreground):
    tty_box.sh("echo ready; read x").write()
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    run = tty_box.nook.spawn("run", "--bundle", tty_box.dir, tty_box.id, stdin=slave, stdout=slave, stderr=slave, preexec=harness.take_tty)
    harness.read_pty(master, b"ready")
    assert termios.tcgetattr(slave) != before, "raw while it runs"
    os.write(master, b"x\n")
    assert run.wait().rc == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_foreground_large_output(tty_box, foreground):
    tty_box.sh("seq 1 20000; echo the-end").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    text = harness.read_pty(master, b"the-end")
    assert text.count(b"\n") >= 20000
    assert run.wait().rc == 0


def test_foreground_restores_on_failure(tty_box, foreground):
    """The run fails before the program: one line, the terminal as before."""
    tty_box.args("/no/such").write()
    run, master = foreground("run", "--bundle", tty_box.dir, tty_box.id)
    text = harness.read_pty(master, b"/no/such")
    assert run.wait().rc == 1 and text.count(b"\n") <= 1
    tty_box.nothing_left()


def test_foreground_stdin_is_no_terminal(tty_box):
    """A terminal for the container, pipes outside (podman run -t < file)."""
    tty_box.sh("tty; echo end").write()
    r = tty_box.nook("run", "--bundle", tty_box.dir, tty_box.id)
    assert r.rc == 0 and "/dev/pts/0" in r.out, r


# -- exec ------------------------------------------------------------------------------------------------------------------
def test_exec_t_foreground(box, foreground):
    box.sleep().up()
    run, master = foreground("exec", "-t", box.id, "sh", "-c", "tty; stty size; exit 6")
    text = harness.read_pty(master, b"33 99")
    assert b"/dev/pts/0" in text
    assert run.wait().rc == 6


@pytest.mark.parametrize("flag", ["-t", "--tty", "--tty=true", "-tty"])
def test_exec_t_console_socket(box, console, flag):
    box.sleep().up()
    box.nook("exec", flag, "--detach", "--console-socket", console.path, box.id, "sh", "-c", "tty; sleep 1000").silent()
    master = console.master()
    harness.read_pty(master, b"/dev/pts/0")
    os.close(master)


def test_exec_tty_false(box):
    box.sleep().up()
    assert box.exec("tty", flags=["--tty=false"]).out == "not a tty\n"


def test_exec_process_file_terminal_and_size(box, console, tmp):
    import json
    box.sleep().up()
    (tmp / "p.json").write_text(json.dumps({"terminal": True, "consoleSize": {"height": 12, "width": 34}, "cwd": "/", "env": [harness.PATH_ENV],
                                            "args": ["sh", "-c", "stty size; sleep 1000"], "user": {"uid": 0, "gid": 0}}))
    box.nook("exec", "--process", tmp / "p.json", "--detach", "--console-socket", console.path, box.id).silent()
    master = console.master()
    harness.read_pty(master, b"12 34")
    os.close(master)


def test_exec_detach_replaces_stdio(box, console):
    box.sleep().up()
    r, w = os.pipe()
    run = box.nook.spawn("exec", "-t", "--detach", "--console-socket", console.path, box.id, "sleep", "1000", stdout=w, stderr=w)
    os.close(w)
    assert run.wait().rc == 0 and os.read(r, 10) == b""
    os.close(r)
    os.close(console.master())


def test_exec_t_detach_without_socket(box):
    box.sleep().up()
    box.exec("true", flags=["-t", "-d"]).fails("console", rc=255)


# -- TIOCSTI (1f) ------------------------------------------------------------------------------------------------------------
def test_tiocsti_into_the_callers_terminal_fails(box, foreground):
    """terminal: false, fd 0 is the caller's tty: the container has a session of its own."""
    box.args("/bin/probe", "tiocsti").write()
    run, master = foreground("run", "--bundle", box.dir, box.id)
    text = harness.read_pty(master, b"-1 ")
    assert b"-1 " in text
    run.wait()


def test_exec_tiocsti_fails_too(box, foreground):
    box.sleep().up()
    run, master = foreground("exec", box.id, "/bin/probe", "tiocsti")
    harness.read_pty(master, b"-1 ")
    run.wait()
    assert Proc(box.pid).alive() and look.descendants() == [box.pid]
