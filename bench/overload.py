# SPDX-License-Identifier: MIT
"""More mail than a server can take: new clients come at a steady rate, served or not, each with one message. First what it can take is looked for,
then three times as much comes. The server has a part of one processor, so that those who send have what they need. Needs root, and makes a network of its own."""

import json
import statistics
import subprocess
import sys

import rig
from harness import Dns
from relay_mail import Domain
from relay_meter import Group, PeakMemory, Share

TIMES, KEPT, TOLD_MS = 3, 0.9, 1000
LOOK = (1, 1.5)       # of what clients that wait for it get: where the peak is
SECONDS, ROUNDS, OCTETS = 6, 3, 4096
SHARE = 0.25
KEYS = ("offered_per_s", "accepted_per_s", "refused_per_s", "accepted_p50_ms", "accepted_p99_ms", "refused_p50_ms", "refused_p99_ms", "refused_max_ms", "peak_mb", "cpu")
SUMS = ("told_421", "told_452", "broken", "late", "untold", "skipped")


def goals(rows):
    for row in (row for row in rows if row["times"] == TIMES):
        yield (f"{row['form']}: goodput at {row['times']:g} times capacity beside the peak", f"at least {KEPT:.0%}", f"{row['kept']:.0%}", row["kept"] >= KEPT)
        lost = row["late"] + row["untold"] + row["broken"]
        yield (f"{row['form']}: who is not served is told within a second", "all", f"p99 {row['refused_p99_ms']:.0f} ms, at most {row['refused_max_ms']:.0f} ms; later, never or broken {lost}",
               lost == 0 and row["refused_max_ms"] <= TOLD_MS)


FIGURES = rig.Figures("overload", (("form", "server", "{}"), ("times", "of capacity", "{:.2f}"), ("offered_per_s", "clients/s", "{:.0f}"), ("accepted_per_s", "accept/s", "{:.0f}"),
                                   ("refused_per_s", "refuse/s", "{:.0f}"), ("accepted_p50_ms", "accepted p50 ms", "{:.1f}"), ("accepted_p99_ms", "p99", "{:.1f}"),
                                   ("refused_p50_ms", "refused p50 ms", "{:.1f}"), ("refused_p99_ms", "p99", "{:.1f}"), ("refused_max_ms", "max", "{:.1f}"),
                                   ("late", "after 1 s", "{}"), ("untold", "never", "{}"), ("broken", "broken", "{}"), ("cpu", "processors", "{:.2f}"), ("peak_mb", "MiB", "{:.0f}")), goals)


class Rig:
    """One server, and what comes to it. checks: it does what an MX does with a message from outside; else it only hands it on."""

    def __init__(self, root, options, checks):
        root.mkdir(mode=0o755)
        domain = Domain(root)
        self.message = domain.message(OCTETS, checks)
        rig.use_all_ports()
        self.options, self.groups, self.sink = options, (Group("server"), Share(options.share)), rig.Sink()
        self.daemon = rig.relay(root, self.sink, "checks spf dkim dmarc;" if checks else "", workers="1", resolver=Dns(domain.records(), port=53).where)
        self.daemon.start(preexec_fn=lambda: [group.join() for group in self.groups])

    def arrivals(self, rate):
        cpu = self.groups[0].cpu()
        with PeakMemory(self.groups[0]) as memory:
            done = subprocess.run([rig.BUILD / "bench-arrivals", self.daemon.address, str(rig.PORT), str(int(rate)), str(self.options.seconds), self.message],
                                  capture_output=True, text=True, check=True, timeout=self.options.seconds + 60)
        figures = json.loads(done.stdout)
        figures |= {"peak_mb": memory.peak, "cpu": (self.groups[0].cpu() - cpu) / figures["seconds"]}
        rig.drain(self.daemon, 300)
        rig.say("{offered_per_s:.0f} clients/s: {accepted_per_s:.0f} accepted, {refused_per_s:.0f} refused ({told_421} 421, {told_452} 452), {late} late, {untold} untold, "
                "{broken} broken, {skipped} could not be begun".format(**figures))
        return figures

    def stop(self):
        self.daemon.stop()
        self.sink.stop()
        for group in self.groups:
            group.close()


def summed(form, times, runs):
    return ({"form": form, "times": times, "rounds": len(runs)} | {key: round(statistics.median(run[key] for run in runs), 2) for key in KEYS} |
            {key: sum(run[key] for run in runs) for key in SUMS})


def measure_one(options, root, form):
    bench = Rig(root / form, options, form == "checks")
    try:
        waited = rig.load(bench.daemon.address, "--connections", 50, "--per-connection", 1, "--messages", 2000, "--no-chunking", "--message", bench.message)
        rig.drain(bench.daemon)
        look = {times: [bench.arrivals(waited["accepted_per_s"] * times)] for times in LOOK}
        capacity = max(run["accepted_per_s"] for runs in look.values() for run in runs)
        at_peak = max(look, key=lambda times: look[times][0]["accepted_per_s"])
        over = []
        for _ in range(options.rounds):
            over.append(bench.arrivals(capacity * options.times))
            look[at_peak].append(bench.arrivals(waited["accepted_per_s"] * at_peak))
    finally:
        bench.stop()
    rows = [summed(form, waited["accepted_per_s"] * times / capacity, runs) for times, runs in look.items()] + [summed(form, options.times, over)]
    peak = max(row["accepted_per_s"] for row in rows)
    return [row | {"kept": round(row["accepted_per_s"] / peak, 4)} for row in rows]


def measure(options, root):
    return [row for form in options.forms for row in measure_one(options, root, form)]


if __name__ == "__main__":
    sys.exit(rig.main("overload", __doc__, measure, FIGURES, [
        ("--times", {"type": rig.within(0.1, 100, float), "default": TIMES, "metavar": "N", "help": f"of what it can take (default: {TIMES})"}),
        ("--forms", {"type": rig.words(("checks", "hands-on")), "default": ["checks", "hands-on"], "metavar": "A,B", "help": "checks: SPF, DKIM and DMARC of each message, as an MX does; hands-on: no checks"}),
        ("--share", {"type": rig.within(0.01, 100, float), "default": SHARE, "metavar": "X", "help": f"of a processor, for the server (default: {SHARE})"}),
        ("--seconds", {"type": rig.within(2, 3600), "default": SECONDS, "metavar": "N", "help": f"of a run (default: {SECONDS}); the first does not count"}),
        ("--rounds", {"type": rig.within(1, 99), "default": ROUNDS, "metavar": "N", "help": f"of each; the median counts (default: {ROUNDS})"})]))
