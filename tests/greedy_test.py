# SPDX-License-Identifier: MIT
"""Peers that mean harm, against the real daemon: what they get it to hold, and how long one that behaves has to wait beside
them. Both directions: clients of ours, and servers that our mail goes to."""

import contextlib
import os
import re
import socket
import struct
import sys
import threading
import time

from harness import PORT, RELAY, SLOW, Daemon, Dns, Sink, Smtp, Tap, folder, fresh_address, make_certificate, run_cases, status_of, wait_until

EACH = 20  # of a kind
DRIPPERS = 800
KIB_MOST = 400  # of memory for each of them; engine/session_hostile_test.c counts octets
LATENCY_MOST = 1.0


def memory(daemon):
    return int(status_of(daemon.pids().get("mta", daemon.process.pid), "VmRSS")[0])


def latencies(daemon, count=30):
    """Seconds that a message of one that behaves takes, from its connection to the reply to its dot."""
    taken = []
    for _ in range(count):
        began = time.monotonic()
        with Smtp(daemon.address) as smtp:
            assert smtp.message()[0] == 250
        taken.append(time.monotonic() - began)
    return sorted(taken)


def connect(daemon, number):
    """From an address of its own: what one host may have is another matter."""
    peer = socket.create_connection((daemon.address, PORT), timeout=5, source_address=(f"127.99.{number // 250}.{number % 250 + 1}", 0))
    peer.setblocking(False)
    return peer


MAIL = b"EHLO x.test\r\nMAIL FROM:<>\r\nRCPT TO:<user1@b.test>\r\n"
CLIENTS = {
    "say nothing": b"",
    "send half a command": b"EHLO x.te",
    "send a command without end": b"x" * 10_000_000,
    "send 10 MB of commands": b"NOOP\r\n" * 1_700_000,
    "send 10 MB of wrong commands": b"x\r\n" * 3_300_000,
    "send 10 MB of senders": b"EHLO x.test\r\n" + b"MAIL FROM:<a@a.test>\r\nRSET\r\n" * 350_000,
    "send recipients without end": MAIL + b"RCPT TO:<user1@b.test>\r\n" * 400_000,
    "send AUTH without end": b"EHLO x.test\r\nAUTH PLAIN " + b"A" * 10_000_000,
    "send a chunk of a terabyte": MAIL + b"BDAT 999999999999\r\n" + b"x\r\n" * 3_000_000,
    "send chunks of nothing": MAIL + b"BDAT 0\r\n" * 1_000_000,
    "send a header without end": MAIL + b"DATA\r\n" + b"A: b\r\n" * 1_600_000,
    "send a refused body of NULs": MAIL + b"DATA\r\n\n" + b"\0" * 10_000_000,
    "begin TLS with garbage": b"EHLO x.test\r\nSTARTTLS\r\n" + b"\xff" * 100_000,
    "stop in a message": MAIL + b"DATA\r\nSubject: half\r\n\r\nhalf of it",
}


class Flood:
    """Many of each kind, none of which ever reads; each sends as long as it is let."""

    def __init__(self, daemon):
        self.peers = []
        for number, text in enumerate(list(CLIENTS.values()) * EACH):
            self.peers.append([connect(daemon, number), memoryview(text)])
        self.stop = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop:
            moved = False
            for peer in self.peers:
                with contextlib.suppress(OSError):
                    sent = peer[0].send(peer[1][:16384]) if peer[1] else 0
                    peer[1] = peer[1][sent:]
                    moved |= sent > 0
            time.sleep(0.001 if moved else 0.02)

    def end(self):
        self.stop = True
        self.thread.join()
        for number, (peer, _) in enumerate(self.peers):
            if number % 2:  # a reset
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()


def clients_that_mean_harm_hold_little_and_slow_nobody(t):
    """SEC-18, SEC-19, SEC-48, T6, T19"""
    with folder() as root:
        make_certificate(root / "tls")
        listener = ("listen mx { address %(address)s:%(port)d; reject-early-talkers off; starttls on;"
                    " certificate %(root)s/tls.crt; certificate-key %(root)s/tls.key; }")
        with Daemon(root, listener, resolver=Dns({}).where) as daemon:
            alone, before = latencies(daemon), memory(daemon)
            flood = Flood(daemon)
            time.sleep(1)
            beside, peak = latencies(daemon), 0
            for _ in range(20):
                peak = max(peak, memory(daemon))
                time.sleep(0.05)
            flood.end()
            each = (peak - before) / len(flood.peers)
            print(f"# {len(flood.peers)} clients of {len(CLIENTS)} kinds: {each:.0f} KiB each; a message takes"
                  f" {alone[15] * 1000:.0f} ms alone, {beside[15] * 1000:.0f} ms beside them, {beside[-1] * 1000:.0f} ms at most")
            t.ok(each < KIB_MOST * SLOW, "none holds more than its bound", f"{each:.0f} KiB each")
            t.ok(beside[15] < LATENCY_MOST * SLOW, "one that behaves is served beside them", beside)
            t.ok(beside[-1] < 10 * SLOW, "and never waits long", beside)
            t.ok(daemon.process.poll() is None and latencies(daemon, 3), "the daemon goes on when they are gone")
            t.equal(len(daemon.wait_mail(count=63)), 63, "and no message came of theirs")


def clients_that_drip_slow_nobody(t):
    """T19: an octet now and then, in each stage of a session, from many addresses at once."""
    stages = (b"", b"EHLO x.test\r\n", MAIL, MAIL + b"DATA\r\n")
    with folder() as root, Daemon(root, resolver=Dns({}).where) as daemon:
        alone, before = latencies(daemon), memory(daemon)
        peers = [connect(daemon, number) for number in range(DRIPPERS)]
        for number, peer in enumerate(peers):
            peer.setblocking(True)
            peer.sendall(stages[number % len(stages)])
        beside = []
        for _ in range(6):
            for peer in peers:
                with contextlib.suppress(OSError):
                    peer.sendall(b"x")
            beside += latencies(daemon, 10)
        beside.sort()
        each = (memory(daemon) - before) / len(peers)
        print(f"# {len(peers)} clients that drip: {each:.0f} KiB each; a message takes {alone[15] * 1000:.0f} ms alone,"
              f" {beside[30] * 1000:.0f} ms beside them, {beside[-1] * 1000:.0f} ms at most")
        t.ok(each < KIB_MOST * SLOW, "SEC-85: none of those that drip holds more than its bound", f"{each:.0f} KiB each")
        t.ok(beside[30] < LATENCY_MOST * SLOW, "SEC-85: one that behaves is served beside them", beside)
        t.ok(beside[-1] < 10 * SLOW, "SEC-85: and never waits long", beside)
        for peer in peers:
            peer.close()
        t.equal(len(daemon.wait_mail(count=90)), 90, "SEC-85: no message came of what dripped")


def drops_at_each_octet_leave_nothing(t):
    """A client that is gone at any point of a session: nothing is stored, nothing is left open."""
    text = MAIL + b"DATA\r\nSubject: half\r\n\r\nhalf\r\n.\r"
    with folder() as root, Daemon(root, resolver=Dns({}).where) as daemon:
        Smtp(daemon.address).close()
        pid = daemon.pids().get("mta", daemon.process.pid)

        def files():
            return len(os.listdir(f"/proc/{pid}/fd"))

        idle = files()  # the resolver may open a few more
        for at in range(len(text)):
            peer = socket.create_connection((daemon.address, PORT), timeout=5)
            peer.sendall(text[:at])
            if at % 2:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
        t.ok(wait_until(lambda: files() <= idle + 8), "no connection is left", f"{files()} files open, {idle} before")
        t.equal(daemon.files(), [], "no half message is stored")


# ---- servers ---------------------------------------------------------------------------------------------------------


class Evil:
    """A server: says(connection) does what it likes."""

    def __init__(self, says):
        self.address, self.says = fresh_address(), says
        self.server = socket.create_server((self.address, PORT), backlog=64)
        self.seen, self.keep = 0, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                self.seen += 1
                self.keep.append(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError):
            connection.settimeout(20)
            self.says(connection)


def flood(connection):
    for _ in range(2000):
        connection.sendall(b"250-x\r\n" * 1000)


def drip(connection):
    while True:
        connection.sendall(b"2")
        time.sleep(0.2)


def until_body(connection, then):
    """A dialogue up to 354."""
    connection.sendall(b"220 x\r\n")
    file = connection.makefile("rb")
    for line in file:
        connection.sendall(b"354 go\r\n" if line.startswith(b"DATA") else b"250 x\r\n")
        if line.startswith(b"DATA"):
            then(connection)
            return


SERVERS = {
    "say nothing": lambda c: None,
    "drip": drip,
    "flood": flood,
    "greet with 100 KB": lambda c: c.sendall(b"220 " + b"x" * 100_000 + b"\r\n"),
    "greet with 10,000 lines": lambda c: c.sendall(b"220-x\r\n" * 10_000 + b"220 x\r\n"),
    "greet with nonsense": lambda c: c.sendall(b"\0\xff\x1b[2J 220\r\n"),
    "answer before they are asked": lambda c: c.sendall(b"220 x\r\n" + b"250 x\r\n" * 50),
    "speak TLS": lambda c: c.sendall(b"\x16\x03\x01\x02\x00" + b"\x01" * 512),
    "close at once": lambda c: c.close(),
    "never read the message": lambda c: until_body(c, lambda c: time.sleep(20)),
    "close in the message": lambda c: until_body(c, lambda c: c.close()),
    "refuse in the message": lambda c: until_body(c, lambda c: c.sendall(b"550 " + b"no" * 400 + b"\r\n")),
}


def servers_that_mean_harm_hold_little_and_slow_nobody(t):
    """SEC-35, T10, T19: each has messages of 1 MB waiting for it, and others get theirs."""
    evil = {name: Evil(says) for name, says in SERVERS.items()}
    good = Sink()

    def arrived():  # the reports of refusals go there too
        return [rcpts for _, rcpts, _ in good.messages if rcpts == ["u@good.test"]]

    routes = "".join(f"route bad{i}.test {{ via smtp {one.address}:{PORT}; }} " for i, one in enumerate(evil.values()))
    with folder() as root, Daemon(root, RELAY, routes + f"route * {{ via smtp {good.address}:{PORT}; }}", retry="1h",
                                    resolver=Dns({}).where) as daemon:
        body = b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 13000
        assert Smtp(daemon.address).message(rcpts=["u@good.test"])[0] == 250
        wait_until(lambda: good.messages)
        before, messages = memory(daemon), 0
        for i in range(len(evil)):
            for _ in range(3):
                with Smtp(daemon.address) as smtp:
                    messages += smtp.message(body, rcpts=[f"u@bad{i}.test"])[0] == 250
        wait_until(lambda: all(one.seen for one in evil.values()), 20)
        peak, taken = 0, []
        for number in range(20):
            began = time.monotonic()
            with Smtp(daemon.address) as smtp:
                smtp.message(rcpts=["u@good.test"])
            wait_until(lambda: len(arrived()) >= number + 2)
            taken.append(time.monotonic() - began)
            peak = max(peak, memory(daemon))
        each = (peak - before) / messages
        print(f"# {messages} messages of 1 MB to {len(evil)} kinds of servers: {each:.0f} KiB each; one to another server takes"
              f" {sorted(taken)[10] * 1000:.0f} ms, {max(taken) * 1000:.0f} ms at most")
        t.equal([name for name, one in evil.items() if not one.seen], [], "each server had its connection")
        t.ok(each < 700 * SLOW, "none holds more than its bound", f"{each:.0f} KiB each")
        t.equal(len(arrived()), 21, "all others got their mail, once")
        t.ok(sorted(taken)[10] < LATENCY_MOST * SLOW, "and did not wait", taken)
        t.ok(not re.search(r"ev=delivered.*bad\d", daemon.log()), "nothing is said to be delivered that was not")
        daemon.kill()  # it would wait for those servers
        daemon.check_sanitizers()
    for one in evil.values():
        one.server.close()


CASES = [clients_that_mean_harm_hold_little_and_slow_nobody, clients_that_drip_slow_nobody, drops_at_each_octet_leave_nothing,
         servers_that_mean_harm_hold_little_and_slow_nobody]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))
