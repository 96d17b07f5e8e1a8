# SPDX-License-Identifier: MIT
"""Accepting, keeping, handing on: hikyakud beside Postfix, Exim, OpenSMTPD (unpacked from Debian) and Haraka (npm), in turns, all of
them with their queue on the same disk and syncing as they are shipped. `hikyaku load` sends, `hikyaku sink` takes; a run ends when the
last message is there. `raw` is load straight into sink: what the measuring itself costs; `source-to-sink` is the same of Postfix's smtp-source
and smtp-sink. Needs root, and makes a network of its own."""

import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = Path(os.environ.setdefault("HIKYAKU_BUILD", str(ROOT / "build"))).resolve()
KEPT = BUILD / "bench"
sys.path[:0] = [str(HERE), str(ROOT / "tests/interop"), str(ROOT / "tests")]

import packages  # noqa: E402
import peers  # noqa: E402
import relay_filters as filters  # noqa: E402
import relay_mail  # noqa: E402
import relay_page  # noqa: E402
import relay_servers as servers  # noqa: E402
from auth import machine, quiet  # noqa: E402
from harness import Dns, enter_namespaces, fresh_address, make_certificate, prepare_namespaces, wait_until  # noqa: E402
from harness import Sink as TestSink  # noqa: E402
from relay_meter import Group, PeakMemory, acknowledge_at_once, busy, count_syncs, counter, library, syncs  # noqa: E402
from rig import Sink, say, within, words  # noqa: E402

SIZES, CONNECTIONS = (1, 4, 64, 100), (1, 20, 200)
PATIENCE = 40  # seconds for one run: what is not there by then is not waited for
SO_RCVBUFFORCE = 33
LEAST, MOST = 100, 200000  # messages in a run
PROBES = 5
FIGURES = ("accepted_per_s", "delivered_per_s", "cpu_per_1000", "syncs_per_message", "peak_mb", "p50_ms", "p99_ms")


def octets(text):
    """1 to 255: KiB; from 256 on: octets, as of `hikyaku load`."""
    return within(1, 1 << 30)(text) * (1024 if int(text) < 256 else 1)


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench relay", description=__doc__, epilog="Exit status: 0, rows were measured; 1, none; 3, it cannot be done here.")
    names = ("raw", servers.SourceToSink.key, *servers.NAMES)
    parser.add_argument("--only", type=words(names), default=list(names), metavar="A,B", help="of " + ", ".join(names) + "; all of them without it")
    parser.add_argument("--size", type=octets, action="append", metavar="N", help="KiB of a message (octets from 256 on); more than once for more; without it 1, 4, 64 and 100, "
                        "and for the variants 4")
    parser.add_argument("--connections", type=within(1, 10000), action="append", metavar="N", help="clients at once; more than once for more; without it 1, 20 and 200, "
                        "and for the variants 20")
    parser.add_argument("--variants", type=words(tuple(VARIANTS)), default=list(VARIANTS), metavar="A,B", help="of " + ", ".join(VARIANTS) + "; all of them without it. tls: a new "
                        "STARTTLS session for each message; sign: RSA-2048; check: SPF, DKIM and DMARC")
    parser.add_argument("--runs", type=within(1, 99), default=5, help="of each; the median counts (default: 5)")
    parser.add_argument("--seconds", type=within(0.1, 600, float), default=3.0, help="that a run should take (default: 3)")
    parser.add_argument("--json", action="store_true", help="one array of rows")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/performance.md, and its plots: beside those of this machine and day, in place of older ones")
    return parser.parse_args()


# ---- before the network is our own ----


def fetch(options):
    """Downloads what is missing; what cannot be had is told later, by whoever misses it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    wanted = [servers.SERVERS[kind][name] for kind in kinds(options) for name in options.only if name in servers.SERVERS[kind]]
    if servers.SourceToSink.key in options.only:
        wanted.append(servers.Postfix)
    for kind in dict.fromkeys(kind for one in wanted for kind in (one, *getattr(one, "filters", ())) if issubclass(kind, (*peers.PEERS, filters.Filter))):
        try:
            packages.unpack(kind.package, kind.also)
        except packages.Missing as error:
            say(f"absent: {error}")
    haraka = KEPT / "haraka"
    haraka.mkdir(exist_ok=True)
    if servers.Haraka in wanted and shutil.which("npm") and not (haraka / "node_modules/Haraka").is_dir():
        quiet(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", haraka, "Haraka@3"], 600)
    counter(KEPT)
    library(KEPT, "long_backlog")


# ---- one run ----

# variant: the servers that it wants, what it adds to the arguments of load, and the message in place of a made-up one
VARIANTS = {"plain": ("plain", [], None), "tls": ("plain", ["--tls", "--per-connection", "1"], None),
            "sign": ("sign", [], {"is_signed": False}), "check": ("check", [], {"is_signed": True})}
# variant: those without a server that it is measured beside; the sink has no certificate
ALONE = {"plain": ("raw", servers.SourceToSink.key), "tls": (), "sign": ("raw",), "check": ("raw",)}
# kind of servers: what stands in a message that one of them did its work on
PROOF = {"sign": rb"DKIM-Signature:(?s:.){,200}d=load\.test", "check": rb"Authentication-Results:(?s:.){,1000}dmarc=pass"}


# servers ask who a client is, and an answer that never comes would be measured
CLIENT = {("1.0.0.127.in-addr.arpa", "PTR"): ["client.bench.test"], ("client.bench.test", "A"): ["127.0.0.1"]}


def use_resolver(address):
    """For those that read /etc/resolv.conf: in this mount namespace."""
    place = Path("/tmp/resolv.conf")
    place.write_text(f"nameserver {address}\n")
    place.chmod(0o644)
    subprocess.run(["mount", "--bind", place, "/etc/resolv.conf"], check=True)


class Keeper(TestSink):
    """Keeps what it gets, and at its end no connection, or a server would go on with one."""

    def __init__(self, address):
        self.open = []
        super().__init__(address, servers.PORT)

    def serve(self, connection):
        self.open.append(connection)
        super().serve(connection)

    def close(self):
        super().close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Bench:
    def __init__(self, root):
        self.root, self.certificate = root, root / "tls"
        make_certificate(self.certificate, "bench.test")
        Path(f"{self.certificate}.key").chmod(0o644)  # for the users of all of them
        self.domain = relay_mail.Domain(root)
        self.dns = Dns(CLIENT | self.domain.records(), port=53)
        self.dns.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)  # hundreds of clients come at once, and a question that is lost costs 5 s
        self.domain.dns = self.dns.address
        use_resolver(self.dns.address)
        self.tools = Group("tools")
        self.raw = self.open_sink()
        self.servers, self.sinks, self.versions, self.skipped = {}, {}, {}, {}
        self.started, self.rested = 0, {}
        servers.Haraka.folder = KEPT / "haraka"

    def open_sink(self):
        """It goes on from run to run: a server whose next hop went away meanwhile would have to find out."""
        return Sink("--rounds", wrap=self.tools.wrap)

    def start(self, names, kind):
        """Those of the names that there are of this kind of servers, and no others."""
        self.stop()
        for name in names:
            if name in servers.SERVERS[kind]:
                self.start_one(kind, name)

    def start_one(self, kind, name):
        """In a folder and with a sink of its own; False, and it is said why, when it does not run or does not do what is measured."""
        self.started += 1
        root = self.root / f"{kind}-{name}-{self.started}"
        root.mkdir(mode=0o755)
        self.sinks[name] = self.open_sink()
        server = None
        try:
            server = servers.SERVERS[kind][name](root, self.certificate, servers.Places((self.sinks[name].address, servers.PORT), self.dns.where, self.domain))
            server.start()
            if kind in PROOF:
                self.prove(kind, server)
        except (packages.Missing, RuntimeError, OSError, subprocess.SubprocessError) as error:
            self.skip(name, kind, error)
            if getattr(server, "group", None):
                self.close(server)
            self.sinks.pop(name).stop()
            return False
        self.servers[name] = server
        self.versions[name.split("-")[0]] = server.version
        self.versions.update((one.package, one.version) for one in getattr(server, "running", ()))
        return True

    def skip(self, name, kind, why):
        self.skipped[name, kind] = str(why).strip().splitlines()[0]
        say(f"skipped: {name} ({kind}): {why}")

    def prove(self, kind, server):
        """That it does what is measured. Until that is shown its sink keeps what it gets."""
        sink = self.sinks[server.key]
        sink.stop()
        keeper = Keeper(sink.address)
        subprocess.run([BUILD / "hikyaku", "load", "--to", server.to, "--messages", "1", "--connections", "1", "--rcpt", servers.RCPT,
                        "--message", self.domain.message(4096, **VARIANTS[kind][2])], check=False, capture_output=True, timeout=PATIENCE)
        wait_until(lambda: keeper.messages, 20)
        keeper.close()
        self.sinks[server.key] = Sink("--rounds", wrap=self.tools.wrap, address=sink.address)
        if not keeper.messages or not re.search(PROOF[kind], keeper.messages[0][2]):
            raise RuntimeError(f"it does not show that it did: {keeper.messages} {server.log()[-800:]}")

    def names(self, variant, asked):
        """Whom a variant measures: raw, which has no server, and those that have been started."""
        if variant == "tls":
            for name, server in self.servers.items():
                if getattr(server, "tls_bug", "") and (name, variant) not in self.skipped:
                    self.skip(name, variant, server.tls_bug)
        return [name for name in asked if name in ALONE[variant] or (name in self.servers and (name, variant) not in self.skipped)]

    def again(self, kind, name):
        """What is left in its queue would come in the next run. False: there is none of that name, or it does not start."""
        if name not in self.servers:
            return False
        self.close(self.servers.pop(name))
        self.sinks.pop(name).stop()
        return self.start_one(kind, name)

    def close(self, server):
        try:
            server.stop()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            say(f"{server.key} does not stop: {error}")
        server.group.close()

    def stop(self):
        for name in list(self.servers):
            self.close(self.servers.pop(name))
            self.sinks.pop(name).stop()

    def load(self, variant, size):
        """The arguments of load that say what is sent."""
        _, more, message = VARIANTS[variant]
        return [*more, "--message", self.domain.message(size, **message)] if message else [*more, "--size", size]

    def run(self, name, variant, size, connections, messages):
        """A row of figures, or None when it did not come to its end."""
        if name == servers.SourceToSink.key:
            return self.run_alone(servers.SourceToSink((fresh_address(), servers.PORT), self.tools), size, connections, messages)
        server, sink = self.servers.get(name), self.sinks.get(name, self.raw)
        to = server.to if server else f"{sink.address}:{servers.PORT}"
        group = server.group if server else self.tools
        time.sleep(max(0.0, self.rested.get(name, 0) - time.monotonic()))
        sink.ask(messages)
        before = {"cpu": group.cpu(), "tools": self.tools.cpu(), "busy": busy(), "syncs": syncs()}
        began = time.monotonic()
        with PeakMemory(group) as memory:
            # DATA for all: few of those who bring a server its mail say BDAT
            load = subprocess.Popen(self.tools.wrap([BUILD / "hikyaku", "load", "--to", to, "--no-chunking", "--connections", connections,
                                                     "--messages", messages, "--rcpt", servers.RCPT, "--json", *self.load(variant, size)]),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                text, why = load.communicate(timeout=PATIENCE)
                sent = json.loads(text or "{}")
            except subprocess.TimeoutExpired:
                load.kill()
                sent, why = {}, f"not all are accepted within {PATIENCE} s"
                load.communicate()
            taken = sink.taken(began + PATIENCE - time.monotonic()) if sent.get("accepted") == messages else {}
        seconds = time.monotonic() - began
        self.rested[name] = time.monotonic() + getattr(server, "pause", 0)
        if taken.get("accepted") != messages:
            say(f"{name}: {sent.get('accepted')} accepted, {taken.get('accepted', 'not all')} delivered within {PATIENCE} s, of {messages}: {sent or why}\n"
                f"{server.log()[-1500:] if server else ''}")
            return None
        cpu, tools = group.cpu() - before["cpu"], self.tools.cpu() - before["tools"]
        foreign = busy() - before["busy"] - tools - (cpu if server else 0)
        return {"accepted_per_s": sent["accepted_per_s"], "delivered_per_s": messages / seconds, "cpu_per_1000": cpu / messages * 1000,
                "syncs_per_message": (syncs() - before["syncs"]) / messages, "peak_mb": memory.peak, "p50_ms": sent["p50_ms"],
                "p99_ms": sent["p99_ms"], "messages": messages, "foreign": max(0.0, foreign) / seconds / os.cpu_count()}

    def run_alone(self, tools, size, connections, messages):
        """The same of a pair of tools without a server; they tell no times of single messages."""
        before, busy_before, began = self.tools.cpu(), busy(), time.monotonic()
        if not tools.run(size, connections, messages, PATIENCE):
            return None
        seconds, cpu = time.monotonic() - began, self.tools.cpu() - before
        return {"accepted_per_s": messages / seconds, "delivered_per_s": messages / seconds, "cpu_per_1000": cpu / messages * 1000,
                "syncs_per_message": 0.0, "peak_mb": 0.0, "p50_ms": 0.0, "p99_ms": 0.0, "messages": messages,
                "foreign": max(0.0, busy() - busy_before - cpu) / seconds / os.cpu_count()}


# ---- all of them ----


def amount(probe, seconds, connections):
    """So many messages that a run takes about that long."""
    return min(MOST, max(LEAST, 4 * connections, int(probe["delivered_per_s"] * seconds)))


def measure(bench, options, setting):
    """The rows of one setting, in turns all along. First runs warm each server up and tell how many messages are enough: one that waits before it begins needs more than
    its first rate says. A server that fails begins anew, and is left out of this setting when it fails again."""
    variant, size, connections = setting
    enough = dict.fromkeys(bench.names(variant, options.only), LEAST + connections)
    unsettled, failed, took = list(enough), set(), {}

    def run(name):
        figures = bench.run(name, *setting, enough[name])
        if not figures and (not bench.again(VARIANTS[variant][0], name) or name in failed):
            del enough[name]
        if not figures:
            failed.add(name)
        return figures

    for _ in range(PROBES):
        for name in [name for name in unsettled if name in enough]:
            figures = run(name)
            if figures:
                if figures["messages"] > 0.7 * options.seconds * figures["delivered_per_s"]:
                    unsettled.remove(name)
                enough[name] = amount(figures, options.seconds, connections)
    for _ in range(options.runs):
        for name in list(enough):
            figures = run(name)
            if figures:
                took.setdefault(name, []).append(figures)
    rows = []
    for name, all_of in took.items():
        row = {"name": name if variant == "plain" else f"{name}-{variant}", "size": size, "connections": connections}
        row.update({key: round(statistics.median(run[key] for run in all_of), 4) for key in (*FIGURES, "foreign")})
        row["messages"], row["runs"] = all_of[0]["messages"], len(all_of)
        rows.append(row)
        say(relay_page.line(row))
    return rows


def kinds(options):
    return list(dict.fromkeys(VARIANTS[variant][0] for variant in options.variants))


def settings(options):
    """(variant, size, connections): all sizes and connections of the plain one; the others at 4 KiB and 20."""
    for variant in options.variants:
        plain = variant == "plain"
        for size in options.size or [size * 1024 for size in (SIZES if plain else (4,))]:
            for connections in options.connections or (CONNECTIONS if plain else (20,)):
                yield variant, size, connections


def minutes(seconds):
    return f"{seconds / 60:.1f} min"


def expected(options, variant):
    """Seconds that a setting takes: two rounds to find out how many messages are enough, and those that count; half a second of each run is for what is started."""
    kind, one = servers.SERVERS[VARIANTS[variant][0]], options.seconds + 0.5
    names = [name for name in options.only if name in kind or name in ALONE[variant]]
    rest = max((getattr(kind[name], "pause", 0) for name in names if name in kind), default=0)
    return (options.runs + 2) * max(len(names) * one, rest + one)


def measure_all(bench, options):
    """Kind after kind: servers that are not measured do not run."""
    rows, began = [], time.monotonic()
    todo = sorted(settings(options), key=lambda setting: kinds(options).index(VARIANTS[setting[0]][0]))
    say(f"{len(todo)} settings, about {minutes(sum(expected(options, variant) for variant, _, _ in todo))} on a quiet machine; a run that takes more than {PATIENCE} s is given up")
    say(relay_page.HEAD)
    running = None
    for number, setting in enumerate(todo, 1):
        kind = VARIANTS[setting[0]][0]
        if kind != running:
            bench.start(options.only, kind)
            running = kind
        rows += measure(bench, options, setting)
        gone = time.monotonic() - began
        say(f"{number} of {len(todo)} settings, {minutes(gone)} gone, about {minutes(gone / number * (len(todo) - number))} to go")
    return rows


def main():
    options = parse()
    if os.getuid():
        say("bench: the servers must be started by root")
        return 3
    if "HIKYAKU_INSIDE" not in os.environ:
        fetch(options)
    load_before = os.getloadavg()[0]
    why = enter_namespaces()
    if why:
        say(f"bench: {why}")
        return 3
    prepare_namespaces()
    acknowledge_at_once()
    count_syncs(*(place for place in (KEPT / "count_syncs.so", KEPT / "long_backlog.so") if place.exists()))
    with tempfile.TemporaryDirectory(prefix="hikyaku-bench-", dir="/var/tmp") as folder:  # a disk, where /tmp may be none
        root = Path(folder)
        root.chmod(0o755)
        peers.add_users(Path("/tmp"))
        bench = Bench(root)
        try:
            rows = measure_all(bench, options)
            rsa = relay_mail.rsa_ms(KEPT, bench.domain) if "sign" in options.variants else None
        finally:
            bench.stop()
            bench.raw.stop()
            bench.tools.close()
    for row in rows:
        if rsa and row["name"].endswith("-sign"):
            row["rsa_ms"] = round(rsa, 4)
    if options.json:
        print(json.dumps(rows, indent=1))
    for (name, kind), why in bench.skipped.items():
        say(f"skipped: {name} ({kind}): {why}")
    relay_page.print_goals(rows, sys.stderr if options.json else sys.stdout)
    if options.write and rows:
        relay_page.write({"machine": machine(), "versions": bench.versions, "load": load_before, "rows": rows}, ROOT / "docs")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
