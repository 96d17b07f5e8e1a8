# SPDX-License-Identifier: MIT
"""What connections cost that do nothing: memory of hikyakud for each, plain after EHLO, or under TLS, at growing numbers of them; and how
long a new one waits for its greeting meanwhile. With --instances several servers share the port. Needs root, and makes a network of its own."""

import multiprocessing
import ssl
import sys
import time

import rig
from crowd import Crowd
from harness import Smtp, fresh_address, make_certificate

EACH = 200  # new connections whose time to the greeting is taken
PLAIN_KIB, TLS_KIB, GREETING_MS, FLAT = 4, 24, 5, 1.05
CLIENT_MOST = 17000  # connections of one process of clients: under the usual limit of descriptors
LISTENER = "starttls on; certificate {0}.crt; certificate-key {0}.key;"
STEPS = ((b"EHLO idle.test\r\n", b"250 "),)
WARM = 20  # connections before anything counts


def goals(rows):
    for form, most in (("plain", PLAIN_KIB), ("tls", TLS_KIB)):
        mine = [row for row in rows if row["form"] == form]
        if not mine:
            continue
        last = mine[-1]
        yield f"KiB of ours for each of {last['connections']:,} {form} ones", f"at most {most}", f"{last['kib_each']:.2f}", last["kib_each"] <= most
        if len(mine) > 2:
            yield (f"KiB of each {form} one more than {mine[-2]['connections']:,}, beside those before", f"at most {FLAT}",
                   f"{last['kib_more'] / mine[1]['kib_more']:.2f}", last["kib_more"] <= mine[1]["kib_more"] * FLAT)
        worst = max(row["greeting_p99_ms"] for row in mine)
        yield f"greeting of a new one beside {form} ones, p99 ms", f"under {GREETING_MS}", f"{worst:.2f}", worst < GREETING_MS


FIGURES = rig.Figures("idle", (("form", "form", "{}"), ("instances", "servers", "{}"), ("connections", "connections", "{:,}"), ("kib_each", "KiB each", "{:.2f}"), ("kib_more", "each one more", "{:.2f}"),
                               ("resident_mib", "resident MiB", "{:.0f}"), ("greeting_p50_ms", "greeting of a new one, p50 ms", "{:.2f}"),
                               ("greeting_p99_ms", "p99 ms", "{:.2f}")), goals)


class TlsCrowd:
    """The same as a Crowd, under TLS."""

    def __init__(self, address):
        self.address, self.kept = address, []
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def grow(self, n):
        while len(self.kept) < n:
            s = Smtp(self.address)
            s.command("EHLO idle.test")
            s.send("STARTTLS\r\n")
            s.reply()
            s.socket = self.context.wrap_socket(s.socket)
            s.command("EHLO idle.test")
            self.kept.append(s)

    def close(self):
        for one in self.kept:
            one.close()


def hold(pipe, address, source):
    """A process of clients: it has as many as it is told."""
    rig.allow_descriptors(CLIENT_MOST + 1000)
    crowd = Crowd(address, STEPS, source=source)
    while n := pipe.recv():
        crowd.grow(n)
        pipe.send(n)


class Clients:
    """Processes of clients, each with an address of its own, that have equal parts."""

    def __init__(self, address, most):
        context = multiprocessing.get_context("fork")
        self.pipes = []
        for i in range(-(-most // CLIENT_MOST)):
            ours, theirs = context.Pipe()
            context.Process(target=hold, args=(theirs, address, f"127.0.9.{i + 1}"), daemon=True).start()
            self.pipes.append(ours)

    def grow(self, n):
        for pipe in self.pipes:
            pipe.send(-(-n // len(self.pipes)))
        for pipe in self.pipes:
            try:
                pipe.recv()
            except EOFError:
                raise RuntimeError(f"{n} clients are not taken: the limit of descriptors is that of each server (--instances)") from None

    def close(self):
        for pipe in self.pipes:
            pipe.send(0)


def greetings(address):
    """Milliseconds, sorted."""
    took = []
    for _ in range(EACH):
        began = time.monotonic()
        Smtp(address).close()
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)


def start(root, n):
    """So many servers at one address and port, each with a spool of its own."""
    address, servers = fresh_address(), []
    for i in range(n):
        place = root / str(i)
        place.mkdir(mode=0o755)
        servers.append(rig.relay(place, None, LISTENER.format(root / "tls"), address=address).start())
    return address, servers


def private(servers):
    """KiB that are the mail processes' own."""
    return sum(rig.field(daemon.pids()["mta"], ("Private_Clean", "Private_Dirty"), "smaps_rollup") for daemon in servers) * 1024


def measure_form(form, counts, instances, root):
    root.mkdir(mode=0o755)
    make_certificate(root / "tls")
    address, servers = start(root, instances)
    rows, clients = [], TlsCrowd(address) if form == "tls" else Clients(address, counts[-1])
    try:
        warm = Crowd(address, STEPS)
        warm.grow(WARM * instances)
        warm.close()
        time.sleep(2)
        before = last = private(servers)
        had = 0
        for count in counts:
            clients.grow(count)
            time.sleep(4)  # until the question who they are is over, too
            own, waits = private(servers), greetings(address)
            rows.append({"form": form, "instances": instances, "connections": count, "kib_each": round((own - before) / count, 2),
                         "kib_more": round((own - last) / (count - had), 2), "resident_mib": round(own / 1024),
                         "greeting_p50_ms": round(waits[EACH // 2], 2), "greeting_p99_ms": round(waits[EACH * 99 // 100], 2)})
            last, had = own, count
            rig.say("  ".join(FIGURES.line(rows[-1])))
        clients.close()
    finally:
        for daemon in servers:
            daemon.stop()
    return rows


def measure(options, root):
    rig.use_all_ports()
    if not rig.allow_descriptors(options.tls + 2000):
        raise RuntimeError("the system grants too few descriptors")
    rows = []
    for form, most in (("plain", options.connections), ("tls", options.tls)):
        counts = [count for count in (1000, 4000, 19000) if count < most and count >= 1000 * options.instances] + [most]
        if most:
            rows += measure_form(form, counts, options.instances, root / form)
    return rows


if __name__ == "__main__":
    sys.exit(rig.main("idle", __doc__, measure, FIGURES, [
        ("--connections", {"type": rig.within(0, 1000000), "default": 19000, "metavar": "N", "help": "so many plain ones at most (default: 19000)"}),
        ("--tls", {"type": rig.within(0, 100000), "default": 4000, "metavar": "N", "help": "and so many under TLS (default: 4000; each handshake takes its time)"}),
        ("--instances", {"type": rig.within(1, 100), "default": 1, "metavar": "N", "help": "servers that share the port (default: 1)"})]))
