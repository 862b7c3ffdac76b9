# SPDX-License-Identifier: Apache-2.0
"""The bundles of the differential test. Each is made twice, by the same function."""

import os
import socket

import look
from harness import PATH_ENV

CASES = {}
BASE = {"proc.outer", "sys.outer", "dev.outer-nodes"}
WARN = "--chroot-policy=warn"
MANY = """CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP CAP_SETPCAP
CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE""".split()
FIVE = ("bounding", "permitted", "effective", "inheritable", "ambient")


class Case:
    """reports, lacks: codes of the report beyond the usual ones, and those of the usual ones that are not there.
    unseen: codes that are true of this config, but make no difference here."""

    def __init__(self, make, reports, lacks, unseen):
        self.make, self.reports, self.unseen = make, BASE - set(lacks.split()) | set(reports.split()), set(unseen.split())


# Where Landlock keeps the container's processes from all others there is nothing to report.
TRACER = "" if look.LANDLOCK_SCOPES else "proc.outer.ptrace"


def case(make=None, *, reports="", lacks="", unseen=""):
    def add(f):
        CASES[f.__name__] = Case(f, reports, lacks, unseen)
        return f
    return add(make) if make else add


# ---------------------------------------------------------------- arguments, environment, ids
@case
def default(s):
    pass


@case
def arguments_and_environment(s):
    s.box.args("/bin/answers", "", "a b", "ä\t\n'\"$x", "stay").env("A=1", "A=2", "EMPTY=", "SPACE= x\ty", "ÄÖ=ü", "HOME=")


@case
def home_of_the_user(s):
    s.box.process["user"] = {"uid": 1000, "gid": 1000}


@case
def unknown_user_without_home(s):
    s.box.process["user"] = {"uid": 4242, "gid": 4243}
    s.box.process["env"] = [PATH_ENV]


@case
def user_and_umask(s):
    s.box.process["user"] = {"uid": 1000, "gid": 1001, "umask": 0o027}


@case
def groups(s):
    s.box.process["user"] = {"uid": 7, "gid": 8, "additionalGids": [0, 5, 1000, 70000]}


@case
def groups_of_root(s):
    s.box.process["user"] = {"uid": 0, "gid": 0, "additionalGids": [10]}


@case
def cwd_is_made(s):
    s.box.process.update(cwd="/srv/not/there", user={"uid": 1000, "gid": 1000})
    s.ask("/srv/not/there")


@case
def cwd_through_a_link(s):
    os.symlink("/var", s.box.rootfs / "link")
    s.box.process["cwd"] = "/link"


# ---------------------------------------------------------------- privileges and limits
@case
def many_capabilities(s):
    s.box.caps(*MANY)
    s.box.process["noNewPrivileges"] = False


@case(reports=TRACER)
def system_administrator(s):
    s.box.caps(*MANY, "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_NET_ADMIN")


@case
def five_sets(s):
    s.box.process["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
        "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_CHOWN"]}


@case
def ambient_of_a_user(s):
    s.box.process["user"] = {"uid": 1000, "gid": 1000}
    s.box.caps("CAP_NET_BIND_SERVICE", "CAP_CHOWN", sets=FIVE)


@case
def inheritable_alone(s):
    s.box.caps("CAP_NET_RAW", "CAP_KILL", sets=("bounding", "inheritable"))


@case
def capabilities_of_a_user(s):
    s.box.process.update(user={"uid": 1000, "gid": 1000}, noNewPrivileges=False)
    s.box.caps("CAP_NET_BIND_SERVICE", "CAP_MKNOD")


@case
def empty_sets(s):
    s.box.caps()


@case(reports=TRACER)
def no_capabilities_object(s):
    del s.box.process["capabilities"]
    del s.box.process["noNewPrivileges"]


@case(reports=TRACER, unseen=TRACER)  # a user has none of them, and gains none
def no_capabilities_object_of_a_user(s):
    del s.box.process["capabilities"]
    s.box.process["user"] = {"uid": 1000, "gid": 1000}


def seccomp_profile(s, **more):
    s.box.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77},
                     {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 33,
                      "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}], **more}


@case
def seccomp(s):
    seccomp_profile(s)


@case
def seccomp_without_no_new_privileges(s):
    seccomp_profile(s, flags=["SECCOMP_FILTER_FLAG_LOG"])
    s.box.process.update(user={"uid": 1000, "gid": 1000}, noNewPrivileges=False)


@case(reports=TRACER)
def seccomp_without_capabilities_object(s):
    seccomp_profile(s)
    del s.box.process["capabilities"]
    s.box.process["noNewPrivileges"] = False


@case
def rlimits(s):
    values = {"AS": (1 << 40, 1 << 41), "CORE": (0, 5), "CPU": (1000, 2000), "DATA": (1 << 33, 1 << 34), "FSIZE": (1 << 30, 1 << 31),
              "LOCKS": (7, 8), "MEMLOCK": (0, 65536), "MSGQUEUE": (1000, 2000), "NICE": (0, 0), "NOFILE": (100, 200),
              "NPROC": (5000, 6000), "RSS": (1 << 30, 1 << 31), "RTPRIO": (0, 0), "RTTIME": (1000000, 2000000),
              "SIGPENDING": (50, 60), "STACK": (1 << 22, 1 << 23)}
    s.box.process["rlimits"] = [{"type": f"RLIMIT_{k}", "soft": a, "hard": b} for k, (a, b) in values.items()]


@case
def oom_score(s):
    s.box.process["oomScoreAdj"] = 123


@case
def cgroup_limits(s):
    s.box.resources.update(
        pids={"limit": 20}, memory={"limit": 64 << 20, "reservation": 32 << 20},
        cpu={"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"})
    s.box.linux["cgroupsPath"] = f"/{s.box.id}/deep"


# Neither isolation enforces device rules then, and here no node can be made.
@case(reports="resources.devices.moot")
def no_cgroup(s):
    s.globals.append("--cgroup-manager=disabled")


@case(reports=f"resources.devices.moot kill=supervisor {TRACER}", unseen=TRACER)
def supervised(s):
    """Neither a PID namespace nor a cgroup: under chroot a supervisor stands between."""
    s.box.caps("CAP_KILL", "CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE")
    s.globals.append("--cgroup-manager=disabled")
    s.box.no_namespace("pid")
    s.exec()


# ---------------------------------------------------------------- namespaces
@case
def names(s):
    s.box.config.update(hostname="a-name", domainname="a.domain")


@case(unseen="dev.outer-nodes")  # oci binds them, too
def user_namespace(s):
    s.box.userns()


@case(reports="mount.readonly.recursive mount.private", unseen="dev.outer-nodes mount.readonly.recursive mount.private")
def user_namespace_with_a_user(s):
    s.box.userns()
    s.box.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6]}
    s.box.caps("CAP_KILL", "CAP_CHOWN", sets=FIVE)
    for name in ("t", "b"):
        (s.box.rootfs / "mnt" / name).mkdir()
    s.box.mount("/mnt/t", "tmpfs", "t", ["size=64k", "nosuid"])
    s.box.mount("/mnt/b", "bind", tree(s), ["rbind", "ro"])
    s.box.config["root"]["readonly"] = True


@case
def joined_namespaces(s):
    for kind, name in (("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")):
        s.join(kind, name)
    del s.box.config["hostname"]


@case(reports="ns.not-joined")
def joined_mount_namespace(s):
    s.globals.append(WARN)
    s.join("mount", "mnt")


@case(reports="ns.uts.added")
def only_a_mount_namespace(s):
    s.box.no_namespace("pid", "network", "ipc", "uts")
    del s.box.config["hostname"]


@case(reports="ns.mount.added")
def no_mount_namespace(s):
    s.box.no_namespace("mount")
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])


@case(reports="cgroup.mount.skipped")
def cgroup_and_time_namespaces(s):
    s.box.namespace("cgroup").namespace("time")
    s.box.linux["timeOffsets"] = {"monotonic": {"secs": 1000, "nanosecs": 5}, "boottime": {"secs": 5000}}
    s.box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])


@case
def sysctls(s):
    s.box.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_unprivileged_port_start": "0", "kernel.shmmni": "1234",
                             "fs.mqueue.msg_max": "17"}
    s.content(*("/proc/sys/" + key.replace(".", "/") for key in s.box.linux["sysctl"]))


# ---------------------------------------------------------------- the root
@case
def readonly_root(s):
    s.box.config["root"]["readonly"] = True
    s.box.mount("/var", "tmpfs", "t")
    s.ask("/mnt", "/etc", "/bin/answers")


@case
def root_by_a_link(s):
    os.rename(s.box.rootfs, s.box.dir / "real")
    os.symlink("real", s.box.rootfs)


@case(reports="mount.private", unseen="mount.private")
def root_with_a_mount_below(s):
    """The root is a shared mount of the host with another one in it."""
    top = s.outside.shared()
    s.box.config["root"] = {"path": str(top), "readonly": True}
    for name in ("bin", "dev", "proc", "sys", "tmp", "etc"):
        (top / name).mkdir(exist_ok=True)
    s.box.mount("/bin", "bind", s.box.rootfs / "bin", ["rbind"])
    s.box.mount("/etc", "bind", s.box.rootfs / "etc", ["rbind", "rprivate"])
    s.ask("/below")


@case
def root_private(s):
    s.box.linux["rootfsPropagation"] = "private"
    s.box.mount("/mnt/a", "bind", s.outside.shared(), ["rbind"])
    s.box.mount("/mnt/b", "bind", s.outside.shared(), ["rbind", "rslave"])


@case
def root_slave(s):
    s.box.linux["rootfsPropagation"] = "rslave"
    s.box.mount("/mnt/a", "bind", s.outside.shared(), ["rbind"])
    s.box.mount("/mnt/b", "bind", s.outside.shared(), ["rbind", "rprivate"])


@case(reports="root.propagation")
def root_shared(s):
    s.globals.append(WARN)
    s.box.linux["rootfsPropagation"] = "shared"
    s.box.mount("/mnt/a", "bind", s.outside.shared(), ["rbind"])


@case(reports="root.chroot capabilities.no-chroot")
def no_pivot(s):
    s.flags.append("--no-pivot")
    s.box.caps("CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_SETUID")


# ---------------------------------------------------------------- mounts
@case
def tmpfs_options(s):
    for name, options in {
            "plain": [], "sized": ["size=128k", "nr_inodes=50", "mode=1750", "uid=3", "gid=4"],
            "hard": ["nosuid", "nodev", "noexec", "ro"], "atime": ["noatime", "nodiratime", "sync"],
            "strict": ["strictatime", "dirsync", "nosymfollow"], "last": ["ro", "nosuid", "rw", "suid", "noexec", "exec"],
            "rro": ["rro", "rnoexec"], "unbindable": ["unbindable"]}.items():
        s.box.mount(f"/mnt/{name}", "tmpfs", "a", options)


def tree(s):
    """A directory with a file, a program, and another directory."""
    d = s.src / "tree"
    (d / "sub/deep").mkdir(parents=True)
    (d / "file").write_text("text")
    (d / "sub/file").write_text("text below")
    os.link(s.box.rootfs / "bin/sh", d / "program")
    d.chmod(0o777)
    return d


@case
def bind_options(s):
    d = tree(s)
    (s.box.dir / "relative").mkdir()
    for name, options in {
            "plain": [], "rro": ["ro", "rro"], "hard": ["nosuid", "nodev", "noexec"],
            "rhard": ["rnosuid", "rnodev", "rnoexec", "rnoatime"], "nosym": ["nosymfollow"],
            "last": ["ro", "rw", "noexec", "exec", "noatime"]}.items():
        s.box.mount(f"/mnt/{name}", "bind", d, ["rbind", "rprivate", *options])
        s.ask(f"/mnt/{name}/file", f"/mnt/{name}/program", f"/mnt/{name}/sub")
    s.box.mount("/mnt/relative", None, "relative", ["rbind", "rprivate"])


@case(reports="mount.private", unseen="mount.private")
def bind_of_files(s):
    d = tree(s)
    os.mkfifo(s.src / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(s.src / "socket"))
    s.box.mount("/etc/file", "bind", d / "file", ["rbind"])
    s.box.mount("/etc/passwd", "bind", d / "file", ["rbind", "ro", "rro"])
    s.box.mount("/new/dir/file", "bind", d / "file", ["rbind", "rro", "noexec"])
    s.box.mount("/new/fifo", "bind", s.src / "fifo", ["rbind"])
    s.box.mount("/new/socket", "bind", s.src / "socket", ["rbind"])
    s.box.mount("/dev/another-zero", "bind", "/dev/zero", ["rbind"])
    s.box.mount("/proc/meminfo", "bind", d / "file", ["rbind"])


@case(reports="mount.private", unseen="mount.private")
def bind_through_links(s):
    d = tree(s)
    os.symlink("/var", s.box.rootfs / "absolute")
    os.symlink("../../../../../../mnt", s.box.rootfs / "climbing")
    os.symlink("/etc/nowhere", s.box.rootfs / "etc/dangling")
    s.box.mount("/absolute/a", "bind", d, ["rbind"])
    s.box.mount("/climbing/b", "bind", d, ["rbind"])
    s.box.mount("/etc/dangling", "bind", d / "file", ["rbind"])
    s.box.mount("/absolute/../mnt//c/", "tmpfs", "t")
    s.ask("/var/a", "/mnt/b", "/mnt/b/file", "/etc/nowhere", "/mnt/c")


@case(reports="mount.recursive mount.readonly.recursive mount.private")
def bind_with_mounts_below(s):
    for name, options in {"plain": ["bind"], "plain-ro": ["bind", "ro"], "rec": ["rbind"], "rec-ro": ["rbind", "ro"],
                          "rec-rro": ["rbind", "rro"]}.items():
        s.box.mount(f"/mnt/{name}", "bind", s.outside.shared(), options)
        s.ask(f"/mnt/{name}/below")


@case
def bind_propagation(s):
    for word in ("private", "rprivate", "slave", "rslave", "unbindable", "runbindable"):
        s.box.mount(f"/mnt/{word}", "bind", s.outside.shared(), ["rbind", word])


@case(reports="mount.propagation.private")
def bind_shared(s):
    s.globals.append(WARN)
    s.box.mount("/mnt/shared", "bind", s.outside.shared(), ["rbind", "rshared"])


@case
def copied_up(s):
    d = s.box.rootfs / "data"
    (d / "sub").mkdir(parents=True)
    (d / "f").write_text("x")
    os.chown(d / "f", 5, 6)
    os.chmod(d / "f", 0o640)
    s.box.mount("/data", "tmpfs", "tmpfs", ["tmpcopyup", "nosuid", "size=2m"])
    s.box.mount("/etc2", "tmpfs", "tmpfs", ["tmpcopyup", "ro"])
    s.ask("/data/f", "/data/sub")


@case
def overlay(s):
    for n in ("lower", "upper", "work"):
        (s.src / n).mkdir()
    (s.src / "lower/x").write_text("lower")
    s.box.mount("/mnt/rw", "overlay", "overlay", [f"lowerdir={s.src}/lower", f"upperdir={s.src}/upper", f"workdir={s.src}/work"])
    s.box.mount("/mnt/ro", "overlay", "overlay", [f"lowerdir={s.src}/lower:{s.box.rootfs}/etc", "ro", "nodev"])
    s.ask("/mnt/rw/x", "/mnt/ro/x", "/mnt/ro/passwd")


@case
def remounts(s):
    s.box.mount("/mnt/a", "tmpfs", "t").mount("/mnt/a", None, None, ["remount", "ro", "nosuid", "size=1m"])
    s.box.mount("/mnt/b", "bind", tree(s), ["rbind", "rprivate"]).mount("/mnt/b", None, None, ["remount", "bind", "ro", "noexec"])


@case
def remounts_of_the_kernels(s):
    """They are the host's here: it must not feel it (Run.answers looks)."""
    s.box.mount("/proc/", None, None, ["remount", "hidepid=2"])
    s.box.mount("/sys", None, None, ["remount", "bind", "rw"])
    s.box.mount("/./sys", None, None, ["remount", "rw"])


@case(reports="mount.type.skipped")
def mount_of_another_type(s):
    s.globals.append(WARN)
    s.box.mount("/mnt/ram", "ramfs", "ramfs")


@case
def kernel_file_systems_elsewhere(s):
    s.box.unmount("/proc", "/sys")
    s.box.mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev", "hidepid=2"])
    s.box.mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "rw"])
    s.box.mount("/mnt/proc", "proc", "proc", ["ro"])
    s.box.mount("/mnt/sys", "sysfs", "sysfs", ["ro"])
    s.box.mount("/mnt/pts", "devpts", "devpts", ["newinstance", "gid=5"])
    s.box.mount("/mnt/mq", "mqueue", "mqueue")


@case
def masked_and_readonly_paths(s):
    r = s.box.rootfs
    (r / "secret").mkdir()
    (r / "secret/key").write_text("key")
    (r / "etc/shadow").write_text("hash")
    (r / "keep/deep").mkdir(parents=True)
    (r / "keep/f").write_text("f")
    os.symlink("/secret", r / "to-secret")
    s.box.mount("/mnt", "tmpfs", "t")
    s.box.mount("/sys/fs/cgroup", "tmpfs", "t")
    s.box.linux["maskedPaths"] = ["/secret", "/etc/shadow", "/proc/keys", "/proc/acpi", "/sys/firmware", "/missing"]
    s.box.linux["readonlyPaths"] = ["/keep", "/etc/passwd", "/mnt", "/proc/sys", "/proc/bus", "/sys/kernel", "/missing",
                                    "/sys/fs/cgroup"]
    s.ask("/keep/deep", "/keep/f", "/secret/key", "/to-secret")


@case
def nothing_masked(s):
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])
    s.ask("/proc/kcore", "/proc/keys", "/proc/sysrq-trigger", "/proc/bus", "/sys/firmware")


@case(lacks="proc.outer")
def no_proc(s):
    s.box.unmount("/proc")
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])


@case(lacks="sys.outer")
def no_sys(s):
    s.box.unmount("/sys")


@case(reports="dev.added", lacks="proc.outer sys.outer")
def no_mounts(s):
    s.box.config["mounts"] = []


# ---------------------------------------------------------------- /dev
@case
def devices(s):
    s.box.linux["devices"] = [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o622},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o640, "uid": 5, "gid": 6},
        {"path": "/dev/loop0", "type": "b", "major": 7, "minor": 0, "fileMode": 0o600},
        {"path": "/opt/deep/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640}]
    s.box.resources["devices"] = [{"allow": False, "access": "rwm"},
                                  {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}]


@case(reports="dev.added")
def no_dev(s):
    s.box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")


@case
def readonly_dev(s):
    s.box.config["mounts"][1]["options"].append("ro")


@case(lacks="dev.outer-nodes")
def dev_is_a_bind(s):
    (s.src / "dev").mkdir()
    s.box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    s.box.mount("/dev", "bind", s.src / "dev", ["rbind", "rprivate"])


@case(reports="dev.host", lacks="dev.outer-nodes")
def whole_outer_dev(s):
    s.globals.append("--chroot-dev=host")
    s.box.mount("/dev", None, None, ["remount", "size=1m"])


# ---------------------------------------------------------------- terminals, hooks, what the caller passes
@case
def terminal(s):
    s.terminal = "socket"
    s.box.process.update(terminal=True, consoleSize={"height": 17, "width": 71})
    s.exec(tty=True)


@case
def terminal_of_a_user(s):
    s.terminal = "socket"
    s.box.process.update(terminal=True, user={"uid": 1000, "gid": 1000})


@case
def terminal_in_the_foreground(s):
    s.terminal = "foreground"
    s.box.process.update(terminal=True)


@case
def hooks(s):
    log = s.src / "log/x"
    log.mkdir(parents=True)
    log.chmod(0o777)
    s.box.mount(str(log.parent), "bind", log.parent, ["rbind", "rprivate"])
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"):
        for n in (1, 2):
            text = (f"cd {log}; echo {kind}{n} >> order; sed s/.pid.:[^,]*,// > {kind}{n}.state; env | sort > {kind}{n}.env; "
                    f"echo $0 $* > {kind}{n}.args; id > {kind}{n}.id; ls {s.box.rootfs}/dev > {kind}{n}.dev 2>&1; true")
            s.box.hook(kind, "/bin/sh", ["sh", "-c", f"pwd > {log}/{kind}{n}.cwd; {text}", "zero", "one"],
                       env=["PATH=/bin:/usr/bin", f"K={kind}"])
    s.afterwards = lambda: {f"hook:{p.name}": p.read_text() for p in log.iterdir()}


@case
def annotations(s):
    s.box.config["annotations"] = {"a": "1", "org.opencontainers.x": "y z", "empty": ""}


@case
def preserved_descriptors(s):
    s.pass_fds(3)
    s.flags += ["--preserve-fds", "3"]


@case
def listen_fds(s):
    s.pass_fds(1)
    s.env = {"LISTEN_FDS": "1"}


@case
def notify_socket(s):
    s.env = {"NOTIFY_SOCKET": str(s.outside.notify())}
    s.ask("/run/notify", "/run/notify/notify.sock")


@case
def no_new_keyring(s):
    s.flags.append("--no-new-keyring")


# ---------------------------------------------------------------- exec
@case
def execs(s):
    s.box.caps(*MANY)
    s.exec()
    s.exec("--user", "1000:1000", "--env", "A=b", "--cwd", "/tmp", "-g", "5", "--no-new-privs", args=("/bin/answers", "a", "b c"))
    s.exec("--cap", "CAP_SYS_PTRACE")
    s.exec(process={
        "args": ["/bin/answers", "x"], "cwd": "/var", "env": [PATH_ENV, "X=y"],
        "user": {"uid": 3, "gid": 4, "additionalGids": [9], "umask": 63}, "capabilities": {k: ["CAP_KILL", "CAP_CHOWN"] for k in FIVE},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}], "oomScoreAdj": 77, "noNewPrivileges": True})


@case(unseen="dev.outer-nodes")
def execs_in_a_user_namespace(s):
    s.box.userns()
    s.exec()
    s.exec("--user", "1000:1000")


@case(reports="root.chroot capabilities.no-chroot")
def exec_without_pivot(s):
    s.flags.append("--no-pivot")
    s.box.caps("CAP_SYS_CHROOT", "CAP_KILL")
    s.exec()


# ---------------------------------------------------------------- what engines write
@case(reports="cgroup.mount.skipped mount.recursive mount.private", unseen="mount.recursive mount.private")
def as_an_engine_writes_it(s):
    seccomp_profile(s)
    s.box.caps(*MANY)
    s.box.namespace("cgroup")
    s.box.process["noNewPrivileges"] = False
    s.box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}, {"type": "RLIMIT_NPROC", "soft": 1024, "hard": 1024}]
    s.box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"])
    for name in ("hosts", "hostname", "resolv.conf"):
        (s.src / name).write_text(f"{name}\n")
        s.box.mount(f"/etc/{name}", "bind", s.src / name, ["bind", "rprivate"] if name == "hosts" else ["rbind", "rprivate"])
    s.box.mount("/run/.containerenv", "bind", s.src / "hosts", ["rbind"])
    s.box.resources.update(pids={"limit": 2048}, cpu={"shares": 1024})
    s.box.linux["rootfsPropagation"] = ""
