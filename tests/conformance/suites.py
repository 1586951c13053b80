"""Where the suites are, which cases fail with a cause, and how all went.

A suite is a file; its name is its path without the ending, "spf/extra-x".  The
cases from the RFCs' own examples, in rfc/, have "rfc/" before it.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from typing import Iterator, NoReturn

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
BESIDE = TOP.parent / "shared" / "conformance"
LISTED = HERE / "listed.tsv"


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder of suites."""

    root: pathlib.Path
    prefix: str  # of their names

    def files(self, pattern: str) -> Iterator[tuple[str, pathlib.Path]]:
        """Suites' names and paths."""
        for path in sorted(self.root.glob(pattern)):
            name = path.relative_to(self.root).with_suffix("")
            yield self.prefix + name.as_posix(), path


def others(config: pytest.Config) -> pathlib.Path | None:
    """The cases of others, if they are here."""
    given = config.getoption("conformance")
    if given:
        return pathlib.Path(given).resolve()
    return BESIDE if BESIDE.is_dir() else None


def files(config: pytest.Config,
          pattern: str) -> Iterator[tuple[str, pathlib.Path]]:
    """All suites of a kind: the RFCs' own, and those of others."""
    yield from Place(HERE / "rfc", "rfc/").files(pattern)
    place = others(config)
    if place is not None:
        yield from Place(place, "").files(pattern)


def rows(path: pathlib.Path, columns: int) -> Iterator[list[str]]:
    """Those of a .tsv; # begins a comment, missing columns are empty."""
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip() and not line.startswith("#"):
            cells = line.split("\t", columns - 1)
            yield cells + [""] * (columns - len(cells))


# --- what fails, with its cause ----------------------------------------------

@dataclasses.dataclass(frozen=True)
class Listed:
    """A case that fails."""

    got: str
    cause: str


def _listed() -> dict[tuple[str, str], Listed]:
    found = {}
    for suite, case, got, cause in rows(LISTED, 4):
        assert cause.strip(), f"{suite} {case} is listed without a cause"
        assert (suite, case) not in found, f"{suite} {case} is listed twice"
        found[suite, case] = Listed(got, cause)
    return found


listed = _listed()


@dataclasses.dataclass
class Count:
    """How a suite went."""

    right: int = 0
    listed: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)


counts: dict[str, Count] = collections.defaultdict(Count)


def give() -> dict[str, tuple[int, list[str], list[str]]]:
    """The counts in plain words, for another process."""
    return {suite: (count.right, count.listed, count.wrong)
            for suite, count in counts.items()}


def take(given: dict[str, tuple[int, list[str], list[str]]]) -> None:
    """What another process has counted."""
    for suite, (right, its_listed, wrong) in given.items():
        counts[suite].right += right
        counts[suite].listed += its_listed
        counts[suite].wrong += wrong


def settle(suite: str, case: str, got: str, wanted: str, right: bool,
           contradicted: str = "") -> None:
    """The end of each case: right, listed with its cause, or wrong.

    `contradicted` is the cause where a newer suite has the case, wants
    something else, and gets it.
    """
    known = listed.get((suite, case))
    if right and known is None:
        counts[suite].right += 1
    elif right:
        _wrong(suite, case, "is right now: take it off listed.tsv")
    elif known is None and not contradicted:
        _wrong(suite, case, f"got {got}, not {wanted}")
    elif known is not None and known.got != got:
        _wrong(suite, case, f"got {got}; it is listed with {known.got}")
    else:
        cause = known.cause if known is not None else contradicted
        counts[suite].listed.append(f"{case}: {got}, not {wanted}: {cause}")
        pytest.xfail(cause)


def _wrong(suite: str, case: str, why: str) -> NoReturn:
    counts[suite].wrong.append(f"{case}: {why}")
    pytest.fail(f"{suite} {case}: {why}", pytrace=False)
