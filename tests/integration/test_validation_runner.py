# SPDX-License-Identifier: Apache-2.0
"""tests/oci-validation/run itself, on a made-up checkout: what it calls clean, what it cleans up, what it says when the host
is in its way. The programs are shell scripts, and so is the runtime."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

import look

RUN = Path(__file__).parents[1] / "oci-validation" / "run"
UNIFIED = Path("/sys/fs/cgroup/unified")


class Checkout:
    def __init__(self, tmp):
        self.dir, self.logs = tmp / "checkout", tmp / "logs"
        (self.dir / "validation").mkdir(parents=True)
        self.expected = tmp / "expected.tsv"
        self.expected.write_text("# test\tverdict\treason\n")
        self.runtime = self.script(tmp / "runtime", f'echo "$@" >>{tmp}/calls')
        self.calls = tmp / "calls"
        self.script(self.dir / "runtimetest", "")

    @staticmethod
    def script(path, text):
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)
        return path

    def add(self, name, text, expected="clean"):
        folder = self.dir / "validation" / name
        folder.mkdir()
        (folder / f"{name}.go").write_text("")
        self.script(folder / f"{name}.t", text)
        with self.expected.open("a") as file:
            file.write(f"{name}\t{expected}\t{'' if expected == 'clean' else 'because'}\n")

    def command(self, *args):
        return [RUN, "--runtime", self.runtime, "--expected", self.expected, "--logs", self.logs, *args, self.dir]

    def run(self, *args):
        """exit status, name -> verdict, everything printed"""
        done = subprocess.run(self.command(*args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90,
                              check=False)
        head = done.stdout.split("\n\n")[0]
        lines = [line for line in head.splitlines() if line and line[0] != " "]
        return done.returncode, dict(line.split(" [")[0].split(": ", 1) for line in lines), done.stdout


@pytest.fixture
def suite(tmp):
    return Checkout(tmp)


VERDICTS = {
    "good": ("echo 1..2; echo ok 1 - a; echo ok 2 - b", "clean"),
    "skipped": ("echo 'not ok 1 # SKIP no SELinux'; echo ok 2", "clean"),
    "bad_points": ("echo ok 1; echo not ok 2; echo not ok 3 - x", "not-ok:2,3"),
    "many_points": ("for i in 1 2 3 4 5 6 7 8 9; do echo not ok $i; done", "not-ok:9-points"),
    "status": ("echo ok 1; exit 3", "exit:3"),
    "by_signal": ("echo ok 1; kill -9 $$", "exit:137"),
    "silent": ("echo 1..0", "no-assertion"),
    "complains": ("echo 1..0; echo no >&2", "no-assertion+diagnostic"),
    "gives_up": ("echo ok 1; echo 'Bail out! no'", "bail-out"),
    "yaml": ("echo ok 1; echo '  not ok 2'", "clean"),
}


def test_verdicts(suite):
    for name, (text, verdict) in VERDICTS.items():
        suite.add(name, text, verdict)
    status, verdicts, text = suite.run()
    assert verdicts == {name: verdict for name, (_, verdict) in VERDICTS.items()}, text
    assert status == 0 and "3 of 10 clean" in text and "10 passed, 0 failed" in text, text


def test_timeout_ends_the_test(suite):
    suite.add("endless", "echo ok 1; sleep 1000", "timeout")
    assert suite.run("--timeout", "0.3")[:2] == (0, {"endless": "timeout"})


def test_differences_are_named(suite):
    suite.add("better", "echo ok 1", "not-ok:1")
    suite.add("worse", "echo not ok 1")
    with suite.expected.open("a") as file:
        file.write("gone\tclean\t\n")
    status, _, text = suite.run()
    assert status == 1 and "0 passed, 3 failed" in text, text
    assert "DIFFERENT better: expected not-ok:1, got clean (because)" in text, text
    assert "DIFFERENT worse: expected clean, got not-ok:1" in text, text
    assert "DIFFERENT gone: in the table of expected verdicts, but not in this checkout" in text, text


def test_what_a_test_leaves_is_ended(suite, tmp):
    suite.add("litters", f"setsid sleep 1000 & echo $! >{tmp}/pid; echo ok 1; mkdir $(dirname $RUNTIME)/state/box")
    status, verdicts, text = suite.run()
    assert (status, verdicts) == (0, {"litters": "clean"}), text
    assert "[left behind: 1 container, 1 process]" in text, text
    assert suite.calls.read_text().split()[-3:] == ["delete", "--force", "box"]
    assert not Path(f"/proc/{(tmp / 'pid').read_text().strip()}").exists()


def test_mounts_of_a_test_stay_its_own(suite, tmp):
    suite.add("mounts", f"mount -t tmpfs leak {tmp} && echo ok 1")
    assert suite.run()[:2] == (0, {"mounts": "clean"})
    assert not [m for m in look.mounts() if m.source == "leak"]


def test_stopped_runner_ends_the_test(suite, tmp):
    suite.add("endless", f"echo $$ >{tmp}/pid.new; mv {tmp}/pid.new {tmp}/pid; sleep 1000")
    with subprocess.Popen(suite.command(), stdout=subprocess.DEVNULL) as runner:
        look.wait_until((tmp / "pid").exists, what="the test's start")
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(20) == 2
    assert not Path(f"/proc/{(tmp / 'pid').read_text()}").exists()


# -- hugetlb, which the suite can only read from v1 --------------------------------------------------------------------
def hierarchy_of_hugetlb():
    for line in Path("/proc/cgroups").read_text().splitlines():
        if line.startswith("hugetlb\t"):
            return int(line.split("\t")[1])
    return None


@pytest.fixture
def hybrid():
    if not look.has_controller("hugetlb") or "hugetlb" in look.CGROUPS or not UNIFIED.is_dir():
        pytest.skip("the hugetlb controller is not on the v2 hierarchy of a hybrid layout here")


def test_hugetlb_is_lent_to_v1_and_comes_back(suite, hybrid, tmp):
    # Another mount namespace, as any other program of the host is in, must not see a new directory in the meantime.
    suite.add("linux_cgroups_hugetlb",
              f"test -e /sys/fs/cgroup/hugetlb/hugetlb.2MB.limit_in_bytes && test -e /sys/fs/cgroup/unified/cgroup.procs &&"
              f" test -e /sys/fs/cgroup/memory/cgroup.procs && mkdir /sys/fs/cgroup/hugetlb/cgrouptest &&"
              f" nsenter -t {os.getpid()} -m test ! -e /sys/fs/cgroup/hugetlb && echo ok 1")
    before = sorted(os.listdir("/sys/fs/cgroup"))
    status, verdicts, text = suite.run()
    assert (status, verdicts) == (0, {"linux_cgroups_hugetlb": "clean"}), text
    assert "[left behind: 1 cgroup]" in text, text
    look.wait_until(lambda: hierarchy_of_hugetlb() == 0, what="hugetlb back on v2")
    assert "hugetlb" in (UNIFIED / "cgroup.controllers").read_text().split()
    assert sorted(os.listdir("/sys/fs/cgroup")) == before


def test_hugetlb_in_use_is_said(suite, hybrid, tag):
    suite.add("linux_cgroups_hugetlb", "echo ok 1")
    (UNIFIED / "cgroup.subtree_control").write_text("+hugetlb")
    holder = UNIFIED / tag
    holder.mkdir()
    try:
        status, verdicts, text = suite.run("--hugetlb-wait", "0.3")
    finally:
        holder.rmdir()
    assert (status, verdicts) == (1, {"linux_cgroups_hugetlb": "not-run"}), text
    assert "Device or resource busy" in text and str(holder) in text, text
