# SPDX-License-Identifier: MIT
"""A server under a steady load for a long time: whether its memory and its descriptors stay as they are. Small and large messages, signed ones
that are checked, TLS, clients that break off in the middle, and a next hop that puts off and refuses some. Needs root, and makes a network of
its own."""

import json
import random
import socket
import statistics
import sys
import threading
import time

import rig
from harness import PORT, Dns, make_certificate
from relay_mail import Domain

SAMPLE_S = 5
ROUND_S = 30      # one run of each load
WARM = 3          # the first part in so many does not count: threads find their memory, caches fill
RATE = (("plain", 60, ("--connections", 20, "--per-connection", 7)), ("tls", 6, ("--connections", 3, "--per-connection", 2, "--tls")),
        ("large", 2, ("--connections", 2, "--size", 400000)), ("signed", 10, ("--connections", 4,)))
WARM_MESSAGES = 150000
BREAKS_PER_S = 4
REST_S = 8        # connections to next hops have closed by then, and those that linger
LISTENER = "starttls on; certificate {0}.crt; certificate-key {0}.key; checks spf dkim dmarc;"
# what a client that breaks off has said by then
BROKEN = b"EHLO gone.test\r\nMAIL FROM:<a@gone.test>\r\nRCPT TO:<b@sink.test>\r\nDATA\r\nSubject: gone\r\n\r\n" + b"half a line of text " * 40

DRIFT = 0.03      # of the memory, over all that counts: what allocators do by themselves
FIGURES = rig.Figures("soak", (("role", "process", "{}"), ("minutes", "minutes", "{:.0f}"), ("messages", "messages", "{:,}"), ("first_mib", "MiB first", "{:.2f}"),
                               ("last_mib", "last", "{:.2f}"), ("most_mib", "most", "{:.2f}"), ("slope_kib_per_h", "KiB/h", "{:.0f}"),
                               ("first_fds", "descriptors at rest first", "{}"), ("last_fds", "last", "{}"), ("most_fds", "most", "{}")),
                      lambda rows: [(f"memory of {row['role']} over all that counts", f"at most {DRIFT:.0%} more", f"{row['last_mib'] / row['first_mib'] - 1:+.1%}",
                                     row["last_mib"] <= row["first_mib"] * (1 + DRIFT)) for row in rows] +
                      [(f"descriptors of {row['role']} at rest", "as many as at first", f"{row['first_fds']} -> {row['last_fds']}", row["last_fds"] <= row["first_fds"])
                       for row in rows])


class Break(threading.Thread):
    """Clients that go away anywhere in what they say."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.over, self.n = address, threading.Event(), 0
        self.start()

    def run(self):
        chance = random.Random(1)
        while not self.over.wait(1 / BREAKS_PER_S):
            try:
                with socket.create_connection((self.address, PORT), timeout=10) as one:
                    one.sendall(BROKEN[:chance.randrange(len(BROKEN))])
                    time.sleep(chance.random() / 10)
                self.n += 1
            except OSError:
                pass


def keep_loading(daemon, domain, until):
    """Rounds of all loads; how many messages were taken."""
    taken = 0
    while True:
        runs = []
        for name, rate, more in RATE:
            message = ("--message", domain.message(6000, True)) if name == "signed" else ()
            runs.append(rig.start_load(daemon.address, "--rate", rate, "--messages", rate * ROUND_S, "--rcpt", "user%n@sink.test", *message, *more))
        for run in runs:
            text = run.communicate(timeout=ROUND_S * 4)[0]
            taken += json.loads(text)["accepted"] if text else 0
        if time.monotonic() >= until:
            return taken


class Watch(threading.Thread):
    """(seconds, MiB that are its own, descriptors) of each role, all along."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.over, self.seen = pids, threading.Event(), {role: [] for role in pids}
        self.start()

    def run(self):
        began = time.monotonic()
        while not self.over.wait(SAMPLE_S):
            for role, pid in self.pids.items():
                self.seen[role].append((time.monotonic() - began, rig.field(pid, ("Private_Clean", "Private_Dirty"), "smaps_rollup"), rig.descriptors(pid)))


def at_rest(daemon, pids):
    """The descriptors of each role when all is delivered, and no connection waits any more."""
    rig.drain(daemon, 600)
    time.sleep(REST_S)
    return {role: rig.descriptors(pid) for role, pid in pids.items()}


def told(role, seen, minutes, messages):
    counted = seen[len(seen) // WARM:]
    part = max(1, len(counted) // 5)
    first, last = counted[:part], counted[-part:]
    slope = statistics.linear_regression([s for s, _, _ in counted], [mib for _, mib, _ in counted]).slope if len(counted) > 1 else 0.0
    return {"role": role, "minutes": minutes, "messages": messages, "first_mib": round(statistics.median(mib for _, mib, _ in first), 3),
            "last_mib": round(statistics.median(mib for _, mib, _ in last), 3), "most_mib": round(max(mib for _, mib, _ in counted), 3),
            "slope_kib_per_h": round(slope * 1024 * 3600, 1), "most_fds": max(n for *_, n in counted)}


def measure(options, root):
    make_certificate(root / "tls")
    domain = Domain(root)
    dns = Dns(domain.records(), port=53)
    sink = rig.Sink("--defer", 2, "--refuse", 1)
    daemon = rig.relay(root, sink, LISTENER.format(root / "tls"), resolver=dns.where, retry="20s 20s 20s", evidence_size="64m", history_size="64m")
    with daemon:
        pids, gone = daemon.pids(), Break(daemon.address)
        # as much at once as the steady load brings in half an hour, so that caches and allocators have what they want; and one round
        rig.load(daemon.address, "--connections", 50, "--per-connection", 7, "--messages", WARM_MESSAGES, "--rcpt", "user%n@sink.test", patience=600)
        taken = keep_loading(daemon, domain, time.monotonic())
        before = at_rest(daemon, pids)
        watch = Watch(pids)
        taken += keep_loading(daemon, domain, time.monotonic() + options.minutes * 60)
        watch.over.set()
        gone.over.set()
        watch.join()
        after = at_rest(daemon, pids)
    got = sink.stop()
    rig.say(f"{taken} taken, {gone.n} broke off, {got['accepted']} arrived, {got['refused']} were put off or refused")
    return [told(role, seen, options.minutes, taken) | {"first_fds": before[role], "last_fds": after[role]} for role, seen in watch.seen.items()]


if __name__ == "__main__":
    sys.exit(rig.main("soak", __doc__, measure, FIGURES, [("--minutes", {"type": rig.within(1, 100000, float), "default": 30, "metavar": "N", "help": "that it lasts (default: 30)"})]))
