"""What the fake DNS server knows: names, their records, and who lacks them.

All zones are one tree, as a resolver sees the DNS.  A `Zone` is a place in it
to add names to, and the SOA record of negative answers:

    world = World()
    world.zone("example.org", '''
        @    MX  10 mx
        mx   A   192.0.2.1
        *.u  TXT "anything below u"
    ''')
    world.zone("zen.test").list("192.0.2.99", "127.0.0.4")

A text may also say how a name fails (dnstext.py).  Wildcards and empty
non-terminals are those of RFC 4592: a name that has only names below it exists
without data, and ends the reach of a wildcard above.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import threading
from typing import Callable, Iterable

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from . import dnstext
from .dnswire import RRset

Key = tuple[bytes, ...]  # labels in small letters, without the root
TTL = 300
NEGATIVE_TTL = 60
CNAME = dns.rdatatype.CNAME
SOA = dns.rdatatype.SOA
ANY = dns.rdatatype.ANY


@dataclasses.dataclass
class Records:
    """The records of one type at one name."""

    ttl: int
    data: list[dns.rdata.Rdata]


@dataclasses.dataclass
class Node:
    """One name."""

    records: dict[int, Records] = dataclasses.field(default_factory=dict)
    rules: list[tuple[str, tuple[int, ...]]] = dataclasses.field(
        default_factory=list)  # word and types, as in a text
    delay: float | None = None

    def rule(self, rdtype: int, explicit: bool) -> str:
        """The rule that names this type, or one that names none; or ""."""
        for word, types in self.rules:
            if rdtype in types if explicit else not types:
                return word
        return ""


@dataclasses.dataclass
class Found:
    """The answer to a question."""

    rcode: str = "NOERROR"  # or NXDOMAIN
    answer: list[RRset] = dataclasses.field(default_factory=list)
    authority: list[RRset] = dataclasses.field(default_factory=list)
    names: list[Key] = dataclasses.field(default_factory=list)
    # the name asked for and those that its CNAMEs led to
    failure: str = ""  # what a rule says instead of all this
    delay: float = 0


def key_of(name: dns.name.Name) -> Key:
    """How an absolute name is looked up."""
    return tuple(label.lower() for label in name.labels[:-1])


def name_of(text: str, origin: dns.name.Name) -> dns.name.Name:
    """`@` is the origin; a name without a dot at its end is below it."""
    return dns.name.from_text(text, origin)


def listed_name(entry: str) -> str:
    """How an address or a domain is written below a DNSBL (RFC 5782)."""
    try:
        address = ipaddress.ip_address(entry)
    except ValueError:
        return entry.rstrip(".")
    if address.version == 4:
        return ".".join(reversed(str(address).split(".")))
    return ".".join(reversed(address.exploded.replace(":", "")))


class World:
    """Every name of every zone.  Any thread may change it at any time."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called, with the lock held, after each change."""
        self.lock = threading.RLock()
        self.follow_cnames = True  # as a resolver; else as an authority
        self._changed = changed
        self._nodes: dict[Key, Node] = {}
        self._below: dict[Key, int] = {}  # how many names are under a name
        self._zones: dict[Key, Zone] = {}
        self._root = Zone(self, dns.name.root, TTL, NEGATIVE_TTL)
        self._delay = 0.0  # of names without one of their own

    def zone(self, origin: str, text: str = "", *, ttl: int = TTL,
             negative_ttl: int = NEGATIVE_TTL) -> Zone:
        """Begin a zone, or go on with one, and add the records of `text`."""
        name = name_of(origin, dns.name.root)
        with self.lock:
            key = key_of(name)
            if key not in self._zones:
                self._zones[key] = Zone(self, name, ttl, negative_ttl)
                self._own(key)
                self._changed()
            self.load(text, origin, name, self._zones[key].ttl)
            return self._zones[key]

    def load(self, text: str, called: str, origin: dns.name.Name,
             ttl: int) -> None:
        """The records and rules of a text; `called` is its name in errors."""
        with self.lock:
            for entry in dnstext.read(text, origin, ttl, called):
                if entry.data is not None:
                    self.add(entry.name, entry.ttl, entry.data)
                elif entry.rule == "$DELAY":
                    self._delay = entry.seconds
                elif entry.rule == "DELAY":
                    self._own(key_of(entry.name)).delay = entry.seconds
                else:
                    node = self._own(key_of(entry.name))
                    node.rules.append((entry.rule, entry.types))
            self._changed()

    def _own(self, key: Key) -> Node:
        """A name's node, made if there is none."""
        if key not in self._nodes:
            self._nodes[key] = Node()
            self._count(key, 1)
        return self._nodes[key]

    def add(self, name: dns.name.Name, ttl: int, data: dns.rdata.Rdata) -> None:
        """One record more."""
        with self.lock:
            records = self._own(key_of(name)).records.setdefault(
                data.rdtype, Records(ttl, []))
            records.ttl = min(records.ttl, ttl)  # RFC 2181, 5.2
            records.data.append(data)
            self._changed()

    def remove(self, name: dns.name.Name, rdtype: int | None = None) -> None:
        """Records of a type, or all and the rules; perhaps the name, too."""
        with self.lock:
            key = key_of(name)
            node = self._nodes.get(key)
            if node is None:
                return
            if rdtype is None:
                node.records.clear()
                node.rules.clear()
            else:
                node.records.pop(rdtype, None)
            if not node.records and not node.rules and key not in self._zones:
                del self._nodes[key]
                self._count(key, -1)
            self._changed()

    def take_below(self, zone: Zone) -> dict[Key, Node]:
        """Take out, and give back, all names below a zone's own."""
        with self.lock:
            apex = key_of(zone.origin)
            taken = {key: node for key, node in self._nodes.items()
                     if len(key) > len(apex)
                     and key[len(key) - len(apex):] == apex}
            for key in taken:
                del self._nodes[key]
                self._count(key, -1)
            self._changed()
            return taken

    def put_back(self, nodes: dict[Key, Node]) -> None:
        """Names as `take_below` gave them."""
        with self.lock:
            for key, node in nodes.items():
                if key not in self._nodes:
                    self._count(key, 1)
                self._nodes[key] = node
            self._changed()

    def _count(self, key: Key, step: int) -> None:
        for cut in range(1, len(key) + 1):
            above = key[cut:]
            self._below[above] = self._below.get(above, 0) + step

    def _node(self, key: Key) -> Node | None:
        """What answers for a name; None if it does not exist."""
        if key in self._nodes:
            return self._nodes[key]
        if self._below.get(key, 0) > 0:
            return Node()
        for cut in range(1, len(key) + 1):
            encloser = key[cut:]
            if encloser in self._nodes or self._below.get(encloser, 0) > 0:
                return self._nodes.get((b"*",) + encloser)
        return None

    def look_up(self, name: dns.name.Name, rdtype: int) -> Found:
        """Answer as a resolver that has asked everybody."""
        with self.lock:
            found = Found()
            at: dns.name.Name | None = name
            while at is not None and key_of(at) not in found.names:
                found.names.append(key_of(at))
                node = self._node(key_of(at))
                delay = node.delay if node else None
                found.delay = max(found.delay,
                                  self._delay if delay is None else delay)
                at = self._visit(at, node, rdtype, found)
            return found  # of a loop, once around

    def _visit(self, name: dns.name.Name, node: Node | None, rdtype: int,
               found: Found) -> dns.name.Name | None:
        """Add what one name says; returns the name that a CNAME leads to."""
        key = key_of(name)
        if node is None:
            found.rcode = "NXDOMAIN"
            found.authority.append(self.soa(key))
            return None
        rule = node.rule(rdtype, True)
        if not rule:
            wanted = [t for t in node.records if rdtype in (t, ANY)]
            found.answer += [rrset(name, t, node.records[t]) for t in wanted]
            if wanted:
                return None
            cname = node.records.get(CNAME)
            if cname:
                found.answer.append(rrset(name, CNAME, cname))
                return cname.data[0].target if self.follow_cnames else None
            rule = node.rule(rdtype, False)
        if rule in ("", "NODATA", "NXDOMAIN"):
            found.authority.append(self.soa(key))
        if rule == "NXDOMAIN":
            found.rcode = rule
        elif rule != "NODATA":
            found.failure = rule
        return None

    def soa(self, key: Key) -> RRset:
        """Of the closest name that has one, in a zone's text or as a zone."""
        for cut in range(len(key) + 1):
            above = key[cut:]
            if above in self._nodes and SOA in self._nodes[above].records:
                origin = dns.name.Name(above + (b"",))
                return rrset(origin, SOA, self._nodes[above].records[SOA])
            if above in self._zones:
                return self._zones[above].soa
        return self._root.soa


def rrset(name: dns.name.Name, rdtype: int, records: Records) -> RRset:
    """In the form that messages are made of."""
    return RRset(name, rdtype, records.ttl, records.data)


class Zone:
    """One origin; names given to its methods are below it."""

    def __init__(self, world: World, origin: dns.name.Name, ttl: int,
                 negative_ttl: int) -> None:
        self.world = world
        self.origin = origin
        self.ttl = ttl
        # For negative answers, if it has no other.
        self.soa = RRset(origin, SOA, negative_ttl, [dns.rdata.from_text(
            dns.rdataclass.IN, SOA, f". . 1 3600 600 86400 {negative_ttl}")])
        self._asleep: dict[Key, Node] | None = None

    def add(self, name: str, rdtype: str, *data: str,
            ttl: int | None = None) -> Zone:
        """Records of one type: `add("mx", "A", "192.0.2.1", "192.0.2.2")`."""
        for text in data:
            self.world.add(
                name_of(name, self.origin), self.ttl if ttl is None else ttl,
                dns.rdata.from_text(dns.rdataclass.IN, rdtype, text,
                                    origin=self.origin, relativize=False))
        return self

    def remove(self, name: str, rdtype: str | None = None) -> Zone:
        """Take out the records of a name."""
        self.world.remove(name_of(name, self.origin),
                          rdtype and dns.rdatatype.from_text(rdtype))
        return self

    # A zone as DNSBL.

    def list(self, entry: str, *addresses: str, txt: str | None = None,
             ttl: int | None = None) -> Zone:
        """List an address or a domain, under 127.0.0.2 if not said."""
        name = listed_name(entry)
        self.add(name, "A", *(addresses or ("127.0.0.2",)), ttl=ttl)
        if txt is not None:
            self.add(name, "TXT", dnstext.quoted(txt), ttl=ttl)
        return self

    def unlist(self, entry: str) -> Zone:
        """As if it had never been listed."""
        return self.remove(listed_name(entry))

    def test_points(self, address: str = "127.0.0.2",
                    kinds: Iterable[str] = ("ip4", "ip6", "domain")) -> Zone:
        """List what RFC 5782 says that every DNSBL lists."""
        points = {"ip4": "127.0.0.2", "ip6": "::ffff:7f00:2", "domain": "test"}
        for kind in kinds:
            self.list(points[kind], address)
        return self

    def list_the_world(self, *addresses: str) -> Zone:
        """What became of lists that were given up: every name is listed."""
        self.empty()
        return self.add("*", "A", *(addresses or ("127.0.0.2",)))

    def empty(self) -> Zone:
        """Nobody is listed any more, not even the test points."""
        taken = self.world.take_below(self)
        if self._asleep is None:
            self._asleep = taken
        return self

    def mend(self) -> Zone:
        """As it was before `empty` or `list_the_world`."""
        if self._asleep is not None:
            self.world.take_below(self)
            self.world.put_back(self._asleep)
            self._asleep = None
        return self
