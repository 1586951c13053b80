"""steelyardctl, run on a small site or on its filter."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
from typing import Iterator

from .steelyard import program

RULES = """\
set mode enforce
list nets    ip      { 192.0.2.0/24 }
list friends domain  from "friends.list"
list words   regex   from "words.list"
rule NO_ID   2.5 if message_id is none         "no Message-ID"
rule BARE    6.0 if helo.is_ip
rule FRIEND -1.0 if helo.name in friends
rule WORD    1.0 if helo.name in words
rule NET     0.5 if client.ip in nets
rule LOGIN   0.5 if client.auth
rule BIG     0.5 if body.size > 100000
shadow rule TRY_ME 2.0 if helo.name is not none
verdict reject at 6.0 reply "550 5.7.1 Refused: %{hits}"
verdict tag at 2.0
"""
FILES = {"friends.list": "# who\nexample.org\n",
         "words.list": "/spam[0-9]+/i\n"}
LETTER = """\
From: Anna <anna@example.net>
To: bea@example.org
Subject: Hello
Date: Sun, 1 Mar 2026 10:00:00 +0000

Text.
"""


def ctl(*arguments: object, code: int | None = 0, stdin: str = "",
        env: dict[str, str] | None = None) -> str:
    """Run it; its output.  `code` is what it must end with."""
    done = subprocess.run(
        [program("STEELYARDCTL", "steelyardctl"), *map(str, arguments)],
        input=stdin, capture_output=True, text=True, timeout=60,
        env={**os.environ, **(env or {})})
    if code is not None:
        assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def trial(*arguments: object, stdin: str = "") -> dict:
    """The same in JSON; what it says."""
    return json.loads(ctl("--json", *arguments, stdin=stdin))


@contextlib.contextmanager
def site() -> Iterator[pathlib.Path]:
    """A folder with a configuration, s.conf, whose filter does not run."""
    with tempfile.TemporaryDirectory(prefix="sy-ctl-") as name:
        folder = pathlib.Path(name)
        for path, text in FILES.items():
            (folder / path).write_text(text)
        (folder / "s.conf").write_text(
            f'set control_socket "unix:{folder}/control.sock"\n' + RULES)
        (folder / "letter.eml").write_text(LETTER)
        yield folder
