# SPDX-License-Identifier: MIT
"""What a queue takes on the disk, a minute after the load stops: messages that came one at a time (or over many connections) and were put off once,
and others beside them that were delivered. Counted are the blocks of the journal and of the bodies, and the octets of the messages that wait, as they came.
Needs root, and makes a network of its own."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("HIKYAKU_BUILD", str(HERE.parent / "build"))
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from backlog import LISTENER, on_disk  # noqa: E402
from harness import PORT, Daemon, wait_until  # noqa: E402
from rig import Sink, apart, start_load, within  # noqa: E402

ROUTES = "route away.test { via smtp %s:%d; tls off; } route here.test { via smtp %s:%d; tls off; }"


def load(daemon, options, domain, messages):
    return start_load(daemon.address, "--connections", options.connections, "--messages", messages, "--size", options.size, "--rcpt", f"user%n@{domain}")


def taken(root):
    return on_disk(root / "spool/journal") + on_disk(root / "spool/body")


def settle(daemon, options):
    """Until each message that waits was tried once, and the others are delivered."""
    def is_settled():
        log = daemon.log(all=True)
        return log.count(" ev=deferred ") >= options.messages and log.count(" outcome=delivered ") >= options.delivered
    if not wait_until(is_settled, 300, 1):
        raise RuntimeError(f"not all were tried: {daemon.log()[-1000:]}")


def measure(options, root):
    away, here = Sink("--defer", 100), Sink()
    daemon = Daemon(root, LISTENER, ROUTES % (away.address, PORT, here.address, PORT), single=False, workers=None, retry="1h", lifetime="5d", accept=None,
                    hostname="hikyaku.test")
    row = {"messages": options.messages, "size": options.size, "connections": options.connections, "delivered": options.delivered}
    with daemon:
        row["empty"] = taken(root)
        loads = [load(daemon, options, "away.test", options.messages)]
        if options.delivered:
            loads.append(load(daemon, options, "here.test", options.delivered))
        if any(process.wait() for process in loads):
            raise RuntimeError(f"not all were taken: {daemon.log()[-1000:]}")
        settle(daemon, options)
        row["at_once"] = taken(root)
        time.sleep(options.seconds)
        row["later"] = taken(root)
        row["octets_each"] = round(row["later"] / options.messages)
        row["live_share"] = round(options.messages * options.size / row["later"], 3)
    away.stop()
    here.stop()
    return row


def main():
    parser = argparse.ArgumentParser(prog="./dev bench space", description=__doc__)
    parser.add_argument("--messages", type=within(1, 100000000), default=4000, metavar="N", help="that wait (default: 4000)")
    parser.add_argument("--delivered", type=within(0, 100000000), default=0, metavar="N", help="beside them (default: 0)")
    parser.add_argument("--size", type=within(256, 1 << 30), default=4096, metavar="OCTETS", help="of each (default: 4096)")
    parser.add_argument("--connections", type=within(1, 10000), default=1, metavar="N", help="over which they come (default: 1)")
    parser.add_argument("--seconds", type=within(0, 86400), default=60, metavar="S", help="from the last commit until it is measured (default: 60)")
    parser.add_argument("--json", action="store_true", help="one object")
    options = parser.parse_args()
    row = apart(options, measure)
    if row is None:
        return 3
    print(json.dumps(row, indent=1) if options.json else "\n".join(f"{key:24} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
