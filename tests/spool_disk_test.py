# SPDX-License-Identifier: MIT
"""The disk below the spool: each call of it fails once with each error, under load and at a start; no inode, no byte is left
on it (of the log's disk: failures_test.py). TAP.

usage: spool_disk_test.py [CASE...]"""

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from harness import IS_ROOT, SLOW, USER, Daemon, Smtp, Tap, folder, hikyaku, run_cases, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent / "crash"))
from errors import CALLS, ERRORS, SHORT, Failing, library, word  # noqa: E402

LARGE = b"x" * 76 + b"\r\n"
LARGE *= 300 * 1024 // len(LARGE)  # more than a record of the journal holds: a body file
RECOVERS_S = 5
LONG = bool(os.environ.get("HK_LONG"))


def body_of(number, large):
    return b"Subject: %d\r\n\r\n" % number + (LARGE if large else b"hello %d\r\n" % number)


def numbers(mail):
    """What is in the Maildirs; each once, each whole."""
    found = set()
    for path in mail.glob("*/new/*"):
        data = path.read_bytes().replace(b"\r\n", b"\n")
        match = re.search(rb"^Subject: (\d+)$", data, re.M)
        number = int(match[1]) if match else -1
        assert any(data.endswith(body_of(number, large).replace(b"\r\n", b"\n")) for large in (False, True)), f"{path} is not whole: {len(data)} octets"
        assert number not in found, f"{number} came twice"
        found.add(number)
    return found


def empty_files(spool, mail):
    """Files of mail without an octet."""
    found = [*(spool / "journal").iterdir(), *(spool / "body").iterdir(), *mail.glob("*/*/*")]
    return [str(path) for path in found if not path.stat().st_size]


class Sender:
    """Sends messages and knows what was acknowledged."""

    def __init__(self, d, mail=None):
        self.d, self.mail, self.number, self.acknowledged, self.client = d, mail or d.root / "mail", 0, set(), None

    def send(self, large=False):
        """The code of the reply that decided."""
        if not self.client:
            self.client = Smtp(self.d.address)
            self.client.command("EHLO a.test")
        self.number += 1
        code, text = self.client.message(body_of(self.number, large), helo=None)
        if code == 250:
            self.acknowledged.add(self.number)
        else:
            self.close()  # who was refused begins anew
        return code

    def close(self):
        if self.client:
            self.client.close()
        self.client = None

    def come(self, seconds=20):
        """All that was acknowledged is stored."""
        return wait_until(lambda: self.acknowledged <= numbers(self.mail), seconds, 0.01)

    def missing(self):
        return sorted(self.acknowledged - numbers(self.mail))


# ---- calls that fail -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def failing_daemon(t, title, under="spool"):
    """A daemon whose calls below its spool can be made to fail, and what makes them; None where that cannot be."""
    if not library():
        t.skip(title, "no library can be loaded before this daemon")
        yield None, None
        return
    with folder() as root:
        d = Daemon(root, retry="1s")
        failing = Failing(root / "control", root / under)
        try:
            yield d, failing
        finally:
            failing.rest()
            if d.process and d.process.poll() is None:
                d.stop()
            failing.close()


def a_body_file_and_its_directory_are_synced_before_the_250(t):
    """Design 4: the file in its final directory, its sync, that of the directory, then the record."""
    with failing_daemon(t, "the sync of a body's directory", "spool/body") as (d, failing):
        if not d:
            return
        d.start(env=failing.environment)
        sender = Sender(d)
        before = failing.seen("sync")
        t.equal((sender.send(), failing.seen("sync") - before), (250, 0), "a message that stands in its record has no file")
        t.equal((sender.send(large=True), failing.seen("sync") - before), (250, 2), "a large one has two syncs: of its file, of the directory")
        for at, what in ((1, "the file"), (2, "its directory")):
            failing.fail("sync", errno.EIO, at=at)
            t.equal(sender.send(large=True), 451, f"where that of {what} fails it is 451")
            failing.rest()
        t.ok(sender.come(), "what got 250 is delivered", sender.missing())
        t.ok(wait_until(lambda: not list((d.root / "spool/body").iterdir()), 10), "and no body file is left")
        sender.close()


# Of an interrupted call nobody is to hear where it can be gone on with. Of a sync nobody knows what it has done; so too with the open of
# a directory, which is to be synced.
GOES_ON = {(call, error) for call in ("read", "write") for error in (errno.EINTR, SHORT)}
FIRST_CALLS, FEW_CALLS = 6, 1  # how many of each kind fail, one after the other: with the errors that the engine tells apart; with others


def fail_each(t, d, failing, sender, call, error):
    """The first of such calls fails, the second, and so on, while two messages come; how long mail was refused behind one at most."""
    most = 200 if LONG else FIRST_CALLS if error in (errno.EIO, errno.ENOSPC) else FEW_CALLS
    codes, wrong, slowest, hits = [], [], 0.0, 0
    for at in range(1, most + 1):
        before = failing.failed()
        failing.fail(call, error, at=at)
        codes += [sender.send(), sender.send(large=True)]
        sender.come()
        was_hit = wait_until(lambda: failing.failed() > before, 1.2 if at == 1 else 0.05, 0.01)  # by housekeeping, perhaps
        failing.rest()
        if not was_hit:
            break
        hits += 1
        began = time.monotonic()
        if not wait_until(lambda: sender.send() == 250, 4 * RECOVERS_S, 0.02):
            wrong.append(f"call {at}: no mail is taken any more")
        slowest = max(slowest, time.monotonic() - began)
        if not sender.come():
            wrong.append(f"call {at}: not delivered: {sender.missing()}")
    wanted = {250} if (call, error) in GOES_ON else {250, 451, 452}
    t.ok(not wrong and hits and set(codes) <= wanted and d.process.poll() is None, f"{word(error)} at {call}: {hits} calls, {len(codes) - codes.count(250)} refusals",
         wrong, codes, d.log()[-2000:])
    return slowest


def each_call_fails_once_with_each_error(t):
    """R4: 250, 451 or 452, and what got 250 is delivered, once; within five seconds mail is taken again. HK_LONG: every call."""
    with failing_daemon(t, "failing calls") as (d, failing):
        if not d:
            return
        d.start(env=failing.environment)
        sender, slowest = Sender(d), 0.0
        for call in ("open", "read", "write", "sync", "unlink"):
            for error in (*ERRORS, *((SHORT,) if call in ("read", "write") else ())):
                slowest = max(slowest, fail_each(t, d, failing, sender, call, error))
        t.equal(empty_files(d.root / "spool", sender.mail), [], "no file is empty")
        for error in ERRORS:
            slowest = max(slowest, fail_each(t, d, failing, sender, "stat", error))
        t.ok(slowest < RECOVERS_S * SLOW, f"mail is taken again within five seconds ({slowest:.1f})")
        sender.close()
        failing.rest()
        t.equal(d.stop(), 0, "the daemon ends well")
        t.equal(hikyaku("spool", "check", d.root / "spool")[0], 0, "and the spool is right")
        d.start()
        d.stop()
        t.equal((list((d.root / "spool/body").iterdir()), empty_files(d.root / "spool", sender.mail)), ([], []), "the next start leaves no file that nobody has")


def start_with_failures(t, d, failing, title, check, prepare=lambda: None):
    """A start again and again, of which the first call fails, the third, and so on; with HK_LONG each. check(): what is wrong with the spool afterwards."""
    started = refused = 0
    wrong = []
    for at in range(1, 400, 1 if LONG else 2):
        error, before = ERRORS[(started + refused) % len(ERRORS)], failing.failed()
        prepare()
        failing.fail(" ".join(CALLS), error, at=at)
        try:
            d.start(env=failing.environment)
            started += 1
            said = "" if "waiting=0" in d.log() or d.wait_log("ev=indexed") else "the queue is never read"
        except RuntimeError as ended:
            refused += 1
            said = "it hangs" if d.process.poll() is None else "" if d.process.returncode > 0 and re.search(r" error |hikyakud: ", d.log()) else str(ended)
        failing.rest()
        d.kill()
        wrong += [f"call {at}, {word(error)}: {what}: {d.log()}" for what in (said, check()) if what]
        if failing.failed() == before:
            break
    t.ok(not wrong and started > 3 and refused > 3, f"{title}: {at} calls: {started} times it started, {refused} times it said why not", *wrong)


def each_call_of_a_start_fails_once(t):
    """R4: the daemon starts or says why not, and whichever: the spool is right, and the next one has all of the mail."""
    with failing_daemon(t, "failing calls at a start") as (d, failing):
        if not d:
            return
        rest, d.rest = d.rest, "route * { via smtp 127.0.0.1:9; }"  # all stays
        d.write_conf()

        def empty():
            shutil.rmtree(d.root / "spool", ignore_errors=True)

        def takes_mail():
            d.start()
            sender = Sender(d)
            code = sender.send()
            sender.close()
            d.kill()
            return "" if code == 250 else f"{code} after it"

        def holds_four():
            status, out, _ = hikyaku("spool", "dump", "--json", d.root / "spool")
            found = [row for row in map(json.loads, out.splitlines()) if row["type"] == "message"]
            return "" if status == 0 and len(found) == 4 else f"{status}, {len(found)} messages"

        start_with_failures(t, d, failing, "a spool that is made", takes_mail, empty)
        empty()
        d.start()
        sender = Sender(d)
        t.equal([sender.send(large=i == 2) for i in range(4)], [250] * 4, "four messages wait")
        sender.close()
        d.stop()
        start_with_failures(t, d, failing, "a spool with mail", holds_four)
        d.rest = rest
        d.write_conf()
        d.start()
        t.ok(sender.come(), "all of the mail is there", sender.missing())


# ---- disks that are full -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(t, title, root, mib, *how):
    """root/small, an ext4 of its own of so many MiB; None where that cannot be."""
    small = root / "small"
    small.mkdir()
    if not IS_ROOT:
        t.skip(title, "needs root for a small file system")
        yield None
        return
    try:
        with open(root / "image", "wb") as file:
            file.truncate(mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", *how, root / "image"], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", root / "image", small], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        t.skip(title, "no such file system can be mounted here")
        yield None
        return
    try:
        os.chown(small, USER, USER)
        small.chmod(0o755)
        yield small
    finally:
        subprocess.run(["umount", "-l", small], check=False)


def mail_code(d):
    """Of MAIL, with the enhanced code of a refusal."""
    with Smtp(d.address) as c:
        c.command("EHLO a.test")
        code, text = c.command("MAIL FROM:<u@a.test>")
        return f"{code} 4.3.1" if "4.3.1" in text else str(code)


def a_disk_without_inodes_is_452(t):
    """R5: mkfs.ext4 -N; 452 4.3.1 at MAIL, what was accepted is delivered, within five seconds mail is taken again."""
    title = "a disk without inodes"
    with folder() as root, small_disk(t, title, root, 256, "-N", "128") as small:
        if not small:
            return
        with Daemon(root, spool=f"{small}/spool") as d:
            sender = Sender(d)
            t.equal((sender.send(), sender.send(large=True)), (250, 250), "with inodes mail is taken")
            t.ok(sender.come() and wait_until(lambda: not list((small / "spool/body").iterdir())), "and delivered, so that no inode comes back while they are used up")
            fillers = small / "fillers"
            fillers.mkdir()
            made = 0
            with contextlib.suppress(OSError):
                while True:
                    (fillers / str(made)).touch()
                    made += 1
            stat = os.statvfs(small)
            t.ok(made > 20 and not stat.f_favail and stat.f_bavail * stat.f_frsize > 64 << 20, "no inode is left, and many bytes are", stat)
            t.ok(sender.send() in (250, 452), "a message that needs no file may still be taken")  # and the server looks at the disk again
            t.ok(wait_until(lambda: mail_code(d) == "452 4.3.1", 10), "no mail is taken: 452 4.3.1", mail_code(d), d.log()[-1000:])
            t.ok(sender.come(), "what was taken is delivered", sender.missing())
            t.equal(empty_files(small / "spool", root / "mail"), [], "no file is empty")
            for path in fillers.iterdir():
                path.unlink()
            began = time.monotonic()
            t.ok(wait_until(lambda: mail_code(d) == "250", 20, 0.05), "inodes come back, and so does mail", d.log()[-1000:])
            took = time.monotonic() - began
            t.ok(took < RECOVERS_S * SLOW, f"within five seconds ({took:.1f})")
            t.equal((sender.send(), sender.send(large=True)), (250, 250), "of any size")
            t.ok(sender.come(), "and is delivered", sender.missing())
            sender.close()


def what_meets_a_full_disk_leaves_no_empty_file(t):
    """R5: no byte is left for the spool, nor for the Maildirs: 452; nothing of no octet, nothing cut off, anywhere; and with space all of it comes."""
    title = "a disk without bytes"
    with folder() as root, small_disk(t, title, root, 128) as small:
        if not small:
            return
        mail = small / "mail"
        mail.mkdir()
        os.chown(mail, USER, USER)
        with Daemon(root, spool=f"{small}/spool", rest=f"route * {{ via maildir {mail}/%%u; }}") as d:
            sender = Sender(d, mail)
            t.equal((sender.send(), sender.send(large=True)), (250, 250), "with space mail is taken")
            t.ok(sender.come(), "and delivered")
            filler = open(small / "filler", "wb", buffering=0)  # noqa: SIM115
            codes = []
            # the disk is full before the server has looked at it, so that its own writes find that out
            for octets in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(octets))
            for large in (True, False, True, True, False):
                with contextlib.suppress(OSError):
                    filler.write(bytes(4096))
                codes.append(sender.send(large))
            t.ok(set(codes) <= {250, 452} and 452 in codes, "who comes then hears 452 at the latest behind his data", codes, d.log()[-1500:])
            time_left = wait_until(lambda: mail_code(d).startswith("452"), 10)
            t.ok(time_left, "and soon at MAIL")
            t.equal(empty_files(small / "spool", mail), [], "no file is empty")
            t.ok(numbers(mail), "what is in the Maildirs is whole")
            filler.close()
            (small / "filler").unlink()
            began = time.monotonic()
            t.ok(wait_until(lambda: mail_code(d) == "250", 20, 0.05) and time.monotonic() - began < RECOVERS_S * SLOW, f"mail is taken again ({time.monotonic() - began:.1f} s)", d.log()[-1000:])
            t.ok(sender.come(), "all that got 250 is delivered", sender.missing())
            t.equal(wait_until(lambda: not list((small / "spool/body").iterdir()), 10), True, "no body is left over")
            sender.close()


CASES = [a_body_file_and_its_directory_are_synced_before_the_250, each_call_fails_once_with_each_error, each_call_of_a_start_fails_once,
         a_disk_without_inodes_is_452, what_meets_a_full_disk_leaves_no_empty_file]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))
