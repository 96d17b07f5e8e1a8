# SPDX-License-Identifier: MIT
"""CHECKPOINT (RFC 1845) with the real daemon: a connection that goes in the middle of a message, or before its reply came. TAP.

usage: checkpoint_test.py [CASE...]"""

import contextlib
import re
import socket
import struct
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import Daemon, folder, FORMS, fresh_address, make_certificate, PORT, queue_id, RELAY, run_cases, Smtp, Tap, wait_until  # noqa: E402

EXTENSIONS = "extensions pipelining size starttls 8bitmime chunking checkpoint;"
LISTEN = "listen mx { address %(address)s:%(port)d; reject-early-talkers off; " + EXTENSIONS + " }"
SMALL = b"Subject: small\r\n\r\n.dots\r\nand more\r\n"
# over 256 KiB: the body is a file of its own
LARGE = b"Subject: large\r\n\r\n" + b"".join(b"%07d, a line of a large message, and no two of them are the same\r\n" % i for i in range(20000))


def stuffed(body):
    return re.sub(rb"(?m)^\.", b"..", body)


def mail(client, transid="<1@a.test>", helo="EHLO a.test"):
    """The reply to MAIL."""
    if helo:
        client.command(helo)
    return client.command(f"MAIL FROM:<u@a.test> TRANSID={transid}")


def begin(client, **how):
    assert mail(client, **how)[0] == 250
    assert client.command("RCPT TO:<user1@b.test>")[0] == 250
    assert client.command("DATA")[0] == 354


def break_off(d, body, reset=False, count=1, **how):
    """So much of a message, and the connection is gone."""
    with Smtp(d.address) as client:
        begin(client, **how)
        client.send(stuffed(body))
        if reset:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return d.wait_log(r"ev=checkpoint what=kept offset=(\d+)", count=count)


def offset_of(reply):
    """RFC 1845 3: the number stands first."""
    return int(re.match(r"(\d+) ", reply[1])[1])


def resume(d, body, **how):
    """Goes on where it stood: the offset, and the reply to the dot. The server may not have seen yet that the last connection
    is gone (RFC 1845 3: the client waits): then it says 451."""
    return wait_until(lambda: (lambda result: None if result[1][0] == 451 else result)(resume_now(d, body, **how)), 10)


def resume_now(d, body, **how):
    with Smtp(d.address) as client:
        reply = mail(client, **how)
        if reply[0] != 355:
            return None, reply
        at = offset_of(reply)
        reply = client.command("DATA")
        if reply[0] == 354:
            client.send(stuffed(body[at:]) + b".\r\n")
            reply = client.reply()
        return at, reply


def stored(d):
    """What the Maildir has, from Subject on."""
    return [text[text.index(b"Subject:"):].replace(b"\n", b"\r\n").replace(b"\r\r", b"\r") for text in d.wait_mail()]


def goes_on_where_it_stood(t):
    """S3-032: whole and once."""
    for form, single in FORMS:
        for name, body in (("small", SMALL), ("large", LARGE)):
            with folder() as root, Daemon(root, LISTEN, single=single) as d:
                cut = len(body) * 2 // 3
                kept = break_off(d, body[:cut])
                t.ok(kept, f"{form}, {name}: what came is kept", d.log())
                at, reply = resume(d, body)
                t.ok(at is not None and cut - 80 < at <= cut and body[at - 2:at] == b"\r\n", f"{form}, {name}: the offset is where a line begins", at, cut)
                t.equal(reply[0], 250, f"{form}, {name}: the rest is taken")
                t.equal(stored(d), [body], f"{form}, {name}: it is stored whole and once")
                t.equal(list((d.root / "spool/partial").iterdir()), [], f"{form}, {name}: and nothing of it is left")


def breaks_off_again_and_again(t):
    with folder() as root, Daemon(root, LISTEN) as d:
        break_off(d, LARGE[:300000])
        for i in range(2, 5):
            with Smtp(d.address) as client:
                at = offset_of(mail(client))
                client.command("DATA")
                client.send(LARGE[at:at + 200000])
                if i % 2:
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            t.ok(d.wait_log(r"ev=checkpoint what=kept", count=i), f"break {i}", d.log())
        with Smtp(d.address) as client:  # and one in which nothing comes
            mail(client)
        at, reply = resume(d, LARGE)
        t.ok(at >= 300000, "nothing that came is asked for again", at)
        t.equal(reply[0], 250, "the rest is taken")
        t.equal(stored(d), [LARGE], "it is stored whole and once")


def a_lost_reply_makes_no_duplicate(t):
    """S3-032: the reply to the dot never came."""
    for form, single in FORMS:
        with folder() as root, Daemon(root, LISTEN, single=single) as d:
            with Smtp(d.address) as client:
                begin(client)
                client.send(stuffed(LARGE) + b".\r\n")
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            # it went before the verdict, or behind it: either way it is there once in the end
            wait_until(lambda: re.search(r"ev=accept|what=kept", d.log()), 10)
            at, reply = resume(d, LARGE)
            t.equal((at, reply[0]), (len(LARGE), 250), f"{form}: all of it is there, and that is said")
            for _ in range(3):
                again = resume(d, LARGE)
                t.equal(again, (len(LARGE), reply), f"{form}: the same reply")
            t.equal(d.wait_log(r"qid=([0-9A-F]+) ev=accept"), [queue_id(reply)], f"{form}: it was taken once, under that id")
            t.equal(stored(d), [LARGE], f"{form}: it is stored once")
            with Smtp(d.address) as client:
                mail(client)
                client.command("DATA")
                client.send(b".\r\n")
                t.equal(client.reply(), reply, f"{form}: once more")
                client.command("QUIT")
            with Smtp(d.address) as client:
                t.equal(mail(client)[0], 250, f"{form}: QUIT says that the client has the reply, and the id is free")


def outlives_a_restart_and_no_crash(t):
    for form, single in FORMS:
        with folder() as root:
            d = Daemon(root, LISTEN, single=single)
            with d:
                break_off(d, LARGE[:500000])
                with Smtp(d.address) as client:
                    begin(client, transid="<2@a.test>")
                    client.send(stuffed(SMALL) + b".\r\n")
                    first = client.reply()
                t.equal(first[0], 250, f"{form}: another one is taken, and its client is not heard of again")
                t.equal(d.stop(), 0, f"{form}: the server ends")
            with d:
                t.equal(resume(d, SMALL, transid="<2@a.test>"), (len(SMALL), first), f"{form}: the next one knows what is complete")
                at, reply = resume(d, LARGE)
                t.ok(at and 499000 < at <= 500000 and reply[0] == 250, f"{form}: and what is not", at, reply)
                t.ok(wait_until(lambda: sorted(stored(d)) == sorted([LARGE, SMALL]), 10), f"{form}: both are stored, whole and once")
                break_off(d, LARGE[:300000], transid="<3@a.test>")
                d.crash()
            with d:
                with Smtp(d.address) as client:
                    t.equal(mail(client, transid="<3@a.test>")[0], 250, f"{form}: after a crash it begins anew")
                t.equal(list((d.root / "spool/partial").iterdir()), [], f"{form}: and nothing is left of it")


def tls_begins_and_tls_ends_it(t):
    with folder() as root:
        make_certificate(root / "tls")
        listen = LISTEN.replace("checkpoint;", "checkpoint requiretls; starttls on; certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key;")
        with Daemon(root, listen) as d:
            with Smtp(d.address) as client:
                client.command("EHLO a.test")
                client.starttls()
                begin(client)
                client.send(SMALL[:18])
            d.wait_log(r"ev=checkpoint what=kept")
            with Smtp(d.address) as client:
                t.equal(mail(client)[0], 250, "in clear it is another transaction")
            with Smtp(d.address) as client:
                client.command("EHLO a.test")
                client.starttls()
                client.command("EHLO a.test")
                t.equal(client.command("MAIL FROM:<u@a.test> TRANSID=<1@a.test> REQUIRETLS")[0], 250, "with REQUIRETLS too")
            with Smtp(d.address) as client:
                client.command("EHLO a.test")
                client.starttls()
                reply = mail(client)
                t.equal(reply[0], 355, "under TLS it goes on")
                client.command("DATA")
                client.send(stuffed(SMALL[offset_of(reply):]) + b".\r\n")
                t.equal(client.reply()[0], 250, "and is taken")
            t.equal(stored(d), [SMALL], "whole and once")


def half_messages_of_many_stay_within_the_bound(t):
    """Whoever breaks off how often: what is kept has its bound."""
    with folder() as root, Daemon(root, LISTEN, checkpoint_messages="8", checkpoint_size="1m") as d:
        partial, most, octets = d.root / "spool/partial", 0, 0
        for i in range(60):
            with Smtp.__new__(Smtp) as client:
                client.socket = socket.create_connection((d.address, PORT), timeout=20, source_address=(f"127.9.{i}.1", 0))
                client.buffer = b""
                client.banner = client.reply()
                begin(client, transid=f"<{i}@a.test>")
                client.send(LARGE[:200000])
            files = [path.stat().st_size for path in partial.iterdir() if path.exists()] if partial.is_dir() else []
            most, octets = max(most, len(files)), max(octets, sum(files))
        t.ok(d.wait_log(r"what=kept", count=60), "each was kept for a time", d.log())
        files = [path.stat().st_size for path in partial.iterdir()]
        t.ok(most <= 9 and octets <= 1400000, "never more than what is allowed, and the one that is being written", most, octets)
        t.ok(0 < len(files) <= 8 and sum(files) <= 1 << 20, "and in the end no more", files)
        t.equal(list((d.root / "spool/body").iterdir()), [], "no body file is left")


class BadLine:
    """Between a client and a server, as told for each connection: N octets of the client go through, or all until a reply has
    this in it, or (None) everything."""

    def __init__(self, to, plan):
        self.to, self.plan, self.address, self.count = to, list(plan), fresh_address(), 0
        self.server = socket.create_server((self.address, PORT))
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                self.count += 1
                threading.Thread(target=self.serve, args=(client, self.plan.pop(0) if self.plan else None), daemon=True).start()

    def serve(self, client, told):
        server = socket.create_connection((self.to, PORT))
        over = threading.Event()

        def pass_on(source, sink, most, stop):
            with contextlib.suppress(OSError):
                while not over.is_set() and (most is None or most > 0):
                    data = source.recv(65536 if most is None else min(most, 65536))
                    if not data or (stop and stop in data):
                        break
                    sink.sendall(data)
                    most = None if most is None else most - len(data)
            over.set()
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        ways = [threading.Thread(target=pass_on, args=(client, server, told if isinstance(told, int) else None, None), daemon=True),
                threading.Thread(target=pass_on, args=(server, client, None, told if isinstance(told, bytes) else None), daemon=True)]
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        client.close()
        server.close()


def a_relay_goes_on_over_a_bad_line(t):
    """S3-032, both ends: the message breaks off, then its reply is lost, and it arrives once."""
    for form, single in FORMS:
        with folder() as root, folder() as other, Daemon(other, LISTEN, single=single) as mx:
            line = BadLine(mx.address, [400000, b"queued as"])
            relay = Daemon(root, RELAY, rest="route * { via smtp [%s]:%d; checkpoint on; chunking on; }" % (line.address, PORT), single=single, lifetime="1h", retry="10m")
            with relay:
                with Smtp(relay.address) as client:
                    t.equal(client.message(LARGE)[0], 250, f"{form}: the relay takes it")
                t.ok(relay.wait_log(r"outcome=delivered attempt=1 ", 40), f"{form}: it is delivered in one attempt", relay.log())
                t.equal((len(relay.wait_log(r"ev=resume ")), line.count), (2, 3), f"{form}: over three connections")
                t.equal(len(mx.wait_log(r"ev=checkpoint what=(?:resumed|complete)", count=2)), 2, f"{form}: the second and the third went on")
                t.equal(len(mx.wait_log(r"ev=accept")), 1, f"{form}: it was taken once")
                t.equal(stored(mx), [LARGE], f"{form}: and is stored whole and once")
            line.close()


CASES = [a_relay_goes_on_over_a_bad_line, goes_on_where_it_stood, breaks_off_again_and_again, a_lost_reply_makes_no_duplicate, outlives_a_restart_and_no_crash, tls_begins_and_tls_ends_it,
         half_messages_of_many_stay_within_the_bound]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))
