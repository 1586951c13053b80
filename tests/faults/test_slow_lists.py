"""R2: list files written in slow motion under a running filter.

One filter, a list a writer.  Each list holds, spread over all of it, names
that old and new contents have in common; who is not in every list is refused.
So a half list in force, of whatever writer, is a refusal.
"""

from __future__ import annotations

import os
import pathlib
import signal
import time
from typing import Callable, Iterator

from .figures import figure
from .running import (Filter, await_line, deliver, greet, letter,
                      symbols)

COMMON = 300
LONG = 17.0  # more than two of the times that a file takes to settle
IN_FORCE = 10.0  # seconds, at most, from a writer's last word on
PROBE_S = 0.1


def content(own: str) -> str:
    """The names in common, and between them those of this content alone."""
    return "".join(f"common{n}.example\n{own}{n}.example\n"
                   for n in range(COMMON)) + f"last.example\n{own}.example\n"


OLD, NEW = content("old"), content("new")
HALF = len(NEW) // 2
IN_LINE = NEW.index(".exa", HALF) + 3  # "common150.ex", a name like any other
AT_LINE = NEW.index("\n", HALF) + 1


# Each writes, and yields for how many seconds it rests.

Writer = Callable[[pathlib.Path], Iterator[float]]


def in_pieces(path: pathlib.Path) -> Iterator[float]:
    """Truncates, and writes line after line, as a slow pipe would."""
    with open(path, "w") as file:
        lines = NEW.splitlines(True)
        step = len(lines) // 12
        for start in range(0, len(lines), step):
            yield 1.5
            file.write("".join(lines[start:start + step]))
            file.flush()


def appended(path: pathlib.Path) -> Iterator[float]:
    """Opens it anew for each piece, which ends anywhere."""
    path.write_text("")
    for start in range(0, len(NEW), len(NEW) // 5):
        yield 3.5
        with open(path, "a") as file:
            file.write(NEW[start:start + len(NEW) // 5])


def stuck(path: pathlib.Path) -> Iterator[float]:
    """Half of it, whole lines, and then a long rest with the file open."""
    with open(path, "w") as file:
        file.write(NEW[:AT_LINE])
        file.flush()
        yield LONG
        file.write(NEW[AT_LINE:])


def cut(path: pathlib.Path) -> Iterator[float]:
    """Truncated within a line, and left so for long."""
    os.truncate(path, OLD.index(".exa", len(OLD) // 2) + 3)
    yield LONG
    path.write_text(NEW)


def renamed(path: pathlib.Path) -> Iterator[float]:
    """Written elsewhere, and renamed over the old one: as it should be."""
    new = path.with_suffix(".new")
    new.write_text(NEW[:AT_LINE])
    yield 3
    new.write_text(NEW)
    yield 1
    new.rename(path)


def renamed_half(path: pathlib.Path) -> Iterator[float]:
    """Half a list with half a line at its end, renamed over the old one."""
    new = path.with_suffix(".new")
    new.write_text(NEW[:IN_LINE])
    new.rename(path)
    yield LONG
    with open(path, "a") as file:
        file.write(NEW[IN_LINE:])


def emptied(path: pathlib.Path) -> Iterator[float]:
    """Truncated, and written a good while later."""
    path.write_text("")
    yield LONG
    path.write_text(NEW)


def removed(path: pathlib.Path) -> Iterator[float]:
    """Not there for a while."""
    path.unlink()
    yield LONG
    path.write_text(NEW)


def endless(path: pathlib.Path) -> Iterator[float]:
    """Someone who never ends the last line; long ago, says the clock."""
    path.write_text(NEW.rstrip("\n"))
    long_ago = time.time() - 600
    os.utime(path, (long_ago, long_ago))
    yield 0


# Writer -> how many lines of log it is worth.
WRITERS: dict[Writer, int] = {
    in_pieces: 0, appended: 0, stuck: 1, cut: 1, renamed: 0, renamed_half: 1,
    emptied: 1, removed: 1, endless: 0,
}


def rules() -> str:
    text = "verdict reject at 10.0\n"
    for writer in WRITERS:
        name = writer.__name__
        text += (f'list {name} domain from "{name}.list"\n'
                 f"rule {name.upper()}_LACKS 20.0 if not sender.domain in "
                 f"{name}\n"
                 f"rule {name.upper()}_KNOWS 0.1 if helo.name in {name}\n")
    return text


def known(filt: Filter, helo: bytes) -> set[str]:
    """The lists that know a name; the mail that asks must be accepted."""
    mta = filt.session()
    greet(mta, helo)
    reply, msg = deliver(mta, letter(), sender=b"<a@last.example>")
    assert not reply.refuses, (reply, filt.log()[-3000:])
    mta.quit()
    return {name.removesuffix("_KNOWS").lower() for name in symbols(msg)}


def test_lists_written_slowly() -> None:
    """R2: the old list stays, in one line of log; the new one comes whole."""
    names = {writer.__name__ for writer in WRITERS}
    with Filter(rules(), files={f"{name}.list": OLD for name in names}) as filt:
        assert known(filt, b"old.example") == names
        pid, start = filt.pid, time.monotonic()
        due = {writer.__name__: start for writer in WRITERS}
        courses = {writer.__name__: writer(filt.work
                                           / f"{writer.__name__}.list")
                   for writer in WRITERS}
        ended: dict[str, float] = {}
        took: dict[str, float] = {}
        probes = 0
        while len(took) < len(names):
            now = time.monotonic()
            for name in [name for name in courses if due[name] <= now]:
                try:
                    due[name] = now + next(courses[name])
                except StopIteration:
                    del courses[name]
                    ended[name] = time.monotonic()
            # in this order, or one that changes in between is in neither
            old = known(filt, b"old.example")
            new = known(filt, b"new.example")
            probes += 2
            early = new - ended.keys()
            assert not early - {"endless"}, f"taken too early: {early}"
            assert old | new == names, f"neither of both: {names - old - new}"
            for name in new - took.keys():
                took[name] = time.monotonic() - ended.get(name, now)
            late = [name for name in ended.keys() - took.keys()
                    if now - ended[name] > IN_FORCE]
            assert not late, f"still not in force: {late}"
            time.sleep(PROBE_S)
        lines = {name: sum(f"{name}.list" in line
                           for line in filt.lines("R2")) for name in names}
        figure("R2", slow_writers=len(names), messages=probes, refused=0,
               half_lists=0, slowest_in_force_s=max(took.values()),
               log_lines=sum(lines.values()))
        print(took, lines)
        assert known(filt, b"old.example") == set()
        assert lines == {writer.__name__: count
                         for writer, count in WRITERS.items()}
        assert filt.pid == pid


def test_a_reload_while_a_list_is_written() -> None:
    """R2: it is refused, with the reason, and the old list stays."""
    with Filter('list names domain from "names.list"\n'
                "rule NAMES_KNOWS 0.1 if helo.name in names\n",
                files={"names.list": OLD}) as filt:
        assert known(filt, b"old.example") == {"names"}
        with open(filt.work / "names.list", "w") as file:
            file.write(NEW[:AT_LINE])
            file.flush()
            os.kill(filt.supervisor, signal.SIGHUP)
            (line,) = await_line(filt, "R1", 1)
            assert "somebody is writing to it" in line
            assert known(filt, b"old.example") == {"names"}
            file.write(NEW[AT_LINE:])
        os.kill(filt.supervisor, signal.SIGHUP)
        await_line(filt, "reload", 1)
        assert known(filt, b"new.example") == {"names"}
