# SPDX-License-Identifier: Apache-2.0
"""Bundles as podman and buildah make them: the engine is run with a runtime that takes the bundle's picture and fails.

    made = engine_bundle.make(dir, tools)    # {"podman": Made, "podman-pod": ..., "buildah": ...}, without a missing engine's
    made["podman"].copy(dest)                # a bundle of its own: config.json, rootfs, and what is bound into it

Nothing of the host is touched: the engines run in a mount namespace with their own storage, /run, and read-only cgroups."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import harness
import look

# What is asked of every engine here: rlimits cannot be raised in every sandbox, and podman's own would.
LIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]
# What one asks for in a pod; the second is the configuration of podman's own image.
IN_A_POD = ["--cgroups=disabled", "--network=none"]
IN_A_SHARED_POD = ["--cgroups=disabled", "--network=host", "--ipc=host", "--uts=host", "--cgroupns=host"]
VARIANTS = {
    "podman": ["--network=none"],
    "podman-pod": IN_A_POD,
    "podman-shared": IN_A_SHARED_POD,
    "podman-readonly": [*IN_A_POD, "--read-only"],
    "buildah": ["--isolation=oci", "--network=none"],
    "buildah-rootless": ["--isolation=rootless", "--network=host"],
}
CALM = {"PATH": harness.PATH_ENV[5:], "HOME": "/run", "LANG": "C"}
DROP_IN = Path("/etc/containers/containers.conf.d/nkt.conf")


class Made:
    """A bundle as an engine made it: config.json, rootfs/, sources/N (the sources of binds), paths (where each was)."""

    def __init__(self, dir):
        self.dir = Path(dir)
        self.config = json.loads((self.dir / "config.json").read_text())

    def copy(self, dest):
        """A copy to work with; its config, whose paths lead into the copy, is returned and written."""
        subprocess.run(["cp", "-a", "--", f"{self.dir}/.", dest], check=True)
        config = harness.clone_config(self.config)
        config["root"]["path"] = "rootfs"
        for number, mount in enumerate(config["mounts"]):
            if (self.dir / "sources" / str(number)).exists():
                mount["source"] = f"{dest}/sources/{number}"
        (Path(dest) / "config.json").write_text(json.dumps(config))
        return config


# ---------------------------------------------------------------------------------------------- the picture

def save(dest, args):
    """The runtime: on create, copies the bundle, while the engine has it ready. Always fails, so nothing is started."""
    if "create" not in args:
        return
    bundle = Path(args[args.index("--bundle") + 1])
    config = json.loads((bundle / "config.json").read_text())
    dest = Path(dest)
    (dest / "sources").mkdir(parents=True)
    subprocess.run(["cp", "-a", "--", bundle / config["root"]["path"], dest / "rootfs"], check=True)
    for number, mount in enumerate(config["mounts"]):
        source = mount.get("source", "")
        if not source.startswith("/") or source.startswith(("/dev/", "/proc", "/sys")):
            continue
        if stat.S_ISDIR(os.stat(source).st_mode):
            shutil.copytree(source, dest / "sources" / str(number), symlinks=True)
        else:
            shutil.copy2(source, dest / "sources" / str(number))
    shutil.copy2(bundle / "config.json", dest / "config.json")  # last: it says that all is there


# ---------------------------------------------------------------------------------------------- the engines

def make_tree(root, tools):
    """The root file system of the image: busybox, probe, two users."""
    for name in "bin dev etc home/user mnt proc root run sys tmp var/tmp".split():
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in ("busybox", "probe"):
        shutil.copy(tools[name], root / "bin")
    for name in harness.APPLETS:
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")


def engine(*args):
    done = subprocess.run([str(a) for a in args], env=CALM, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, args))}: {done.stderr}")
    return done.stdout.strip()


def make_cameras(dir):
    """A runtime for each variant, that saves the bundle; podman must know it by name, as one that can do without cgroups."""
    lines = ["[engine]", f"runtime_supports_nocgroup = {json.dumps(list(VARIANTS))}", "[engine.runtimes]"]
    for name in VARIANTS:
        path = harness.script(dir / f"runtime-{name}", f'exec /usr/bin/python3 -B {__file__} save {dir}/{name} "$@"\n')
        lines.append(f'{name} = ["{path}"]')
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("\n".join(lines) + "\n")


def photograph(dir, name, *args):
    """Runs an engine's command that makes a bundle and calls the runtime, whose failure it then reports."""
    try:
        engine(*args)
    except RuntimeError as e:
        if not (dir / name / "config.json").exists():
            raise e


def with_podman(dir):
    podman = ["podman", f"--root={dir}/store/podman", f"--runroot={dir}/store/prun", f"--tmpdir={dir}/store/ptmp",
              "--storage-driver=vfs", "--events-backend=none", "--cgroup-manager=cgroupfs"]
    engine(*podman, "import", "--quiet", dir / "image.tar", "img")
    for name, flags in VARIANTS.items():
        if name.startswith("podman"):
            ours = [*podman, f"--runtime={name}"]
            photograph(dir, name, *ours, "init", engine(*ours, "create", *LIMITS, *flags, "img", "sh"))


def with_buildah(dir):
    buildah = ["buildah", f"--root={dir}/store/buildah", f"--runroot={dir}/store/brun", "--storage-driver=vfs"]
    base = engine(*buildah, "from", *LIMITS, "scratch")
    engine(*buildah, "copy", "--quiet", base, dir / "tree", "/")
    for name, flags in VARIANTS.items():
        if name.startswith("buildah"):
            photograph(dir, name, *buildah, "run", *flags, f"--runtime={dir}/runtime-{name}", base, "--", "/bin/sh")


def private_host():
    """In a mount namespace of our own: nothing that an engine leaves behind outlives it."""
    look.unshare(look.CLONE_NEWNS)
    look.mount(None, "/", None, look.MS_REC | look.MS_PRIVATE)
    os.makedirs("/var/lib/containers", exist_ok=True)
    for path in ("/run", "/dev/shm", "/var/lib/containers", "/var/tmp"):
        look.mount("tmpfs", path, "tmpfs", 0, "mode=0755")
    os.mkdir("/run/lock")
    if os.path.isdir("/etc/containers"):
        shutil.copytree("/etc/containers", "/run/etc", symlinks=True)
        look.mount("/run/etc", "/etc/containers", None, look.MS_BIND)
    for top in set(look.CGROUPS.values()):
        look.mount(None, top, None, look.MS_REMOUNT | look.MS_BIND | look.MS_RDONLY)


def photograph_all(dir):
    private_host()
    make_cameras(dir)
    for name, work in (("podman", with_podman), ("buildah", with_buildah)):
        if shutil.which(name):
            work(dir)


def make(dir, tools):
    """All variants of the engines that are installed, below a new directory."""
    dir = Path(dir)
    (dir / "store").mkdir(parents=True)
    make_tree(dir / "tree", tools)
    subprocess.run(["tar", "-C", dir / "tree", "-cf", dir / "image.tar", "."], check=True)
    subprocess.run(["/usr/bin/python3", "-B", __file__, "photograph", dir], check=True)
    shutil.rmtree(dir / "store")
    return {name: Made(dir / name) for name in VARIANTS if (dir / name / "config.json").exists()}


if __name__ == "__main__":
    if sys.argv[1] == "save":
        save(sys.argv[2], sys.argv[3:])
        sys.exit(1)
    photograph_all(Path(sys.argv[2]))
