# SPDX-License-Identifier: Apache-2.0
"""The tests' static C programs (tools/). With $NOOK_TEST_TOOLS, a directory in which they are built already, no compiler
is needed: so it is in the virtual machine (tests/vm)."""

import os
import shutil
import subprocess
from pathlib import Path

TOOLS = Path(__file__).parent / "tools"
PARTS = {"answers": ("answers_attempts", "answers_paths")}  # more than one source
FLAGS = {"pod_filter": ("-lseccomp",)}
NAMES = ("probe", "nosys", "killat", "place", "pod_filter", "answers", "escape")


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
