# SPDX-License-Identifier: MIT
"""Listeners: unix sockets."""

import contextlib
import os
import socket
import stat
import sys

from harness import FORMS, IS_ROOT, SLOW, USER, Daemon, Smtp, Tap, folder, run_cases, wait_until

OTHER = 12345  # a user's number, which needs no name
LMTP = ("listen mx { address %(address)s:%(port)d; reject-early-talkers off; }\n"
        "listen lmtp { address unix:%(root)s/lmtp; protocol lmtp; checks spf dkim dmarc; }\n")


class Lmtp(Smtp):
    """As a mail server hands over: one reply for each recipient after the dot."""

    def __init__(self, path, timeout=20.0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout * SLOW)
        self.socket.connect(str(path))
        self.buffer = b""
        self.banner = self.reply()

    def hand_over(self, rcpts, body=b"From: u@a.test\r\nSubject: test\r\n\r\nhello\r\n"):
        """The replies to RCPT, then those after the dot, one for each recipient that was taken."""
        self.command("LHLO a.test")
        self.command("MAIL FROM:<u@a.test>")
        first = [self.command(f"RCPT TO:<{rcpt}>")[0] for rcpt in rcpts]
        self.command("DATA")
        self.send(body + b".\r\n")
        return first, [self.reply()[0] for code in first if code == 250]


def is_socket(path):
    with contextlib.suppress(FileNotFoundError):
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    return False


def lmtp_by_a_unix_socket(t):
    for name, single in FORMS:
        with folder() as root, Daemon(root, LMTP, single=single) as daemon:
            path = root / "lmtp"
            t.equal(stat.S_IMODE(os.lstat(path).st_mode), 0o660, f"{name}: the mode is the one of the default")
            with Lmtp(path) as client:
                t.equal(client.banner[0], 220, f"{name}: it greets (S3-061)")
                t.equal(client.command("EHLO a.test")[0], 500, f"{name}: EHLO is no command of LMTP (RFC 2033 4.1)")
                first, last = client.hand_over(["user1@b.test", "u@elsewhere.test", "user2@b.test"])
                t.equal((first, last), ([250, 550, 250], [250, 250]), f"{name}: each recipient has a reply of its own, and nobody relays (S3-062)")
            mails = daemon.wait_mail("user1") + daemon.wait_mail("user2")
            t.equal(len(mails), 2, f"{name}: both got it")
            t.ok(mails and b"with LMTP id" in mails[0] and b"spf=none" in mails[0], f"{name}: the trace says LMTP, and there is no SPF without an address", mails[:1])
            t.ok(daemon.wait_log(r"client=unix "), f"{name}: the log says where it came from", daemon.log())
            with Lmtp(path) as held:
                daemon.reload()
                t.ok(daemon.wait_log("ev=reload ok=1"), f"{name}: it reloads", daemon.log())
                t.equal(held.command("LHLO a.test")[0], 250, f"{name}: who was connected goes on over a reload")
                with Lmtp(path) as client:
                    t.equal(client.banner[0], 220, f"{name}: and others connect to the same socket")
            t.equal(daemon.stop(), 0, f"{name}: it ends")
            t.ok(not IS_ROOT or single or not path.exists(), f"{name}: the socket goes with it")
            daemon.start()
            with Lmtp(path) as client:
                t.equal(client.banner[0], 220, f"{name}: and comes again")


def access_and_places_change_with_a_reload(t):
    for name, single in FORMS:
        with folder() as root:
            if IS_ROOT and single:  # it binds as its user later on
                os.chown(root, USER, USER)
            with Daemon(root, LMTP, single=single) as daemon:
                old, new = root / "lmtp", root / "new"
                owner = f" socket-owner {OTHER}:{OTHER};" if IS_ROOT and not single else ""
                daemon.listeners = LMTP.replace("protocol", f"socket-mode 0600;{owner} protocol")
                daemon.write_conf()
                daemon.reload()
                daemon.wait_log("ev=reload ok=1")
                at = os.lstat(old)
                t.equal((stat.S_IMODE(at.st_mode), at.st_uid), (0o600, OTHER if owner else USER), f"{name}: mode and owner change")
                daemon.listeners = LMTP.replace("/lmtp;", "/new;")
                daemon.write_conf()
                daemon.reload()
                t.ok(daemon.wait_log("ev=reload ok=1", count=2), f"{name}: a reload with another place", daemon.log())
                with Lmtp(new) as client:
                    t.equal(client.banner[0], 220, f"{name}: it listens there")
                t.ok(wait_until(lambda: not is_socket(old)), f"{name}: the one before is gone")
                (root / "taken").write_text("a file of somebody's\n")
                daemon.listeners = LMTP.replace("/lmtp;", "/taken;")
                daemon.write_conf()
                daemon.reload()
                t.ok(daemon.wait_log("there is something that is no socket, and stays"), f"{name}: a file is no place for a socket", daemon.log())
                t.equal((root / "taken").read_text(), "a file of somebody's\n", f"{name}: the file stays as it was")
                with Lmtp(new) as client:
                    t.equal(client.banner[0], 220, f"{name}: and the socket before serves on")


def what_was_left_behind_is_replaced(t):
    for name, single in FORMS:
        with folder() as root:
            path = root / "lmtp"
            with socket.socket(socket.AF_UNIX) as stale:
                stale.bind(str(path))
            with Daemon(root, LMTP, single=single) as daemon, Lmtp(path) as client:
                t.equal(client.banner[0], 220, f"{name}: a socket that nobody listens on is replaced")
                t.equal(sorted(p.name for p in root.glob("lmtp*")), ["lmtp"], f"{name}: no other name is left")
        with folder() as root:
            path = root / "lmtp"
            with socket.socket(socket.AF_UNIX) as living:
                living.bind(str(path))
                living.listen(5)
                daemon = Daemon(root, LMTP, single=single).start(wait=False)
                t.equal(daemon.process.wait(30 * SLOW), 1, f"{name}: one that somebody listens on is not: the start fails")
                t.ok("unix:" in daemon.log() and "somebody listens there already" in daemon.log(), f"{name}: and says so", daemon.log())
                living.settimeout(30 * SLOW)
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(path))
                    t.ok(living.accept(), f"{name}: who listened there still does")


def who_finds_no_room_is_told_so_at_once(t):
    """sessions 2: the third gets 421 in place of the greeting and is gone, and another comes in when one has left; whichever worker they came to."""
    for name, single in FORMS:
        with folder() as root, Daemon(root, single=single, workers="4", sessions="2") as daemon:
            with Smtp(daemon.address), Smtp(daemon.address) as second:
                for _ in range(3):
                    with Smtp(daemon.address, greet=False) as third:
                        said = third.reply()
                        t.ok(said[0] == 421 and said[1].endswith("[server-full]") and third.eof(), f"{name}: the third is told at once", said)
                t.ok(daemon.wait_log("ev=full "), f"{name}: the log has it", daemon.log())
                second.command("QUIT")
                second.eof()

                def comes_in():
                    with Smtp(daemon.address, greet=False) as client:
                        return client.reply()[0] == 220
                t.ok(wait_until(comes_in, 30 * SLOW), f"{name}: the next finds the place that was left")


CASES = [who_finds_no_room_is_told_so_at_once, lmtp_by_a_unix_socket, access_and_places_change_with_a_reload, what_was_left_behind_is_replaced]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))
