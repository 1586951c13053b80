"""The filter under test: started with a rule text, stopped, its log read."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence

from . import wait

START = 10  # seconds; generous for sanitizer builds on a busy machine
STOP = 35  # a drain may take 25 s
SO_ACCEPTCON = 1 << 16  # of the kernel's flags: listen() was called
# What a sanitizer's report looks like, in any of the filter's processes.
SANITIZERS = ("Sanitizer:", "runtime error:")


def program(variable: str, name: str) -> pathlib.Path:
    """A built program: from the environment, else beside this source tree."""
    default = pathlib.Path(__file__).resolve().parents[2] / "build" / name
    return pathlib.Path(os.environ.get(variable, default))


def listens(path: pathlib.Path) -> bool:
    """Whether a unix socket can be connected to, without doing so.

    The path is there as soon as it is bound, before listen(); and whoever
    connects to find out takes one of the few places of the control socket.
    """
    # Num RefCount Protocol Flags Type St Inode Path, see proc_net(5)
    for line in pathlib.Path("/proc/net/unix").read_text(
            errors="replace").splitlines()[1:]:
        words = line.split(maxsplit=7)
        if words[7:] == [str(path)] and int(words[3], 16) & SO_ACCEPTCON:
            return True
    return False


class Steelyard:
    """One running filter with a state of its own."""

    # For tests that start it under a limit (a command that executes it) or
    # with something preloaded.
    prefix: tuple[str, ...] = ()
    environment: dict[str, str] = {}

    def __init__(self, rules: str, milter_socket: pathlib.Path,
                 *, files: dict[str, str] | None = None,
                 options: Sequence[str | pathlib.Path] = (),
                 environment: dict[str, str] | None = None) -> None:
        """Start with `rules` (settings and rules as in a rule file).

        `files` (relative name -> text) are laid beside the rule file, for
        lists and includes.  Returns when the milter socket answers.
        """
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="sy-filter-"))
        self.milter_socket = milter_socket
        self.options = options  # of the command line
        if environment is not None:
            self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        try:
            for name, text in (files or {}).items():
                path = self.work / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            self.config = self.work / "steelyard.conf"
            self.config.write_text(self._settings() + rules)
            self.start()
        except BaseException as exc:
            exc.add_note(f"the filter says:\n{self.log()}")
            self.close()
            raise

    def _settings(self) -> str:
        return (f'set milter_socket "unix:{self.milter_socket}"\n'
                f'set control_socket "unix:{self.control_socket}"\n'
                f'set state_dir "{self.work / "state"}"\n'
                "set inspectors 1\n")

    @property
    def control_socket(self) -> pathlib.Path:
        return self.work / "control" / "control.sock"

    def start(self) -> None:
        """Start (again) and wait until it can be talked to."""
        with open(self.work / "log", "ab") as log:
            self.process = subprocess.Popen(
                # It ends with us, however we end.
                ["setpriv", "--pdeathsig", "TERM", *self.prefix,
                 str(program("STEELYARD", "steelyard")), "-f", "-c",
                 str(self.config), *map(str, self.options)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment})
        wait.until("the milter socket", START, self._answers)

    def _answers(self) -> bool:
        assert self.process
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"the filter ended with {code}")
        if not listens(self.control_socket):
            return False
        probe = socket.socket(socket.AF_UNIX)
        try:
            probe.connect(str(self.milter_socket))
            return True
        except OSError:
            return False
        finally:
            probe.close()

    def log(self) -> str:
        """Everything it has logged, all its processes together."""
        path = self.work / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> int:
        """Ask it to end; returns its exit code, -9 if it had to be killed."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def close(self) -> None:
        """Stop it if it runs, and remove its folder."""
        if self.process:
            self.stop()
        log = self.log()
        shutil.rmtree(self.work, ignore_errors=True)
        if any(mark in log for mark in SANITIZERS):
            raise AssertionError("a sanitizer complained:\n" + log)
