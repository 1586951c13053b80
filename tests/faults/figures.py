"""Figures of the fault tests, and how often a fault is brought about.

SOAK=1 in the environment (`make soak`) asks for the full counts; otherwise a
fiftieth of them is run, at least 20.
"""

from __future__ import annotations

import os

SOAK = os.environ.get("SOAK") == "1"

_lines: list[str] = []


def rounds(full: int) -> int:
    """How often to do what `make soak` does `full` times."""
    return full if SOAK else max(20, full // 50)


def figure(fault: str, **values: object) -> None:
    """Note what a test measured, such as figure("P5", fd_growth=0)."""
    text = " ".join(f"{name}={_short(value)}" for name, value in values.items())
    _lines.append(f"{fault} {text}")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def take(lines: list[str]) -> None:
    """What was noted in another process."""
    _lines.extend(lines)


def all_lines() -> list[str]:
    """Everything noted so far, in the order of the ids."""
    return sorted(_lines)
