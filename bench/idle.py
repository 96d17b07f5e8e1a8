# SPDX-License-Identifier: MIT
"""What connections cost that do nothing: memory of hikyakud for each, plain after EHLO, or under TLS, at growing numbers of them; and how
long a new one waits for its greeting meanwhile. Needs root, and makes a network of its own."""

import argparse
import json
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("HIKYAKU_BUILD", str(HERE.parent / "build"))
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from harness import Daemon, Smtp, enter_namespaces, make_certificate, prepare_namespaces  # noqa: E402

EACH = 200  # new connections whose time to the greeting is taken
LISTENER = ("listen in {{ address %(address)s:%(port)d; role relay; relay-from 127.0.0.0/8; starttls on; certificate {0}.crt;"
            " certificate-key {0}.key; reject-early-talkers off; }}")


def private(pid):
    """KiB that are this process's own."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(("Private_Clean", "Private_Dirty")))


def open_one(address, tls):
    s = Smtp(address)
    s.command("EHLO idle.test")
    if tls:
        s.send("STARTTLS\r\n")
        s.reply()
        s.socket = tls.wrap_socket(s.socket)
        s.command("EHLO idle.test")
    return s


def greetings(address):
    """Milliseconds, sorted."""
    took = []
    for _ in range(EACH):
        began = time.monotonic()
        Smtp(address).close()
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)


def measure(form, counts):
    rows, kept = [], []
    tls = None
    if form == "tls":
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory(prefix="hikyaku-bench-", dir="/var/tmp") as folder:
        root = Path(folder)
        root.chmod(0o755)
        make_certificate(root / "tls")
        daemon = Daemon(root, LISTENER.format(root / "tls"), single=False, workers=None, hostname="hikyaku.test")
        with daemon:
            mta = daemon.pids()["mta"]
            for _ in range(20):
                open_one(daemon.address, tls).close()
            before = private(mta)
            for count in counts:
                while len(kept) < count:
                    kept.append(open_one(daemon.address, tls))
                time.sleep(4)  # until the question who they are is over, too
                waits = greetings(daemon.address)
                rows.append({"form": form, "connections": count, "kib_each": round((private(mta) - before) / count, 2),
                             "greeting_p50_ms": round(waits[EACH // 2], 2), "greeting_p99_ms": round(waits[EACH * 99 // 100], 2)})
                print("{form:6} {connections:6} connections  {kib_each:6.2f} KiB each  greeting p50 {greeting_p50_ms:.2f} ms  p99 {greeting_p99_ms:.2f} ms"
                      .format(**rows[-1]), file=sys.stderr, flush=True)
            for one in kept:
                one.close()
    return rows


def main():
    parser = argparse.ArgumentParser(prog="./dev bench idle", description=__doc__)
    parser.add_argument("--plain", type=int, default=19000, metavar="N", help="so many plain ones at most")
    parser.add_argument("--tls", type=int, default=4000, metavar="N", help="and so many under TLS (each handshake takes its time)")
    parser.add_argument("--json", action="store_true", help="one array of rows")
    options = parser.parse_args()
    if os.getuid():
        print("bench: it must be started by root", file=sys.stderr)
        return 3
    why = enter_namespaces()
    if why:
        print(f"bench: {why}", file=sys.stderr)
        return 3
    prepare_namespaces()
    subprocess.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=1100 65000"], check=False)
    most = options.plain + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    rows = []
    for form, most in (("plain", options.plain), ("tls", options.tls)):
        counts = [count for count in (1000, 4000) if count < most] + [most]
        if most:
            rows += measure(form, counts)
    if options.json:
        print(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
