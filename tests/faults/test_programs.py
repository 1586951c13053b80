"""Who reads mail is a program of its own, and alone has what that takes."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

from lib import steelyard

from .family import PROC, Family, send_mail

READER = "steelyard-inspector"
# Libraries by their file's beginning, and who loads them.
READS = ("libopendkim", "libcrypto", "libseccomp")
TALKS = ("libmilter", "libcares", "libjansson")
BUILT = steelyard.program("STEELYARD", "steelyard").resolve()


def loaded(pid: int) -> set[str]:
    """File names of what a process has mapped."""
    lines = (PROC / str(pid) / "maps").read_text().splitlines()
    return {os.path.basename(line.split(maxsplit=5)[-1]) for line in lines}


def has(names: set[str], *beginnings: str) -> list[str]:
    return [b for b in beginnings if any(n.startswith(b) for n in names)]


def test_libraries(tmp_path: pathlib.Path) -> None:
    """A library's fault, or its weight, stays with who needs it."""
    family = Family(tmp_path)
    try:
        family.await_complete()
        send_mail(family.dial())
        for name, pid in {"supervisor": family.supervisor,
                          **family.children()}.items():
            names = loaded(pid)
            if name.startswith("inspector"):
                assert READER in names
                assert has(names, *READS) == list(READS), name
                assert not has(names, *TALKS), name
            else:
                assert READER not in names
                assert not has(names, *READS), name
                assert has(names, *TALKS) == list(TALKS), name
    finally:
        family.close()


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: pathlib.Path,
                   monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Has the program alone, and strangers are in the way."""
    shutil.copy(BUILT, tmp_path / "steelyard")
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    (strangers / READER).symlink_to("/bin/true")
    monkeypatch.chdir(strangers)
    monkeypatch.setenv("PATH", f"{strangers}:{os.environ['PATH']}")
    monkeypatch.setenv("STEELYARD", str(tmp_path / "steelyard"))
    return tmp_path


def test_beside(folder: pathlib.Path) -> None:
    """Found where the program lies, not where we stand or what PATH says."""
    shutil.copy(BUILT.parent / READER, folder)
    family = Family(folder, inspectors=1)
    try:
        family.await_complete()
        pid = family.children()["inspector 0"]
        assert os.readlink(PROC / str(pid) / "exe") == str(folder / READER)
    finally:
        family.close()


def test_missing(folder: pathlib.Path) -> None:
    """Without it nothing starts, and one line says what is missing."""
    config = folder / "steelyard.conf"
    config.write_text(f'set milter_socket "unix:{folder}/m.sock"\n'
                      f'set control_socket "unix:{folder}/c/c.sock"\n'
                      f'set state_dir "{folder}/state"\n')
    try:
        done = subprocess.run([folder / "steelyard", "-f", "-c", config],
                              capture_output=True, text=True, timeout=10,
                              check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("this machine has it installed")
    last = done.stderr.splitlines()[-1]
    if done.returncode != 1 or not last.endswith("No such file or directory"):
        pytest.fail(done.stderr)
    assert last.startswith("steelyard: /") and f"/{READER}: " in last
    assert not (folder / "m.sock").exists()


def test_by_hand() -> None:
    done = subprocess.run([BUILT.parent / READER], capture_output=True,
                          text=True, timeout=10, check=False)
    assert done.returncode == 2
    assert done.stderr == f"{READER}: only steelyard(8) starts it\n"
