#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures nook beside the crun and runc that are installed, and beside `floor`, the lower bound. `chroot` is nook
with --isolation=chroot.

All run the same bundle, in one go and interleaved: round by round each runtime once, in an order drawn anew each time, so
that what else the machine does hits all alike. Times are wall-clock from before the spawn until after the wait, taken by
`stopwatch` (a small static program); the table gives medians.

Before each command there is a rest, since nobody runs containers in a tight loop, and a loop measures something else: a
process that is moved to another v1 cgroup by its number, as crun and runc do it, waits some milliseconds for RCU, but
not when the same has been done just before, also by another one. `--rest 0` shows the difference.

It works in a private mount namespace. On a hybrid cgroup host it unmounts the v2 hierarchy there, because Debian 12's
crun refuses to work when v2 has a controller; so all of them see a v1 host. Nothing outside notices.

The runtimes keep their states on a tmpfs, as they do in /run. On a disk what they create and delete all the time would
be measured as much as they are: an ext4 that discards waits for the disk at each unlink, and one without a journal looks
ever longer for an inode that was not freed lately.
"""

import argparse
import contextlib
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CGROOT = "/sys/fs/cgroup"
PROFILE = "/usr/share/containers/seccomp.json"
PODMAN_CAPS = ["CAP_" + c for c in ("CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP "
                                    "SETUID SYS_CHROOT").split()]
# name, title, unit, what nook must reach: {other: at most this ratio}
ROWS = [
    ("run", "run /bin/true", "ms", {"floor": 1.6, "crun": 0.45}),
    ("lifecycle", "create + start + delete", "ms", {"crun": 0.4}),
    ("force", "create + start + delete -f, still running", "ms", {"crun": 0.4}),
    ("state", "state", "ms", {"crun": 0.35}),
    ("exec", "exec true", "ms", {"crun": 0.45}),
    ("seccomp", "run, podman's seccomp profile, warm", "ms", {}),
    ("rss", "peak RSS of run", "MB", {}),
]
RSS_LIMIT_MB = 2.5
CHROOT_LIMIT = 1.3  # of nook's own run, in full isolation
RUN_ONLY = ("floor", "chroot")
COLOURS = {"floor": "#9aa0a6", "nook": "#1a73e8", "chroot": "#8ab4f8", "crun": "#e8710a", "runc": "#188038"}


class Trouble(Exception):
    """What a person running the bench should read: one line, no traceback."""


class Stopwatch:
    def __init__(self, program, stderr_path, rest):
        self.program, self.stderr_path, self.rest = program, stderr_path, rest
        self.stderr = open(stderr_path, "ab")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr,
                                        text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def ask(self, *argv):
        self.process.stdin.write("\t".join(argv) + "\n")
        self.process.stdin.flush()
        return tuple(int(word) for word in self.process.stdout.readline().split())

    def run(self, argv, check=True):
        """-> (milliseconds, peak RSS in KiB)"""
        time.sleep(self.rest)
        ns, rss, status = self.ask(*argv)
        if status and check:
            with open(self.stderr_path, "rb") as f:
                tail = f.read()[-600:].decode(errors="replace").strip()
            raise Trouble(f"`{' '.join(argv)}` exited with {status}: {tail}")
        return ns / 1e6, rss

    def wait_gone(self, pid):
        """Reap an init that became ours; whatever it was, it must be gone within 10 s."""
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{pid}"):
            self.ask("-")
            if time.monotonic() > deadline:
                raise Trouble(f"process {pid} did not end within 10 s")
            time.sleep(0.0005)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.stderr.close()


def make_run(top):
    """The tmpfs for the states; it is in our mount namespace only."""
    run = os.path.join(top, "run")
    os.mkdir(run)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "nook-bench", run], check=True)


def remove(top):
    subprocess.run(["umount", "-l", os.path.join(top, "run")], check=False)
    shutil.rmtree(top, ignore_errors=True)


def machine_arch():
    names = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x"}
    return names.get(platform.machine(), platform.machine())


def oci_seccomp(profile, caps, arch):
    """podman's profile -> linux.seccomp, as podman does it: entries that apply to this arch and these capabilities."""
    out = {"defaultAction": profile["defaultAction"], "architectures": [], "syscalls": []}
    if "defaultErrnoRet" in profile:
        out["defaultErrnoRet"] = profile["defaultErrnoRet"]
    native = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64", "riscv64": "SCMP_ARCH_RISCV64",
              "ppc64le": "SCMP_ARCH_PPC64LE", "s390x": "SCMP_ARCH_S390X"}.get(arch)
    for entry in profile.get("archMap") or []:
        if entry["architecture"] == native:
            out["architectures"] = [native] + (entry.get("subArchitectures") or [])
    for call in profile["syscalls"]:
        includes, excludes = call.get("includes") or {}, call.get("excludes") or {}
        if arch in (excludes.get("arches") or []) or set(excludes.get("caps") or []) & set(caps):
            continue
        if includes.get("arches") and arch not in includes["arches"]:
            continue
        if not set(includes.get("caps") or []) <= set(caps):
            continue
        rule = {"names": call.get("names") or [call["name"]], "action": call["action"]}
        if call.get("args"):
            rule["args"] = call["args"]
        if call.get("errnoRet") is not None and call["action"] == "SCMP_ACT_ERRNO":
            rule["errnoRet"] = call["errnoRet"]
        out["syscalls"].append(rule)
    return out


def make_bundles(top, busybox):
    """Three bundles over one busybox root: true, sleep, and true with podman's seccomp profile."""
    with open(os.path.join(HERE, "config.json")) as f:
        config = json.load(f)
    rootfs = os.path.join(top, "rootfs")
    for name in ("bin", "proc", "dev", "sys", "tmp", "etc"):
        os.makedirs(os.path.join(rootfs, name))
    shutil.copy(busybox, os.path.join(rootfs, "bin/busybox"))
    for name in ("true", "sleep", "sh"):
        os.symlink("busybox", os.path.join(rootfs, "bin", name))
    config["root"]["path"] = rootfs

    def write(name, args, seccomp=None):
        config["process"]["args"] = args
        config["linux"].pop("seccomp", None)
        if seccomp:
            config["linux"]["seccomp"] = seccomp
        bundle = os.path.join(top, name)
        os.mkdir(bundle)
        with open(os.path.join(bundle, "config.json"), "w") as f:
            json.dump(config, f, indent=1)
        return bundle

    bundles = {"true": write("true", ["/bin/true"]), "sleep": write("sleep", ["/bin/sleep", "1000"])}
    if os.path.exists(PROFILE):
        with open(PROFILE) as f:
            bundles["seccomp"] = write("seccomp", ["/bin/true"], oci_seccomp(json.load(f), PODMAN_CAPS, machine_arch()))
    return bundles


class Runtime:
    def __init__(self, name, program, top, watch, bundles, flags=()):
        self.name, self.program, self.watch, self.bundles, self.flags = name, program, watch, bundles, flags
        self.root = os.path.join(top, "run", name)
        self.pid_file = os.path.join(top, name + ".pid")
        self.container = f"bench{os.getpid()}-{name}"
        self.sleeper = self.container + "-sleeper"

    def command(self, *args):
        return [self.program, "--root", self.root, *self.flags, *args]

    def time(self, *args):
        return self.watch.run(self.command(*args))

    def init_pid(self):
        with open(self.pid_file) as f:
            return int(f.read())

    def measure(self, row):
        """One sample of a row: (milliseconds, KiB)."""
        if row in ("run", "seccomp"):
            return self.time("run", "-b", self.bundles["true" if row == "run" else row], self.container)
        if row == "state":
            return self.time("state", self.sleeper)
        if row == "exec":
            return self.time("exec", self.sleeper, "/bin/true")
        bundle = self.bundles["true" if row == "lifecycle" else "sleep"]
        made = self.time("create", "-b", bundle, "--pid-file", self.pid_file, self.container)
        pid = self.init_pid()
        started = self.time("start", self.container)
        if row == "lifecycle":
            self.watch.wait_gone(pid)
            gone = self.time("delete", self.container)
        else:
            gone = self.time("delete", "-f", self.container)
            self.watch.wait_gone(pid)
        return made[0] + started[0] + gone[0], max(made[1], started[1], gone[1])

    def start_sleeper(self):
        self.time("create", "-b", self.bundles["sleep"], "--pid-file", self.pid_file, self.sleeper)
        self.time("start", self.sleeper)

    def clean(self):
        for container in (self.container, self.sleeper):
            with contextlib.suppress(Exception):
                self.watch.run(self.command("delete", "-f", container), check=False)
        self.watch.ask("-")


class Floor:
    """Knows `run` only."""

    def __init__(self, program, watch, rootfs):
        self.name, self.program, self.watch, self.rootfs = "floor", program, watch, rootfs

    def measure(self, row):
        return self.watch.run([self.program, self.rootfs, f"bench{os.getpid()}-floor"])

    def start_sleeper(self):
        pass

    def clean(self):
        pass


def measure_all(runtimes, rounds, skip_seccomp):
    samples = {row: {} for row, *_ in ROWS}
    failed = {}
    order = random.Random(1)
    for runtime in runtimes:
        try:
            runtime.start_sleeper()
        except Trouble as trouble:
            failed[runtime.name] = str(trouble)
    for row, title, _, _ in ROWS:
        if row == "rss" or (row == "seccomp" and skip_seccomp):
            continue
        present = [r for r in runtimes if r.name not in failed and (row == "run" or r.name not in RUN_ONLY)]
        print(f"  {title} ...", file=sys.stderr, flush=True)
        for turn in range(-3, rounds):  # three rounds to warm up
            for runtime in order.sample(present, len(present)):
                if runtime.name in failed:
                    continue
                try:
                    ms, kib = runtime.measure(row)
                except Trouble as trouble:
                    failed[runtime.name] = str(trouble)
                    continue
                if turn >= 0:
                    samples[row].setdefault(runtime.name, []).append(ms)
                    if row == "run":
                        samples["rss"].setdefault(runtime.name, []).append(kib / 1024)
    return samples, failed


def empty_start(watch):
    """Milliseconds that a static program takes which does nothing (stopwatch, with nothing to read). Everybody pays it
    for each program that begins, the runtime and the container's; where a hypervisor traps CPUID, of which libc's start
    makes some fifty, it is most of the time of `state`."""
    return statistics.median(watch.run([watch.program])[0] for _ in range(40))


def quartiles(values):
    ordered = sorted(values)
    return {"n": len(ordered), "min": round(ordered[0], 3), "p25": round(ordered[len(ordered) // 4], 3),
            "median": round(statistics.median(ordered), 3), "p75": round(ordered[3 * len(ordered) // 4], 3)}


def summarise(samples):
    return {row: {name: quartiles(values) for name, values in by_name.items()}
            for row, by_name in samples.items() if by_name}


def ratio(summary, row, other):
    try:
        return summary[row]["nook"]["median"] / summary[row][other]["median"]
    except KeyError:
        return None


def goals(summary):
    """-> [(text, reached)] for what the project promised."""
    out = []
    for row, title, _, limits in ROWS:
        for other, limit in limits.items():
            value = ratio(summary, row, other)
            if value is not None:
                out.append((f"{title}: {value:.2f}x {other} (at most {limit}x)", value <= limit))
    chroot = summary.get("run", {}).get("chroot")
    if chroot and "nook" in summary["run"]:
        value = chroot["median"] / summary["run"]["nook"]["median"]
        out.append((f"run in chroot isolation: {value:.2f}x nook's run (at most {CHROOT_LIMIT}x)", value <= CHROOT_LIMIT))
    if "nook" in summary.get("rss", {}):
        rss = summary["rss"]["nook"]["median"]
        out.append((f"peak RSS: {rss:.2f} MB (at most {RSS_LIMIT_MB} MB)", rss <= RSS_LIMIT_MB))
    return out


def table(summary, names, markdown):
    head = ["median"] + names + [f"nook / {n}" for n in names if n != "nook" and "nook" in names]
    lines = [head]
    for row, title, unit, _ in ROWS:
        if row not in summary:
            continue
        cells = [f"{title}, {unit}"]
        for name in names:
            cells.append(f"{summary[row][name]['median']:.2f}" if name in summary[row] else "-")
        for name in names:
            if name != "nook" and "nook" in names:
                value = ratio(summary, row, name)
                cells.append("-" if value is None else f"{value:.2f}")
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def join(line, separator):
        first, rest = line[0].ljust(widths[0]), [c.rjust(w) for c, w in zip(line[1:], widths[1:])]
        return separator.join([first] + rest)

    if not markdown:
        return "\n".join(join(line, "  ") for line in lines)
    rule = ["-" * widths[0]] + ["-" * (w - 1) + ":" for w in widths[1:]]
    return "\n".join("| " + join(line, " | ") + " |" for line in [lines[0], rule] + lines[1:])


def chart(summary, names, subtitle):
    """One panel a row, each with its own scale: lengths compare within a panel."""
    left, width, bar, gap = 70, 520, 16, 5
    parts, y = [], 62
    for row, title, unit, _ in ROWS:
        if row not in summary:
            continue
        shown = [n for n in names if n in summary[row]]
        longest = max(summary[row][n]["median"] for n in shown)
        parts.append(f'<text x="16" y="{y}" font-weight="bold">{title}</text>')
        y += 8
        for name in shown:
            value = summary[row][name]["median"]
            length = max(1.0, value / longest * width)
            parts.append(f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{name}</text>'
                         f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar}" fill="{COLOURS[name]}"/>'
                         f'<text x="{left + length + 6:.1f}" y="{y + 12}">{value:.1f} {unit}</text>')
            y += bar + gap
        y += 22
    total = left + width + 90
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {y}" width="{total}" height="{y}" '
            f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n'
            f'<text x="16" y="24" font-size="15" font-weight="bold">OCI runtimes: medians, less is better</text>\n'
            f'<text x="16" y="41" fill="#555">{subtitle}</text>\n' + "\n".join(parts) + "\n</svg>\n")


def version(program):
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10).stdout.splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return "unknown"


def private_mounts(argv):
    """Start over in a private mount namespace, without the v2 hierarchy of a hybrid host."""
    if os.environ.get("NOOK_BENCH_INSIDE"):
        if os.path.isdir(CGROOT + "/unified") and os.path.exists(CGROOT + "/unified/cgroup.procs"):
            subprocess.run(["umount", CGROOT + "/unified"], check=True)
        return
    os.environ["NOOK_BENCH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, __file__, *argv])


def find_runtimes(options):
    found = {}
    if options.nook and os.access(options.nook, os.X_OK):
        found["nook"] = os.path.abspath(options.nook)
    else:
        print(f"bench: no nook at {options.nook}: measuring the others only", file=sys.stderr)
    for name in ("crun", "runc"):
        path = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
        if path:
            found[name] = path
        else:
            print(f"bench: {name} is not installed, left out (apt-get install {name})", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nook", help="the nook to measure")
    parser.add_argument("--tools", required=True, help="directory of the programs floor and stopwatch")
    parser.add_argument("--out", required=True, help="directory for bench.json, bench.svg, bench.md")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "40")))
    parser.add_argument("--rest", type=float, default=float(os.environ.get("REST", "30")), metavar="MS",
                        help="milliseconds before each command")
    parser.add_argument("--busybox", default=shutil.which("busybox") or "/bin/busybox", help="a static busybox")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise Trouble("must be root: it makes containers and cgroups")
    if not os.path.exists(options.busybox):
        raise Trouble("no busybox (apt-get install busybox-static)")
    private_mounts(sys.argv[1:])

    programs = find_runtimes(options)
    load = os.getloadavg()[0]
    if load > 0.7:
        print(f"bench: the load is {load:.1f}: times will be too long, ratios less exact", file=sys.stderr)
    top = tempfile.mkdtemp(prefix="nook-bench.")
    make_run(top)
    watch = Stopwatch(os.path.join(options.tools, "stopwatch"), os.path.join(top, "stderr"), options.rest / 1000)
    runtimes = []
    try:
        bundles = make_bundles(top, options.busybox)
        runtimes = [Floor(os.path.join(options.tools, "floor"), watch, os.path.join(top, "rootfs"))]
        runtimes += [Runtime(name, path, top, watch, bundles) for name, path in programs.items()]
        if "nook" in programs:
            runtimes.insert(2, Runtime("chroot", programs["nook"], top, watch, bundles, ["--isolation=chroot"]))
        begin = time.monotonic()
        empty = empty_start(watch)
        samples, failed = measure_all(runtimes, options.rounds, "seccomp" not in bundles)
        seconds = time.monotonic() - begin
    finally:
        for runtime in runtimes:
            runtime.clean()
        watch.close()
        remove(top)

    summary = summarise(samples)
    names = [r.name for r in runtimes if any(r.name in row for row in summary.values())]
    versions = {name: version(path) for name, path in programs.items()}
    host = {"kernel": platform.release(), "arch": platform.machine(), "cpus": os.cpu_count(), "load": round(load, 2)}
    subtitle = f"{options.rounds} rounds, interleaved, {options.rest:g} ms of rest before each; Linux {host['kernel']}, {host['cpus']} CPUs; " + ", ".join(
        versions[n] for n in names if n in versions)
    result = {"host": host, "rounds": options.rounds, "rest_ms": options.rest, "seconds": round(seconds, 1), "versions": versions,
              "empty_start_ms": round(empty, 3), "rows": summary, "failed": failed,
              "goals": [{"goal": g, "reached": ok} for g, ok in goals(summary)]}
    with open(os.path.join(options.out, "bench.json"), "w") as f:
        json.dump(result, f, indent=2)
        f.write("\n")
    with open(os.path.join(options.out, "bench.svg"), "w") as f:
        f.write(chart(summary, names, subtitle.replace("&", "&amp;").replace("<", "&lt;")))
    with open(os.path.join(options.out, "bench.md"), "w") as f:
        f.write(table(summary, names, markdown=True) + "\n")
    print(table(summary, names, markdown=False))
    print(f"\n{subtitle}\n")
    print(f"A static program that does nothing takes {empty:.2f} ms here: the runtime takes it, and the container's program.\n")
    for text, reached in goals(summary):
        print(("reached  " if reached else "MISSED   ") + text)
    for name, why in failed.items():
        print(f"{name} FAILED: {why}")
    print(f"\nin {options.out}: bench.json, bench.svg, bench.md")
    return 1 if failed or (options.strict and not all(ok for _, ok in goals(summary))) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"bench: {trouble}")
