"""processes - what a process and all that descend from it use."""

import os
import resource
import time

TICK = os.sysconf("SC_CLK_TCK")


class Trouble(Exception):
    """Something could not be measured; the text says what and why."""


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rpartition(")")[2].split()
    except OSError:
        return None


def tree(root):
    """The process and all that descend from it."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(name)
            if stat:
                children.setdefault(int(stat[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds(root):
    """User and system time of the tree, with the children that were reaped.

    A live process is read through its CPU clock, which counts nanoseconds
    and threads that have ended; /proc's utime and stime, the same figure
    in ticks, stand in where the kernel refuses.
    """
    total = 0.0
    for pid in tree(root):
        stat = stat_of(pid)
        if not stat:
            continue
        try:
            own = time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED
        except OSError:
            own = (int(stat[11]) + int(stat[12])) / TICK
        total += own + (int(stat[13]) + int(stat[14])) / TICK
    return total


def pss_once(root):
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += sum(int(line.split()[1]) for line in f
                             if line.startswith("Pss:"))
        except PermissionError as exc:
            raise Trouble(f"PSS of process {pid} may not be read "
                          "(run as root)") from exc
        except OSError:
            continue  # it ended in between
    return total / 1024


def pss(root):
    """MiB, once two readings in a row agree; ten seconds at most."""
    last = pss_once(root)
    for _ in range(40):
        time.sleep(0.25)
        now = pss_once(root)
        if abs(now - last) <= 0.01 * last:
            return now
        last = now
    return last


def raise_limit(wanted):
    """As many descriptors as that; None, or why not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for want in ((wanted, max(hard, wanted)), (wanted, hard), (hard, hard)):
        if soft >= wanted:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, want)
        except (ValueError, OSError):
            continue
        soft = want[0]
    if soft >= wanted:
        return None
    return f"the limit of {soft} descriptors cannot be raised to {wanted}"
