# SPDX-License-Identifier: MIT
"""Crashes under load: kill -9 of the daemon, and power cuts of its file system. What was acknowledged must be delivered.

usage: crash.py [--kills N] [--cuts N] [--sessions N] [--processes] [--seed N] [--tap]

A kill:  16 sessions send without pause; at a random moment SIGKILL; start again; every message that got its 250 must come to its
         Maildir, whole, and none may come twice but those that were under way at the kill.
A cut:   the same on ext4 in a loop image that is shut down without a flush of its journal (FS_IOC_SHUTDOWN, as xfstests does),
         unmounted and mounted again; spool and Maildirs are both on it.
In one of ten rounds there is a second crash while the first one is being recovered.

The clients keep the ledger: a message is acknowledged when its 250 was read, in flight when its final dot was sent and no reply came.
Last line: 'N passed, M failed[, K skipped]'."""

import argparse
import collections
import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import IS_ROOT, PORT, USER, Daemon, Dns, folder, wait_until  # noqa: E402

FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2
IMAGE_MIB = 400
SETTLE_S = 60


# ---- messages that can be known again ---------------------------------------------------------------------


def _text(number):
    source = random.Random(number)
    lines = 5000 if number % 50 == 49 else source.randrange(1, 60)
    return "".join(f"{number} {source.getrandbits(200):060d}\r\n" for _ in range(lines)).encode()


TEXTS = [_text(number) for number in range(150)]


def body_of(number):
    """Deterministic: what is stored can be compared to the last octet. One in 50 is longer than what a journal record holds."""
    return b"Subject: crash\r\nX-Ledger: %d\r\n\r\n" % number + TEXTS[number % len(TEXTS)] + b"%d\r\n" % number


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.next = 0
        self.sent, self.acknowledged, self.refused = set(), set(), 0

    def number(self):
        with self.lock:
            self.next += 1
            return self.next


class Session(threading.Thread):
    """Sends until the connection breaks or it is told to stop."""

    def __init__(self, address, ledger, pipelined):
        super().__init__(daemon=True)
        self.address, self.ledger, self.pipelined, self.stopping = address, ledger, pipelined, False
        self.in_flight = None  # a message whose dot was sent and whose reply did not come

    def run(self):
        with contextlib.suppress(OSError, EOFError, ValueError):
            with socket.create_connection((self.address, PORT), timeout=20) as self.socket:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.file = self.socket.makefile("rb")
                self.reply()
                self.say("EHLO crash.test\r\n", 1)
                while not self.stopping:
                    self.send_one(self.ledger.number())

    def reply(self):
        while True:
            line = self.file.readline()
            if not line.endswith(b"\n"):
                raise EOFError
            if line[3:4] != b"-":
                return int(line[:3])

    def say(self, text, replies):
        self.socket.sendall(text.encode())
        return [self.reply() for _ in range(replies)]

    def send_one(self, number):
        lines = [f"MAIL FROM:<u{number}@crash.test>\r\n", f"RCPT TO:<user{number % 8}@b.test>\r\n", "DATA\r\n"]
        codes = self.say("".join(lines), 3) if self.pipelined else [self.say(line, 1)[0] for line in lines]
        if codes[2] != 354:
            self.ledger.refused += 1
            if codes[0] == 250:
                self.say("RSET\r\n", 1)
            time.sleep(0.02)
            return
        self.socket.sendall(body_of(number))
        self.ledger.sent.add(number)
        self.in_flight = number
        self.socket.sendall(b".\r\n")
        if self.reply() == 250:
            self.ledger.acknowledged.add(number)
        else:
            self.ledger.refused += 1
        self.in_flight = None


# ---- what was stored ------------------------------------------------------------------------------------------


class Store:
    """The Maildirs: number -> how often, and what is wrong with what is there."""

    def __init__(self, root):
        self.root, self.seen, self.copies, self.damaged = root, set(), collections.Counter(), []

    def look(self):
        for path in list((self.root / "mail").glob("*/new/*")):
            if path in self.seen:
                continue
            data = path.read_bytes().replace(b"\r\n", b"\n")
            found = re.search(rb"^X-Ledger: (\d+)$", data, re.M)
            number = int(found[1]) if found else -1
            if not found or not data.endswith(body_of(number).replace(b"\r\n", b"\n")):
                self.damaged.append(path.name)
            self.copies[number] += 1
            self.seen.add(path)
        return self.copies

    def clear(self):
        for path in self.seen:
            path.unlink(missing_ok=True)
        self.seen = set()


# ---- a campaign ------------------------------------------------------------------------------------------------------


class Campaign:
    title = "kills"

    def __init__(self, options, root):
        self.options, self.root = options, root
        self.random = random.Random(f"{options.seed} {self.title}")
        self.ledger, self.dns = Ledger(), Dns({})
        self.store = None
        self.passed = self.failed = self.rounds_in_flight = self.in_flight = self.unacknowledged = 0
        self.duplicates, self.lost, self.twice = 0, set(), 0
        self.known = set()

    def new_daemon(self, where):
        return Daemon(where, single=not self.options.processes, resolver=self.dns.where)

    def prepare(self):
        self.where = self.root
        self.daemon = self.new_daemon(self.where)
        self.store = Store(self.where)

    def crash(self):
        if self.options.processes:
            # the mail process alone: its supervisor would only start it again, and is killed too
            os.kill(self.daemon.pids()["mta"], signal.SIGKILL)
        self.daemon.kill()

    def recover(self):
        """Puts the world right again, so that the daemon can start."""
        if self.options.processes:
            time.sleep(0.05)

    def finish(self):
        pass

    def run(self, rounds):
        self.prepare()
        began = time.monotonic()
        try:
            for number in range(1, rounds + 1):
                self.round(number)
                if number % 25 == 0 or number == rounds:
                    print(f"# {self.title}: {number} of {rounds}, {len(self.ledger.acknowledged)} acknowledged, {len(self.lost)} lost, "
                          f"{time.monotonic() - began:.0f} s", flush=True)
        finally:
            if self.daemon.process and self.daemon.process.poll() is None:
                self.daemon.kill()
            self.dns.close()
            self.finish()

    def start(self):
        self.daemon.start()

    def round(self, number):
        problems = []
        self.start()
        sessions = [Session(self.daemon.address, self.ledger, i % 2 == 0) for i in range(self.options.sessions)]
        for session in sessions:
            session.start()
        self.wait_for_load(len(self.ledger.acknowledged))
        time.sleep(self.random.uniform(0.01, 0.25))
        self.crash()
        for session in sessions:
            session.stopping = True
        for session in sessions:
            session.join(30)
        hit = [session.in_flight for session in sessions if session.in_flight is not None]
        self.rounds_in_flight += bool(hit)
        self.in_flight += len(hit)
        self.recover()
        if number % 10 == 0:
            self.crash_again()
        self.start()
        problems += self.settle()
        self.daemon.stop()
        self.failed += bool(problems)
        self.passed += not problems
        for problem in problems:
            print(f"# {self.title}, round {number}: {problem}", flush=True)

    def wait_for_load(self, before):
        """Crashes are of interest once messages flow; a round in which none do would prove nothing."""
        if not wait_until(lambda: len(self.ledger.acknowledged) > before, 20, 0.005):
            raise SystemExit(f"no message is acknowledged:\n{self.daemon.log()[-3000:]}")

    def crash_again(self):
        with contextlib.suppress(RuntimeError):
            self.daemon.start(wait=False)
            time.sleep(self.random.uniform(0, 0.05))
        self.daemon.kill()
        self.recover()

    def settle(self):
        """After a recovery: everything acknowledged comes to its Maildir."""
        acknowledged = set(self.ledger.acknowledged) - self.known

        def all_there():
            copies = self.store.look()
            return all(number in copies for number in acknowledged)

        wait_until(all_there, SETTLE_S, 0.05)
        time.sleep(0.1)
        copies = self.store.look()
        lost = {number for number in acknowledged if number not in copies}
        late = sum(1 for number in copies if number in self.known)
        problems = [f"{len(lost)} acknowledged and not delivered: {sorted(lost)[:10]}"] if lost else []
        if lost:
            problems.append("the log:\n" + self.daemon.log()[-2000:].replace("\n", "\n#   "))
        if late:
            problems.append(f"{late} messages of earlier rounds came again")
        if self.store.damaged:
            problems.append(f"damaged: {self.store.damaged[:5]}")
        unknown = [number for number in copies if number not in self.ledger.sent]
        if unknown:
            problems.append(f"never sent: {unknown[:5]}")
        self.lost |= lost
        self.twice += late
        self.duplicates += sum(count - 1 for count in copies.values())
        self.unacknowledged += sum(1 for number in copies if number not in self.ledger.acknowledged)
        self.known |= set(copies) | acknowledged
        self.store.clear()
        self.store = Store(self.where)
        return problems

    def report(self, rounds):
        print(f"# {self.title}: {rounds}; acknowledged: {len(self.ledger.acknowledged)}; lost: {len(self.lost)}; "
              f"duplicates of messages under way: {self.duplicates}, of others: {self.twice}; "
              f"delivered though not acknowledged: {self.unacknowledged}; refused: {self.ledger.refused}")
        print(f"# {self.title}: {self.rounds_in_flight} of {rounds} hit a commit in flight (the dot was sent, no reply came), "
              f"{self.in_flight} messages in all", flush=True)
        # at least a third: else the moments are badly chosen and the campaign proves little
        if rounds >= 10 and self.rounds_in_flight * 3 < rounds:
            print(f"# {self.title}: too few crashes hit a commit")
            self.failed += 1


class Cuts(Campaign):
    title = "power cuts"

    def prepare(self):
        self.image, self.where = self.root / "image", self.root / "disk"
        self.where.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.mount()
        os.chown(self.where, USER, USER)
        self.daemon = self.new_daemon(self.where)
        # configuration and log are not what is tested: they stay on a disk that goes on
        self.daemon.log_path, self.daemon.conf_path = self.root / "log", self.root / "hikyakud.conf"
        self.daemon.write_conf()
        self.store = Store(self.where)
        subprocess.run(["sync", "-f", self.where], check=True)

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.where], check=True)

    def unmount(self):
        done = wait_until(lambda: subprocess.run(["umount", self.where], capture_output=True).returncode == 0, 10, 0.05)
        if not done:
            raise SystemExit("the file system stays busy")

    def crash(self):
        self.cut()
        self.daemon.kill()

    def cut(self):
        fd = os.open(self.where, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def recover(self):
        self.unmount()
        self.mount()

    def crash_again(self):
        with contextlib.suppress(RuntimeError):
            self.daemon.start(wait=False)
            time.sleep(self.random.uniform(0, 0.05))
        self.cut()
        self.daemon.kill()
        self.recover()

    def finish(self):
        with contextlib.suppress(SystemExit):
            self.unmount()


def can_cut(root):
    """Loop devices and the ioctl are not everywhere."""
    if not IS_ROOT:
        return "needs root"
    image, where = root / "probe", root / "probe-disk"
    where.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, where], check=True, capture_output=True)
        try:
            fd = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
                return None
            finally:
                os.close(fd)
        finally:
            subprocess.run(["umount", where], check=False)
    return "no loop device, no ext4 or no FS_IOC_SHUTDOWN here"


def enter_own_mounts():
    """A namespace that is copied elsewhere while a disk is mounted keeps it busy: the disk that comes back after a cut would
    still be the one that was cut."""
    if os.getuid() == 0 and "HIKYAKU_OWN_MOUNTS" not in os.environ and shutil.which("unshare"):
        os.environ["HIKYAKU_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--", sys.executable, "-B", *sys.argv])


def main():
    enter_own_mounts()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--processes", action="store_true", help="the real processes in place of --single")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--tap", action="store_true", help="one TAP line for each campaign, for the test run")
    options = parser.parse_args()
    passed = failed = skipped = number = 0
    for kind, rounds in ((Campaign, options.kills), (Cuts, options.cuts)):
        if not rounds:
            continue
        with folder() as root:
            number += 1
            why = can_cut(root) if kind is Cuts else None
            if why:
                print(f"ok {number} - {kind.title} # SKIP {why}" if options.tap else f"{kind.title}: skipped: {why}")
                skipped += 1
                continue
            campaign = kind(options, root)
            campaign.run(rounds)
            campaign.report(rounds)
            passed, failed = passed + campaign.passed, failed + campaign.failed
            if options.tap:
                print(f"{'not ok' if campaign.failed else 'ok'} {number} - nothing acknowledged is lost in {rounds} {kind.title}")
    if options.tap:
        print(f"1..{number}")
        return 1 if failed else 0
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
