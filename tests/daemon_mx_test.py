# SPDX-License-Identifier: MIT
"""What protects an MX, with the real daemon: who is there, who may come, how often and how fast. TAP.

usage: daemon_mx_test.py [CASE...]"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import Daemon, folder, FORMS, run_cases, Smtp, Tap, wait_until  # noqa: E402


def rcpt(d, *addresses):
    """The codes of RCPT for each."""
    with Smtp(d.address) as client:
        client.command("EHLO a.test")
        client.command("MAIL FROM:<u@a.test>")
        return [client.command(f"RCPT TO:<{a}>")[0] for a in addresses]


def knows_its_mailboxes(t):
    """S3-010, SEC-95: an unknown mailbox is refused at RCPT, so nobody is owed a bounce."""
    for form, single in FORMS:
        with folder() as root:
            (root / "users").write_text("# ours\nuser1:x:1000\nuser2@b.test\n")
            (root / "users").chmod(0o600)
            d = Daemon(root, rest="route * { via maildir %(root)s/mail/%%u; recipients listed; sub-addresses on; }",
                       mailboxes_file=f"{root}/users", single=single)
            with d:
                t.equal(rcpt(d, "user1@b.test", "USER2@b.test", "user1+x@b.test", "user3@b.test", "postmaster"), [250, 250, 250, 550, 250],
                        f"{form}: those of the file are there, and postmaster")
                with Smtp(d.address) as client:
                    t.equal(client.message(rcpts=['"User1"+x@b.test', "User1+x@b.test"])[0], 501, f"{form}: quotes are whole or none")
                    t.equal(client.message(rcpts=["User1+x@b.test"], helo=None)[0], 503, f"{form}: a transaction is open")
                    client.command("RSET")
                    t.equal(client.message(rcpts=["User1+x@b.test"], helo=None)[0], 250, f"{form}: mail for a sub-address is taken")
                t.ok(d.wait_mail("user1"), f"{form}: and stored with its user", d.log())
                if single:  # it gave its rights up: the file must be its own then
                    (root / "users").chmod(0o644)
                (root / "users").write_text("user3\n")
                d.reload()
                t.ok(wait_until(lambda: rcpt(d, "user1@b.test", "user3@b.test") == [550, 250], 10), f"{form}: a reload reads the file again", d.log())
                (root / "users").write_text(":include:/etc/passwd\n")
                d.reload()
                t.ok(d.wait_log(r"users:1: not a mailbox"), f"{form}: a file that is none is told", d.log())
                t.equal(rcpt(d, "user3@b.test"), [250], f"{form}: and the one before stays")


def knows_mailboxes_by_their_maildirs(t):
    with folder() as root, Daemon(root, rest="route * { via maildir %(root)s/mail/%%u; recipients maildir; }") as d:
        t.equal(rcpt(d, "user1@b.test"), [550], "without a Maildir there is no mailbox")
        (root / "mail" / "user1").mkdir()
        t.equal(rcpt(d, "user1@b.test", "User1@b.test"), [250, 250], "with one there is")


PROXIED = "listen mx { address %(address)s:%(port)d; proxy-from 127.0.0.0/8; relay-from 192.0.2.0/24; }"


def believes_a_balancer(t):
    """SEC-102."""
    for form, single in FORMS:
        with folder() as root, Daemon(root, PROXIED, single=single) as d:
            for line, code in ((b"PROXY TCP4 192.0.2.1 127.0.0.1 4711 25\r\n", 250), (b"PROXY TCP4 198.51.100.1 127.0.0.1 4711 25\r\n", 550),
                               (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\x7f\0\0\1\x12\x67\0\x19", 250)):
                with Smtp(d.address, greet=False) as client:
                    client.send(line)
                    client.banner = client.reply()
                    client.command("EHLO a.test")
                    client.command("MAIL FROM:<u@a.test>")
                    t.equal(client.command("RCPT TO:<x@else.test>")[0], code, f"{form}: {line[:26]!r} has its rights")
            with Smtp(d.address, greet=False) as client:
                client.send("EHLO a.test\r\n")
                t.ok(client.eof(), f"{form}: without a header there is no session")


def greets_late(t):
    """SEC-86."""
    with folder() as root, Daemon(root, "listen mx { address %(address)s:%(port)d; greet-delay 1s; }") as d:
        begun = time.monotonic()
        with Smtp(d.address) as client:
            t.ok(client.banner[0] == 220 and time.monotonic() - begun > 0.9, "who waits is greeted")
            t.equal(client.message()[0], 250, "and served")
        with Smtp(d.address, greet=False) as client:
            client.send("EHLO a.test\r\n")
            t.equal(client.reply()[0], 554, "who does not wait is sent away")
            t.ok(client.eof(), "at once")


def greylists(t):
    """RFC 6647: the table outlives the process."""
    with folder() as root:
        d = Daemon(root, "listen mx { address %(address)s:%(port)d; reject-early-talkers off; greylist 2s; }", single=False)
        with d:
            t.equal(rcpt(d, "user1@b.test"), [451], "who is new is told to come again")
            t.equal(d.stop(), 0, "it stops")
        with d:
            t.equal(rcpt(d, "user2@b.test"), [451], "after a restart another recipient is new")
            time.sleep(2.5)
            t.equal(rcpt(d, "user1@b.test", "user2@b.test"), [250, 250], "and who came before the restart is known")


CASES = [greylists, knows_its_mailboxes, knows_mailboxes_by_their_maildirs, believes_a_balancer, greets_late]

if __name__ == "__main__":
    sys.exit(run_cases(CASES, Tap()))
