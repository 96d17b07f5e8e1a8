# SPDX-License-Identifier: MIT
"""A disk that takes its time: every sync of the server is made slower by a preloaded library (count_syncs.c), in turns with the disk as it
is. 200 sessions that send as quickly as they are answered. Needs root, and makes a network of its own."""

import statistics
import sys
import time

import rig
import relay_meter as meter

SESSIONS, GOAL_MS, GOAL_PER_S = 200, 2, 5000
MESSAGES, ROUNDS = 30000, 3
KEYS = ("accepted_per_s", "delivered_per_s", "syncs_per_message", "p50_ms", "p99_ms")
FIGURES = rig.Figures("slow-sync", (("delay_ms", "each sync slower by, ms", "{:g}"), ("sessions", "sessions", "{}"), ("accepted_per_s", "accept/s", "{:.0f}"),
                                    ("delivered_per_s", "deliver/s", "{:.0f}"), ("syncs_per_message", "syncs", "{:.3f}"), ("p50_ms", "p50 ms", "{:.2f}"),
                                    ("p99_ms", "p99 ms", "{:.2f}")),
                      lambda rows: [(f"accepted/s, each sync {GOAL_MS} ms slower, {SESSIONS} sessions", f"at least {GOAL_PER_S}", f"{row['accepted_per_s']:.0f}",
                                     row["accepted_per_s"] >= GOAL_PER_S) for row in rows if (row["delay_ms"], row["sessions"]) == (GOAL_MS, SESSIONS)])


def one(daemon, sessions, messages):
    syncs, began = meter.syncs(), time.monotonic()
    sent = rig.load(daemon.address, "--connections", sessions, "--messages", messages, "--rcpt", "user%n@sink.test")
    if sent["accepted"] != messages:
        raise RuntimeError(f"not all were taken: {sent}\n{daemon.log()[-1000:]}")
    rig.drain(daemon)
    return {**sent, "delivered_per_s": messages / (time.monotonic() - began), "syncs_per_message": (meter.syncs() - syncs) / messages}


def measure(options, root):
    library = meter.counter(rig.BUILD / "bench")
    if not library:
        raise RuntimeError("count_syncs.c cannot be compiled: syncs cannot be made slower")
    meter.count_syncs(library)
    sink, took = rig.Sink(), {}
    with rig.relay(root, sink) as daemon:
        one(daemon, options.sessions, options.messages // 10)
        for _ in range(options.rounds):
            for ms in (0, options.delay):
                meter.slow_syncs(ms)
                took.setdefault(ms, []).append(one(daemon, options.sessions, options.messages))
        meter.slow_syncs(0)
    sink.stop()
    return [{"delay_ms": ms, "sessions": options.sessions, "messages": options.messages, "rounds": options.rounds} |
            {key: round(statistics.median(run[key] for run in runs), 4) for key in KEYS} for ms, runs in took.items()]


if __name__ == "__main__":
    sys.exit(rig.main("slow-sync", __doc__, measure, FIGURES, [
        ("--delay", {"type": rig.within(0, 10000, float), "default": GOAL_MS, "metavar": "MS", "help": f"of each sync (default: {GOAL_MS})"}),
        ("--sessions", {"type": rig.within(1, 10000), "default": SESSIONS, "metavar": "N", "help": f"at once (default: {SESSIONS})"}),
        ("--messages", {"type": rig.within(1, 100000000), "default": MESSAGES, "metavar": "N", "help": f"of a round (default: {MESSAGES})"}),
        ("--rounds", {"type": rig.within(1, 99), "default": ROUNDS, "metavar": "N", "help": f"of each; the median counts (default: {ROUNDS})"})]))
