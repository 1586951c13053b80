"""How the suites are judged: what is right, what is listed, what is neither."""

from __future__ import annotations

import collections
import pathlib

import pytest

from . import suites, test_dkim, test_spf, visits

FAIL = pytest.fail.Exception
LISTED = pytest.xfail.Exception


@pytest.fixture(autouse=True)
def own_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "counts",
                        collections.defaultdict(suites.Count))
    monkeypatch.setattr(suites, "listed", {
        ("s", "known"): suites.Listed("fail", "a cause")})


@pytest.mark.parametrize("case, got, right, contradicted, end", [
    pytest.param("a", "pass", True, "", None, id="right"),
    pytest.param("a", "fail", False, "", FAIL, id="wrong"),
    pytest.param("known", "fail", False, "", LISTED, id="listed"),
    pytest.param("known", "none", False, "", FAIL, id="wrong in another way"),
    pytest.param("known", "pass", True, "", FAIL, id="listed and right"),
    pytest.param("a", "fail", False, "RFC", LISTED, id="contradicted"),
    pytest.param("a", "pass", True, "RFC", None, id="both agree"),
])
def test_settle(case: str, got: str, right: bool, contradicted: str,
                end: type[Exception] | None) -> None:
    if end is None:
        suites.settle("s", case, got, "pass", right, contradicted)
    else:
        with pytest.raises(end):
            suites.settle("s", case, got, "pass", right, contradicted)
    count = suites.counts["s"]
    assert (count.right, len(count.listed), len(count.wrong)) == (
        end is None, end is LISTED, end is FAIL)


@pytest.mark.parametrize("expect, weak, results, right", [
    ("pass", "-", "pass", True),
    ("pass", "-", "fail,pass", True),
    ("pass", "-", "policy", False),
    ("fail", "-", "fail,permerror", True),
    ("temperror", "-", "fail,temperror", True),
    ("none", "-", "", True),
    ("none", "-", "neutral", False),
    ("permerror|none", "-", "", True),
    ("pass,fail", "-", "pass,fail", True),
    ("pass,fail", "-", "fail,pass", False),
    ("pass,fail", "-", "pass", False),
    ("pass*", "-", "fail,pass", True),
    ("pass*", "-", "fail,fail", False),
    ("*", "-", "fail", True),
    ("*", "-", "fail," * 8 + "neutral", True),
    ("*", "-", "fail," * 8 + "fail", False),
    ("pass", "sha1", "pass", False),
    ("pass", "sha1", "policy", True),
    ("pass", "rsa512", "permerror", True),
    ("pass", "sha1", "temperror", False),
    ("pass,pass", "sha1,-", "policy,pass", True),
    ("pass,pass", "sha1,-", "policy,policy", False),
    ("pass,pass", "sha1,-", "pass,pass", False),
    ("temperror", "sha1", "temperror", True),
    ("*", "sha1", "pass", False),
])
def test_dkim_expectations(expect: str, weak: str, results: str,
                           right: bool) -> None:
    case = test_dkim.Case("x", pathlib.Path(), pathlib.Path(), None, expect,
                          [word != "-" for word in weak.split(",")])
    assert case.accepts(results.split(",") if results else []) is right


@pytest.mark.parametrize("wanted, said, result, explanation, right", [
    (["fail"], None, "fail", "text", True),
    (["fail"], "DEFAULT", "fail", None, True),
    (["fail"], "DEFAULT", "fail", "text", False),
    (["fail"], "text", "fail", "text", True),
    (["fail"], "text", "fail", None, False),
    (["fail"], "text", "none", None, False),
    (["fail", "none"], "text", "none", None, True),
    (["permerror", "fail"], None, "fail", None, True),
])
def test_spf_expectations(wanted: list[str], said: str | None, result: str,
                          explanation: str | None, right: bool) -> None:
    case = test_spf.Case("x", visits.Visit(), wanted, said)
    assert case.accepts(result, explanation) is right
