# SPDX-License-Identifier: MIT
"""A disk that fails while mail comes in: each kind of call with each kind of error (fail.c), then none, and mail is taken again
within five seconds; or the daemon is killed in the middle of it. What was acknowledged must be delivered."""

import ctypes
import errno
import mmap
import os
import time
from pathlib import Path

from campaign import Campaign, Session
from harness import SLOW, preload, wait_until

CALLS = ["open", "read", "write", "sync", "rename", "truncate", "unlink", "link", "stat"]  # as in fail.c
SHORT = -1
ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EINTR)
# what a row of it makes fail: which calls, with what, how often (per million). Names change and space is had for a new segment, which a sync that
# failed asks for. What is always interrupted would be tried for ever.
FAULTS = [(calls, error, rate) for rate in (20000, 300000, 1000000) for error in ERRORS if (error, rate) != (errno.EINTR, 1000000)
          for calls in ("write", "sync", "sync rename", "open", "read", "sync truncate", "unlink", *([" ".join(CALLS)] * 2))]
FAULTS += [(calls, SHORT, rate) for calls in ("read", "write", "read write") for rate in (20000, 300000, 1000000)]
RECOVERS_S = 5


class Control(ctypes.Structure):
    _fields_ = [("rate", ctypes.c_uint32), ("at", ctypes.c_uint32), ("calls", ctypes.c_uint32), ("error", ctypes.c_int32), ("seed", ctypes.c_uint32),
                ("seen", ctypes.c_uint64 * len(CALLS)), ("failed", ctypes.c_uint64 * len(CALLS))]


def library():
    """As harness.preload."""
    return preload(Path(__file__).resolve().parent / "fail.c")


def word(error):
    return "half of it" if error == SHORT else errno.errorcode[error]


class Failing:
    """Calls below a folder that fail when they are told to."""

    def __init__(self, path, under):
        path.write_bytes(bytes(ctypes.sizeof(Control)))
        path.chmod(0o666)
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.control = Control.from_buffer(self.map)
        self.environment = {**os.environ, "LD_PRELOAD": str(library()), "HIKYAKU_FAIL_CONTROL": str(path), "HIKYAKU_FAIL_UNDER": str(under)}

    def fail(self, calls, error, rate=0, at=0, seed=0):
        """Each of these calls with this chance in a million, or the at-th of them from now on."""
        self.control.rate = self.control.at = 0
        self.control.calls = sum(1 << CALLS.index(call) for call in calls.split())
        self.control.error, self.control.seed = error, seed
        self.control.rate, self.control.at = rate, at

    def rest(self):
        self.control.rate = self.control.at = 0

    def failed(self):
        return sum(self.control.failed)

    def seen(self, call):
        return self.control.seen[CALLS.index(call)]

    def close(self):
        del self.control
        self.map.close()


class Errors(Campaign):
    title = "disk errors"
    option = "--errors"
    what_was_hit = "calls that failed"

    def prepare(self):
        super().prepare()
        self.failing = Failing(self.root / "control", f"{self.where}/spool")
        self.faults, self.slowest = 0, 0.0

    def start(self, **options):
        super().start(env=self.failing.environment, **options)

    def round(self, number):
        calls, error, rate = FAULTS[(number + self.first) % len(FAULTS)]
        ends_in_kill = self.random.random() < 0.5
        problems, before = [], self.failing.failed()
        self.start()
        sessions = [Session(self.daemon.address, self.ledger, i % 2 == 0) for i in range(self.options.sessions)]
        for session in sessions:
            session.start()
        self.wait_for_load(len(self.ledger.acknowledged))
        self.failing.fail(calls, error, rate, seed=self.random.getrandbits(31))
        time.sleep(self.random.uniform(0.05, 0.6))
        if ends_in_kill:
            self.daemon.kill()
            self.failing.rest()
        else:
            self.failing.rest()
            problems += self.comes_back(sessions)
        for session in sessions:
            session.stopping = True
        for session in sessions:
            session.join(30)
        hit = self.failing.failed() - before
        self.faults += hit
        self.rounds_in_flight += bool(hit)
        self.in_flight += sum(1 for session in sessions if session.in_flight is not None)
        if ends_in_kill:
            self.start_again()
        else:
            self.daemon.stop()
            self.start()
        problems += self.settle()
        self.end_round(number, [f"{problem} ({word(error)} at {calls}, {rate} per million)" for problem in problems])

    def comes_back(self, sessions):
        """The disk works again: within five seconds somebody hears 250."""
        before, began = len(self.ledger.acknowledged), time.monotonic()

        def is_taken():
            # who was refused too often was sent away; another one comes
            if not any(session.is_alive() for session in sessions):
                sessions.append(Session(self.daemon.address, self.ledger, False))
                sessions[-1].start()
            return len(self.ledger.acknowledged) > before

        came = wait_until(is_taken, 4 * RECOVERS_S, 0.01)
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        if not came:
            return ["no mail is taken any more:\n" + self.daemon.log()[-1500:]]
        return [f"mail is taken again after {took:.1f} s"] if took > RECOVERS_S * SLOW else []

    def report(self, rounds):
        super().report(rounds)
        counts = ", ".join(f"{self.failed_calls[i]} of {self.seen_calls[i]} {call}" for i, call in enumerate(CALLS))
        print(f"# {self.title}: failed calls: {counts}; mail was taken again after {self.slowest:.2f} s at most", flush=True)

    def finish(self):
        self.failed_calls, self.seen_calls = list(self.failing.control.failed), list(self.failing.control.seen)
        self.failing.close()
        super().finish()
