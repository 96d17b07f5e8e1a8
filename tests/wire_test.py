# SPDX-License-Identifier: MIT
"""The daemon's sockets and what else listens to others: nonsense on each of them, a resolver that lies or says nothing, TLS that is
asked to begin again, peers of odd addresses. In a network of its own, where it can be had. TAP.

usage: wire_test.py [CASE...]"""

import contextlib
import random
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from harness import (BUILD, Daemon, Dns, PORT, RELAY, SLOW, Sink, Smtp, Tap, enter_namespaces, folder, make_certificate,
                     prepare_namespaces, run_cases, wait_until)

WHY_NOT = enter_namespaces()  # None: we are inside
TLS = "certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; "


def everything(root, **settings):
    """A daemon with a listener of each kind: mx, implicit TLS, submission, LMTP by TCP and by a unix socket."""
    make_certificate(root / "tls")
    listeners = ("listen mx { address %(address)s:%(port)d; reject-early-talkers off; starttls on; " + TLS + "}\n"
                 "listen tls { address %(address)s:2465; reject-early-talkers off; implicit-tls on; " + TLS + "}\n"
                 "listen mua { address %(address)s:2587; role submission; relay-from 127.9.9.9; starttls on; " + TLS + "}\n"
                 "listen lmtp { address %(address)s:2424 unix:%(root)s/lmtp; protocol lmtp; reject-early-talkers off; }\n"
                 "listen proxy { address %(address)s:2526; proxy-from 127.0.0.0/8; reject-early-talkers off; }\n")
    return Daemon(root, listeners, **settings)


def takes_mail(daemon):
    with Smtp(daemon.address) as smtp:
        return smtp.message()[0] == 250


# ---- nonsense ---------------------------------------------------------------------------------------------------------


def pieces(rng):
    """Octets of any kind, or words of SMTP in any order with some of them spoiled."""
    if rng.random() < 0.4:
        return rng.randbytes(rng.choice((1, 2, 5, 100, 3000, 70000)))
    words = [b"EHLO a.test\r\n", b"LHLO a.test\r\n", b"MAIL FROM:<a@a.test>\r\n", b"RCPT TO:<user1@b.test>\r\n", b"DATA\r\n", b"BDAT 3\r\nabc", b"BDAT 0 LAST\r\n",
             b"STARTTLS\r\n", b"\r\n.\r\n", b"AUTH PLAIN AA==\r\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n!\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02",
             b"RSET\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\x16\x03\x03\xff\xff", b"QUIT\r\n", b"\0", b"\xff\xf4\xff\xfd\x06"]
    text = bytearray(b"".join(rng.choice(words) for _ in range(rng.randrange(1, 12))))
    for _ in range(rng.randrange(3)):
        text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text)


def say_nonsense(connect, rng, count):
    for _ in range(count):
        with contextlib.suppress(OSError):
            peer = connect()
            with peer:
                peer.settimeout(0.02)
                with contextlib.suppress(OSError):
                    peer.sendall(pieces(rng))
                    peer.recv(4096)


def nonsense_on_every_socket(tap):
    """SEC-20 (CVE-2025-62875): garbage on any socket of ours, the local ones too, ends that connection and nothing else."""
    for single in (True, False):
        with folder() as root, everything(root, single=single, workers="2") as daemon:
            before = daemon.pids()

            def by_unix():
                s = socket.socket(socket.AF_UNIX)
                s.connect(str(root / "lmtp"))
                return s

            ways = {f"port {port}": (lambda p=port: socket.create_connection((daemon.address, p), timeout=5)) for port in (PORT, 2465, 2587, 2424, 2526)}
            ways["the unix socket"] = by_unix
            threads = [threading.Thread(target=say_nonsense, args=(way, random.Random(f"{name} {single}"), 120)) for name, way in ways.items()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            form = "--single" if single else "the processes"
            tap.ok(daemon.process.poll() is None and daemon.pids() == before, f"SEC-20: {form}: nonsense on each socket kills no process", daemon.log()[-3000:])
            tap.ok(takes_mail(daemon) and daemon.wait_mail(), f"SEC-20: {form}: and mail is taken and stored as before")
            daemon.check_sanitizers()


# ---- TLS ----------------------------------------------------------------------------------------------------------------


def client(daemon, *options, port=PORT, given=b"", wait=b"", starttls=True):
    """What openssl s_client prints; given goes in once wait was printed."""
    process = subprocess.Popen(["openssl", "s_client", "-connect", f"{daemon.address}:{port}", *(["-starttls", "smtp"] if starttls else []), *options],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text, deadline = b"", time.monotonic() + 30 * SLOW
    while wait and wait not in text and time.monotonic() < deadline:
        text += process.stdout.read1(4096)
    with contextlib.suppress(OSError):
        process.stdin.write(given)
        process.stdin.flush()
    time.sleep(0.3 if given else 0)
    try:
        more, _ = process.communicate(timeout=20 * SLOW)
    except subprocess.TimeoutExpired:
        process.kill()
        more, _ = process.communicate()
    return (text + more).decode(errors="replace")


def tls_is_not_begun_again(tap):
    """SEC-11 (CVE-2009-3555): a client that asks for a new handshake within TLS 1.2 does not get one, and no other is troubled."""
    with folder() as root, everything(root) as daemon:
        for port, starttls in ((PORT, True), (2465, False)):
            text = client(daemon, "-tls1_2", port=port, starttls=starttls, wait=b"---\n250 " if starttls else b"220 mx", given=b"R\n")
            asked, answer = "RENEGOTIATING" in text, "no renegotiation" in text.lower() or "unexpected message" in text.lower() or "handshake failure" in text.lower()
            tap.ok(asked and answer, f"SEC-11: port {port}: renegotiation is refused", text[-2500:])
        text = client(daemon, "-tls1_2", given=b"QUIT\n", wait=b"\n250 ")
        tap.ok("Secure Renegotiation IS supported" in text, "SEC-11: it says that it knows of the attack (RFC 5746)", text[-1500:])
        tap.ok(takes_mail(daemon), "SEC-11: others are served")


def a_name_in_sni_is_looked_at_and_no_more(tap):
    """SEC-27 (CVE-2019-15846): a name with a backslash or any other octet at its end."""
    ends = ["\\", "\\\\", "\\x", "%s", "${run{id}}", "'", "\"", "\n", "\t", " ", ".", "..", "a" * 240]
    with folder() as root, everything(root) as daemon:
        bad = []
        for end in ends:
            text = client(daemon, "-servername", "mx.b.test" + end, given=b"QUIT\n", wait=b"\n250 ")
            if "221 2.0.0" not in text and "Cipher is" not in text:
                bad.append(end)
        tap.equal(bad, [], "SEC-27: each of them gets its handshake")
        tap.ok(daemon.process.poll() is None and takes_mail(daemon), "SEC-27: and the daemon goes on")
        daemon.check_sanitizers()


# ---- DNS ------------------------------------------------------------------------------------------------------------------


class Liar(Dns):
    """Names below evil.test are answered as their first label says; by TCP nothing is ever said, but to "huge" as much as fits."""

    def __init__(self, records, **options):
        super().__init__(records, **options)
        self.tcp = socket.create_server((self.address, self.socket.getsockname()[1]), backlog=64)
        self.held, self.rng = [], random.Random(91)
        threading.Thread(target=self.hold, daemon=True).start()

    def hold(self):
        with contextlib.suppress(OSError):
            while True:
                self.held.append(self.tcp.accept()[0])
                threading.Thread(target=self.by_tcp, args=(self.held[-1],), daemon=True).start()

    def by_tcp(self, peer):
        with contextlib.suppress(OSError, ValueError, IndexError):
            packet = peer.recv(4096)[2:]
            if b"\4huge\4evil" in packet.lower():
                data = (b"\xffv=spf1 +all" + b"a" * 244) * 255 + b"\0"
                answer = packet[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + packet[12:packet.index(b"\0", 12) + 5]
                answer += b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(data)) + data
                peer.sendall(struct.pack(">H", len(answer)) + answer)

    def close(self):
        super().close()
        self.tcp.close()

    def answer(self, packet):
        usual = super().answer(packet)
        name, _ = self.asked[-1]
        labels = name.split(".")
        if labels[-2:] != ["evil", "test"] or len(labels) < 3:
            return usual
        end = 12 + sum(len(label) + 1 for label in labels) + 5
        question, kind = packet[12:end], packet[end - 4:end - 2]
        head = packet[:2]

        def built(answers, flags=0x8180, count=None, ask=question, id_=head):
            return id_ + struct.pack(">HHHHH", flags, 1, len(answers) if count is None else count, 0, 0) + ask + b"".join(answers)

        def record(data, type_=kind, owner=b"\xc0\x0c"):
            return owner + type_ + struct.pack(">HIH", 1, 60, len(data)) + data

        txt = b"\x0bv=spf1 +all"
        def link(label):
            """The name behind this one in a chain without end."""
            number = f"c{int(label[1:]) + 1 if label[1:].isdigit() else 1}".encode()
            return bytes([len(number)]) + number

        forms = {
            "stall": lambda: None,
            "loop": lambda: built([record(b"\xc0\x0c", b"\0\x05")]),
            "chain": lambda: built([record(link(labels[0]) + b"\x05chain\x04evil\x04test\0", b"\0\x05")]),
            "tc": lambda: built([], 0x8380),
            "huge": lambda: built([], 0x8380),
            "id": lambda: built([record(txt, b"\0\x10")], id_=bytes([head[0] ^ 0x55, head[1]])),
            "question": lambda: built([record(txt, b"\0\x10")], ask=b"\x05other\x04test\0" + packet[end - 4:end]),
            "owner": lambda: built([record(txt, b"\0\x10", b"\x05other\x04test\0")]),
            "short": lambda: built([record(txt, b"\0\x10")])[:20],
            "count": lambda: built([record(txt, b"\0\x10")], count=65535),
            "length": lambda: built([b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\xff\xff" + txt]),
            "pointer": lambda: built([b"\xc0\xff\0\x10\0\x01\0\0\0\x3c\0\x01\0"]),
            "self": lambda: built([], ask=b"\xc0\x0c" + packet[end - 4:end]),
            "many": lambda: built([record(b"\x01a" * 1000, b"\0\x10")]),
            "big": lambda: built([record((b"\xff" + b"a" * 255) * 200, b"\0\x10")]),
            "garbage": lambda: head + self.rng.randbytes(60),
            "empty": lambda: b"",
            "refused": lambda: built([], 0x8185),
            "notimp": lambda: built([], 0x8184),
            "nul": lambda: built([record(b"\x07v=\0pf1 ", b"\0\x10")]),
        }
        make = forms.get(labels[-3], lambda: usual)
        return make()


LIES = ("stall", "loop", "chain", "tc", "huge", "id", "question", "owner", "short", "count", "length", "pointer", "self", "many", "big", "garbage", "empty", "refused",
        "notimp", "nul")


def a_resolver_that_lies_or_is_silent_stops_nobody_else(tap):
    """SEC-90 SEC-91 T20: senders whose domains' name servers lie or say nothing; and one that behaves beside them."""
    dns = Liar({("good.test", "TXT"): ["v=spf1 ip4:127.0.0.0/8 -all"]})
    listeners = "listen mx { address %(address)s:%(port)d; reject-early-talkers off; checks spf dkim dmarc; }"
    with folder() as root, Daemon(root, listeners, resolver=dns.where, resolver_timeout="2s") as daemon:
        said = {}

        def one(lie):
            with Smtp(daemon.address, timeout=90) as smtp:
                said[lie] = smtp.message(f"From: u@{lie}.evil.test\r\n\r\nx\r\n".encode(), mail_from=f"u@{lie}.evil.test", rcpts=[f"{lie}@b.test"])

        threads = [threading.Thread(target=one, args=(lie,)) for lie in LIES * 3]
        for thread in threads:
            thread.start()
        slowest = 0.0
        for _ in range(10):
            began = time.monotonic()
            with Smtp(daemon.address) as smtp:
                code = smtp.message(b"From: u@good.test\r\n\r\nx\r\n", mail_from="u@good.test", rcpts=["good@b.test"])[0]
            slowest = max(slowest, time.monotonic() - began)
            if code != 250:
                break
        tap.ok(code == 250 and slowest < 5 * SLOW, "SEC-90: who behaves is served meanwhile, at once", code, slowest)
        for thread in threads:
            thread.join(120 * SLOW)
        tap.ok(len(said) == len(LIES) and all(code in (250, 450, 451) for code, _ in said.values()), "SEC-91: each of the others gets an answer: taken, or later", said)
        good = daemon.wait_mail("good", 10)
        tap.ok(all(b"spf=pass" in m for m in good), "SEC-91: the one that behaves has its result", good[:1])
        passed = [lie for lie in LIES for m in [p.read_bytes() for p in daemon.files(lie)] if b"spf=pass" in m or b"dmarc=pass" in m]
        tap.equal(passed, [], "SEC-91: no lie is a pass: a wrong id, a wrong question, another's record")
        tap.ok(daemon.process.poll() is None and takes_mail(daemon), "SEC-91: and the daemon goes on")
        daemon.check_sanitizers()
    dns.close()


class Witness(Dns):
    """Keeps what an off-path attacker has to guess: the id and the port of each question."""

    def __init__(self, records, **options):
        self.seen = []
        super().__init__(records, **options)

    def serve(self):
        with contextlib.suppress(OSError, ValueError):
            while True:
                packet, peer = self.socket.recvfrom(4096)
                self.seen.append((struct.unpack(">H", packet[:2])[0], peer[1]))
                self.socket.sendto(self.answer(packet), peer)


def who_guesses_at_a_question_has_to_guess_its_id_and_its_port(tap):
    """SEC-91 (CVE-2008-1447): neither repeats, and neither follows from the one before it."""
    dns = Witness({})
    with folder() as root, Daemon(root, "listen mx { address %(address)s:%(port)d; reject-early-talkers off; checks spf; }", resolver=dns.where) as daemon:
        for n in range(48):
            with Smtp(daemon.address) as smtp:
                smtp.message(mail_from=f"u@name{n}.test")
        wait_until(lambda: len(dns.seen) >= 48)
    for what, values in (("id", [i for i, _ in dns.seen]), ("port", [p for _, p in dns.seen])):
        steps = {(b - a) % 65536 for a, b in zip(values, values[1:])}
        tap.ok(len(values) >= 48 and len(set(values)) > len(values) * 0.9, f"SEC-91: hardly a {what} comes twice", values)
        tap.ok(len(steps) > len(values) * 0.9 and max(values) - min(values) > 16384, f"SEC-91: and no {what} follows from the one before it", values)
    dns.close()


def mail_for_a_silent_domain_waits_and_other_mail_goes(tap):
    """SEC-90: outwards: the domain that is never answered for is 4xx in the queue; the others are not behind it."""
    sink = Sink()
    dns = Liar({("fine.test", "MX"): ["10 mx.fine.test"], ("mx.fine.test", "A"): [sink.address]})
    with folder() as root, Daemon(root, RELAY, "route * { via mx; }", resolver=dns.where, resolver_timeout="2s", port_map_25=PORT, retry="60s") as daemon:
        for n in range(40):
            with Smtp(daemon.address) as smtp:
                smtp.message(rcpts=[f"r@{LIES[n % len(LIES)]}.evil.test"])
        began = time.monotonic()
        with Smtp(daemon.address) as smtp:
            smtp.message(rcpts=["r@fine.test"])
        wait_until(lambda: sink.messages, 30)
        tap.ok(sink.messages and time.monotonic() - began < 5 * SLOW, "SEC-90: mail for another domain goes at once", time.monotonic() - began)
        tap.ok(daemon.wait_log(r"ev=rest domain=stall\.evil\.test .*status=4\.4\.3", 60), "SEC-90: mail for the silent one waits, and the log says why", daemon.log()[-2000:])
    dns.close()
    sink.close()


def no_name_of_a_peer_reaches_the_resolver_of_libc(tap):
    """SEC-32 SEC-33 (CVE-2015-0235, CVE-2015-7547): the program does not even know its functions, and names that were made for them
    are refused or taken as words."""
    symbols = subprocess.run(["nm", "-D", "--undefined-only", str(BUILD / "hikyakud")], capture_output=True, text=True).stdout
    used = {line.split()[-1].split("@")[0] for line in symbols.splitlines() if line.strip()}
    if not used:
        tap.skip("SEC-32 SEC-33: what the program imports", "nm does not read it")
    else:
        resolving = {name for name in used if re.fullmatch(r"(__)?(gethostby\w+|getaddrinfo\w*|getnameinfo|res_\w+|dn_(expand|comp)\w*|ns_\w+)", name)}
        tap.equal(resolving, set(), "SEC-32 SEC-33: no function of libc that resolves a name is imported")
    dns = Liar({})
    with folder() as root, Daemon(root, resolver=dns.where, resolver_timeout="1s") as daemon:
        codes = set()
        for length in (1, 15, 16, 127, 255, 256, 1000, 1024, 1025, 2040):
            for text in ("0" * length, "1." * (length // 2) + "1", "a." * (length // 2) + "a", "[" + "0" * length + "]"):
                with Smtp(daemon.address) as smtp:
                    codes.add(smtp.command("HELO " + text)[0])
                    codes.add(smtp.command("EHLO " + text)[0])
                    smtp.command("EHLO x.test")
                    codes.add(smtp.command(f"MAIL FROM:<a@{text}>")[0])
        tap.ok(codes <= {250, 500, 501} and daemon.process.poll() is None, "SEC-32: names of digits, of any length, in HELO, EHLO and MAIL are answered", codes)
        tap.ok(takes_mail(daemon), "SEC-32: and the daemon goes on")
    dns.close()


# ---- addresses ------------------------------------------------------------------------------------------------------------


def a_peer_with_a_scope_is_a_peer(tap):
    """SEC-21: an IPv6 address that is of one link, mapped ones, the loopback's."""
    if WHY_NOT:
        tap.skip("SEC-21: a peer with a link-local address", WHY_NOT)
        return
    done = subprocess.run(["ip", "-6", "addr", "add", "fe80::21/64", "dev", "lo", "scope", "link"], capture_output=True, text=True)
    listener = "listen mx { address [::]:%(port)d %(address)s:%(port)d; reject-early-talkers off; client-connections 5; }"
    with folder() as root, Daemon(root, listener) as daemon:
        for host in ("::1", "fe80::21%lo", daemon.address):
            if "%" in host and done.returncode:
                tap.skip(f"SEC-21: a peer from {host}", done.stderr.strip())
                continue
            where = socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)[0][4]
            smtp = Smtp.__new__(Smtp)
            smtp.socket, smtp.buffer = socket.create_connection(where[:2] if len(where) == 2 else (host, PORT), timeout=20 * SLOW), b""
            with smtp:
                smtp.banner = smtp.reply()
                code = smtp.message(helo="EHLO [IPv6:fe80::21]")[0]
            tap.ok(smtp.banner[0] == 220 and code == 250, f"SEC-21: a peer from {host} is served", smtp.banner, code, daemon.log()[-1500:])
        tap.ok(daemon.process.poll() is None and takes_mail(daemon), "SEC-21: and the daemon goes on")
        daemon.check_sanitizers()


# ---- T24, over sockets -----------------------------------------------------------------------------------------------------

FORMS = ("user@other.test", "user%other.test@b.test", "user%other.test", "other.test!user@b.test", "other.test!user", "\"user@other.test\"@b.test", "\"user@other.test\"",
         "\"user%other.test\"@b.test", "user@other.test@b.test", "user@b.test@other.test", "@b.test:user@other.test", "@b.test,@c.test:user@other.test",
         "@b.test:user%other.test@b.test", "user@[192.0.2.1]", "user@[127.0.0.1]", "user@[IPv6:::1]", "user@[IPv6:::ffff:192.0.2.1]", "user@192.0.2.1", "user@other.test.",
         "USER@OTHER.TEST", "user@sub.b.test", "user@xb.test", "user@b.test.other.test", "user@localhost", "user@", "user", "postmaster@other.test", "postmaster%other.test",
         "user@b.test,user@other.test", "user@b.test>,<user@other.test", "user@other.test\t@b.test", "user(x)@other.test", "\" \"@other.test", "\"\"@other.test",
         "|cmd@other.test", "/etc/passwd@other.test", "user+x%other.test@b.test", "user@b-test", "user@b..test", "user@.other.test", "user@[other.test]", "user@@other.test")


def no_form_is_relayed(tap):
    """T24 SEC-101: each in clear, by TLS and after AUTH that failed; from IPv4 and IPv6, where there is that."""
    sink = Sink()
    with folder() as root:
        make_certificate(root / "tls")
        (root / "users").write_text("")
        six = "" if WHY_NOT else " [::1]:%(port)d"
        listeners = ("listen mx { address %(address)s:%(port)d" + six + "; reject-early-talkers off; starttls on; " + TLS + "}\n"
                     "listen mua { address %(address)s:2587; role submission; auth file %(root)s/users; starttls on; auth-failures 0; " + TLS + "}\n")
        rest = f"route b.test {{ via maildir %(root)s/mail/%%u; }} route * {{ via smtp {sink.address}:{PORT}; }}"
        with Daemon(root, listeners, rest) as daemon:
            context = ssl._create_unverified_context()
            for host, port in [(daemon.address, PORT), (daemon.address, 2587)] + ([] if WHY_NOT else [("::1", PORT)]):
                for channel in ("in clear", "by TLS", "after AUTH that failed"):
                    wrong = []
                    for form in FORMS:
                        with Smtp(host, port) as smtp:
                            smtp.command("EHLO a.test")
                            if channel != "in clear":
                                smtp.command("STARTTLS")
                                smtp.socket = context.wrap_socket(smtp.socket)
                                smtp.command("EHLO a.test")
                            if channel.startswith("after"):
                                smtp.command("AUTH PLAIN AHVzZXIAd3Jvbmc=")
                            smtp.command("MAIL FROM:<user@b.test>")
                            code = smtp.command(f"RCPT TO:<{form}>")[0]
                            if 200 <= code < 300:
                                wrong.append(form)
                                smtp.command("DATA")
                                smtp.send(".\r\n")
                                smtp.reply()
                    tap.equal(wrong, [], f"T24 SEC-101: {len(FORMS)} forms from {host} to port {port}, {channel}: none is taken")
            time.sleep(0.5)
            tap.equal(len(sink.messages), 0, "T24: and nothing was sent on")
    sink.close()


CASES = [nonsense_on_every_socket, tls_is_not_begun_again, a_name_in_sni_is_looked_at_and_no_more, a_resolver_that_lies_or_is_silent_stops_nobody_else,
         who_guesses_at_a_question_has_to_guess_its_id_and_its_port,
         mail_for_a_silent_domain_waits_and_other_mail_goes, no_name_of_a_peer_reaches_the_resolver_of_libc, a_peer_with_a_scope_is_a_peer, no_form_is_relayed]

if __name__ == "__main__":
    if WHY_NOT is None:
        prepare_namespaces()
    sys.exit(run_cases(CASES, Tap()))
