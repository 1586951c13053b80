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


def group(name: str) -> float:
    """The most that it adds."""
    text = (TOP / "rules/default/authentication.rules").read_text()
    return float(re.search(rf"^group {name} max ([0-9.]+)", text, re.M)[1])


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


# Those that need the content: at most what the group `reputation` has in reserve.
LATE = {"DKIM_PASS": -0.5, "FORWARDED": -1.5}


def test_what_speaks_for_a_sender_is_bounded() -> None:
    """At most 5.0 by lists, and 2.0 by what has to wait for the content."""
    white = {name: weight for name, weight in ALL.items() if weight < 0}
    lists = sum(weight for name, weight in white.items()
                if name.startswith("DNSWL_"))
    assert lists == -5.0
    assert white.keys() - symbols(LISTS).keys() == {
        "LOCAL_ALLOW_SENDER", *LATE}
    assert {name: white[name] for name in LATE} == LATE
    assert sum(LATE.values()) >= -2.0


def test_a_signature_keeps_no_refusal_back() -> None:
    """The check says which rules are too heavy to be decided at the end."""
    assert ": 0 errors, 0 warnings;" in check(SHIPPED)
    heavier = "".join(f"override {name} -200.0\n" for name in LATE)
    said = check(SHIPPED + heavier)
    assert "nothing is refused at RCPT" in said
    for name in LATE:
        assert f"{name} (-200.00)" in said


def test_spf_alone_is_not_even_tagged() -> None:
    assert group("spf") < 5.0


def test_dmarc_alone_makes_mail_wait_and_does_not_refuse() -> None:
    assert group("dmarc") == 8.0 == sum(
        ALL[name] for name in ("DMARC_FAIL", "DMARC_REJECT",
                               "DMARC_UNSIGNED"))
    assert ALL["DMARC_FAIL"] < 5.0 <= ALL["DMARC_FAIL"] + min(
        ALL["DMARC_REJECT"], ALL["DMARC_UNSIGNED"])


def test_a_mistake_is_softer_than_a_denial() -> None:
    assert ALL["SPF_PERMERROR"] < ALL["SPF_SOFTFAIL"] < ALL["SPF_FAIL"]
    assert ALL["DMARC_PERMERROR"] < ALL["DMARC_FAIL"]


def test_no_rule_is_about_dns_that_fails() -> None:
    text = (TOP / "rules/default/authentication.rules").read_text()
    rules = re.sub(r'#[^\n]*|^example .*?^}[^\n]*|"[^"]*"', "", text,
                   flags=re.M | re.S)
    assert "rule SPF_FAIL" in rules
    assert "temperror" not in rules and "unknown" not in rules


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
