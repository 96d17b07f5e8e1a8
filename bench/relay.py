# SPDX-License-Identifier: MIT
"""Accepting, keeping, handing on: hikyakud beside Postfix, Exim, OpenSMTPD (unpacked from Debian) and Haraka (npm), in turns, all of
them with their queue on the same disk and syncing as they are shipped. `hikyaku load` sends, `hikyaku sink` takes; a run ends when the
last message is there. `raw` is load straight into sink: what the measuring itself costs; `source-to-sink` is the same of Postfix's smtp-source
and smtp-sink. Needs root, and makes a network of its own."""

import argparse
import json
import os
import re
import shutil
import signal
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
from harness import Dns, Sink, enter_namespaces, fresh_address, is_listening, make_certificate, prepare_namespaces, wait_until  # noqa: E402
from relay_meter import Group, PeakMemory, busy, count_syncs, counter, syncs  # noqa: E402

SIZES, CONNECTIONS = (1, 4, 64, 100), (1, 20, 200)
PATIENCE = 60  # seconds for one run: what is not there by then is not waited for
LEAST, MOST = 100, 200000  # messages in a run
FIGURES = ("accepted_per_s", "delivered_per_s", "cpu_per_1000", "syncs_per_message", "peak_mb", "p50_ms", "p99_ms")


def say(text):
    print(text, file=sys.stderr, flush=True)


def octets(text):
    """1 to 255: KiB; from 256 on: octets, as of `hikyaku load`."""
    number = int(text)
    return number * 1024 if number < 256 else number


def words(text):
    return [word for word in text.split(",") if word]


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench relay", description=__doc__)
    names = ("raw", servers.SourceToSink.key, *servers.NAMES)
    parser.add_argument("--only", type=words, default=list(names), metavar="A,B", help="of " + ", ".join(names))
    parser.add_argument("--size", type=octets, action="append", metavar="N", help="KiB of a message (octets from 256 on); more than once for more")
    parser.add_argument("--connections", type=int, action="append", metavar="N", help="clients at once")
    parser.add_argument("--variants", type=words, default=["plain"], metavar="A,B", help="of " + ", ".join(VARIANTS))
    parser.add_argument("--runs", type=int, default=5, help="of each; the median counts")
    parser.add_argument("--seconds", type=float, default=3.0, help="that a run should take")
    parser.add_argument("--json", action="store_true", help="one array of rows")
    parser.add_argument("--write", action="store_true", help="docs/performance.md and its plots are made anew from this run")
    options = parser.parse_args()
    for name in options.only:
        if name not in names:
            parser.error(f"there is no server {name}")
    for variant in options.variants:
        if variant not in VARIANTS:
            parser.error(f"there is no variant {variant}")
    return options


# ---- before the network is our own ----


def fetch():
    """Downloads what is missing; what cannot be had is told later, by whoever misses it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for kind in (*peers.PEERS, filters.OpenDkim, filters.OpenDmarc, filters.Rspamd):
        try:
            packages.unpack(kind.package, kind.also)
        except packages.Missing as error:
            say(f"skipped: {error}")
    haraka = KEPT / "haraka"
    haraka.mkdir(exist_ok=True)
    if shutil.which("npm") and not (haraka / "node_modules/Haraka").is_dir():
        quiet(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", haraka, "Haraka@3"], 600)
    counter(KEPT)


# ---- one run ----

# variant: the servers that it wants, what it adds to the arguments of load, and the message in place of a made-up one
VARIANTS = {"plain": ("plain", [], None), "tls": ("plain", ["--tls", "--per-connection", "1"], None),
            "sign": ("sign", [], {"is_signed": False}), "check": ("check", [], {"is_signed": True})}
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


class Bench:
    def __init__(self, root):
        self.root, self.certificate = root, root / "tls"
        make_certificate(self.certificate, "bench.test")
        Path(f"{self.certificate}.key").chmod(0o644)  # for the users of all of them
        self.domain = relay_mail.Domain(root)
        self.dns = Dns(CLIENT | self.domain.records(), port=53)
        self.domain.dns = self.dns.address
        use_resolver(self.dns.address)
        self.sink = (fresh_address(), servers.PORT)
        self.tools = Group("tools")
        self.servers, self.skipped = {}, {}

    def start(self, names, kinds):
        """Those of the names that there are of each kind of servers."""
        servers.Haraka.folder = KEPT / "haraka"
        for kind in kinds:
            for name in names:
                if name not in servers.SERVERS[kind]:
                    continue
                root = self.root / f"{kind}-{name}"
                root.mkdir(mode=0o755)
                try:
                    where = servers.Places(self.sink, self.dns.where, self.domain)
                    self.servers[kind, name] = servers.SERVERS[kind][name](root, self.certificate, where).start()
                    self.prove(kind, name)
                except (packages.Missing, RuntimeError, OSError) as error:
                    self.skipped[kind, name] = str(error).strip().splitlines()[-1:]
                    say(f"skipped: {name} ({kind}): {error}")

    def prove(self, kind, name):
        """Drops the server when it does not do what is measured."""
        if kind not in PROOF:
            return
        sink = Sink(*self.sink)
        subprocess.run([BUILD / "hikyaku", "load", "--to", self.servers[kind, name].to, "--messages", "1", "--connections", "1", "--rcpt", servers.RCPT,
                        "--message", self.domain.message(SIZES[1] * 1024, kind == "check")], check=False, capture_output=True)
        wait_until(lambda: sink.messages, 20)
        sink.close()
        if not sink.messages or not re.search(PROOF[kind], sink.messages[0][2]):
            say(f"skipped: {name} ({kind}) does not show that it did: {sink.messages} {self.servers[kind, name].log()[-800:]}")
            server = self.servers.pop((kind, name))
            server.stop()
            server.group.close()

    def names(self, variant, asked):
        """Whom a variant measures: raw, which has no server, and those that have been started."""
        alone = ("raw", servers.SourceToSink.key) if variant == "plain" else ("raw",)
        return [name for name in asked if name in alone or (VARIANTS[variant][0], name) in self.servers]

    def stop(self):
        for server in self.servers.values():
            server.stop()
            server.group.close()
        self.tools.close()

    def versions(self):
        """program -> version, of the servers and their filters."""
        found = {name: server.version for (_, name), server in self.servers.items() if "-" not in name}
        for server in self.servers.values():
            found.update((one.package, one.version) for one in getattr(server, "running", ()))
        return found

    def load(self, variant, size):
        """The arguments of load that say what is sent."""
        _, more, message = VARIANTS[variant]
        return [*more, "--message", self.domain.message(size, **message)] if message else [*more, "--size", size]

    def open_sink(self, messages):
        sink = subprocess.Popen(self.tools.wrap([BUILD / "hikyaku", "sink", "--listen", "%s:%d" % self.sink, "--messages", messages, "--json"]),
                                stdout=subprocess.PIPE, text=True)
        return sink

    def run(self, name, variant, size, connections, messages):
        """A row of figures, or None when it did not come to its end."""
        if name == servers.SourceToSink.key:
            return self.run_alone(servers.SourceToSink(self.sink, self.tools), size, connections, messages)
        server = self.servers.get((VARIANTS[variant][0], name))
        to = server.to if server else "%s:%d" % self.sink
        group = server.group if server else self.tools
        sink = self.open_sink(messages)
        wait_until(lambda: is_listening(*self.sink), 10)
        before = {"cpu": group.cpu(), "tools": self.tools.cpu(), "busy": busy(), "syncs": syncs()}
        began = time.monotonic()
        with PeakMemory(group) as memory:
            # DATA for all: two BDAT in one segment cost Postfix a delayed acknowledgement, 40 ms for each message, which few clients make it pay
            load = subprocess.Popen(self.tools.wrap([BUILD / "hikyaku", "load", "--to", to, "--no-chunking", "--connections", connections,
                                                     "--messages", messages, "--rcpt", servers.RCPT, "--json", *self.load(variant, size)]), stdout=subprocess.PIPE, text=True)
            try:
                sent = json.loads(load.communicate(timeout=PATIENCE)[0] or "{}")
                taken = json.loads(sink.communicate(timeout=PATIENCE)[0])
            except subprocess.TimeoutExpired:
                sent, taken = {}, {}
                load.kill()
                sink.send_signal(signal.SIGTERM)
        seconds = time.monotonic() - began
        if sent.get("accepted") != messages or taken.get("accepted") != messages:
            say(f"{name}: {sent.get('accepted')} accepted, {taken.get('accepted')} delivered, of {messages}: {sent}\n{server.log()[-1500:] if server else ''}")
            sink.wait(10)
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
    wanted = int(probe["delivered_per_s"] * seconds) if probe else 0
    return min(MOST, max(LEAST, 4 * connections, wanted))


def measure(bench, options, variant, size, connections):
    """The rows of one setting: a first run of each that warms it up and tells how many messages are enough, then rounds in turns."""
    enough, took = {}, {}
    for name in bench.names(variant, options.only):
        probe = bench.run(name, variant, size, connections, LEAST + connections)
        if probe:
            enough[name] = amount(bench.run(name, variant, size, connections, amount(probe, options.seconds / 4, connections)) or probe,
                                  options.seconds, connections)
    for _ in range(options.runs):
        for name in enough:
            figures = bench.run(name, variant, size, connections, enough[name])
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


def settings(options):
    """(variant, size, connections): all sizes and connections of the plain one; the others at 4 KiB and 20."""
    for variant in options.variants:
        plain = variant == "plain"
        for size in options.size or [size * 1024 for size in (SIZES if plain else (4,))]:
            for connections in options.connections or (CONNECTIONS if plain else (20,)):
                yield variant, size, connections


def main():
    options = parse()
    if os.getuid():
        say("bench: the servers must be started by root")
        return 3
    if "HIKYAKU_INSIDE" not in os.environ:
        fetch()
    why = enter_namespaces()
    if why:
        say(f"bench: {why}")
        return 3
    prepare_namespaces()
    if (KEPT / "count_syncs.so").exists():
        count_syncs(KEPT / "count_syncs.so")
    rows = []
    with tempfile.TemporaryDirectory(prefix="hikyaku-bench-", dir="/var/tmp") as folder:  # a disk, where /tmp may be none
        root = Path(folder)
        root.chmod(0o755)
        peers.add_users(Path("/tmp"))
        bench = Bench(root)
        try:
            bench.start(options.only, dict.fromkeys(VARIANTS[variant][0] for variant in options.variants))
            say(relay_page.HEAD)
            for setting in settings(options):
                rows += measure(bench, options, *setting)
            versions = bench.versions()
            rsa = relay_mail.rsa_ms(KEPT, bench.domain) if "sign" in options.variants else None
        finally:
            bench.stop()
    for row in rows:
        if rsa and row["name"].endswith("-sign"):
            row["rsa_ms"] = round(rsa, 4)
    report = {"machine": machine(), "versions": versions, "load": os.getloadavg()[0], "rows": rows}
    if options.json:
        print(json.dumps(rows, indent=1))
    relay_page.print_goals(rows, sys.stderr if options.json else sys.stdout)
    if options.write:
        relay_page.write(report, ROOT / "docs")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
