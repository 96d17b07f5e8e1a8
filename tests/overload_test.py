# SPDX-License-Identifier: MIT
"""More than can be served: who is told to come back later, and that all others are served. Nothing is measured: limits are tiny, and the disk
stands still for as long as it is told (docs/decisions/0037)."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "bench"))
from harness import BUILD, FORMS, PORT, SLOW, Daemon, Smtp, Tap, folder, run_cases, wait_until  # noqa: E402
from relay_meter import counter, slow_syncs  # noqa: E402

CROWD = 800            # far more than are let in at once
METRICS_PORT = 9154
MANY = 32              # messages that wait for the disk, in io/welcome.c
FOR_EVER = 3600 * 1000


def crowd_before(daemon):
    """Clients that come while the server cannot look; the first words that each hears, in the end."""
    mta = daemon.pids().get("mta", daemon.process.pid)
    os.kill(mta, signal.SIGSTOP)
    clients = []
    try:
        clients = [socket.create_connection((daemon.address, PORT), timeout=60 * SLOW) for _ in range(CROWD)]
    finally:
        os.kill(mta, signal.SIGCONT)
    said = []
    for client in clients:
        with client:
            said.append(client.makefile("rb").readline().decode())
    return said


def a_crowd_with_a_tiny_patience_is_told_in_part(t):
    for name, single in FORMS:
        with folder() as root, Daemon(root, single=single, workers="1", overload_wait="1") as daemon:
            said = crowd_before(daemon)
            served, sent_away = [line for line in said if line.startswith("220 ")], [line for line in said if line.startswith("421 ")]
            t.ok(len(served) + len(sent_away) == CROWD, f"{name}: everybody hears something", set(said))
            t.ok(sent_away and all(line.endswith("[server-busy]\r\n") for line in sent_away), f"{name}: the others hear 421 with an id", sent_away[:1])
            t.ok(daemon.wait_log("ev=busy "), f"{name}: the log has it", daemon.log()[-2000:])

            def is_greeted():
                with Smtp(daemon.address, greet=False) as client:
                    return client.reply()[0] == 220
            t.ok(wait_until(is_greeted, 30), f"{name}: when the crowd is gone, whoever comes is greeted")


def with_overload_wait_0_everybody_waits(t):
    for name, single in FORMS:
        with folder() as root, Daemon(root, single=single, workers="1", overload_wait="0") as daemon:
            said = crowd_before(daemon)
            t.ok(all(line.startswith("220 ") for line in said), f"{name}: all of a crowd are greeted", [line for line in said if not line.startswith("220 ")][:3])


def library(root):
    """None where a daemon cannot be run with it: sanitizers want to be first."""
    place = root / "syncs"
    place.write_bytes(bytes(16))
    place.chmod(0o666)
    made = counter(root, place)
    done = made and subprocess.run([BUILD / "hikyakud", "--version"], env={**os.environ, "LD_PRELOAD": str(made)}, capture_output=True, check=False)
    return (made, place) if done and done.returncode == 0 and not done.stderr else (None, None)


def send(daemon):
    """A client whose message waits for the disk from now on."""
    client = Smtp(daemon.address)
    client.envelope()
    client.send(b"Subject: slow\r\n\r\nhello\r\n.\r\n")
    return client


@contextlib.contextmanager
def started(daemon, **options):
    daemon.start(**options)
    try:
        yield daemon
    finally:
        daemon.stop()


def metric(daemon, name):
    with urllib.request.urlopen(f"http://{daemon.address}:{METRICS_PORT}/metrics", timeout=20 * SLOW) as answer:
        return next(float(line.split()[-1]) for line in answer.read().decode().splitlines() if line.startswith(name))


def where_many_wait_for_the_disk_more_are_told_at_once(t):
    title = "a disk that stands still"
    with folder() as root:
        made, place = library(root)
        if not made:
            t.skip(title, "no library can be loaded before the daemon here")
            return
        daemon = Daemon(root, workers="1", overload_wait="300")
        daemon.settings["metrics"] = f"{daemon.address}:{METRICS_PORT}"
        daemon.write_conf()
        with started(daemon, env={**os.environ, "LD_PRELOAD": str(made)}), Smtp(daemon.address) as inside:
            slow_syncs(FOR_EVER, place)
            waiting = [send(daemon) for _ in range(MANY - 1)]

            def banner():
                with Smtp(daemon.address, greet=False) as client:
                    return client.reply()
            t.equal(banner()[0], 220, f"{title}: while few messages wait for it, clients are greeted")
            waiting.append(send(daemon))
            said = wait_until(lambda: (lambda reply: reply if reply[0] == 421 else None)(banner()), 30)
            t.ok(said and said[1].endswith("[server-busy]"), f"{title}: when many have waited too long, whoever comes hears 421 with an id", said)
            inside.command("EHLO a.test")
            code, text = inside.command("MAIL FROM:<u@a.test>")
            t.ok(code == 452 and text.startswith("4.4.5 ") and "[mail-busy/" in text, f"{title}: and MAIL is answered with 452", code, text)
            t.ok(metric(daemon, 'hikyaku_clients_turned_away_total{why="busy"}') >= 1, f"{title}: /metrics counts who was turned away")
            slow_syncs(0, place)
            t.equal([client.reply()[0] for client in waiting], [250] * MANY, f"{title}: those that waited are served when it goes on")
            t.ok(wait_until(lambda: banner()[0] == 220, 30), f"{title}: and whoever comes is greeted again")
            t.equal(inside.message()[0], 250, f"{title}: and mail is taken")
            t.ok(metric(daemon, 'hikyaku_refusals_total{id="mail-busy"}') == 1, f"{title}: /metrics has the refusal by its id")
            for client in waiting:
                client.close()
            t.equal(len(daemon.wait_mail(count=MANY + 1)), MANY + 1, f"{title}: nothing is lost, and nothing comes twice")


CASES = [a_crowd_with_a_tiny_patience_is_told_in_part, with_overload_wait_0_everybody_waits, where_many_wait_for_the_disk_more_are_told_at_once]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))
