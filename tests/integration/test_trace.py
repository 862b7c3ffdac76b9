# SPDX-License-Identifier: Apache-2.0
"""--trace FILE: trace-event JSON that times the steps of the plan."""

import json

import pytest


def read_trace(path):
    """The complete events of a trace, after a look at what a viewer needs of each."""
    data = json.loads(path.read_text())
    events = data["traceEvents"]
    assert events
    for e in events:
        assert e["ph"] == "X" and e["name"] and e["cat"] in ("parent", "init"), e
        assert isinstance(e["pid"], int) and isinstance(e["tid"], int), e
        assert e["ts"] > 0 and 0 <= e["dur"] < 60e6, e
    return events


def planned(box, part):
    box.write()
    return box.nook("explain", "--bundle", box.dir, "--format", "json", box.id).ok().json()[part]


def rich(box):
    box.namespace("cgroup").mount("/mnt", "tmpfs", "t")
    box.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    box.resources["pids"] = {"limit": 50}
    for kind in ("createRuntime", "createContainer", "startContainer"):
        box.hook(kind, "/bin/true")
    return box


def key(event_or_step):
    """Name and origin; of a step that is told in parts, one is enough."""
    if "ph" in event_or_step:
        return event_or_step["name"], event_or_step["args"].get("origin")
    return event_or_step["step"], event_or_step.get("origin")


# Done when init asks for it, within the time that the parent waits for init.
WITHIN_WAIT_READY = {"id-maps", "rlimit", "oom-score", "runtime-hooks", "pid-file"}


def check_covers(events, box, parts):
    for part, category in parts:
        seen = [key(e) for e in events if e["cat"] == category]
        steps = [key(s) for s in planned(box, part) if s["step"] not in WITHIN_WAIT_READY]
        missing = [s for s in steps if s not in seen]
        assert not missing, (part, missing)
        # Nothing else in between, and in the plan's order.
        order = [e for e in seen if e in steps]
        assert order[:len(steps)] == steps if part != "final" else order[-len(steps):] == steps


def with_time_offsets(box):
    box.linux["timeOffsets"] = {"monotonic": {"secs": 3600}, "boottime": {"secs": -5}}
    return box.namespace("time")


@pytest.mark.parametrize("configure", [lambda box: box, rich, lambda box: box.userns(), with_time_offsets],
                         ids=["plain", "rich", "userns", "time"])
def test_create_traces_all_steps_until_ready(box, tmp, configure):
    configure(box).sleep()
    trace = tmp / "trace.json"
    box.nook.globals = ["--trace", str(trace)]
    box.create()
    box.nook.globals = []
    events = read_trace(trace)
    check_covers(events, box, (("parent", "parent"), ("child", "init")))
    assert any(e["name"] == "wait-ready" for e in events)


def test_run_traces_the_last_steps_too(box, tmp):
    rich(box).args("/bin/true")
    trace = tmp / "trace.json"
    box.nook.globals = ["--trace", str(trace)]
    box.run().ok()
    box.nook.globals = []
    names = [e["name"] for e in read_trace(trace) if e["cat"] == "init"]
    final = [s["step"] for s in planned(box, "final") if s["step"] != "wait-start"]
    assert names[-len(final):] == final, (names, final)
    assert names[-1] == "execve"


def test_steps_of_one_process_do_not_overlap(box, tmp):
    rich(box).args("/bin/true")
    trace = tmp / "trace.json"
    box.nook.globals = ["--trace", str(trace)]
    box.run().ok()
    events = read_trace(trace)
    for category in ("parent", "init"):
        end = 0
        for e in sorted((e for e in events if e["cat"] == category), key=lambda e: e["ts"]):
            assert e["ts"] >= end - 1, (e, end)  # as exact as a double can be
            end = e["ts"] + e["dur"]
    first = min(e["ts"] for e in events if e["cat"] == "init")
    clone = next(e for e in events if e["name"] == "clone")
    assert first >= clone["ts"]  # one clock for both


def test_exec_is_traced(box, tmp):
    box.sleep().up()
    trace = tmp / "trace.json"
    box.nook.globals = ["--trace", str(trace)]
    box.exec("true").ok()
    names = [e["name"] for e in read_trace(trace)]
    for step in ("join-namespaces", "cwd", "find-executable", "user", "execve"):
        assert step in names, names


def test_a_failed_create_is_traced(box, tmp):
    """The trace ends with what failed or before it: all that went before is there."""
    box.args("/nonexistent")
    trace = tmp / "trace.json"
    box.nook.globals = ["--trace", str(trace)]
    box.try_create().fails("no such file or directory")
    names = [e["name"] for e in read_trace(trace)]
    assert "pivot-root" in names and "execve" not in names
    box.nook.globals = []
    box.nothing_left()


def test_a_trace_that_cannot_be_written_is_refused(box, tmp):
    """Before anything is made: a trace that was asked for is not left out in silence."""
    box.sleep()
    box.nook.globals = ["--trace", str(tmp / "nowhere/trace.json")]
    for verb in ("create", "run"):
        box.refuse(f"cannot write the trace to {tmp}/nowhere/trace.json: No such file or directory", "option:trace", verb=verb)
    box.nook.globals = ["--trace", str(tmp)]
    box.refuse("Is a directory")
    assert not (tmp / "nowhere").exists()
    box.nook.globals = []
    box.up()
    box.nook.globals = ["--trace", str(tmp / "nowhere/trace.json")]
    box.exec("touch", "/ran").fails("exec failed: cannot write the trace to", rc=255)
    assert not (box.rootfs / "ran").exists()


def test_a_refused_config_leaves_no_trace(box, tmp):
    box.process["cwd"] = "x"
    box.nook.globals = ["--trace", str(tmp / "trace.json")]
    box.refuse("/process/cwd")
    assert not (tmp / "trace.json").exists()
