# SPDX-License-Identifier: Apache-2.0
"""Namespaces made, joined, inherited; time offsets; hostname, domainname, sysctl: spec-checklist section 8, HN-*, SYS-1."""

import os
import socket

import pytest

import look
from look import Proc, wait_until

KINDS = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time",
         "user": "user"}
OPTIONS = {"ipc": "-i", "uts": "-u", "network": "-n", "cgroup": "-C", "mount": "-m", "user": "-U", "time": "-T",
           "pid": "-p"}


@pytest.fixture
def foreign(spawn):
    """foreign(kind) -> pid of a process with a namespace of its own of that kind."""

    def make(kind):
        fork = ["--fork", "--kill-child"] if kind in ("pid", "time") else []
        p = spawn("unshare", OPTIONS[kind], *fork, "sleep", "1000")
        children = Proc(p.pid).dir / "task" / str(p.pid) / "children"
        pid = int(wait_until(lambda: children.read_text().split())[0]) if fork else p.pid
        wait_until(lambda: Proc(pid).ns(KINDS[kind]) != Proc(os.getpid()).ns(KINDS[kind]))
        wait_until(lambda: Proc(pid).cmdline()[:1] == ["sleep"])
        if kind == "user":
            for name in ("uid_map", "gid_map"):
                (Proc(pid).dir / name).write_text("0 0 4294967295")
        return pid

    return make


def add(box, kind, path=None):
    if kind == "user":
        box.userns(0, 4294967295) if path is None else box.namespace("user", path)
    else:
        box.namespace(kind, path)
    return box


@pytest.mark.parametrize("kind", KINDS)
def test_ns5_new(box, kind):
    add(box, kind).sleep().up()
    assert box.proc.ns(KINDS[kind]) != Proc(os.getpid()).ns(KINDS[kind])


def test_ns1_all_eight_at_once(box):
    for kind in ("cgroup", "time"):
        box.namespace(kind)
    box.userns().sleep().up()
    for name in KINDS.values():
        assert box.proc.ns(name) != Proc(os.getpid()).ns(name), name


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "mount"])
def test_ns6_not_listed_is_inherited(box, kind):
    box.no_namespace(kind)
    if kind == "uts":
        del box.config["hostname"]
    if kind == "network":
        box.unmount("/sys")
    box.sleep().up()
    assert box.proc.ns(KINDS[kind]) == Proc(os.getpid()).ns(KINDS[kind])


def test_ns6_none_listed(box, nook):
    """No namespaces at all, not even mount: nothing may be left in the caller's namespace either."""
    box.linux.update(namespaces=[], maskedPaths=[], readonlyPaths=[])
    del box.config["hostname"]
    box.config["mounts"] = []
    nook.prefix = ["unshare", "-m", "--propagation", "private"]
    r = box.args("ls", "/").run()
    assert r.rc == 0 and "bin" in r.out.split(), r


@pytest.mark.parametrize("kind", ["ipc", "uts", "network", "cgroup", "user", "pid", "time"])
def test_ns3_joined(box, foreign, kind):
    pid = foreign(kind)
    path = f"/proc/{pid}/ns/{KINDS[kind]}"
    if kind == "uts":
        del box.config["hostname"]
    add(box, kind, path)
    if kind == "user":
        box.no_namespace("network").unmount("/sys")  # sysfs wants a netns that the userns owns; keep it simple
    box.sleep().up()
    assert box.proc.ns(KINDS[kind]) == Proc(pid).ns(KINDS[kind])
    others = {"mnt", "ipc", "uts"} - {KINDS[kind]}
    assert all(box.proc.ns(n) != Proc(os.getpid()).ns(n) for n in others)
    box.stop().delete()


def test_ns3_joined_pid_namespace_keeps_the_engine_as_parent(box, foreign):
    """Rule 4: init must be our (the subreaper's) child even when it joins a pid namespace."""
    pid = foreign("pid")
    box.namespace("pid", f"/proc/{pid}/ns/pid").sh("exit 9").create()
    init = box.pid
    assert Proc(init).stat()[1] == str(os.getpid())
    box.start()
    _, status = os.waitpid(init, 0)
    assert os.waitstatus_to_exitcode(status) == 9


def test_ns3_joined_mount_namespace(box, foreign, tmp):
    pid = foreign("mount")
    box.namespace("mount", f"/proc/{pid}/ns/mnt").sleep()
    r = box.try_create()
    assert r.rc == 0, r
    assert box.proc.ns("mnt") == Proc(pid).ns("mnt")


def test_ns3_path_by_bind_mount(box, foreign, tmp, host_mount):
    pid = foreign("network")
    (tmp / "net").touch()
    host_mount(f"/proc/{pid}/ns/net", tmp / "net", None, look.MS_BIND)
    box.namespace("network", tmp / "net").sleep().up()
    assert box.proc.ns("net") == Proc(pid).ns("net")


def test_ns3_two_containers_share(make_box):
    a, b = make_box(), make_box()
    a.sleep().up()
    for kind in ("ipc", "uts", "network"):
        b.namespace(kind, f"/proc/{a.pid}/ns/{KINDS[kind]}")
    del b.config["hostname"]
    b.sleep().up()
    assert [b.proc.ns(n) for n in ("ipc", "uts", "net")] == [a.proc.ns(n) for n in ("ipc", "uts", "net")]
    assert b.proc.ns("pid") != a.proc.ns("pid")


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("user",)])
def test_ns4_wrong_kind(box, kind):
    wrong = "net" if KINDS[kind] != "net" else "ipc"
    if kind == "uts":
        del box.config["hostname"]
    box.namespace(kind, f"/proc/self/ns/{wrong}")
    index = len(box.linux["namespaces"]) - 1
    box.refuse(pointers=[f"/linux/namespaces/{index}/path", f"/linux/namespaces/{index}"])


def test_ns4_fifo_as_path_does_not_hang(box, tmp):
    os.mkfifo(tmp / "f")
    box.namespace("ipc", tmp / "f").refuse()


def test_pid_namespace_init_is_1_and_has_its_own_proc(box):
    assert box.sees("echo $$; ls /proc | grep -c '^[0-9]'").split()[0] == "1"


def test_loopback_of_new_network_namespace(box):
    out = box.sees("ip link show")
    assert "lo:" in out and "eth" not in out


def test_hn1_hostname(box):
    box.config["hostname"] = "a-name"
    assert box.sees("uname -n") == "a-name\n"


@pytest.mark.parametrize("name", ["", "x" * 64])
def test_hn1_odd_hostnames(box, name):
    box.config["hostname"] = name
    r = box.sh("cat /proc/sys/kernel/hostname").run()
    assert r.rc == 0 and (not name or r.out == name + "\n"), r


def test_hn2_domainname(box):
    box.config["domainname"] = "example.org"
    assert box.sees("cat /proc/sys/kernel/domainname") == "example.org\n"


def test_hn_host_unchanged(box):
    before = socket.gethostname()
    box.config["hostname"] = "other"
    box.args("/bin/true").run().ok()
    assert socket.gethostname() == before


def test_sys1_sysctls(box):
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmni": "1234", "fs.mqueue.msg_max": "17",
                           "kernel.msgmax": "9000", "kernel.sem": "250 32000 100 200"}
    out = box.sees("cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmni fs/mqueue/msg_max kernel/msgmax kernel/sem")
    assert out.split() == ["1", "1234", "17", "9000", "250", "32000", "100", "200"]


def test_sys1_slash_spelling_and_dotted_interface(box):
    box.linux["sysctl"] = {"net/ipv4/conf/lo/forwarding": "1"}
    r = box.sh("cat /proc/sys/net/ipv4/conf/lo/forwarding").run()
    assert r.out == "1\n", r


def test_sys1_domainname(box):
    """kernel.domainname belongs to the UTS namespace."""
    box.linux["sysctl"] = {"kernel.domainname": "by.sysctl"}
    assert box.sees("cat /proc/sys/kernel/domainname") == "by.sysctl\n"


def test_sys1_host_unchanged(box):
    before = open("/proc/sys/kernel/shmmni").read()
    box.linux["sysctl"] = {"kernel.shmmni": "1234"}
    box.args("/bin/true").run().ok()
    assert open("/proc/sys/kernel/shmmni").read() == before


def test_sys1_applies_even_though_proc_sys_is_readonly(box):
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    box.linux["readonlyPaths"] = ["/proc/sys"]
    out = box.sees("cat /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/ip_forward || echo refused")
    assert "1" in out and "refused" in out


def test_sys1_without_proc_mount(box):
    """Through nook's own procfs handle."""
    box.unmount("/proc")
    box.linux.update(maskedPaths=[], readonlyPaths=[], sysctl={"net.ipv4.ip_forward": "1"})
    box.sleep().up()
    pid = box.pid
    out = os.popen(f"nsenter -t {pid} -n cat /proc/sys/net/ipv4/ip_forward").read()
    assert out == "1\n"


def test_time1_offsets(box):
    box.namespace("time")
    box.linux["timeOffsets"] = {"monotonic": {"secs": 5000}, "boottime": {"secs": 100000, "nanosecs": 5}}
    box.sleep().up()
    lines = [line.split() for line in box.proc.text("timens_offsets").splitlines()]
    assert ["monotonic", "5000", "0"] in lines and ["boottime", "100000", "5"] in lines


def test_cgroup_namespace_root_is_own_cgroup(box):
    """The cgroup namespace is unshared after the attach: /proc/self/cgroup shows / everywhere that matters."""
    box.namespace("cgroup")
    out = box.sees("cat /proc/self/cgroup")
    paths = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in out.splitlines()}
    for controller in ("pids", "memory", "devices"):
        if controller in paths:
            assert paths[controller] == "/", out
    assert box.id not in out


def test_session_and_group_leader(box):
    """TIOCSTI's answer: init leads a session of its own."""
    box.sleep().up()
    stat = box.proc.stat()
    assert stat[2] == stat[3] == str(box.pid)


def test_mount_namespace_is_required_for_pivot_only_by_need(box):
    """Propagation: nothing of the container's mounts shows in the host."""
    before = [(m.target, m.fstype) for m in look.mounts()]
    box.mount("/mnt", "tmpfs", "seen").sleep().up()
    assert [(m.target, m.fstype) for m in look.mounts()] == before
    assert box.proc.mount("/mnt").source == "seen"


def test_host_mountinfo_in_container_names_no_host_path(box, tmp):
    """2.12: after pivot_root nothing of the old root is mounted."""
    box.sleep().up()
    targets = [m.target for m in box.proc.mounts()]
    assert targets.count("/") == 1
    assert not [t for t in targets if t.startswith(str(tmp))]
    wait_until(lambda: box.status == "running")


@pytest.mark.parametrize("kind,key,value", [("network", "net.ipv4.ip_forward", "1"), ("ipc", "kernel.msgmax", "8192")])
def test_sysctl_of_a_joined_namespace_that_is_the_hosts(box, kind, key, value):
    """security.md 1e: joining the host's own namespace by path is no way to its sysctls."""
    path = "/proc/sys/" + key.replace(".", "/")
    before = open(path).read()
    add(box, kind, f"/proc/self/ns/{KINDS[kind]}")
    box.linux["sysctl"] = {key: value}
    box.write()
    r = box.nook("create", "--bundle", box.dir, box.id)
    assert r.rc == 1 and key in r.err and "/linux/sysctl" in r.err, r
    assert open(path).read() == before
