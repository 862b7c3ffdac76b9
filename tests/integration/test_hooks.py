# SPDX-License-Identifier: Apache-2.0
"""Hooks: order, place, input, time limit, failure: spec-checklist section 5, engine-contract section 4."""

import json
import os
import time

import pytest

import harness
import look
from look import Proc, wait_until

CREATE_KINDS = ["prestart", "createRuntime", "createContainer"]
HOST_KINDS = [*CREATE_KINDS, "poststart", "poststop"]
KINDS = [*CREATE_KINDS, "startContainer", "poststart", "poststop"]


class Log:
    """Hooks write below one host directory, which is also mounted in the container for startContainer's."""

    def __init__(self, box, tmp):
        self.dir = tmp / "log"
        self.dir.mkdir()
        self.dir.chmod(0o777)
        box.mount(str(self.dir), "bind", self.dir, ["bind"])
        self.box = box

    def hook(self, kind, name, extra="", **more):
        """A hook that notes its turn, state, namespaces, then does something."""
        text = (f'd={self.dir}; echo {name} >> $d/order; cat > $d/{name}.stdin; '
                f'for n in mnt pid net uts ipc; do echo $n $(readlink /proc/self/ns/$n); done > $d/{name}.ns; '
                f'pwd > $d/{name}.cwd; {extra}')
        self.box.hook(kind, "/bin/sh", ["sh", "-c", text], **more)

    def order(self):
        p = self.dir / "order"
        return p.read_text().split() if p.exists() else []

    def stdin(self, name):
        return json.loads((self.dir / f"{name}.stdin").read_text())

    def ns(self, name):
        return dict(line.split() for line in (self.dir / f"{name}.ns").read_text().splitlines() if len(line.split()) == 2)


@pytest.fixture
def log(box, tmp):
    return Log(box, tmp)


@pytest.fixture
def all_hooks(box, log):
    for kind in KINDS:
        for n in (1, 2):
            log.hook(kind, f"{kind}{n}")
    return log


def test_hk1_lif4_to_10_order(box, all_hooks):
    box.sh(f"echo program >> {all_hooks.dir}/order; exec probe sleep").create()
    after_create = [f"{k}{n}" for k in CREATE_KINDS for n in (1, 2)]
    assert all_hooks.order() == after_create
    box.start()
    wait_until(lambda: "program" in all_hooks.order())
    order = all_hooks.order()
    assert order[:8] == after_create + ["startContainer1", "startContainer2"]
    assert [w for w in order if w.startswith("poststart")] == ["poststart1", "poststart2"]
    assert "poststop1" not in order
    box.stop()
    assert "poststop1" not in all_hooks.order()
    box.delete()
    assert all_hooks.order()[-2:] == ["poststop1", "poststop2"]


def test_hk2_hk10_stdin(box, all_hooks):
    box.config["annotations"] = {"org.example.k": "v"}
    box.sleep().create()
    pid = box.pid
    box.start().stop().delete()
    status = {"prestart": "created", "createRuntime": "created", "createContainer": "created", "startContainer": "created",
              "poststart": "running", "poststop": "stopped"}
    for kind in KINDS:
        s = all_hooks.stdin(kind + "1")
        assert s["status"] == status[kind], kind
        assert (s["id"], s["bundle"], s["annotations"]) == (box.id, str(box.dir), {"org.example.k": "v"}), kind
        assert s["ociVersion"].startswith("1.") and s["root"] == str(box.rootfs)
        if kind in ("prestart", "createRuntime", "poststart"):
            assert s["pid"] == pid, kind
        elif kind in ("createContainer", "startContainer"):
            assert s["pid"] == 1, "ST-5: the container's view"
        else:
            assert s.get("pid", 0) == 0


def test_hk6_to_9_namespaces(box, all_hooks):
    box.sleep().create()
    p = box.proc
    ctr = {n: p.ns(n) for n in ("mnt", "pid", "net", "uts", "ipc")}
    box.start().stop().delete()
    host = {n: Proc(os.getpid()).ns(n) for n in ("mnt", "pid", "net", "uts", "ipc")}
    for kind in ("prestart", "createRuntime", "poststart", "poststop"):
        assert all_hooks.ns(kind + "1") == host, kind
    for kind in ("createContainer", "startContainer"):
        got = all_hooks.ns(kind + "1")
        assert {n: got[n] for n in ("net", "uts", "ipc")} == {n: ctr[n] for n in ("net", "uts", "ipc")}, kind
        assert got["mnt"] == ctr["mnt"], kind


def test_hk6_before_pivot_root(box, log):
    """In createRuntime the namespaces exist and the process still has the host's root."""
    log.hook("createRuntime", "h", extra=(
        "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' $d/h.stdin); readlink /proc/$pid/ns/net > $d/net; "
        "ls -d /proc/$pid/root$d > $d/root 2>&1; cat /proc/$pid/cgroup > $d/cgroup; true"))
    box.sleep().create()
    assert (log.dir / "net").read_text().strip() == box.proc.ns("net")
    assert "No such" not in (log.dir / "root").read_text()
    assert box.id in (log.dir / "cgroup").read_text(), "the cgroup exists and init is in it"


def test_hk7_create_container_sees_host_paths_and_mounts(box, log):
    """Path of the runtime's root, run in the container's mount namespace, before pivot_root, with the mounts in place."""
    (box.rootfs / "marker").write_text("")
    box.mount("/mnt", "tmpfs", "early")
    log.hook("createContainer", "h", extra="cat /proc/self/mountinfo > $d/mi; ls / > $d/ls")
    box.sleep().create()
    targets = (log.dir / "mi").read_text()
    assert " - tmpfs early " in targets
    assert "marker" not in (log.dir / "ls").read_text().split()


def test_create_container_may_mount_into_the_rootfs(box, log, tmp):
    """What hooks are made for: a mount made by createContainer is there in the container."""
    (tmp / "extra").mkdir()
    (tmp / "extra/file").write_text("by hook")
    log.hook("createContainer", "h", extra=f"mount --bind {tmp}/extra {box.rootfs}/mnt")
    assert box.sees("cat /mnt/file") == "by hook"
    assert not [m for m in look.mounts() if m.target == str(box.rootfs / "mnt")]


def test_hk8_start_container_is_inside(box, log):
    harness.script(box.rootfs / "inside", f"cat > /dev/null; ls -di / > {log.dir}/root; readlink /proc/self/ns/pid > {log.dir}/pid\n")
    box.hook("startContainer", "/inside").sleep().create()
    assert not (log.dir / "root").exists()
    pidns = box.proc.ns("pid")
    box.start()
    assert (log.dir / "root").read_text().split()[0] == str(os.stat(box.rootfs).st_ino)
    assert (log.dir / "pid").read_text().strip() == pidns


def test_hk4_args_and_env(box, log):
    text = f"tr '\\0' '\\n' < /proc/self/environ > {log.dir}/env; tr '\\0' '\\n' < /proc/$$/cmdline > {log.dir}/cmd"
    box.hook("createRuntime", "/bin/sh", ["argv-zero", "-c", text, "last"], env=["ONLY=this", "PATH=/bin:/usr/bin"])
    box.sleep().create(env={"CALLERS": "x"})
    assert sorted((log.dir / "env").read_text().split()) == ["ONLY=this", "PATH=/bin:/usr/bin"]
    assert (log.dir / "cmd").read_text().splitlines()[0] == "argv-zero"
    assert (log.dir / "cmd").read_text().splitlines()[-1] == "last"


def test_hk4_no_args(box, log, tmp):
    path = harness.script(tmp / "hook", f"tr '\\0' '\\n' < /proc/$$/cmdline > {log.dir}/cmd\n")
    box.hook("createRuntime", path).sleep().create()
    assert (log.dir / "cmd").read_text().splitlines()[-1] == str(path)


def test_hk4_empty_env_is_empty(box, log):
    box.hook("createRuntime", "/bin/sh", ["sh", "-c", f"/usr/bin/tr '\\0' '\\n' < /proc/$$/environ > {log.dir}/env"], env=[])
    box.sleep().create(env={"CALLERS": "x"})
    assert "CALLERS" not in (log.dir / "env").read_text()


def test_cwd_is_the_bundle(box, log, tmp):
    for kind in HOST_KINDS:
        log.hook(kind, kind)
    box.sleep().create(cwd="/")
    box.start().stop().delete()
    for kind in HOST_KINDS:
        assert (log.dir / f"{kind}.cwd").read_text().strip() == str(box.dir), kind


def test_hook_that_does_not_read_stdin(box):
    """EPIPE is not an error."""
    box.config["annotations"] = {"big": "x" * 200000}
    for kind in HOST_KINDS:
        box.hook(kind, "/bin/true")
    box.sleep().up().stop().delete()


def test_hook_descriptors_are_clean(box, log):
    """2.30: only 0, 1 and 2."""
    for kind in HOST_KINDS:
        box.hook(kind, "/bin/sh", ["sh", "-c", f"ls /proc/$$/fd > {log.dir}/fds-{kind}"])
    r, w = os.pipe()
    box.sleep().create(pass_fds=(r, w))
    box.start().stop().delete()
    os.close(r)
    os.close(w)
    for kind in HOST_KINDS:
        assert set((log.dir / f"fds-{kind}").read_text().split()) <= {"0", "1", "2", "10", "255"}, kind


def test_hook_signals_are_clean(box, log):
    box.hook("createRuntime", "/bin/sh", ["sh", "-c", f"grep -E 'Sig(Blk|Ign)' /proc/self/status > {log.dir}/sig"]).sleep().create()
    assert all(int(line.split()[1], 16) == 0 for line in (log.dir / "sig").read_text().splitlines())


# -- failures ----------------------------------------------------------------------------------------------------------
FAIL = ["sh", "-c", "cat > /dev/null; echo on-out; echo on-err >&2; exit 3"]


@pytest.mark.parametrize("kind", CREATE_KINDS)
def test_lif5_failure_in_create(box, log, kind):
    """error running KIND hook #N: exit status 3, stdout: ..., stderr: ...; everything destroyed; then poststop."""
    log.hook(kind, "first")
    box.hook(kind, "/bin/sh", FAIL)
    log.hook(kind, "never")
    log.hook("poststop", "poststop")
    box.sleep().refuse(f"error running {kind} hook #1: exit status 3", "on-out", "on-err")
    assert log.order() == ["first", "poststop"]
    assert log.stdin("poststop")["status"] == "stopped"


def test_lif6_failure_of_start_container(box, log):
    box.sh(f"echo program >> {log.dir}/order").hook("startContainer", "/bin/sh", FAIL)
    log.hook("poststop", "poststop")
    box.create()
    r = box.nook("start", box.id).fails("startContainer hook #0")
    assert "exit status 3" in r.err
    wait_until(lambda: "poststop" in log.order())
    assert "program" not in log.order()
    box.nook("delete", "--force", box.id).silent()
    box.nothing_left()


def test_lif8_failure_of_poststart(box, log):
    """Since 1.3.0: kill, stop, poststop, and start fails."""
    box.sleep().hook("poststart", "/bin/sh", FAIL)
    log.hook("poststart", "never")
    log.hook("poststop", "poststop")
    box.create()
    pid = box.pid
    box.nook("start", box.id).fails("poststart hook #0", "exit status 3")
    assert log.order() == ["poststop"]
    wait_until(lambda: not Proc(pid).alive())
    box.nook("delete", "--force", box.id).silent()
    box.nothing_left()
    assert log.order() == ["poststop"], "not twice"


def test_lif10_failure_of_poststop(box, log):
    """Only a warning; the rest run; delete succeeds in silence."""
    box.sleep().hook("poststop", "/bin/sh", FAIL)
    log.hook("poststop", "second")
    box.up().stop().delete()
    assert log.order() == ["second"]
    box.nothing_left()


def test_poststop_runs_on_delete_force(box, log):
    log.hook("poststop", "poststop")
    box.sleep().up().delete("--force")
    assert log.order() == ["poststop"]


def test_poststop_after_destroy(box, log):
    """LIF-10: cgroup and process are gone when it runs."""
    log.hook("poststop", "poststop", extra=f"find /sys/fs/cgroup -name '*{box.id}*' -type d > $d/cg 2>/dev/null; true")
    box.sleep().up().stop().delete()
    assert (log.dir / "cg").read_text() == ""


def test_foreground_run_runs_all(box, all_hooks):
    box.sh(f"echo program >> {all_hooks.dir}/order").run().ok()
    order = all_hooks.order()
    assert sorted(order) == sorted([f"{k}{n}" for k in KINDS for n in (1, 2)] + ["program"])
    assert order[-2:] == ["poststop1", "poststop2"]


def test_run_with_failing_hook(box, log):
    log.hook("poststop", "poststop")
    box.hook("createRuntime", "/bin/sh", FAIL).args("/bin/true").refuse("createRuntime hook #0", verb="run")
    assert log.order() == ["poststop"]


@pytest.mark.parametrize("how,text", [("kill -KILL $$", "signal"), ("exit 255", "exit status 255")])
def test_other_ends_of_a_hook(box, how, text):
    box.sleep().hook("createRuntime", "/bin/sh", ["sh", "-c", how]).refuse("createRuntime hook #0", text)


def test_missing_hook_program(box):
    box.sleep().hook("createRuntime", "/no/such/hook").refuse("/no/such/hook")


def test_hook_program_not_executable(box, tmp):
    (tmp / "h").write_text("#!/bin/sh\n")
    box.sleep().hook("createRuntime", tmp / "h").refuse(str(tmp / "h"))


# -- time --------------------------------------------------------------------------------------------------------------
def test_hk5_timeout(box):
    begin = time.monotonic()
    box.sleep().hook("createRuntime", "/bin/sleep", ["sleep", "60"], timeout=1)
    r = box.refuse("createRuntime hook #0")
    assert "timeout" in r.err and time.monotonic() - begin < 5 * look.SCALE


def test_hk5_timeout_kills_what_holds_the_output(box):
    """A hook's grandchild that keeps stdout open does not hold create up beyond the limit."""
    begin = time.monotonic()
    box.sleep().hook("createRuntime", "/bin/sh", ["sh", "-c", "sleep 30 & exit 0"], timeout=1)
    r = box.try_create()
    assert time.monotonic() - begin < 6 * look.SCALE, r
    for pid in look.descendants():
        if Proc(pid).cmdline()[:1] == ["sleep"]:
            os.kill(pid, 9)


def test_hk5_quick_hook_with_timeout(box):
    begin = time.monotonic()
    box.sleep().hook("createRuntime", "/bin/true", timeout=50).create()
    assert time.monotonic() - begin < 3 * look.SCALE


def test_hook_output_is_bounded(box):
    """A talkative failing hook: still one record, bounded."""
    box.sleep().hook("createRuntime", "/bin/sh", ["sh", "-c", "yes line | head -c 3000000; exit 1"])
    r = box.refuse("createRuntime hook #0")
    assert len(r.err) < 100000


def test_successful_hooks_are_silent(box):
    for kind in HOST_KINDS:
        box.hook(kind, "/bin/sh", ["sh", "-c", "echo noise; echo noise >&2"])
    box.sleep().create()
    assert "noise" not in box.text()
    box.start().stop().delete()


def test_daemonising_hook_does_not_hold_the_callers_pipes(box):
    """Rule 5: a hook that leaves a daemon behind: create returns, the caller's stderr reaches EOF."""
    import subprocess
    box.args("/bin/true").hook("createRuntime", "/bin/sh", ["sh", "-c", "setsid sleep 30 > /dev/null 2>&1 < /dev/null & exit 0"]).write()
    p = subprocess.run(box.nook.command(["run", "--bundle", box.dir, box.id]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=10)
    assert p.returncode == 0
    for pid in look.descendants():
        if Proc(pid).cmdline()[:1] == ["sleep"]:
            os.kill(pid, 9)


def test_network_hook_sees_the_netns_by_pid(box, log):
    """Docker's libnetwork-setkey: opens /proc/PID/ns/net in prestart."""
    log.hook("prestart", "h", extra="pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' $d/h.stdin); "
                                    f"nsenter -t $pid -n {harness.BUSYBOX} ip link set lo up")
    out = box.sees("ip addr show lo")
    assert "UP" in out
