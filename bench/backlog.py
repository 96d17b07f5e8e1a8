# SPDX-License-Identifier: MIT
"""A server with a long queue: what a message that waits takes on the disk and in memory, and how long a start takes until the server says it
is ready, takes mail, has read all that waits, and tells an operator of it. The next hop is an address where nobody listens. Needs root, and makes a network of its own."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("HIKYAKU_BUILD", str(HERE.parent / "build"))
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from harness import BUILD, PORT, Daemon, Dns, Smtp, fresh_address, wait_until  # noqa: E402
from rig import apart, field, load, say, waiting, within  # noqa: E402

LISTENER = "listen in { address %(address)s:%(port)d; role relay; relay-from 127.0.0.0/8; reject-early-talkers off; }"
# a server asks who a client is, and an answer that never comes would be measured
CLIENT = {("1.0.0.127.in-addr.arpa", "PTR"): ["client.bench.test"], ("client.bench.test", "A"): ["127.0.0.1"]}


def processor_time(pid):
    """Seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return round((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 2)


def on_disk(folder):
    """Octets of all files, as they are laid out."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def fill(daemon, options):
    sent = load(daemon.address, "--connections", 100, "--messages", options.messages, "--size", options.size, "--rcpt", "user%n@away.test", patience=600)
    if sent.get("accepted") != options.messages:
        raise RuntimeError(f"not all were taken: {sent} {daemon.log()[-1000:]}")
    return sent["accepted_per_s"]


def measure(options, root):
    socket, dns = root / "operator", Dns(CLIENT)
    daemon = Daemon(root, LISTENER, f"route * {{ via smtp {fresh_address()}:{PORT}; tls off; }}", single=False, workers=None, retry="1h", lifetime="5d",
                    accept=None, hostname="hikyaku.test", operator_socket=str(socket), resolver=dns.where)
    row = {"messages": options.messages, "size": options.size}
    with daemon:
        before = field(daemon.pids()["mta"], "VmRSS:")
        row["accepted_per_s"] = round(fill(daemon, options))
        say(f"{options.messages} taken, {row['accepted_per_s']}/s")
        wait_until(lambda: waiting(daemon) == options.messages, 60)
        time.sleep(5)
        row["octets_each_in_memory"] = round((field(daemon.pids()["mta"], "VmRSS:") - before) * 1048576 / options.messages)
    row["octets_each_on_disk"] = round(on_disk(root / "spool") / options.messages)
    began = time.monotonic()
    daemon.start(wait=False)
    wait_until(lambda: "ev=ready" in daemon.log(), 600, 0.005)
    row["ready_s"], row["ready_cpu_s"] = round(time.monotonic() - began, 2), processor_time(daemon.pids()["mta"])
    with Smtp(daemon.address) as client:
        code = client.message(rcpts=["one@away.test"])[0]
        row["accepting_s"] = round(time.monotonic() - began, 2)
    if code != 250:
        raise RuntimeError(f"it does not take mail: {code}")
    if not wait_until(lambda: "ev=indexed messages=" in daemon.log(), 600, 0.01):
        raise RuntimeError(f"what waits is not read: {daemon.log()[-1000:]}")
    row["indexed_s"], row["indexed_cpu_s"] = round(time.monotonic() - began, 2), processor_time(daemon.pids()["mta"])
    if not wait_until(lambda: waiting(daemon) == options.messages + 1, 600):
        raise RuntimeError(f"{waiting(daemon)} wait, of {options.messages + 1}")
    row["told_s"] = round(time.monotonic() - began, 2)
    row["resident_mib"] = round(field(daemon.pids()["mta"], "VmRSS:"), 1)
    daemon.stop()
    return row


def main():
    parser = argparse.ArgumentParser(prog="./dev bench backlog", description=__doc__)
    parser.add_argument("--messages", type=within(1, 100000000), default=1000000, metavar="N", help="that wait (default: 1000000)")
    parser.add_argument("--size", type=within(256, 1 << 30), default=600, metavar="OCTETS", help="of each (default: 600)")
    parser.add_argument("--json", action="store_true", help="one object")
    options = parser.parse_args()
    row = apart(options, measure)
    if row is None:
        return 3
    print(json.dumps(row, indent=1) if options.json else "\n".join(f"{key:24} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
