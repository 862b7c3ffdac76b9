# SPDX-License-Identifier: Apache-2.0
"""The same bundle under oci and under chroot on the open host: the same answers, except for the differences that the report
lists. differential.py asks, differential_cases.py has the bundles, here is what an entry of the report explains."""

import json
import os
import re

import pytest

import look
from differential import Outside, Run, Setup
from differential_cases import CASES

LOCKED = "nodev,noexec,nosuid,relatime,ro"  # a borrowed tree, in mountinfo
LOCKED_STATFS = "ro,nosuid,nodev,noexec,relatime"
NODE = "/dev/(null|zero|full|random|urandom|tty)"


def borrowed(at):
    """A tree of the outside, read-only, in place of a new file system."""
    return [
        (rf"mount:{at}#\d:opts", f".* -> {LOCKED}"),
        (rf"mount:{at}#\d:(sopts|source)", ".* -> .*"),
        (r"mount:{readonly}#\d:\w+", ".* -> -"),  # read-only already
        (rf"mount:{at}/.+#\d:opts", f"- -> {LOCKED}"),  # what is mounted in it outside
        (rf"mount:{at}/.+#\d:propagation", "- -> private"),
        (rf"mount:{at}/.+#\d:(fstype|source|sopts|root)", "- -> .*"),
        (f"path:{at}(/.*)?:flags", f".* -> {LOCKED_STATFS}"),
        (f"path:{at}(/.*)?:access", "r (.*) w .* x (.*) -> r \\1 w (EROFS|EACCES) x \\2"),
        (f"path:{at}(/.*)?:(write|create)", ".* -> (EROFS|EACCES)"),
    ]


# Which answers an entry of this code explains, and how they may differ: regular expressions for the whole key and for the whole
# "oci's answer -> chroot's answer", where "-" is none. {at}: the place that the entry's field names. {readonly}: the config's
# readonlyPaths. {root}: where a root that was entered by chroot(2) is mounted. {nodes}: device nodes, the default ones and the config's.
RULES = {
    "proc.outer": [
        *borrowed("{at}"),
        ("proc:processes", "(own|none) -> others too"),
        ("proc:self", "own pid -> another pid"),
        ("proc:other-roots", "none -> reached|reached -> none"),  # when there happens to be a process of the same user with no more capabilities
    ],
    "sys.outer": [
        *borrowed("{at}"),
        ("path:{at}/class/net:entries", ".* -> .*"),  # the network namespace's are a new sysfs's
        ("path:{at}/fs/cgroup:(entries|fs|mode|size)", ".* -> .*"),
    ],
    "cgroup.mount.skipped": [
        (r"mount:{at}(/.*)?#\d:\w+", ".* -> .*"),
        (r"path:{at}(/.*)?:\w+", ".* -> .*"),
    ],
    "dev.outer-nodes": [
        (r"mount:{nodes}#\d:opts", "- -> noexec,nosuid,relatime,rw"),
        (r"mount:{nodes}#\d:propagation", "- -> private"),
        (r"mount:{nodes}#\d:(fstype|source|sopts|root)", "- -> .*"),
        ("path:{nodes}:flags", ".* -> nosuid,noexec,relatime"),
        ("path:{nodes}:(size|fs|mode|owner|access|open-read|open-write)", ".* -> .*"),
        ("left:/rootfs{nodes}", "20.* -> 100644 0:0 "),  # what the node is bound over
    ],
    "dev.added": [
        (r"mount:/dev(/.*)?#\d:\w+", "- -> .*"),
        (r"path:/dev(/.*)?:[\w-]+", ".* -> .*"),
        ("left:/rootfs/dev/.*", ".* -> -"),  # the image's stays as it is
    ],
    "dev.host": [
        (r"mount:/dev(/.*)?#\d:\w+", ".* -> .*"),
        (r"path:/dev(/.*)?:[\w-]+", ".* -> .*"),
    ],
    "mount.recursive": [
        (r"mount:{at}/.+#\d:\w+", "- -> .*"),
        (r"path:{at}/.+:\w+", ".* -> .*"),
    ],
    "mount.readonly.recursive": [
        (r"mount:{at}/.+#\d:opts", "(.*,)?rw -> (.*,)?ro"),
        ("path:{at}/.+:flags", "(.*) -> ro,\\1"),
        ("path:{at}/.+:create", ".* -> EROFS"),
        ("path:{at}/.+:access", "r (.*) w .* x (.*) -> r \\1 w EROFS x \\2"),
    ],
    "mount.private": [(r"mount:{at}(/.*)?#\d:propagation", "(slave|shared) -> private")],
    "mount.propagation.private": [(r"mount:{at}(/.*)?#\d:propagation", "shared -> private")],
    "mount.type.skipped": [
        (r"mount:{at}#\d:\w+", ".* -> -"),
        (r"path:{at}:\w+", ".* -> .*"),
        ("left:/rootfs{at}", ".* -> -"),
    ],
    "root.propagation": [(r"mount:/.*#\d:propagation", "(shared|slave) -> private")],
    "root.chroot": [
        ("out:(cwd|exe)", "/.* -> {root}/.*"),
        ("out:cwd", "/ -> {root}"),
        ("try:userns", "ok -> EPERM"),  # which the kernel refuses after chroot(2)
    ],
    "capabilities.no-chroot": [
        ("cap:.*|out:Cap.*", "without CAP_SYS_CHROOT"),
        ("try:chroot(-escape)?", "ok -> EPERM"),
    ],
    "ns.mount.added": [
        ("ns:mnt", "host -> own"),
        # Where oci has no mount namespace of its own it enters the root by chroot(2).
        ("out:(cwd|exe)", "{root}/.* -> /.*"),
        ("out:cwd", "{root} -> /"),
        ("try:userns", "EPERM -> ok"),
    ],
    # Not among the losses, but the report says how the container is killed.
    "kill=supervisor": [
        ("prctl:pdeathsig", "0 -> 9"),
        ("try:signal-parent", "ok -> EPERM"),  # Landlock, which also keeps tracers in
        ("proc:other-roots", "reached -> none"),
    ],
    "ns.uts.added": [("ns:uts", "host -> own")],
    "resources.devices.moot": [
        (r"mount:/#\d:opts", "(.*) -> nodev,\\1"),
        ("path:/.*:flags", "(.*) -> nodev,\\1"),
    ],
    "proc.outer.ptrace": [("proc:other-roots", "none -> reached")],
}
RULES["ns.not-joined"] = [("ns:mnt", "joined -> own"), *RULES["ns.mount.added"][1:]]
SYS_CHROOT = 1 << 18


def alternatives(patterns):
    return "(?:" + "|".join(patterns) + ")" if patterns else "(?!)"


def change_of(key, old, new):
    """How the answers differ, as the rules read it."""
    sets = [int(v, 16) for v in (old, new) if v and re.fullmatch("[0-9a-f]{16}", v) and key.startswith(("cap:", "out:Cap"))]
    if len(sets) == 2 and sets[0] & ~SYS_CHROOT == sets[1]:
        return "without CAP_SYS_CHROOT"
    return f"{'-' if old is None else old} -> {'-' if new is None else new}"


class Entry:
    """One entry of the report, with its rules made concrete."""

    def __init__(self, code, field, bundle, config):
        self.code, self.field, self.seen = code, field, False
        assert self.code in RULES, f"nobody knows what {self.code} explains"
        linux = config.get("linux", {})
        words = {
            "at": re.escape(self._place(config)), "root": alternatives([re.escape(f"{bundle}/rootfs"), "/root"]),
            "readonly": alternatives(map(re.escape, linux.get("readonlyPaths", []))),
            "nodes": alternatives([NODE, *(re.escape(d["path"]) for d in linux.get("devices", []))])}
        self.rules = [[re.compile(self._fill(pattern, words), re.DOTALL) for pattern in rule] for rule in RULES[self.code]]

    @staticmethod
    def _fill(pattern, words):
        return re.sub(r"\{([a-z]+)\}", lambda m: words[m.group(1)], pattern)

    def _place(self, config):
        kind, _, index = self.field.strip("/").partition("/")
        return os.path.normpath(config["mounts"][int(index)]["destination"]) if kind == "mounts" else self.field.removeprefix("default:")

    def explains(self, key, change):
        found = any(keys.fullmatch(key) and changes.fullmatch(change) for keys, changes in self.rules)
        self.seen = self.seen or found
        return found

    def __repr__(self):
        return f"{self.code} {self.field}"


def compare(oci, chroot, entries):
    """(differences that no entry explains, entries that explain no difference)"""
    unexplained = []
    for key in sorted(set(oci) | set(chroot)):
        if oci.get(key) == chroot.get(key):
            continue
        change = change_of(re.sub(r"^exec\d+:", "", key), oci.get(key), chroot.get(key))
        # Every entry is asked, for a difference may be a sign of several.
        if not any([e.explains(re.sub(r"^exec\d+:", "", key), change) for e in entries]):
            unexplained.append(f"{key}: {oci.get(key)!r} -> {chroot.get(key)!r}")
    return unexplained, [e for e in entries if not e.seen]


@pytest.fixture
def outside(tmp, host_mount):
    o = Outside(tmp, host_mount)
    yield o
    o.close()


@pytest.fixture
def ask(nook, tmp, tag, tools, answers, outside):
    """ask(case, isolation) -> its answers, and the report's entries"""
    nook.ids.append(tag)

    def run(case, isolation):
        s = Setup(nook, tag, tmp, {**tools, "answers": answers}, outside)
        case.make(s)
        nook.globals = [f"--isolation={isolation}", *s.globals]
        report = tmp / "report"
        out = Run(s).answers(*(["--report", report] if isolation == "chroot" else []))
        nook.globals = []
        if isolation == "oci":
            return out, []
        said = json.loads(report.read_text())
        entries = [(e["code"], e["field"]) for e in said["lost"]] + [("kill=supervisor", "")] * (said["kill"] == "supervisor")
        return out, [Entry(*e, s.box.dir, s.box.config) for e in entries]

    return run


@pytest.mark.parametrize("name", CASES)
def test_the_report_lists_every_difference(ask, name):
    case = CASES[name]
    oci, _ = ask(case, "oci")
    chroot, entries = ask(case, "chroot")
    unexplained, unseen = compare(oci, chroot, entries)
    assert not unexplained, "\n".join(["not in the report:", *unexplained, "the report:", *map(repr, entries)])
    assert {e.code for e in entries} == case.reports, entries
    assert not [e for e in unseen if e.code not in case.unseen], "reported, but nothing differs"
    assert case.unseen <= {e.code for e in unseen}, "said to be unseen, but seen"


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143),
                                          ("ulimit -c 0; kill -SEGV $$", 139), ("exec /no/such", 127)])
@pytest.mark.parametrize("pids", ["own", "shared"])
def test_the_same_exit_code(box, nook, script, code, pids):
    box.sh(f"echo said; {script}")
    if pids == "shared":
        box.no_namespace("pid")
    elif "kill" in script:  # PID 1 takes no such signal from within
        box.sh(f"echo said; sh -c '{script}'; exit $?")
    for isolation in ("oci", "chroot"):
        nook.globals = [f"--isolation={isolation}"]
        r = box.run()
        assert (r.rc, r.out) == (code, "said\n"), (isolation, r)


@pytest.mark.parametrize("place", ["/proc", "/sys", "/sys/fs/cgroup"])
def test_the_outer_file_systems_are_not_remounted_by_another_name(box, nook, place):
    """In the root a link leads there, so that the planner does not see it; the host must not feel it."""
    os.symlink(place, box.rootfs / "link")
    box.mount("/link", None, None, ["remount", "hidepid=2"] if place == "/proc" else ["remount", "ro"])
    nook.globals = ["--isolation=chroot"]
    before = [vars(m) for m in look.mounts()]
    box.refuse("refused to remount", place)
    assert [vars(m) for m in look.mounts()] == before


# ---------------------------------------------------------------- the comparison itself
def test_a_difference_must_be_explained(ask):
    """Whatever answer is changed, the comparison notices it; and an entry that explains nothing, too."""
    oci, _ = ask(CASES["default"], "oci")
    entry = lambda code, field: Entry(code, field, "/b", {"mounts": [{"destination": "/proc"}]})
    report = lambda: [entry("proc.outer", "/mounts/0"), entry("dev.outer-nodes", "default:/dev")]
    assert len(oci) > 500
    assert compare(oci, dict(oci), report())[0] == []
    assert [e.code for e in compare(oci, dict(oci), report())[1]] == ["proc.outer", "dev.outer-nodes"]
    for key in oci:
        if re.match("(mount|path):(/proc|/dev/)|proc:", key):
            continue
        for other in ({**oci, key: oci[key] + "x"}, {k: v for k, v in oci.items() if k != key}):
            assert len(compare(oci, other, report())[0]) == 1, key
    # Neither is it enough that an entry knows the question: the answer must differ as it says.
    for key, value in {"mount:/proc#1:opts": "rw", "path:/proc/sys:write": "ok", "proc:self": "own", "path:/dev/null:flags": "nosuid,nodev",
                       "mount:/dev/null#1:propagation": "shared", "path:/dev/null:type": "file"}.items():
        assert oci.get(key) != value and compare(oci, {**oci, key: value}, report())[0], key
