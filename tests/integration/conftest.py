# SPDX-License-Identifier: Apache-2.0
"""Fixtures. The session lives in a private mount namespace and is a subreaper, as an engine is; each test has its own
--root and directory; at its end everything is forced away, and it is an error when anything had to be or is left."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import engine_bundle
import harness
import look
import place as place_module
import programs
import sanitizers
from sanitizers import no_sanitizer_report, pytest_terminal_summary, pytest_unconfigure, sanitized  # noqa: F401


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the integration tests need root", 4)
    binary = harness.find_nook()
    if not binary:
        pytest.exit("no nook: build it, or name it in $NOOK", 4)
    config.nook_binary = binary
    look.unshare(look.CLONE_NEWNS)
    look.mount(None, "/", None, look.MS_REC | look.MS_PRIVATE)
    look.set_subreaper()
    sanitizers.begin(config, binary)
    os.umask(0o022)


def pytest_generate_tests(metafunc):
    """A test with the mark isolations(NAME, ...) runs once in each of them (harness.Box.isolate): on a module, for all its
    tests; on a test, instead of the module's."""
    mark = metafunc.definition.get_closest_marker("isolations")
    if mark and "box" in metafunc.fixturenames:
        metafunc.fixturenames.append("isolation")
        metafunc.parametrize("isolation", mark.args)


def pytest_report_header(config):
    return f"nook: {config.nook_binary}"


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow; run with --slow"))


@pytest.fixture(scope="session")
def session_dir():
    path = Path(tempfile.mkdtemp(prefix="nkt-session-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def tools(session_dir):
    """Paths of the static helper programs (see tools/)."""
    out = {name: programs.provide(name, session_dir / name) for name in programs.NAMES if name != "answers"}
    out["busybox"] = str(shutil.copy(harness.BUSYBOX, session_dir / "busybox"))
    os.chmod(out["busybox"], 0o755)
    return out


@pytest.fixture(scope="session")
def answers(session_dir):
    """The path of a static program that tells all that a process can find out (tools/answers.c)."""
    return programs.provide("answers", session_dir / "answers")


@pytest.fixture(scope="session")
def binary(pytestconfig):
    return pytestconfig.nook_binary


COUNTER = iter(range(1, 1 << 30))


@pytest.fixture
def tag():
    """A word that all names of this test contain (ids, cgroups), unique on this machine."""
    return f"nkt{os.getpid()}x{next(COUNTER)}"


@pytest.fixture
def tmp():
    """A short directory (socket paths have 108 bytes), reachable for every user."""
    path = Path(tempfile.mkdtemp(prefix="nkt-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    left = harness.remove_tree(path)
    assert not left, f"mounts left below {path}: {left}"


@pytest.fixture
def nook(binary, tmp, tag):
    """The driver. Its tear-down forces every container away and proves that nothing is left."""
    yield from drive(harness.Nook(binary, tmp / "r", tmp), tag)


def drive(driver, tag):
    before = {m.id for m in look.mounts()}
    driver.ids = []
    yield driver
    wrong = harness.force_away(driver, driver.ids, tag)
    new = [m for m in look.mounts() if m.id not in before]
    for m in reversed(new):
        look.umount(m.target)
    assert not wrong, wrong
    assert not new, f"mounts left: {new}"


@pytest.fixture
def make_box(nook, tmp, tag, tools):
    """make_box() -> another bundle with another container id."""

    def make(suffix=None):
        name = suffix or f"{len(nook.ids)}"
        id = f"{tag}-{name}"
        nook.ids.append(id)
        return harness.Box(nook, id, tmp / f"b{name}", tools)

    return make


@pytest.fixture
def box(make_box, request):
    """One bundle and its container."""
    parameters = getattr(request.node, "callspec", None)
    return make_box().isolate(parameters.params.get("isolation", "oci") if parameters else "oci")


@pytest.fixture
def chroot_box(box):
    """The same, in the chroot isolation."""
    box.nook.globals = ["--isolation=chroot"]
    return box


@pytest.fixture
def make_place(tmp, tools):
    """make_place(level, ...) -> a restricted place (see place.py); ended when the test ends, however it does."""
    made = []

    def make(level, **kw):
        made.append(place_module.Place(level, tmp, tools, **kw))
        return made[-1].start()

    yield make
    for one in made:
        one.close()


@pytest.fixture
def place(request, make_place):
    """The place of the level that the test is parametrized with: @pytest.mark.parametrize("place", ["C"], indirect=True)."""
    return make_place(request.param)


@pytest.fixture
def placed_nook(place, session_dir, binary, tmp, tag):
    """The driver `nook`, in there; its `ids` are deleted by force at the end, in there too."""
    copy = session_dir / "nook"  # the build tree may be in a directory that only we can enter
    if not copy.exists():
        shutil.copy(binary, copy)
    yield from drive(place_module.PlacedNook(place, str(copy), tmp / "r", tmp), tag)


@pytest.fixture
def placed_box(placed_nook, tmp, tag, tools):
    """One bundle and its container, in there."""
    placed_nook.ids.append(f"{tag}-0")
    return place_module.PlacedBox(placed_nook, f"{tag}-0", tmp / "b0", tools)


@pytest.fixture(scope="session")
def engine_bundles(session_dir, tools):
    """Bundles as the engines make them, by the names of engine_bundle.VARIANTS."""
    return engine_bundle.make(session_dir / "engines", tools)


@pytest.fixture
def engine_box(request, engine_bundles, placed_nook, tmp, tag):
    """A copy of the bundle that the test is parametrized with (indirectly), and its container, in the test's place."""
    if request.param not in engine_bundles:
        pytest.skip(f"{request.param.split('-')[0]} is not installed")
    placed_nook.ids.append(f"{tag}-0")
    box = place_module.EngineBox(placed_nook, f"{tag}-0", tmp / "b0", engine_bundles[request.param])
    if "cgroupsPath" in box.linux:
        box.linux["cgroupsPath"] = f"/{tag}"  # ours, not the engine's: it is looked for at the end
    return box


@pytest.fixture
def console(tmp):
    sock = harness.ConsoleSocket(tmp)
    yield sock
    sock.close()


@pytest.fixture
def host_mount(tmp):
    """host_mount(source, target, ...) in the session's mount namespace; undone at the end of the test."""
    done = []

    def make(source, target, fstype=None, flags=0, data=None):
        look.mount(source, target, fstype, flags, data)
        done.append(str(target))

    yield make
    for target in reversed(done):
        look.umount(target)


@pytest.fixture
def tree(tmp, host_mount):
    """A source directory that is a mount with a submount `sub`, both tmpfs."""
    src = tmp / "src"
    src.mkdir()
    host_mount("outer", src, "tmpfs")
    (src / "sub").mkdir()
    (src / "file").write_text("outer")
    host_mount("inner", src / "sub", "tmpfs")
    (src / "sub/file").write_text("inner")
    return src


@pytest.fixture
def spawn():
    """spawn(*argv): a process of the host's, which ends with the test."""
    started = []

    def start(*argv):
        p = subprocess.Popen(argv)
        look.KNOWN.add(p.pid)
        started.append(p)
        return p

    yield start
    for p in started:
        p.kill()
        p.wait()
        look.KNOWN.discard(p.pid)
