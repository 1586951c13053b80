"""The clocks of a filter that runs: time passes, or jumps (tests/faults/clock.c)."""

from __future__ import annotations

import mmap
import pathlib
import shutil
import struct
import tempfile

from .steelyard import program

_FORMAT = "<qq40s"


class Clock:
    """Clocks that a test moves.  `environment` is for the filter's processes."""

    def __init__(self) -> None:
        built = (program("STEELYARD", "steelyard").parent
                 / "tests/faults/clock.so").read_bytes()
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="sy-clock-"))
        self._folder.chmod(0o755)
        library = self._folder / "clock.so"
        library.write_bytes(built)
        control = self._folder / "clock.so.control"
        control.write_bytes(bytes(struct.calcsize(_FORMAT)))
        with open(control, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), struct.calcsize(_FORMAT))
        self.environment = {"LD_PRELOAD": str(library)}

    def _add(self, offset: int, seconds: int) -> None:
        then, = struct.unpack_from("<q", self._page, offset)
        struct.pack_into("<q", self._page, offset, then + seconds)

    def later(self, seconds: int) -> None:
        """So much time passes."""
        self._add(0, seconds)
        self._add(8, seconds)

    def set_wall(self, seconds: int) -> None:
        """Somebody sets the wall clock forward or (negative) back."""
        self._add(0, seconds)

    def reboot(self, boot_id: str) -> None:
        """For filters that start from now on: another run of the machine."""
        struct.pack_into("<40s", self._page, 16, boot_id.encode() + b"\n")

    def close(self) -> None:
        self._page.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def seconds(text: str) -> int:
    """"90s", "5m", "2h", "36d"."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]
