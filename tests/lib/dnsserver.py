"""A fake DNS server, programmed by the test while it runs.

    with DnsServer() as server:
        zen = server.zone("zen.test").list("192.0.2.99", "127.0.0.4")
        server.behave("slow.example", Delay(2.0))
        ...                                 # ask server.servers
        assert server.count("99.2.0.192.zen.test", "A") == 1
        zen.list_the_world()                # from the next query on

It answers as a recursive resolver whose world is the zones of the test: a name
that nobody added does not exist.  It listens on UDP and TCP, on 127.0.0.1 and
::1, always at the same port.  All methods may be called from any thread;
what they change holds for every query that arrives after they have returned.
Zones are described in dnszone.py and dnstext.py, faults in dnsfault.py.
"""

from __future__ import annotations

import asyncio
import dataclasses
import pathlib
import socket
import struct
import threading
import time
from typing import Iterator, NamedTuple

import dns.name
import dns.rdatatype

from . import dnswire, dnszone, wait
from .dnsfault import Delay, Drop, Exchange, Fault, Garbage, Rcode

BATCH = 64  # datagrams taken before others have their turn
CACHE_MAX = 20000  # answers kept ready
ROOM = 4 << 20  # bytes for queries that wait to be read
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; more than others may have
MAX_UDP = 65507


class Query(NamedTuple):
    """A query as it arrived."""

    name: str  # as asked, without the last dot
    type: str
    when: float  # time.monotonic()
    source: tuple[str, int]
    transport: str  # udp or tcp
    id: int
    payload: int  # EDNS size; 0 without EDNS


@dataclasses.dataclass
class _Rule:
    """Faults for a name or the names below it."""

    faults: tuple[Fault, ...]
    qtype: str | None
    transport: str | None


@dataclasses.dataclass
class _Plan:
    """What is known about a query from its bytes alone."""

    name: str
    type: str
    payload: int
    ready: bytes | None  # the answer behind the id; None: there are faults


class DnsServer:
    """Runs from its construction until `close`."""

    def __init__(self, *, keep_log: bool = True) -> None:
        self.world = dnszone.World(self._forget_plans)
        self.keep_log = keep_log
        self.bad_queries = 0  # that could not be read, or were not for us
        self.errors: list[str] = []  # exceptions; always a mistake of the test
        self._log: list[Query] = []
        self._exact: dict[dnszone.Key, list[_Rule]] = {}
        self._under: dict[dnszone.Key, list[_Rule]] = {}
        self._plans: dict[tuple[str, bytes], _Plan] = {}
        self._sockets: dict[str, list[socket.socket]] = {"udp": [], "tcp": []}
        self._links: dict[asyncio.Task[None], socket.socket] = {}
        self.port = 0
        self._hosts = loopback_addresses()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True,
                                        name="dnsserver")
        self._thread.start()
        try:
            self.come_back()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> DnsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and answering; delayed answers are never sent.

        Raises if a fault or a zone made the server stumble.
        """
        if not self._loop.is_closed():
            self.vanish()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            if self.errors:
                raise AssertionError("the DNS server stumbled: "
                                     + "; ".join(self.errors))

    @property
    def address(self) -> tuple[str, int]:
        """Where it is asked over IPv4."""
        return "127.0.0.1", self.port

    @property
    def servers(self) -> str:
        """For `set dns_servers`: the IPv4 address and the port."""
        return f"127.0.0.1:{self.port}"

    @property
    def all_servers(self) -> str:
        """Both addresses, for `set dns_servers`."""
        return ", ".join(f"[{host}]:{self.port}" if ":" in host
                         else f"{host}:{self.port}" for host in self._hosts)

    # What it knows.

    def zone(self, origin: str, text: str = "", *, ttl: int = dnszone.TTL,
             negative_ttl: int = dnszone.NEGATIVE_TTL) -> dnszone.Zone:
        """Begin a zone, or go on with one."""
        return self.world.zone(origin, text, ttl=ttl, negative_ttl=negative_ttl)

    def dnsbl(self, origin: str, address: str = "127.0.0.2") -> dnszone.Zone:
        """A list that passes the self tests of RFC 5782."""
        return self.zone(origin).test_points(address)

    def load(self, text: str, called: str = "zone") -> None:
        """Records of any zones, and rules (see dnstext.py)."""
        self.world.load(text, called, dns.name.root, dnszone.TTL)

    def load_file(self, path: pathlib.Path) -> None:
        """The same from a file."""
        self.load(path.read_text(encoding="utf-8"), path.name)

    # What it does wrong.

    def behave(self, where: str, *faults: Fault, qtype: str | None = None,
               transport: str | None = None) -> None:
        """Answer questions for these names with these faults.

        `where` is one name "a.example", all names below it "*.a.example", both
        ".a.example", or all names ".".  The most specific place counts that
        has faults for the question's type and transport.  New faults
        replace those of the same place, type and transport; none at all end
        them.  Faults of a name also meet those whose CNAME leads there.
        """
        rule = _Rule(faults, qtype and qtype.upper(), transport)
        with self.world.lock:
            for table, key in self._places(where):
                others = [r for r in table.get(key, ()) if (
                    r.qtype, r.transport) != (rule.qtype, transport)]
                table[key] = others + ([rule] if faults else [])
            self._forget_plans()

    def behave_well(self) -> None:
        """No faults any more, anywhere."""
        with self.world.lock:
            self._exact.clear()
            self._under.clear()
            self._forget_plans()

    def _places(self, where: str) -> Iterator[
            tuple[dict[dnszone.Key, list[_Rule]], dnszone.Key]]:
        below = where.startswith(("*", "."))
        both = where.startswith(".")
        name = where.lstrip("*").lstrip(".") if below else where
        key = dnszone.key_of(dns.name.from_text(name or "."))
        if below:
            yield self._under, key
        if both or not below:
            yield self._exact, key

    def _faults_of(self, found: dnszone.Found, qtype: str,
                   transport: str) -> tuple[Fault, ...]:
        """Those of the zone's text, and those that the test has asked for."""
        faults: tuple[Fault, ...] = (Delay(found.delay),) if found.delay else ()
        if found.failure:
            faults += (Drop() if found.failure == "TIMEOUT" else
                       Garbage(keep=dnswire.HEADER.size)
                       if found.failure == "GARBLED" else
                       Rcode(found.failure),)
        return faults + self._faults(found.names, qtype, transport)

    def _faults(self, names: list[dnszone.Key], qtype: str,
                transport: str) -> tuple[Fault, ...]:
        """For a question and what its CNAMEs led to."""
        for key in names:
            places = [self._exact.get(key, [])]
            places += [self._under.get(key[cut:], [])
                       for cut in range(1, len(key) + 1)]
            for rules in places:
                chosen = [r for r in rules if r.qtype in (None, qtype)
                          and r.transport in (None, transport)]
                if chosen:
                    # One that names the type, or the transport, comes first.
                    return min(chosen, key=lambda r: (
                        not r.qtype, not r.transport)).faults
        return ()

    def vanish(self, transport: str | None = None) -> None:
        """Close the sockets (or those of one transport) as a dead server's.

        Its host then says that nobody listens at the port.
        """
        self._in_loop(self._close_sockets(transport))

    def come_back(self, transport: str | None = None) -> None:
        """Listen again, at the same port."""
        self._in_loop(self._open(
            [t for t in ("udp", "tcp") if transport in (None, t)
             and not self._sockets[t]]))

    # What it was asked.

    def queries(self, name: str | None = None, qtype: str | None = None,
                transport: str | None = None) -> list[Query]:
        """All that fit so far, in order of arrival; repeats included."""
        want = name and name.rstrip(".").lower()
        return [q for q in list(self._log)
                if want in (None, q.name.lower())
                and qtype in (None, q.type)
                and transport in (None, q.transport)]

    def count(self, name: str | None = None, qtype: str | None = None,
              transport: str | None = None) -> int:
        """How many there are."""
        return len(self.queries(name, qtype, transport))

    def ports(self, name: str | None = None) -> set[int]:
        """The source ports of all UDP queries, or of those for a name."""
        return {q.source[1] for q in self.queries(name, transport="udp")}

    def forget(self) -> None:
        """Begin the log anew."""
        self._log.clear()

    def wait_for(self, queries: int, seconds: float = 5) -> list[Query]:
        """Return as soon as so many queries have arrived."""
        wait.until(f"{queries} DNS queries", seconds,
                   lambda: len(self._log) >= queries)
        return list(self._log)

    # The work.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(
            lambda _, context: self.errors.append(
                repr(context.get("exception") or context["message"])))
        self._loop.run_forever()

    def _in_loop(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _bind(self, transports: list[str]) -> None:
        """Sockets at one port: the port there is, or one that is free."""
        tries = 1 if self.port else 50
        while True:
            made: dict[str, list[socket.socket]] = {t: [] for t in transports}
            port = self.port
            try:
                for host in self._hosts:
                    for transport in transports:
                        made[transport].append(listener(host, port, transport))
                        port = made[transport][-1].getsockname()[1]
                self._sockets.update(made)
                self.port = port
                return
            except OSError:
                for sock in sum(made.values(), []):
                    sock.close()
                tries -= 1
                if tries == 0:
                    raise

    async def _open(self, transports: list[str]) -> None:
        self._bind(transports)
        if "udp" in transports:
            for sock in self._sockets["udp"]:
                self._loop.add_reader(sock, self._receive, sock)
        if "tcp" in transports:
            for sock in self._sockets["tcp"]:
                sock.listen(128)
                self._loop.add_reader(sock, self._accept, sock)

    async def _close_sockets(self, transport: str | None) -> None:
        for kind in ("udp", "tcp") if transport is None else (transport,):
            for sock in self._sockets[kind]:
                self._loop.remove_reader(sock)
                sock.close()
            self._sockets[kind] = []
        if transport in (None, "tcp"):
            links = dict(self._links)
            for task in links:
                task.cancel()
            await asyncio.gather(*links, return_exceptions=True)
            for sock in links.values():
                sock.close()  # where its task had not begun

    def _receive(self, sock: socket.socket) -> None:
        """Some datagrams; those well known are answered on the spot."""
        for _ in range(BATCH):
            try:
                data, peer = sock.recvfrom(65535)
            except OSError:
                return  # nothing more, or an answer of ours that bounced
            when = time.monotonic()
            # Looked up each time, as the test may change things just now.
            plan = self._plans.get(("udp", data[2:])) or self._plan(data, "udp")
            if plan is None:
                self._refuse(sock, data, peer)
                continue
            exchange = None
            if plan.ready is None:
                exchange = self._exchange(data, "udp")
            if self.keep_log:  # only now, when its answer is settled
                self._log.append(Query(plan.name, plan.type, when, peer[:2],
                                       "udp", data[0] << 8 | data[1],
                                       plan.payload))
            if exchange is None:
                send(sock, data[:2] + plan.ready, peer)
            elif exchange.delay:
                self._loop.call_later(exchange.delay, self._send_all, sock,
                                      exchange, peer)
            else:
                self._send_all(sock, exchange, peer)

    def _refuse(self, sock: socket.socket, data: bytes, peer: tuple) -> None:
        """FORMERR to what has at least a header and is no answer."""
        self.bad_queries += 1
        if len(data) >= dnswire.HEADER.size and not data[2] & 0x80:
            send(sock, dnswire.format_error(data), peer)

    def _send_all(self, sock: socket.socket, exchange: Exchange,
                  peer: tuple) -> None:
        if sock.fileno() < 0:
            return  # it has vanished meanwhile
        limit = exchange.request.room
        for number, message in enumerate(exchange.messages):
            if len(message) > limit and not exchange.no_limit:
                message = dnswire.write(exchange.request, flags=dnswire.TC)
            if number in exchange.other_port:
                with socket.socket(sock.family, socket.SOCK_DGRAM) as other:
                    other.bind((sock.getsockname()[0], 0))
                    other.sendto(message[:MAX_UDP], peer)
            else:
                send(sock, message[:MAX_UDP], peer)

    def _forget_plans(self) -> None:
        self._plans = {}

    def _plan(self, data: bytes, transport: str) -> _Plan | None:
        """Read a query; None if it is none.  Honest answers are kept ready."""
        try:
            request = dnswire.read(data)
        except dnswire.BadQuery:
            return None
        plan = _Plan(request.name.to_text(omit_final_dot=True),
                     dns.rdatatype.to_text(request.type), request.payload, None)
        with self.world.lock:
            found = self.world.look_up(request.name, request.type)
            if not self._faults_of(found, plan.type, transport):
                reply = honest(request, found)
                if transport == "udp" and len(reply) > request.room:
                    reply = dnswire.write(request, flags=dnswire.TC)
                plan.ready = reply[2:]
            if len(self._plans) >= CACHE_MAX:
                self._plans = {}
            self._plans[transport, data[2:]] = plan
        return plan

    def _exchange(self, data: bytes, transport: str) -> Exchange:
        """The answer to a query that meets with faults."""
        request = dnswire.read(data)
        with self.world.lock:
            found = self.world.look_up(request.name, request.type)
            exchange = Exchange(
                transport, request, [honest(request, found)],
                self.world.soa(dnszone.key_of(request.name)))
            qtype = dns.rdatatype.to_text(request.type)
            for fault in self._faults_of(found, qtype, transport):
                try:
                    fault.apply(exchange)
                except Exception as exc:  # told when the test ends
                    self.errors.append(f"{fault}: {exc!r}")
        return exchange

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError:
            return  # it has gone again
        task = self._loop.create_task(self._serve(sock))
        self._links[task] = sock
        task.add_done_callback(self._links.pop)

    async def _serve(self, sock: socket.socket) -> None:
        """One TCP connection, its queries answered side by side."""
        peer = sock.getpeername()
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                data = await reader.readexactly(size)
                if not self._answer(data, peer, writer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            reset(writer)
        finally:
            writer.close()

    def _answer(self, data: bytes, peer: tuple,
                writer: asyncio.StreamWriter) -> bool:
        """Answer one query; False if it is none."""
        when = time.monotonic()
        plan = self._plans.get(("tcp", data[2:])) or self._plan(data, "tcp")
        if plan is None:
            self.bad_queries += 1
            return False
        exchange = None
        if plan.ready is None:
            exchange = self._exchange(data, "tcp")
        if self.keep_log:
            self._log.append(Query(plan.name, plan.type, when, peer[:2], "tcp",
                                   data[0] << 8 | data[1], plan.payload))
        if exchange is None:
            writer.write(prefixed(data[:2] + plan.ready))
        elif exchange.delay:
            self._loop.call_later(exchange.delay, self._write, writer, exchange)
        else:
            self._write(writer, exchange)
        return True

    @staticmethod
    def _write(writer: asyncio.StreamWriter, exchange: Exchange) -> None:
        if writer.is_closing():
            return
        for message in exchange.messages:
            writer.write(prefixed(message, exchange.length))
        if exchange.after == "close":
            writer.close()
        elif exchange.after == "reset":
            reset(writer)


def honest(request: dnswire.Request, found: dnszone.Found) -> bytes:
    """The answer of a resolver, whole."""
    return dnswire.write(request, found.rcode, answer=found.answer,
                         authority=found.authority)


def prefixed(message: bytes, length: int | None = None) -> bytes:
    """As TCP has it, behind its length or another one."""
    size = len(message) if length is None else length
    return size.to_bytes(2, "big") + message


def send(sock: socket.socket, message: bytes, peer: tuple) -> None:
    """As datagrams are: gone or lost."""
    try:
        sock.sendto(message, peer)
    except OSError:
        pass


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off."""
    sock = writer.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


def listener(host: str, port: int, transport: str) -> socket.socket:
    """A bound socket (TCP: not yet listening)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    sock = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            try:
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
            except PermissionError:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def loopback_addresses() -> list[str]:
    """127.0.0.1, and ::1 where there is IPv6."""
    try:
        listener("::1", 0, "udp").close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


def span(queries: list[Query]) -> float:
    """Seconds from the first of these queries to the last."""
    times = [query.when for query in queries]
    return max(times) - min(times)
