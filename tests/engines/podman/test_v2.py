# SPDX-License-Identifier: Apache-2.0
"""podman on a host with cgroup v2 alone and AppArmor (tests/vm is one): limits as the container and podman see them,
delegation, devices, and profiles."""

import os
import shutil
import subprocess

import pytest

import engine
import look
from engine import scenario

podman = scenario("podman")
pytestmark = pytest.mark.skipif(not look.V2_ONLY, reason="not a host with cgroup v2 alone")
with_apparmor = pytest.mark.skipif(not os.path.isdir("/sys/kernel/security/apparmor") or not shutil.which("apparmor_parser"),
                                   reason="no AppArmor here, or no apparmor_parser")
CURRENT = "/proc/self/attr/apparmor/current"
CGROUP = "/sys/fs/cgroup"
PROFILE = "nook-engines-test"


# -- limits ----------------------------------------------------------------------------------------------------------
@podman
def test_limits(p):
    files = "memory.max memory.low memory.swap.max pids.max cpu.max cpuset.cpus cpuset.mems cgroup.controllers"
    p("run", "--rm", "--memory=64m", "--memory-swap=80m", "--memory-reservation=32m", "--pids-limit=33", "--cpus=0.5", "--cpuset-cpus=0",
      "--cpuset-mems=0", "img", "sh", "-c", f"cd {CGROUP}; grep . {files}; cat /proc/self/cgroup")


@podman
def test_limits_bite(p):
    p("run", "--rm", "--pids-limit=4", "img", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done 2>/dev/null; wait; echo end", show=False)
    p("run", "--name=c", "--memory=24m", "--memory-swap=24m", "img", "sh", "-c", "head -c 200000000 /dev/zero | tail >/dev/null; exit 7")
    p.inspect("c", "{{.State.Status}} {{.State.ExitCode}}")


@podman
def test_oom_is_known(p):
    p("run", "--name=c", "--memory=16m", "--memory-swap=16m", "img", "sh", "-c", "exec tail /dev/zero")
    p.inspect("c", "{{.State.ExitCode}} {{.State.OOMKilled}}")


@podman
def test_statistics(p):
    """From the v2 files of the container's cgroup."""
    p("run", "-d", "--name=c", "--memory=64m", "img", "sh", "-c", "sleep 1000 & sleep 1000 & wait")
    p.until("top", "c", "args", has="sleep")
    line = p("stats", "--no-stream", "--format={{.PIDs}} {{.MemLimit}} {{.MemUsageBytes}} {{.Name}}", "c", compare=False)
    p.note("pids, limit, name", [line.out.split()[i] for i in (0, -1)] + ["67.11MB" in line.out, line.code])
    used = look.wait_until(lambda: p("stats", "--no-stream", "--format={{.MemUsage}}", "c", compare=False).out.split(), what="stats")[0]
    p.note("memory is used", used != "0B")


@podman
def test_cgroup_namespace_and_mount(p):
    for mode in ("private", "host"):
        p("run", "--rm", f"--cgroupns={mode}", "img", "sh", "-c",
          f"grep -c ' {CGROUP} ' /proc/self/mountinfo; [ $(cat /proc/self/cgroup) = 0::/ ] && echo root; mkdir {CGROUP}/x 2>&1 | grep -o 'Read-only.*'")


@podman
def test_writable_for_systemd(p):
    """--systemd=always: the container's root may divide its cgroup."""
    p("run", "--rm", "--systemd=always", "img", "sh", "-c",
      f"cd {CGROUP} && mkdir init && echo $$ >init/cgroup.procs && cat /proc/self/cgroup && echo +pids >cgroup.subtree_control && cat cgroup.subtree_control")


@podman
def test_exec_beside_an_inner_init(p):
    p("run", "-d", "--name=c", "--systemd=always", "img", "sh", "-c",
      f"cd {CGROUP} && mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control && touch /ready; exec sleep 1000")
    p.until("exec", "c", "ls", "/ready", has="/ready")
    p("exec", "c", "cat", "/proc/self/cgroup")
    p("stop", "--time=0", "c")


@podman
def test_delegated_to_a_user_namespace(p):
    p("run", "--rm", "--systemd=always", "--uidmap=0:200000:5000", "--gidmap=0:200000:5000", "img", "sh", "-c",
      f"cd {CGROUP} && stat -c '%u %n' . cgroup.procs cgroup.subtree_control pids.max && mkdir init && echo $$ >init/cgroup.procs && cat /proc/self/cgroup")


@podman
def test_device_rules(p):
    see = "mknod /tmp/k c 1 11; (: </tmp/k) 2>/dev/null && echo read; (: >>/tmp/k) 2>/dev/null && echo written; echo x >/dev/null && echo null"
    p("run", "--rm", "--cap-add=mknod", "img", "sh", "-c", see)
    p("run", "--rm", "--cap-add=mknod", "--device-cgroup-rule=c 1:11 rm", "img", "sh", "-c", see)
    p("run", "--rm", "--privileged", "img", "sh", "-c", see)


@podman
def test_stop_and_remove_leave_no_cgroup(p):
    p("run", "-d", "--name=c", "img", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    p("kill", "c", show=False)
    p("rm", "--force", "--time=0", "c", show=False)
    p("ps", "-a", "--format={{.Names}}")


# -- profiles -----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module", name="profile")
def load_profile():
    text = f"profile {PROFILE} flags=(attach_disconnected,mediate_deleted) {{ file, capability, network, mount, umount, ptrace, signal, unix, deny /tmp/forbidden w, }}\n"
    subprocess.run(["apparmor_parser", "--skip-cache", "--replace"], input=text, text=True, check=True)
    yield PROFILE
    subprocess.run(["apparmor_parser", "--skip-cache", "--remove"], input=text, text=True, check=True)


@with_apparmor
@pytest.mark.parametrize("options", [[], ["--security-opt=no-new-privileges"], ["--user=app"], ["--privileged"], ["--security-opt=apparmor=unconfined"],
                                     ["--uidmap=0:200000:5000"]], ids=" ".join)
def test_default_profile(podman, options):
    """podman loads containers-default-VERSION itself, and names it in the config."""

    def run(p):
        p("run", "-d", "--name=c", *options, "img", "sleep", "1000")
        p("exec", "c", "cat", CURRENT)
        pid = p("inspect", "--format={{.State.Pid}}", "c", compare=False).out.strip()
        label = look.Proc(pid).text("attr/apparmor/current")
        p.note("seen from the host", label)
        confined = options in ([], ["--user=app"], ["--security-opt=no-new-privileges"], ["--uidmap=0:200000:5000"])
        assert label.startswith("containers-default-") == confined, label

    podman.compare(run)


@with_apparmor
def test_own_profile(podman, profile):
    def run(p):
        p("run", "--rm", f"--security-opt=apparmor={profile}", "img", "sh", "-c", f"cat {CURRENT}; touch /tmp/fine; touch /tmp/forbidden; ls /tmp")

    podman.compare(run)


@with_apparmor
def test_profile_that_is_not_loaded(podman):
    """podman looks itself; what it lets through, as `podman create` and a later removal, is the runtime's business."""

    def run(p):
        p("run", "--rm", "--name=c", "--security-opt=apparmor=nook-no-such-profile", "img", "true")

    podman.compare(run)


@with_apparmor
def test_profile_that_went_away(podman):
    text = f"profile {PROFILE}-brief {{ file, }}\n"
    parser = ["apparmor_parser", "--skip-cache"]

    def run(p):
        p("create", "--name=c", f"--security-opt=apparmor={PROFILE}-brief", "img", "true", show=False)

    def start(p):
        result = p("start", "--attach", "c", compare=False)
        p.note("failed", result.code != 0)
        p.want(result, out=f'"{PROFILE}-brief"', why="the message names the profile")

    subprocess.run([*parser, "--replace"], input=text, text=True, check=True)
    for side in podman.sides:
        run(side)
    subprocess.run([*parser, "--remove"], input=text, text=True, check=True)
    podman.compare(start)
    assert engine.state_of(podman.sides[0].work) == []
