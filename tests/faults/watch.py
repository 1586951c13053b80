"""Looks at the processes of a running filter through /proc."""

from __future__ import annotations

import os
import pathlib

from lib import wait

HERTZ = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def _children(pid: int) -> list[int]:
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(word) for word in path.read_text().split()]
    except OSError:
        return []


def _title(pid: int) -> str:
    try:
        raw = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode("utf-8", "replace").strip()


def _named(supervisor: int, title: str) -> list[int]:
    return [pid for pid in _children(supervisor)
            if _title(pid).startswith(title)]


def filter_of(supervisor: int) -> int:
    """The pid of the filter process; waits for one that is being started."""
    return wait.until("a filter process", 10, lambda: next(
        iter(_named(supervisor, "steelyard: filter")), None))


def inspectors_of(supervisor: int) -> list[int]:
    """The pids of the inspectors; waits until there is one."""
    return wait.until("an inspector", 10,
                      lambda: _named(supervisor, "steelyard: inspector"))


def descriptors(pid: int) -> int:
    """How many descriptors are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def resident_kib(pid: int) -> int:
    """Memory that is really there, shared pages included."""
    statm = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
    return int(statm[1]) * PAGE_KIB


def cpu_seconds(pid: int) -> float:
    """Time spent by all threads so far, in the kernel too."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def settle(what: str, seconds: float, read, wanted) -> int:
    """Wait until read() satisfies wanted(); returns the last reading."""
    last = [0]

    def ready() -> bool:
        last[0] = read()
        return wanted(last[0])

    try:
        wait.until(what, seconds, ready)
    except wait.Timeout:
        pass  # the caller's assertion says it with the number
    return last[0]
