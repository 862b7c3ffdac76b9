# SPDX-License-Identifier: Apache-2.0
"""The chroot isolation: what is isolated. Part 1 of chroot-isolation.md, CH-2 to CH-6 and CH-11, and how it is chosen; each
test has the id of its behaviour in its name, and docs/isolation.md the table."""

import json
import os
import subprocess

import pytest

import look
from look import Proc
from test_fallbacks import NR
from weaker import codes, lost, report

KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup", "time": "time"}
FIRST = {"mount": "mnt", "uts": "uts"}
ME = Proc(os.getpid())
ROOT = {"containerID": 0, "hostID": 0, "size": 1}


@pytest.fixture
def cbox(chroot_box):
    return chroot_box


def in_userns(box, script="true"):
    """nook is root of a user namespace of one id, in which `script` has been run."""
    box.nook.prefix = ["unshare", "-Urm", "sh", "-ec", f'{script}; exec "$@"', "sh"]
    return box


# -- how it is chosen ---------------------------------------------------------------------------------------------------------
def test_recorded_so_that_the_other_commands_need_no_flag(chroot_box):
    chroot_box.sleep().create()
    chroot_box.nook.globals = []
    chroot_box.start()
    assert report(chroot_box)["level"] == "chroot" and chroot_box.status == "running"
    assert chroot_box.exec("hostname").ok().out == "nook-test\n"
    chroot_box.stop().delete().nothing_left()


def test_by_the_environment_variable(box):
    box.sleep().create(env={"NOOK_ISOLATION": "chroot"})
    assert report(box)["level"] == "chroot" and report(box)["policy"] == "strict"


def test_oci_is_the_default_and_has_no_report(box):
    box.sleep().create()
    assert "isolation" not in box.state()


@pytest.mark.parametrize("target", ["file", "fd"])
def test_report(cbox, tmp, target):
    """The report of create is that of state."""
    with open(tmp / "report", "w+b") as out:
        where = str(tmp / "report") if target == "file" else f"fd:{out.fileno()}"
        cbox.sleep().create("--report", where, pass_fds=(out.fileno(),))
    assert json.loads((tmp / "report").read_text()) == report(cbox)
    assert {"proc.outer", "sys.outer", "dev.outer-nodes"} <= codes(cbox)
    for entry in report(cbox)["lost"]:
        assert set(entry) >= {"code", "field", "reason", "effect", "refused"} and entry["refused"] is False


def test_check_reports_too(cbox, tmp):
    cbox.sleep().write().nook("check", "--bundle", cbox.dir, "--report", tmp / "dry").ok()
    cbox.create()
    assert json.loads((tmp / "dry").read_text()) == report(cbox)


# -- CH-2: namespaces ---------------------------------------------------------------------------------------------------------
def test_ch_2_mount_and_uts_namespaces_are_always_new(cbox):
    cbox.linux["namespaces"] = []
    del cbox.config["hostname"]
    cbox.sleep().create()
    for kind, file in KINDS.items():
        assert (cbox.proc.ns(file) != ME.ns(file)) == (kind in FIRST), kind
    assert {("ns.mount.added", "/linux/namespaces"), ("ns.uts.added", "/linux/namespaces")} <= set(lost(cbox))


@pytest.mark.parametrize("kind", KINDS)
def test_ch_2_those_of_the_config_are_made_where_the_place_allows(cbox, kind):
    """More than the model does (chroot-isolation.md part 4): pid, network, ipc, cgroup, time are made too."""
    cbox.linux["namespaces"] = [{"type": t} for t in ({"mount", "uts"} | {kind})]
    cbox.sleep().create()
    for other, file in KINDS.items():
        assert (cbox.proc.ns(file) != ME.ns(file)) == (other in FIRST or other == kind), other
    assert not [c for c in codes(cbox) if c.startswith("ns.")]


# -- CH-3: the user namespace -------------------------------------------------------------------------------------------------
def maps(box):
    return [[int(n) for n in line.split()] for name in ("uid_map", "gid_map") for line in box.proc.text(name).splitlines()]


def test_ch_3_no_user_namespace_unless_asked_for(cbox):
    cbox.sleep().create()
    assert cbox.proc.ns("user") == ME.ns("user")


@pytest.mark.parametrize("by", ["mappings", "namespace", "both"])
def test_ch_3_user_namespace_by_mappings_or_by_its_entry(cbox, by):
    if by != "mappings":
        cbox.namespace("user")
    if by != "namespace":
        cbox.linux["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 10}]
        cbox.linux["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 10}]
    cbox.sleep().create()
    assert cbox.proc.ns("user") != ME.ns("user")
    here = [0, 0, 2**32 - 1]
    assert maps(cbox) == ([here, here] if by == "namespace" else [[0, 100000, 10], [0, 200000, 10]])


@pytest.mark.parametrize("half", ["uidMappings", "gidMappings"])
def test_ch_3_a_missing_half_is_the_identity(cbox, half):
    cbox.linux[half] = [{"containerID": 0, "hostID": 100000, "size": 10}]
    cbox.sleep().create()
    given, here = [0, 100000, 10], [0, 0, 2**32 - 1]
    assert maps(cbox) == ([given, here] if half == "uidMappings" else [here, given])


def test_ch_3_a_user_namespace_that_cannot_be_had_is_refused(cbox):
    in_userns(cbox, "echo 0 > /proc/sys/user/max_user_namespaces").namespace("user")
    cbox.linux.update(uidMappings=[ROOT], gidMappings=[ROOT])
    cbox.sleep().refuse("ns.user.shared", "sysctl-limit", pointers=["/linux/namespaces/5"])


# -- CH-5: the host name ------------------------------------------------------------------------------------------------------
def names_of(box):
    out = subprocess.run(["nsenter", "-u", "-t", str(box.pid), "sh", "-c", "hostname; cat /proc/sys/kernel/domainname"],
                         stdout=subprocess.PIPE, check=True, text=True)
    return out.stdout.split()


def test_ch_5_hostname_and_domainname_in_the_new_namespace(cbox):
    mine = os.uname().nodename
    cbox.config["domainname"] = "of.tests"
    cbox.sleep().create()
    assert names_of(cbox) == ["nook-test", "of.tests"]
    assert os.uname().nodename == mine


def test_ch_5_a_name_that_cannot_be_set_is_logged_and_no_error(cbox, tools, tmp):
    cbox.nook.prefix = [tools["nosys"], "1", NR["sethostname"]]
    cbox.nook.globals += ["--log", str(tmp / "log"), "--log-level", "warning"]
    cbox.sleep().up()
    cbox.nook.prefix = []
    assert names_of(cbox)[0] == os.uname().nodename
    assert "set the host name" in (tmp / "log").read_text()


# -- CH-6: what cannot be had -------------------------------------------------------------------------------------------------
LIMITED = [("network", "net", "ns.network.shared"), ("ipc", "ipc", "ns.ipc.shared"), ("uts", "uts", "ns.uts.shared"),
           ("cgroup", "cgroup", "ns.cgroup.shared"), ("time", "time", "ns.time.shared")]


@pytest.mark.parametrize("kind,limit,code", LIMITED, ids=[row[0] for row in LIMITED])
def test_ch_6_what_cannot_be_made_is_shared_and_logged(cbox, tmp, kind, limit, code):
    in_userns(cbox, f"echo 0 > /proc/sys/user/max_{limit}_namespaces")
    cbox.linux["namespaces"] = [{"type": t} for t in dict.fromkeys(("mount", "pid", "uts", kind))]
    if kind == "uts":
        del cbox.config["hostname"]
    cbox.nook.globals += ["--log", str(tmp / "log"), "--log-level", "info", "--chroot-policy=warn"]
    cbox.sleep().up()
    field = f"/linux/namespaces/{2 if kind == 'uts' else 3}"
    assert lost(cbox)[code, field]["reason"] == "sysctl-limit"
    assert cbox.proc.ns(KINDS[kind]) == ME.ns(KINDS[kind])
    text = (tmp / "log").read_text()
    assert f"{code} at {field}" in text
    assert ("level=warning" in text) == (kind == "network"), "what strict would refuse is a warning"


def test_ch_6_a_network_that_cannot_be_had_is_refused(cbox):
    """Not in silence: the config asks for a network of its own, and processes would have the outer one."""
    in_userns(cbox, "echo 0 > /proc/sys/user/max_net_namespaces").sleep()
    cbox.refuse("ns.network.shared", "user.max_net_namespaces", pointers=["/linux/namespaces/1"])


def test_ch_6_nothing_is_done_without_a_mount_namespace(cbox):
    """It would be done to everybody: the model always has one, so do we, or nothing."""
    in_userns(cbox, "echo 0 > /proc/sys/user/max_mnt_namespaces").sleep()
    cbox.refuse("chroot isolation is not possible here", "sysctl-limit", "--isolation=bare")


def test_ch_6_namespaces_by_path_are_tried(cbox, make_box):
    other = make_box("other").sleep().up()
    for kind in ("network", "ipc", "uts"):
        cbox.namespace(kind, f"/proc/{other.pid}/ns/{KINDS[kind]}")
    del cbox.config["hostname"]
    cbox.sleep().create()
    for kind in ("network", "ipc", "uts"):
        assert cbox.proc.ns(KINDS[kind]) == other.proc.ns(KINDS[kind]), kind


def test_ch_6_a_mount_namespace_is_never_joined(cbox):
    cbox.namespace("mount", f"/proc/{os.getpid()}/ns/mnt").sleep()
    cbox.refuse("ns.not-joined", pointers=["/linux/namespaces/4"])
    cbox.nook.globals += ["--chroot-policy=warn"]
    cbox.create()
    assert cbox.proc.ns("mnt") != ME.ns("mnt")
    assert ("ns.not-joined", "/linux/namespaces/4") in lost(cbox)


# -- CH-11, D-1: the root -----------------------------------------------------------------------------------------------------
def test_ch_11_d_1_the_root_is_entered_by_pivot_root(cbox):
    """chroot(2) in the model. Nothing of the outer mounts is left, so nothing leads back to them."""
    cbox.linux.update(maskedPaths=[], readonlyPaths=[])
    cbox.sleep().create()
    table = cbox.proc.mounts()
    root = [m for m in table if m.target == "/"]
    assert len(root) == 1 and root[0].root.endswith(str(cbox.rootfs)), root
    inner = [m for m in table if m.id != root[0].id]
    assert all(m.target.startswith(("/proc", "/sys", "/dev")) for m in inner), inner
    assert report(cbox)["rootEntry"] == "pivot_root"
    assert os.stat(f"/proc/{cbox.pid}/root").st_ino == os.stat(cbox.rootfs).st_ino


def test_d_1_after_chroot_nobody_can_chroot_again(cbox):
    """--no-pivot is the fallback by hand: CAP_SYS_CHROOT leaves every set, and with it the way out."""
    names = ["CAP_SYS_CHROOT", "CAP_KILL"]
    cbox.caps(*names, sets=("bounding", "effective", "permitted", "inheritable", "ambient"))
    cbox.sh("chroot /tmp /none 2>&1; exec probe sleep").up("--no-pivot").wait_text("root directory to '/tmp': Operation not permitted")
    assert report(cbox)["rootEntry"] == "chroot"
    for key in ("CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(cbox.proc.status(key), 16) == 1 << 5, key
    assert {"root.chroot", "capabilities.no-chroot"} <= codes(cbox)


def test_d_1_after_pivot_root_it_may_be_kept(cbox):
    cbox.caps("CAP_SYS_CHROOT")
    cbox.sh("chroot /tmp /none 2>&1; exec probe sleep").up().wait_text("can't execute '/none'")  # it was entered
    assert int(cbox.proc.status("CapBnd"), 16) == 1 << 18


@pytest.mark.parametrize("flags,word", [([], "0 0"), (["--no-pivot"], "-1 1")], ids=["pivot_root", "chroot"])
def test_d_1_nested_user_namespaces_work_after_pivot_root(cbox, flags, word):
    unshare = 272 if os.uname().machine == "x86_64" else 97
    assert cbox.args("/bin/probe", "sys", str(unshare), str(0x10000000)).run(*flags).ok().out == word + "\n"


# -- CH-14: the end -----------------------------------------------------------------------------------------------------------
def test_ch_14_no_mount_is_left_even_when_the_root_is_busy(cbox):
    """The root's mount lives in the container's mount namespace alone: there is nothing to be undone, and nothing can be busy."""
    before = {m.id for m in look.mounts()}
    cbox.sleep().up()
    assert {m.id for m in look.mounts()} == before
    busy = os.open(f"/proc/{cbox.pid}/root/bin", os.O_RDONLY)
    cbox.stop().delete()
    assert {m.id for m in look.mounts()} == before
    assert "busybox" in os.listdir(busy)
    os.close(busy)
    cbox.nothing_left()


# -- a cgroup whose devices cannot be restricted ----------------------------------------------------------------------------------
@pytest.mark.parametrize("isolation", ["chroot", "bare"])
@pytest.mark.parametrize("policy", ["strict", "warn"])
def test_device_rules_without_cap_sys_admin(box, isolation, policy):
    """Root may make the cgroup, and nobody but CAP_SYS_ADMIN may write its device rules: limits are set, rules are reported."""
    if not look.has_controller("pids"):
        pytest.skip("no pids controller")
    box.nook.prefix = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    box.nook.globals = [f"--isolation={isolation}", f"--chroot-policy={policy}"]
    box.resources.update(pids={"limit": 11}, devices=[{"allow": False, "access": "rwm"}])
    box.sleep()
    if (isolation, policy) == ("bare", "strict"):
        box.refuse("bare isolation cannot apply this here")
        return
    box.create()
    code = "resources.devices.not-applied" if isolation == "bare" else "resources.devices.moot"
    finding, = [f for f in report(box)["lost"] if f["code"] == code]
    assert (finding["field"], finding["reason"]) == ("/linux/resources/devices", "no-capability")
    assert (look.cgroup_dir(box.pid, "pids") / "pids.max").read_text() == "11\n"
