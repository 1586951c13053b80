"""T1: what becomes of those who wait when a clock is set."""

from __future__ import annotations

import re
import time

import pytest

from lib import wait

from .figures import figure
from .remembering import Clock, Greylister, clock, once

HOUR, DAY, YEAR = 3600, 86400, 31557600
NEW_RUN = "11111111-2222-4333-8444-555555555555"


def now_is_2024(at: int) -> int:
    """By how much to jump, so that it is this second of the year 2038's."""
    return at - int(time.time())


JUMPS = {
    "hour_forward": HOUR, "hour_back": -HOUR, "day_forward": DAY + HOUR,
    "three_days_forward": 3 * DAY, "ten_years_forward": 10 * YEAR,
    "ten_years_back": -10 * YEAR, "2038": now_is_2024(2**31 + 10),
    "1970": now_is_2024(60),
}


@pytest.mark.parametrize("name", JUMPS)
def test_jump(name: str) -> None:
    """While it runs: nobody passes early, waits longer or begins anew."""
    jump = JUMPS[name]
    early = late = 0
    with clock() as time_of, Greylister(clock=time_of) as filt:
        assert once(filt, "a@s.example") == "wait"
        time_of.set(wall=jump, up=0)
        early += once(filt, "a@s.example") != "wait"
        anew = filt.stats()["answers"]["new"] - 1
        time_of.set(wall=jump + 290, up=290)
        early += once(filt, "a@s.example") != "wait"
        time_of.set(wall=jump + 301, up=301)
        late += once(filt, "a@s.example") != "pass"
        # and back again, while it has passed
        time_of.set(wall=302, up=302)
        late += once(filt, "a@s.example") != "pass"
        # a stranger of the wrong time is one of the right time, too
        time_of.set(wall=jump + 303, up=303)
        assert once(filt, "b@s.example") == "wait"
        time_of.set(wall=310, up=310)
        early += once(filt, "b@s.example") != "wait"
        time_of.set(wall=605, up=605)
        late += once(filt, "b@s.example") != "pass"
        crit = len(filt.lines("S4"))
    figure("T1", jump=name, passed_early=early, wrongly_greylisted=late,
           began_anew=anew, crashes=crit)
    assert early == late == anew == crit == 0


def start_again(filt: Greylister, time_of: Clock, **how: int) -> None:
    """The machine starts anew, with another clock."""
    assert filt.stop() == 0
    time_of.set(boot_id=NEW_RUN, **how)
    filt.start()


@pytest.mark.parametrize("name, jump, expected", [
    # by less than the window: cannot be told from waiting
    ("as_it_was", 200, "wait"), ("waited", 400, "pass"),
    # in the future of the new clock: helps the sender
    ("back_a_year", -YEAR, "pass"),
    # named, as its id must be the same in each worker of pytest -n
    pytest.param("dead_rtc_1970", now_is_2024(60), "pass", id="dead_rtc_1970"),
    # beyond the window: one more wait, not for ever
    ("ten_years_forward", 10 * YEAR, "wait"),
])
def test_jump_across_a_restart(name: str, jump: int, expected: str) -> None:
    with clock() as time_of, Greylister(clock=time_of) as filt:
        assert once(filt, "a@s.example") == "wait"
        start_again(filt, time_of, wall=jump, up=-100)
        first = once(filt, "a@s.example")
        time_of.set(wall=jump + 301, up=201, boot_id=NEW_RUN)
        then = once(filt, "a@s.example")
    figure("T1", restart=name, answer=first, after_a_wait=then)
    assert (first, then) == (expected, "pass")


def jumps(filt: Greylister) -> list[str]:
    """What the log says of them; they are looked for every second."""
    return [line.split("event=T1 ", 1)[1] for line in filt.lines("T1")]


def test_a_jump_is_logged_once() -> None:
    with clock() as time_of, Greylister(clock=time_of) as filt:
        time_of.set(wall=HOUR)
        once(filt, "a@s.example")
        time.sleep(2.2)
        assert not jumps(filt)
        time_of.set(wall=3 * DAY)
        wait.until("the jump is told", 10, lambda: jumps(filt))
        time_of.set(wall=HOUR)
        wait.until("and back", 10, lambda: len(jumps(filt)) > 1)
        time.sleep(1.1)
        told = jumps(filt)
    by = [int(re.search(r"jump=(-?\d+) ", line)[1]) for line in told]
    figure("T1", told=len(told), jumps=by)
    assert all(line.endswith("seen=running") for line in told)
    assert len(by) == 2
    assert abs(by[0] - (3 * DAY - HOUR)) <= 1 >= abs(by[0] + by[1])


@pytest.mark.parametrize("jump, expected", [
    (HOUR, False), (3 * DAY, True), (-3 * DAY, True)])
@pytest.mark.parametrize("boot_id", ["", NEW_RUN])
def test_a_jump_is_logged_at_a_start(jump: int, expected: bool, boot_id: str
                                     ) -> None:
    with clock() as time_of, Greylister(clock=time_of) as filt:
        once(filt, "a@s.example")
        assert filt.stop() == 0
        time_of.set(wall=jump, boot_id=boot_id)
        filt.start()
        wait.until("it is ready", 10, lambda: len(filt.lines("ready")) > 1)
        told = jumps(filt)
    assert len(told) == expected
    if told:
        by = int(re.search(r"jump=(-?\d+) seen=start$", told[0])[1])
        assert abs(by - jump) < HOUR


def test_nothing_expires_by_a_jump() -> None:
    """A day ahead and back: those who had passed need not wait again."""
    with clock() as time_of, Greylister(clock=time_of) as filt:
        assert once(filt, "a@s.example") == "wait"
        time_of.set(wall=301, up=301)
        assert once(filt, "a@s.example") == "pass"
        for jump in (40 * DAY, 10 * YEAR, 0):
            time_of.set(wall=jump + 302, up=302)
            time.sleep(2.2)  # it is swept every second
        expired = filt.stats()["expired"]
        assert filt.records().get(
            "net:192.0.2.0/24 a@s.example b@dest.example", "").startswith(
                "1 passed")
        time_of.set(wall=310, up=310)
        answer = once(filt, "a@s.example")
    figure("T1", expired=expired, answer_after_jumps=answer)
    assert answer == "pass"
