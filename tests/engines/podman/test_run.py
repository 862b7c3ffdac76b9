# SPDX-License-Identifier: Apache-2.0
"""`podman run --rm OPTIONS img COMMAND` on nook and on the reference: same stdout, same exit code."""

import os
from pathlib import Path

import pytest

# What can be compared of mountinfo: the options that a file system adds, ids and devices differ by nature. Devices that a
# user namespace gets as bind mounts are nosuid,noexec with nook only.
MOUNTS = r"""awk '{ i = 7; t = ""; while ($i != "-") { sub(/:.*/, "", $i); t = t " " $i; i++ }
    print $5, $6, t, $(i + 1) }' /proc/self/mountinfo | grep -v -E '^/proc/|^/sys/(firmware|dev|fs)|devtmpfs$' | sort"""
# /dev/mqueue's owner in a user namespace depends on when the IPC namespace was made.
DEVICES = "find /dev ! -path '/dev/pts/*' ! -path '/dev/shm/*' ! -path /dev/mqueue | sort | xargs stat -c '%n %F %a %u %g %t:%T'"
MASKED = """for p in acpi kcore keys latency_stats timer_list timer_stats sched_debug scsi; do p=/proc/$p
    [ -d $p ] && echo $p dir $(ls -A $p | wc -l); [ -e $p ] && ! [ -d $p ] && echo $p $(head -c 9 $p | wc -c); done
    ls -A /sys/firmware | wc -l; for p in asound bus fs irq sys sysrq-trigger; do
    grep " /proc/$p " /proc/self/mountinfo | cut -d' ' -f5,6; done
    echo 1 > /proc/sys/kernel/panic; echo h > /proc/sysrq-trigger"""
STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid|Umask)' /proc/self/status"
# The set of rules counts, not their order; runc adds /dev/net/tun (10:200), nook the console (5:1).
DEVICE_RULES = "grep -v -E '^c (10:200|5:1) ' /sys/fs/cgroup/devices/devices.list | sort"
CGROUP = "for c in {}; do echo $c $(cat /sys/fs/cgroup/$c); done"
TRY = """t() {{ "$@" > /dev/null 2>&1; echo "$* = $?"; }}; {}"""
SECCOMP = TRY.format("t unshare -m true; t unshare -U true; t unshare -n true; t mount -t tmpfs x /tmp; t chroot / true;"
                     "t mknod /tmp/n c 1 3; t chown app /tmp; t hostname x; t dmesg; t swapoff -a; t date -s 0;"
                     "t nice -n -5 true; t ip link set lo down; t ping -c 1 127.0.0.1; t sh -c 'ulimit -n 4096'")

RUNS = {
    # exit codes and streams
    "true": ([], "true"),
    "false": ([], "false"),
    "exit code": ([], "exit 42"),
    "killed by a signal": ([], "sh -c 'kill -TERM $$'; echo $?"),
    "init cannot kill itself": ([], "kill -KILL $$; echo alive"),
    "both streams": ([], "echo out; echo err >&2"),
    "reopen stderr": ([], "echo to stderr > /dev/stderr && echo to stdout > /dev/stdout"),
    "reopen stderr as a user": (["--user=app"], "echo to stderr > /dev/stderr && echo to stdout > /dev/stdout"),
    "much output": ([], "seq 1 20000 | tee /dev/stderr | md5sum"),
    # the default environment of a container
    "environment": ([], "env | sort"),
    "env": (["--env=A=b c", "--env=EMPTY=", "--env=UTF=grün"], "env | sort"),
    "status": ([], STATUS),
    "limits": ([], "cat /proc/self/limits"),
    "seccomp": ([], SECCOMP),
    "mounts": ([], MOUNTS),
    "devices": ([], DEVICES),
    "device links": ([], "for l in fd stdin stdout stderr ptmx core; do readlink /dev/$l; done"),
    "masked and readonly": ([], MASKED),
    "file descriptors": ([], "ls /proc/self/fd | wc -l; ls /proc/1/fd"),
    "process tree": ([], "ps -o pid,ppid,pgid,sid,comm"),
    "cgroup limits": ([], CGROUP.format("pids/pids.max memory/memory.limit_in_bytes cpu/cpu.shares") + ";"
                      + DEVICE_RULES),
    "cgroup paths": ([], "cut -d: -f2- /proc/self/cgroup | sort"),
    "cgroup mounts": ([], "ls /sys/fs/cgroup | grep -v unified; touch /sys/fs/cgroup/pids/x;"
                      " grep ' /sys/fs/cgroup' /proc/self/mounts | grep -v -E 'unified|tmpfs' | cut -d' ' -f2-4 | sed s/,.*// | sort"),
    "oom score": (["--oom-score-adj=500"], "cat /proc/self/oom_score_adj"),
    # user and privileges
    "user by name": (["--user=app"], "id; echo $HOME; pwd; " + STATUS),
    "user by ids": (["--user=1000:2000"], "id; " + STATUS),
    "unknown user id": (["--user=4321:8765"], "id; " + STATUS),
    "unknown user name": (["--user=nobody-here"], "id"),
    "group-add": (["--user=app", "--group-add=2000", "--group-add=3000"], "id"),
    "umask": (["--umask=0027"], "umask; touch /tmp/f; stat -c %a /tmp/f"),
    "cap-drop": (["--cap-drop=chown,kill"], STATUS + "; chown app /tmp"),
    "cap-drop all": (["--cap-drop=all"], STATUS),
    "cap-add": (["--cap-add=sys_admin"], STATUS + "; mount -t tmpfs x /tmp && unshare -m true; echo $?"),
    "cap-add all": (["--cap-add=all"], STATUS),
    "cap-add for a user": (["--user=app", "--cap-add=net_raw"], STATUS),
    "privileged": (["--privileged"], STATUS + "; ls -A /proc/acpi > /dev/null; echo $?; echo 1 > /proc/sys/kernel/panic"),
    "no-new-privileges": (["--security-opt=no-new-privileges"], STATUS),
    "seccomp unconfined": (["--security-opt=seccomp=unconfined"], STATUS + "; " + SECCOMP),
    "seccomp profile": (["--security-opt=seccomp={work}/seccomp.json"], STATUS + "; mkdir /tmp/d; echo $?; chmod 0 /tmp"),
    "mask": (["--security-opt=mask=/etc/passwd:/data"], "wc -c < /etc/passwd; ls -A /data"),
    "unmask": (["--security-opt=unmask=/proc/timer_list:/proc/sys"], MASKED),
    "unmask all": (["--security-opt=unmask=ALL"], MASKED),
    "sysctl": (["--sysctl=kernel.msgmax=65536", "--sysctl=net.ipv4.ip_forward=1", "--sysctl=kernel.shm_rmid_forced=1"],
               "cd /proc/sys; cat kernel/msgmax net/ipv4/ip_forward kernel/shm_rmid_forced net/ipv4/ping_group_range"),
    "ulimit": (["--ulimit=nofile=100:200", "--ulimit=core=0", "--ulimit=cpu=10:20", "--ulimit=stack=1048576", "--ulimit=nproc=50:60"],
               "cat /proc/self/limits"),
    "ulimit that cannot be raised": (["--ulimit=nofile=10000000:10000000"], "ulimit -n"),
    # root filesystem and volumes
    "read-only": (["--read-only"], "touch /x; touch /tmp/x && echo tmp; touch /run/x && echo run; " + MOUNTS),
    "read-only without tmpfs": (["--read-only", "--read-only-tmpfs=false"], "touch /x; touch /tmp/x; echo; " + MOUNTS),
    "tmpfs": (["--tmpfs=/scratch:size=2m,mode=1700,nosuid", "--tmpfs=/data"],
              "stat -c %a /scratch; df -k /scratch | tail -1 | awk '{print $2}'; ls /data; " + MOUNTS),
    "tmpfs mount": (["--mount=type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0711,ro=true"], "stat -c %a /t; touch /t/x"),
    "volume": (["-v={work}/shared:/v"], "cat /v/file; echo new > /v/{side} && cat /v/{side}; " + MOUNTS),
    "volume ro": (["-v={work}/shared:/v:ro"], "cat /v/file; touch /v/x; " + MOUNTS),
    "volume options": (["-v={work}/shared:/v:nosuid,noexec,nodev"], MOUNTS),
    "volume of a file": (["-v={work}/shared/file:/etc/motd:ro"], "cat /etc/motd; echo x > /etc/motd"),
    "volume on a file": (["-v={work}/shared/file:/etc/passwd"], "cat /etc/passwd"),
    "volume at a new path": (["-v={work}/shared:/new/deep/path"], "cat /new/deep/path/file; stat -c %a /new /new/deep"),
    "volume through a symlink": (["-v={work}/shared:/link-to-data/sub"], "cat /data/sub/file; ls -l /link-to-data | wc -l"),
    "volume in a volume": (["-v={work}/shared:/v", "-v={work}/shared/sub:/v/sub:ro"], "touch /v/sub/x; " + MOUNTS),
    # podman asks for a shared root then, too; runc of Debian 12 does not do that
    "volume rshared": (["-v={work}/shared:/v:rshared"], MOUNTS + " | grep -v '^/ '"),
    "volume rslave": (["-v={work}/shared:/v:rslave"], MOUNTS),
    "volume private": (["-v={work}/shared:/v:private"], MOUNTS),
    "volume bind, not rbind": (["--mount=type=bind,src={work}/shared,dst=/v,bind-nonrecursive"], "ls /v/nested; " + MOUNTS),
    "volume rbind": (["-v={work}/shared:/v:ro"], "ls /v/nested; touch /v/nested/x; " + MOUNTS),
    "volume U": (["-v=owned:/v:U", "--user=app"], "stat -c '%u %g' /v; touch /v/x"),
    "volume named": (["-v=named:/data"], "cat /data/file; " + MOUNTS),
    "volume overlay": (["-v={work}/shared:/v:O"], "echo changed > /v/file; cat /v/file"),
    "volume over /dev": (["-v=/dev:/dev:rslave"], "test -c /dev/null; echo $?"),
    "volume of a device": (["-v=/dev/zero:/dev/my-zero"], "head -c 3 /dev/my-zero | wc -c"),
    "mount type conflict": (["-v={work}/shared:/etc/passwd"], "true"),
    "devpts mount": (["--mount=type=devpts,destination=/mnt/pts"], MOUNTS),
    "image mount": (["--mount=type=image,src=img,dst=/mnt"], "cat /mnt/data/file"),
    "rootfs": ("rootfs", "cat /data/file"),
    "rootfs overlay": ("rootfs:O", "echo x > /data/file; cat /data/file"),
    "shm-size": (["--shm-size=3m"], "df -k /dev/shm | tail -1 | awk '{print $2}'"),
    "no /etc/hosts": (["--no-hosts"], "cat /etc/hosts"),
    "workdir": (["--workdir=/data"], "pwd; cat file"),
    "workdir that is new": (["--workdir=/made/by/podman"], "pwd"),
    # devices
    "device": (["--device=/dev/fuse:/dev/my-fuse:r"], DEVICES + "; " + DEVICE_RULES),
    "device not allowed": ([], "mknod /tmp/fuse c 10 229 && cat /tmp/fuse"),
    "device-cgroup-rule": (["--device-cgroup-rule=c 10:229 rwm"], DEVICE_RULES),
    "device directory": (["--device=/dev/net"], "ls /dev/net"),
    # resources
    "memory": (["--memory=64m"], CGROUP.format("memory/memory.limit_in_bytes")),
    "memory reservation": (["--memory=64m", "--memory-reservation=32m"],
                           CGROUP.format("memory/memory.soft_limit_in_bytes")),
    "memory swap": (["--memory=64m", "--memory-swap=128m"], CGROUP.format("memory/memory.memsw.limit_in_bytes")),
    "memory swappiness": (["--memory-swappiness=10"], CGROUP.format("memory/memory.swappiness")),
    "memory exceeded": (["--memory=24m"], "tail /dev/zero"),
    "oom-kill-disable": (["--memory=64m", "--oom-kill-disable"], "head -1 /sys/fs/cgroup/memory/memory.oom_control"),
    "pids-limit": (["--pids-limit=5"], CGROUP.format("pids/pids.max") + "; for i in 1 2 3 4 5 6 7; do sleep 1 & done; wait"),
    "cpus": (["--cpus=0.5"], CGROUP.format("cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us")),
    "cpu shares and set": (["--cpu-shares=512", "--cpuset-cpus=0", "--cpuset-mems=0"],
                           CGROUP.format("cpu/cpu.shares cpuset/cpuset.cpus cpuset/cpuset.mems") + "; nproc"),
    "cgroupns host": (["--cgroupns=host"], "cut -d: -f2- /proc/self/cgroup | sort"),
    # namespaces
    "hostname": (["--hostname=box.example"], "hostname; cat /etc/hostname; echo $HOSTNAME"),
    "pid host": (["--pid=host"], "test $(ls -d /proc/[0-9]* | wc -l) -gt 20; echo $?"),
    "ipc host": (["--ipc=host"], "readlink /proc/self/ns/ipc"),
    "uts host": (["--uts=host"], "hostname; readlink /proc/self/ns/uts"),
    "network none": (["--network=none"], "ip -o link | wc -l; ip -o -4 address"),
    "network host": (["--network=host"], "readlink /proc/self/ns/net"),
    "all host": (["--pid=host", "--ipc=host", "--uts=host", "--network=host", "--cgroupns=host"], "echo; " + MOUNTS),
    "uid map": (["--uidmap=0:100000:5000"], "cat /proc/self/uid_map /proc/self/gid_map; id; ls -ln /data; " + MOUNTS),
    "uid map and user": (["--uidmap=0:100000:5000", "--user=app"], "id; " + STATUS),
    "uid map, devices": (["--uidmap=0:100000:5000", "--device=/dev/fuse"], DEVICES),
    "uid map, volume, read-only": (["--uidmap=0:100000:5000", "--read-only", "-v={work}/shared:/v"], "ls -ln /v/file"),
    "uid map, network host": (["--uidmap=0:100000:5000", "--network=host"], "readlink /proc/self/ns/net; ls /sys/class/net"),
    "uid map, cap-drop": (["--uidmap=0:100000:5000", "--cap-drop=all", "--security-opt=no-new-privileges"], STATUS),
    # init and systemd
    "init": (["--init"], "ps -o comm; exit 3"),
    "systemd always": (["--systemd=always"], MOUNTS + "; echo $container; touch /sys/fs/cgroup/systemd/x"),
    "stop signal in the image": (["--stop-signal=USR1"], "echo fine"),
    "timezone": (["--tz=UTC"], "date +%Z"),
    "secret": (["--secret=word"], "cat /run/secrets/word; stat -c %a /run/secrets/word"),
    "env host, http proxy": (["--env-host"], "env | grep -c PATH"),
    "annotations": (["--annotation=a.b.c=d", "--label=x=y"], "true"),
    "passwd entry": (["--user=7777", "--passwd-entry=seven:x:7777:0::/data:/bin/sh"], "id -un; echo $HOME"),
}

NEEDS_SWAP = {"memory swap"}


@pytest.fixture(scope="session")
def shared(podman):
    """A directory for each side to mount, with a mount below it, and the files that scenarios name."""
    import look
    for side in podman.sides:
        base = side.work / "shared"
        (base / "sub").mkdir(parents=True)
        (base / "nested").mkdir()
        (base / "file").write_text("of the host\n")
        look.mount("tmpfs", str(base / "nested"), "tmpfs", 0, "size=64k")
        (base / "nested/inner").write_text("inner\n")
        look.mount(str(base), str(base), None, look.MS_BIND | look.MS_REC)
        look.mount(None, str(base), None, look.MS_SHARED | look.MS_REC)
        (side.work / "seccomp.json").write_text(
            '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO",'
            ' "errnoRet": 28}, {"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_KILL"}]}')
        side("secret", "create", "word", "-", stdin="sesame\n", compare=False)
    yield
    for side in podman.sides:
        for path in ("shared/nested", "shared", "shared/nested"):
            look.umount(str(side.work / path))


@pytest.mark.parametrize("name", RUNS)
def test_run(podman, shared, image_tree, name):
    options, command = RUNS[name]
    if name in NEEDS_SWAP and not os.path.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"):
        pytest.skip("no swap accounting on this host")

    def scenario(p):
        words = {"work": p.work, "side": "side"}
        image = ["img"]
        given = options
        if isinstance(options, str):
            tree = Path(p.work) / "rootfs"
            if not tree.exists():
                import shutil
                shutil.copytree(image_tree, tree, symlinks=True)
            given, image = [], ["--rootfs", options.replace("rootfs", str(tree))]
        given = [option.replace("{work}", str(words["work"])) for option in given]
        p("run", "--rm", "--name=c", "--hostname=h" if not any("host" in o or "uts" in o for o in given) else "--tty=false",
          *given, *image, "sh", "-c", command.replace("{side}", words["side"]))

    podman.compare(scenario)
