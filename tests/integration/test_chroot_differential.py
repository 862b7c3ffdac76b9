# SPDX-License-Identifier: Apache-2.0
import json, os, re, pytest, stat, socket
import differential, harness, look
from differential import Outside, Run, Setup

CASES = {}
def case(f):
    CASES[f.__name__] = f
    return f

WARN = "--chroot-policy=warn"
ALL_CAPS = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
            "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE", "CAP_SYS_ADMIN"]

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
def user_and_umask(s):
    s.box.process["user"] = {"uid": 1000, "gid": 1001, "umask": 0o027}

@case
def unknown_user_without_home(s):
    s.box.process["user"] = {"uid": 4242, "gid": 4243}
    s.box.process["env"] = [harness.PATH_ENV]

@case
def groups(s):
    s.box.process["user"] = {"uid": 7, "gid": 8, "additionalGids": [0, 5, 1000, 70000]}

@case
def groups_of_root(s):
    s.box.process["user"] = {"uid": 0, "gid": 0, "additionalGids": [10]}

@case
def many_capabilities(s):
    s.box.caps(*ALL_CAPS)
    s.box.process["noNewPrivileges"] = False

@case
def five_sets(s):
    s.box.process["capabilities"] = {"bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
                                     "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_CHOWN"]}

@case
def ambient_of_a_user(s):
    s.box.process["user"] = {"uid": 1000, "gid": 1000}
    s.box.caps("CAP_NET_BIND_SERVICE", "CAP_CHOWN", sets=("bounding", "permitted", "effective", "inheritable", "ambient"))

@case
def inheritable_alone(s):
    s.box.caps("CAP_NET_RAW", "CAP_KILL", sets=("bounding", "inheritable"))

@case
def capabilities_of_a_user(s):
    s.box.process["user"] = {"uid": 1000, "gid": 1000}
    s.box.caps("CAP_NET_BIND_SERVICE", "CAP_MKNOD")
    s.box.process["noNewPrivileges"] = False

@case
def empty_sets(s):
    s.box.caps()

@case
def no_capabilities_object(s):
    del s.box.process["capabilities"]
    del s.box.process["noNewPrivileges"]

@case
def no_capabilities_object_user(s):
    del s.box.process["capabilities"]
    s.box.process["user"] = {"uid": 1000, "gid": 1000}

def profile(s, **more):
    s.box.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77},
                     {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 33,
                      "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}], **more}

@case
def seccomp(s):
    profile(s)

@case
def seccomp_without_no_new_privileges(s):
    profile(s, flags=["SECCOMP_FILTER_FLAG_LOG"])
    s.box.process["noNewPrivileges"] = False
    s.box.process["user"] = {"uid": 1000, "gid": 1000}

@case
def seccomp_without_capabilities_object(s):
    profile(s)
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
def cwd_is_made(s):
    s.box.process["cwd"] = "/srv/not/there"
    s.box.process["user"] = {"uid": 1000, "gid": 1000}
    s.ask("/srv/not/there")

@case
def cwd_through_a_link(s):
    os.symlink("/var", s.box.rootfs / "link")
    s.box.process["cwd"] = "/link"

@case
def names(s):
    s.box.config.update(hostname="a-name", domainname="a.domain")

@case
def readonly_root(s):
    s.box.config["root"]["readonly"] = True
    s.box.mount("/var", "tmpfs", "t").ask if 0 else s.box.mount("/var", "tmpfs", "t")
    s.ask("/home", "/etc")

@case
def tmpfs_options(s):
    m = s.box.mount
    m("/mnt/plain", "tmpfs", "a")
    m("/mnt/sized", "tmpfs", "a", ["size=128k", "nr_inodes=50", "mode=1750", "uid=3", "gid=4"])
    m("/mnt/hard", "tmpfs", "a", ["nosuid", "nodev", "noexec", "ro"])
    m("/mnt/atime", "tmpfs", "a", ["noatime", "nodiratime", "sync"])
    m("/mnt/strict", "tmpfs", "a", ["strictatime", "dirsync", "nosymfollow"])
    m("/mnt/last", "tmpfs", "a", ["ro", "nosuid", "rw", "suid", "noexec", "exec"])
    m("/mnt/rro", "tmpfs", "a", ["rro", "rnoexec"])
    m("/mnt/unbindable", "tmpfs", "a", ["unbindable"])

def tree(s):
    """A directory with a file, a program, and mounts below it."""
    d = s.src / "tree"
    (d / "sub/deep").mkdir(parents=True)
    (d / "file").write_text("text")
    (d / "sub/file").write_text("text below")
    os.link(s.box.rootfs / "bin/busybox", d / "program")
    d.chmod(0o777)
    return d

@case
def binds(s):
    d, m = tree(s), s.box.mount
    (s.box.dir / "relative").mkdir()
    m("/mnt/plain", "bind", d, ["bind"])
    m("/mnt/rec", "bind", d, ["rbind"])
    m("/mnt/ro", "bind", d, ["rbind", "ro"])
    m("/mnt/rro", "bind", d, ["rbind", "rro"])
    m("/mnt/hard", "bind", d, ["rbind", "nosuid", "nodev", "noexec"])
    m("/mnt/rhard", "bind", d, ["rbind", "rnosuid", "rnodev", "rnoexec", "rnoatime"])
    m("/mnt/last", "bind", d, ["rbind", "ro", "rw", "noexec", "exec", "noatime"])
    m("/mnt/relative", None, "relative", ["rbind"])
    for name in ("plain", "rec", "ro", "rro", "hard", "rhard", "last"):
        s.ask(f"/mnt/{name}/file", f"/mnt/{name}/program", f"/mnt/{name}/sub")

@case
def bind_of_files(s):
    d = tree(s)
    os.mkfifo(s.src / "fifo")
    k = socket.socket(socket.AF_UNIX); k.bind(str(s.src / "socket")); k.close()
    s.box.mount("/etc/file", "bind", d / "file", ["rbind"])
    s.box.mount("/etc/passwd", "bind", d / "file", ["rbind", "ro"])
    s.box.mount("/new/dir/file", "bind", d / "file", ["rbind", "ro", "noexec"])
    s.box.mount("/new/fifo", "bind", s.src / "fifo", ["rbind"])
    s.box.mount("/new/socket", "bind", s.src / "socket", ["rbind"])
    s.box.mount("/dev/kmsg-like", "bind", "/dev/zero", ["rbind"])

@case
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

@case
def bind_with_mounts_below(s):
    d = s.outside.shared()
    s.box.mount("/mnt/plain", "bind", d, ["bind"])
    s.box.mount("/mnt/plainro", "bind", d, ["bind", "ro"])
    s.box.mount("/mnt/rec", "bind", d, ["rbind"])
    s.box.mount("/mnt/rec-ro", "bind", d, ["rbind", "ro"])
    s.box.mount("/mnt/rro", "bind", d, ["rbind", "rro"])
    for n in ("plain", "plainro", "rec", "rec-ro", "rro"):
        s.ask(f"/mnt/{n}/below")

@case
def bind_propagation(s):
    d = s.outside.shared()
    for word in ("private", "rprivate", "slave", "rslave", "unbindable", "runbindable"):
        s.box.mount(f"/mnt/{word}", "bind", d, ["rbind", word])

@case
def bind_shared(s):
    s.globals.append(WARN)
    d = s.outside.shared()
    s.box.mount("/mnt/shared", "bind", d, ["rbind", "rshared"])

@case
def copied_up(s):
    d = s.box.rootfs / "data"
    (d / "sub").mkdir(parents=True)
    (d / "f").write_text("x")
    os.chown(d / "f", 5, 6)
    os.chmod(d / "f", 0o640)
    s.box.mount("/data", "tmpfs", "tmpfs", ["tmpcopyup", "nosuid", "size=2m"])
    s.box.mount("/bin2", "tmpfs", "tmpfs", ["tmpcopyup", "ro"])
    s.ask("/data/f", "/data/sub")

@case
def overlay(s):
    for n in ("lower", "upper", "work"):
        (s.src / n).mkdir()
    (s.src / "lower/x").write_text("lower")
    o = [f"lowerdir={s.src}/lower", f"upperdir={s.src}/upper", f"workdir={s.src}/work"]
    s.box.mount("/mnt/rw", "overlay", "overlay", o)
    s.box.mount("/mnt/ro", "overlay", "overlay", [f"lowerdir={s.src}/lower:{s.src}/upper", "ro", "nodev"])
    s.ask("/mnt/rw/x", "/mnt/ro/x")

@case
def remounts(s):
    d = tree(s)
    s.box.mount("/mnt/a", "tmpfs", "t").mount("/mnt/a", None, None, ["remount", "ro", "nosuid"])
    s.box.mount("/mnt/b", "bind", d, ["rbind"]).mount("/mnt/b", None, None, ["remount", "bind", "ro", "noexec"])

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
    s.box.linux["maskedPaths"] = ["/secret", "/etc/shadow", "/proc/keys", "/proc/acpi", "/sys/firmware", "/missing"]
    s.box.linux["readonlyPaths"] = ["/keep", "/etc/passwd", "/mnt", "/proc/sys", "/proc/bus", "/sys/kernel", "/missing"]
    s.ask("/keep/deep", "/keep/f", "/secret/key", "/to-secret")

@case
def nothing_masked(s):
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])
    s.ask("/proc/kcore", "/proc/keys", "/proc/sysrq-trigger", "/proc/bus", "/sys/firmware")

@case
def devices(s):
    s.box.linux["devices"] = [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o622},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o640, "uid": 5, "gid": 6},
        {"path": "/dev/loop0", "type": "b", "major": 7, "minor": 0, "fileMode": 0o600}]
    s.box.resources["devices"] = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}]

@case
def device_elsewhere(s):
    s.box.linux["devices"] = [{"path": "/opt/deep/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640}]

@case
def user_namespace(s):
    s.box.userns()

@case
def user_namespace_user(s):
    s.box.userns()
    s.box.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6]}
    s.box.process["capabilities"]["ambient"] = s.box.process["capabilities"]["inheritable"] = ["CAP_KILL"]
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

@case
def joined_mount_namespace(s):
    s.globals.append(WARN)
    s.join("mount", "mnt")

@case
def only_a_mount_namespace(s):
    s.box.no_namespace("pid", "network", "ipc", "uts")
    del s.box.config["hostname"]
    s.box.unmount("/sys", "/dev/mqueue")
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])

@case
def no_mount_namespace(s):
    s.box.no_namespace("mount")
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])

@case
def cgroup_and_time_namespaces(s):
    s.box.namespace("cgroup").namespace("time")
    s.box.linux["timeOffsets"] = {"monotonic": {"secs": 1000, "nanosecs": 5}, "boottime": {"secs": 5000}}
    s.box.mount("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"])

@case
def sysctls(s):
    s.box.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_unprivileged_port_start": "0", "kernel.shmmni": "1234", "fs.mqueue.msg_max": "17"}
    s.content("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/shmmni", "/proc/sys/fs/mqueue/msg_max")

@case
def limits(s):
    s.box.resources.update({"pids": {"limit": 20}, "memory": {"limit": 64 << 20, "reservation": 32 << 20}, "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"}})
    s.box.linux["cgroupsPath"] = f"/{s.box.id}/deep"

@case
def root_private(s):
    s.box.linux["rootfsPropagation"] = "private"
    s.box.mount("/mnt/a", "bind", s.outside.shared(), ["rbind"])

@case
def root_slave(s):
    s.box.linux["rootfsPropagation"] = "rslave"
    s.box.mount("/mnt/a", "bind", s.outside.shared(), ["rbind"])

@case
def root_shared(s):
    s.globals.append(WARN)
    s.box.linux["rootfsPropagation"] = "shared"
    s.box.mount("/mnt/a", "bind", s.outside.shared(), ["rbind"])

@case
def terminal(s):
    s.terminal = "socket"
    s.box.process.update(terminal=True, consoleSize={"height": 17, "width": 71})

@case
def terminal_of_a_user(s):
    s.terminal = "socket"
    s.box.process.update(terminal=True, user={"uid": 1000, "gid": 1000})

@case
def terminal_in_the_foreground(s):
    s.terminal = "foreground"
    s.box.process.update(terminal=True)

@case
def oom_score(s):
    s.box.process["oomScoreAdj"] = 123

@case
def hooks(s):
    log = s.src / "log"
    log.mkdir(); log.chmod(0o777)
    s.box.mount(str(log), "bind", log, ["rbind"])
    for kind in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"):
        for n in (1, 2):
            text = (f"d={log}; echo {kind}{n} >> $d/order; sed s/.pid.:[^,]*,// > $d/{kind}{n}.stdin; pwd > $d/{kind}{n}.cwd; env | sort > $d/{kind}{n}.env;"
                    f"ls {s.box.rootfs}/dev > $d/{kind}{n}.dev 2>&1; echo $0 $* > $d/{kind}{n}.args; id > $d/{kind}{n}.id")
            s.box.hook(kind, "/bin/sh", ["sh", "-c", text, "zero", "one"], env=["PATH=/bin:/usr/bin", f"K={kind}"])
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

@case
def no_dev(s):
    s.box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")

@case
def no_proc(s):
    s.box.unmount("/proc")
    s.box.linux.update(maskedPaths=[], readonlyPaths=[])

@case
def no_sys(s):
    s.box.unmount("/sys")

@case
def no_mounts(s):
    s.box.config["mounts"] = []

@case
def other_kernel_file_systems(s):
    s.box.unmount("/proc", "/sys")
    s.box.mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev", "hidepid=2"])
    s.box.mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "rw"])
    s.box.mount("/mnt/proc", "proc", "proc", ["ro"])
    s.box.mount("/mnt/sys", "sysfs", "sysfs", ["ro"])
    s.box.mount("/mnt/pts", "devpts", "devpts", ["newinstance", "gid=5"])
    s.box.mount("/mnt/mq", "mqueue", "mqueue")

@case
def unsupported_mounts(s):
    s.globals.append(WARN)
    s.box.mount("/mnt/ram", "ramfs", "ramfs")

@case
def readonly_dev(s):
    s.box.config["mounts"][1]["options"].append("ro")

@case
def dev_is_a_bind(s):
    d = s.src / "dev"
    d.mkdir()
    s.box.unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
    s.box.mount("/dev", "bind", d, ["rbind"])

@case
def whole_outer_dev(s):
    s.globals.append("--chroot-dev=host")

@case
def no_pivot(s):
    s.flags.append("--no-pivot")
    s.box.caps("CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_SETUID")

@case
def no_new_keyring(s):
    s.flags.append("--no-new-keyring")

@case
def execs(s):
    s.box.caps(*ALL_CAPS)
    s.exec()
    s.exec("--user", "1000:1000", "--env", "A=b", "--cwd", "/tmp", "-g", "5", "--no-new-privs", args=("/bin/answers", "a", "b c"))
    s.exec("--cap", "CAP_SYS_PTRACE")
    p = {"args": ["/bin/answers", "x"], "cwd": "/var", "env": [harness.PATH_ENV, "X=y"], "user": {"uid": 3, "gid": 4, "additionalGids": [9], "umask": 63},
         "capabilities": {k: ["CAP_KILL", "CAP_CHOWN"] for k in ("bounding", "permitted", "effective", "inheritable", "ambient")},
         "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}], "oomScoreAdj": 77, "noNewPrivileges": True}
    s.exec(process=p)

@case
def execs_in_a_user_namespace(s):
    s.box.userns()
    s.exec()
    s.exec("--user", "1000:1000")

# ---------------------------------------------------------------- what a report's entry explains
LOCKED = "nodev,noexec,nosuid,relatime,ro"  # of a borrowed tree, in mountinfo
LOCKED_STATFS = "ro,nosuid,nodev,noexec,relatime"
NODE = "(null|zero|full|random|urandom|tty)"

# code -> rows of (the questions, how their answers may differ, must it show?). Both are regular expressions for the whole;
# "-" is no answer. {at}: the place that the entry's field names; {readonly}: the config's readonlyPaths; {nodes}: the default
# devices and the config's.
RULES = {
    "proc.outer": [
        ("mount:{at}#1:opts", f".* -> {LOCKED}", True),
        ("mount:{at}#1:sopts", ".* -> rw", False),
        ("mount:{at}#1:source", ".* -> proc", False),
        (r"mount:{readonly}#1:\w+", ".* -> -", False),
        (r"mount:{at}/.+#1:opts", f"- -> {LOCKED}", False),
        (r"mount:{at}/.+#1:(fstype|source|sopts|root)", "- -> .*", False),
        (r"mount:{at}/.+#1:propagation", "- -> private", False),
        ("path:{at}(/.*)?:flags", f".* -> {LOCKED_STATFS}", False),
        ("path:{at}(/.*)?:access", "r (.*) w .* x (.*) -> r \\1 w (EROFS|EACCES) x \\2", False),
        ("path:{at}(/.*)?:(write|create)", ".* -> (EROFS|EACCES)", False),
        ("proc:processes", "(own|none) -> others too", False),
        ("proc:self", "own pid -> another pid", False),
    ],
    "sys.outer": [
        ("mount:{at}#1:opts", f".* -> {LOCKED}", False),
        ("mount:{at}#1:(sopts|source)", ".* -> .*", False),
        (r"mount:{readonly}#1:\w+", ".* -> -", False),
        (r"mount:{at}/.+#1:opts", f"- -> {LOCKED}", False),
        (r"mount:{at}/.+#1:(fstype|source|sopts|root)", "- -> .*", False),
        (r"mount:{at}/.+#1:propagation", "- -> private", False),
        ("path:{at}(/.*)?:flags", f".* -> {LOCKED_STATFS}", False),
        ("path:{at}(/.*)?:access", "r (.*) w .* x (.*) -> r \\1 w (EROFS|EACCES) x \\2", False),
        ("path:{at}(/.*)?:(write|create)", ".* -> (EROFS|EACCES)", False),
        ("path:{at}/class/net:entries", ".* -> .*", False),
        ("path:{at}/fs/cgroup:(entries|fs|mode|size)", ".* -> .*", True),
    ],
    "dev.outer-nodes": [
        (r"mount:{nodes}#1:opts", "- -> noexec,nosuid,relatime,rw", True),
        (r"mount:{nodes}#1:propagation", "- -> private", False),
        (r"mount:{nodes}#1:(fstype|source|sopts|root)", "- -> .*", False),
        ("path:{nodes}:flags", ".* -> nosuid,noexec,relatime", False),
        ("path:{nodes}:(size|fs|mode|owner|access)", ".* -> .*", False),
    ],
}


class Entry:
    """One entry of the report, with its rules made concrete."""

    def __init__(self, entry, config):
        self.entry, self.shown = entry, False
        self.code, self.field = entry["code"], entry["field"]
        assert self.code in RULES, f"nobody knows what {entry} explains"
        words = {"at": re.escape(self._place(config)), "readonly": alternatives(config["linux"].get("readonlyPaths", [])),
                 "nodes": alternatives([f"/dev/{NODE}"]+[re.escape(d["path"]) for d in config["linux"].get("devices", [])])}
        self.rules = [(re.compile(self._fill(keys, words)), re.compile(change), shows) for keys, change, shows in RULES[self.code]]

    @staticmethod
    def _fill(pattern, words):
        for name, value in words.items():
            pattern = pattern.replace("{" + name + "}", value)
        return pattern

    def _place(self, config):
        parts = self.field.strip("/").split("/")
        if parts[0] == "mounts":
            return os.path.normpath(config["mounts"][int(parts[1])]["destination"])
        return self.field.removeprefix("default:")

    @property
    def must_show(self):
        return any(shows for _, _, shows in self.rules)

    def explains(self, key, change):
        found = False
        for keys, changes, shows in self.rules:
            if keys.fullmatch(key) and changes.fullmatch(change):
                found = True
                self.shown = self.shown or shows
        return found


def alternatives(patterns):
    return "(" + "|".join(patterns) + ")" if patterns else "(?!)"


def differences(a, b):
    for key in sorted(set(a) | set(b)):
        if a.get(key) != b.get(key):
            yield key, f"{a.get(key, '-')} -> {b.get(key, '-')}"


@pytest.fixture
def outside(tmp, host_mount):
    o = Outside(tmp, host_mount)
    yield o
    o.close()


@pytest.mark.parametrize("name", CASES)
def test_same_answers_but_for_what_the_report_lists(name, nook, tmp, tag, tools, answers, outside):
    nook.ids.append(tag)
    got = []
    for isolation in ("oci", "chroot"):
        s = Setup(nook, tag, tmp, tools, answers, outside)
        CASES[name](s)
        nook.globals = [f"--isolation={isolation}", *s.globals]
        got.append(Run(s).answers(isolation == "chroot"))
    (oci, _), (chroot, lost) = got
    entries = [Entry(e, s.box.config) for e in lost]
    unexplained = []
    for key, change in differences(oci, chroot):
        # All are asked, for an answer may be a sign of several entries.
        if not any([e.explains(re.sub(r"^exec\d+:", "", key), change) for e in entries]):
            unexplained.append(f"{key}: {change}")
    report = [f"{e.code} {e.field}" for e in entries]
    hidden = [f"{e.code} {e.field}" for e in entries if e.must_show and not e.shown]
    assert not unexplained and not hidden, "\n".join(
        ["", "unexplained:", *unexplained, "reported, but not to be seen:", *hidden, "the report:", *report])
