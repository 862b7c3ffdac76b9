# SPDX-License-Identifier: Apache-2.0
"""`nook explain` says what create would do and does nothing; then create does just that."""

import json
import os
import re
import shutil

import pytest

import look
from harness import mentions

PARTS = ("parent", "child", "final")
# What would make, change or start something.
ACTIONS = """clone,clone3,fork,vfork,execveat,mount,umount2,move_mount,open_tree,fsopen,fsconfig,fsmount,mount_setattr,pivot_root,
chroot,unshare,setns,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,
rmdir,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,truncate,ftruncate,socket,connect,bind,kill,sethostname,
keyctl,bpf,seccomp""".replace("\n", "")


def explain(box, *flags, **kw):
    box.write()
    return timeless(box.nook("explain", "--bundle", box.dir, *flags, box.id, **kw).ok())


def timeless(result):
    """The keyring's name holds the time."""
    result.raw = re.sub(rb"\d\d:\d\d:\d\d\.\d+Z?", b"TIME", result.raw)
    return result


def plan(box, *flags, **kw):
    return explain(box, *flags, "--format", "json", **kw).json()


def named(steps, name):
    return [s for s in steps if s["step"] == name]


def destinations(steps):
    """Where the plan mounts something, in its order."""
    out = []
    for s in named(steps, "mount"):
        found = re.search(r" at (/\S*?),?( |$)", s["what"])
        assert found, s
        out.append(found.group(1))
    return out


def leads_somewhere(config, pointer):
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        try:
            config = config[int(token)] if isinstance(config, list) else config[token]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return True


def plain(box):
    return box.sleep()


def with_everything(box):
    (box.dir / "data").mkdir()
    (box.rootfs / "data").mkdir()
    (box.rootfs / "mnt/ro").mkdir()
    box.sleep().namespace("cgroup").mount("/data", "bind", box.dir / "data", ["rbind", "ro"])
    box.mount("/mnt/ro", "tmpfs", "t", ["ro", "size=1m"]).mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid"])
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    box.linux["rootfsPropagation"] = "private"
    box.resources["pids"] = {"limit": 50}
    box.linux["devices"] = [{"path": "/dev/extra", "type": "c", "major": 1, "minor": 3}]
    for kind in ("createRuntime", "createContainer", "startContainer", "poststop"):
        box.hook(kind, "/bin/true")
    box.config["domainname"] = "nook.test"
    box.config["root"]["readonly"] = True
    return box


def in_user_namespace(box):
    return box.sleep().userns()


def without_mount_namespace(box):
    box.sleep().no_namespace("mount")
    box.config["mounts"] = []
    box.linux["maskedPaths"] = box.linux["readonlyPaths"] = []
    return box


BUNDLES = [plain, with_everything, in_user_namespace, without_mount_namespace]


@pytest.fixture(params=BUNDLES, ids=lambda f: f.__name__)
def any_box(request, box):
    return request.param(box)


def test_json(any_box):
    result = plan(any_box)
    assert result["isolation"] == "oci"
    assert isinstance(result["warnings"], list)
    for part in PARTS:
        assert result[part], part
        for s in result[part]:
            assert s["step"] and s["what"] and set(s) <= {"step", "what", "origin"}, s
    names = [s["step"] for s in result["parent"]]
    assert names.index("claim-id") < names.index("clone") < names.index("save-state")
    assert result["final"][0]["step"] == "wait-start"
    assert result["final"][-1]["step"] == "execve"


def test_single_lines_of_the_config_are_named(any_box):
    for part in PARTS:
        for s in plan(any_box)[part]:
            origin = s.get("origin", "")
            if re.match(r"/(mounts|hooks|root|hostname|domainname|process|linux/(namespaces/|sysctl|masked|readonly))", origin):
                assert leads_somewhere(any_box.config, origin), s


def test_text_says_the_same(any_box):
    text = explain(any_box).out
    result = plan(any_box)
    for part in PARTS:
        for n, s in enumerate(result[part], 1):
            origin = f"  [{s['origin']}]" if "origin" in s else ""
            assert f"{n:4}  {s['step']:22} {s['what']}{origin}\n" in text, s
    assert len(text.splitlines()) == sum(len(result[p]) for p in PARTS) + 5  # three titles, two empty lines
    assert explain(any_box, "--format", "text").out == text


def test_nothing_is_done(any_box, tmp):
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    before = [(m.id, m.opts) for m in look.mounts()]
    files = sorted(map(str, any_box.dir.rglob("*")))
    any_box.write()
    trace = tmp / "strace"
    any_box.nook.prefix = ["strace", "-f", "-o", str(trace), "-e", f"trace={ACTIONS}"]
    any_box.nook("explain", "--bundle", any_box.dir, any_box.id).ok()
    done = [line for line in trace.read_text().splitlines() if "+++ exited with 0" not in line]
    assert not done, done
    assert not os.path.exists(any_box.nook.root)
    assert not look.cgroups_named(any_box.id)
    assert [(m.id, m.opts) for m in look.mounts()] == before
    assert sorted(map(str, any_box.dir.rglob("*"))) == sorted({*files, str(any_box.dir / "config.json")})


def test_create_mounts_what_was_explained(any_box):
    want = destinations(plan(any_box)["child"])
    any_box.create()
    have = [m.target for m in any_box.proc.mounts()]
    # Each is there, and (a later mount of the same list) in that order.
    position = -1
    for target in want:
        assert target in have[position + 1:], (f"{target} is missing, or not after the one before it", want, have)
        position = have.index(target, position + 1)


def test_create_makes_the_cgroups_that_were_explained(any_box):
    made = [s["what"] for s in named(plan(any_box)["parent"], "cgroup-make")]
    dirs = made[0].removeprefix("make ").split(", ") if made else []
    assert not look.cgroups_named(any_box.id)
    any_box.create()
    assert sorted(look.cgroups_named(any_box.id)) == sorted(dirs)


def test_namespaces_that_were_explained(any_box):
    what = named(plan(any_box)["parent"], "clone")[0]["what"]
    any_box.create()
    for kind, file in (("pid", "pid"), ("network", "net"), ("mount", "mnt"), ("ipc", "ipc"), ("uts", "uts"), ("user", "user")):
        own = os.readlink(f"/proc/self/ns/{file}") == any_box.proc.ns(file)
        assert own != bool(re.search(rf"\b{kind}\b", what.split(":")[-1])), (kind, what)


def test_the_id_may_be_left_out(box):
    box.sleep().write()
    out = timeless(box.nook("explain", "--bundle", box.dir)).ok().out
    assert "nook-example" in out or "cgroup" not in out
    assert timeless(box.nook("explain", cwd=box.dir)).ok().out == out


def test_options_of_create_show(box):
    box.sleep()
    result = plan(box, "--no-pivot", "--no-new-keyring", "--pid-file", "/nonexistent/pid")
    assert named(result["child"], "move-root") and not named(result["child"], "pivot-root")
    assert not named(result["child"], "keyring")
    assert named(result["parent"], "pid-file")[0]["what"] == "write the pid to /nonexistent/pid"


def test_a_terminal_is_no_reason_to_refuse(box):
    """The config that `nook spec` writes has one."""
    box.process["terminal"] = True
    assert named(plan(box.sleep())["child"], "terminal")


def test_what_create_refuses_is_refused(box):
    box.sleep()
    box.linux["sysctl"] = {"vm.swappiness": "1"}
    box.write()
    r = box.nook("explain", "--bundle", box.dir, box.id).fails()
    assert mentions(r.err, "/linux/sysctl/vm.swappiness")
    box.nook("explain", "--bundle", box.dir / "nowhere").fails("bundle")
    box.nook("explain", "--bundle", box.dir, "--format", "yaml").fails("yaml")
    box.nook("explain", "--bundle", box.dir, "bad/id").fails()
