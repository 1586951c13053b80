"""The rules that ship: they load, also with what a postmaster changes."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import tempfile

import pytest

from lib.steelyard import program

TOP = pathlib.Path(__file__).resolve().parents[1]
DEFAULT = sorted((TOP / "rules/default").glob("*.rules"))
OPTIONAL = sorted((TOP / "rules/optional").glob("*.rules"))
LISTS = (TOP / "rules/default/dnsbl.rules").read_text()
SHIPPED = f'include "{TOP}/rules/default/*.rules"\n'

# A rule, or a list's symbol, and its weight.
SYMBOL = re.compile(r"^(?:rule |\t)([A-Z][A-Z0-9_]+) +(-?[0-9]+\.[0-9]+)(?= )",
                    re.M)


def symbols(text: str) -> dict[str, float]:
    return {name: float(weight) for name, weight in SYMBOL.findall(text)}


ALL = symbols("".join(path.read_text() for path in DEFAULT))


def check(text: str) -> str:
    """What `steelyardctl check` says of it; it must load."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write(text)
        conf.flush()
        done = subprocess.run(
            [program("STEELYARDCTL", "steelyardctl"), "check", conf.name],
            capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_nothing_is_odd_about_them() -> None:
    assert ": 0 errors, 0 warnings;" in check(SHIPPED)


def test_all_are_found() -> None:
    assert len(ALL) > 60 and {"XBL", "DNSWL_HI", "RDNS_NONE"} <= ALL.keys()


@pytest.mark.parametrize("path", OPTIONAL, ids=lambda path: path.stem)
def test_each_optional_list_may_be_added(path: pathlib.Path) -> None:
    assert ": 0 errors, 0 warnings;" in check(
        SHIPPED + f'include "{path}"\n')


def test_all_optional_lists_together() -> None:
    assert OPTIONAL
    added = "".join(f'include "{path}"\n' for path in OPTIONAL)
    assert ": 0 errors, 0 warnings;" in check(SHIPPED + added)


@pytest.mark.parametrize("name", ALL)
def test_any_rule_may_be_switched_off(name: str) -> None:
    """No example that ships depends on it."""
    check(SHIPPED + f"override {name} off\n")


def test_all_dns_lists_may_be_switched_off() -> None:
    off = "".join(f"override {name} off\n" for name in symbols(LISTS))
    assert '"reputation" has no rule that counts' in check(SHIPPED + off)


def test_nothing_but_your_own_lists_refuses_alone() -> None:
    heavy = {name for name, weight in ALL.items() if weight >= 10.0}
    assert heavy == {"LOCAL_DENY_NETWORK", "LOCAL_DENY_SENDER",
                     "LOCAL_DENY_HELO"}


def test_what_speaks_for_a_sender_is_bounded() -> None:
    """At most 5.0 by lists, and nothing that has to wait for the content."""
    white = {name: weight for name, weight in ALL.items() if weight < 0}
    lists = sum(weight for name, weight in white.items()
                if name.startswith("DNSWL_"))
    assert lists == -5.0
    assert white.keys() - symbols(LISTS).keys() == {"LOCAL_ALLOW_SENDER"}


def test_samples_ask_nothing_of_the_network() -> None:
    """Each list that is asked has its test entry in the samples' zone."""
    zone = (TOP / "tests/messages/sample.zone").read_text()
    for name in re.findall(r'^dnsbl "([^"]+)"', LISTS, re.M):
        assert f"$ORIGIN {name}." in zone


def test_a_failing_balance_is_seen() -> None:
    """The site's examples are about the weights that ship."""
    site = SHIPPED + f'include "{TOP}/tests/messages/site.rules"\n'
    check(site)
    with pytest.raises(AssertionError, match="a listed bot|only one list"):
        check(site + "override XBL 0.5\n")
