# SPDX-License-Identifier: MIT
"""Crashes under load: kill -9 of the daemon, power cuts of its file system, calls of the disk that fail. What was acknowledged must
be delivered.

usage: crash.py [--kills N] [--cuts N] [--cuts-xfs N] [--errors N] [--resume] [--jobs N] [--sessions N] [--processes] [--seed N] [--tap]

A kill:  16 sessions send without pause; at a random moment SIGKILL; start again; every message that got its 250 must come to its
         Maildir, whole, and none may come twice but those that were under way at the kill.
A cut:   the same on ext4 or XFS in a loop image that is shut down without a flush of its journal (FS_IOC_SHUTDOWN, as xfstests does),
         unmounted and mounted again; spool and Maildirs are both on it.
Errors:  EIO, ENOSPC, EDQUOT, EROFS or EINTR at open, read, write, sync, rename, truncate, unlink, fstat below the spool, or half of what was
         to be read or written, one kind of call after the other; then none, and mail is taken again within 5 s, or a kill in the middle of it.
In one of ten kills and cuts there is a second crash while the first one is being recovered.

The clients keep the ledger: a message is acknowledged when its 250 was read, in flight when its final dot was sent and no reply came.
--resume adds each 25 rounds to docs/durability.jsonl, and counts those that are there for the same code: only what is missing of N is run.
Last line: 'N passed, M failed[, K skipped]'."""

import argparse
import os
import shutil
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from campaign import Campaign  # noqa: E402
from cuts import Cuts, CutsXfs, can_cut  # noqa: E402
from errors import Errors, library  # noqa: E402
from harness import folder  # noqa: E402
from record import FILE, code_hash, rounds_done  # noqa: E402


def enter_own_mounts():
    """A namespace that is copied elsewhere while a disk is mounted keeps it busy: the disk that comes back after a cut would
    still be the one that was cut."""
    if os.getuid() == 0 and "HIKYAKU_OWN_MOUNTS" not in os.environ and shutil.which("unshare"):
        os.environ["HIKYAKU_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--", sys.executable, "-B", *sys.argv])


def why_not(kind, root, options):
    if issubclass(kind, Cuts):
        return can_cut(root, kind)
    if kind is Errors:
        return "--errors needs --single" if options.processes else None if library() else "no library can be loaded before this daemon"
    return None


def at_least(least):
    def number(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)
    return number


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in (Campaign, Cuts, CutsXfs, Errors):
        parser.add_argument(kind.option, type=at_least(0), metavar="N", default=None)
    parser.add_argument("--resume", action="store_true", help="with docs/durability.jsonl")
    parser.add_argument("--sessions", type=at_least(1), default=16)
    parser.add_argument("--processes", action="store_true", help="the real processes in place of --single")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=at_least(1), default=1, help="so many at a time share the rounds: most of a round is waiting")
    parser.add_argument("--tap", action="store_true", help="one TAP line for each campaign, for the test run")
    options = parser.parse_args()
    if options.kills is options.cuts is options.cuts_xfs is options.errors is None:
        options.kills, options.cuts, options.errors = 300, 100, 50
    if options.tap:
        options.jobs = 1
    options.ledger = FILE if options.resume else None
    options.code, options.first = code_hash(), 0
    return options


def run(kind, options, rounds):
    with folder() as root:
        campaign = kind(options, root)
        campaign.run(rounds)
        campaign.report(rounds)
    return campaign.passed, campaign.failed


def share(kind, options, rounds):
    """The same by several processes, each with a folder, addresses and chances of its own; one that dies has failed all of its rounds."""
    pipes, first = [], options.first
    for job in range(min(options.jobs, rounds)):
        mine = (rounds - job + options.jobs - 1) // options.jobs
        options.first = first + job * -(-rounds // options.jobs)
        out, back = os.pipe()
        sys.stdout.flush()
        if not os.fork():
            counts = (0, mine)
            try:
                counts = run(kind, options, mine)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
            os.write(back, b"%d %d" % counts)
            sys.stdout.flush()
            os._exit(0)
        os.close(back)
        pipes.append((out, mine))
    counts = [tuple(map(int, os.read(out, 64).split())) or (0, mine) for out, mine in pipes]
    return sum(good for good, _ in counts), sum(bad for _, bad in counts)


def main():
    enter_own_mounts()
    options = parse()
    passed = failed = skipped = number = 0
    for kind, rounds in ((Campaign, options.kills), (Cuts, options.cuts), (CutsXfs, options.cuts_xfs), (Errors, options.errors)):
        options.first = rounds_done(kind.title, options.code) if options.resume else 0
        rounds = (rounds or 0) - options.first
        if rounds <= 0:
            continue
        with folder() as root:
            number += 1
            why = why_not(kind, root, options)
            if why:
                print(f"ok {number} - {kind.title} # SKIP {why}" if options.tap else f"{kind.title}: skipped: {why}")
                skipped += 1
                continue
            good, bad = run(kind, options, rounds) if options.jobs == 1 else share(kind, options, rounds)
            passed, failed = passed + good, failed + bad
            if options.tap:
                print(f"{'not ok' if bad else 'ok'} {number} - nothing acknowledged is lost in {rounds} {kind.title}")
    if options.tap:
        print(f"1..{number}")
        return 1 if failed else 0
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
