# SPDX-License-Identifier: Apache-2.0
"""The restricted places themselves (place.py): each refuses what such a place refuses, and allows what it allows; and other
runtimes fail in them for that reason and no other."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import engine_bundle
import harness
import look
import place as places

LOOK = Path(look.__file__).read_text()
INNER = ["C", "F", "A+userns"]  # those with a user namespace of their own
ALL = ["C", "F", "A", "A+userns", "E"]


# as the outer one is: fewer flags would be refused for themselves
FRESH_SYSFS = "mount('s', '/mnt', 'sysfs', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)"


def in_places(*levels):
    return pytest.mark.parametrize("place", levels, indirect=True)


def attempt(place, code, *prefix):
    """Runs a piece of Python in the place, with look's names: "ok", or the name of the errno that it failed with."""
    code = "".join(f"    {line}\n" for line in code.splitlines())
    text = f"{LOOK}\nimport socket\ntry:\n{code}    print('ok')\nexcept OSError as e:\n    print(errno.errorcode[e.errno])\n"
    script = place.tmp / "attempt.py"
    script.write_text(text)
    return place.run(*prefix, "/usr/bin/python3", "-B", script).ok().out.strip()


def fails(result, pattern):
    assert result.rc != 0 and re.search(pattern, result.err, re.I), result


# ---------------------------------------------------------------------------------------------- what is refused

@in_places(*INNER)
def test_a_fresh_procfs_is_refused(place):
    result = place.run("unshare", "-mpf", "mount", "-t", "proc", "p", "/mnt")
    assert result.rc != 0 and "permission denied" in result.err
    for options in (None, "subset=pid", "hidepid=2"):
        code = f"mount('p', '/mnt', 'proc', MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, {options!r})"
        assert attempt(place, code, "unshare", "-mpf") == "EPERM"
    assert attempt(place, FRESH_SYSFS, "unshare", "-mn") == "EPERM"


@pytest.mark.parametrize("level", INNER)
def test_the_masks_are_what_refuses_it(make_place, level):
    place = make_place(level, masks=False)
    place.run("unshare", "-mpf", "mount", "-t", "proc", "p", "/mnt").ok()
    assert attempt(place, FRESH_SYSFS, "unshare", "-mn") == "ok"


@in_places(*INNER)
@pytest.mark.parametrize("path", ["/proc", "/sys"])
def test_only_a_recursive_bind_of_the_outer_one_works(place, path):
    assert attempt(place, f"mount('{path}', '/mnt', None, MS_BIND)", "unshare", "-m") == "EINVAL"
    assert attempt(place, f"mount('{path}', '/mnt', None, MS_BIND | MS_REC)", "unshare", "-m") == "ok"


@in_places(*INNER)
def test_masks_and_flags_are_locked(place):
    assert attempt(place, "umount('/proc/acpi')") == "EINVAL"
    assert attempt(place, "mount(None, '/proc/sys', None, MS_REMOUNT | MS_BIND)") == "EPERM"
    assert attempt(place, "mount(None, '/proc', None, MS_REMOUNT | MS_BIND | MS_NOSUID)") == "EPERM"


@in_places(*ALL)
def test_cgroups_are_read_only(place):
    tops = place.run("findmnt", "-rno", "TARGET", "-t", "cgroup,cgroup2").ok().lines()
    assert tops
    for top in tops:
        assert attempt(place, f"os.mkdir('{top}/nkt-place')") == "EROFS"


@in_places(*ALL)
def test_sysctls_are_read_only(place):
    # One that belongs to the caller: others are refused to strangers before the mount is looked at.
    prefix = ["unshare", "-i"] if place.level in INNER else []
    assert attempt(place, "os.open('/proc/sys/kernel/msgmax', os.O_WRONLY)", *prefix) == "EROFS"


@in_places(*INNER)
def test_no_device_nodes(place):
    place.run("mkdir", "/run/d").ok()
    assert attempt(place, "os.mknod('/run/d/null', 0o20666, os.makedev(1, 3))") == "EPERM"


@in_places("F", "A+userns")
def test_no_groups_in_a_map_of_one_id(place):
    assert attempt(place, "os.setgroups([])") == "EPERM"
    assert attempt(place, "os.setuid(1)") == "EINVAL"


@in_places("A")
def test_a_pod_with_dockers_capabilities(place):
    caps = look.Proc(place.init).status("CapBnd")
    assert caps == look.Proc(place.init).status("CapEff") == "00000000a80425fb"
    for flag in ("-m", "-p", "-i", "-u", "-n", "-C"):
        fails(place.run("unshare", flag, "true"), "Operation not permitted")
    fails(place.run("mount", "-t", "tmpfs", "t", "/mnt"), "permission denied")
    place.run("unshare", "-U", "true").ok()
    place.run("unshare", "-Ur", "unshare", "-m", "true").ok()


@in_places("E")
def test_a_pod_with_dockers_filter(place):
    assert look.Proc(place.init).status("Seccomp") == "2" and look.Proc(place.init).status("NoNewPrivs") == "0"
    refused = """mount('t', '/mnt', 'tmpfs')
umount('/proc')
unshare(0x10000000)
unshare(CLONE_NEWNS)
_check(libc.setns(os.open('/proc/self/ns/uts', os.O_RDONLY), 0), 'setns')
socket.sethostname('x')
_check(libc.setdomainname(b'x', 1), 'setdomainname')
_check(libc.syscall(155, b'.', b'.'), 'pivot_root')
_check(libc.syscall(250, 0, -3, 1), 'keyctl')
_check(libc.syscall(428, -100, b'/', 0), 'open_tree')
_check(libc.syscall(429, -1, b'', -1, b'', 0), 'move_mount')
_check(libc.syscall(430, b'proc', 0), 'fsopen')
_check(libc.syscall(442, -1, b'', 0, None, 0), 'mount_setattr')
_check(libc.syscall(467, -1, b'', 0, None, 0), 'open_tree_attr')""" if os.uname().machine == "x86_64" else "unshare(CLONE_NEWNS)"
    for line in refused.splitlines():
        assert attempt(place, line) == "EPERM", line
    if os.uname().machine == "x86_64":
        for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
            assert attempt(place, f"_check(libc.syscall(56, {flag | signal.SIGCHLD}, 0, 0, 0, 0), 'clone')") == "EPERM"
        assert attempt(place, "_check(libc.syscall(435, None, 0), 'clone3')") == "ENOSYS"


@in_places("A", "E")
def test_chroot_is_what_is_left(place):
    assert attempt(place, "os.chroot('/tmp')") == "ok"


# ---------------------------------------------------------------------------------------------- what is allowed

@in_places(*INNER)
def test_namespaces_and_harmless_file_systems(place):
    script = ("hostname inner; mount -t tmpfs t /mnt; mkdir /mnt/p /mnt/q /mnt/old; mount -t devpts -o newinstance d /mnt/p; "
              "mount -t mqueue m /mnt/q; mount --rbind /bin /mnt/old; cd /mnt; pivot_root . old")
    place.run("unshare", "-mpfuinC", "sh", "-ec", script).ok()


@in_places(*ALL)
def test_what_a_place_sees(place):
    """The test's files; its own few processes; no mount of the host beyond those of the recipe."""
    assert place.run("cat", place.tmp / "attempt").rc != 0
    (place.tmp / "attempt").write_text("here")
    place.give(place.tmp / "attempt")
    assert place.run("cat", place.tmp / "attempt").ok().out == "here"
    assert place.run("stat", "-c", "%u", place.tmp / "attempt").ok().out == "0\n"
    assert place.run("id", "-u").ok().out == "0\n"
    assert len([n for n in place.run("ls", "/proc").ok().out.split() if n.isdigit()]) == 2
    kinds = place.run("findmnt", "-rno", "FSTYPE,TARGET").ok().lines()
    assert [k for k in kinds if k.startswith("proc ")][0] == "proc /proc" and kinds.count("proc /proc") == 1


# ---------------------------------------------------------------------------------------------- as a test ground

@in_places("open", *ALL)
def test_a_command_is_as_if_it_ran_outside(place, tmp):
    (tmp / "d").mkdir()
    result = place.sh('cat; echo "$WORD $1 $(pwd)"; echo no >&2; exit 7', "arg", stdin=subprocess.DEVNULL, cwd=tmp / "d",
                      env={"WORD": "w", "PATH": os.environ["PATH"]})
    assert (result.rc, result.out, result.err) == (7, f"w arg {tmp}/d\n", "no\n")
    r, w = os.pipe()
    with os.fdopen(r, "rb") as reader:
        place.run("bash", "-c", f"echo by descriptor >&{w}", pass_fds=[w]).ok()
        os.close(w)
        assert reader.read() == b"by descriptor\n"
    assert place.sh("kill -USR1 $$").rc == 128 + signal.SIGUSR1


@in_places("C")
def test_signals_reach_a_command(place):
    with subprocess.Popen([*place.prefix, "sh", "-c", "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.01; done"],
                          stdout=subprocess.PIPE) as p:
        assert p.stdout.readline() == b"up\n"
        p.terminate()
        assert p.stdout.read() == b"got\n" and p.wait() == 5
    with subprocess.Popen([*place.prefix, "sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE) as p:
        assert p.stdout.readline() == b"up\n" and len(place.left()) == 1
        p.kill()
        look.wait_until(lambda: not place.left(), what="the command to die with its caller")


@in_places("C", "F", "A", "E")
def test_orphans_are_adopted(place):
    """As a subreaper outside of the runtime would: conmon, a shim."""
    pid = int(place.sh("sh -c 'sleep 0.2; exit 5' >/dev/null 2>&1 & echo $!").ok().out)
    outside = look.Proc(place.host_pid(pid))
    assert outside.pid in place.left()
    assert int(outside.stat()[1]) == place.init
    assert os.waitstatus_to_exitcode(place.wait(pid)) == 5
    pid = int(place.sh("sleep 60 >/dev/null 2>&1 & echo $!").ok().out)
    os.kill(place.host_pid(pid), signal.SIGTERM)
    assert os.waitstatus_to_exitcode(place.wait(pid)) == -signal.SIGTERM
    assert place.left() == []


@in_places("C", "F")
def test_a_nested_process_is_found(place):
    with subprocess.Popen([*place.prefix, "unshare", "-pf", "sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE) as p:
        assert p.stdout.readline() == b"up\n"
        outer, inner = place.left()
        _, middle, innermost = look.Proc(inner).status("NSpid").split()
        assert innermost == "1" and place.host_pid(middle) == inner and int(look.Proc(inner).stat()[1]) == outer
        p.kill()


@in_places("C")
def test_a_place_stays_the_same(place):
    place.sh("hostname stays; mkdir /run/x; mount -t tmpfs t /run/x; echo 1 >/run/x/file").ok()
    assert place.sh("hostname; cat /run/x/file").ok().out == "stays\n1\n"
    assert not os.path.exists("/run/x")


def test_a_place_that_cannot_be_made(make_place):
    with pytest.raises(AssertionError, match="no place C: .*nonsense"):
        make_place("C", setup="nonsense")


@pytest.mark.parametrize("level", ALL)
def test_nothing_outlives_a_place(tmp, tools, level):
    before = {m.id for m in look.mounts()}
    with pytest.raises(ZeroDivisionError), places.Place(level, tmp, tools) as place:
        place.sh("setsid sleep 60 >/dev/null 2>&1 & sleep 60 >/dev/null 2>&1 &").ok()
        members = place.members()
        assert len(members) >= 3
        raise ZeroDivisionError
    assert [pid for pid in members if look.Proc(pid).alive()] == []
    assert {m.id for m in look.mounts()} == before
    assert place.run("true").rc != 0


@in_places("C", "E")
def test_a_place_ends_with_its_test(place):
    """Also when that is killed and closes nothing."""
    place.sh("setsid sleep 60 >/dev/null 2>&1 &").ok()
    members = place.members()
    place.control.close()
    look.wait_until(lambda: not [pid for pid in members if look.Proc(pid).alive()], what="the place to end")


# ---------------------------------------------------------------------------------------------- the others fail here

# Debian 12's crun refuses the hybrid layout when the v2 hierarchy has controllers.
PURE_V1 = "f=sys/fs/cgroup/unified/cgroup.controllers; [ ! -e $f ] || mount --bind /dev/null $f"
RUNTIMES = {"crun": ["--cgroup-manager=disabled"], "runc": ["--rootless=true"]}


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


def run_other(runtime, place, tmp, tools, tag):
    """The default bundle, without all that such a place could also fail for: it must not be cgroups, keys or a gid."""
    box = harness.Box(None, tag, tmp / "b", tools)
    box.config["ociVersion"] = "1.0.2"  # Debian 12's crun knows no later one
    del box.linux["resources"]
    box.config["mounts"][2]["options"].remove("gid=5")
    box.process["capabilities"] = {}
    box.sh("echo it runs").write()
    place.give(box.dir)
    return run_bundle(runtime, place, tmp, tag, box.dir)


def run_bundle(runtime, place, tmp, tag, bundle):
    root = tmp / "other"
    root.mkdir()
    place.give(root)
    return place.run(runtime, "--root", root, *RUNTIMES[runtime], "run", "--no-new-keyring", "--bundle", bundle, tag)


@pytest.mark.parametrize("level", ["open", *INNER])
def test_others_run_the_bundle_elsewhere(runtime, make_place, tmp, tools, tag, level):
    place = make_place(level, masks=False, setup=PURE_V1)
    assert run_other(runtime, place, tmp, tools, tag).ok().out == "it runs\n"


@pytest.mark.parametrize("level", INNER)
def test_others_cannot_mount_proc(runtime, make_place, tmp, tools, tag, level):
    place = make_place(level, setup=PURE_V1)
    fails(run_other(runtime, place, tmp, tools, tag), "mount.*proc.*not permitted")


@pytest.mark.parametrize("level", ["A", "E"])
def test_others_cannot_make_namespaces(runtime, make_place, tmp, tools, tag, level):
    place = make_place(level, setup=PURE_V1)
    fails(run_other(runtime, place, tmp, tools, tag), "(clone|unshare).*not permitted")


# ---------------------------------------------------------------------------------------------- engines' bundles

PODS = ["podman-pod", "podman-shared", "podman-readonly", "buildah", "buildah-rootless"]


@in_places("open")
@pytest.mark.parametrize("engine_box", engine_bundle.VARIANTS, indirect=True)
def test_an_engines_bundle_runs_outside(engine_box, place):
    script = "id -u; cat /etc/hostname; echo; [ -c /dev/null ] && grep -q ' /dev/shm ' /proc/mounts && echo fine"
    lines = engine_box.sh(script).run().ok().lines()
    assert lines[0] == "0" and len(lines[1]) == 12 and lines[-1] == "fine"


@in_places("C")
@pytest.mark.parametrize("engine_box", ["podman"], indirect=True)
def test_an_engines_bundle_is_what_the_engine_made(engine_box, engine_bundles, place):
    config = engine_bundles["podman"].config
    assert config["linux"]["resources"]["pids"] == {"limit": 2048} and "seccomp" in config["linux"]
    assert config["linux"]["cgroupsPath"].startswith("/libpod_parent/libpod-")
    assert config["annotations"]["io.container.manager"] == "libpod"
    assert place.run("stat", "-c", "%u", engine_box.dir, engine_box.rootfs / "etc/passwd").ok().lines() == ["0", "0"]
    assert place.run("test", "-w", engine_box.rootfs / "etc").rc == 0
    binds = [m for m in engine_box.config["mounts"] if m["type"] == "bind"]
    assert binds and all(m["source"].startswith(f"{engine_box.dir}/sources/") for m in binds)


@pytest.mark.parametrize("name", PODS)
@pytest.mark.parametrize("level", INNER)
def test_others_fail_with_engines_bundles(runtime, make_place, engine_bundles, tmp, tag, level, name):
    if name not in engine_bundles:
        pytest.skip(f"{name.split('-')[0]} is not installed")
    place = make_place(level, setup=PURE_V1)
    engine_bundles[name].copy(tmp / "b")
    place.give(tmp / "b")
    fails(run_bundle(runtime, place, tmp, tag, tmp / "b"), "mount.*proc.*not permitted|/proc/sys/net/.*read-only")
