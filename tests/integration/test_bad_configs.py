# SPDX-License-Identifier: Apache-2.0
"""Every bad config is refused with rc 1, one line that names the JSON pointer, and nothing left behind: no state, cgroup,
mount or process. A row is (name, edits, pointers): edits are (pointer, value) pairs on the default config (... deletes);
the message must hold one of the pointers; without a third field it is that of the last edit (or its parent if deleted)."""

import json

import pytest

import harness
import look

NS = "/linux/namespaces"
RES = "/linux/resources"
SEC = "/linux/seccomp"
RULE = {"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO"}


def seccomp(**more):
    return {"defaultAction": "SCMP_ACT_ALLOW", **more}


def rule(**more):
    return seccomp(syscalls=[{**RULE, **more}])


def arg(**more):
    return rule(args=[{"index": 0, "value": 1, "op": "SCMP_CMP_EQ", **more}])


def mount(**more):
    return {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", **more}


def device(**more):
    d = {"path": "/dev/x", "type": "c", "major": 1, "minor": 3, **more}
    return {k: v for k, v in d.items() if v is not ...}


ONE_MAP = [{"containerID": 0, "hostID": 100000, "size": 10}]
MAX32, MAX64 = 2**32, 2**64


def one(pointer, value, *pointers, name=None):
    shown = json.dumps(value) if value is not ... else "missing"
    return (name or f"{pointer}={shown[:40]}", [(pointer, value)], pointers)


ROWS = [
    # versions
    one("/ociVersion", ..., 'member "ociVersion"'), one("/ociVersion", "invalid"), one("/ociVersion", ""), one("/ociVersion", 1),
    one("/ociVersion", "1.0"), one("/ociVersion", "01.0.0"), one("/ociVersion", "2.0.0"), one("/ociVersion", "0.9.0"),
    one("/ociVersion", "1.0.0-"), one("/ociVersion", None, "/ociVersion", 'member "ociVersion"'),
    # root
    one("/root", ...), one("/root", "rootfs"), one("/root/path", ...), one("/root/path", ""), one("/root/path", 1),
    one("/root/path", "missing"), one("/root/path", "config.json"), one("/root/path", "/no/such/dir"),
    one("/root/readonly", "yes"), one("/root/readonly", 1),
    # process
    one("/process", []), one("/process/cwd", ...), one("/process/cwd", ""), one("/process/cwd", "tmp"),
    one("/process/cwd", "./"), one("/process/cwd", 3),
    one("/process/args", ...), one("/process/args", []), one("/process/args", "sh"), one("/process/args", [1], "/process/args/0"),
    one("/process/args", ["a\0b"], "/process/args/0"), one("/process/args", None),
    one("/process/env", "A=1"), one("/process/env", [1], "/process/env/0"),
    one("/process/env", ["A=1", "B=\0"], "/process/env/1"), one("/process/env", {"A": "1"}),
    one("/process/terminal", 1), one("/process/terminal", "true"),
    one("/process/consoleSize", {"height": -1, "width": 5}, "/process/consoleSize/height"),
    one("/process/consoleSize", {"height": 5, "width": "x"}, "/process/consoleSize/width"),
    one("/process/noNewPrivileges", "no"), one("/process/oomScoreAdj", 1001), one("/process/oomScoreAdj", -1001),
    one("/process/oomScoreAdj", "1"), one("/process/oomScoreAdj", 1.5),
    # user
    one("/process/user", 0), one("/process/user/uid", -1), one("/process/user/uid", MAX32 - 1), one("/process/user/uid", MAX32),
    one("/process/user/uid", "0"), one("/process/user/uid", 1.5), one("/process/user/uid", MAX64),
    one("/process/user/gid", -1), one("/process/user/gid", MAX32 - 1), one("/process/user/gid", MAX32),
    one("/process/user/gid", True), one("/process/user/umask", -1), one("/process/user/umask", 0o10000),
    one("/process/user/umask", "022"), one("/process/user/additionalGids", 5),
    one("/process/user/additionalGids", [-1], "/process/user/additionalGids/0"),
    one("/process/user/additionalGids", [1, MAX32 - 1], "/process/user/additionalGids/1"),
    one("/process/user/additionalGids", [MAX32], "/process/user/additionalGids/0"),
    # capabilities
    one("/process/capabilities", []), one("/process/capabilities/effective", "CAP_KILL"),
    one("/process/capabilities/bounding", [1], "/process/capabilities/bounding/0"),
    # rlimits
    one("/process/rlimits", {}),
    one("/process/rlimits/0/type", "RLIMIT_TEST"), one("/process/rlimits/0/type", "NOFILE"), one("/process/rlimits/0/type", ...),
    one("/process/rlimits/0/type", ""), one("/process/rlimits/0/hard", -1), one("/process/rlimits/0/hard", MAX64),
    one("/process/rlimits/0/soft", "1"), one("/process/rlimits/0/soft", 2000, "/process/rlimits/0", "/process/rlimits/0/soft"),
    one("/process/rlimits/0/hard", ...), one("/process/rlimits/0/soft", ...),
    one("/process/rlimits/1", {"type": "RLIMIT_NOFILE", "hard": 5, "soft": 5}, "/process/rlimits/1", "/process/rlimits/1/type"),
    # scheduler and friends: bad values are errors whether nook applies them or not
    one("/process/scheduler", {"policy": "SCHED_BOGUS"}, "/process/scheduler/policy", "/process/scheduler"),
    one("/process/scheduler", {}, "/process/scheduler", "/process/scheduler/policy"),
    one("/process/ioPriority", {"class": "IOPRIO_CLASS_X", "priority": 1}, "/process/ioPriority/class", "/process/ioPriority"),
    one("/process/ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}, "/process/ioPriority/priority", "/process/ioPriority"),
    one("/process/execCPUAffinity", {"final": "x"}, "/process/execCPUAffinity/final", "/process/execCPUAffinity"),
    one("/process/apparmorProfile", "no-such-profile"), one("/process/selinuxLabel", "a:b:c:s0"),
    # names
    one("/hostname", 5), one("/hostname", "x" * 65), one("/hostname", "a\0b"), one("/domainname", "x" * 65),
    ("hostname without a UTS namespace", [(f"{NS}/3", ...)], ["/hostname"]),
    ("domainname without a UTS namespace", [(f"{NS}/3", ...), ("/hostname", ...), ("/domainname", "d")], ["/domainname"]),
    # mounts
    one("/mounts", {}), one("/mounts/0", "proc"), one("/mounts/0/destination", ...), one("/mounts/0/destination", ""),
    one("/mounts/0/destination", 1), one("/mounts/0/type", 1), one("/mounts/0/source", []),
    one("/mounts/0/options", "ro"), one("/mounts/0/options", [1], "/mounts/0/options/0"),
    one("/mounts/6", mount(type="no_such_filesystem"), "/mounts/6", "/mounts/6/type"),
    one("/mounts/6", mount(options=["no_such_option=1"]), "/mounts/6", "/mounts/6/options", "/mounts/6/options/0"),
    one("/mounts/6", mount(options=["size=banana"]), "/mounts/6", "/mounts/6/options", "/mounts/6/options/0"),
    one("/mounts/6", mount(destination="/mnt\0x"), "/mounts/6/destination"),
    one("/mounts/6", mount(options=["a\0b"]), "/mounts/6/options/0"),
    one("/mounts/6", mount(type="bind", source="/no/such", options=["bind"]), "/mounts/6", "/mounts/6/source"),
    one("/mounts/6", {"destination": "/mnt", "options": ["bind"]}, "/mounts/6", "/mounts/6/source"),
    one("/mounts/6", mount(source="x" * 70000, options=["bind"]), "/mounts/6", "/mounts/6/source"),
    one("/mounts/6", mount(destination="/" + "d/" * 40000), "/mounts/6", "/mounts/6/destination"),
    one("/mounts/6", mount(uidMappings=ONE_MAP), "/mounts/6", "/mounts/6/uidMappings", "/mounts/6/gidMappings"),
    one("/mounts/6", mount(gidMappings=ONE_MAP), "/mounts/6", "/mounts/6/uidMappings", "/mounts/6/gidMappings"),
    one("/mounts/6", mount(options=["idmap"]), "/mounts/6", "/mounts/6/options", "/mounts/6/options/0"),
    one("/mounts/6", mount(type="sysctlfs"), "/mounts/6", "/mounts/6/type"),
    one("/mounts/6", mount(destination="/proc/self/exe", type="tmpfs"), "/mounts/6", "/mounts/6/destination"),
    one("/mounts/6", mount(destination="/proc/sys/kernel", type="tmpfs"), "/mounts/6", "/mounts/6/destination"),
    # hooks
    one("/hooks", []), one("/hooks", {"prestart": {}}, "/hooks/prestart"),
    one("/hooks", {"prestart": [{}]}, "/hooks/prestart/0", "/hooks/prestart/0/path"),
    one("/hooks", {"poststart": [{"path": "bin/true"}]}, "/hooks/poststart/0/path"),
    one("/hooks", {"poststop": [{"path": ""}]}, "/hooks/poststop/0/path"),
    one("/hooks", {"createRuntime": [{"path": "/bin/true", "timeout": 0}]}, "/hooks/createRuntime/0/timeout"),
    one("/hooks", {"createContainer": [{"path": "/bin/true", "timeout": -1}]}, "/hooks/createContainer/0/timeout"),
    one("/hooks", {"startContainer": [{"path": "/bin/true", "timeout": "1"}]}, "/hooks/startContainer/0/timeout"),
    one("/hooks", {"startContainer": [{"path": "/bin/true", "args": "x"}]}, "/hooks/startContainer/0/args"),
    one("/hooks", {"prestart": [{"path": "/bin/true", "env": [1]}]}, "/hooks/prestart/0/env/0"),
    one("/hooks", {"createRuntime": [{"path": "/no/such/hook"}]}, "/hooks/createRuntime/0", "/hooks/createRuntime/0/path"),
    # annotations
    one("/annotations", []), one("/annotations", {"k": 1}, "/annotations/k"), one("/annotations", {"": "x"}, "/annotations/", "/annotations"),
    one("/annotations", {"k": None}, "/annotations/k"),
    # namespaces
    one("/linux", "x"), one(NS, {}), one(f"{NS}/0", {}, f"{NS}/0", f"{NS}/0/type"), one(f"{NS}/0/type", "foo"),
    one(f"{NS}/0/type", ""), one(f"{NS}/0/type", 1), one(f"{NS}/5", {"type": "pid"}, f"{NS}/5", f"{NS}/5/type"),
    one(f"{NS}/0/path", "proc/1/ns/pid"), one(f"{NS}/0/path", "/no/such/ns"), one(f"{NS}/0/path", "/proc/self/ns/net"),
    one(f"{NS}/1/path", "/proc/self/ns/ipc"), one(f"{NS}/2/path", "/proc/self/ns/uts"), one(f"{NS}/3/path", "/proc/self/ns/mnt"),
    one(f"{NS}/4/path", "/proc/self/ns/user"), one(f"{NS}/2/path", "/etc/passwd"), one(f"{NS}/2/path", "/dev/null"),
    one(f"{NS}/2/path", "/"), one(f"{NS}/1/path", 7),
    ("user namespace path of another kind", [(f"{NS}/5", {"type": "user", "path": "/proc/self/ns/net"})], [f"{NS}/5", f"{NS}/5/path"]),
    # id maps
    ("uidMappings without a user namespace", [("/linux/uidMappings", ONE_MAP), ("/linux/gidMappings", ONE_MAP)], ["/linux/uidMappings", "/linux/gidMappings"]),
    ("user namespace path and mappings", [(f"{NS}/5", {"type": "user", "path": "/proc/self/ns/user"}), ("/linux/uidMappings", ONE_MAP)],
     ["/linux/uidMappings", f"{NS}/5", f"{NS}/5/path"]),
    ("mapping of size 0", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", [{"containerID": 0, "hostID": 1, "size": 0}])],
     ["/linux/uidMappings/0/size", "/linux/uidMappings/0", "/linux/uidMappings"]),
    ("mapping beyond 32 bits", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", [{"containerID": 0, "hostID": MAX32, "size": 1}])],
     ["/linux/uidMappings/0/hostID"]),
    ("mapping that wraps", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", [{"containerID": 0, "hostID": MAX32 - 5, "size": 10}])],
     ["/linux/uidMappings/0", "/linux/uidMappings/0/size", "/linux/uidMappings/0/hostID", "/linux/uidMappings"]),
    ("overlapping mappings", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", ONE_MAP + [{"containerID": 5, "hostID": 200000, "size": 10}])],
     ["/linux/uidMappings", "/linux/uidMappings/1", "/linux/uidMappings/1/containerID"]),
    ("341 mappings", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", [{"containerID": i, "hostID": 100000 + i, "size": 1} for i in range(341)])],
     ["/linux/uidMappings", "/linux/uidMappings/340"]),
    ("100000 mappings", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", [{"containerID": i, "hostID": 100000 + i, "size": 1} for i in range(100000)])],
     ["/linux/uidMappings", "/linux/uidMappings/340"]),
    ("uid not mapped", [(f"{NS}/5", {"type": "user"}), ("/linux/gidMappings", ONE_MAP), ("/linux/uidMappings", ONE_MAP), ("/process/user/uid", 1000)],
     ["/process/user/uid", "/process/user", "/linux/uidMappings"]),
    ("user namespace without mappings", [(f"{NS}/5", {"type": "user"})], ["/linux/uidMappings", f"{NS}/5", "/process/user/uid", "/linux/gidMappings"]),
    # time
    ("timeOffsets without a time namespace", [("/linux/timeOffsets", {"monotonic": {"secs": 1}})], ["/linux/timeOffsets"]),
    ("timeOffsets of a bad clock", [(f"{NS}/5", {"type": "time"}), ("/linux/timeOffsets", {"realtime": {"secs": 1}})], ["/linux/timeOffsets", "/linux/timeOffsets/realtime"]),
    ("timeOffsets nanosecs too large", [(f"{NS}/5", {"type": "time"}), ("/linux/timeOffsets", {"monotonic": {"nanosecs": 10**9}})],
     ["/linux/timeOffsets/monotonic/nanosecs", "/linux/timeOffsets/monotonic", "/linux/timeOffsets"]),
    # devices
    one("/linux/devices", {}), one("/linux/devices", [device(type="x")], "/linux/devices/0/type"),
    one("/linux/devices", [device(type=...)], "/linux/devices/0", "/linux/devices/0/type"),
    one("/linux/devices", [device(path=...)], "/linux/devices/0", "/linux/devices/0/path"),
    one("/linux/devices", [device(path="dev/x")], "/linux/devices/0/path"),
    one("/linux/devices", [device(major=...)], "/linux/devices/0", "/linux/devices/0/major"),
    one("/linux/devices", [device(minor=...)], "/linux/devices/0", "/linux/devices/0/minor"),
    one("/linux/devices", [device(major="1")], "/linux/devices/0/major"), one("/linux/devices", [device(major=-1)], "/linux/devices/0/major"),
    one("/linux/devices", [device(fileMode=0o10000)], "/linux/devices/0/fileMode"), one("/linux/devices", [device(fileMode=-1)], "/linux/devices/0/fileMode"),
    one("/linux/devices", [device(uid=MAX32)], "/linux/devices/0/uid"), one("/linux/devices", [device(gid=-1)], "/linux/devices/0/gid"),
    one("/linux/devices", [device(path="/etc/passwd")], "/linux/devices/0", "/linux/devices/0/path"),
    # cgroups
    one("/linux/cgroupsPath", 1), one("/linux/cgroupsPath", "../../x"), one("/linux/cgroupsPath", "/a/../../x"),
    one(f"{RES}/devices", {}), one(f"{RES}/devices", [{"access": "r"}], f"{RES}/devices/0", f"{RES}/devices/0/allow"),
    one(f"{RES}/devices", [{"allow": True, "type": "z"}], f"{RES}/devices/0/type"),
    one(f"{RES}/devices", [{"allow": True, "access": "rx"}], f"{RES}/devices/0/access"),
    one(f"{RES}/devices", [{"allow": "yes"}], f"{RES}/devices/0/allow"),
    one(f"{RES}/devices", [{"allow": True, "type": "c", "major": "1"}], f"{RES}/devices/0/major"),
    one(f"{RES}/memory", {"limit": "1"}, f"{RES}/memory/limit"), one(f"{RES}/memory", {"limit": 2**63}, f"{RES}/memory/limit"),
    one(f"{RES}/memory", {"limit": 4 << 20, "swap": 1 << 20}, f"{RES}/memory/swap", f"{RES}/memory"),
    one(f"{RES}/memory", {"swappiness": 101}, f"{RES}/memory/swappiness"), one(f"{RES}/memory", {"swappiness": -1}, f"{RES}/memory/swappiness"),
    one(f"{RES}/memory", {"disableOOMKiller": 1}, f"{RES}/memory/disableOOMKiller"), one(f"{RES}/memory", 7),
    one(f"{RES}/cpu", {"shares": -1}, f"{RES}/cpu/shares"), one(f"{RES}/cpu", {"quota": "x"}, f"{RES}/cpu/quota"),
    one(f"{RES}/cpu", {"quota": 1}, f"{RES}/cpu/quota", f"{RES}/cpu"), one(f"{RES}/cpu", {"period": 1}, f"{RES}/cpu/period", f"{RES}/cpu"),
    one(f"{RES}/cpu", {"cpus": "4096"}, f"{RES}/cpu/cpus"), one(f"{RES}/cpu", {"cpus": "a-b"}, f"{RES}/cpu/cpus"),
    one(f"{RES}/cpu", {"mems": "77"}, f"{RES}/cpu/mems"), one(f"{RES}/cpu", {"idle": 2}, f"{RES}/cpu/idle"),
    one(f"{RES}/pids", {"limit": "9"}, f"{RES}/pids/limit"), one(f"{RES}/pids", {"limit": 2**64}, f"{RES}/pids/limit"),
    one(f"{RES}/hugepageLimits", [{"pageSize": "3MB", "limit": 1}], f"{RES}/hugepageLimits/0/pageSize", f"{RES}/hugepageLimits/0"),
    one(f"{RES}/hugepageLimits", [{"pageSize": "../../x", "limit": 1}], f"{RES}/hugepageLimits/0/pageSize"),
    one(f"{RES}/hugepageLimits", [{"limit": 1}], f"{RES}/hugepageLimits/0", f"{RES}/hugepageLimits/0/pageSize"),
    one(f"{RES}/hugepageLimits", [{"pageSize": "2MB", "limit": -1}], f"{RES}/hugepageLimits/0/limit"),
    one(f"{RES}/blockIO", {"weight": 70000}, f"{RES}/blockIO", f"{RES}/blockIO/weight"),
    one(f"{RES}/blockIO", {"weightDevice": [{"major": 8, "minor": 0}]}, f"{RES}/blockIO", f"{RES}/blockIO/weightDevice", f"{RES}/blockIO/weightDevice/0"),
    one(f"{RES}/network", {"classID": -1}, f"{RES}/network", f"{RES}/network/classID"),
    one(f"{RES}/rdma", {"mlx5_0": {}}, f"{RES}/rdma", f"{RES}/rdma/mlx5_0"),
    one(f"{RES}/unified", {"foo.max": "1"}, f"{RES}/unified", f"{RES}/unified/foo.max"),
    one(f"{RES}/unified", {"../cgroup.procs": "1"}, f"{RES}/unified", f"{RES}/unified/..~1cgroup.procs", f"{RES}/unified/../cgroup.procs"),
    # intelRdt, personality, memoryPolicy, netDevices: impossible here or bad
    one("/linux/intelRdt", {"closID": ".."}, "/linux/intelRdt", "/linux/intelRdt/closID"),
    one("/linux/intelRdt", {"l3CacheSchema": "L3:0=1"}, "/linux/intelRdt", "/linux/intelRdt/l3CacheSchema"),
    one("/linux/personality", {"domain": "WINDOWS"}, "/linux/personality", "/linux/personality/domain"),
    one("/linux/personality", {"domain": "LINUX", "flags": ["X"]}, "/linux/personality", "/linux/personality/flags", "/linux/personality/flags/0"),
    one("/linux/memoryPolicy", {"mode": "MPOL_X"}, "/linux/memoryPolicy", "/linux/memoryPolicy/mode"),
    one("/linux/netDevices", {"no_such_if": {}}, "/linux/netDevices", "/linux/netDevices/no_such_if"),
    # sysctl
    one("/linux/sysctl", []), one("/linux/sysctl", {"net.ipv4.ip_forward": 1}, "/linux/sysctl/net.ipv4.ip_forward"),
    one("/linux/sysctl", {"kernel.core_pattern": "core"}, "/linux/sysctl/kernel.core_pattern"),
    one("/linux/sysctl", {"kernel.hostname": "x"}, "/linux/sysctl/kernel.hostname"),
    one("/linux/sysctl", {"vm.swappiness": "60"}, "/linux/sysctl/vm.swappiness"),
    one("/linux/sysctl", {"net.no.such": "1"}, "/linux/sysctl/net.no.such"),
    one("/linux/sysctl", {"kernel.shmmax\n": "1"}, "/linux/sysctl", "/linux/sysctl/kernel.shmmax"),
    one("/linux/sysctl", {"net/../kernel/core_pattern": "core"}, "/linux/sysctl", "/linux/sysctl/net~1..~1kernel~1core_pattern"),
    one("/linux/sysctl", {"net.ipv4.../kernel": "1"}, "/linux/sysctl", "/linux/sysctl/net.ipv4...~1kernel"),
    one("/linux/sysctl", {"": "1"}, "/linux/sysctl", "/linux/sysctl/"),
    ("net sysctl without a network namespace", [(f"{NS}/1", ...), ("/linux/sysctl", {"net.ipv4.ip_forward": "0"})], ["/linux/sysctl/net.ipv4.ip_forward"]),
    ("ipc sysctl without an IPC namespace", [(f"{NS}/2", ...), ("/linux/sysctl", {"kernel.shmmni": "4096"})], ["/linux/sysctl/kernel.shmmni"]),
    # paths
    one("/linux/rootfsPropagation", "sideways"), one("/linux/rootfsPropagation", 1),
    one("/linux/maskedPaths", ["x"], "/linux/maskedPaths/0"), one("/linux/maskedPaths", "/proc/kcore"),
    one("/linux/maskedPaths", [1], "/linux/maskedPaths/0"), one("/linux/maskedPaths", [""], "/linux/maskedPaths/0"),
    one("/linux/readonlyPaths", ["/proc/sys", "x"], "/linux/readonlyPaths/1"), one("/linux/readonlyPaths", {}),
    # seccomp
    one(SEC, {}, SEC, f"{SEC}/defaultAction"), one(SEC, {"defaultAction": "SCMP_ACT_FOO"}, f"{SEC}/defaultAction"),
    one(SEC, seccomp(defaultErrnoRet=5), f"{SEC}/defaultErrnoRet"),
    one(SEC, {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000}, f"{SEC}/defaultErrnoRet"),
    one(SEC, seccomp(architectures=["SCMP_ARCH_VAX"]), f"{SEC}/architectures/0"), one(SEC, seccomp(architectures="X86"), f"{SEC}/architectures"),
    one(SEC, seccomp(flags=["SECCOMP_FILTER_FLAG_BOGUS"]), f"{SEC}/flags/0"),
    one(SEC, seccomp(syscalls={}), f"{SEC}/syscalls"), one(SEC, rule(names=[]), f"{SEC}/syscalls/0/names"),
    one(SEC, seccomp(syscalls=[{"action": "SCMP_ACT_ALLOW"}]), f"{SEC}/syscalls/0", f"{SEC}/syscalls/0/names"),
    one(SEC, rule(names=[1]), f"{SEC}/syscalls/0/names/0"), one(SEC, rule(action="ALLOW"), f"{SEC}/syscalls/0/action"),
    one(SEC, seccomp(syscalls=[{"names": ["read"]}]), f"{SEC}/syscalls/0", f"{SEC}/syscalls/0/action"),
    one(SEC, rule(action="SCMP_ACT_ALLOW", errnoRet=1), f"{SEC}/syscalls/0/errnoRet"), one(SEC, rule(errnoRet=-1), f"{SEC}/syscalls/0/errnoRet"),
    one(SEC, arg(index=6), f"{SEC}/syscalls/0/args/0/index"), one(SEC, arg(index=-1), f"{SEC}/syscalls/0/args/0/index"),
    one(SEC, arg(op="SCMP_CMP_XX"), f"{SEC}/syscalls/0/args/0/op"), one(SEC, arg(value=-1), f"{SEC}/syscalls/0/args/0/value"),
    one(SEC, arg(value=MAX64), f"{SEC}/syscalls/0/args/0/value"), one(SEC, arg(value="1"), f"{SEC}/syscalls/0/args/0/value"),
    one(SEC, seccomp(listenerMetadata="x"), f"{SEC}/listenerMetadata"),
    one(SEC, {"defaultAction": "SCMP_ACT_NOTIFY"}, SEC, f"{SEC}/defaultAction", f"{SEC}/listenerPath"),
    one(SEC, rule(action="SCMP_ACT_NOTIFY"), f"{SEC}/syscalls/0/action", f"{SEC}/syscalls/0", f"{SEC}/listenerPath", SEC),
]


def names_of(rows):
    seen = {}
    for row in rows:
        seen[row[0]] = seen.get(row[0], 0) + 1
        yield row[0] + (f" #{seen[row[0]]}" if seen[row[0]] > 1 else "")


@pytest.mark.parametrize("row", ROWS, ids=[n.replace("/", ".").encode("unicode_escape").decode() for n in names_of(ROWS)])
def test_bad_config(box, row):
    _, edits, pointers = row
    for pointer, value in edits:
        harness.set_pointer(box.config, pointer, value)
    pointer, value = edits[-1]
    if not pointers:
        # the path of a namespace may be told by the namespace's own pointer
        pointers = [pointer, pointer.removesuffix("/path")] if value is not ... else [pointer, pointer.rpartition("/")[0] or pointer]
    box.refuse(pointers=pointers)


def test_the_table_is_large_enough():
    assert len(ROWS) >= 130


@pytest.mark.parametrize("depth", [100, 100000])
def test_deep_nesting(box, depth):
    box.write('{"ociVersion":"1.3.0","x":' + "[" * depth + "]" * depth + "}")
    box.config = None
    r = box.try_create()
    r.fails()
    box.nothing_left()


def test_huge_file(box):
    box.write(b'{"ociVersion":"1.3.0","x":"' + b"a" * (64 << 20) + b'"}')
    box.config = None
    box.refuse()


@pytest.mark.parametrize("kind", ["fifo", "directory", "dangling"])
def test_config_is_not_a_file(box, kind):
    import os
    path = box.dir / "config.json"
    {"fifo": os.mkfifo, "directory": os.mkdir, "dangling": lambda p: os.symlink("/no/such", p)}[kind](path)
    box.config = None
    box.refuse("config.json")


# -- in scope later: a known member that nook does not apply yet is refused by name, or it is applied -------------------
def applied_personality(box):
    return int(box.proc.text("personality"), 16) & 0xFF == 8


LATER = {
    "personality": ("/linux/personality", {"domain": "LINUX32"}, applied_personality),
    "scheduler": ("/process/scheduler", {"policy": "SCHED_BATCH", "nice": 5}, lambda b: b.proc.stat()[38] == "3"),
    "ioPriority": ("/process/ioPriority", {"class": "IOPRIO_CLASS_IDLE", "priority": 0},
                   lambda b: "idle" in __import__("subprocess").check_output(["ionice", "-p", str(b.pid)], text=True)),
    "memoryPolicy": ("/linux/memoryPolicy", {"mode": "MPOL_BIND", "nodes": "0"},
                     lambda b: "bind" in b.proc.text("numa_maps")),
    "blockIO": (f"{RES}/blockIO", {"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1048576}]},
                lambda b: "254:0 1048576" in (b.cg("blkio") / "blkio.throttle.read_bps_device").read_text()),
    "network": (f"{RES}/network", {"classID": 5}, lambda b: (b.cg("net_cls") / "net_cls.classid").read_text() == "5\n"),
    "rdma": (f"{RES}/rdma", {"mlx5_0": {"hcaHandles": 1}}, lambda b: False),
    "unified": (f"{RES}/unified", {"memory.high": "100000000"}, lambda b: (b.cg("memory") / "memory.high").exists()),
    "intelRdt": ("/linux/intelRdt", {"closID": "nkt"}, lambda b: False),
    "netDevices": ("/linux/netDevices", {"lo": {}}, lambda b: False),
}


@pytest.mark.parametrize("name", LATER)
def test_known_member_is_applied_or_refused_by_name(box, name):
    """Nothing is dropped in silence."""
    pointer, value, applied = LATER[name]
    harness.set_pointer(box.config, pointer, value)
    r = box.sleep().try_create()
    if r.rc:
        r.fails()
        assert harness.mentions(r.err, pointer) or pointer + "/" in r.err, r
        box.nothing_left()
    else:
        box.start()
        assert applied(box)


def test_pure_v1_values_out_of_range_for_the_kernel(box):
    """Refused by the kernel, late: still nothing is left."""
    if "memory" not in look.CGROUPS:
        pytest.skip("needs cgroup v1's memory controller")
    box.resources["memory"] = {"limit": 4096}
    box.sleep()
    r = box.try_create()
    if r.rc:
        r.fails()
        box.nothing_left()
