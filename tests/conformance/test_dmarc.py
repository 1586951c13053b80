"""DMARC: worlds and verdicts of others (dmarc/cases.yml).

A case is made a message: it has its author in From, comes from a domain whose
SPF lets it pass, and is signed by each domain that is said to have signed.
"""

from __future__ import annotations

import functools
import pathlib
import subprocess
from typing import Any, Iterator

import pytest
import yaml

from lib.dkimsign import Key
from lib.steelyard import program

from . import suites, visits, zone

CLIENT = "192.0.2.25"
ELSEWHERE = "bounce.nowhere.invalid"  # sends where SPF is to say nothing
FACTS = {"result": "dmarc", "policy": "dmarc.policy",
         "org_domain": "dmarc.org_domain", "record_domain": "dmarc.domain",
         "spf_aligned": "dmarc.aligned.spf",
         "dkim_aligned": "dmarc.aligned.dkim"}
# Settings under which a case holds; the first is the default.
BOTH = "tree-walk-and-list"
WALK = "tree-walk"
LIST = "suffix-list"
WAYS = {"both": [BOTH, WALK, LIST], "rfc9989": [BOTH, WALK],
        "rfc7489": [LIST]}

Case = dict[str, Any]


@functools.cache
def _cases(path: pathlib.Path) -> list[Case]:
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file) or []


def message_of(case: Case) -> tuple[visits.Visit, str]:
    """A message that proves what the case says is proven, and its world."""
    message = (f"From: <anna@{case['author_domain']}>\r\n"
               "Subject: a case\r\n\r\nhello\r\n").encode()
    more: list[tuple[str, zone.Record]] = []
    for number, domain in enumerate(case.get("dkim_pass") or []):
        key = Key(f"case{number}")
        message = key.sign(message, domain, h=["from", "subject"])
        more.append((key.name(domain), ("TXT", key.record())))
    sender = ELSEWHERE
    for sender in case.get("spf_pass") or []:
        more.append((sender, ("TXT", f"v=spf1 ip4:{CLIENT} -all")))
    return (visits.Visit(message=message, client=CLIENT,
                         helo="mail.nowhere.invalid",
                         sender=f"bounce@{sender}"),
            zone.of_names(case.get("dns") or {}, more))


def shown(value: Any) -> str:
    """As it stands in a table."""
    if isinstance(value, list):
        return ",".join(value)
    return {True: "yes", False: "no", None: "none"}.get(value, str(value))


def compare(suite: str, name: str, expect: dict[str, Any],
            found: dict[str, Any]) -> None:
    """Settles the case by all that it expects."""
    def line(values: dict[str, Any]) -> str:
        return " ".join(f"{key}={shown(values.get(key))}" for key in expect)

    suites.settle(suite, name, line(found), line(expect),
                  line(found) == line(expect))


def _all(config: pytest.Config) -> Iterator[Any]:
    for suite, path in suites.files(config, "dmarc/cases.yml"):
        for case in _cases(path):
            for way in WAYS[case.get("spec", "both")]:
                yield pytest.param(suite, case, way,
                                   id=f"{suite}:{case['name']}:{way}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("suite, case, way", list(_all(metafunc.config)))


def test_dmarc(suite: str, case: Case, way: str) -> None:
    """All that can be seen of a message; one of them has one sender."""
    if len(case.get("spf_pass") or []) > 1:
        found = evaluate(case, way)
    else:
        visit, world = message_of(case)
        (facts,) = visits.facts_of([visit], world,
                                   f"set dmarc_discovery {way}\n")
        found = {word: facts[fact] for word, fact in FACTS.items()}
    expect = {word: value for word, value in case["expect"].items()
              if word in FACTS}
    assert case["expect"].keys() <= FACTS.keys() | {"queries"}
    if (found["result"] != "fail"
            and shown(found["policy"]) != expect.get("policy")):
        # what applies to a failure shows in the fact; this is none
        found["policy"] = evaluate(case, way).get("published")
    if way == WALK and "queries" in case["expect"]:
        # what is asked, and in which order, shows in the evaluator alone
        expect["queries"] = case["expect"]["queries"]
        found["queries"] = evaluate(case, way)["queries"]
    compare(f"{suite} ({way})", case["name"], expect, found)


# --- the evaluator alone -----------------------------------------------------

def _world(names: dict[str, Any]) -> Iterator[str]:
    for name, records in names.items():
        if isinstance(records, str):
            yield f"fails {name}"
            continue
        yield f"name {name}"
        for text in records.get("TXT", []):
            yield f"txt {name} " + (text if isinstance(text, str)
                                    else "".join(text))


def evaluate(case: Case, way: str) -> dict[str, Any]:
    """By tests/conformance/dmarc_case.c: facts, and the names asked for."""
    words = {BOTH: "both", WALK: "walk", LIST: "list"}
    lines = [f"discovery {words[way]}", f"author {case['author_domain']}"]
    lines += [f"spf {name}" for name in case.get("spf_pass") or []]
    lines += [f"dkim {name}" for name in case.get("dkim_pass") or []]
    lines += _world(case.get("dns") or {})
    path = program("STEELYARD", "steelyard").parent
    done = subprocess.run([path / "tests/conformance/dmarc_case"],
                          input="\n".join(lines) + "\n", text=True,
                          stdout=subprocess.PIPE, timeout=10, check=True)
    found: dict[str, Any] = {"queries": []}
    for line in done.stdout.splitlines():
        word, value = line.split(" ", 1)
        if word == "asked":
            found["queries"].append(value)
        else:
            found[word] = {"yes": True, "no": False}.get(value, value)
    return found
