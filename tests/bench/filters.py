"""filters - what is measured: the no-ops, and Steelyard with this and that."""

import json
import os
import signal
import socket
import struct
import subprocess
import time

from processes import Trouble, tree

HERE = os.path.dirname(os.path.abspath(__file__))
OFFER = struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)
START_LIMIT = 10.0
SYMBOL = "BENCH_SUBJECT_MEETING"  # the load's message has it, see the rules
REFUSALS = {"reject", "tempfail", "replycode", "shutdown", "conn_fail",
            "discard"}
LISTED = 60000  # addresses: the first ones of the load's, see nameserver.c
KNOWN = 10  # clients that come again and again
LAST = 131071  # client


class Clients:
    """Whom a filter's load comes from: always the same, or ever new ones."""

    def __init__(self, first=None, last=None, again=False):
        self.next, self.last, self.again = first, last, again

    def options(self, messages):
        """What tells the load driver."""
        if self.next is None:
            return []
        if self.again:
            return ["-a", str(KNOWN), "-f", str(self.next)]
        first = self.next
        self.next += messages
        if self.next > self.last + 1:
            raise Trouble("more messages than there are clients")
        return ["-a", str(messages), "-f", str(first)]


class Filter:
    """One of the filters: how to start it, and the running process."""

    def __init__(self, name, path, command):
        self.name = name
        self.ctl = None  # how to ask it, for those that can be
        self.clients = Clients()
        self.refuses = False
        self.finds = [f"symbols={SYMBOL} "]  # in the header it adds
        self.path = path
        self.socket = f"unix:{path}"
        self.command = command
        self.log = path + ".log"
        self.process = None

    def answers(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(START_LIMIT)
            try:
                sock.connect(self.path)
                sock.sendall(OFFER)
                return sock.recv(5)[4:] == b"O"
            except OSError:
                return False

    def start(self):
        """Starts it; returns the seconds until it answered an offer."""
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self.answers():
            if self.process.poll() is not None:
                code = self.process.returncode
                self.process = None
                raise Trouble(f"{self.name} ended with {code} instead of "
                              f"starting:\n{self.last_words()}")
            if time.monotonic() - began > START_LIMIT:
                raise Trouble(f"{self.name} did not answer within "
                              f"{START_LIMIT:.0f} s:\n{self.last_words()}")
            time.sleep(0.0005)
        return time.monotonic() - began

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join("    " + line for line in f.readlines()[-10:])

    def stop(self):
        if not self.process:
            return
        pids = tree(self.process.pid)
        if self.ctl:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        # libmilter alone takes up to five seconds to notice a SIGTERM.
        if self.process.poll() is None:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
        self.process = None


    def queries(self):
        """How many it has sent to the DNS server so far."""
        done = subprocess.run(self.ctl + ["--json", "dns", "stats"],
                              stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)["network"]["queries"]

    def judge(self, result):
        """A filter that does something else than its task is cheap."""
        replies = result["replies"]
        refused = REFUSALS & set(replies)
        if self.refuses:
            if replies.get("replycode") != result["messages"]:
                raise Trouble(f"{self.name} refused "
                              f"{replies.get('replycode', 0)} of "
                              f"{result['messages']}\n{self.last_words()}")
        elif refused:
            raise Trouble(f"{self.name} answered {', '.join(sorted(refused))} "
                          f"instead of taking the mail\n{self.last_words()}")
        elif self.ctl and not all(word in result["header"]
                                  for word in self.finds):
            raise Trouble(f"{self.name} did not find {self.finds}; its last "
                          f"headers were '{result['header']}' and "
                          f"'{result['authentication']}'\n"
                          f"{self.last_words()}")


class Nameserver:
    """The DNS server that answers all of them."""

    def __init__(self, build, delay_ms=0, key=""):
        self.process = subprocess.Popen(
            [os.path.join(build, "tests/bench/nameserver"),
             "-d", str(delay_ms), "-k", key],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def steelyard(build, temp, name, server, rules):
    """One with these rules, a folder and a resolver of its own."""
    home = os.path.join(temp, name)
    conf = home + ".conf"
    os.mkdir(home + ".state")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(f'set milter_socket "unix:{home}"\n'
                f'set control_socket "unix:{home}.control"\n'
                f'set state_dir "{home}.state"\n'
                f'set dns_servers "{server.address}"\n' + rules)
    flt = Filter(name, home,
                 [os.path.join(build, "steelyard"), "-f", "-c", conf])
    flt.ctl = [os.path.join(build, "steelyardctl"), "-c", conf]
    return flt


def include(name):
    return f'include "{HERE}/{name}"\n'


def sixty_thousand(temp):
    """A list of addresses, and the rule that refuses them."""
    path = os.path.join(temp, "addresses")
    with open(path, "w", encoding="ascii") as f:
        for n in range(1, LISTED + 1):
            f.write(f"198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}\n")
    return (f'list bench_listed ip from "{path}"\n'
            'rule BENCH_LISTED 12.0 if client.ip in bench_listed\n')


def noop(build, temp, name, kind):
    path = os.path.join(temp, name)
    return Filter(name, path, [os.path.join(build, "tests/bench/noop"), kind,
                               f"unix:{path}"])


def one(build, temp, name, server):
    """The filter of that name."""
    if name == "floor":
        return noop(build, temp, name, "full")
    if name == "quiet":
        return noop(build, temp, name, "quiet")
    rules = include("ten-headers.rules")
    if name == "local":
        rules += sixty_thousand(temp)
    elif name not in ("steelyard", "asking"):
        rules += include("dns.rules")
    if name == "signed":
        rules += include("vouch.rules")
    elif name != "asking":
        rules += "set authenticate off\n"
    flt = steelyard(build, temp, name, server, rules)
    flt.refuses = name in ("local", "listed")
    flt.clients = {
        "new": Clients(LISTED + 1, LAST - KNOWN),
        "known": Clients(LAST - KNOWN + 1, again=True),
        "signed": Clients(LAST - KNOWN + 1, again=True),
        "listed": Clients(1, LISTED),
        "local": Clients(1, LISTED),
    }.get(name, Clients())
    if name == "signed":
        flt.finds = ["BENCH_SPF_PASS", "BENCH_DKIM_PASS", "BENCH_DMARC_PASS"]
    return flt


NAMES = ("floor", "quiet", "steelyard", "asking", "known", "new", "listed",
         "local", "signed")


def fleet(build, temp, wanted, server):
    found = [one(build, temp, name, server) for name in wanted]
    for flt in found:
        if not os.access(flt.command[0], os.X_OK):
            raise Trouble(f"{flt.name}: {flt.command[0]} does not exist; "
                          "build it first (make)")
    return found
