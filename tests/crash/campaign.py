# SPDX-License-Identifier: MIT
"""What all campaigns share: clients that keep the ledger of what was acknowledged, Maildirs that are compared with it, rounds."""

import collections
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import PORT, Daemon, Dns, hikyaku, wait_until  # noqa: E402
from record import add, quantile  # noqa: E402

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
        self.numbers = {}  # path -> number

    def look(self):
        there = set((self.root / "mail").glob("*/new/*"))
        for path in self.seen - there:  # a power cut took it away again
            self.copies[self.numbers[path]] -= 1
        self.copies += collections.Counter()  # without those of 0
        fresh, self.seen = there - self.seen, there
        for path in fresh:
            data = path.read_bytes().replace(b"\r\n", b"\n")
            found = re.search(rb"^X-Ledger: (\d+)$", data, re.M)
            number = int(found[1]) if found else -1
            if not found or not data.endswith(body_of(number).replace(b"\r\n", b"\n")):
                self.damaged.append(path.name)
            self.numbers[path] = number
            self.copies[number] += 1
        return self.copies

    def take_away(self, still):
        """What is done goes, as mail goes that was read. What the spool still has (`still`) stays: the daemon finds the file of an attempt
        whose record a crash lost, and makes no second one."""
        for path in self.seen:
            if self.numbers[path] not in still:
                path.unlink(missing_ok=True)
        self.seen = {path for path in self.seen if self.numbers[path] in still}
        self.copies = collections.Counter(self.numbers[path] for path in self.seen)


# ---- a campaign ------------------------------------------------------------------------------------------------------


class Campaign:
    title = "kills"
    option = "--kills"
    what_was_hit = "a commit in flight (the dot was sent, no reply came)"

    def __init__(self, options, root):
        self.options, self.root = options, root
        self.random = random.Random(f"{options.seed} {self.title} {options.first}")
        self.ledger, self.dns = Ledger(), Dns({})
        self.store = None
        self.passed = self.failed = self.rounds_in_flight = self.in_flight = self.unacknowledged = 0
        self.duplicates, self.lost, self.twice, self.faults = 0, set(), 0, 0
        self.done = set()  # durably complete at the end of an earlier round
        self.still = set()  # stored, and in the spool, at that end
        self.kept = self.damaged = 0
        self.ready_ms = []  # from each start after a crash to ready
        self.recorded = collections.Counter()
        self.first = options.first  # rounds that earlier runs made

    def new_daemon(self, where):
        return Daemon(where, single=not self.options.processes, resolver=self.dns.where)

    def prepare(self):
        self.where = self.root
        self.keep_in_memory(self.where / "mail")
        self.daemon = self.new_daemon(self.where)
        self.store = Store(self.where)

    def keep_in_memory(self, path):
        """Folders that the disk would only make slow: of what is written to them, nothing is lost to a kill either way."""
        path.mkdir()
        if "HIKYAKU_OWN_MOUNTS" in os.environ:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "none", path], check=True)

    def crash(self):
        self.daemon.crash()

    def recover(self):
        """Puts the world right again, so that the daemon can start."""

    def forget(self, path):
        subprocess.run(["umount", "-q", path], check=False, capture_output=True)

    def finish(self):
        self.forget(self.where / "mail")

    def run(self, rounds):
        self.prepare()
        began = time.monotonic()
        try:
            for number in range(1, rounds + 1):
                self.round(number)
                if number % 25 == 0 or number == rounds:
                    self.record()
                    print(f"# {self.title}: {number} of {rounds}, {len(self.ledger.acknowledged)} acknowledged, {len(self.lost)} lost, "
                          f"{time.monotonic() - began:.0f} s", flush=True)
        finally:
            if self.daemon.process and self.daemon.process.poll() is None:
                self.daemon.kill()
            self.dns.close()
            self.finish()

    def counts(self):
        return collections.Counter(rounds=self.passed + self.failed, failed=self.failed, acknowledged=len(self.ledger.acknowledged),
                                   lost=len(self.lost), damaged=self.damaged, duplicates=self.duplicates, complete_again=self.twice,
                                   hit=self.rounds_in_flight, faults=self.faults, started=len(self.ready_ms))

    def record(self):
        """What this run added since the last line."""
        if not self.options.ledger:
            return
        now = self.counts()
        row = {name: now[name] - self.recorded[name] for name in now}
        row["ready_ms"], row["load"] = self.ready_ms[self.recorded["started"]:], [round(os.getloadavg()[0], 1)]
        self.recorded = now
        seed = "" if self.options.seed == "1" else f" --seed {self.options.seed}"
        processes = " --processes" if self.options.processes else ""
        add({"campaign": self.title, "code": self.options.code, "seed": self.options.seed, "command": f"./dev crash {self.option} N{seed}{processes}", **row},
            self.options.ledger)

    def start(self, **options):
        self.daemon.start(**options)

    def start_again(self):
        """What the crash left is read; who waits meanwhile is told by nobody."""
        began = time.monotonic()
        self.start(step=0.002)
        self.ready_ms.append(round((time.monotonic() - began) * 1000))

    def round(self, number):
        problems = []
        # small ones for most: then each few rounds a segment is sealed, and an old one used again
        self.daemon.settings["spool-segment"] = "64m" if number % 8 == 0 else "4m"
        self.daemon.write_conf()
        self.start()
        sessions = [Session(self.daemon.address, self.ledger, i % 2 == 0) for i in range(self.options.sessions)]
        for session in sessions:
            session.start()
        self.wait_for_load(len(self.ledger.acknowledged))
        time.sleep(self.random.uniform(0.005, 0.1) if number % 10 != 5 else self.random.uniform(0.1, 0.6))
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
        self.start_again()
        problems += self.settle()
        self.end_round(number, problems)

    def end_round(self, number, problems):
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

    def still_there(self):
        """The numbers that the spool of the stopped daemon has: what is not among them is complete, durably, and may never come again."""
        status, out, err = hikyaku("spool", "dump", "--json", f"{self.where}/spool")
        found = [json.loads(line) for line in out.splitlines() if b'"type":"message"' in line]  # of ten thousand records a few
        senders = [re.fullmatch(r"u(\d+)@crash\.test", row["sender"]) for row in found]
        return {int(sender[1]) for sender in senders if sender}, [f"the spool is not right: {err}"] if status else []

    def settle(self):
        """After a recovery: everything acknowledged comes to its Maildir; then the daemon is stopped, and the round is over."""
        acknowledged = self.ledger.acknowledged - self.done - self.lost

        def all_there():
            copies = self.store.look()
            return all(number in copies for number in acknowledged)

        wait_until(all_there, SETTLE_S, 0.05)
        time.sleep(0.1)
        log = self.daemon.log()[-2000:]
        self.daemon.stop()
        still, problems = self.still_there()
        copies = self.store.look()
        lost = {number for number in acknowledged if number not in copies}
        late = (set(copies) | still) & self.done
        if lost:
            problems.append(f"{len(lost)} acknowledged and not delivered: {sorted(lost)[:10]}\nthe log:\n" + log.replace("\n", "\n#   "))
        if late:
            problems.append(f"{len(late)} that were complete came again: {sorted(late)[:10]}")
        if self.store.damaged:
            problems.append(f"damaged: {self.store.damaged[:5]}")
            self.damaged += len(self.store.damaged)
            self.store.damaged = []
        if still & self.still:
            problems.append(f"stored, and not recorded for a whole round: {sorted(still & self.still)[:10]}")
        unknown = [number for number in copies if number not in self.ledger.sent]
        if unknown:
            problems.append(f"never sent: {unknown[:5]}")
        over = set(copies) - still
        self.lost |= lost
        self.twice += len(late)
        self.duplicates += sum(copies[number] - 1 for number in over)
        self.unacknowledged += len(over - self.ledger.acknowledged)
        self.kept += len(still & set(copies))
        self.done |= over
        self.still = still & set(copies)
        self.store.take_away(still)
        return problems

    def report(self, rounds):
        print(f"# {self.title}: {rounds}; acknowledged: {len(self.ledger.acknowledged)}; lost: {len(self.lost)}; "
              f"duplicates of messages under way: {self.duplicates}, of complete ones: {self.twice}; "
              f"stored already and recorded in a later round: {self.kept}; delivered though not acknowledged: {self.unacknowledged}; refused: {self.ledger.refused}")
        print(f"# {self.title}: {self.rounds_in_flight} of {rounds} hit {self.what_was_hit}, "
              f"{self.in_flight} messages in all", flush=True)
        if self.ready_ms:
            print(f"# {self.title}: {len(self.ready_ms)} starts after a crash; ms to ready: p50 {quantile(self.ready_ms, 50)}, p99 {quantile(self.ready_ms, 99)}, "
                  f"at most {max(self.ready_ms)}", flush=True)
        # at least a third: else the moments are badly chosen and the campaign proves little
        if rounds >= 10 and self.rounds_in_flight * 3 < rounds:
            print(f"# {self.title}: too few crashes hit a commit")
            self.failed += 1
