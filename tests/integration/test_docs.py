# SPDX-License-Identifier: Apache-2.0
"""docs/isolation.md says what is so: its codes are those of the program, its reasons those of the source, and each behaviour that it
names has tests that exist."""

import re

import pytest

import harness

TEXT = (harness.REPO / "docs/isolation.md").read_text()
TESTS = harness.REPO / "tests/integration"


def table(heading):
    """The rows of the table below a heading, as lists of cells."""
    section = re.split(r"^#+ ", TEXT.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def test_codes_are_those_of_features(nook):
    nook.use_root = False
    notes = nook("features").ok().json()["annotations"]
    refused = notes["nook.isolation.codes.refused"].split(",")
    want = [[f"`{code}`", "refused" if code in refused else "adapted"] for code in notes["nook.isolation.codes"].split(",")]
    assert [row[:2] for row in table("Codes")] == want


def test_reasons_are_those_of_the_source():
    documented = {word for row in table("Reasons") for word in re.findall(r"`([a-z-]+)`", row[0])}
    header = (harness.REPO / "runtime/host/place.h").read_text()
    comment = header[header.index("const char *cause;"):header.index("const char *unlock;")]
    causes = set(re.findall(r'"([a-z-]+)"', comment))
    given = set()
    for path in (harness.REPO / "runtime/plan").glob("*.c"):
        for call in re.findall(r"adapt_find\(([^;]*)\);", path.read_text()):
            given |= set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', call.rsplit(",", 1)[1]))  # the last argument
    assert causes | given == documented


IDS = [f"CH-{i}" for i in range(1, 33)] + [f"CR-{i}" for i in range(1, 9)] + [f"D-{i}" for i in range(1, 11)]


def test_every_behaviour_is_there():
    assert [row[0] for row in table("Behaviours and their tests")] == IDS


@pytest.mark.parametrize("id", IDS)
def test_a_behaviour_has_tests(id):
    """They exist, and bear its id in their names."""
    names = re.findall(r"`(test_\w+)`", next(row for row in table("Behaviours and their tests") if row[0] == id)[2])
    existing = {name for path in TESTS.glob("test_chroot*.py") for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)}
    assert names and set(names) <= existing, set(names) - existing
    assert any(f"_{id.lower().replace('-', '_')}_" in name for name in names)


def test_files_that_are_named_exist():
    for name in re.findall(r"`((?:tests|docs|runtime)/[\w/.]+|test_chroot\w*\.py)`", TEXT):
        assert (harness.REPO / name).exists() or (TESTS / name).exists(), name
