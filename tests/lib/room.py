"""A room: namespaces in which an unpacked MTA believes it is installed.

The layout inside is described in tests/mta/room.  A room has a network of its
own where every address is local.  So a test's SMTP client can come from any
address and port it likes, MTAs listen on port 25, and nothing of this is
visible outside.  Sockets of the room are made with `Room.connect` and
`Room.listen` and used from this process like any other.

A room needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import socket
import subprocess
import threading
from typing import Callable, Sequence

from . import wait

CLONE_NEWNET = 0x40000000  # linux/sched.h
IPV6_FREEBIND = 78  # linux/in6.h
MTA_DIR = pathlib.Path(__file__).resolve().parent.parent / "mta"
UNSHARE = [
    "unshare", "--mount", "--uts", "--net", "--ipc", "--pid", "--fork",
    "--kill-child", "--mount-proc",
]


class Unavailable(Exception):
    """This machine does not let us make rooms; the text says why."""


def why_not() -> str | None:
    """Why no room can be made here, in one line; None if one can."""
    probe = subprocess.run(
        UNSHARE + ["sh", "-c", "mount -t tmpfs tmpfs /mnt && ip link set lo up"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if probe.returncode == 0:
        return None
    cause = probe.stderr.strip().splitlines() or ["no reason given"]
    return ("real MTAs are tested in namespaces of their own, which needs root"
            f" with CAP_SYS_ADMIN and CAP_NET_ADMIN: {cause[0]}")


class Room:
    """One command and its children in namespaces of their own."""

    def __init__(self, root: pathlib.Path, work: pathlib.Path, host: str,
                 command: Sequence[str]) -> None:
        """Start `command` (not a shell line) where `root` looks installed.

        `work` becomes /mnt; its folders `etc` and `dev` are laid over those of
        the machine.  Output goes to `work`/output.  Call from the main thread: the room dies with the
        thread that made it, so that even a killed test run leaves nothing.
        """
        self.work = work
        with open(work / "output", "ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *UNSHARE,
                 str(MTA_DIR / "room"), str(root), str(work), host, *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._net = -1
        try:
            self._net = wait.until("a network namespace", 5, self._open_net)
        except BaseException:
            self.close()
            raise

    def _open_net(self) -> int | None:
        """The room's network, as soon as unshare(1) has made it."""
        self.check()
        try:
            ours = os.stat("/proc/self/ns/net")
            fd = os.open(f"/proc/{self.process.pid}/ns/net",
                         os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        theirs = os.fstat(fd)
        if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
            return fd
        os.close(fd)
        return None

    def check(self) -> None:
        """Raise with the room's last words if its command has ended."""
        if self.process.poll() is not None:
            raise Unavailable("the MTA ended at once: " + self.output()[-2000:])

    def output(self) -> str:
        """What the command has printed so far."""
        return (self.work / "output").read_text(errors="replace")

    def _inside(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Run `make` in a thread that has entered the room's network.

        A socket belongs for ever to the network it was made in; the thread,
        and with it the changed namespace, ends here.
        """
        result: list[socket.socket] = []
        error: list[BaseException] = []

        def enter() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            try:
                if libc.setns(self._net, CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(make())
            except BaseException as exc:  # handed to the caller
                error.append(exc)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if error:
            raise error[0]
        return result[0]

    def connect(self, client: tuple[str, int], server: tuple[str, int],
                timeout: float = 10) -> socket.socket:
        """A TCP connection from `client` (port 0: any) to `server`."""
        family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET

        def make() -> socket.socket:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(timeout)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    # IPv6 routes such an address but won't bind to it.
                    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                sock.bind(client)
                sock.connect(server)
            except BaseException:
                sock.close()
                raise
            return sock

        return self._inside(make)

    def listen(self, port: int) -> socket.socket:
        """A listening IPv4 socket on all the room's addresses."""
        return self._inside(
            lambda: socket.create_server(("0.0.0.0", port), backlog=128))

    def run(self, *command: str) -> str:
        """Run a command inside; returns its output, raises if it fails."""
        init = self._init_pid()
        done = subprocess.run(
            ["nsenter", "-t", str(init), "-m", "-u", "-n", "-p", "--root",
             "--wd=/mnt", *command],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("utf-8", "surrogateescape")

    def _init_pid(self) -> int:
        """The first process inside, as numbered outside."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        return int(children.read_text().split()[0])

    def close(self) -> None:
        """End everything inside; returns when it has ended."""
        if self.process.poll() is None:
            self.process.kill()  # unshare takes the first process with it
        self.process.wait()
        if self._net >= 0:
            os.close(self._net)
            self._net = -1
