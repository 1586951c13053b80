"""T1 where hosts share a server: each has a clock, and any of them is wrong."""

from __future__ import annotations

import contextlib
import shutil
import signal
from typing import Iterator

import pytest

from lib import wait

from .figures import figure
from .remembering import Clock, Greylister, Redis, clock, once

pytestmark = [pytest.mark.alone,
              pytest.mark.skipif(shutil.which("redis-server") is None,
                                 reason="needs redis-server")]

HOUR, YEAR = 3600, 31557600
OTHER_RUN = "11111111-2222-4333-8444-555555555555"


class Hosts:
    """Two filters on machines of their own, and the server's machine."""

    def __init__(self, clocks: list[Clock]) -> None:
        self.clock_of_a, self.clock_of_b, self.clock_of_redis = clocks
        self.a: Greylister
        self.b: Greylister
        self.redis: Redis
        self.past = 0
        # by how much each wall clock is wrong
        self.wrong = {"a": 0, "b": 0, "redis": 0}

    def set(self) -> None:
        past, wrong = self.past, self.wrong
        self.clock_of_a.set(wall=past + wrong["a"], up=past)
        self.clock_of_b.set(wall=past + wrong["b"], up=past,
                            boot_id=OTHER_RUN)
        self.clock_of_redis.set(wall=past + wrong["redis"], up=past)

    def pass_time(self, until: int) -> None:
        """So many seconds after the beginning."""
        self.past = until
        self.set()

    def jump(self, who: str, seconds: int) -> None:
        self.wrong[who] = seconds
        self.set()

    def connect_anew(self) -> None:
        """So that each asks the server what time it is."""
        self.redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


@contextlib.contextmanager
def hosts(wrong_b: int = 0) -> Iterator[Hosts]:
    with contextlib.ExitStack() as stack:
        all_of_them = Hosts([stack.enter_context(clock()) for _ in range(3)])
        all_of_them.jump("b", wrong_b)
        redis = stack.enter_context(
            Redis(environment=all_of_them.clock_of_redis.environment))
        settings = f'set redis_servers "127.0.0.1:{redis.port}"\n'
        all_of_them.redis = redis
        all_of_them.a = stack.enter_context(Greylister(
            clock=all_of_them.clock_of_a, settings=settings))
        all_of_them.b = stack.enter_context(Greylister(
            clock=all_of_them.clock_of_b, settings=settings))
        for filt in (all_of_them.a, all_of_them.b):
            wait.until("the server to be asked", 20,
                       lambda filt=filt: filt.stats()["health"] == "well")
        yield all_of_them


class Tally:
    """Who passes before the wait is over, or does not after it."""

    def __init__(self) -> None:
        self.early = self.late = 0

    def ask(self, filt: Greylister, sender: str, due: bool) -> None:
        answer = once(filt, sender)
        assert answer in ("wait", "pass")
        self.early += answer == "pass" and not due
        self.late += answer == "wait" and due


def tell(filt: Greylister, *senders: str) -> None:
    for sender in senders:
        assert once(filt, sender) == "wait"


def follow(them: Hosts, tally: Tally) -> None:
    """Those who were told to wait at the beginning, by the one, try at the
    other; and so do those whom it tells now."""
    a, b = them.a, them.b
    tally.ask(b, "x@told-by-a.example", False)
    tally.ask(a, "x@told-by-b.example", False)
    tell(b, "y@told-by-b.example", "z@told-by-b.example")
    tell(a, "y@told-by-a.example", "z@told-by-a.example")
    for seconds in (0, 110, 290):
        them.pass_time(seconds)
        tally.ask(b, "y@told-by-a.example", False)
        tally.ask(a, "y@told-by-b.example", False)
        tally.ask(b, "x@told-by-a.example", False)
    them.pass_time(302)
    for name in "xyz":
        tally.ask(b, f"{name}@told-by-a.example", True)
        tally.ask(a, f"{name}@told-by-b.example", True)
        # and they stay known at both
        tally.ask(a, f"{name}@told-by-a.example", True)
        tally.ask(b, f"{name}@told-by-b.example", True)


def told(filt: Greylister) -> list[str]:
    return [line for line in filt.log().splitlines()
            if "event=store" in line and "clock=" in line]


WRONG = {"right": 0, "200_s_ahead": 200, "200_s_behind": -200,
         "hour_ahead": HOUR, "hour_behind": -HOUR}
JUMPS = {"hour_forward": HOUR, "hour_back": -HOUR,
         "ten_years_forward": 10 * YEAR, "ten_years_back": -10 * YEAR}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_from_the_start(name: str) -> None:
    """One of the hosts has a clock that was never right."""
    tally = Tally()
    with hosts(WRONG[name]) as them:
        tell(them.a, "x@told-by-a.example")
        tell(them.b, "x@told-by-b.example")
        follow(them, tally)
        figure("T1", redis=f"skew_{name}", passed_early=tally.early,
               wrongly_greylisted=tally.late)
        assert tally.early == tally.late == 0
        assert abs(them.b.stats()["clock_ahead"] - WRONG[name]) <= 2
        wait.until("the log to say so", 10, lambda: bool(
            told(them.b)) == bool(WRONG[name]))
        # once
        assert len(told(them.b)) == bool(WRONG[name]) and not told(them.a)


@pytest.mark.parametrize("who, name", [
    (who, name) for who in ("a", "b", "redis") for name in JUMPS
    # over years, all that the server keeps expires by its clock
    if who != "redis" or "years" not in name])
def test_jump(who: str, name: str) -> None:
    """The clock of a host, or of the server's, is set while all run."""
    tally = Tally()
    with hosts() as them:
        tell(them.a, "x@told-by-a.example")
        tell(them.b, "x@told-by-b.example")
        them.jump(who, JUMPS[name])
        them.connect_anew()
        follow(them, tally)
        them.jump(who, 0)
        them.connect_anew()
        tally.ask(them.b, "x@told-by-a.example", True)
        tally.ask(them.a, "x@told-by-b.example", True)
        new = sum(filt.stats()["answers"]["new"] for filt in (them.a, them.b))
    figure("T1", redis=f"jump_of_{who}_{name}", passed_early=tally.early,
           wrongly_greylisted=tally.late, began_anew=new - 6)
    assert tally.early == tally.late == 0 and new == 6


def test_alone_meanwhile() -> None:
    """The server is away, a clock jumps, and what was told goes there then."""
    tally = Tally()
    with hosts(-HOUR) as them:
        them.redis.signal(signal.SIGSTOP)
        tell(them.b, "x@told-by-b.example")
        them.jump("b", HOUR)
        tell(them.b, "y@told-by-b.example")
        them.redis.signal(signal.SIGCONT)
        wait.until("the server to be asked", 20, lambda: them.b.stats()[
            "health"] == "well")
        for seconds in (0, 290):
            them.pass_time(seconds)
            tally.ask(them.a, "x@told-by-b.example", False)
            tally.ask(them.a, "y@told-by-b.example", False)
        them.pass_time(302)
        tally.ask(them.a, "x@told-by-b.example", True)
        tally.ask(them.a, "y@told-by-b.example", True)
    figure("T1", redis="alone_meanwhile", passed_early=tally.early,
           wrongly_greylisted=tally.late)
    assert tally.early == tally.late == 0
