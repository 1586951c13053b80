"""Waiting without sleeping blindly: every wait has a deadline and a name."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


class Timeout(AssertionError):
    """What was waited for did not happen in time."""


def until(what: str, seconds: float, ready: Callable[[], T | None]) -> T:
    """Return the first true answer of `ready`, asked every few ms.

    Raises Timeout naming `what` when `seconds` have passed without one.
    """
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: not within {seconds} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
