# SPDX-License-Identifier: Apache-2.0
"""AppArmor profiles on the container's programs, on a host that has it (tests/vm is one): spec-checklist PR-8, and
security.md 2, number 20. What a process is confined by is read from the host's /proc."""

import json
import os
import shutil
import subprocess

import pytest

import harness
import look
from look import Proc

ENABLED = "/sys/module/apparmor/parameters/enabled"
RULES = "file, capability, network, mount, umount, pivot_root, ptrace, signal, unix, userns,"
# Named after us, so that what is loaded by others stays theirs; {} are further rules.
PROFILE = "abi <abi/4.0>,\nprofile {name} flags=(attach_disconnected,mediate_deleted{flags}) {{ {rules} {more} }}\n"


def enabled():
    return os.path.exists(ENABLED) and open(ENABLED, encoding="ascii").read().startswith("Y") and shutil.which("apparmor_parser")


pytestmark = pytest.mark.skipif(not enabled(), reason="no AppArmor here, or no apparmor_parser")


class Profiles:
    def __init__(self, tag):
        self.tag, self.loaded = tag, []

    def _parser(self, *flags, text):
        subprocess.run(["apparmor_parser", "--skip-cache", *flags], input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def load(self, name, more="", flags="", rules=RULES):
        """Loads a profile that allows everything but what `more` denies; returns its name."""
        name = f"{self.tag}-{name}"
        text = PROFILE.format(name=name, rules=rules, more=more, flags=flags and "," + flags)
        self._parser("--replace", text=text)
        self.loaded.append(text)
        return name

    def unload(self):
        for text in self.loaded:
            self._parser("--remove", text=text)


@pytest.fixture
def profiles(tag):
    made = Profiles(tag)
    yield made
    made.unload()


@pytest.fixture
def profile(profiles):
    return profiles.load("inner", "deny /tmp/forbidden w,")


def label(pid):
    return Proc(pid).text("attr/apparmor/current").strip()


def confine(box, name):
    """Everything that nook is from now on runs under this profile itself."""
    box.nook.prefix = ["aa-exec", "-p", name, "--"]


@pytest.mark.parametrize("no_new_privs", [False, True], ids=["", "noNewPrivileges"])
@pytest.mark.parametrize("isolation", ["oci", "chroot"])
def test_pr8_profile_is_applied(box, profile, no_new_privs, isolation):
    box.nook.globals = [f"--isolation={isolation}"]
    box.process.update(apparmorProfile=profile, noNewPrivileges=no_new_privs)
    box.sleep().create()
    assert label(box.pid) == "unconfined", "hooks and init itself are nook's, not the container's"
    box.start()
    assert label(box.pid) == f"{profile} (enforce)"


def test_profile_bites_and_exec_inherits_it(box, profile):
    box.process["apparmorProfile"] = profile
    box.sleep().up()
    r = box.exec("sh", "-c", "touch /tmp/fine && echo fine; touch /tmp/forbidden")
    assert r.rc == 1 and r.out == "fine\n" and "Permission denied" in r.err, r
    assert box.exec("cat", "/proc/self/attr/apparmor/current").ok().out == f"{profile} (enforce)\n"


def test_exec_with_another_profile(box, profiles, profile):
    other = profiles.load("other", "deny /tmp/other w,")
    box.process["apparmorProfile"] = profile
    box.sleep().up()
    flags = ["--apparmor", other]
    assert box.exec("cat", "/proc/self/attr/apparmor/current", flags=flags).ok().out == f"{other} (enforce)\n"
    r = box.exec("sh", "-c", "touch /tmp/forbidden && echo fine; touch /tmp/other", flags=flags)
    assert r.rc == 1 and r.out == "fine\n", r


def test_user_namespace(box, profile):
    box.userns().process["apparmorProfile"] = profile
    os.chown(box.rootfs, 100000, 100000)
    box.sleep().up()
    assert label(box.pid) == f"{profile} (enforce)"
    assert box.exec("cat", "/proc/self/attr/apparmor/current").ok().out == f"{profile} (enforce)\n"


def test_without_root(box, profile):
    """The label is set before the user's id and capabilities go."""
    box.process["apparmorProfile"] = profile
    box.process["user"] = {"uid": 1000, "gid": 1000}
    box.caps()
    box.sleep().up()
    assert label(box.pid) == f"{profile} (enforce)"


def test_complain_mode(box, profiles):
    name = profiles.load("complain", flags="complain")
    box.process["apparmorProfile"] = name
    box.sleep().up()
    assert label(box.pid) == f"{name} (complain)"


def test_unconfined(box):
    box.process["apparmorProfile"] = "unconfined"
    box.sleep().up()
    assert label(box.pid) == "unconfined"


# -- what cannot be ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["no-such-profile", "unconfined_x", "unconfinedd", "un"])
def test_not_loaded_is_refused_by_name_at_create(box, name):
    box.process["apparmorProfile"] = name
    box.refuse(f'the AppArmor profile "{name}" is not loaded', pointers=["/process/apparmorProfile"])


def test_not_loaded_is_refused_at_exec(box):
    box.sleep().up()
    box.exec("true", flags=["--apparmor", "no-such-profile"]).fails('the AppArmor profile "no-such-profile" is not loaded', rc=255)


def test_unloaded_between_create_and_start(box, profiles):
    """The kernel has the last word; the error names the profile and the file."""
    name = profiles.load("brief")
    box.process["apparmorProfile"] = name
    box.sleep().create()
    profiles.unload()
    profiles.loaded.clear()
    box.nook("start", box.id).fails(f'the profile "{name}" is not loaded', "`/proc/", "/attr/", "/process/apparmorProfile")


def test_check_says_it(box):
    box.process["apparmorProfile"] = "no-such-profile"
    box.write()
    r = box.nook("check", "--bundle", box.dir, "--format=json")
    lines = [line for line in r.json()["lines"] if line["field"] == "/process/apparmorProfile"]
    assert r.rc == 1 and [(line["verdict"], line["code"]) for line in lines] == [("refused", "lsm.not-loaded")], r


# -- nook under a profile itself ----------------------------------------------------------------------------------------
def test_confined_nook_exchanges_the_profile(box, profiles, profile):
    outer = profiles.load("outer", "change_profile,")
    box.process.update(apparmorProfile=profile, noNewPrivileges=False)
    confine(box, outer)
    box.sleep().up()
    assert label(box.pid) == f"{profile} (enforce)"


def test_confined_nook_with_no_new_privs_stacks_the_profile(box, profiles, profile):
    """The kernel lets nobody with no_new_privs out of a profile; both hold then."""
    outer = profiles.load("outer", "change_profile, deny /tmp/outer w,")
    box.process.update(apparmorProfile=profile, noNewPrivileges=True)
    confine(box, outer)
    box.sleep().up()
    both = {f"{profile}//&{outer} (enforce)", f"{outer}//&{profile} (enforce)"}
    assert label(box.pid) in both
    r = box.exec("sh", "-c", "touch /tmp/forbidden; touch /tmp/outer; touch /tmp/fine && echo fine")
    assert r.out == "fine\n" and r.err.count("Permission denied") == 2, r


def test_no_new_privs_of_the_caller_stacks_too(box, profiles, profile):
    outer = profiles.load("outer", "change_profile,")
    box.process.update(apparmorProfile=profile, noNewPrivileges=False)
    confine(box, outer)
    box.nook.prefix += ["setpriv", "--no-new-privs"]
    box.sleep().up()
    assert "//&" in label(box.pid)


def test_profile_in_unconfined_mode_does_not_confine(box, profiles, profile):
    """As Debian's own profiles of podman and crun are: no stacking there."""
    outer = profiles.load("outer", flags="unconfined", rules="")
    box.process.update(apparmorProfile=profile, noNewPrivileges=True)
    confine(box, outer)
    box.sleep().up()
    assert label(box.pid) == f"{profile} (enforce)"


def test_profile_around_us_that_forbids_it_is_named(box, profiles, profile):
    outer = profiles.load("outer")
    box.process.update(apparmorProfile=profile, noNewPrivileges=False)
    confine(box, outer)
    box.sleep().create()
    box.nook("start", box.id).fails(outer, f"change_profile -> {profile}", "/process/apparmorProfile")


def test_profile_around_us_without_userns_is_named(box, profiles):
    outer = profiles.load("outer", rules=RULES.replace("userns,", "deny userns,"))
    box.userns()
    confine(box, outer)
    box.write()
    r = box.nook("create", "--bundle", box.dir, box.id)
    r.fails("AppArmor", outer)


def test_check_names_the_profile_around_us(box, profiles):
    outer = profiles.load("outer", rules=RULES.replace("userns,", "deny userns,"))
    box.userns()
    confine(box, outer)
    box.write()
    r = box.nook("check", "--bundle", box.dir, "--format=json")
    why = [line for line in r.json()["lines"] if line["verdict"] == "refused"]
    assert r.rc == 1 and any(line["reason"] == "lsm" and outer in line["mitigation"] for line in why), json.dumps(why, indent=1)


# -- /proc that lies ----------------------------------------------------------------------------------------------------
def test_cve_2019_16884_label_goes_past_a_fake_proc(box, profile, tmp):
    fake = tmp / "fake"
    for name in ("self/attr/apparmor", "thread-self/attr/apparmor"):
        (fake / name).mkdir(parents=True)
        for file in ("exec", "current"):
            (fake / name / file).write_text("untouched")
            (fake / name / ".." / file).write_text("untouched")
    box.unmount("/proc").mount("/proc", "bind", fake, ["rbind"])
    box.linux.update(maskedPaths=[], readonlyPaths=[])
    box.process["apparmorProfile"] = profile
    r = box.sleep().try_create()
    if r.rc == 0:
        box.start()
        assert label(box.pid) == f"{profile} (enforce)"
    assert {p.read_text() for p in fake.rglob("*") if p.is_file()} == {"untouched"}


def test_features_say_it(nook):
    assert nook("features").ok().json()["linux"]["apparmor"]["enabled"]


def test_hooks_are_not_confined(box, profile, tmp):
    script = harness.script(tmp / "hook", f"cat /proc/self/attr/apparmor/current > {tmp}/seen\n")
    box.hook("poststart", script)
    box.process["apparmorProfile"] = profile
    box.sleep().up()
    assert (tmp / "seen").read_text() == "unconfined\n"
    assert look.Proc(box.pid).alive()
