# SPDX-License-Identifier: Apache-2.0
"""The tests' static C programs (tools/). With $NOOK_TEST_TOOLS, a directory in which they are built already, no compiler
and no header is needed: so it is in the virtual machine (tests/vm)."""

import os
import shutil
import subprocess
from pathlib import Path

TOOLS = Path(__file__).parent / "tools"
PARTS = {"answers": ("answers_attempts", "answers_paths")}  # more than one source
FLAGS = {"pod_filter": ("-lseccomp",)}
NAMES = ("probe", "nosys", "killat", "place", "pod_filter", "answers", "escape")


SYSCALLS = "unistd.h"  # among the programs that are built already


def syscalls_header():
    """The kernel's header with the numbers of the system calls."""
    built = os.environ.get("NOOK_TEST_TOOLS")
    places = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"]
    found = [path for path in map(Path, ([f"{built}/{SYSCALLS}"] if built else []) + places) if path.exists()]
    assert found, "no header with the numbers of the system calls (linux-libc-dev)"
    return found[0]


def provide(name, target):
    """Makes the program `name` at `target`, a file that everybody may run; returns the path as a string."""
    built = os.environ.get("NOOK_TEST_TOOLS")
    if built:
        shutil.copy(Path(built) / name, target)
    else:
        sources = [TOOLS / f"{part}.c" for part in (name, *PARTS.get(name, ()))]
        subprocess.run(["gcc", "-std=gnu17", "-O1", "-static", "-o", target, *sources, *FLAGS.get(name, ())], check=True)
    os.chmod(target, 0o755)
    return str(target)
