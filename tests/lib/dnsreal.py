"""Debian's name servers, unpacked, on free ports of 127.0.0.1.

    with real({"example.org": "mx A 192.0.2.1"},
              {"zen.test": "192.0.2.99 :127.0.0.4:listed"}) as servers:
        servers.resolver.servers        # for `set dns_servers`

NSD serves zone files, rbldnsd lists, and unbound is the resolver that asks
both; it asks nobody else, names of other zones do not exist for it.  None needs
root, and nothing of a machine's own name server is touched.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import textwrap
from typing import Iterator, Mapping

from . import dnsask, dnsserver, wait
from .room import Unavailable

UNPACK = pathlib.Path(__file__).resolve().parent.parent / "dns" / "unpack"
START = 10  # seconds
STOP = 10
NOBODY = "nobody"
SOA = "@ 300 IN SOA ns hostmaster 1 3600 600 86400 60\n"
NS = "@ 300 IN NS ns.invalid.\n"


def unpacked() -> pathlib.Path:
    """The folder in which the programs look installed, filled if need be."""
    folder = os.environ.get("STEELYARD_DNS")
    if not folder:
        raise Unavailable("STEELYARD_DNS names no folder; see tests/run-pytest")
    done = subprocess.run([str(UNPACK), folder], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["unpack: no reason given"]
        raise Unavailable(words[-1])
    return pathlib.Path(folder).resolve() / "root"


class NameServer:
    """A running name server with a folder of its own."""

    name = ""

    def __init__(self) -> None:
        """Start; returns when it answers, or raises Unavailable in one line."""
        root = unpacked()
        self._program = root / "usr/sbin" / self.name
        self._libraries = ":".join(
            str(path) for path in root.glob("usr/lib/*-linux-gnu*"))
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"sy-{self.name}-"))
        self.work.chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            # Between our look and its bind, somebody else may take the port.
            for last in (False, False, True):
                self.port = free_port()
                try:
                    self._start()
                    return
                except Unavailable:
                    if last or "in use" not in self.log():
                        raise
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> dnsask.Address:
        """Where it is asked."""
        return "127.0.0.1", self.port

    @property
    def servers(self) -> str:
        """The same for `set dns_servers`."""
        return f"127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        """Write what it reads at start; return its arguments."""
        raise NotImplementedError

    def _start(self) -> None:
        arguments = self.arguments()
        with open(self.work / "log", "wb") as log:
            self.process = subprocess.Popen(
                # It ends with us, however we end.
                ["setpriv", "--pdeathsig", "TERM", str(self._program),
                 *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.work, start_new_session=True,
                env={**os.environ, "LD_LIBRARY_PATH": self._libraries})
        try:
            wait.until(f"an answer of {self.name}", START, self._answers)
        except wait.Timeout as exc:
            raise Unavailable(str(exc)) from exc

    def _answers(self) -> bool:
        assert self.process
        code = self.process.poll()
        if code is not None:
            words = self.log().strip().splitlines() or ["no last words"]
            raise Unavailable(f"{self.name} ended with {code}: {words[-1]}")
        try:
            return bool(dnsask.udp(self.address, dnsask.query("."), 0.2))
        except OSError:
            return False

    def log(self) -> str:
        """What it has said."""
        path = self.work / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def read_again(self) -> None:
        """Have it read its files again; it does so when it gets round to it."""
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """End it and its children, and remove its folder."""
        if self.process:
            if self.process.poll() is None:
                self.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOP)
            # Its session is its own; what is left in it has not obeyed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
        shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self) -> NameServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Nsd(NameServer):
    """Serves zones from master files; SOA and NS are added if missing."""

    name = "nsd"

    def __init__(self, zones: Mapping[str, str]) -> None:
        self._zones = dict(zones)
        super().__init__()

    def arguments(self) -> list[str]:
        conf = [
            "server:", "ip-address: 127.0.0.1", f"port: {self.port}",
            "server-count: 1", 'username: ""', 'pidfile: ""', 'database: ""',
            f'zonelistfile: "{self.work}/zone.list"',
            f'xfrdfile: "{self.work}/xfrd.state"', f'xfrdir: "{self.work}"',
            f'zonesdir: "{self.work}"', "remote-control:", "control-enable: no"]
        for number, (zone, text) in enumerate(self._zones.items()):
            self._write(number, zone, text)
            conf += ["zone:", f"name: {zone}", f"zonefile: {number}.zone"]
        (self.work / "nsd.conf").write_text("\n".join(conf) + "\n")
        return ["-d", "-c", str(self.work / "nsd.conf")]

    def _write(self, number: int, zone: str, text: str) -> None:
        text = textwrap.dedent(text)
        words = text.upper().split()
        head = f"$ORIGIN {zone.rstrip('.')}.\n$TTL 300\n"
        head += ("" if "SOA" in words else SOA) + ("" if "NS" in words else NS)
        (self.work / f"{number}.zone").write_text(head + text + "\n")

    def change(self, zone: str, text: str) -> None:
        """Give a zone other contents."""
        self._zones[zone] = text
        self._write(list(self._zones).index(zone), zone, text)
        self.read_again()


class Rbldnsd(NameServer):
    """Serves lists: zone -> lines of an ip4set, or of `KIND:` in the name.

    {"zen.test": "192.0.2.0/24 :127.0.0.4:listed", "dnset:dbl.test": ".x.test"}
    """

    name = "rbldnsd"

    def __init__(self, lists: Mapping[str, str]) -> None:
        self._lists = dict(lists)
        super().__init__()

    def arguments(self) -> list[str]:
        out = ["-n", "-b", f"127.0.0.1/{self.port}", "-w", str(self.work)]
        if os.geteuid() == 0:  # it insists on not being root
            out += ["-u", pwd.getpwnam(NOBODY).pw_name]
        for number, (name, text) in enumerate(self._lists.items()):
            kind, _, zone = name.rpartition(":")
            self._write(number, text)
            out.append(f"{zone}:{kind or 'ip4set'}:{number}.list")
        return out

    def _write(self, number: int, text: str) -> None:
        # Whole at any time: it looks for changes by itself, too.
        fresh = self.work / "fresh"
        fresh.write_text(textwrap.dedent(text).strip("\n") + "\n")
        fresh.chmod(0o644)
        fresh.rename(self.work / f"{number}.list")

    def change(self, name: str, text: str) -> None:
        """Give a list other contents."""
        self._write(list(self._lists).index(name), text)
        self.read_again()


class Unbound(NameServer):
    """A resolver that asks the given servers for their zones, and no others."""

    name = "unbound"

    def __init__(self, zones: Mapping[str, NameServer],
                 extra: str = "") -> None:
        """`extra` is added to the section `server:`."""
        self._zones = dict(zones)
        self._extra = extra
        super().__init__()

    def arguments(self) -> list[str]:
        conf = [
            "server:", f"interface: 127.0.0.1@{self.port}", "num-threads: 1",
            'username: ""', 'chroot: ""', 'pidfile: ""',
            f'directory: "{self.work}"', "use-syslog: no", "do-daemonize: no",
            'module-config: "iterator"', "do-not-query-localhost: no",
            "unblock-lan-zones: yes", "edns-buffer-size: 1232",
            # What is nobody's zone does not exist; no question leaves loopback.
            'local-zone: "." static']
        conf += [f'local-zone: "{zone}" transparent' for zone in self._zones]
        conf += [self._extra, "remote-control:", "control-enable: no"]
        for zone, server in self._zones.items():
            host, port = server.address
            conf += ["stub-zone:", f'name: "{zone}"',
                     f"stub-addr: {host}@{port}"]
        (self.work / "unbound.conf").write_text("\n".join(conf) + "\n")
        return ["-d", "-c", str(self.work / "unbound.conf")]


@dataclasses.dataclass
class Servers:
    """A resolver and whom it asks."""

    nsd: Nsd
    rbldnsd: Rbldnsd
    resolver: Unbound


@contextlib.contextmanager
def real(zones: Mapping[str, str], lists: Mapping[str, str],
         extra: str = "") -> Iterator[Servers]:
    """NSD with these zones, rbldnsd with these lists, unbound before both."""
    with contextlib.ExitStack() as stack:
        nsd = Nsd(zones)
        stack.callback(nsd.close)
        rbldnsd = Rbldnsd(lists)
        stack.callback(rbldnsd.close)
        who: dict[str, NameServer] = {zone: nsd for zone in zones}
        who.update({name.rpartition(":")[2]: rbldnsd for name in lists})
        resolver = Unbound(who, extra)
        stack.callback(resolver.close)
        yield Servers(nsd, rbldnsd, resolver)


def free_port() -> int:
    """A port that is free on 127.0.0.1 for UDP and for TCP."""
    for _ in range(50):
        with dnsserver.listener("127.0.0.1", 0, "tcp") as sock:
            port = sock.getsockname()[1]
            with contextlib.suppress(OSError):
                dnsserver.listener("127.0.0.1", port, "udp").close()
                return port
    raise Unavailable("no free port on 127.0.0.1")
