# SPDX-License-Identifier: Apache-2.0
"""The drop-in that `make install` puts into containers.conf.d, podman info, and the comparison itself."""

import os
import subprocess
from pathlib import Path

import pytest

from podman.conftest import close_pair, make_pair


def plain_podman(side, *args):
    """podman with the machine's own configuration, drop-ins included, instead of the tests'."""
    environ = side.environ()
    environ.pop("CONTAINERS_CONF")
    command = side.command(list(args))
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def test_drop_in(podman, drop_in, pytestconfig):
    nook = podman.sides[0]
    assert f'nook = ["{pytestconfig.nook}"]' in open(drop_in, encoding="utf-8").read()
    done = plain_podman(nook, "info", "--format={{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}")
    assert (done.returncode, done.stdout) == (0, f"nook {pytestconfig.nook}\n"), done


def test_info(podman, pytestconfig):
    side = podman.sides[0]
    done = side("info", "--format={{.Host.OCIRuntime.Name}}|{{.Host.OCIRuntime.Version}}", compare=False)
    name, version = done.out.split("|")
    assert name == "nook" and done.code == 0
    first = version.splitlines()[0].split()
    assert first[1] == "version", version
    if os.path.basename(pytestconfig.nook) == "nook":
        assert first[0] == "nook", version


def test_runtime_by_path(podman, pytestconfig):
    side = podman.sides[0]
    command = [word if word != "--runtime=nook" else f"--runtime={pytestconfig.nook}"
               for word in side.command(["run", "--rm", "img", "echo", "by path"])]
    done = subprocess.run(command, env=side.environ(), stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "by path\n")


BROKEN = """#!/bin/sh
# The reference, but config.json is changed by the script beside this file before it sees it.
for word; do
    [ "$last" = --bundle ] && bundle=$word
    last=$word
done
[ -n "$bundle" ] && sed -i -f "$0.sed" "$bundle/config.json"
exec {reference} "$@"
"""
LIES = {
    "one more variable": 's/"env":\\[/"env":["SURPRISE=1",/',
    "another exit code": "s/exit 42/exit 41/",
    "no masked paths": 's/"maskedPaths":\\[[^]]*\\]/"maskedPaths":[]/',
    "no seccomp": 's/"seccomp":{/"seccomp_":{/',
    "more capabilities": 's/"CAP_CHOWN"/"CAP_CHOWN","CAP_SYS_ADMIN"/g',
    "a failure less": "s/no-such-program/true/",
}


@pytest.fixture(scope="module")
def liar(pytestconfig, work, image_tar):
    wrapper = work / "liar"
    wrapper.write_text(BROKEN.format(reference=pytestconfig.reference))
    wrapper.chmod(0o755)
    pair = make_pair(str(wrapper), pytestconfig.reference, work / "lies", image_tar)
    yield pair
    close_pair(pair)


def look_around(p):
    p("run", "--rm", "img", "sh", "-c", "env; grep -E '^(Cap|Seccomp:)' /proc/self/status;"
      " grep -c /proc/timer_list /proc/self/mounts; exit 42")
    p("run", "--rm", "img", "no-such-program")


@pytest.mark.parametrize("lie", LIES)
def test_the_comparison_sees(liar, lie):
    """A runtime that is the reference with one lie must fail, or the other tests prove nothing."""
    Path(liar.sides[0].runtime + ".sed").write_text(LIES[lie])
    with pytest.raises(AssertionError, match="differs from the reference"):
        liar.compare(look_around)


def test_the_comparison_accepts_the_truth(liar):
    Path(liar.sides[0].runtime + ".sed").write_text("")
    liar.compare(look_around)
