# SPDX-License-Identifier: Apache-2.0
"""What the sanitizers report in any process of nook's, an init's or supervisor's too (tests/sanitizers/reports.c): after a test
that has made such a report, the test fails. A conftest imports the hooks and fixtures, and calls begin()."""

import fcntl
import mmap
import os
import struct
from pathlib import Path

import pytest

FILE = "/tmp/nook-sanitizer-reports"  # SANITIZER_REPORTS in reports.h
HEAD = struct.Struct("=QQ")  # bytes of text, programs that were started
SIZE = 4 << 20


def used_by(binary):
    """Whether a program is built with AddressSanitizer."""
    return b"__asan_init" in Path(binary).read_bytes()


class Reports:
    """The file that every program of the build maps. Sessions that run at once share it; the last one removes it."""

    def __init__(self):
        while True:
            self.fd = os.open(FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            fcntl.flock(self.fd, fcntl.LOCK_SH)
            if os.fstat(self.fd).st_nlink:
                break
            os.close(self.fd)
        os.fchmod(self.fd, 0o666)  # programs of other users' too
        os.ftruncate(self.fd, SIZE)
        self.map = mmap.mmap(self.fd, SIZE)
        self.begin = self.head()

    def head(self):
        return HEAD.unpack_from(self.map)

    def since(self, used):
        """What was reported since `used` bytes had been."""
        now = self.head()[0]
        text = self.map[HEAD.size + used:HEAD.size + now].decode(errors="replace")
        return text or "(reports that had no room)" * (now > used)

    def close(self):
        self.map.close()
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(FILE)
        except BlockingIOError:
            pass
        os.close(self.fd)


def begin(config, binary):
    config.sanitizer_reports = Reports() if used_by(binary) else None


def pytest_unconfigure(config):
    if getattr(config, "sanitizer_reports", None):
        config.sanitizer_reports.close()


def pytest_terminal_summary(terminalreporter, config):
    reports = config.sanitizer_reports
    if reports:
        used, programs = (now - before for now, before in zip(reports.head(), reports.begin))
        terminalreporter.write_line(f"sanitizers: {programs} programs were looked at; {used} bytes of reports")


@pytest.fixture
def sanitized(pytestconfig):
    """Whether nook is built with sanitizers, which need address space and memory, and link dynamically."""
    return bool(pytestconfig.sanitizer_reports)


@pytest.fixture(autouse=True)
def no_sanitizer_report(pytestconfig):
    """No process of nook's has had anything to report when a test has ended, and all that it started."""
    reports = pytestconfig.sanitizer_reports
    used = reports.head()[0] if reports else 0
    yield
    assert not reports or not reports.since(used), reports.since(used)
