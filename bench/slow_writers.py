# SPDX-License-Identifier: MIT
"""What many clients that write an octet now and then take from those that mean it: throughput of 1,000 honest ones without them and with them, in
turns. Each slow one is in the middle of a message. Needs root, and makes a network of its own."""

import statistics
import sys
import time

import rig
from crowd import Crowd, Trickle
from relay_meter import Group

SLOW, HONEST, EVERY_S, MOST_TAKEN = 15000, 1000, 10, 0.05
MESSAGES, ROUNDS = 30000, 3
STEPS = ((b"EHLO slow.test\r\n", b"250 "), (b"MAIL FROM:<a@slow.test>\r\nRCPT TO:<b@sink.test>\r\nDATA\r\n", b"354"))
KEYS = ("accepted_per_s", "delivered_per_s", "cpu_per_1000", "mib", "p50_ms", "p99_ms")
FIGURES = rig.Figures("slow-writers", (("slow", "slow clients", "{:,}"), ("honest", "honest ones", "{:,}"), ("accepted_per_s", "accept/s", "{:.0f}"),
                                       ("delivered_per_s", "deliver/s", "{:.0f}"), ("cpu_per_1000", "cpu/1000", "{:.3f}"), ("mib", "MiB", "{:.1f}"),
                                       ("p50_ms", "p50 ms", "{:.1f}"), ("p99_ms", "p99 ms", "{:.1f}"), ("taken", "taken from them", "{:.1%}")),
                      lambda rows: [(f"what {row['slow']:,} slow clients take from {row['honest']:,} honest ones", f"at most {MOST_TAKEN:.0%}", f"{row['taken']:.1%}",
                                     row["taken"] <= MOST_TAKEN) for row in rows if row.get("taken") is not None])


def one(daemon, group, options):
    cpu, began = group.cpu(), time.monotonic()
    sent = rig.load(daemon.address, "--connections", options.honest, "--messages", options.messages, "--rcpt", "user%n@sink.test")
    if sent["accepted"] != options.messages:
        raise RuntimeError(f"not all were taken: {sent}\n{daemon.log()[-1000:]}")
    rig.drain(daemon)
    return {**sent, "delivered_per_s": options.messages / (time.monotonic() - began), "cpu_per_1000": (group.cpu() - cpu) / options.messages * 1000,
            "mib": group.memory()}


def beside(daemon, group, options):
    """One run with the slow ones around."""
    with Crowd(daemon.address, STEPS) as crowd:
        crowd.grow(options.slow)
        trickle = Trickle(crowd, EVERY_S)
        figures = one(daemon, group, options)
        lost = trickle.stop()
        if lost:
            raise RuntimeError(f"{lost} of the slow ones were sent away: they were too few\n{daemon.log()[-1000:]}")
        return figures


def measure(options, root):
    if not rig.allow_descriptors(options.slow + 200):
        raise RuntimeError("the system grants too few descriptors")
    rig.use_all_ports()
    group, sink, took = Group("server"), rig.Sink(), {0: [], options.slow: []}
    daemon = rig.relay(root, sink, "minimum-rate 0;")  # so that they stay as long as this takes: all of them, all the time
    daemon.start(preexec_fn=group.join)
    try:
        one(daemon, group, options)
        for _ in range(options.rounds):
            took[0].append(one(daemon, group, options))
            took[options.slow].append(beside(daemon, group, options))
    finally:
        daemon.stop()
        sink.stop()
        group.close()
    rows = [{"slow": slow, "honest": options.honest, "messages": options.messages, "rounds": options.rounds} |
            {key: round(statistics.median(run[key] for run in runs), 4) for key in KEYS} for slow, runs in took.items()]
    # of each pair: what the machine does meanwhile is in both
    rows[1]["taken"] = round(statistics.median(1 - b["accepted_per_s"] / a["accepted_per_s"] for a, b in zip(took[0], took[options.slow])), 4)
    return rows


if __name__ == "__main__":
    sys.exit(rig.main("slow-writers", __doc__, measure, FIGURES, [
        ("--slow", {"type": rig.within(1, 100000), "default": SLOW, "metavar": "N", "help": f"slow clients (default: {SLOW})"}),
        ("--honest", {"type": rig.within(1, 10000), "default": HONEST, "metavar": "N", "help": f"honest ones (default: {HONEST})"}),
        ("--messages", {"type": rig.within(1, 100000000), "default": MESSAGES, "metavar": "N", "help": f"of a round (default: {MESSAGES})"}),
        ("--rounds", {"type": rig.within(1, 99), "default": ROUNDS, "metavar": "N", "help": f"of each, in turns; the median counts (default: {ROUNDS})"})]))
