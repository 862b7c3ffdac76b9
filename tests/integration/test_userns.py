# SPDX-License-Identifier: Apache-2.0
"""User namespaces: id maps, who owns what, devices and mounts inside: MAP-*, security.md 2.6, 2.22, 2.23."""

import json
import os
import stat

import pytest

import look
from look import Proc


def test_map1_as_given(box):
    box.namespace("user")
    box.linux["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000},
                                {"containerID": 1000, "hostID": 5000, "size": 1},
                                {"containerID": 2000, "hostID": 300000, "size": 10}]
    box.linux["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 3000}]
    box.sleep().up()
    assert [line.split() for line in box.proc.text("uid_map").splitlines()] == [
        ["0", "100000", "1000"], ["1000", "5000", "1"], ["2000", "300000", "10"]]
    assert box.proc.text("gid_map").split() == ["0", "200000", "3000"]
    assert box.proc.text("setgroups") == "allow\n"


def test_map1_340_lines(box):
    box.userns()
    box.linux["uidMappings"] = [{"containerID": i, "hostID": 2 * i + 1, "size": 1} for i in range(340)]
    box.sleep().up()
    assert len(box.proc.text("uid_map").splitlines()) == 340


def test_ids_inside_and_outside(box):
    box.userns()
    box.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}
    box.sleep().up()
    assert box.proc.status("Uid").split() == ["100005"] * 4
    assert box.proc.status("Gid").split() == ["100006"] * 4
    assert box.proc.status("Groups").split() == ["100007"]


def test_root_inside_has_its_capabilities(box):
    box.userns().caps("CAP_CHOWN", "CAP_NET_ADMIN")
    assert "Cap" in (out := box.sees("grep Cap /proc/self/status"))
    caps = dict(line.split(":\t") for line in out.splitlines())
    assert int(caps["CapEff"], 16) == 1 << 0 | 1 << 12


def test_map2_rootfs_is_not_chowned(box):
    os.makedirs(box.rootfs / "sub")
    before = {p: os.lstat(p) for p in box.rootfs.rglob("*")}
    box.userns().args("/bin/true").run().ok()
    for path, old in before.items():
        new = os.lstat(path)
        assert (new.st_uid, new.st_gid, new.st_mode) == (old.st_uid, old.st_gid, old.st_mode), path


def test_devices_and_links(box):
    box.userns()
    out = box.sees("for d in null zero full random urandom tty; do stat -c '%n %F %t:%T' /dev/$d; done; "
                   "echo x > /dev/null && head -c 1 /dev/zero | wc -c; readlink /dev/ptmx")
    assert "/dev/null character special file 1:3" in out and "/dev/tty character special file 5:0" in out
    assert out.splitlines()[-2:] == ["1", "pts/ptmx"]


def test_host_device_nodes_keep_owner_and_mode(box):
    before = {d: os.stat(f"/dev/{d}") for d in ("null", "zero", "full", "random", "urandom", "tty")}
    box.userns().args("/bin/true").run().ok()
    for d, old in before.items():
        new = os.stat(f"/dev/{d}")
        assert (new.st_uid, new.st_gid, new.st_mode, new.st_rdev) == (old.st_uid, old.st_gid, old.st_mode, old.st_rdev)


def test_listed_device_in_userns_is_bound_or_refused(box):
    box.userns()
    box.linux["devices"] = [{"path": "/dev/mynull", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}]
    box.resources["devices"] = []
    r = box.sh("stat -c '%F %t:%T' /dev/mynull").run()
    if r.rc:
        assert "/linux/devices/0" in r.err, r
    else:
        assert r.out == "character special file 1:3\n"


def test_bind_source_that_only_root_may_enter(box, tmp):
    """2.6: sources are opened before the user namespace is entered."""
    os.makedirs(tmp / "secret/inner")
    (tmp / "secret/inner/file").write_text("content")
    os.chmod(tmp / "secret", 0o700)
    box.userns().mount("/mnt", "bind", tmp / "secret/inner", ["bind", "ro"])
    assert box.sees("cat /mnt/file") == "content"


def test_proc_exe_is_roots_while_created(box):
    """CVE-2016-9962: non-dumpable until the program runs."""
    box.userns().sleep().create()
    assert os.lstat(f"/proc/{box.pid}/exe").st_uid == 0
    box.start()


def test_sysfs_mqueue_devpts_work(box):
    box.userns()
    out = box.sees("mount")
    for fs in ("proc", "sysfs", "mqueue", "devpts", "tmpfs"):
        assert f" type {fs} " in out


def test_tmpfs_belongs_to_root_inside(box):
    box.userns().mount("/mnt", "tmpfs", "tmpfs", ["mode=0750"])
    assert box.sees("stat -c '%u %g %a' /mnt /dev") .splitlines()[0] == "0 0 750"



def test_readonly_bind_of_nosuid_source_keeps_locked_flags(box, tmp, host_mount):
    """2.7: flags that the user namespace may not clear stay; asking for ro,nosuid,noexec works."""
    (tmp / "src").mkdir()
    host_mount("tmpfs", tmp / "src", "tmpfs", look.MS_NOSUID | look.MS_NODEV)
    box.userns().mount("/mnt", "bind", tmp / "src", ["bind", "ro", "nosuid", "noexec"])
    box.sleep().up()
    assert {"ro", "nosuid", "noexec", "nodev"} <= box.proc.mount("/mnt").opts


def test_exec_in_userns(box):
    box.userns().sleep().up()
    r = box.exec("sh", "-c", "id -u; cat /proc/self/uid_map").ok()
    assert r.out.split() == ["0", "0", "100000", "65536"]
    r = box.exec("id", "-u", flags=["--user", "12:13"]).ok()
    assert r.out == "12\n"


def test_kill_and_delete_in_userns(box):
    box.userns().sleep().up().stop().delete()
    box.nothing_left(patience=0)


def test_hooks_of_runtime_namespace_are_host_root(box, tmp):
    import harness
    path = harness.script(tmp / "h", f"cat > /dev/null; cat /proc/self/uid_map > {tmp}/log\n")
    box.userns().hook("createRuntime", path).sleep().create()
    assert (tmp / "log").read_text().split() == open("/proc/self/uid_map").read().split()


def test_identity_map_is_still_a_namespace(box):
    """2.23: compare the namespace, not the map."""
    box.userns(0, 4294967295).sleep().up()
    assert box.proc.ns("user") != Proc(os.getpid()).ns("user")


def test_groups_of_the_caller_are_dropped(box):
    """1d, CVE-2022-36109's class."""
    box.userns()
    r = box.sh("id -G").run(preexec=lambda: os.setgroups([4, 20, 27]))
    assert r.out == "0\n", r


def test_userns_with_seccomp_and_terminal_off(box):
    box.userns()
    box.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW",
                            "syscalls": [{"names": ["sysinfo"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}
    assert box.args("/bin/probe", "sys", "99").run().out == "-1 77\n"


def test_state_is_the_same_shape(box):
    box.userns().sleep().up()
    assert json.loads(json.dumps(box.state()))["status"] == "running"


@pytest.mark.parametrize("readonly", [False, True])
def test_root_owned_rootfs_is_usable(box, readonly):
    box.config["root"]["readonly"] = readonly
    box.userns()
    out = box.sees("stat -c %u / ; touch /x 2>&1 || true")
    assert out.splitlines()[0] == "65534"
    assert not (box.rootfs / "x").exists()
    assert stat.S_IMODE(os.stat(box.rootfs).st_mode) == 0o755


# ---- what the host's mounts forbid and hide: mount_namespaces(7), "Restrictions on mount namespaces"

LOCKED = {"ro": look.MS_RDONLY, "nosuid": look.MS_NOSUID, "nodev": look.MS_NODEV, "noexec": look.MS_NOEXEC}


def admin(box):
    """Root inside, who may mount."""
    return box.userns().caps("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_SYS_CHROOT")


def give(path):
    """To root inside."""
    for p in [path, *path.rglob("*")]:
        os.chown(p, 100000, 100000)


@pytest.mark.parametrize("kind", ["bind", "rbind"])
@pytest.mark.parametrize("flag", LOCKED)
def test_flags_of_the_hosts_mounts_are_locked(box, tmp, host_mount, flag, kind):
    (tmp / "src").mkdir()
    (tmp / "src/file").touch()
    give(tmp / "src")
    host_mount(tmp / "src", tmp / "src", None, look.MS_BIND)
    look.mount(None, tmp / "src", None, look.MS_BIND | look.MS_REMOUNT | LOCKED[flag])
    admin(box).mount("/mnt", "bind", tmp / "src", [kind])
    box.sh("mount -o remount,bind,rw,suid,dev,exec /mnt; mount -o remount,bind,rw /mnt; touch /mnt/new; echo end; exec probe sleep")
    box.up().wait_text("end")
    assert flag in box.proc.mount("/mnt").opts
    assert (tmp / "src/new").exists() == (flag != "ro")


def test_flags_of_the_roots_mount_are_locked(box, host_mount):
    host_mount(box.rootfs, box.rootfs, None, look.MS_BIND)
    look.mount(None, box.rootfs, None, look.MS_BIND | look.MS_REMOUNT | look.MS_NODEV | look.MS_NOSUID)
    admin(box).sh("mount -o remount,bind,suid,dev,rw /; echo end; exec probe sleep").up().wait_text("end")
    assert {"nosuid", "nodev"} <= box.proc.mount("/").opts


def test_submounts_of_the_host_hide_what_is_below(box, tmp, host_mount):
    (tmp / "src/sub").mkdir(parents=True)
    (tmp / "src/sub/hidden").write_text("hidden")
    give(tmp / "src")
    host_mount("cover", tmp / "src/sub", "tmpfs")
    admin(box).mount("/mnt", "bind", tmp / "src", ["rbind"])
    assert box.sees("umount /mnt/sub || umount -l /mnt/sub; cat /mnt/sub/hidden; mkdir /tmp/x; mount --bind /mnt /tmp/x; "
                    "cat /tmp/x/sub/hidden; echo end") == "end\n"


def test_bind_that_leaves_submounts_out_is_refused(box, tmp, host_mount):
    (tmp / "src/sub").mkdir(parents=True)
    host_mount("cover", tmp / "src/sub", "tmpfs")
    box.userns().mount("/mnt", "bind", tmp / "src", ["bind"]).refuse("rbind", pointers=[f"/mounts/{len(box.config['mounts']) - 1}"])


@pytest.mark.parametrize("option,flag", [("rw", "ro"), ("exec", "noexec"), ("suid", "nosuid"), ("dev", "nodev")])
def test_locked_flag_is_named_when_it_is_to_be_cleared(box, tmp, host_mount, option, flag):
    (tmp / "src").mkdir()
    host_mount(tmp / "src", tmp / "src", None, look.MS_BIND)
    look.mount(None, tmp / "src", None, look.MS_BIND | look.MS_REMOUNT | LOCKED[flag])
    box.userns().mount("/mnt", "bind", tmp / "src", ["bind", option]).refuse(f"{flag} may not be cleared")


def test_mounts_inside_never_reach_the_host(box, tmp, host_mount):
    """Not even with shared propagation asked for."""
    (tmp / "src/in").mkdir(parents=True)
    give(tmp / "src")
    host_mount(tmp / "src", tmp / "src", None, look.MS_BIND)
    look.mount(None, tmp / "src", None, look.MS_SHARED)
    admin(box).mount("/mnt", "bind", tmp / "src", ["rbind", "rshared"])
    box.linux["rootfsPropagation"] = "shared"
    box.sh("mount -t tmpfs t /mnt/in; echo end; exec probe sleep").up().wait_text("end")
    assert box.proc.mount("/mnt/in").fstype == "tmpfs"
    assert not [m for m in look.mounts() if m.target == str(tmp / "src/in")]


# ---- places that root inside may not reach by itself

@pytest.fixture(params=["", "openat2", "mount_setattr", "pidfd_open"])
def blocked(request, box, tools):
    from test_fallbacks import NR
    if request.param:
        box.nook.prefix = [tools["nosys"], "38", NR[request.param]]
    return request.param


@pytest.mark.parametrize("owner", [0, 5])
def test_sources_out_of_reach(box, tmp, owner, blocked):
    secret = tmp / "secret"
    (secret / "deep/dir").mkdir(parents=True)
    (secret / "deep/dir/file").write_text("bound")
    os.symlink(secret / "deep", tmp / "link")
    os.chown(secret, owner, owner)
    secret.chmod(0o700)
    (box.rootfs / "mnt/a").mkdir()
    (box.rootfs / "mnt/b").touch()
    (box.rootfs / "mnt/c").touch()
    box.userns().mount("/mnt/a", "bind", secret / "deep/dir", ["rbind", "ro"]).mount("/mnt/b", "bind", secret / "deep/dir/file", ["bind"])
    box.mount("/mnt/c", "bind", tmp / "link/dir/file", ["bind"])
    assert box.sees("cat /mnt/a/file /mnt/b /mnt/c") == "boundboundbound"


@pytest.mark.parametrize("owner", [0, 5])
def test_root_out_of_reach(box, owner, blocked):
    os.chown(box.dir, owner, owner)
    box.dir.chmod(0o700)
    assert box.userns().sees("cat /etc/passwd").startswith("root:")


@pytest.fixture
def secret(tmp, host_mount):
    """A read-only mount in a directory that no user namespace of nook's may enter."""
    path = tmp / "secret/dir"
    path.mkdir(parents=True)
    host_mount(path, path, None, look.MS_BIND)
    look.mount(None, path, None, look.MS_BIND | look.MS_REMOUNT | look.MS_RDONLY)
    os.chown(path.parent, 5, 5)
    path.parent.chmod(0o700)
    return path


def test_source_out_of_reach_is_locked_too(box, secret):
    admin(box).mount("/mnt", "bind", secret, ["bind"])
    box.sh("mount -o remount,bind,rw /mnt; echo end; exec probe sleep").up().wait_text("end")
    assert "ro" in box.proc.mount("/mnt").opts


def test_missing_source_is_refused(box, tmp):
    box.userns().mount("/mnt", "bind", tmp / "none", ["bind"]).refuse("No such file or directory", str(tmp / "none"))


def test_joined_user_namespace_locks_too(make_box, secret):
    a, b = make_box(), make_box()
    a.userns().sleep().up()
    admin(b).namespace("user", f"/proc/{a.pid}/ns/user").mount("/mnt", "bind", secret, ["bind"])
    del b.linux["uidMappings"], b.linux["gidMappings"]
    b.sh("mount -o remount,bind,rw /mnt; echo end; exec probe sleep").up().wait_text("end")
    assert "ro" in b.proc.mount("/mnt").opts
