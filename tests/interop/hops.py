# SPDX-License-Identifier: MIT
"""Ours as one hop among others: LMTP that others feed, a peer without 8BITMIME, a balancer in front."""

import email
import re

import packages
import peers
from harness import fresh_address
from wire import EIGHT, LARGE, PLAIN, Recorder


class FromPeer:
    """Postfix and Exim hand over to our LMTP listener (RFC 2033)."""

    def __init__(self, world, peer, inject):
        self.world, self.peer, self.key, self.inject = world, peer, peer.name.lower(), inject
        self.count = 0

    def lmtp(self, body, domain="lmtp.test"):
        self.count += 1
        users = [f"{self.key}lmtp{self.count}x{n}" for n in range(2)]
        self.inject(self.peer.address, body, [f"{user}@{self.key}.{domain}" for user in users])
        for user in users:
            result = self.world.arrived_here(user, body)
            if result is not True or b"with LMTP" not in self.world.latest:
                return "FAILED", f"{result} {self.world.latest[:600]!r} {self.peer.log()[-1500:]}"
        return True

    def run(self):
        def add(feature, check):
            self.world.case(self.peer.name, self.peer.version, "to us", feature, check)
        add("LMTP, two recipients", lambda: self.lmtp(PLAIN))
        add("LMTP over a unix socket, two recipients", lambda: self.lmtp(PLAIN, "unix.test"))
        add("LMTP, 3 MB", lambda: self.lmtp(LARGE))


class Seven:
    """Our delivery of 8-bit text to Postfix that offers neither 8BITMIME nor CHUNKING (RFC 6152 3)."""

    def __init__(self, world, peer, inject):
        self.world, self.peer, self.inject = world, peer, inject

    def converted(self):
        world, rcpt = self.world, "seven@postfix.seven.test"
        world.to_seven.target = (self.peer.address, peers.SEVEN_PORT)
        self.inject(world.relay_address, EIGHT, [rcpt], parameters=" BODY=8BITMIME")
        world.arrived_at_sink([rcpt], b"")  # for its waiting: the bytes are others now
        said, got = world.to_seven.said(), world.latest
        mail, sent = email.message_from_bytes(got), email.message_from_bytes(EIGHT)
        good = (got.isascii() and said.isascii() and b"BODY=" not in said and mail["MIME-Version"] == "1.0" and mail.get_content_charset() == "utf-8"
                and mail.get_payload(decode=True).replace(b"\r\n", b"\n") == sent.get_payload(decode=True).replace(b"\r\n", b"\n"))
        return (True, mail["Content-Transfer-Encoding"]) if good else ("FAILED", f"{said!r:.1500} {got!r:.1500} {world.daemon.log()[-1500:]}")

    def run(self):
        self.world.case(self.peer.name, self.peer.version, "from us", "8-bit text where 8BITMIME is not offered", self.converted)


HAPROXY = """global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""


class Haproxy(peers.Peer):
    """Balancer; `version` of the PROXY header by the port."""

    name, package = "haproxy", "haproxy"
    versions = {peers.PORT: "send-proxy", peers.PORT + 1: "send-proxy-v2", peers.PORT + 2: ""}

    def prepare(self):
        self.own = fresh_address()
        conf = self.root / "haproxy.cfg"
        conf.write_text(HAPROXY + "".join(f"""listen port{port}
  bind {self.address}:{port}
  source {self.own}
  server ours {self.places.proxy[0]}:{self.places.proxy[1]} {word}
""" for port, word in self.versions.items()))
        return [self.tree / "usr/sbin/haproxy", "-db", "-f", conf]


class Behind:
    """Clients that come to us over haproxy: their own address is what we see and write."""

    def __init__(self, world, haproxy, inject):
        self.world, self.haproxy, self.inject, self.count = world, haproxy, inject, 0

    def header(self, port):
        self.count += 1
        user = f"haproxy{self.count}"
        self.inject(self.haproxy.address, PLAIN, [f"{user}@ours.test"], port=port)
        result = self.world.arrived_here(user, PLAIN)
        if result is not True:
            return result
        received = re.search(rb"(?s)Received: from .*?\[([\d.]+)\]", self.world.latest)
        good = received and received[1] == b"127.0.0.1" != self.haproxy.own.encode()
        return good or ("FAILED", repr(self.world.latest[:600]))

    def none(self):
        """A connection from a balancer without the header tells nobody who the client is: it is closed."""
        try:
            self.inject(self.haproxy.address, PLAIN, ["haproxynone@ours.test"], port=peers.PORT + 2)
        except (EOFError, OSError):
            return not self.world.daemon.files("haproxynone")
        return "FAILED", "it was taken"

    def run(self):
        for feature, check in (("PROXY protocol, version 1", lambda: self.header(peers.PORT)), ("PROXY protocol, version 2", lambda: self.header(peers.PORT + 1)),
                               ("PROXY protocol, no header", self.none)):
            self.world.case("haproxy", self.haproxy.version, "to us", feature, check)


def run_haproxy(world, inject):
    try:
        haproxy = Haproxy(world.root, world.root / "tls", world.places()).start()
    except (packages.Missing, RuntimeError, OSError) as error:
        world.rows.add("haproxy", "-", "to us", "all", "skipped" if isinstance(error, packages.Missing) else "FAILED", str(error))
        return
    world.peers["haproxy"] = haproxy
    Behind(world, haproxy, inject).run()
