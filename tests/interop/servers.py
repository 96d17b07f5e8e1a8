# SPDX-License-Identifier: MIT
"""Postfix, Exim and OpenSMTPD, both directions; Dovecot's LMTP; our client at a submission server of others."""

import json
import re

import extensions
import hops
import packages
import peers
import reports
import submission
from harness import Smtp, hikyaku, wait_until
from wire import BODIES, DOTS, EIGHT, LARGE, PLAIN, WIDE, same

KEYS = {"Postfix": "postfix", "Exim": "exim", "OpenSMTPD": "opensmtpd"}


def inject(address, body, rcpts, mail_from="a@a.test", parameters="", port=peers.PORT):
    """Hands a message to whoever listens there; the reply has to be positive. rcpts: addresses, or (address, parameters)."""
    client = Smtp(address, port, timeout=60)
    pairs = [(rcpt, "") if isinstance(rcpt, str) else rcpt for rcpt in rcpts]
    for text in ("EHLO client.test", f"MAIL FROM:<{mail_from}>{parameters}", *(f"RCPT TO:<{rcpt}>{words}" for rcpt, words in pairs), "DATA"):
        reply = client.command(text)
        if reply[0] >= 400:
            raise RuntimeError(f"{text}: {reply}")
    client.send(re.sub(rb"(?m)^\.", b"..", body) + b".\r\n")
    reply = client.reply()
    client.command("QUIT")
    client.close()
    if reply[0] != 250:
        raise RuntimeError(f"the message: {reply}")
    return reply


class Pair:
    """One peer and us."""

    def __init__(self, world, peer):
        self.world, self.peer, self.key = world, peer, KEYS[peer.name]
        self.recorder = world.to_peer[self.key]
        self.recorder.target = (peer.address, peers.PORT)
        self.count = 0

    # from us: our relay listener -> our delivery -> recorder -> peer -> sink

    def from_us(self, body, domain="", rcpts=1, parameters=""):
        self.recorder.clear()
        self.count += 1
        names = [f"u{self.count}x{n}@{self.key}.{domain}sink.test" for n in range(rcpts)]
        inject(self.world.relay_address, body, names, parameters=parameters)
        return self.world.arrived_at_sink(names, body)

    def from_us_with(self, keyword, body, wanted, parameters="", domain=""):
        """As from_us, and the wire shows `wanted` in what we said; "not offered" where the peer does not announce it."""
        result = self.from_us(body, domain, parameters=parameters)
        if result is not True:
            return result
        if not self.recorder.offers(keyword):
            return "not offered", f"by {self.peer.name}"
        if wanted(self.recorder):
            return True
        return "FAILED", repr(self.recorder.said())[:2000]

    # to us: peer -> recorder -> our mx -> Maildir

    def to_us(self, body, domain="ours.test", rcpts=1, parameters=""):
        self.world.to_us.clear()
        self.count += 1
        user = f"{self.key}{self.count}"
        inject(self.peer.address, body, [f"{user}@{self.key}.{domain}"], parameters=parameters)
        return self.world.arrived_here(user, body)

    def to_us_with(self, keyword, body, wanted, parameters=""):
        result = self.to_us(body, parameters=parameters)
        if result is not True:
            return result
        if not self.world.to_us.offers(keyword):
            return "not offered", "by hikyakud"
        if wanted(self.world.to_us):
            return True
        return "not offered", f"{self.peer.name} does not make use of it"

    def to_us_many(self, count=50):
        self.count += 1
        names = [f"{self.key}many{self.count}x{n}" for n in range(count)]
        inject(self.peer.address, PLAIN, [f"{name}@{self.key}.ours.test" for name in names])
        results = [self.world.arrived_here(name, PLAIN) for name in names]
        return next((r for r in results if r is not True), True)

    def tls_from_us(self):
        if self.peer.tls_bug:
            return "peer's bug", self.peer.tls_bug
        result = self.from_us(DOTS, "tls.")
        if result is not True:
            return result
        seen = re.search(rb"(?i)TLS1?[._]?[v_]?1?\.?[23]|esmtps", self.world.latest)
        return bool(seen) and b"MAIL FROM" not in self.recorder.said(), "" if seen else repr(self.world.latest[:1000])

    def tls_to_us(self):
        result = self.to_us(DOTS, "tls.test")
        if result is not True:
            return result
        return b"with ESMTPS" in self.world.latest and b"MAIL FROM" not in self.world.to_us.said(), ""

    @staticmethod
    def asks_smtputf8(recorder):
        return re.search(rb"(?m)^MAIL .* SMTPUTF8", recorder.said())

    def smtputf8_from_us(self):
        """Where the peer does not offer it, the message comes back with 5.6.7 (RFC 6531 3.5)."""
        if "SMTPUTF8" not in self.peer.lacks:
            return self.from_us_with("SMTPUTF8", WIDE, self.asks_smtputf8, " SMTPUTF8 BODY=8BITMIME")
        sender = f"{self.key}wide"
        inject(self.world.relay_address, WIDE, [f"u@{self.key}.sink.test"], mail_from=f"{sender}@ours.test", parameters=" SMTPUTF8 BODY=8BITMIME")
        mails = self.world.daemon.wait_mail(sender, 1, 15)
        good = len(mails) == 1 and b"Status: 5.6.7" in mails[0] and not self.world.sink.messages
        return (True, "not offered: back with 5.6.7") if good else ("FAILED", f"{mails!r:.2500}")

    def smtputf8_to_us(self):
        if "SMTPUTF8" in self.peer.lacks:
            return "not offered", f"{self.peer.name} does not make use of it"
        return self.to_us_with("SMTPUTF8", WIDE, self.asks_smtputf8, " SMTPUTF8 BODY=8BITMIME")

    # from us, by the client for people: what it offers is used, and the wire shows it

    def client(self, keyword, body, options, wanted, local="u"):
        self.recorder.clear()
        self.count += 1
        rcpt = f"{local}{self.count}@{self.key}.sink.test"
        path = self.world.root / "hikyaku.eml"
        path.write_bytes(body)
        status, out, err = hikyaku("smtp", "--server", self.recorder.address, "--port", peers.PORT, "--helo", "client.test", "--mail-from", "a@a.test", "--rcpt", rcpt,
                                   "--data", path, *options)
        if keyword and not self.recorder.offers(keyword):
            if status == 0:
                self.world.arrived_at_sink([rcpt], body)
            return "not offered", f"by {self.peer.name}"
        if status != 0:
            return "FAILED", f"exit {status}\n{out.decode()[-1500:]}{err}"
        result = self.world.arrived_at_sink([rcpt], body)
        if result is not True:
            return result
        return bool(wanted(self.recorder)), repr(self.recorder.said())[:2000] if not wanted(self.recorder) else ""

    def client_tls(self):
        if self.peer.tls_bug:
            return "peer's bug", self.peer.tls_bug
        return self.client("STARTTLS", DOTS, ["--tls", "starttls"], lambda r: b"MAIL" not in r.said())

    def run_client(self, add):
        direction = "from us (hikyaku smtp)"
        add(direction, "dots", lambda: self.client("", DOTS, [], lambda r: b"\r\nDATA\r\n" in r.said()))
        add(direction, "STARTTLS", self.client_tls)
        add(direction, "CHUNKING, 3 MB", lambda: self.client("CHUNKING", LARGE, ["--chunking"], lambda r: b"BDAT " in r.said() and b"\nDATA\r\n" not in r.said()))
        add(direction, "CHUNKING, dots", lambda: self.client("CHUNKING", DOTS, ["--chunking"], lambda r: b"BDAT " in r.said()))
        add(direction, "DSN", lambda: self.client("DSN", PLAIN, ["--notify", "failure", "--ret", "hdrs", "--envid", "a+b"],
                                                  lambda r: b"RET=HDRS ENVID=a+2Bb" in r.said() and b"NOTIFY=FAILURE" in r.said()))
        add(direction, "SMTPUTF8", lambda: self.client("SMTPUTF8", WIDE, ["--smtputf8"], lambda r: b" SMTPUTF8" in r.said(), "飛脚"))

    def run(self):
        def add(direction, feature, check):
            self.world.case(self.peer.name, self.peer.version, direction, feature, check)
        for name, body in BODIES.items():
            add("from us", name, lambda body=body: self.from_us(body))
        add("from us", "50 recipients", lambda: self.from_us(PLAIN, rcpts=50))
        add("from us", "PIPELINING", lambda: self.from_us_with("PIPELINING", PLAIN, lambda r: r.pipelined()))
        add("from us", "SIZE", lambda: self.from_us_with("SIZE", PLAIN, lambda r: re.search(rb"(?m)^MAIL .* SIZE=\d", r.said())))
        add("from us", "8BITMIME", lambda: self.from_us_with("8BITMIME", EIGHT, lambda r: b" BODY=8BITMIME" in r.said(), " BODY=8BITMIME"))
        add("from us", "CHUNKING", lambda: self.from_us_with("CHUNKING", LARGE, lambda r: re.search(rb"(?m)^BDAT \d", r.said()), domain="bdat."))
        add("from us", "SMTPUTF8", self.smtputf8_from_us)
        add("from us", "STARTTLS", self.tls_from_us)
        add("from us", "STARTTLS where it works, else clear", lambda: self.from_us(PLAIN, "may."))
        self.run_client(add)
        for name, body in BODIES.items():
            add("to us", name, lambda body=body: self.to_us(body))
        add("to us", "50 recipients", self.to_us_many)
        add("to us", "PIPELINING", lambda: self.to_us_with("PIPELINING", PLAIN, lambda r: r.pipelined()))
        add("to us", "SIZE", lambda: self.to_us_with("SIZE", PLAIN, lambda r: re.search(rb"(?m)^MAIL .* SIZE=\d", r.said())))
        add("to us", "8BITMIME", lambda: self.to_us_with("8BITMIME", EIGHT, lambda r: b" BODY=8BITMIME" in r.said(), " BODY=8BITMIME"))
        add("to us", "SMTPUTF8", self.smtputf8_to_us)
        add("to us", "STARTTLS", self.tls_to_us)
        add("to us", "CHUNKING", lambda: self.to_us_with("CHUNKING", LARGE, lambda r: re.search(rb"(?m)^BDAT \d", r.said())))
        add("to us", "DSN", lambda: self.to_us_with("DSN", PLAIN, lambda r: b" RET=HDRS" in r.said(), " RET=HDRS ENVID=id+2B1"))


class Lmtp:
    """Our deliveries to Dovecot (RFC 2033)."""

    def __init__(self, world, dovecot):
        self.world, self.dovecot, self.count = world, dovecot, 0

    def to(self, names, body, mail_from="a@a.test"):
        inject(self.world.relay_address, body, [f"{name}@lmtp.test" for name in names], mail_from=mail_from)

    def stored(self, body):
        before = len(self.dovecot.mails("one"))
        self.to(["one"], body)
        wait_until(lambda: len(self.dovecot.mails("one")) > before, 15)
        mails = self.dovecot.mails("one")
        good = len(mails) == before + 1 and any(same(mail, body) for mail in mails)
        return good or ("FAILED", f"{mails[-1:]!r:.1500} {self.dovecot.log()[-1500:]}")

    def each_recipient_its_own(self):
        before = len(self.dovecot.mails("two"))
        self.to(["two", "full", "nobody"], PLAIN, "lmtp.sender@ours.test")
        lines = {name: self.world.daemon.wait_log(rf"rcpt={name}@lmtp.test outcome=(\w+) .*?code=(\d+)", 15) for name in ("two", "full", "nobody")}
        bounces = self.world.daemon.wait_mail("lmtp.sender", 1)
        good = (lines["two"] and lines["two"][0][0] == "delivered" and lines["nobody"] and lines["nobody"][0] == ("failed", "550")
                and lines["full"] and lines["full"][0][1] in ("552", "452") and len(self.dovecot.mails("two")) == before + 1
                and bounces and b"nobody@lmtp.test" in bounces[0] and b"two@lmtp.test" not in bounces[0])
        return (True, "taken, 552 after the data, 550 at RCPT") if good else ("FAILED", f"{lines} {bounces!r:.2000} {self.dovecot.log()[-1500:]}")

    def by_client(self):
        """As above, by the client for people."""
        before = len(self.dovecot.mails("two"))
        (self.world.root / "hikyaku.eml").write_bytes(DOTS)
        rcpts = [word for name in ("two", "full", "nobody") for word in ("--rcpt", f"{name}@lmtp.test")]
        status, out, _ = hikyaku("smtp", "--socket", self.dovecot.socket, "--lmtp", "--helo", "client.test", "--mail-from", "a@a.test", *rcpts, "--data",
                                 self.world.root / "hikyaku.eml", "--json")
        codes = [rcpt["code"] for rcpt in json.loads(out)["recipients"]]
        mails = self.dovecot.mails("two")
        good = status == 1 and codes[0] == 250 and codes[1] in (452, 552) and codes[2] == 550 and len(mails) == before + 1 and any(same(m, DOTS) for m in mails)
        return good or ("FAILED", f"{status} {codes} {out.decode()[-1500:]}")

    def run(self):
        def add(feature, check):
            self.world.case("Dovecot LMTP", self.dovecot.version, "from us", feature, check)
        self.world.case("Dovecot LMTP", self.dovecot.version, "from us (hikyaku smtp)", "one reply for each recipient", self.by_client)
        for name, body in BODIES.items():
            add(name, lambda body=body: self.stored(body))
        add("8-bit text", lambda: self.stored(EIGHT))
        add("one reply for each recipient", self.each_recipient_its_own)


class Auth:
    """The client for people at a submission server of others: Postfix that asks Dovecot."""

    def __init__(self, world, peer):
        self.world, self.peer, self.count = world, peer, 0

    def send(self, *options, password="secret"):
        self.count += 1
        rcpt = f"auth{self.count}@postfix.sink.test"
        (self.world.root / "hikyaku.eml").write_bytes(DOTS)
        (self.world.root / "password").write_text(password + "\n")
        status, out, _ = hikyaku("smtp", "--server", self.peer.address, "--port", peers.AUTH_PORT, "--helo", "client.test", "--mail-from", "one@ours.test",
                                 "--rcpt", rcpt, "--data", self.world.root / "hikyaku.eml", "--user", "one", "--password-file", self.world.root / "password", *options)
        return status, out.decode(), rcpt

    def taken(self, mechanism):
        status, out, rcpt = self.send("--tls", "starttls", "--auth", mechanism)
        if status != 0 or "<~  235" not in out:
            return "FAILED", out[-2000:]
        return self.world.arrived_at_sink([rcpt], DOTS)

    def refused(self):
        status, out, _ = self.send("--tls", "starttls", password="wrong")
        return (status == 1 and "<~* 535" in out and "MAIL" not in out) or ("FAILED", out[-1500:])

    def not_in_clear(self):
        status, out, _ = self.send()
        said = [line for line in out.splitlines() if line.startswith(" ->")]
        return (status == 1 and not any("AUTH" in line for line in said)) or ("FAILED", out[-1500:])

    def run(self):
        def add(feature, check):
            self.world.case(f"{self.peer.name} with Dovecot's users", self.peer.version, "from us (hikyaku smtp)", feature, check)
        add("AUTH PLAIN", lambda: self.taken("PLAIN"))
        add("AUTH LOGIN", lambda: self.taken("LOGIN"))
        add("AUTH SCRAM-SHA-256", lambda: self.taken("SCRAM-SHA-256"))
        add("AUTH, a wrong password", self.refused)
        add("AUTH, nothing in clear", self.not_in_clear)


def run_dovecot(world):
    if world.missing:
        result = "skipped" if isinstance(world.missing, packages.Missing) else "FAILED"
        world.rows.add("Dovecot LMTP", "-", "from us", "all", result, str(world.missing))
    else:
        Lmtp(world, world.peers["Dovecot"]).run()


def run(world):
    run_dovecot(world)
    hops.run_haproxy(world, inject)
    for kind in peers.PEERS:
        try:
            peer = kind(world.root, world.root / "tls", world.places()).start()
        except (packages.Missing, RuntimeError, OSError) as error:
            result = "skipped" if isinstance(error, packages.Missing) else "FAILED"
            world.rows.add(kind.name, "-", "both", "all", result, str(error))
            continue
        world.peers[peer.name] = peer
        Pair(world, peer).run()
        extensions.Pair(world, peer, inject).run()
        if peer.name in ("Postfix", "Exim"):
            reports.Reports(world, peer, inject).run()
            hops.FromPeer(world, peer, inject).run()
            submission.Servers(world, peer, inject).run()
        if peer.name == "Postfix":
            hops.Seven(world, peer, inject).run()
        if peer.name == "Postfix" and "Dovecot" in world.peers:
            Auth(world, peer).run()
